"""``ports.Directory`` on the control store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from footfall.stores.database import Database, raw
from footfall.stores.removals import fates
from footfall.stores.snapshots import ACCOUNTS, USERS, Snapshots, microseconds

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
        with self._database.reading() as connection:
            query, values = self._visible(connection, entity)
            row = raw(connection).execute(f"SELECT key FROM {query} AND text = ?", (*values, id)).fetchone()
        return None if row is None else int(row[0])

    def known(self, entity: str, ids: Sequence[str]) -> Mapping[str, int]:
        with self._database.reading() as connection:
            query, values = self._visible(connection, entity)
            query = f"SELECT text, key FROM {query} AND text IN (SELECT value FROM json_each(?))"
            asked = msgspec.json.encode(list(ids)).decode()
            return {str(text): int(key) for text, key in raw(connection).execute(query, (*values, asked))}

    def alike(self, entity: str, ids: Sequence[str]) -> Sequence[int]:
        with self._database.reading() as connection:
            query, values = self._visible(connection, entity)
            query = f"SELECT key FROM {query} AND text COLLATE NOCASE IN (SELECT value FROM json_each(?)) ORDER BY key"
            asked = msgspec.json.encode(list(ids)).decode()
            return [int(key) for (key,) in raw(connection).execute(query, (*values, asked))]

    def rows(self, entity: str, keys: Sequence[int]) -> pa.Table:
        with self._database.reading() as connection:
            return pa.Table.from_batches(list(self._snapshot(connection, entity, keys)), _SCHEMAS[entity])

    def all(self, entity: str) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(_SCHEMAS[entity], self._everybody(entity))

    def users_of(self, accounts: Sequence[int]) -> Mapping[int, int]:
        _, until = self._now()
        query = """SELECT account_key, count(*) FROM (
                SELECT user_key, account_key FROM member AS said
                WHERE at < ?1 AND account_key IN (SELECT value FROM json_each(?2)) AND NOT EXISTS (
                    SELECT 1 FROM member AS later
                    WHERE later.user_key = said.user_key AND later.at > said.at AND later.at < ?1)
                GROUP BY user_key, account_key)
            WHERE user_key NOT IN (SELECT value FROM json_each(?3)) GROUP BY account_key"""
        with self._database.reading() as connection:
            hidden = _encoded(self._hidden(connection, "user", until))
            asked = _encoded(accounts)
            return {int(key): int(count) for key, count in raw(connection).execute(query, (until, asked, hidden))}

    def _now(self) -> tuple[date, int]:
        day = self._zone.day_of(self._clock())
        return day, microseconds(self._zone.bounds(day).end)

    def _visible(self, connection: Connection, entity: str) -> tuple[str, tuple[object, ...]]:
        """``table WHERE …`` of those that are there, and its parameters."""
        _, until = self._now()
        hidden = self._hidden(connection, entity, until)
        query = f"{_TABLES[entity]} WHERE first_at < ? AND key NOT IN (SELECT value FROM json_each(?))"
        return query, (until, _encoded(hidden))

    def _hidden(self, connection: Connection, entity: str, until: int) -> set[int]:
        """Keys of those who are deleted, or merged into another user."""
        deleted = {key for key, fate in fates(connection, entity, until).items() if fate.deleted}
        return deleted | set(Snapshots(connection).merges(until)) if entity == "user" else deleted

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
