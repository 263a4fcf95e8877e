"""Reports: one closed day as rows, and rows as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    import pyarrow as pa

    from footfall.model.days import Zone
    from footfall.model.metadata import Metadata
    from footfall.model.report import Part
    from footfall.model.reports import Report


@dataclass(frozen=True, slots=True)
class DayInput:
    """All that the reports of one day are made of.

    start, end: the day's bounds, UTC. files: the day's events in the lake. activity: one file per earlier day with
    what each user did (see ``Engine.activity``), for the totals of the snapshots.
    users, accounts, links, merges, members, texts: as ``People`` gives them, the snapshots as of ``day``, read
    when the day is opened.
    """

    day: date
    start: datetime
    end: datetime
    zone: Zone
    files: Sequence[str]
    activity: Mapping[date, str]
    users: Callable[[], pa.RecordBatchReader]
    accounts: Callable[[], pa.RecordBatchReader]
    links: pa.Table
    merges: pa.Table
    members: pa.Table
    texts: Mapping[str, pa.Table]
    metadata: Metadata
    custom_attributes: Mapping[str, Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file as written: name and type as printed in the source documents.

    typed: the type in a file that has types, where it is another one (see ``model.columns.Field``).
    """

    name: str
    type: str
    typed: str = ""


class Format(Protocol):
    """How rows become text. Text is built by the engine, so a format is expressions, not a loop.

    1. Every row the engine renders parses back to the same values, for any Unicode a value may hold.
    2. A null is: nothing between two commas (CSV), an absent key (JSON), an absent element (XML). An empty string is
       not.
    3. ``columns`` may drop what the format cannot carry (``globalContext`` in CSV).
    4. A row put together from pieces has the same text as one from ``row``.
    """

    name: str
    opening: str
    closing: str

    def columns(self, columns: Sequence[Column]) -> Sequence[Column]: ...

    def head(self, columns: Sequence[Column], report: str, version: str, day: date) -> bytes: ...

    def foot(self) -> bytes: ...

    def field(self, column: Column, sql: str) -> str:
        """SQL for the text of one value of ``column``; NULL in, NULL out."""

    def row(self, fields: Sequence[str]) -> str:
        """SQL that joins the texts of one row's fields, line end included."""

    def piece(self, field: str, first: bool) -> str:
        """SQL for what a field adds to a row that is put together outside of SQL: ``opening``, pieces, ``closing``.

        The first field of such a row is never null; a piece never is.
        """


@runtime_checkable
class TableFormat(Protocol):
    """How typed rows become a file with types.

    1. The same rows give the same bytes, however they are cut into batches.
    2. Every value comes back, for any Unicode a text may hold; a null is a null.
    3. Memory is that of a part of the file of bounded size.
    4. ``columns`` says the types that the file has.
    """

    name: str

    def columns(self, columns: Sequence[Column]) -> Sequence[Column]: ...

    def file(
        self, columns: Sequence[Column], batches: Iterable[pa.RecordBatch | pa.Table], about: Mapping[str, str]
    ) -> Iterator[tuple[int, bytes]]:
        """Yield (rows, bytes) of the file. batches: a column per column, in order. about: goes into the file.

        An instant, a day or a number may come as its text.
        """


class OpenDay(Protocol):
    """A day opened for reporting: its events scanned once, every report asked from the result.

    part: only its rows are meant. One thread may read several of ``render`` and ``values`` in turns. Each needs memory
    of its own: of 20 M events two may not fit.
    """

    def columns(self, report: Report, version: str) -> Sequence[Column]: ...

    def parts(self, report: Report, version: str, sources: Sequence[str]) -> Sequence[Part]:
        """The parts that the rows have by the texts in the columns of these sources, sorted; none without rows.

        An empty text counts as none.
        """

    def render(
        self, report: Report, version: str, format: Format, part: Part = ()
    ) -> Iterator[tuple[int, memoryview | bytes]]:
        """Yield (rows, text) in the report's ``order``, as UTF-8 bytes; same input, same text."""

    def values(self, report: Report, version: str, part: Part = ()) -> Iterator[pa.RecordBatch]:
        """Yield the rows in the report's ``order``, a column per column, in the types that typed files have."""

    def excluded(self) -> Mapping[str, int]:
        """Of all events of the day: those of nobody (``no_user``), and of users without account (``no_account``)."""

    def close(self) -> None: ...


class Engine(Protocol):
    """Counts and renders. Every instant it sees is a UTC literal; no zone function runs inside an engine.

    1. Two runs over the same rows give the same bytes, whatever the order of rows, files and threads.
    2. Memory stays within the configured limit however many events the day has; the rest spills to disk.
    """

    def duplicates(self, files: Sequence[str]) -> pa.Array:
        """ingest_seq of every event whose (source, event_id) a lower ingest_seq of the same files has too."""

    def activity(self, day: DayInput, path: str) -> None:
        """Write one Parquet row per user active on the day: user_key, account_key, visits, web_visits, seen_at, events,
        and the VIEWED executions per engagement. Replaces the file at once or not at all. Of ``day`` it needs
        neither snapshots nor metadata."""

    def open(self, day: DayInput) -> OpenDay: ...
