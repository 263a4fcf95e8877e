"""``ports.Directory`` on the control store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from footfall.model.instants import to_us
from footfall.stores.database import Database, raw
from footfall.stores.fates import fates
from footfall.stores.snapshots import ACCOUNTS, USERS, Snapshots

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import Connection

    from footfall.model.days import Zone
    from footfall.ports import Clock

_TABLES: Final = {"user": "users", "account": "accounts"}
_SCHEMAS: Final = {"user": USERS, "account": ACCOUNTS}


class SqlDirectory:
    """See ``ports.Directory``. "Now" is the end of the local day that ``clock`` is in."""

    def __init__(self, database: Database, zone: Zone, clock: Clock) -> None:
        self._database = database
        self._zone = zone
        self._clock = clock

    def count(self, entity: str) -> int:
        with self._database.reading() as connection:
            query, values = self._visible(connection, entity)
            return int(raw(connection).execute(f"SELECT count(*) FROM {query}", values).fetchone()[0])

    def keys(self, entity: str, beyond: int, limit: int) -> Sequence[int]:
        with self._database.reading() as connection:
            query, values = self._visible(connection, entity)
            query = f"SELECT key FROM {query} AND key > ? ORDER BY key LIMIT ?"
            return [int(key) for (key,) in raw(connection).execute(query, (*values, beyond, limit))]

    def find(self, entity: str, id: str) -> int | None:
        return next((key for _, key, last in self._named(entity, "text = ?", id) if key == last), None)

    def known(self, entity: str, ids: Sequence[str]) -> Mapping[str, int]:
        asked = msgspec.json.encode(list(ids)).decode()
        found = self._named(entity, "text IN (SELECT value FROM json_each(?))", asked)
        return {text: last for text, _, last in found}

    def alike(self, entity: str, ids: Sequence[str]) -> Sequence[int]:
        asked = msgspec.json.encode(list(ids)).decode()
        found = self._named(entity, "text COLLATE NOCASE IN (SELECT value FROM json_each(?))", asked)
        return [key for _, key, last in found if key == last]

    def rows(self, entity: str, keys: Sequence[int]) -> pa.Table:
        with self._database.reading() as connection:
            return pa.Table.from_batches(list(self._snapshot(connection, entity, keys)), _SCHEMAS[entity])

    def all(self, entity: str) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(_SCHEMAS[entity], self._everybody(entity))

    def users_of(self, accounts: Sequence[int]) -> Mapping[int, int]:
        _, until = self._now()
        with self._database.reading() as connection:
            return Counter(Snapshots(connection).belonging(accounts, until).values())

    def _now(self) -> tuple[date, int]:
        day = self._zone.day_of(self._clock())
        return day, to_us(self._zone.bounds(day).end)

    def _visible(self, connection: Connection, entity: str) -> tuple[str, tuple[object, ...]]:
        """``table WHERE …`` of those that are there, and its parameters."""
        _, until = self._now()
        deleted, last_of = self._gone(connection, entity, until)
        query = f"{_TABLES[entity]} WHERE first_at < ? AND key NOT IN (SELECT value FROM json_each(?))"
        return query, (until, _encoded(deleted | last_of.keys()))

    def _named(self, entity: str, condition: str, asked: str) -> list[tuple[str, int, int]]:
        """(text, key, key of whom they live on in, else their own) of those whose text answers a condition, by key,
        without those who are deleted."""
        _, until = self._now()
        query = f"SELECT text, key FROM {_TABLES[entity]} WHERE first_at < ? AND {condition} ORDER BY key"
        with self._database.reading() as connection:
            found = [(str(text), int(key)) for text, key in raw(connection).execute(query, (until, asked))]
            if not found:
                return []
            deleted, last_of = self._gone(connection, entity, until, [key for _, key in found])
        named = [(text, key, last_of.get(key, key)) for text, key in found]
        return [each for each in named if each[2] not in deleted]

    def _gone(
        self, connection: Connection, entity: str, until: int, around: Sequence[int] | None = None
    ) -> tuple[AbstractSet[int], Mapping[int, int]]:
        """Keys of those who are deleted, and ``{merged user: the one they live on in}``.

        around: at least of these; None for everybody.
        """
        deleted = {key for key, fate in fates(connection, entity, until).items() if fate.deleted}
        merges = Snapshots(connection).merges(until, around) if entity == "user" else {}
        return deleted, {user: last for user, (last, _) in merges.items()}

    def _everybody(self, entity: str) -> Iterator[pa.RecordBatch]:
        with self._database.reading() as connection:
            yield from self._snapshot(connection, entity, None)

    def _snapshot(self, connection: Connection, entity: str, keys: Sequence[int] | None) -> Iterator[pa.RecordBatch]:
        day, until = self._now()
        snapshots = Snapshots(connection)
        read = snapshots.users if entity == "user" else snapshots.accounts
        for batch in read(day, until, keys):
            yield batch.filter(pc.invert(batch.column("deleted")))


def _encoded(keys: Iterable[int]) -> str:
    return msgspec.json.encode(sorted(keys)).decode()
