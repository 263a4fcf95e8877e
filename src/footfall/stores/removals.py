"""``ports.Removals`` on the control store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from footfall.model.instants import to_us
from footfall.stores.database import Database, raw
from footfall.stores.fates import hear
from footfall.stores.snapshots import Snapshots


class SqlRemovals:
    """See ``ports.Removals``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def remove(self, entity: str, key: int, at: datetime, *, hard: bool) -> Sequence[str]:
        instant = to_us(at)
        with self._database.writing() as connection:
            driver = raw(connection)
            snapshots = Snapshots(connection)
            # Of what is told at the same instant nothing is known to be later.
            users = [key] if entity == "user" else sorted(snapshots.belonging([key], instant + 1))
            merged, shown = snapshots.merges(instant + 1, users), set(users)
            users += sorted(user for user, (into, _) in merged.items() if into in shown)
            rows = [("user", user) for user in users] + ([(entity, key)] if entity == "account" else [])
            driver.executemany(
                "INSERT INTO removal (entity, key, at, hard) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [(*row, instant, hard) for row in rows],
            )
            asked = msgspec.json.encode(users).decode()
            uids = """SELECT uid FROM json_each(?) AS asked JOIN users ON users.key = asked.value ORDER BY asked.id"""
            return [uid for (uid,) in driver.execute(uids, (asked,))]

    def told(self, entity: str, id: str, at: datetime) -> None:
        with self._database.writing() as connection:
            hear(connection, entity, [(id, to_us(at))])

    def deny(self, identify_id: str, at: datetime, *, denied: bool) -> None:
        with self._database.writing() as connection:
            if denied:
                statement = "INSERT INTO denied (identify_id, at) VALUES (?, ?) ON CONFLICT DO NOTHING"
                raw(connection).execute(statement, (identify_id, to_us(at)))
            else:
                raw(connection).execute("DELETE FROM denied WHERE identify_id = ?", (identify_id,))

    def denied(self) -> Mapping[str, int]:
        with self._database.reading() as connection:
            return dict(raw(connection).execute("SELECT identify_id, at FROM denied").fetchall())
