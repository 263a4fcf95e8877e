"""Events whose fields differ from row to row, without what an export hides: by its name, however deep it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import pyarrow as pa

from footfall.model.columns import OBJECT
from footfall.model.hiding import DROP, KEEP, Hiding
from footfall.model.manifest import FilePart
from footfall.ports import Column, EventTable, EventText

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


def hidden_lines(events: EventText, hiding: Hiding | None) -> EventText:
    """Lines of JSON objects without what is hidden; the same ones when nothing is."""
    return events if hiding is None else HiddenLines(events, hiding)


def hidden_table(events: EventTable, hiding: Hiding | None) -> EventTable:
    """Columns without what is hidden; the same ones when nothing is."""
    return events if hiding is None else HiddenTable(events, hiding)


class HiddenLines:
    """``ports.EventText`` of another that has a JSON object in each line."""

    columns: Sequence[Column] = ()

    def __init__(self, events: EventText, hiding: Hiding) -> None:
        self._events, self._hiding = events, hiding
        self.rows, self.parts = events.rows, events.parts

    def chunks(self, part: FilePart = ()) -> Iterator[tuple[int, memoryview | bytes]]:
        """Yield (rows, text) of a file."""
        for rows, text in self._events.chunks(part):
            lines = bytes(text).splitlines()
            yield rows, b"".join(_encode(shown(_decode(line), self._hiding)) + b"\n" for line in lines)

    def close(self) -> None:
        self._events.close()


class HiddenTable:
    """``ports.EventTable`` of another; what is in its objects is hidden, too."""

    def __init__(self, events: EventTable, hiding: Hiding) -> None:
        self._events, self._hiding = events, hiding
        self.rows, self.parts = events.rows, events.parts
        self._actions = {
            column.name: action
            for column in events.columns
            if (action := hiding.checked(column.name, column.type)) != DROP
        }
        self.columns: Sequence[Column] = tuple(column for column in events.columns if column.name in self._actions)

    def tables(self, part: FilePart = ()) -> Iterator[pa.Table]:
        """Yield the rows, a column for each of ``columns``."""
        for table in self._events.tables(part):
            yield pa.table({column.name: self._column(table.column(column.name), column) for column in self.columns})

    def _column(self, values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray | pa.Array:
        action = self._actions[column.name]
        if column.type == OBJECT:
            objects = (None if each is None else shown(_decode(each), self._hiding) for each in values.to_pylist())
            return pa.array([None if each in (None, {}) else _encode(each).decode() for each in objects], pa.string())
        if action == KEEP:
            return values
        return pa.array([self._hiding.text(action, each) for each in values.to_pylist()], pa.string())

    def close(self) -> None:
        self._events.close()


def shown(value: Any, hiding: Hiding) -> Any:
    """What is left of a JSON value. Of what is no text nothing is left by ``hash`` and ``coarsen``."""
    if isinstance(value, list):
        return [shown(each, hiding) for each in value]
    if not isinstance(value, dict):
        return value
    left = {}
    for name, each in value.items():
        action = hiding.action(name)
        if action == KEEP:
            left[name] = shown(each, hiding)
        elif action != DROP and isinstance(each, str) and (text := hiding.text(action, each)) is not None:
            left[name] = text
    return left
