"""A window of events read from the lake in the order of ``ingest_seq``, a slice at a time.

Files of the lake are sorted by type, so rows in their order of arrival must be sorted again. A slice is a range of
``ingest_seq``: the statistics of row groups say which of them it needs, a few of every type, and sorting one slice
after the other needs the memory of one, however long the window is.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa

from footfall.engines.database import Database, Limits, literal, microseconds
from footfall.engines.rendering import text_of
from footfall.errors import Damaged
from footfall.ports import EventSelection

# Events per slice. Fewer cost more reading of row groups that hold others too, more cost memory or spilling.
SLICE: Final = 125_000
SLICE_MIN: Final = 4_000
SLICE_BYTES: Final = 64 << 20
BATCH_BYTES: Final = 8 << 20
BATCH_ROWS: Final = 50_000
_READ: Final = "read the events of a window"
_KEYS: Final = {"users": "user_key", "visitors": "anonymous_key", "accounts": "account_key"}


class Texts(Protocol):
    """``People.texts``."""

    def __call__(self, dimension: str, keys: pa.Array | None = None, /) -> pa.Table: ...


class WindowRows:
    """The events of a selection, in a database of its own; close it.

    quoted: SQL that turns a text into what stands in the file, given the SQL of the text.
    """

    def __init__(
        self, spill: Path, limits: Limits, wanted: EventSelection, texts: Texts, quoted: Callable[[str], str]
    ) -> None:
        spill.mkdir(parents=True, exist_ok=True)
        # Of its own, because what a database keeps there has a fixed name, and several may be open.
        self._folder = Path(tempfile.mkdtemp(prefix="window-", dir=spill))
        self.database = Database(limits, self._folder)
        self._wanted = wanted
        self._texts = texts
        self._quoted = quoted
        try:
            # In memory, for the tables of a file are compressed as they are made, and a slice is read but a few times.
            self.database.run("ATTACH ':memory:' AS held", _READ)
            self._name_terms()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.database.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _name_terms(self) -> None:
        terms = self._texts("terms")
        self._take("terms", terms)
        known = dict(zip(terms["text"].to_pylist(), terms["key"].to_pylist(), strict=True))
        wanted = self._wanted.sources
        self._sources = None if wanted is None else [known[name] for name in wanted if name in known]

    def _take(self, dimension: str, texts: pa.Table) -> None:
        self.database.register("texts_given", texts)
        columns = f"key, text AS plain, {self._quoted('text')} AS text"
        self.database.run(f"CREATE TABLE {dimension} AS SELECT {columns} FROM texts_given", _READ)
        self.database.forget("texts_given")

    def slices(self, row_bytes: int = 0, columns: str = "*") -> Iterator[str]:
        """SQL of each slice's rows, in order; columns: of the lake's files.

        row_bytes: of the larger rows' text. A slice is a table, valid until the next: files are read once for it.
        """
        wanted = self._wanted
        length = max(SLICE_MIN, min(SLICE, SLICE_BYTES // max(1, row_bytes)))
        for first in range(wanted.from_seq, wanted.to_seq, length):
            end = min(first + length, wanted.to_seq)
            files = [span.path for span in wanted.spans if span.first_seq < end and span.last_seq >= first]
            if files and self._sources != []:
                listed = ", ".join(literal(file) for file in files)
                source = f"read_parquet([{listed}], hive_partitioning = false)"
                bounds = f"ingest_seq >= {first} AND ingest_seq < {end}{self._conditions()}"
                self.database.run(
                    f"CREATE OR REPLACE TABLE held.slice AS SELECT {columns} FROM {source} WHERE {bounds}", _READ
                )
                yield "FROM held.slice"

    def _conditions(self) -> str:
        wanted, found = self._wanted, []
        if self._sources is not None:
            found.append(f"source IN ({', '.join(map(str, self._sources))})")
        if wanted.types is not None:
            found.append(f"type IN ({', '.join(str(int(each)) for each in wanted.types) or 'NULL'})")
        if wanted.start is not None:
            found.append(f"epoch_us(occurred_at) >= {microseconds(wanted.start)}")
        if wanted.end is not None:
            found.append(f"epoch_us(occurred_at) < {microseconds(wanted.end)}")
        return "".join(f" AND {each}" for each in found)

    def ask(self, picked: str) -> Iterator[tuple[object, ...]]:
        """One row of aggregates per slice."""
        for rows in self.slices():
            yield self.database.one(f"SELECT {picked} FROM ({rows})", _READ)

    def render(self, statement: Callable[[str], str], row_bytes: int) -> Iterator[tuple[int, memoryview]]:
        """Yield (rows, text). statement: from a slice's rows to one column, the text of each, in order.

        It may join ``users``, ``visitors``, ``accounts`` (key, plain, text) and ``terms``. row_bytes: of the larger
        rows, so that a batch of large ones has fewer.
        """
        batch = max(256, min(BATCH_ROWS, BATCH_BYTES // max(1, row_bytes)))
        for rows in self.slices(row_bytes):
            self._name_people(rows)
            for found in self.database.stream(statement(rows), batch, "write the events of a window"):
                if found.num_rows:
                    yield found.num_rows, text_of(found.column(0))
            for dimension in _KEYS:
                self.database.run(f"DROP TABLE {dimension}", _READ)

    def _name_people(self, rows: str) -> None:
        for dimension, column in _KEYS.items():
            found = self.database.stream(
                f"SELECT DISTINCT {column} AS key FROM ({rows}) WHERE {column} IS NOT NULL", 1_000_000, _READ
            )
            batches = [batch.column(0) for batch in found if batch.num_rows]
            keys = pa.chunked_array(batches, pa.int32()).combine_chunks()
            texts = self._texts(dimension, keys)
            if texts.num_rows != len(keys):
                lost = len(keys) - texts.num_rows
                raise Damaged(
                    f"{lost} keys of {dimension} in the lake are not in the store", "Restore both from one backup"
                )
            self.database.register("texts_given", texts)
            self._take(dimension, texts)
