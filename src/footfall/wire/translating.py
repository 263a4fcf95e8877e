"""Dialects that are put into Footfall's own words at the door: what their modules share.

What goes to the log is a native body, so that settling, policies of fields and everything later know one dialect
fewer. An event that cannot be used stays as its client wrote it, for who looks into quarantine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Generic

import msgspec

from footfall.model.reading import EVENT_BYTES_MAX, ID_CHARS_MAX, Reading, Rejected
from footfall.wire import native, own_words
from footfall.wire.door import Event, Fault, Judge

Text = bytes | msgspec.Raw
Fields = dict[str, Any]
"""The fields of one native event; values may be ``Raw``: text of the client, passed on as it is."""

NOTHING: Final = msgspec.Raw(b"null")
"""Stands for a field that is not there."""

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode
_INSTANT: Final = re.compile(
    r"\d{4}-\d\d-\d\d([T ][0-2]\d:[0-5]\d(:[0-5]\d(\.\d{1,9})?)?(Z|[+-][0-2]\d:?[0-5]\d)?)?", re.ASCII
)
_fields_of: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_STRANGE: Final = ("bad_type", "A field has another type than it should")


class Translator(Generic[Event]):
    """Judges the events of one dialect and says the good ones in native words.

    event: the type a good event has. incomplete: the rule that types cannot say; None when the event is complete.
    words: the native fields of an event, given also its text, or what is still wrong with it; a pure function.
    instants: fields that hold an instant, as text.
    """

    def __init__(
        self,
        event: type[Event],
        incomplete: Callable[[Event, str], Fault | None],
        words: Callable[[Event, Text], Fields | Fault],
        *,
        instants: frozenset[str] = frozenset(),
    ) -> None:
        self._decode = msgspec.json.Decoder(event).decode
        self._incomplete = incomplete
        self._words = words
        self._judge = Judge(event, incomplete, kind="", instants=instants)

    def body(
        self,
        texts: Sequence[Text],
        call: str,
        *,
        known: Sequence[Rejected] = (),
        sent_at: Any = None,
        write_key: str = "",
    ) -> Reading:
        """The reading of a request. texts: its events. known: those already rejected, ``null`` in ``texts`` now.

        sent_at: when the client says to have sent the request, an instant as ``instant`` takes it, or None.
        """
        rejected = {index: (code, message) for index, code, message in known}
        said: list[Text] = []
        for index, text in enumerate(texts):
            words, fault = (text, None) if index in rejected else self._said(text, call)
            if fault is not None:
                rejected[index] = fault
            said.append(words)
        head = b"{" if sent_at is None else b'{"sent_at":' + _encode(sent_at) + b","
        body = head + b'"events":[' + b",".join(said) + b"]}"
        named = tuple((index, *why) for index, why in sorted(rejected.items()))
        return Reading(len(said), named, body, write_key, native.NAME)

    def _said(self, text: Text, call: str) -> tuple[Text, Fault | None]:
        """The event in native words; or as it came, and what is wrong with it."""
        if memoryview(text).nbytes > EVENT_BYTES_MAX:
            return text, self._judge.fault(text, call)
        try:
            event = self._decode(text)
        except msgspec.ValidationError:
            return text, self._judge.fault(text, call) or _STRANGE
        try:
            fault = self._incomplete(event, call)
            words = fault or self._words(event, text)
        except msgspec.ValidationError as error:  # of a value that no type of the event holds
            return text, ("bad_value", f"A value cannot be read: {error}")
        if isinstance(words, tuple):
            return text, words
        said = own_words.restated(words)
        if said is words:
            return _encode(words), None
        fault = native.fault(_encode(said))
        return (_encode(said), None) if fault is None else (text, fault)


class TooLong(ValueError):
    """An id beyond what Footfall keeps of one."""


def instant(value: object) -> bool:
    """Whether a text is an instant: ISO 8601 with or without offset, or a date alone."""
    if not isinstance(value, str) or _INSTANT.fullmatch(value) is None:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def sent(raw: msgspec.Raw) -> str | None:
    """When a batch says it was sent; None unless that is an instant: a strange one corrects nothing."""
    value = text_in(raw)
    return value if instant(value) else None


def text_in(raw: msgspec.Raw | None) -> str:
    """The text of a JSON string; empty for any other value."""
    try:
        value = None if raw is None else _decode(raw)
    except msgspec.ValidationError:  # a number that nothing here can hold
        return ""
    return value if isinstance(value, str) else ""


def value_in(raw: msgspec.Raw | None) -> Any:
    """The value of any JSON text; None where there is none. Too large a number raises ``msgspec.ValidationError``."""
    return None if raw is None else _decode(raw)


def id_in(raw: msgspec.Raw | None) -> str | int | None:
    """An id as text or a whole number; None for anything else, and for an empty one.

    Raises ``TooLong``, and as ``value_in``.
    """
    value = value_in(raw)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return None
    if len(value) > ID_CHARS_MAX if isinstance(value, str) else not -(1 << 63) <= value < 1 << 63:
        raise TooLong
    return value


def object_in(raw: msgspec.Raw | None) -> dict[str, msgspec.Raw]:
    """The fields of a JSON object; none for any other value."""
    try:
        return {} if raw is None else _fields_of(raw)
    except msgspec.ValidationError:
        return {}


def without_nothing(fields: Mapping[str, Any]) -> Fields:
    """The fields that say something."""
    return {name: value for name, value in fields.items() if value or isinstance(value, int | float)}
