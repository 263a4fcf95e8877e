"""``ports.Audiences`` on the control store: a row per definition, a row per value of an imported list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from sqlalchemy import func, select

from footfall.errors import Conflict, Missing, Refused
from footfall.model.audience_text import read, write
from footfall.model.audiences import AUDIENCES_MAX, Audience, check_together, users_of
from footfall.model.instants import from_us, to_us
from footfall.stores.api_keys import Note
from footfall.stores.audience_tables import audience as audience_table
from footfall.stores.audience_tables import audience_value
from footfall.stores.database import Database, raw
from footfall.stores.keys import columns

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

_CHUNK: Final = 10_000


class SqlAudiences:
    """See ``ports.Audiences``. note: told of every change, for the audit log."""

    def __init__(self, database: Database, note: Note) -> None:
        self._database = database
        self._note = note

    def all(self) -> Sequence[Audience]:
        with self._database.reading() as connection:
            return _all(connection)

    def get(self, name: str) -> Audience:
        with self._database.reading() as connection:
            return _get(connection, name)

    def add(self, audience: Audience, at: datetime) -> Audience:
        with self._database.writing() as connection:
            known = _all(connection)
            if any(each.name == audience.name for each in known):
                raise Conflict(f"there is an audience '{audience.name}' already", "Change it, or take another name")
            if len(known) >= AUDIENCES_MAX:
                raise Refused(f"there are {AUDIENCES_MAX} audiences already", "Delete one that nobody needs")
            made = replace(audience, created_at=at, changed_at=at)
            check_together([*known, made])
            connection.execute(audience_table.insert().values(**_row(made)))
            self._note("audience.add", f"audience {made.name}", None, audience_facts(made))
        return made

    def change(self, audience: Audience, at: datetime) -> Audience:
        with self._database.writing() as connection:
            before = _get(connection, audience.name)
            if bool(before.listed) != bool(audience.listed):
                raise Refused(f"audience '{audience.name}' stays {_sort(before)}", "Give the new one another name")
            made = replace(audience, created_at=before.created_at, changed_at=at)
            check_together([*(each for each in _all(connection) if each.name != made.name), made])
            table = audience_table
            connection.execute(table.update().where(table.c.name == made.name).values(**_row(made)))
            self._note("audience.change", f"audience {made.name}", audience_facts(before), audience_facts(made))
        return made

    def delete(self, name: str) -> None:
        with self._database.writing() as connection:
            before = _get(connection, name)
            needed = users_of({each.name: each for each in _all(connection)}, name)
            if needed:
                raise Refused(f"audience '{name}' is included by {', '.join(needed)}", "Change or delete those first")
            connection.execute(audience_table.delete().where(audience_table.c.name == name))
            self._note("audience.delete", f"audience {name}", audience_facts(before), None)

    # --- lists -----------------------------------------------------------------------------------

    def values(self, name: str) -> pa.Array:
        table = audience_value
        with self._database.reading() as connection:
            query = select(table.c.value).where(table.c.audience == name).order_by(table.c.value)
            return columns(connection, query, [pa.string()])[0].combine_chunks()

    def count_values(self, name: str) -> int:
        table = audience_value
        with self._database.reading() as connection:
            query = select(func.count()).select_from(table).where(table.c.audience == name)
            return int(connection.execute(query).scalar_one())

    def put_values(self, name: str, values: Iterable[str], at: datetime, *, keep: bool = False) -> int:
        table = audience_value
        with self._database.writing() as connection:
            audience = _get(connection, name)
            if not audience.listed:
                raise Refused(f"audience '{name}' has a rule", "Import a list under another name")
            if not keep:
                connection.execute(table.delete().where(table.c.audience == name))
            given = iter(values)
            while some := [(name, value) for value in islice(given, _CHUNK)]:
                raw(connection).executemany(
                    "INSERT INTO audience_value (audience, value) VALUES (?, ?) ON CONFLICT DO NOTHING", some
                )
            mine = audience_table.c.name == name
            connection.execute(audience_table.update().where(mine).values(changed_at=to_us(at)))
            found = self.count_values(name)
            self._note("audience.import", f"audience {name}", None, {"values": found, "kept": keep})
        return found


def audience_facts(audience: Audience) -> dict[str, Any]:
    """What the audit log says of an audience."""
    facts: dict[str, Any] = {name: getattr(audience, name) for name in ("label", "description", "tells", "backfill")}
    return {"rule": write(audience.rule)} | facts if not audience.listed else {"by": audience.listed} | facts


def _sort(audience: Audience) -> str:
    return "an imported list" if audience.listed else "one with a rule"


def _all(connection: Connection) -> list[Audience]:
    table = audience_table
    return [_audience(row) for row in connection.execute(select(table).order_by(table.c.name))]


def _get(connection: Connection, name: str) -> Audience:
    row = connection.execute(select(audience_table).where(audience_table.c.name == name)).first()
    if row is None:
        raise Missing(f"there is no audience '{name}'", "List them with `footfall audiences ls`")
    return _audience(row)


def _audience(row: Row[Any]) -> Audience:
    return Audience(
        name=row.name,
        rule=read(row.rule),
        listed=row.listed,
        label=row.label,
        description=row.description,
        tells=row.tells,
        backfill=row.backfill,
        created_at=from_us(row.created_at),
        changed_at=from_us(row.changed_at),
    )


def _row(audience: Audience) -> Mapping[str, Any]:
    assert audience.created_at is not None
    assert audience.changed_at is not None
    return {
        "name": audience.name,
        "rule": write(audience.rule),
        "listed": audience.listed,
        "label": audience.label,
        "description": audience.description,
        "tells": audience.tells,
        "backfill": audience.backfill,
        "created_at": to_us(audience.created_at),
        "changed_at": to_us(audience.changed_at),
    }
