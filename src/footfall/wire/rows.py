"""Rows of files to native events: what a row says goes into ``attributes`` as it is, named columns get a meaning.

A row without a user is a platform event, named after its stream. The event's id is the import's and the row's number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from footfall.errors import BadRecord, Refused
from footfall.model.imports import BAD_TEXT_CHARS, Columns
from footfall.model.reading import EVENT_BYTES_MAX, ID_CHARS_MAX, NAME_CHARS_MAX
from footfall.ports import BadRow, Row
from footfall.wire.row_instants import instant

_encode: Final = msgspec.json.Encoder().encode
_INT64: Final = 1 << 63
_EMPTY: Final = (None, "")
_AROUND_BYTES: Final = 8_192  # that an event has at most beside what its row says

Fields = Mapping[str, Any]


class _Event(msgspec.Struct, omit_defaults=True, gc=False):
    """What is said of a row, in the words of ``wire.native``."""

    type: str
    event_id: str
    occurred_at: str
    event_name: str | None = None
    identify_id: str | int | None = None
    anonymous_id: str | int | None = None
    account_id: str | int | None = None
    user: dict[str, Any] | None = None
    account: dict[str, Any] | None = None
    attributes: msgspec.Raw | None = None


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
        self._who = columns.identify_id or columns.anonymous_id
        self._tells = bool(columns.user or columns.account or columns.people)
        self.columns: Sequence[str] = _wanted(columns)
        self._read = _reader(self.columns)
        # A row that is not longer makes no event that is too long, though each column with a meaning is said again.
        told = 6 + len(columns.user) + len(columns.account)
        self._sure_bytes = (EVENT_BYTES_MAX - _AROUND_BYTES) // (1 + (told if self.columns else 0))
        same = {"type": "platform_event", "event_name": stream, "occurred_at": self._at, "event_id": self._id}
        # A row that nobody asks anything of is not even looked into.
        self._head = b"" if self.columns else _encode(same).removesuffix(b'"}')

    def events(self, rows: Sequence[Row]) -> tuple[bytes, int, list[BadRow]]:
        """See ``ports.RowEvents.events``. Read and written all at once, which halves the time."""
        bad: list[BadRow] = []
        fine = [row for row in rows if len(row.body) <= self._sure_bytes or self._is_short(row, bad)]
        if self._head:
            head = self._head
            texts = [b'%b%d","attributes":%b}' % (head, number, body) for number, _, body in fine]
            return b"[" + b",".join(texts) + b"]", len(texts), bad
        try:
            read = self._read(fine)
        except msgspec.DecodeError:  # somewhere is a number that JSON has and we have not, such as 1e400
            return self._one_by_one(rows)
        made = []
        for row, fields in zip(fine, read, strict=True):
            try:
                made.append(self._event(row, fields))
            except BadRecord as error:
                bad.append(_bad(row, error))
        return _encode(made), len(made), bad

    def _one_by_one(self, rows: Sequence[Row]) -> tuple[bytes, int, list[BadRow]]:
        if len(rows) == 1:
            return b"[]", 0, [_bad(rows[0], BadRecord("bad_value", "A number is larger than any that can be kept"))]
        parts = [self.events([row]) for row in rows]
        texts = [text[1:-1] for text, count, _ in parts if count]
        return b"[" + b",".join(texts) + b"]", len(texts), [row for _, _, bad in parts for row in bad]

    def _is_short(self, row: Row, bad: list[BadRow]) -> bool:
        """Is the event of a long row one that may be? Raises nothing; a row that is too long goes to ``bad``."""
        body = row.body
        try:
            size = (
                len(self._head) + len(body) + 40 if self._head else len(_encode(self._event(row, *self._read([row]))))
            )
        except (BadRecord, msgspec.DecodeError):
            return True  # which is found again
        if size > EVENT_BYTES_MAX:
            error = BadRecord("too_large", f"The row's event has more than {EVENT_BYTES_MAX} bytes")
            bad.append(_bad(row, error))
            return False
        return True

    def _event(self, row: Row, fields: Fields) -> _Event:
        columns = self._named
        event = _Event(
            "platform_event",
            self._id + str(row.number),
            self._when(fields) if columns.timestamp else self._at,
            None if columns.people else self._name(fields) if columns.event_name else self._stream,
            _identity(fields[columns.identify_id], columns.identify_id) if columns.identify_id else None,
            _identity(fields[columns.anonymous_id], columns.anonymous_id) if columns.anonymous_id else None,
            _identity(fields[columns.account_id], columns.account_id) if columns.account_id else None,
        )
        event.attributes = msgspec.Raw(row.body)
        known = event.identify_id is not None or event.anonymous_id is not None
        if columns.people:
            if not known:
                raise BadRecord("missing_user", f"'{self._who}' is empty", field=self._who)
            event.type = "identify"
        elif known:
            event.type = "custom"
        if known and self._tells:
            _tell(event, fields, columns)
        return event

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


def _reader(wanted: Iterable[str]) -> Callable[[Sequence[Row]], list[Fields]]:
    """Reads only the wanted fields of rows."""
    named = {f"f{number}": column for number, column in enumerate(wanted)}
    columns = tuple(named.values())
    try:
        kind = msgspec.defstruct("Wanted", [(name, Any, None) for name in named], rename=named, gc=False)
    except ValueError:  # a name that JSON escapes
        whole = msgspec.json.Decoder(list[dict[str, Any]]).decode
        return lambda rows: [dict.fromkeys(columns) | found for found in whole(_array(rows))]
    rows_of: Any = list[kind]  # type: ignore[valid-type]
    read, values = msgspec.json.Decoder(rows_of).decode, msgspec.structs.astuple
    return lambda rows: [dict(zip(columns, values(found), strict=True)) for found in read(_array(rows))]


def _array(rows: Sequence[Row]) -> bytes:
    return b"[" + b",".join([row.body for row in rows]) + b"]"


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


def _tell(event: _Event, fields: Fields, columns: Columns) -> None:
    """Say what the row says of the user and of the account; a field that is empty says nothing."""
    user = {name: value for name, column in columns.user.items() if (value := fields[column]) not in _EMPTY}
    if user:
        event.user = user
    if event.account_id is not None:
        account = {name: value for name, column in columns.account.items() if (value := fields[column]) not in _EMPTY}
        if account or columns.people:
            event.account = account | {"id": event.account_id}


def _bad(row: Row, error: BadRecord) -> BadRow:
    shown = row.body.decode("utf-8", "replace")[:BAD_TEXT_CHARS]
    return BadRow(row.number, row.line, error.field, error.code, error.what, shown)
