"""Events whose fields differ from row to row, without what an export hides: by its name, however deep it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import msgspec
import pyarrow as pa

from footfall.engines.database import Database
from footfall.engines.fields import escaped
from footfall.model.columns import OBJECT
from footfall.model.hiding import DROP, KEEP, Hiding
from footfall.model.manifest import FilePart
from footfall.ports import Column, EventTable, EventText

_encode: Final = msgspec.json.Encoder().encode
# Numbers stay as they were written: some are larger than any float.
_decode: Final = msgspec.json.Decoder(float_hook=lambda text: msgspec.Raw(text.encode())).decode


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
        # In a thread, whose stack is empty: what the door could read must not be too deep here.
        with ThreadPoolExecutor(1) as apart:
            for rows, text in self._events.chunks(part):
                yield rows, apart.submit(self._left, bytes(text)).result()

    def _left(self, text: bytes) -> bytes:
        return b"".join(_encode(shown(_decode(line), self._hiding)) + b"\n" for line in text.splitlines())

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
        with ThreadPoolExecutor(1) as apart:  # as above
            for table in self._events.tables(part):
                yield apart.submit(self._table, table).result()

    def _table(self, table: pa.Table) -> pa.Table:
        return pa.table({column.name: self._column(table.column(column.name), column) for column in self.columns})

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


class HiddenWithin:
    """What is told of JSON values that have one column for all that is in them: lists, and objects that are maps.

    A field in them is hidden by the name that a column of its own would have, so what is hidden does not depend on
    which columns there are, which whoever sends events decides.
    """

    def __init__(self, database: Database, hiding: Hiding) -> None:
        self._hiding = hiding
        self._names: list[Sequence[str]] = []
        database.function("told_within", self._told, ("VARCHAR", "INTEGER"))

    def sql(self, names: Sequence[str], sql: str) -> str:
        """SQL for what is told of a JSON value. names: of its column; any of them may be meant."""
        if not any(map(self._hiding.reaches, names)):
            return sql
        self._names.append(names)
        return f"told_within(({sql})::VARCHAR, {len(self._names) - 1})::JSON"

    def _told(self, texts: Any, places: Any) -> pa.Array:
        with ThreadPoolExecutor(1) as apart:  # as above
            return apart.submit(self._left, texts.to_pylist(), places.to_pylist()).result()

    def _left(self, texts: Sequence[str | None], places: Sequence[int]) -> pa.Array:
        return pa.array(map(self._value, texts, places), pa.string())

    def _value(self, text: str | None, place: int) -> str | None:
        if text is None or text.lstrip()[:1] not in ("[", "{"):
            return text
        told: bytes = _encode(shown(_decode(text), self._hiding, self._names[place]))
        return told.decode()


def shown(value: Any, hiding: Hiding, names: Sequence[str] | None = None) -> Any:
    """What is left of a JSON value, which is changed. ``hash`` and ``coarsen`` leave nothing of what is no text.

    names: that the value has, empty if it has none; a field is then hidden by one of them, a dot and its own. Without
    them it is hidden by its own alone.
    """
    todo = [(value, names)]  # and not by calling itself: clients send a thousand levels
    while todo:
        within, above = todo.pop()
        if isinstance(within, list):
            todo += [(each, above) for each in within if isinstance(each, dict | list)]
        if not isinstance(within, dict):
            continue
        for name, each in list(within.items()):
            called = None if above is None else [f"{one}.{escaped(name)}" if one else escaped(name) for one in above]
            action = next((a for a in map(hiding.action, called or [name]) if a != KEEP), KEEP)
            if action == KEEP:
                todo += [(each, called)] if isinstance(each, dict | list) else []
            elif action != DROP and isinstance(each, str) and (text := hiding.text(action, each)) is not None:
                within[name] = text
            else:
                del within[name]
    return value
