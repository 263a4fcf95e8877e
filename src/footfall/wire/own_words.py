"""Events of other dialects that say one of ours: an event called ``footfall.survey_response`` is a survey response.

Sessions, features, engagements, surveys, feedback, mails and articles have no call in Segment's, PostHog's and other
libraries. A custom event whose name is ``footfall.`` and a native type has the native fields among its properties, in
snake_case or camelCase; what is no native field stays among its attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from footfall.model.event import WORDS
from footfall.model.reading import Reading
from footfall.wire import native

PREFIX: Final = "footfall."
MARK: Final = b'"footfall.'
"""Is in the text of every such event, as every library writes it."""

# What the calls of a library say themselves: who it was above all, so that policies of identities see it in one place.
_CALLS: Final = frozenset({"identify", "group", "alias"})
_SAID: Final = frozenset({
    "type", "event_id", "occurred_at", "sent_at", "identify_id", "anonymous_id", "previous_id", "account_id",
    "session_id", "user", "account", "attributes", "metrics", "global_context", "page", "user_agent", "event_name",
})  # fmt: skip
_FIELDS: Final = {name.replace("_", ""): name for name in native.NativeEvent.__struct_fields__ if name not in _SAID}

_fields_of: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_texts_of: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_value_of: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
_NOTHING: Final = msgspec.Raw(b"null")
_PAGE: Final = frozenset({"url", "path", "title", "referrer"})


def word_of(name: object) -> str | None:
    """The native type that the name of an event stands for; None for any other name."""
    if not isinstance(name, str) or not name.startswith(PREFIX):
        return None
    word = name[len(PREFIX) :]
    return word if word in WORDS and word not in _CALLS else None


def spread(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Native fields out of properties, and in ``attributes`` what is none."""
    fields: dict[str, Any] = {}
    left: dict[str, Any] = {}
    for name, value in properties.items():
        field = _FIELDS.get(name.replace("_", "").lower())
        if field is not None and field not in fields:
            fields[field] = value
        else:
            left[name] = value
    return {**fields, "attributes": left} if left else fields


def restated(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """A native custom event as the event of ours that its name says; any other event as it is."""
    word = word_of(event.get("event_name")) if event.get("type") == "custom" else None
    if word is None:
        return event
    around = {name: value for name, value in event.items() if name not in ("type", "event_name", "attributes")}
    return {"type": word, **around, **spread(event.get("attributes") or {})}


# --- Segment -----------------------------------------------------------------------------------------


def from_segment(text: bytes | msgspec.Raw, call: str) -> bytes | None:
    """A ``track`` of the Segment dialect in native words; None for any other event. call: as of ``segment.read``."""
    try:
        return _from_segment(text, call)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # settling will say what is wrong with it
        return None


def _from_segment(text: bytes | msgspec.Raw, call: str) -> bytes | None:
    event = _fields_of(text)
    kind = _value_of(event["type"]) if "type" in event else None
    word = word_of(_value_of(event["event"])) if (kind or call) == "track" and "event" in event else None
    if word is None:
        return None
    context = _object(event.get("context"))
    page = {name: value for name, value in _object(context.get("page")).items() if name in _PAGE}
    said = {
        "event_id": event.get("messageId"),
        "occurred_at": _given(event, "timestamp") or _given(event, "originalTimestamp"),
        "sent_at": event.get("sentAt"),
        "identify_id": event.get("userId"),
        "anonymous_id": event.get("anonymousId"),
        "account_id": context.get("groupId"),
        "session_id": context.get("sessionId"),
        "product_key": _given(context, "product_key") or _given(context, "productKey"),
        "environment": context.get("environment"),
        "channel": context.get("channel"),
        "locale": context.get("locale"),
        "user_agent": context.get("userAgent"),
        "page": page or None,
        **spread(_object(event.get("properties"))),
    }
    return _encode({"type": word, **{name: value for name, value in said.items() if value is not None}})


def judged(reading: Reading, call: str) -> Reading:
    """A reading of the Segment dialect in which such events are judged as what they say they are."""
    texts = _texts_of(_fields_of(reading.body)["batch"]) if call == "batch" else [reading.body]
    rejected = {index: (code, message) for index, code, message in reading.rejected}
    for index, text in enumerate(texts):
        if index not in rejected and MARK in bytes(text):
            said = from_segment(text, call)
            fault = None if said is None else native.fault(said)
            if fault is not None:
                rejected[index] = fault
    named = tuple((index, *why) for index, why in sorted(rejected.items()))
    return Reading(reading.count, named, reading.body, reading.write_key)


def _object(raw: msgspec.Raw | None) -> dict[str, msgspec.Raw]:
    try:
        return {} if raw is None else _fields_of(raw)
    except msgspec.ValidationError:
        return {}


def _given(fields: Mapping[str, msgspec.Raw], name: str) -> msgspec.Raw | None:
    value = fields.get(name)
    return None if value is None or value == _NOTHING or value == msgspec.Raw(b'""') else value
