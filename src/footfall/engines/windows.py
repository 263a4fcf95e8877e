"""A window of events read from the lake in the order of ``ingest_seq``, a slice at a time.

Files of the lake are sorted by type, so rows in their order of arrival must be sorted again. A slice is a range of
``ingest_seq``: the statistics of row groups say which of them it needs, a few of every type, and sorting one slice
after the other needs the memory of a few, however long the window is.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from pathlib import Path
from threading import Lock
from typing import Final, Protocol, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from footfall.engines.database import Housed, Limits, Session, literal, out_of_memory
from footfall.engines.dividing import Division, Keys, in_order
from footfall.engines.slices import PEOPLE, Making
from footfall.errors import Damaged, Unavailable
from footfall.model.instants import to_us
from footfall.model.manifest import FilePart
from footfall.ports import EventSelection, Span

# Of ingest_seq that are read at once to see what is there: a few row groups, for both threads. The first time it is
# fewer, because what nothing is known about is asked several times.
SCAN: Final = 250_000
SCAN_FIRST: Final = 30_000
# Slices are cut at multiples of this, by how many events and how much text there is in between.
STRIDE: Final = 1_024
# Events and bytes of text per slice. Fewer cost more planning and more reading of row groups that hold others too,
# more cost memory: there are as many slices as threads and one more that is handed on.
SLICE: Final = 160_000
SLICE_BYTES: Final = 40 << 20
# A slice that has so much of that ends where a file of the lake does.
NEARLY: Final = 0.6
# Events are not all of one size: a bit more in all slices of a file is better than one more slice.
EVENLY: Final = 1.04
# Rows of text that are handed on at once, about a mebibyte: whoever is given more copies more.
PIECE: Final = 4_096
_READ: Final = "read the events of a window"
_WRITE: Final = "write the events of a window"
# People of each kind whose texts are kept from slice to slice.
PEOPLE_KEPT: Final = 100_000
# Bytes of JSON of a stretch of which it is found out how much of it is the same.
SEEN_BYTES: Final = 64 << 20
# What is made of equal JSON is made once where there is so little different JSON, of an event.
SHARED_MOST: Final = 0.5


class Texts(Protocol):
    """``People.texts``."""

    def __call__(self, dimension: str, keys: pa.Array | None = None, /) -> pa.Table: ...


@dataclass(frozen=True, slots=True)
class _Slice:
    """Events ``first <= ingest_seq < end`` of one file."""

    first: int
    end: int
    keys: Keys


@dataclass(frozen=True, slots=True)
class Stretch:
    """SQL of the events of a range of ingest_seq, in no order, and of their different objects.

    objects: has the columns that ``WindowRows`` was given; the same may be in it more than once. To be read before the
    next stretch.
    """

    rows: str
    objects: str


# A slice, and what becomes of it.
_Begun: TypeAlias = "tuple[_Slice, Future[_InOrder]]"


class WindowRows:
    """The events of a selection, in a database of its own; close it.

    objects: columns of JSON of which something is made.
    printed: SQL that makes of ``text`` what stands in the file: of ``terms``, ``users``, ``visitors``, ``accounts``.
    row_bytes: of a row's text beside its properties. rows: events, once the scan has ended.
    parts: then, the events of each file, in the order of the files; one file of all, where they are not divided.
    """

    def __init__(
        self,
        spill: Path,
        limits: Limits,
        wanted: EventSelection,
        texts: Texts,
        objects: Sequence[str],
        printed: Mapping[str, str],
        row_bytes: int,
    ) -> None:
        # Slices in hand, those that are made and the one that is handed on, take what the engine is not given.
        self._housed = Housed.make(replace(limits, memory_mb=limits.memory_mb // 2), spill, "window")
        self.database = self._housed.database
        self._wanted = wanted
        self._texts = texts
        self._objects = objects
        self._printed = printed
        # One reader at a time: every connection to the store that is ever open keeps pages of it in memory.
        self._reading = Lock()
        self._people: dict[str, pa.Table] = {}
        self._row_bytes = row_bytes
        self.rows = 0
        # Of each file: first ingest_seq, events and bytes of each slice; and where the last one ends.
        self._slices: dict[Keys, list[tuple[int, int, int]]] = {} if wanted.divided_by else {(): []}
        self._ends: dict[Keys, int] = {}
        self._borders = _borders(wanted.spans)
        # Of each stretch: where it begins, and whether its events have much JSON in common.
        self._begins: list[int] = []
        self._shares: list[bool] = []
        # Of ingest_seq. DuckDB may need sixty times the length of objects to read them, and reads 2,048 at once.
        self._at_once = wanted.to_seq
        try:
            self._name_terms()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._housed.close()

    def _name_terms(self) -> None:
        """Make ``terms``: one row, two lists of texts in which a key is the place."""
        terms = self._texts("terms")
        self.database.register("terms_given", terms)
        self.database.run(
            "CREATE TABLE terms AS SELECT list(plain ORDER BY place) AS plain, list(text ORDER BY place) AS text "
            "FROM range(1, (SELECT coalesce(max(key), 0) FROM terms_given) + 1) places(place) "
            f"LEFT JOIN (SELECT {self._columns('terms')} FROM terms_given) ON key = place",
            _READ,
        )
        self.database.forget("terms_given")
        known = dict(zip(terms["text"].to_pylist(), terms["key"].to_pylist(), strict=True))
        wanted = self._wanted.sources
        self._sources = None if wanted is None else [known[name] for name in wanted if name in known]
        self._division = Division(self._wanted.divided_by, known)

    def _columns(self, dimension: str) -> str:
        return f"key, text AS plain, {self._printed[dimension]} AS text"

    # --- what is there -----------------------------------------------------------------------------------------

    def scan(self) -> Iterator[Stretch]:
        """One long stretch after the other; each is measured for ``render`` before it is given."""
        first, length = self._wanted.from_seq, SCAN_FIRST
        while first < self._wanted.to_seq:
            end = min(first + length, self._wanted.to_seq)
            end = self._border(first + length // 2, end + 1) or end
            if rows := self._rows(first, end):
                yield self._measured(first, rows)
            first, length = end, SCAN

    def _measured(self, first: int, rows: str) -> Stretch:
        sizes = " + ".join(f"coalesce(sum(strlen({column})), 0)" for column in ("properties", "global_context"))
        keys = "".join(f", {column}" for column in self._division.columns)
        sql = f"SELECT ingest_seq // {STRIDE}, count(*), {sizes}{keys} FROM ({rows}) GROUP BY ALL ORDER BY 1"
        events = size = 0
        for batch in self.database.stream(sql, SLICE, _READ):
            for place, count, beside, *of in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                self._cut(tuple(of), place * STRIDE, count, int(beside) + count * self._row_bytes)
                events, size = events + count, size + int(beside)
            self._division.check(list(self._slices))
        self._begins.append(first)
        if not self._objects or size > SEEN_BYTES:
            self._shares.append(False)
            return Stretch(rows, rows)
        different = f"SELECT DISTINCT {', '.join(self._objects)} FROM ({rows})"
        self.database.run(f"CREATE OR REPLACE TABLE seen AS {different}", _READ)
        found = self.database.number("SELECT count(*) FROM seen", _READ)
        self._shares.append(found <= SHARED_MOST * events)
        return Stretch(rows, "SELECT * FROM seen")

    def _border(self, first: int, end: int) -> int | None:
        """The last of ``_borders`` in a range of ingest_seq."""
        place = bisect_left(self._borders, end) - 1
        return self._borders[place] if place >= 0 and self._borders[place] >= first else None

    def _cut(self, keys: Keys, first: int, rows: int, size: int) -> None:
        """Add a stride to the last slice of a file or begin another one."""
        self.rows += rows
        self._ends[keys] = first + STRIDE
        slices = self._slices.setdefault(keys, [])
        if slices:
            begin, so_far, bytes_ = slices[-1]
            share = max((so_far + rows) / SLICE, (bytes_ + size) / SLICE_BYTES)
            border = self._border(first, first + STRIDE)
            full = share > self._room(begin, first + STRIDE, share) or (border is not None and share > NEARLY)
            # A stride may come in two parts, of two stretches.
            if first <= begin or not full:
                slices[-1] = (begin, so_far + rows, bytes_ + size)
                return
            first = border or first
        slices.append((first, rows, size))

    def _room(self, begin: int, end: int, share: float) -> float:
        """How much of a slice may be used, so that there are slices of one length up to the next border.

        share: of a slice that begins at ``begin``, used by its events up to ``end``.
        """
        place = bisect_right(self._borders, begin)
        border = self._borders[place] if place < len(self._borders) else self._wanted.to_seq
        needed = share * (border - begin) / (end - begin)
        return 1.0 if needed <= 1 else min(1.0, EVENLY * needed / ceil(needed))

    @property
    def parts(self) -> Mapping[FilePart, int]:
        found = {self._division.part(keys): sum(rows for _, rows, _ in of) for keys, of in self._slices.items()}
        return {part: found[part] for part in sorted(found, key=in_order)}

    def _rows(self, first: int, end: int) -> str:
        """SQL of the rows from ``first`` up to ``end``; nothing when no file has any."""
        wanted = self._wanted
        first, end = max(first, wanted.from_seq), min(end, wanted.to_seq)
        files = [span.path for span in wanted.spans if span.first_seq < end and span.last_seq >= first]
        if not files or self._sources == []:
            return ""
        listed = ", ".join(literal(file) for file in files)
        bounds = f"ingest_seq >= {first} AND ingest_seq < {end}{self._conditions()}"
        return f"SELECT * FROM read_parquet([{listed}], hive_partitioning = false) WHERE {bounds}"

    def _conditions(self) -> str:
        wanted, found = self._wanted, []
        if self._sources is not None:
            found.append(f"source IN ({', '.join(map(str, self._sources))})")
        if wanted.types is not None:
            found.append(f"type IN ({', '.join(str(int(each)) for each in wanted.types) or 'NULL'})")
        if wanted.start is not None:
            found.append(f"epoch_us(occurred_at) >= {to_us(wanted.start)}")
        if wanted.end is not None:
            found.append(f"epoch_us(occurred_at) < {to_us(wanted.end)}")
        return "".join(f" AND {each}" for each in found)

    # --- its rows ----------------------------------------------------------------------------------------------

    def render(self, part: FilePart, making: Making) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a file in order, ``PIECE`` at a time; as many slices as there are threads are made at once.

        Rows are put in order a piece at a time, so that a piece is still in the processor's cache when it is used.
        """
        threads = self.database.limits.threads
        made: deque[_Begun] = deque()
        # Each of them by one thread: with more, every join of every slice takes memory for every thread.
        self.database.run("SET threads = 1", _READ)
        keys = next(keys for keys in self._slices if self._division.part(keys) == part)
        last = min(self._ends.get(keys, self._wanted.to_seq), self._wanted.to_seq)
        edges = [*(first for first, _, _ in self._slices[keys]), last]
        with ThreadPoolExecutor(threads, thread_name_prefix="slice") as pool:
            try:
                for first, end in pairwise(edges):
                    slice_ = _Slice(first, end, keys)
                    made.append((slice_, pool.submit(self._made, slice_, making)))
                    if len(made) > threads:
                        yield from self._first_of(made, making)
                while made:
                    yield from self._first_of(made, making)
            finally:
                for _, future in made:
                    future.cancel()

    def _first_of(self, made: deque[_Begun], making: Making) -> _InOrder:
        """Take the first of these. One that the memory did not do for beside others is made after them, alone."""
        slice_, future = made.popleft()
        try:
            return future.result()
        except Unavailable as error:
            if not out_of_memory(error):
                raise
        wait([other for _, other in made])
        return self._made(slice_, making, alone=True)

    def _made(self, slice_: _Slice, making: Making, *, alone: bool = False) -> _InOrder:
        """The rows of a slice in order.

        alone: no other is being made, so that one for which the memory does not do is too large. It is made a part
        after the other then, and so are those that come later.
        """
        rows = self._rows(slice_.first, slice_.end) + self._division.condition(slice_.keys)
        length = slice_.end - slice_.first
        if length <= self._at_once:
            shared = bool(making.objects.keys) and self._shares[bisect_right(self._begins, slice_.first) - 1]
            try:
                with self._prepared(f"VIEW slice AS {rows}", making) as session:
                    if shared:
                        session.run(f"CREATE TEMP TABLE objects AS {making.objects_table()}", _WRITE)
                    return _InOrder(session.table(making.statement(shared=shared), 2 * SLICE, _WRITE))
            except Unavailable as error:
                self._take_less(length, error, alone)
        with self._prepared(f"TABLE kept AS {rows}; CREATE TEMP VIEW slice AS SELECT * FROM kept", making) as session:
            return _InOrder(pa.concat_tables(list(self._in_parts(session, slice_, making, alone))))

    @contextmanager
    def _prepared(self, slice_: str, making: Making) -> Iterator[Session]:
        """A session that has the relations of ``Making.statement``. slice_: SQL of the temporary relation ``slice``."""
        with self.database.session() as session:
            session.run(f"CREATE TEMP {slice_}", _READ)
            session.run(f"CREATE TEMP TABLE named AS {making.named_table()}", _READ)
            self._name_people(session)
            yield session

    def _in_parts(self, session: Session, slice_: _Slice, making: Making, alone: bool) -> Iterator[pa.Table]:
        """What is made of the table ``kept``, so much at once as the memory does for."""
        first, statement = slice_.first, making.statement(shared=False)
        while first < slice_.end:
            length = min(self._at_once, slice_.end - first)
            some = f"SELECT * FROM kept WHERE ingest_seq >= {first} AND ingest_seq < {first + length}"
            try:
                session.run(f"CREATE OR REPLACE TEMP VIEW slice AS {some}", _READ)
                yield session.table(statement, SLICE, _WRITE)
            except Unavailable as error:
                self._take_less(length, error, alone)
            else:
                first += length

    def _take_less(self, length: int, error: Unavailable, alone: bool) -> None:
        """Have no more than half of ``length`` at once from here on: the other slices will be no smaller."""
        if not alone or not out_of_memory(error) or length < 2:
            raise error
        self._at_once = min(self._at_once, length // 2)

    def _name_people(self, session: Session) -> None:
        found = session.stream(f"SELECT DISTINCT {', '.join(PEOPLE.values())} FROM slice", SLICE, _READ)
        seen = pa.Table.from_batches(found, pa.schema([(column, pa.int32()) for column in PEOPLE.values()]))
        for dimension, column in PEOPLE.items():
            keys = pc.drop_null(pc.unique(seen[column]))
            with self._reading:
                texts = self._known_texts(dimension, keys)
            if texts.num_rows != len(keys):
                lost = len(keys) - texts.num_rows
                raise Damaged(
                    f"{lost} keys of {dimension} in the lake are not in the store", "Restore both from one backup"
                )
            session.take(dimension, texts, self._columns(dimension), _READ)

    def _known_texts(self, dimension: str, keys: pa.Array) -> pa.Table:
        """(key, text); most people of a slice were in one before it, and the store takes a microsecond for each."""
        known = self._people.get(dimension)
        missing = keys if known is None else keys.filter(pc.invert(pc.is_in(keys, value_set=known["key"])))
        if known is None or len(missing):
            found = self._texts(dimension, missing)
            known = found if known is None else pa.concat_tables([known, found]).combine_chunks()
        here = known.filter(pc.is_in(known["key"], value_set=keys))
        self._people[dimension] = known if known.num_rows <= PEOPLE_KEPT else here
        return here


def _borders(spans: Sequence[Span]) -> list[int]:
    """Where files of the lake begin and all before have ended: who reads up to there reads no file for a few events."""
    found, reach = [], 0
    for span in sorted(spans, key=lambda each: each.first_seq):
        if span.first_seq > reach:
            found.append(span.first_seq)
        reach = max(reach, span.last_seq)
    return found


class _InOrder:
    """The rows of a slice in the order of ``ingest_seq``, which they lose."""

    def __init__(self, found: pa.Table) -> None:
        # DuckDB keeps no order through a join, and to sort long texts takes it four times as long.
        self._order = pc.sort_indices(found["ingest_seq"])
        # In one piece, else each look at it would make it one.
        whole = found.drop_columns("ingest_seq").combine_chunks(memory_pool=pa.system_memory_pool())
        self._rows = whole.to_batches()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for rows in self._rows:
            for first in range(0, rows.num_rows, PIECE):
                yield rows.take(self._order.slice(first, PIECE))
