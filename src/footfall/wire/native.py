"""The native dialect at the door: flat events in Footfall's own words (docs/reference/native-events.md).

``native.sql`` makes columns of the same events at settle; a property test holds the two together.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from footfall.errors import BadRecord
from footfall.model.event import DETAIL_FIELD, NAME_FIELD, WORDS, EventType
from footfall.model.reading import EVENT_BYTES_MAX, Reading, Rejected
from footfall.wire.door import (
    Anything,
    EventId,
    Fault,
    Id,
    Judge,
    Name,
    check_count,
    check_json,
    check_work,
    judge_each,
    malformed,
    mended,
    split,
)

NAME: Final = "native"

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
_Millis = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]  # to the end of the year 9999
_Instant = datetime | _Millis
_Word = Literal[
    "session_started", "session_ended", "page_view", "screen_view", "click", "link_click", "form_submit", "identify",
    "sign_up", "lead", "custom", "feature_match", "segment_match", "engagement_view", "engagement_click",
    "survey_response", "survey_answer", "feedback", "email_event", "article_view", "platform_event", "audit_event",
    "group", "alias",
]  # fmt: skip
_EmailType = Literal[
    "EMAIL_TRACK_BOUNCE", "EMAIL_TRACK_DEFERRED", "EMAIL_TRACK_DELIVERED", "EMAIL_TRACK_DROPPED",
    "EMAIL_TRACK_PROCESSED", "EMAIL_TRACK_OPEN", "EMAIL_TRACK_CLICK", "EMAIL_TRACK_UNSUBSCRIBE",
]  # fmt: skip
_QuestionType = Literal["SCORE", "MULTI_CHOICE_QUESTION_TYPE", "OPEN_TEXT_QUESTION_TYPE"]
# "Auto" is the word of PX activation settings for AUTOMATIC.
_TriggerType = Literal["AUTOMATIC", "KNOWLEDGE_CENTER", "JO", "BADGE", "Auto", "AUTO", "auto"]


class NativeAccount(msgspec.Struct, gc=False):
    """The second argument of an identify call as in PX: the account's id, and its attributes beside it."""

    id: Id | None = None


class NativePage(msgspec.Struct, gc=False):
    """Where it happened, in the parts of a URL."""

    scheme: str | None = None
    host: str | None = None
    path: str | None = None
    query_string: str | None = None
    hash: str | None = None
    title: str | None = None
    referrer: str | None = None


class NativeEvent(msgspec.Struct, gc=False):
    """Every field an event may have. Fields that are not named here are ignored."""

    type: _Word | None = None
    event_id: EventId | None = None
    occurred_at: _Instant | None = None
    sent_at: _Instant | None = None
    product_key: Name | None = None
    channel: Name | None = None
    environment: Name | None = None
    identify_id: Id | None = None
    anonymous_id: Id | None = None
    previous_id: Id | None = None
    account_id: Id | None = None
    session_id: Id | None = None
    user: Anything | None = None
    account: NativeAccount | None = None
    event_name: Name | None = None
    feature_id: Id | None = None
    source_event_id: Id | None = None
    audience_id: Id | None = None
    engagement_id: Id | None = None
    execution_id: Id | None = None
    step_number: _Count | None = None
    view_state: Literal["VIEWED", "COMPLETED"] | None = None
    content_type: Name | None = None
    survey_type: Name | None = None
    score: int | float | None = None
    comment: str | None = None
    contact_me_allowed: bool | None = None
    labels: list[str] | None = None
    path: str | None = None
    question_id: Id | None = None
    question_type: _QuestionType | None = None
    question_text: str | None = None
    answers: str | list[str] | None = None
    subject: str | None = None
    category: str | None = None
    description: str | None = None
    email_type: _EmailType | None = None
    status: str | None = None
    reason: str | None = None
    bounce_type: str | None = None
    link_url: str | None = None
    provider: Name | None = None
    external_article_id: Id | None = None
    title: str | None = None
    url: str | None = None
    trigger_type: _TriggerType | None = None
    locale: Name | None = None
    global_context: Anything | None = None
    attributes: Anything | None = None
    metrics: dict[str, float] | None = None
    page: NativePage | None = None
    element: Anything | None = None
    form: Anything | None = None
    user_agent: str | None = None
    duration_s: Annotated[float, msgspec.Meta(ge=0)] | None = None
    event_count: _Count | None = None


class _Batch(msgspec.Struct):
    events: list[NativeEvent]
    write_key: str | None = None


_NOTHING: Final = msgspec.Raw(b"null")


class _Envelope(msgspec.Struct):
    events: msgspec.Raw = _NOTHING
    write_key: msgspec.Raw = _NOTHING


_batch = msgspec.json.Decoder(_Batch).decode
_array = msgspec.json.Decoder(list[NativeEvent]).decode
_envelope = msgspec.json.Decoder(_Envelope).decode

# What an event of a type must carry: what it is about, and how it went.
_NEEDED: Final[dict[str, tuple[str, ...]]] = {
    word: tuple(fields[kind] for fields in (NAME_FIELD, DETAIL_FIELD) if kind in fields) for word, kind in WORDS.items()
}
_NOBODYS: Final = frozenset({EventType.PLATFORM_EVENT.word, EventType.AUDIT_EVENT.word})


def _incomplete(event: NativeEvent, call: str) -> Fault | None:
    kind = event.type
    if kind is None:
        return "missing_type", "An event needs 'type'"
    if _blank(event.identify_id) and _blank(event.anonymous_id) and kind not in _NOBODYS:
        return "missing_user", "An event needs 'identify_id' or 'anonymous_id'"
    for field in _NEEDED[kind]:
        if _blank(getattr(event, field)):
            return f"missing_{field}", f"An event of type {kind} needs '{field}'"
    if kind == "alias" and (_blank(event.previous_id) or _blank(event.identify_id)):
        return "missing_previous", "An alias needs 'previous_id' and 'identify_id'"
    if kind == "group" and _blank(event.account_id) and (event.account is None or _blank(event.account.id)):
        return "missing_group", "A group event needs 'account_id' or 'account.id'"
    return None


def _blank(value: object) -> bool:
    return value is None or value == ""


_JUDGE: Final = Judge(NativeEvent, _incomplete, kind="type", instants=frozenset({"occurred_at", "sent_at"}))


def read(body: bytes, call: str) -> Reading:
    """Judge one request. body: JSON text, UTF-8: ``{"events": [...]}``, an array, or one event.

    call: ``ndjson`` when the body is one event a line; the log then gets an array, so that settle knows one shape.
    Raises ``BadRecord`` (``malformed``, ``too_deep``, ``too_many_events``) when there is nothing to judge.
    """
    check_work(body)
    if call == "ndjson":
        return _read_lines(body)
    array = body.lstrip()[:1] == b"["
    try:
        return _read_array(body) if array else _read_object(body)
    except (RecursionError, msgspec.DecodeError) as error:
        holds_events = array or b'"events"' in body
        text, rejected = mended(body, ("" if array else "events") if holds_events else None, error)
        try:
            if holds_events:
                return _one_by_one(text, array, rejected)
            return Reading(1, tuple(rejected), b"[" + text + b"]", "")
        except (RecursionError, msgspec.DecodeError) as again:
            raise malformed(again) from again


def fault(text: bytes) -> Fault | None:
    """Code and message of what is wrong with one event; None when nothing is."""
    return _JUDGE.fault(text, "batch")


def _read_array(body: bytes) -> Reading:
    try:
        events = _array(body)
    except msgspec.ValidationError:
        return _one_by_one(body, True, [])
    check_count(len(events))
    if len(body) > EVENT_BYTES_MAX or not _JUDGE.all_good(events, "batch"):
        return _one_by_one(body, True, [])
    return Reading(len(events), (), body, "")


def _read_object(body: bytes) -> Reading:
    try:
        batch = _batch(body)
    except msgspec.ValidationError:
        return _one_by_one(body, False, [])
    check_count(len(batch.events))
    if len(body) > EVENT_BYTES_MAX or not _JUDGE.all_good(batch.events, "batch"):
        return _one_by_one(body, False, [])
    return Reading(len(batch.events), (), body, batch.write_key or "")


def _one_by_one(body: bytes, array: bool, known: list[Rejected]) -> Reading:
    if array:
        texts, key = split(body), ""
    else:
        try:
            envelope = _envelope(body)
        except msgspec.ValidationError as error:
            check_json(body)
            raise BadRecord("malformed", "The body is neither an object nor an array of events") from error
        key = _text(envelope.write_key)
        if envelope.events is _NOTHING:  # the object is itself the event
            wrong = fault(body)
            return Reading(1, () if wrong is None else ((0, *wrong),), body, key)
        try:
            texts = split(envelope.events)
        except msgspec.ValidationError as error:
            raise BadRecord("malformed", "'events' is not an array") from error
    return Reading(len(texts), tuple(judge_each(_JUDGE, texts, "batch", known)), body, key)


def _read_lines(body: bytes) -> Reading:
    lines = [line for line in map(bytes.strip, body.splitlines()) if line]
    check_count(len(lines))
    rejected: list[Rejected] = []
    for index, line in enumerate(lines):
        try:
            check_json(line)
        except (RecursionError, msgspec.DecodeError) as error:
            code = "too_deep" if isinstance(error, RecursionError) else "malformed"
            rejected.append((index, code, f"The line is not JSON: {error}"))
            lines[index] = b"null"
    array = b"[" + b",\n".join(lines) + b"]"
    return _one_by_one(array, True, rejected) if rejected else _read_array(array)


def _text(raw: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(raw, type=str)
    except msgspec.ValidationError:
        return ""
