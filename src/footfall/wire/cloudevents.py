"""CloudEvents 1.0 over HTTP at the door: one event in headers, one or many in JSON, as native events.

Source: the CloudEvents specification 1.0.2, its JSON format and its HTTP binding. Which attribute becomes what is in
docs/reference/cloudevents.md.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal
from urllib.parse import unquote

import msgspec

from footfall.errors import BadRecord
from footfall.model.reading import EVENT_ID_CHARS_MAX, ID_CHARS_MAX, Reading, Rejected
from footfall.wire.body import utf8
from footfall.wire.door import Fault, Name, check_work, malformed, mended, split
from footfall.wire.translating import Fields, Text, Translator, instant, text_in, without_nothing

NAME: Final = "cloudevents"
_HEADER: Final = b"ce-"
_Raws = dict[str, msgspec.Raw]
_Id = Annotated[str, msgspec.Meta(max_length=ID_CHARS_MAX)]


class CloudEvent(msgspec.Struct, gc=False):
    """The attributes an event is judged by. ``identifyid`` and those after it are extensions."""

    specversion: Literal["1.0"] | None = None
    id: _Id | None = None
    source: Annotated[str, msgspec.Meta(max_length=2_000)] | None = None
    type: Name | None = None
    subject: _Id | None = None
    time: str | None = None
    identifyid: _Id | None = None
    anonymousid: _Id | None = None
    accountid: _Id | None = None
    sessionid: _Id | None = None
    productkey: Name | None = None
    environment: Name | None = None


_fields: Final = msgspec.json.Decoder(_Raws).decode
_encode: Final = msgspec.json.Encoder().encode
# What native fields say; of the other attributes the extensions are the context of the event.
_SAID: Final = frozenset({*CloudEvent.__struct_fields__, "data", "data_base64"}) - {"source"}


def in_one(headers: Mapping[bytes, bytes], body: bytes) -> bytes:
    """A request in binary mode (attributes in ``ce-`` headers, the data as body) as JSON of one event.

    body: as it arrived, not compressed. Data of type JSON stays as it is, text becomes a string, the rest base64.
    Raises ``BadRecord`` ``malformed`` or ``bad_utf8`` for data that says to be JSON and is not.
    """
    event: dict[str, object] = {
        name[len(_HEADER) :].decode("latin-1").lower(): unquote(value.decode("latin-1"))
        for name, value in headers.items()
        if name.startswith(_HEADER)
    }
    said = headers.get(b"content-type", b"").decode("latin-1")
    kind = said.partition(";")[0].strip().lower()
    if said:
        event["datacontenttype"] = said
    if not body:
        return _encode(event)
    if kind in ("", "application/json", "text/json") or kind.endswith("+json"):
        try:
            event["data"] = msgspec.json.decode(utf8(body), type=msgspec.Raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise malformed(error) from error
    elif kind.startswith("text/"):
        event["data"] = body.decode("utf-8", "replace")
    else:
        event["data_base64"] = base64.b64encode(body).decode()
    return _encode(event)


def is_in_one(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request is in binary mode: the attributes are in its headers."""
    return b"ce-specversion" in headers


def read(body: bytes, call: str) -> Reading:
    """Judge one request. body: JSON text: one event, or an array of them. call: any.

    Raises ``BadRecord`` (``malformed``, ``too_deep``, ``too_many_events``) when there is nothing to judge.
    """
    check_work(body)
    try:
        return _read(body, call, ())
    except (RecursionError, msgspec.DecodeError) as error:
        text, rejected = mended(body, "" if _is_array(body) else None, error)
        try:
            return _read(text, call, rejected)
        except (RecursionError, msgspec.DecodeError) as again:
            raise malformed(again) from again


def _read(body: bytes, call: str, known: Sequence[Rejected]) -> Reading:
    if _is_array(body):
        return _EVENTS.body(split(body), call, known=known)
    if not known:
        msgspec.json.decode(body, type=msgspec.Raw)
        if body.lstrip()[:1] != b"{":
            raise BadRecord("malformed", "The body is neither an object nor an array of events")
    return _EVENTS.body([body], call, known=known)


def _is_array(body: bytes) -> bool:
    return body.lstrip()[:1] == b"["


def _incomplete(event: CloudEvent, call: str) -> Fault | None:
    for field in ("specversion", "id", "source", "type"):
        if not getattr(event, field):
            return f"missing_{field}", f"A CloudEvent needs '{field}'"
    if event.time is not None and not instant(event.time):
        return "bad_timestamp", "'time' is not an instant as in 2026-11-22T09:30:00Z"
    return None


def _words(event: CloudEvent, text: Text) -> Fields | Fault:
    whole = _fields(text)
    user = event.identifyid or event.subject
    said: Fields = {
        # What concerns nobody is an event of the platform: only those may do without a user.
        "type": "custom" if user or event.anonymousid else "platform_event",
        "event_name": event.type,
        "event_id": _event_id(event),
        "occurred_at": event.time,
        "identify_id": user,
        "anonymous_id": event.anonymousid,
        "account_id": event.accountid,
        "session_id": event.sessionid,
        "product_key": event.productkey,
        "environment": event.environment,
        "global_context": {name: value for name, value in whole.items() if name not in _SAID},
        "attributes": _attributes(whole),
    }
    if user and event.identifyid and event.subject:
        said["global_context"]["subject"] = event.subject
    return without_nothing(said)


def _attributes(whole: _Raws) -> dict[str, msgspec.Raw]:
    data = whole.get("data")
    if data is not None and bytes(data) != b"null":
        return _fields(data) if bytes(data).lstrip()[:1] == b"{" else {"data": data}
    return {"data_base64": whole["data_base64"]} if text_in(whole.get("data_base64")) else {}


def _event_id(event: CloudEvent) -> str:
    """Unique within a source of ours: an id of a CloudEvent is unique within its own source only."""
    assert event.id is not None
    assert event.source is not None
    whole = f"{event.id}@{event.source}"
    if len(whole) <= EVENT_ID_CHARS_MAX:
        return whole
    digest = hashlib.md5(event.source.encode(), usedforsecurity=False).hexdigest()
    shorter = f"{event.id}@{digest}"
    if len(shorter) <= EVENT_ID_CHARS_MAX:
        return shorter
    return hashlib.sha256(whole.encode()).hexdigest()


_EVENTS: Final = Translator(CloudEvent, _incomplete, _words)
