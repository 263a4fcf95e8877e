"""Files of events with types: the rows of an engine through a format, seen by a flow as any other text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from footfall.model.columns import LONG, MOMENT
from footfall.ports import Column

if TYPE_CHECKING:
    from footfall.model.manifest import FilePart
    from footfall.ports import EventTable, EventText, TableFormat

# Of columns that are the same in every file; whatever a client sends is a String.
ACTIVITY_TYPES: Final[Mapping[str, str]] = {"timestamp": MOMENT, "received_at": MOMENT, "step_number": LONG}


class EventFile:
    """``ports.EventText`` of a file with types. types: by the names of columns. about: goes into the file."""

    def __init__(
        self, events: EventTable, format: TableFormat, types: Mapping[str, str], about: Mapping[str, str]
    ) -> None:
        self._events, self._format, self._about = events, format, about
        self._given = [replace(column, typed=types.get(column.name, column.typed)) for column in events.columns]
        self.columns: Sequence[Column] = format.columns(self._given)
        self.rows, self.parts = events.rows, events.parts

    def chunks(self, part: FilePart = ()) -> Iterator[tuple[int, memoryview | bytes]]:
        """Yield (rows, bytes) of a file."""
        yield from self._format.file(self._given, self._events.tables(part), self._about)

    def close(self) -> None:
        self._events.close()


def typed(events: EventTable, types: Mapping[str, str], export: str, job: str) -> EventText:
    """A Parquet file of events. types: see ``EventFile``. export: its kind."""
    from footfall.formats.parquet_rows import ParquetRows

    return EventFile(events, ParquetRows(), types, {"export": export, "job": job})
