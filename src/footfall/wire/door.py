"""What every dialect does at the door: all events at once when they are good, one by one when one is not.

The fate of an event never depends on its neighbours: both ways ask the same type and the same rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec

from footfall.errors import BadRecord
from footfall.model.reading import (
    BODY_BYTES_MAX,
    EVENT_BYTES_MAX,
    EVENT_ID_CHARS_MAX,
    EVENTS_MAX,
    ID_CHARS_MAX,
    NAME_CHARS_MAX,
    Rejected,
)
from footfall.wire import salvage

_Int64 = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
Id = Annotated[str, msgspec.Meta(max_length=ID_CHARS_MAX)] | _Int64
EventId = Annotated[str, msgspec.Meta(max_length=EVENT_ID_CHARS_MAX)] | _Int64
Name = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]


class Anything(msgspec.Struct, gc=False):
    """A JSON object whose fields are not looked at: five times cheaper than a dict."""


Event = TypeVar("Event", bound=msgspec.Struct)
Fault = tuple[str, str]

# More commas than this in one body is no batch of events but work for its own sake.
_COMMAS_MAX: Final = 1_000_000
# Instants beside those of RFC 3339 that people write: a date, or a time without seconds.
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?)?", re.ASCII)

_any_value = msgspec.json.Decoder(msgspec.Raw).decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Judge(Generic[Event]):
    """Judges single events of one dialect.

    event: the type a good event has. incomplete: the rule that types cannot say, given the event and the call; None
    when the event is complete. kind: the field that says what happened. instants: fields that hold an instant.
    """

    def __init__(
        self,
        event: type[Event],
        incomplete: Callable[[Event, str], Fault | None],
        *,
        kind: str,
        instants: frozenset[str],
    ) -> None:
        self._decode = msgspec.json.Decoder(event).decode
        self._incomplete = incomplete
        self._kind = kind
        self._instants = instants
        self._fields = [
            (f.encode_name, f.name, msgspec.json.Decoder(f.type).decode) for f in msgspec.structs.fields(event)
        ]
        self._event = event

    def all_good(self, events: Sequence[Event], call: str) -> bool:
        incomplete = self._incomplete
        return all(incomplete(event, call) is None for event in events)

    def fault(self, text: bytes | msgspec.Raw, call: str) -> Fault | None:
        """Code and message of what is wrong with one event; None when nothing is."""
        if memoryview(text).nbytes > EVENT_BYTES_MAX:
            return "too_large", f"The event has more than {EVENT_BYTES_MAX} bytes"
        try:
            return self._incomplete(self._decode(text), call)
        except msgspec.ValidationError:
            return self._first_fault(text, call)

    def _first_fault(self, text: bytes | msgspec.Raw, call: str) -> Fault | None:
        try:
            fields = _fields_of(text)
        except msgspec.ValidationError:
            return "not_an_object", "An event is a JSON object"
        good: dict[str, Any] = {}
        for name, attribute, decode in self._fields:
            if name not in fields:
                continue
            try:
                good[attribute] = decode(fields[name])
            except msgspec.ValidationError as error:
                instant = _lenient_instant(fields[name]) if name in self._instants else None
                if instant is None:
                    return self._fault_of(name, str(error))
                good[attribute] = instant
        return self._incomplete(self._event(**good), call)

    def _fault_of(self, name: str, why: str) -> Fault:
        if name == self._kind:
            return "unknown_type", f"'{name}' is not a type of event that is known here: {why}"
        if "length <=" in why:
            return "too_long", f"'{name}' is too long: {why}"
        if name in self._instants:
            return "bad_timestamp", f"'{name}' is not an instant as in 2026-11-22T09:30:00Z"
        if why.startswith(("Invalid enum value", "Expected `int` >", "Expected `int` <")):
            return "bad_value", f"'{name}' has a value that is not allowed: {why}"
        return "bad_type", f"'{name}': {why}"


def judge_each(
    judge: Judge[Event], texts: Sequence[msgspec.Raw], call: str, known: Sequence[Rejected]
) -> list[Rejected]:
    """What is wrong with each event, one by one. known: those already rejected, ``null`` in ``texts`` now."""
    rejected = {index: (code, message) for index, code, message in known}
    for index, text in enumerate(texts):
        if index not in rejected:
            fault = judge.fault(text, call)
            if fault is not None:
                rejected[index] = fault
    return [(index, *fault) for index, fault in sorted(rejected.items())]


def split(array: bytes | msgspec.Raw) -> list[msgspec.Raw]:
    """The texts of an array of events. Raises ``BadRecord`` ``too_many_events``."""
    texts = _split(array)
    check_count(len(texts))
    return texts


def check_count(count: int) -> None:
    if count > EVENTS_MAX:
        raise BadRecord("too_many_events", f"A request carries at most {EVENTS_MAX} events, this one {count}")


def check_shared(size: int, count: int, what: str) -> None:
    """Raise ``BadRecord`` ``too_large`` when what events share has too many bytes once each of them has it."""
    if size * count > BODY_BYTES_MAX:
        raise BadRecord("too_large", f"'{what}' of {size} bytes is too large to be shared by {count} events")


def check_work(body: bytes) -> None:
    if len(body) > _COMMAS_MAX and body.count(b",") > _COMMAS_MAX:
        raise BadRecord("too_many_events", f"A request carries at most {EVENTS_MAX} events")


def check_json(body: bytes) -> None:
    """Raise msgspec's error when ``body`` is not one JSON value, whatever its type."""
    _any_value(body)


def malformed(error: Exception) -> BadRecord:
    if isinstance(error, RecursionError):
        return BadRecord("too_deep", "The body nests too deep")
    return BadRecord("malformed", f"The body is not JSON: {error}")


def mended(body: bytes, array_field: str | None, error: Exception) -> tuple[bytes, list[Rejected]]:
    """A second try for a body that no reader can read because of single events in it; see ``salvage``."""
    if not salvage.worth_trying(body, error):
        raise malformed(error) from error
    return salvage.without_unreadable(body, array_field)


def _lenient_instant(text: msgspec.Raw) -> datetime | None:
    value = msgspec.json.decode(text)
    if not isinstance(value, str) or _INSTANT.fullmatch(value) is None:
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None
