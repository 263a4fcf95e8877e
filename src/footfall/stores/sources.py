"""``ports.Sources`` on the control store. Of a write key only its SHA-256 is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Row, and_, or_, select

from footfall.errors import Conflict, Missing
from footfall.model.instants import from_us, to_us
from footfall.ports import Source
from footfall.stores import schema
from footfall.stores.database import Database


def key_sha256(write_key: str) -> str:
    """What is kept of a write key."""
    return sha256(write_key.encode()).hexdigest()


class SqlSources:
    """See ``ports.Sources``. A name has at most one key in force; revoking it makes room for the next."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_key(self, write_key: str) -> Source | None:
        """The source whose key this is; None if there is none or it was revoked."""
        table = schema.source
        query = select(table).where(and_(table.c.key_sha256 == key_sha256(write_key), table.c.revoked_at.is_(None)))
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _source(row)

    def all(self) -> Sequence[Source]:
        """Every source ever added, by name and time; the revoked ones too."""
        table = schema.source
        query = select(table).order_by(table.c.name, table.c.created_at, table.c.key_sha256)
        with self._database.reading() as connection:
            return [_source(row) for row in connection.execute(query)]

    def add(self, source: Source) -> None:
        """Add a source. Raises ``Conflict`` if its name has a key in force or its key was ever used."""
        table = schema.source
        taken = or_(
            and_(table.c.name == source.name, table.c.revoked_at.is_(None)), table.c.key_sha256 == source.key_sha256
        )
        with self._database.writing() as connection:
            if connection.execute(select(table.c.name).where(taken)).first() is not None:
                raise Conflict(
                    f"source {source.name!r} has a key in force, or the key was used before",
                    "Revoke the old key first, or choose another name",
                )
            connection.execute(
                table.insert().values(
                    key_sha256=source.key_sha256,
                    name=source.name,
                    created_at=to_us(source.created_at),
                    product_key=source.product_key,
                    environment=source.environment,
                    channel=source.channel,
                    revoked_at=None if source.revoked_at is None else to_us(source.revoked_at),
                    tag=_tag_text(source.tag),
                )
            )

    def change(
        self, name: str, *, product_key: str, environment: str, channel: str, tag: Mapping[str, Any] | None = None
    ) -> Source:
        """Change what its events are taken for from now on; its key stays. Raises ``Missing`` if none is in force."""
        table = schema.source
        mine = and_(table.c.name == name, table.c.revoked_at.is_(None))
        values = {"product_key": product_key, "environment": environment, "channel": channel, "tag": _tag_text(tag)}
        with self._database.writing() as connection:
            if not connection.execute(table.update().where(mine).values(**values)).rowcount:
                raise Missing(f"no source {name!r} has a key in force", "List them with `footfall keys ls`")
            return _source(connection.execute(select(table).where(mine)).one())

    def revoke(self, name: str, at: datetime) -> None:
        """Let the source's key open nothing from now on. Raises ``Missing`` if no source has that name."""
        table = schema.source
        with self._database.writing() as connection:
            if connection.execute(select(table.c.name).where(table.c.name == name)).first() is None:
                raise Missing(f"there is no source {name!r}", "List them with `footfall keys ls`")
            mine = and_(table.c.name == name, table.c.revoked_at.is_(None))
            connection.execute(table.update().where(mine).values(revoked_at=to_us(at)))


def _source(row: Row[Any]) -> Source:
    return Source(
        name=row.name,
        key_sha256=row.key_sha256,
        created_at=from_us(row.created_at),
        product_key=row.product_key,
        environment=row.environment,
        channel=row.channel,
        revoked_at=None if row.revoked_at is None else from_us(row.revoked_at),
        tag=json.loads(row.tag) if row.tag else {},
    )


def _tag_text(tag: Mapping[str, Any] | None) -> str | None:
    return json.dumps(tag, sort_keys=True) if tag else None
