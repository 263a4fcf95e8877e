"""Rows of files to events: what a row says goes into ``attributes`` as it is, named columns get a meaning.

A row without a user is a platform event, named after its stream. The event's id is the import's and the row's number.

Rows are many and mostly alike, so they are looked at by column (``row_columns``). Where a column has anything that
needs a closer look, its rows are looked at one by one (here), which gives the same and names what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import pyarrow as pa

from footfall.errors import BadRecord, Refused
from footfall.model.event import WORDS
from footfall.model.imports import BAD_TEXT_CHARS, Columns
from footfall.model.reading import EVENT_BYTES_MAX, ID_CHARS_MAX, NAME_CHARS_MAX
from footfall.ports import BadRow, BodyRows, Row, TextRows
from footfall.wire import row_body
from footfall.wire.row_body import RowEvent
from footfall.wire.row_columns import ReadFields, RowFields, Shaping, TextFields, wanted_of
from footfall.wire.row_instants import instant

_encode: Final = msgspec.json.Encoder().encode
_INT64: Final = 1 << 63
_EMPTY: Final = (None, "")
_AROUND_BYTES: Final = 8_192  # that an event has at most beside what its row says

Made = tuple[bytes, int, list[BadRow]]


class EventRows:
    """See ``ports.RowEvents``. import_id, at: of the import; ``at`` is when rows happened that do not say.

    Every event it makes is one that ``wire.native`` would take.
    """

    def __init__(self, import_id: str, stream: str, at: datetime, columns: Columns) -> None:
        if not 0 < len(stream) <= NAME_CHARS_MAX:
            raise Refused(f"the name of a stream has 1 to {NAME_CHARS_MAX} characters", "Choose another one")
        self.dialect = row_body.NAME
        self.columns: Sequence[str] = wanted_of(columns)
        self._named = columns
        self._stream = stream
        self._at = at.isoformat()
        self._id = f"{import_id}-"
        self._who = columns.identify_id or columns.anonymous_id
        self._tells = bool(columns.user or columns.account or columns.people)
        self._fields = RowFields(self.columns)
        self._shaping = Shaping(columns, stream, self._at)
        # A row that is not longer makes no event that is too long, though each column with a meaning is said again.
        told = 6 + len(columns.user) + len(columns.account)
        self._sure_bytes = (EVENT_BYTES_MAX - _AROUND_BYTES) // (1 + (told if self.columns else 0))

    def events(self, rows: Sequence[Row]) -> Made:
        """See ``ports.RowEvents.events``."""
        made = None
        if isinstance(rows, TextRows):
            made = self._of_texts(rows)
        elif isinstance(rows, BodyRows):
            made = self._of_bodies(rows)
        return self._of_rows(rows) if made is None else made

    def _of_texts(self, rows: TextRows) -> Made | None:
        """By column, without a row ever made; None when one of them needs a closer look."""
        fields = TextFields(rows.texts)
        attributes = fields.attributes()
        if attributes is None or fields.longest > self._sure_bytes:
            return None
        columns = self._shaping.columns(fields)
        if columns is None:
            return None
        columns |= {"row": pa.arange(rows.first, rows.first + len(rows)), "attributes": attributes}
        return self._body(columns, fields.plain), len(rows), []

    def _of_bodies(self, rows: BodyRows) -> Made | None:
        """The same of rows whose bodies are there already."""
        if max(map(len, rows.bodies), default=0) > self._sure_bytes:
            return None
        columns = self._shaping.columns(ReadFields(len(rows), {name: rows.values(name) for name in self.columns}))
        if columns is None:
            return None
        columns |= {"row": pa.arange(rows.first, rows.first + len(rows)), "attributes": row_body.joined(rows.bodies)}
        return self._body(columns, plain=False), len(rows), []

    def _of_rows(self, rows: Sequence[Row]) -> Made:
        bad: list[BadRow] = []
        fine = [row for row in rows if len(row.body) <= self._sure_bytes or self._is_short(row, bad)]
        try:
            fields = self._fields.read(fine)
        except msgspec.DecodeError:  # somewhere is a number that JSON has and we have not, such as 1e400
            return self._one_by_one(rows)
        columns = self._shaping.columns(fields)
        if columns is None:
            fine, columns = self._looked_at(fine, fields, bad)
        if not fine:
            return b"", 0, bad
        columns |= {
            "row": pa.array([row.number for row in fine], pa.int64()),
            "attributes": row_body.joined([row.body for row in fine]),
        }
        return self._body(columns, plain=False), len(fine), bad

    def _body(self, columns: dict[str, Any], plain: bool) -> bytes:
        return row_body.written(columns, prefix=self._id, plain=plain)

    def _looked_at(
        self, rows: Sequence[Row], fields: ReadFields, bad: list[BadRow]
    ) -> tuple[list[Row], dict[str, Any]]:
        """Each row by itself: those that can be used, and their columns."""
        fine, made = [], []
        for row, said in zip(rows, fields.each(), strict=True):
            try:
                made.append(self._event(row, said))
                fine.append(row)
            except BadRecord as error:
                bad.append(_bad(row, error))
        texts = {
            name: [_text(getattr(event, name)) for event in made]
            for name in ("occurred_at", "event_name", "identify_id", "anonymous_id", "account_id")
        }
        texts |= {name: [_json(getattr(event, name)) for event in made] for name in ("user", "account")}
        columns: dict[str, Any] = {name: pa.array(values, pa.string()) for name, values in texts.items()}
        return fine, columns | {"type": pa.array([WORDS[event.type] for event in made], pa.int16())}

    def _one_by_one(self, rows: Sequence[Row]) -> Made:
        """Without those whose fields cannot be read."""
        fine, bad = [], []
        for row in rows:
            try:
                self._fields.read([row])
                fine.append(row)
            except msgspec.DecodeError:
                bad.append(_bad(row, BadRecord("bad_value", "A number is larger than any that can be kept")))
        body, count, more = self._of_rows(fine)
        return body, count, [*bad, *more]

    def _is_short(self, row: Row, bad: list[BadRow]) -> bool:
        """Is the event of a long row one that may be? Raises nothing; a row that is too long goes to ``bad``."""
        try:
            (said,) = self._fields.read([row]).each()
            size = len(_encode(self._event(row, said)))
        except (BadRecord, msgspec.DecodeError):
            return True  # which is found again
        if size > EVENT_BYTES_MAX:
            error = BadRecord("too_large", f"The row's event has more than {EVENT_BYTES_MAX} bytes")
            bad.append(_bad(row, error))
            return False
        return True

    def _event(self, row: Row, said: dict[str, Any]) -> RowEvent:
        columns = self._named
        event = RowEvent(
            "platform_event",
            self._id + str(row.number),
            self._when(said) if columns.timestamp else self._at,
            None if columns.people else self._name(said) if columns.event_name else self._stream,
            _identity(said[columns.identify_id], columns.identify_id) if columns.identify_id else None,
            _identity(said[columns.anonymous_id], columns.anonymous_id) if columns.anonymous_id else None,
            _identity(said[columns.account_id], columns.account_id) if columns.account_id else None,
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
            _tell(event, said, columns)
        return event

    def _when(self, said: dict[str, Any]) -> str:
        column = self._named.timestamp
        value = said[column]
        try:
            return instant(value, self._named.timestamp_format) or self._at
        except ValueError as error:
            raise BadRecord("bad_timestamp", f"'{column}' is no instant: {str(value)[:100]!r}", field=column) from error

    def _name(self, said: dict[str, Any]) -> str:
        column = self._named.event_name
        value = said[column]
        if value in _EMPTY:
            return self._stream
        name = value if isinstance(value, str) else _encode(value).decode()
        if len(name) > NAME_CHARS_MAX:
            raise BadRecord("too_long", f"'{column}' has more than {NAME_CHARS_MAX} characters", field=column)
        return name


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


def _tell(event: RowEvent, said: dict[str, Any], columns: Columns) -> None:
    """Say what the row says of the user and of the account; a field that is empty says nothing."""
    user = {name: value for name, column in columns.user.items() if (value := said[column]) not in _EMPTY}
    if user:
        event.user = user
    if event.account_id is not None:
        account = {name: value for name, column in columns.account.items() if (value := said[column]) not in _EMPTY}
        if account or columns.people:
            event.account = account | {"id": event.account_id}


def _text(value: str | int | None) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def _json(value: object) -> str | None:
    return None if value is None else _encode(value).decode()


def _bad(row: Row, error: BadRecord) -> BadRow:
    shown = row.body.decode("utf-8", "replace")[:BAD_TEXT_CHARS]
    return BadRow(row.number, row.line, error.field, error.code, error.what, shown)
