"""The Segment dialect at the door: HTTP Tracking API, its short browser paths, RudderStack's and Jitsu's clients.

``segment.sql`` makes columns of the same events at settle; a property test holds the two together.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec

from footfall.errors import BadRecord
from footfall.model.reading import EVENT_BYTES_MAX, Reading, Rejected
from footfall.wire import own_words
from footfall.wire.door import (
    Anything,
    EventId,
    Fault,
    Id,
    Judge,
    Name,
    check_count,
    check_json,
    check_shared,
    check_work,
    judge_each,
    malformed,
    mended,
    split,
)

NAME: Final = "segment"
CALLS: Final = ("track", "identify", "page", "screen", "group", "alias")


class SegmentEvent(msgspec.Struct, gc=False, rename="camel"):
    """The fields a good event is judged by. All others are kept as they came and read at settle."""

    type: Literal["track", "identify", "page", "screen", "group", "alias"] | None = None
    message_id: EventId | None = None
    user_id: Id | None = None
    anonymous_id: Id | None = None
    previous_id: Id | None = None
    group_id: Id | None = None
    event: Name | None = None
    name: Name | None = None
    category: Name | None = None
    timestamp: datetime | None = None
    original_timestamp: datetime | None = None
    properties: Anything | None = None
    traits: Anything | None = None
    context: Anything | None = None
    write_key: str | None = None


_NO_TEXT: Final = msgspec.Raw(b"null")
_KEYS: Final = {"write_key": "writeKey"}


class _Batch(msgspec.Struct, rename=_KEYS):
    batch: list[SegmentEvent]
    context: msgspec.Raw = _NO_TEXT
    write_key: str | None = None
    api_key: str | None = None


class _Envelope(msgspec.Struct, rename=_KEYS):
    """What is left to read of a batch when its events are judged one by one."""

    batch: msgspec.Raw
    context: msgspec.Raw = _NO_TEXT
    write_key: msgspec.Raw = _NO_TEXT
    api_key: msgspec.Raw = _NO_TEXT


class _Keys(msgspec.Struct, rename=_KEYS):
    write_key: msgspec.Raw = _NO_TEXT
    api_key: msgspec.Raw = _NO_TEXT


class _Single(SegmentEvent, gc=False, rename="camel"):
    api_key: str | None = msgspec.field(default=None, name="api_key")


_batch = msgspec.json.Decoder(_Batch).decode
_single = msgspec.json.Decoder(_Single).decode
_envelope = msgspec.json.Decoder(_Envelope).decode
_keys = msgspec.json.Decoder(_Keys).decode


def _incomplete(event: SegmentEvent, call: str) -> Fault | None:
    kind = event.type or call
    if _blank(event.user_id) and _blank(event.anonymous_id):
        return "missing_user", "An event needs 'userId' or 'anonymousId'"
    if kind == "track":
        return None if event.event else ("missing_event", "A track call needs 'event'")
    if kind == "group":
        return None if not _blank(event.group_id) else ("missing_group", "A group call needs 'groupId'")
    if kind == "alias":
        complete = not _blank(event.previous_id) and not _blank(event.user_id)
        return None if complete else ("missing_previous", "An alias call needs 'previousId' and 'userId'")
    return ("missing_type", "An event of a batch needs 'type'") if kind == "batch" else None


def _blank(value: str | int | None) -> bool:
    return value is None or value == ""


_JUDGE: Final = Judge(SegmentEvent, _incomplete, kind="type", instants=frozenset({"timestamp", "originalTimestamp"}))


def read(body: bytes, call: str) -> Reading:
    """Judge one request. body: JSON text, UTF-8. call: ``batch``, or the single call the path names.

    A single call is a batch of one. Raises ``BadRecord`` (``malformed``, ``missing_batch``, ``too_deep``,
    ``too_large``, ``too_many_events``) when there is nothing to judge.
    """
    reading = _read(body, call)
    return own_words.judged(reading, call) if own_words.MARK in reading.body else reading


def _read(body: bytes, call: str) -> Reading:
    check_work(body)
    try:
        return _read_batch(body) if call == "batch" else _read_single(body, call)
    except (RecursionError, msgspec.DecodeError) as error:
        text, rejected = mended(body, "batch" if call == "batch" else None, error)
        try:
            return _read_envelope(text, rejected) if call == "batch" else Reading(1, tuple(rejected), text, "")
        except (RecursionError, msgspec.DecodeError) as again:
            raise malformed(again) from again


def _read_batch(body: bytes) -> Reading:
    try:
        batch = _batch(body)
    except msgspec.ValidationError:
        return _read_envelope(body, [])
    check_count(len(batch.batch))
    check_shared(len(batch.context), len(batch.batch), "context")
    # Only in a body larger than an event may be can an event be too large.
    if len(body) > EVENT_BYTES_MAX or not _JUDGE.all_good(batch.batch, "batch"):
        return _read_envelope(body, [])
    return Reading(len(batch.batch), (), body, batch.write_key or batch.api_key or "")


def _read_envelope(body: bytes, known: list[Rejected]) -> Reading:
    try:
        envelope = _envelope(body)
        texts = split(envelope.batch)
    except msgspec.ValidationError as error:
        raise BadRecord("missing_batch", "The body needs 'batch', an array of events") from error
    check_shared(len(envelope.context), len(texts), "context")
    rejected = judge_each(_JUDGE, texts, "batch", known)
    return Reading(len(texts), tuple(rejected), body, _text(envelope.write_key) or _text(envelope.api_key))


def _read_single(body: bytes, call: str) -> Reading:
    try:
        event = _single(body)
    except msgspec.ValidationError:
        return _judge_single(body, call)
    if len(body) > EVENT_BYTES_MAX or _incomplete(event, call) is not None:
        return _judge_single(body, call)
    return Reading(1, (), body, event.write_key or event.api_key or "")


def _judge_single(body: bytes, call: str) -> Reading:
    try:
        keys = _keys(body)
    except msgspec.ValidationError:
        check_json(body)
        keys = _Keys()
    fault = _JUDGE.fault(body, call)
    rejected = () if fault is None else ((0, *fault),)
    return Reading(1, rejected, body, _text(keys.write_key) or _text(keys.api_key))


def _text(raw: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(raw, type=str)
    except msgspec.ValidationError:
        return ""
