"""The events of a body that is to be changed, and what stands around them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec

from footfall.wire.private_words import NATIVE, SEGMENT, Event, Words

UNREADABLE: Final = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError, OverflowError)
"""What reading JSON of strangers raises."""

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode
_raws: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


def events_of(body: bytes, call: str, words: Words) -> tuple[Sequence[Any] | None, Event]:
    """The events of a body and what stands around them; None for a body that cannot be read."""
    try:
        whole = _decode(body)
    except UNREADABLE:
        return _apart(body, call, words)
    if isinstance(whole, list):
        return whole, {}
    if isinstance(whole, dict) and isinstance(whole.get(words.wrapped), list) and (words is NATIVE or call == "batch"):
        return whole[words.wrapped], whole
    return [whole], {}


def _apart(body: bytes, call: str, words: Words) -> tuple[Sequence[Any] | None, Event]:
    """Texts of events and what around them can be read, when something is in the way of reading all."""
    try:
        if body.lstrip()[:1] == b"[":
            return _raws(body), {}
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        if words.wrapped not in fields or (words is not NATIVE and call != "batch"):
            return [msgspec.Raw(body)], {}
        events = _raws(fields.pop(words.wrapped))
    except UNREADABLE:
        return None, {}
    around = {}
    for name, raw in fields.items():
        with suppress(*UNREADABLE):
            around[name] = _decode(raw)
    return events, around


def with_shared(event: Any, words: Words, around: Event) -> Any:
    """An event to read, with what the context of its batch says of it in its own."""
    if type(event) is msgspec.Raw:
        event = _decode(event)
    if "context" in around and words is SEGMENT and isinstance(event, dict):
        shared = around["context"]
        if not isinstance(shared, dict):
            return event
        own = event.get("context", {})
        if isinstance(own, dict):
            event["context"] = _decode(_encode(shared)) | own
    return event
