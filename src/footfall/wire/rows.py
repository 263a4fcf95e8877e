"""Rows of files to native events: what a row says goes into ``attributes`` as it is, named columns get a meaning.

A row without a user is a platform event, named after its stream. The event's id is the import's and the row's number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from footfall.errors import BadRecord, Refused
from footfall.model.imports import Columns
from footfall.model.reading import EVENT_BYTES_MAX, ID_CHARS_MAX, NAME_CHARS_MAX
from footfall.ports import Row
from footfall.wire.row_instants import instant

_encode: Final = msgspec.json.Encoder().encode
_INT64: Final = 1 << 63
_EMPTY: Final = (None, "")

Fields = Mapping[str, Any]


class NativeRows:
    """See ``ports.RowEvents``. import_id, at: of the import; ``at`` is when rows happened that do not say.

    Every event it makes is one that ``wire.native`` takes.
    """

    def __init__(self, import_id: str, stream: str, at: datetime, columns: Columns) -> None:
        if not 0 < len(stream) <= NAME_CHARS_MAX:
            raise Refused(f"the name of a stream has 1 to {NAME_CHARS_MAX} characters", "Choose another one")
        self._named = columns
        self._stream = stream
        self._at = at.isoformat()
        self._id = f"{import_id}-"
        self._who = [
            (name, column)
            for name, column in (("identify_id", columns.identify_id), ("anonymous_id", columns.anonymous_id))
            if column
        ]
        self._tells = bool(columns.user or columns.account or columns.people)
        self.columns: Sequence[str] = _wanted(columns)
        self._read = _reader(self.columns)
        same = {"type": "platform_event", "event_name": stream, "occurred_at": self._at, "event_id": self._id}
        # A row that nobody asks anything of is not even looked into.
        self._head = b"" if self.columns else _encode(same).removesuffix(b'"}')

    def event(self, row: Row) -> bytes:
        if self._head:
            text = b'%b%d","attributes":%b}' % (self._head, row.number, row.body)
        else:
            text = self._with_meaning(row)
        if len(text) > EVENT_BYTES_MAX:
            raise BadRecord("too_large", f"The row's event has more than {EVENT_BYTES_MAX} bytes")
        return text

    def _with_meaning(self, row: Row) -> bytes:
        columns, fields = self._named, self._read(row.body)
        event: dict[str, Any] = {"event_id": self._id + str(row.number)}
        event["occurred_at"] = self._when(fields) if columns.timestamp else self._at
        known = False
        for name, column in self._who:
            if (who := _identity(fields[column], column)) is not None:
                event[name] = who
                known = True
        account = _identity(fields[columns.account_id], columns.account_id) if columns.account_id else None
        if account is not None:
            event["account_id"] = account
        if columns.people:
            if not known:
                raise BadRecord("missing_user", f"'{self._who[0][1]}' is empty", field=self._who[0][1])
            event["type"] = "identify"
        else:
            event["type"] = "custom" if known else "platform_event"
            event["event_name"] = self._name(fields) if columns.event_name else self._stream
        if known and self._tells:
            event |= _about(fields, columns, account)
        event["attributes"] = msgspec.Raw(row.body)
        try:
            return _encode(event)
        except OverflowError as error:
            raise BadRecord("bad_value", "A number of an attribute has more than 64 bits") from error

    def _when(self, fields: Fields) -> str:
        column = self._named.timestamp
        value = fields[column]
        try:
            return instant(value, self._named.timestamp_format) or self._at
        except ValueError as error:
            raise BadRecord("bad_timestamp", f"'{column}' is no instant: {str(value)[:100]!r}", field=column) from error

    def _name(self, fields: Fields) -> str:
        column = self._named.event_name
        value = fields[column]
        if value in _EMPTY:
            return self._stream
        name = value if isinstance(value, str) else _encode(value).decode()
        if len(name) > NAME_CHARS_MAX:
            raise BadRecord("too_long", f"'{column}' has more than {NAME_CHARS_MAX} characters", field=column)
        return name


def _wanted(columns: Columns) -> list[str]:
    """The columns that have a meaning."""
    single = (
        columns.timestamp, columns.identify_id, columns.anonymous_id, columns.account_id, columns.event_name,
    )  # fmt: skip
    return sorted({each for each in (*single, *columns.user.values(), *columns.account.values()) if each})


def _reader(wanted: Iterable[str]) -> Callable[[bytes], Fields]:
    """Reads only the wanted fields of a row."""
    named = {f"f{number}": column for number, column in enumerate(wanted)}
    try:
        kind = msgspec.defstruct("Wanted", [(name, Any, None) for name in named], rename=named, gc=False)
    except ValueError:  # a name that JSON escapes
        whole = msgspec.json.Decoder(dict[str, Any]).decode
        return lambda body: dict.fromkeys(named.values()) | whole(body)
    read = msgspec.json.Decoder(kind).decode
    columns = tuple(named.values())
    return lambda body: dict(zip(columns, msgspec.structs.astuple(read(body)), strict=True))


def _identity(value: Any, column: str) -> str | int | None:
    """Who is named; None where the field is empty."""
    if type(value) is str and 0 < len(value) <= ID_CHARS_MAX:  # nearly always
        return value
    if value in _EMPTY:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadRecord("bad_type", f"'{column}' is neither text nor a whole number", field=column)
    if isinstance(value, int) and -_INT64 <= value < _INT64:
        return value
    text = str(value)
    if len(text) > ID_CHARS_MAX:
        raise BadRecord("too_long", f"'{column}' has more than {ID_CHARS_MAX} characters", field=column)
    return text


def _about(fields: Fields, columns: Columns, account: str | int | None) -> dict[str, Any]:
    """What the row tells of the user and of the account; a field that is empty tells nothing."""
    told: dict[str, Any] = {}
    user = {name: value for name, column in columns.user.items() if (value := fields[column]) not in _EMPTY}
    if user:
        told["user"] = user
    if account is not None:
        of_account = {
            name: value for name, column in columns.account.items() if (value := fields[column]) not in _EMPTY
        }
        if of_account or columns.people:
            told["account"] = of_account | {"id": account}
    return told
