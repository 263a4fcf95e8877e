"""Rows about users or accounts to native events, as the writes of PX's REST API are (``wire.px``).

The values of a row are made to fit their attributes, so that a row that does not fit is told by line and column.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from footfall.errors import BadRecord
from footfall.model.attribute_definitions import MAP, SET, AttributeDefinition
from footfall.model.attributes import ATTRIBUTES, COERCIONS, Type, as_date, named
from footfall.model.date_formats import read_date
from footfall.model.imports import BAD_TEXT_CHARS
from footfall.model.people_loading import PeopleLoading
from footfall.model.reading import EVENT_BYTES_MAX, ID_CHARS_MAX
from footfall.ports import BadRow, Row
from footfall.wire.px import WRITTEN

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_EMPTY: Final = (None, "")
_DATES: Final = (Type.DATE, "DATE_TIME")
_SHOWN_CHARS: Final = 100
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Said:
    """What a row says. account: the id of the user's, or empty. values: by the name of the attribute."""

    row: Row
    id: str
    account: str
    values: Mapping[str, Any]
    is_known: bool


class PeopleRows:
    """See ``ports.RowEvents``. import_id, at: of the import. definitions: the attributes that have a type.

    known: which of some ids are known now; it may be called with a few thousand.
    """

    def __init__(
        self,
        import_id: str,
        at: datetime,
        loading: PeopleLoading,
        definitions: Sequence[AttributeDefinition],
        known: Callable[[Sequence[str]], Collection[str]],
    ) -> None:
        self.dialect = "native"
        self._id = f"{import_id}-"
        self._at = at.isoformat()
        self._loading = loading
        self._known = known
        # A definition calls every number NUMBER; files have whole ones only in some columns.
        types = {each.name: each.type for each in definitions} | dict(ATTRIBUTES[loading.entity])
        self._attributes = [
            (name, column, types.get(named(loading.entity, name)[0], "")) for name, column in loading.attributes.items()
        ]
        used = {loading.id, loading.account, *loading.attributes.values()}
        self.columns: Sequence[str] = sorted(each for each in used if each)

    def events(self, rows: Sequence[Row]) -> tuple[bytes, int, list[BadRow]]:
        """See ``ports.RowEvents.events``."""
        said, bad = self.read(rows)
        texts = []
        for each in said:
            text = _encode(self._event(each))
            if len(text) > EVENT_BYTES_MAX:
                bad.append(_bad(each.row, BadRecord("too_large", f"The event has more than {EVENT_BYTES_MAX} bytes")))
            else:
                texts.append(text)
        return b"[" + b",".join(texts) + b"]", len(texts), bad

    def read(self, rows: Sequence[Row]) -> tuple[list[Said], list[BadRow]]:
        """What rows say, and those that say nothing that can be used."""
        read: list[tuple[Row, str, str, dict[str, Any]]] = []
        bad: list[BadRow] = []
        for row in rows:
            try:
                read.append((row, *self._read(row)))
            except BadRecord as error:
                bad.append(_bad(row, error))
        known = self._known(sorted({id_ for _, id_, _, _ in read})) if read else ()
        said: list[Said] = []
        for row, id_, account, values in read:
            one = Said(row, id_, account, values, id_ in known)
            if one.is_known or self._loading.insert_missing:
                said.append(one)
            else:
                bad.append(_bad(row, self._unknown(id_)))
        return said, bad

    def _unknown(self, id_: str) -> BadRecord:
        entity = self._loading.entity
        what = f"{entity} {id_[:_SHOWN_CHARS]!r} is not known (--insert-missing makes those)"
        return BadRecord(f"unknown_{entity}", what, field=self._loading.id)

    def _read(self, row: Row) -> tuple[str, str, dict[str, Any]]:
        try:
            fields = _decode(row.body)
        except msgspec.DecodeError as error:
            raise BadRecord("bad_value", "A number is larger than any that can be kept") from error
        loading = self._loading
        id_ = _identity(fields.get(loading.id), loading.id)
        if not id_:
            raise BadRecord(f"missing_{loading.entity}", f"'{loading.id}' is empty", field=loading.id)
        account = _identity(fields.get(loading.account), loading.account) if loading.account else ""
        values = {
            name: _fitted(value, type_, column, loading.date_format)
            for name, column, type_ in self._attributes
            if (value := fields.get(column)) not in _EMPTY
        }
        return id_, account, values

    def _event(self, said: Said) -> dict[str, Any]:
        loading = self._loading
        event: dict[str, Any] = {
            "event_id": f"{self._id}{said.row.number}",
            "occurred_at": self._at,
            "event_name": WRITTEN[loading.entity],
            "channel": "server",
            "attributes": msgspec.Raw(said.row.body),
        }
        if loading.product_key:
            event["product_key"] = loading.product_key
        if loading.entity == "account":
            return event | {"type": "audit_event", "account_id": said.id, "account": said.values}
        event |= {"type": "audit_event", "identify_id": said.id, "user": said.values}
        if said.account:
            event |= {"type": "group", "account_id": said.account}
        return event


def _identity(value: Any, column: str) -> str:
    if value in _EMPTY:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadRecord("bad_type", f"'{column}' is neither text nor a whole number", field=column)
    text = str(value)
    if len(text) > ID_CHARS_MAX or "\0" in text:
        raise BadRecord("too_long", f"'{column}' has more than {ID_CHARS_MAX} characters, or one of no text",
                        field=column)  # fmt: skip
    return text


def _fitted(value: Any, type_: str, column: str, dates: str) -> Any:
    """A value as its attribute has it; as it is of one that has no type yet. dates: their format, or empty."""
    if not type_:
        return value
    if type_ in (SET, MAP):
        fitted = _collection(value, type_)
    else:
        fitted = _date(value, dates) if type_ in _DATES else COERCIONS[type_](value)
    if fitted is None:
        shown, told = str(value)[:_SHOWN_CHARS], f" in the format {dates}" if dates and type_ in _DATES else ""
        raise BadRecord("bad_type", f"'{column}' is no {type_}{told}: {shown!r}", field=column)
    return fitted


def _date(value: Any, told: str) -> str | None:
    """By the format that is told and no other; without one, numbers are milliseconds, as the vendor has them, however
    small."""
    if told:
        try:
            return as_date(read_date(str(value).strip(), told).isoformat())
        except (ValueError, OverflowError):
            return None
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal():
        try:
            value = int(value)
        except ValueError:  # more than one sign, or thousands of digits
            return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return as_date((_EPOCH + timedelta(milliseconds=value)).isoformat())
        except (ValueError, OverflowError):
            return None
    return as_date(value)


def _collection(value: Any, type_: str) -> Any:
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError:
            return None
    if type_ == MAP:
        return value if isinstance(value, dict) else None
    return None if isinstance(value, dict) else value


def _bad(row: Row, error: BadRecord) -> BadRow:
    shown = row.body.decode("utf-8", "replace")[:BAD_TEXT_CHARS]
    return BadRow(row.number, row.line, error.field, error.code, error.what, shown)
