"""``ports.Authorizations`` on the control store: settings in a table, secrets in the vault, changed together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, select

from footfall import observe
from footfall.errors import Conflict, Missing, Refused
from footfall.model.authorizations import STATUSES, Authorization, Secrets, allowed_secrets, check, replaced, shown
from footfall.model.instants import from_us, to_us
from footfall.ports import Vault
from footfall.stores import schema
from footfall.stores.database import Database

OWNER: Final = "authorization"
NOTE_CHARACTERS_MAX: Final = 1000
_INSTANTS: Final = ("created_at", "rotated_at")
_NEVER: Final = from_us(0)


def _unused(name: str) -> Sequence[str]:
    return ()


class SqlAuthorizations:
    """See ``ports.Authorizations``. used_by: names of the jobs that use an authorization, asked before it is deleted.

    Every change is said (``observe``) with the authorization's name and never with a secret.
    """

    def __init__(self, database: Database, vault: Vault, used_by: Callable[[str], Sequence[str]] = _unused) -> None:
        self._database = database
        self._vault = vault
        self._used_by = used_by

    def all(self) -> Sequence[Authorization]:
        """See ``ports.Authorizations.all``."""
        with self._database.reading() as connection:
            rows = connection.execute(select(schema.authorization).order_by(schema.authorization.c.name))
            return [_authorization(row) for row in rows]

    def get(self, name: str) -> Authorization:
        """See ``ports.Authorizations.get``."""
        with self._database.reading() as connection:
            query = select(schema.authorization).where(schema.authorization.c.name == name)
            row = connection.execute(query).one_or_none()
        if row is None:
            raise Missing(f"there is no authorization {name!r}", "List them with `footfall authorizations ls`")
        return _authorization(row)

    def secret_names(self, name: str) -> frozenset[str]:
        """See ``ports.Authorizations.secret_names``."""
        self.get(name)
        return self._vault.fields(OWNER, name)

    def secrets(self, name: str) -> Secrets:
        """See ``ports.Authorizations.secrets``."""
        self.get(name)
        return Secrets(self._vault.get(OWNER, name))

    def add(self, authorization: Authorization, secrets: Mapping[str, str]) -> Authorization:
        """See ``ports.Authorizations.add``. Returns it as it is kept: untested, with what may be shown of its key."""
        check(authorization, secrets)
        kept = replace(
            authorization,
            key_id_shown=shown(secrets.get("access_key_id", "")), rotated_at=None, status="untested", status_note="",
        )  # fmt: skip
        table = schema.authorization
        with self._database.writing() as connection:
            if connection.execute(select(table.c.name).where(table.c.name == kept.name)).first() is not None:
                raise Conflict(
                    f"there is an authorization '{kept.name}' already",
                    "Choose another name, or give it new secrets with `footfall authorizations rotate`",
                )
            connection.execute(table.insert().values(_row(kept)))
            self._vault.put(OWNER, kept.name, secrets)
        observe.happened("authorization added", authorization=kept.name, kind=kept.kind, secrets=" ".join(secrets))
        return kept

    def rotate(self, name: str, secrets: Mapping[str, str], at: datetime) -> Authorization:
        """See ``ports.Authorizations.rotate``. Raises ``Refused`` when nothing new is given."""
        if not secrets:
            raise Refused(f"nothing new is given for authorization '{name}'", "Give the secrets that take over")
        with self._database.writing() as connection:
            known = self._vault.fields(OWNER, name)
            void = replaced(known, secrets)
            old = self.get(name)
            check(old, secrets, known - void)
            kept = replace(old, rotated_at=at, status="untested", status_note="")
            if "access_key_id" in secrets:
                kept = replace(kept, key_id_shown=shown(secrets["access_key_id"]))
            self._vault.drop(OWNER, name, void)
            self._vault.put(OWNER, name, secrets)
            table = schema.authorization
            connection.execute(table.update().where(table.c.name == name).values(_row(kept)))
        observe.happened("authorization rotated", authorization=name, secrets=" ".join(secrets))
        return kept

    def change(
        self, authorization: Authorization, secrets: Mapping[str, str], at: datetime, *, whole: bool = False
    ) -> Authorization:
        """See ``ports.Authorizations.change``."""
        name = authorization.name
        with self._database.writing() as connection:
            old, known = self.get(name), self._vault.fields(OWNER, name)
            void = known if whole else replaced(known, secrets) | (known - allowed_secrets(authorization))
            check(authorization, secrets, known - void)
            same = not secrets and not void and _way_in(old) == _way_in(authorization)
            kept = replace(
                authorization,
                created_at=old.created_at,
                rotated_at=at if secrets or void else old.rotated_at,
                key_id_shown=_key_id_shown(old, secrets, void),
                status=old.status if same else "untested",
                status_note=old.status_note if same else "",
            )
            self._vault.drop(OWNER, name, void)
            self._vault.put(OWNER, name, secrets)
            table = schema.authorization
            connection.execute(table.update().where(table.c.name == name).values(_row(kept)))
        observe.happened("authorization changed", authorization=name, secrets=" ".join(secrets))
        return kept

    def mark(self, name: str, status: str, note: str = "") -> None:
        """See ``ports.Authorizations.mark``. note: shown to people, cut after ``NOTE_CHARACTERS_MAX``."""
        if status not in STATUSES:
            raise Refused(f"status {status!r} is not known", f"Choose one of {', '.join(STATUSES)}")
        table = schema.authorization
        with self._database.writing() as connection:
            before = self.get(name)
            values = {"status": status, "status_note": note[:NOTE_CHARACTERS_MAX]}
            connection.execute(table.update().where(table.c.name == name).values(values))
        if before.status != status:
            observe.happened("authorization marked", authorization=name, status=status)

    def delete(self, name: str, *, force: bool = False) -> None:
        """See ``ports.Authorizations.delete``."""
        table = schema.authorization
        with self._database.writing() as connection:
            self.get(name)
            jobs = self._used_by(name)
            if jobs and not force:
                raise Conflict(
                    f"authorization '{name}' is used by {', '.join(jobs)}",
                    "Give those jobs another authorization, or delete it with --force: they fail until they have one",
                )
            self._vault.drop(OWNER, name)
            connection.execute(table.delete().where(table.c.name == name))
        observe.happened("authorization deleted", authorization=name, forced=bool(jobs))


def _way_in(authorization: Authorization) -> Authorization:
    """Without what only people read and what only the store knows."""
    return replace(
        authorization, label="", description="", key_id_shown="", created_at=_NEVER, rotated_at=None,
        status="untested", status_note="",
    )  # fmt: skip


def _key_id_shown(old: Authorization, secrets: Mapping[str, str], void: frozenset[str]) -> str:
    if "access_key_id" in secrets:
        return shown(secrets["access_key_id"])
    return "" if "access_key_id" in void else old.key_id_shown


def _row(authorization: Authorization) -> dict[str, Any]:
    found = {each.name: getattr(authorization, each.name) for each in fields(authorization)}
    return found | {name: None if found[name] is None else to_us(found[name]) for name in _INSTANTS}


def _authorization(row: Row[Any]) -> Authorization:
    found = dict(row._mapping)
    return Authorization(**found | {name: None if found[name] is None else from_us(found[name]) for name in _INSTANTS})
