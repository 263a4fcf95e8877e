"""``ports.ApiKeys`` on the control store. Of a key only its SHA-256 is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, and_, or_, select

from footfall.errors import Conflict, Missing
from footfall.model.api_keys import ApiKey
from footfall.model.audit import Facts
from footfall.model.instants import from_us, to_us
from footfall.stores import schema
from footfall.stores.database import Database

_KEY: Final = schema.api_key
_INSTANTS: Final = ("created_at", "expires_at", "revoked_at", "used_at")
_USED_EVERY: Final = timedelta(minutes=1)

Note = Callable[[str, str, Facts | None, Facts | None], object]
"""``note(action, subject, before, after)``: append to the audit log, within the transaction of the change."""


class SqlApiKeys:
    """See ``ports.ApiKeys``. note: told of every key that is added or revoked."""

    def __init__(self, database: Database, note: Note) -> None:
        self._database = database
        self._note = note

    def all(self) -> Sequence[ApiKey]:
        with self._database.reading() as connection:
            return [_key(row) for row in connection.execute(select(_KEY).order_by(_KEY.c.name, _KEY.c.created_at))]

    def add(self, key: ApiKey) -> None:
        with self._database.writing() as connection:
            mine = and_(_KEY.c.name == key.name, _in_force(key.created_at))
            if connection.execute(select(_KEY.c.name).where(mine)).first() is not None:
                raise Conflict(f"there is a key '{key.name}' in force", "Revoke it first, or choose another name")
            connection.execute(_KEY.insert().values(_row(key)))
            self._note("api_key.add", f"api_key {key.name}", None, facts(key))

    def used(self, key_sha256: str, now: datetime) -> ApiKey | None:
        this = and_(_KEY.c.key_sha256 == key_sha256, _in_force(now))
        with self._database.reading() as connection:
            row = connection.execute(select(_KEY).where(this)).one_or_none()
        if row is None:
            return None
        if row.used_at is None or row.used_at <= to_us(now - _USED_EVERY):
            with self._database.writing() as connection:
                connection.execute(_KEY.update().where(this).values(used_at=to_us(now)))
        return _key(row)

    def revoke(self, name: str, at: datetime) -> ApiKey:
        with self._database.writing() as connection:
            mine = and_(_KEY.c.name == name, _in_force(at))
            row = connection.execute(select(_KEY).where(mine)).one_or_none()
            if row is None:
                raise Missing(f"there is no key '{name}' in force", "List them with `footfall api-keys ls`")
            before = _key(row)
            connection.execute(_KEY.update().where(_KEY.c.key_sha256 == row.key_sha256).values(revoked_at=to_us(at)))
            after = _key(connection.execute(select(_KEY).where(_KEY.c.key_sha256 == row.key_sha256)).one())
            self._note("api_key.revoke", f"api_key {name}", facts(before), facts(after))
            return after


def facts(key: ApiKey) -> Facts:
    """What the audit log says of a key."""
    told = {"scope": key.scope, "expires_at": key.expires_at, "revoked_at": key.revoked_at}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in told.items()}


def _in_force(now: datetime) -> Any:
    at = to_us(now)
    return and_(
        or_(_KEY.c.revoked_at.is_(None), _KEY.c.revoked_at > at),
        or_(_KEY.c.expires_at.is_(None), _KEY.c.expires_at > at),
    )


def _row(key: ApiKey) -> dict[str, Any]:
    found = {each.name: getattr(key, each.name) for each in fields(key)}
    return found | {name: None if found[name] is None else to_us(found[name]) for name in _INSTANTS}


def _key(row: Row[Any]) -> ApiKey:
    found = dict(row._mapping)
    return ApiKey(**found | {name: None if found[name] is None else from_us(found[name]) for name in _INSTANTS})
