"""The columns of many rows' events at once, where every field that has a meaning is one that needs no closer look.

What this gives is what ``rows.EventRows`` gives row by row, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from footfall.model.event import EventType
from footfall.model.imports import Columns
from footfall.model.reading import ID_CHARS_MAX, NAME_CHARS_MAX
from footfall.ports import Row
from footfall.wire.json_texts import objects
from footfall.wire.row_instants import instant, instants

_NO_TEXT: Final = pa.scalar(None, pa.string())
_NULL: Final = type(None)
_TEXT_KINDS: Final = frozenset({str, _NULL})
_WHOLE_KINDS: Final = frozenset({int, _NULL})


def wanted_of(columns: Columns) -> list[str]:
    """The columns that have a meaning."""
    single = (
        columns.timestamp, columns.identify_id, columns.anonymous_id, columns.account_id, columns.event_name,
    )  # fmt: skip
    return sorted({each for each in (*single, *columns.user.values(), *columns.account.values()) if each})


class Fields(Protocol):
    """The fields of some rows that have a meaning."""

    count: int

    def texts(self, column: str) -> Any | None:
        """A chunked array of strings, null where a row has none; None where one is anything but a text."""

    def words(self, column: str) -> Any | None:
        """As ``texts``, and whole numbers as their digits where all are."""

    def values(self, column: str) -> Sequence[Any]:
        """As they are in JSON."""


class TextFields:
    """``Fields`` of rows that are columns of texts.

    longest: bytes that one row has at most as ``Row.body``. plain: JSON of them is as settle writes it.
    """

    def __init__(self, texts: pa.Table) -> None:
        self.count = texts.num_rows
        self.longest = 0
        self.plain = True
        self._texts = texts

    def attributes(self) -> Any | None:
        """What each row says, JSON without nulls; None where that needs a closer look."""
        table = self._texts
        words = [msgspec.json.encode(name) for name in table.column_names]
        made = objects(zip(table.column_names, table.columns, strict=True), self.count)
        if made is not None:
            without = sum(len(word) + len(b":null,") for word in words) + 2
            self.longest = (pc.max(pc.binary_length(made)).as_py() or 0) + without
            self.plain = not any(b"\\u" in word for word in words)
        return made

    def texts(self, column: str) -> Any | None:
        if column in self._texts.column_names:
            return self._texts.column(column)
        return pa.chunked_array([pa.nulls(self.count, pa.string())])

    words = texts

    def values(self, column: str) -> Sequence[Any]:
        found = self.texts(column)
        return [] if found is None else found.to_pylist()


class RowFields:
    """Reads the wanted fields of rows as JSON."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = tuple(wanted)
        self._read = _reader(self._wanted) if wanted else None

    def read(self, rows: Sequence[Row]) -> ReadFields:
        """Raises ``msgspec.DecodeError`` for a number that nobody can hold."""
        if self._read is None or not rows:
            return ReadFields(len(rows), dict.fromkeys(self._wanted, ()))
        return ReadFields(len(rows), dict(zip(self._wanted, self._read(rows), strict=True)))


class ReadFields:
    """``Fields`` of rows as JSON."""

    def __init__(self, count: int, values: dict[str, Sequence[Any]]) -> None:
        self.count = count
        self._values = values

    def texts(self, column: str) -> Any | None:
        values = self._values[column]
        return _strings(values) if set(map(type, values)) <= _TEXT_KINDS else None

    def words(self, column: str) -> Any | None:
        values = self._values[column]
        if set(map(type, values)) <= _WHOLE_KINDS:
            values = [None if value is None else str(value) for value in values]
        return _strings(values) if set(map(type, values)) <= _TEXT_KINDS else None

    def values(self, column: str) -> Sequence[Any]:
        return self._values[column]

    def each(self) -> Iterable[dict[str, Any]]:
        """By row."""
        if not self._values:
            return [{} for _ in range(self.count)]
        return [dict(zip(self._values, row, strict=True)) for row in zip(*self._values.values(), strict=True)]


class Shaping:
    """Gives the columns of events. at: of those that do not say, ISO 8601."""

    def __init__(self, columns: Columns, stream: str, at: str) -> None:
        self._named = columns
        self._stream = pa.scalar(stream, pa.string())
        self._at = pa.scalar(at, pa.string())
        self._who = {
            name: column for name in ("identify_id", "anonymous_id", "account_id") if (column := getattr(columns, name))
        }

    def columns(self, fields: Fields) -> dict[str, Any] | None:
        """Those of ``row_body.SCHEMA`` but the row and its attributes; None where a row needs a closer look."""
        made: dict[str, Any] = {}
        for name, column in self._who.items():
            made[name] = _short(fields.words(column), ID_CHARS_MAX)
        made["occurred_at"] = self._when(fields)
        if not self._named.people:
            made["event_name"] = self._names(fields)
        if any(values is None for values in made.values()):
            return None
        known = self._known(made, fields.count)
        if self._named.people and not pc.all(known).as_py():
            return None
        made["type"] = self._types(known)
        if not (self._named.user or self._named.account or self._named.people):
            return made
        told = self._told(fields, known, made.get("account_id"))
        return None if told is None else made | told

    def _known(self, made: dict[str, Any], count: int) -> Any:
        found = [pc.is_valid(made[name]) for name in ("identify_id", "anonymous_id") if name in made]
        if not found:
            return pa.repeat(pa.scalar(False), count)
        return found[0] if len(found) == 1 else pc.or_(*found)

    def _types(self, known: Any) -> Any:
        some = EventType.IDENTIFY if self._named.people else EventType.CUSTOM
        return pc.if_else(known, _number(some), _number(EventType.PLATFORM_EVENT))

    def _when(self, fields: Fields) -> Any | None:
        column, told = self._named.timestamp, self._named.timestamp_format
        if not column:
            return pa.repeat(self._at, fields.count)
        texts = None if told else fields.texts(column)
        found = None if texts is None else instants(texts)
        if found is not None:
            return pc.fill_null(found, self._at)
        at = self._at.as_py()
        try:
            return _strings([instant(value, told) or at for value in fields.values(column)])
        except ValueError:
            return None

    def _names(self, fields: Fields) -> Any | None:
        if not self._named.event_name:
            return pa.repeat(self._stream, fields.count)
        found = _short(fields.words(self._named.event_name), NAME_CHARS_MAX)
        return None if found is None else pc.fill_null(found, self._stream)

    def _told(self, fields: Fields, known: Any, account_id: Any | None) -> dict[str, Any] | None:
        """What rows say of the user and the account."""
        user = _said(fields, self._named.user.items())
        if user is None:
            return None
        made = {"user": pc.if_else(known, user, _NO_TEXT)}
        if account_id is None:
            return made
        if "id" in self._named.account:
            return None
        account = _said(fields, self._named.account.items())
        whole = _said(fields, self._named.account.items(), [("id", account_id)])
        if account is None or whole is None:
            return None
        told = pc.and_(known, pc.is_valid(account_id))
        if not self._named.people:
            told = pc.and_(told, pc.is_valid(account))
        return made | {"account": pc.if_else(told, whole, _NO_TEXT)}


def _said(fields: Fields, named: Iterable[tuple[str, str]], more: Iterable[tuple[str, Any]] = ()) -> Any | None:
    found = [(name, _filled(fields.texts(column))) for name, column in named]
    if any(values is None for _, values in found):
        return None
    return objects([*found, *more], fields.count)


def _short(values: Any | None, characters: int) -> Any | None:
    """Null for what is empty; None where one is too long."""
    filled = _filled(values)
    if filled is None or (pc.max(pc.utf8_length(filled)).as_py() or 0) > characters:
        return None
    return filled


def _filled(values: Any | None) -> Any | None:
    """Null for what is empty."""
    if values is None or pc.min(pc.binary_length(values)).as_py() != 0:
        return values
    return pc.if_else(pc.equal(values, ""), _NO_TEXT, values)


def _strings(values: Sequence[str | None]) -> Any:
    return pa.chunked_array([pa.array(values, pa.string())])


def _number(kind: EventType) -> Any:
    return pa.scalar(int(kind), pa.int16())


def _reader(wanted: Sequence[str]) -> Callable[[Sequence[Row]], Iterable[Sequence[Any]]]:
    """Reads only the wanted fields of rows, by field."""
    named = {f"f{number}": column for number, column in enumerate(wanted)}
    try:
        kind = msgspec.defstruct("Wanted", [(name, Any, None) for name in named], rename=named, gc=False)
    except ValueError:  # a name that JSON escapes
        whole = msgspec.json.Decoder(list[dict[str, Any]]).decode

        def slow(rows: Sequence[Row]) -> Iterable[Sequence[Any]]:
            found = whole(_array(rows))
            return [[row.get(column) for row in found] for column in wanted]

        return slow
    rows_of: Any = list[kind]  # type: ignore[valid-type]
    read = msgspec.json.Decoder(rows_of).decode

    def quick(rows: Sequence[Row]) -> Iterable[Sequence[Any]]:
        found = read(_array(rows))
        return [[getattr(row, name) for row in found] for name in named]

    return quick


def _array(rows: Sequence[Row]) -> bytes:
    return b"[" + b",".join([row.body for row in rows]) + b"]"
