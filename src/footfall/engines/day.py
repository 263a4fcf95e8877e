"""The reports of one day, counted and rendered in process by DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import pyarrow as pa

from footfall import disk
from footfall.engines import counting, cube, dimensions, hours, rendering, snapshots
from footfall.engines.attribution import attribute
from footfall.engines.database import Database, Housed, Limits, literal, query
from footfall.errors import FootfallError
from footfall.model.columns import Field
from footfall.model.instants import to_us
from footfall.model.report import Part
from footfall.model.reports import CATALOGUE, Report
from footfall.ports import Column, DayInput, Format

_OPEN: Final = "open the day"
_FACTS: Final = ("links", "members")
_TEXTS: Final = {"users": "user_texts", "accounts": "account_texts", "terms": "term_texts"}
_WORDS: Final = {int(event): word for r in CATALOGUE for event, word in r.words.items()}


class DuckDBEngine:
    """``ports.Engine`` in this process.

    spill_dir: a folder for what does not fit into memory; every database has a folder of its own in it and removes
    it at the end. limits: per opened day. One database is kept for the next use until ``close``.
    """

    def __init__(self, spill_dir: Path, limits: Limits | None = None) -> None:
        self._spill_dir = spill_dir
        self._limits = limits or Limits()
        self._idle: list[Housed] = []

    def duplicates(self, files: Sequence[str]) -> pa.Array:
        """ingest_seq of every event whose (source, event_id) a lower ingest_seq of the same files has too; sorted."""
        with self._database() as database:
            database.events(files)
            batches = list(database.stream(query("duplicates_find"), 100_000, "look for duplicates"))
        chunks = [batch.column(0) for batch in batches]
        return pa.concat_arrays(chunks) if chunks else pa.array([], pa.int64())

    def activity(self, day: DayInput, path: str) -> None:
        """Write what the day adds to totals; see ``queries/activity_of_day.sql`` for its two kinds of rows."""
        with disk.drafted(Path(path)) as draft, self._database() as database:
            _load(database, day)
            database.run(
                f"COPY ({query('activity_of_day')} ORDER BY engagement NULLS FIRST, user_key, account_key NULLS FIRST) "
                f"TO {literal(str(draft))} (FORMAT parquet, COMPRESSION zstd)",
                "write the day's activity",
            )

    def open(self, day: DayInput) -> OpenedDay:
        place = self._take()
        try:
            return OpenedDay(day, place.database, partial(self._give_back, place))
        except BaseException:
            place.close()
            raise

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> Housed:
        with suppress(IndexError):  # not a look first: jobs open days in a thread of their own
            return self._idle.pop()
        return Housed.make(self._limits, self._spill_dir, "day")

    def _give_back(self, place: Housed) -> None:
        if self._idle or not place.folder.exists():
            place.close()
            return
        try:
            place.database.clear()
        except FootfallError:  # a query is still open on it, or it ran out of memory: a new one is sound
            place.close()
        else:
            self._idle.append(place)

    @contextmanager
    def _database(self) -> Iterator[Database]:
        place = self._take()
        try:
            yield place.database
        except BaseException:
            place.close()
            raise
        self._give_back(place)


class OpenedDay:
    """``ports.OpenDay``: the cube, the dimensions and the totals of one day, ready for every report."""

    def __init__(self, day: DayInput, database: Database, give_back: Callable[[], None]) -> None:
        self._day, self._custom_attributes = day.day, day.custom_attributes
        self._database = database
        self._give_back = give_back
        _load(database, day)
        dimensions.build(database, day.metadata, _WORDS)
        snapshots.take_metadata(database, day.metadata)
        snapshots.build_totals(database, day)
        hours.build(database, day)
        self._excluded = cube.excluded(database)
        cube.rank(database)
        database.forget(*_TEXTS.values(), *_FACTS)
        for name in ("users", "accounts"):
            database.take(name, getattr(day, name)())
        self._who_texts = counting.WhoTexts(database)

    def columns(self, report: Report, version: str) -> Sequence[Column]:
        """Names and printed types, custom attributes included. A format may still leave some out."""
        return tuple(Column(f.name, f.type, f.typed) for f in self._fields(report, version))

    def parts(self, report: Report, version: str, sources: Sequence[str]) -> Sequence[Part]:
        """What differs in these columns, each combination that has rows; none first, then by the bytes of texts."""
        rows = rendering.Rows(report, version, self._fields(report, version))
        divide = counting.parts if counting.serves(rows) else rendering.parts
        found = sorted(
            divide(self._database, rows, sources),
            key=lambda part: [(text is not None, (text or "").encode()) for text in part],
        )
        return [tuple(zip(sources, texts, strict=True)) for texts in found]

    def render(self, report: Report, version: str, format: Format, part: Part = ()) -> Iterator[tuple[int, memoryview]]:
        """Yield (rows, text) of the file's body: what stands between ``format.head`` and ``format.foot``."""
        kept = {(c.name, c.type) for c in format.columns(self.columns(report, version))}
        fields = [f for f in self._fields(report, version) if (f.name, f.type) in kept]
        rows = rendering.Rows(report, version, fields, part)
        date = self._day.isoformat()
        if counting.serves(rows):
            return counting.render(self._who_texts, rows, format, date)
        return rendering.render(self._database, rows, format, date)

    def values(self, report: Report, version: str, part: Part = ()) -> Iterator[pa.RecordBatch]:
        """Yield the rows as values, a column per column."""
        rows = rendering.Rows(report, version, self._fields(report, version), part)
        if counting.serves(rows):
            return counting.values(self._who_texts, rows, self._day)
        return rendering.values(self._database, rows, self._day.isoformat())

    def excluded(self) -> Mapping[str, int]:
        """no_user: events of visitors nobody knows, in no report. no_account: events that only user reports count."""
        return dict(self._excluded)

    def close(self) -> None:
        self._give_back()

    def _fields(self, report: Report, version: str) -> tuple[Field, ...]:
        return report.columns(version, self._custom_attributes.get(report.custom, ()))


def _load(database: Database, day: DayInput) -> None:
    """Make ``lake``, the people tables, ``events`` and ``cube``."""
    database.script(query("macros"))
    database.events(day.files)
    for name, table in _TEXTS.items():
        database.register(table, day.texts[name])
    for name in _FACTS:
        database.register(name, getattr(day, name))
    database.take("merges", day.merges.to_reader())  # not forgotten: it is part of ``events``
    attribution = attribute(database, to_us(day.start), to_us(day.end))
    cube.build(database, attribution)
    database.run(f"CREATE TABLE details AS {query('details_keep')}", _OPEN)
