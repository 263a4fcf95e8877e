"""The lake: every usable event, by local day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Span:
    """A file of the lake and the lowest and highest ingest_seq in it."""

    path: str
    first_seq: int
    last_seq: int


class Lake(Protocol):
    """The settled events, partitioned by local day.

    1. ``append`` commits rows and position together or not at all; a crash repeats nothing and loses nothing.
    2. ``append`` whose ``position`` is not beyond the current one raises ``Conflict`` and changes nothing.
    3. A reader that listed files keeps a consistent view until the files are vacuumed.
    4. ``add``, ``drop`` and ``compact`` change neither the position nor the rows they were not told to drop.
    5. No identity, name or address is in a file or in a statistic of the table.
    6. ``append`` and ``add`` of rows whose ``ingest_seq`` is below ``next_seq`` raise ``Conflict`` and change nothing:
       somebody else was faster. Number the rows anew.
    """

    def append(self, rows: pa.Table, position: int) -> None: ...

    def add(self, rows: pa.Table) -> None:
        """Rows beside what comes from the log: together or not at all, and the position stays."""

    def position(self) -> int:
        """Where in the log settle must go on; 0 for a new lake."""

    def next_seq(self) -> int: ...

    def days(self) -> Mapping[date, int]:
        """Rows per local day."""

    def files(self, day: date) -> Sequence[str]:
        """The Parquet files of the day, readable by any engine, sorted."""

    def crowded(self, files: int) -> Sequence[date]:
        """Days that lie in more than ``files`` files, oldest first: worth a ``compact``."""

    def recent(self, rows: int) -> Iterator[pa.RecordBatch]:
        """``source`` (term key) and ``event_id`` of about the last ``rows`` stored events, oldest first."""

    def after(self, ingest_seq: int, limit: int) -> pa.Table:
        """The first ``limit`` stored events beyond ``ingest_seq``, in its order, in the columns of the lake."""

    def spans(self, from_seq: int, to_seq: int) -> Sequence[Span]:
        """The files that may hold events ``from_seq <= ingest_seq < to_seq``, by first_seq and path."""

    def drop(self, day: date, ingest_seqs: pa.Array) -> None: ...

    def compact(self, day: date) -> None: ...
