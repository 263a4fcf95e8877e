"""``ports.Audit`` on the control store: one row a change, in the transaction that makes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, select

from footfall.model.audit import FIRST, Actor, Change, Facts, sealed
from footfall.model.instants import from_us, to_us
from footfall.stores import schema
from footfall.stores.database import Database

_AUDIT: Final = schema.audit


class SqlAudit:
    """See ``ports.Audit``. Writers of the store take turns, so the row before is always the last one there is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(
        self, at: datetime, actor: Actor, action: str, subject: str, before: Facts | None, after: Facts | None
    ) -> Change:
        with self._database.writing() as connection:
            newest = select(_AUDIT.c.number, _AUDIT.c.digest).order_by(_AUDIT.c.number.desc()).limit(1)
            last = connection.execute(newest).one_or_none()
            number, digest = (0, FIRST) if last is None else (last.number, last.digest)
            # Kept as read back: JSON has no tuples, and the digest must be that of what is kept.
            kept = tuple(None if each is None else json.loads(_text(each)) for each in (before, after))
            change = sealed(Change(number + 1, at, actor, action, subject, kept[0], kept[1]), digest)
            values = {
                "number": change.number,
                "at": to_us(at),
                "actor": actor.kind,
                "actor_name": actor.name,
                "address": actor.address,
                "action": action,
                "subject": subject,
                "before": None if before is None else _text(before),
                "after": None if after is None else _text(after),
                "digest": change.digest,
            }
            connection.execute(_AUDIT.insert().values(values))
            return change

    def changes(
        self, *, before: int | None = None, subject: str | None = None, actions: Sequence[str] = (), limit: int = 100
    ) -> Sequence[Change]:
        query = select(_AUDIT).order_by(_AUDIT.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(_AUDIT.c.number < before)
        if subject is not None:
            query = query.where(_AUDIT.c.subject == subject)
        if actions:
            query = query.where(_AUDIT.c.action.in_(actions))
        with self._database.reading() as connection:
            return [_change(row) for row in connection.execute(query)]

    def check(self) -> int | None:
        digest = FIRST
        expected = 1
        with self._database.reading() as connection:
            for row in connection.execute(select(_AUDIT).order_by(_AUDIT.c.number)):
                change = _change(row)
                if change.number != expected or sealed(change, digest).digest != change.digest:
                    return expected
                digest = change.digest
                expected += 1
        return None


def _text(facts: Facts) -> str:
    return json.dumps(facts, sort_keys=True, default=str)


def _change(row: Row[Any]) -> Change:
    before, after = (None if each is None else json.loads(each) for each in (row.before, row.after))
    actor = Actor(row.actor, row.actor_name, row.address)
    return Change(row.number, from_us(row.at), actor, row.action, row.subject, before, after, row.digest)
