"""What was said word by word, in the store: each event's attributes once, however often they are told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Connection

from footfall.stores.database import raw

if TYPE_CHECKING:
    from collections.abc import Sequence

# Of what was kept as the last value of its day before anything was kept word by word.
KNOWN_BEFORE = "@known-before"

# (key, source, event id, at, attributes)
Kept = tuple[int, str, str, int, str]


class Sayings:
    """The sayings of all users or of all accounts, within one transaction."""

    def __init__(self, connection: Connection, entity: str) -> None:
        self._driver = raw(connection)
        self._table = f"{entity}_saying"
        self._insert = (
            f"INSERT INTO {self._table} (key, source, event_id, at, attributes) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING"
        )

    def keep(self, saying: Kept) -> bool:
        """Keep one; False if its event was kept before. Of two with one id the first received stays."""
        return self._driver.execute(self._insert, saying).rowcount > 0

    def keep_all(self, sayings: Iterable[Kept]) -> None:
        """Keep those whose events were not kept before."""
        self._driver.executemany(self._insert, sayings)

    def of(self, keys: Sequence[int]) -> Iterator[Kept]:
        """Those about these keys, by key, instant and event."""
        asked = msgspec.json.encode(list(keys)).decode()
        return iter(
            self._driver.execute(
                f"""SELECT key, source, event_id, at, attributes FROM {self._table}
                    WHERE key IN (SELECT value FROM json_each(?)) ORDER BY key, at, source, event_id""",
                (asked,),
            )
        )

    def forget(self, source: str, prefix: str) -> list[Kept]:
        """Take away those of the events of a source whose ids begin so; returns them."""
        where = "source = ?1 AND substr(event_id, 1, length(?2)) = ?2"
        gone = self._driver.execute(
            f"SELECT key, source, event_id, at, attributes FROM {self._table} WHERE {where}", (source, prefix)
        ).fetchall()
        self._driver.execute(f"DELETE FROM {self._table} WHERE {where}", (source, prefix))
        return gone

    def keys(self) -> Iterable[int]:
        """Of whom anything is kept, rising."""
        return [key for (key,) in self._driver.execute(f"SELECT DISTINCT key FROM {self._table} ORDER BY key")]
