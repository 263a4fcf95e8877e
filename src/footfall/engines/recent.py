"""The recent window: which (source, event id) pairs were stored lately, as two 64-bit digests in memory.

20 bytes a digest. Digests sit in generations; the oldest generation is dropped whole, so that trimming costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import pyarrow as pa

GENERATIONS = 4
BEFORE_ALL = -1
# Two hashes of unlike texts, four times as fast as one MD5. They may differ from one version of the engine to the
# next, so they are never written down.
DIGESTS = """CREATE TEMP MACRO digest_high(source, event_id) AS hash(concat(source, chr(0), event_id));
CREATE TEMP MACRO digest_low(source, event_id) AS hash(concat(event_id, chr(0), source));"""


class RecentWindow:
    """Tells which digests were seen among the last ``limit`` or more, and remembers the others.

    limit: digests kept at least; up to ``limit / GENERATIONS`` more are kept before the oldest go.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, limit: int) -> None:
        self._connection = connection
        connection.execute(DIGESTS)
        self._limit = limit
        self._sizes: dict[int, int] = {}
        self._starts: list[int] = []
        self._open_generation()

    def remember(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Fill from batches with ``source`` and ``event_id``, oldest first."""
        for batch in batches:
            self._connection.register("remembered", pa.table(batch).select(["source", "event_id"]))
            self._insert(
                f"SELECT digest_high(source, event_id), digest_low(source, event_id), {BEFORE_ALL} FROM remembered",
                batch.num_rows,
            )
            self._connection.unregister("remembered")

    def repeated(self, digests: pa.Table, start: int) -> pa.Array:
        """Return ``ord`` of every digest seen before or earlier in ``digests``; remember the rest.

        digests: ord (int32, rising), digest_high, digest_low (uint64). start: position in the log where the range of
        these digests begins. What was remembered of positions at or after it is forgotten first: then a range that
        is shaped again, because its commit failed, does not meet itself.
        """
        self._forget(start)
        self._connection.register("digests", digests)
        seen = " UNION ALL ".join(f"SELECT digest_high, digest_low FROM recent_{name}" for name in self._sizes)
        found = self._connection.sql(
            # One half is enough to join by; comparing the other as a key too would double the time.
            f"""SELECT DISTINCT ord FROM (
                SELECT d.ord FROM ({seen}) AS r JOIN digests AS d
                ON r.digest_high = d.digest_high AND xor(r.digest_low, d.digest_low) = 0
                UNION ALL
                SELECT d.ord FROM digests AS d JOIN (
                    SELECT digest_high, digest_low, min(ord) AS first FROM digests
                    GROUP BY digest_high, digest_low HAVING count(*) > 1
                ) AS r ON r.digest_high = d.digest_high AND xor(r.digest_low, d.digest_low) = 0 AND d.ord > first
            ) ORDER BY ord"""
        ).to_arrow_table()
        ords = found.column("ord").combine_chunks().cast(pa.int32())
        self._connection.register("repeated", found)
        call = len(self._starts)
        self._starts.append(start)
        self._insert(
            f"SELECT digest_high, digest_low, {call} FROM digests WHERE ord NOT IN (SELECT ord FROM repeated)"
            if len(ords)
            else f"SELECT digest_high, digest_low, {call} FROM digests",
            digests.num_rows - len(ords),
        )
        self._connection.unregister("repeated")
        self._connection.unregister("digests")
        return ords

    def _forget(self, start: int) -> None:
        keep = len(self._starts)
        while keep and self._starts[keep - 1] >= start:
            keep -= 1
        if keep == len(self._starts):
            return
        del self._starts[keep:]
        for name in self._sizes:
            self._connection.execute(f"DELETE FROM recent_{name} WHERE call >= {keep}")
            ((self._sizes[name],),) = self._connection.sql(f"SELECT count(*) FROM recent_{name}").fetchall()

    def _insert(self, select: str, rows: int) -> None:
        name = max(self._sizes)
        self._connection.execute(f"INSERT INTO recent_{name} {select}")
        self._sizes[name] += rows
        if self._sizes[name] * GENERATIONS >= self._limit:
            self._open_generation()
        while sum(self._sizes.values()) - self._sizes[oldest := min(self._sizes)] >= self._limit:
            self._connection.execute(f"DROP TABLE recent_{oldest}")
            del self._sizes[oldest]

    def _open_generation(self) -> None:
        name = max(self._sizes, default=0) + 1
        self._connection.execute(
            f"CREATE TEMP TABLE recent_{name} (digest_high UBIGINT, digest_low UBIGINT, call INTEGER)"
        )
        self._sizes[name] = 0
