"""Windows: the events since the last run, by position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa

    from footfall.model.event import EventType
    from footfall.model.manifest import FilePart
    from footfall.model.windows import Window, Written
    from footfall.ports.lake import Span
    from footfall.ports.reports import Column


@dataclass(frozen=True, slots=True)
class EventSelection:
    """Events ``from_seq <= ingest_seq < to_seq`` that lie in ``spans``.

    sources: names; None for all. types: None for all. start, end: bounds of ``occurred_at``, UTC, end exclusive.
    divided_by: of ``model.key_templates.DIVIDERS``, what the events of one file have in common; none for one file.
    """

    spans: Sequence[Span]
    from_seq: int
    to_seq: int
    sources: Sequence[str] | None = None
    types: Sequence[EventType] | None = None
    start: datetime | None = None
    end: datetime | None = None
    divided_by: Sequence[str] = ()


class EventText(Protocol):
    """The text of the files of a selection of events, each in the order of ingest_seq; close it.

    1. The same events give the same files, in the same order, with the same bytes.
    2. Memory stays within the configured limit however many events there are.
    3. Each event is in one file. Without ``EventSelection.divided_by`` there is one, of the part ``()``, with events or
       not; else one for each combination of texts that occurs.

    columns: as printed, of every file; empty when every row may have its own. rows: events in all of them.
    parts: which files there are, and the events in each.
    """

    columns: Sequence[Column]
    rows: int
    parts: Mapping[FilePart, int]

    def chunks(self, part: FilePart = ()) -> Iterator[tuple[int, memoryview | bytes]]:
        """Yield (rows, text) of a file, everything around the rows included. A piece stays as it is for as long
        as somebody holds it: several are compressed at once."""

    def close(self) -> None: ...


class EventTable(Protocol):
    """The rows of files of events as columns, each file in the order of ingest_seq; close it. Promises and attributes
    as of ``EventText``."""

    columns: Sequence[Column]
    rows: int
    parts: Mapping[FilePart, int]

    def tables(self, part: FilePart = ()) -> Iterator[pa.Table]:
        """Yield tables of bounded size, a column for each of ``columns``, named as printed."""

    def close(self) -> None: ...


class Windows(Protocol):
    """Which events each job has delivered, as windows of ingest_seq.

    1. Windows of a job are numbered 1, 2, 3 … and each begins where the one before it ends; the first at event 1.
    2. A window that was fixed never changes its bounds, its instant or its mark, and the next one is not fixed before
       it is closed: ``fix`` returns the open one, whatever is asked.
    3. ``fix`` with the mark of a closed window returns that window; an empty mark matches none.
    4. What is noted replaces what an earlier try noted. A closed window takes no note: ``Conflict``.
    5. ``close`` remembers what the window it is given says was written. It may be repeated with the same manifest;
       another one is a ``Conflict``.
    """

    def fix(self, job: str, to_seq: int, at: datetime, mark: str = "") -> Window:
        """The window to deliver now: the open one, the one of ``mark``, else a new one up to ``to_seq``."""

    def note(self, window: Window, written: Written | None) -> Window:
        """Remember what is about to be visible; None when nothing is after all."""

    def close(self, window: Window, manifest_key: str = "", manifest_sha256: str = "") -> Window:
        """Done: the manifest is there, or the window is empty."""

    def last(self, job: str) -> Window | None: ...

    def delivered_to(self, job: str) -> int:
        """Where the last window with a manifest ended; 1 when there is none. Empty windows beyond are not counted."""

    def all(self, job: str) -> Sequence[Window]: ...
