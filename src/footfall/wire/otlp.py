"""OTLP logs over HTTP at the door: OpenTelemetry's events, which are log records with a name, as native events.

Source: OTLP 1.x, "OTLP/HTTP" and its JSON encoding; the semantic conventions of events, sessions and users. What
becomes of which attribute is in docs/reference/otlp.md.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from footfall.errors import BadRecord
from footfall.model.reading import BODY_BYTES_MAX, EVENT_ID_CHARS_MAX, ID_CHARS_MAX, NAME_CHARS_MAX, Reading, Rejected
from footfall.wire.body import utf8
from footfall.wire.door import Fault, Name, check_count, check_work, malformed
from footfall.wire.otlp_protobuf import as_json
from footfall.wire.translating import Fields, Text, Translator, without_nothing

NAME: Final = "otlp"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_9999_NS: Final = 253_402_300_799 * 1_000_000_000
_TOLD_MAX: Final = 10  # of rejected records in an answer


class AnyValue(msgspec.Struct, rename="camel", gc=False):
    """A value of OTLP: exactly one of its fields, or none."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: str | int | None = None
    double_value: float | str | None = None
    array_value: Values | None = None
    kvlist_value: KeyValues | None = None
    bytes_value: str | None = None


class Values(msgspec.Struct, gc=False):
    values: list[AnyValue] = []


class KeyValue(msgspec.Struct, gc=False):
    key: str = ""
    value: AnyValue | None = None


class KeyValues(msgspec.Struct, gc=False):
    values: list[KeyValue] = []


class Resource(msgspec.Struct, gc=False):
    attributes: list[KeyValue] | None = None


class Scope(msgspec.Struct, gc=False):
    name: str | None = None
    version: str | None = None


class LogRecord(msgspec.Struct, rename="camel", gc=False):
    """One record, with the resource and the scope it belongs to."""

    time_unix_nano: str | int | None = None
    observed_time_unix_nano: str | int | None = None
    severity_text: str | None = None
    body: AnyValue | None = None
    attributes: list[KeyValue] | None = None
    trace_id: str | None = None
    span_id: str | None = None
    event_name: Name | None = None
    resource: Resource | None = None
    scope: Scope | None = None


class _ScopeLogs(msgspec.Struct, rename="camel"):
    log_records: list[msgspec.Raw] = []
    scope: msgspec.Raw = msgspec.Raw(b"null")


class _ResourceLogs(msgspec.Struct, rename="camel"):
    scope_logs: list[_ScopeLogs] = []
    resource: msgspec.Raw = msgspec.Raw(b"null")


class _Request(msgspec.Struct, rename="camel"):
    resource_logs: list[_ResourceLogs] = []


_request: Final = msgspec.json.Decoder(_Request).decode

# Attributes that native fields say, of the record or else of its resource, in the first of these names that is there.
_IDS: Final = {
    "identify_id": ("user.id", "enduser.id"),
    "anonymous_id": ("footfall.anonymous_id", "app.installation.id"),
    "account_id": ("footfall.account_id", "account.id", "tenant.id"),
    "session_id": ("session.id",),
}
_PEOPLE: Final = frozenset(each for names in _IDS.values() for each in names)
_NAMES: Final = {
    "product_key": ("footfall.product_key", "service.name"),
    "environment": ("deployment.environment.name", "deployment.environment"),
    "user_agent": ("user_agent.original",),
}
_SAID: Final = tuple((each, field) for named in (_IDS, _NAMES) for field, names in named.items() for each in names)
# The agent and the address of somebody are kept as policies of privacy say, or nowhere.
_CLIENT: Final = frozenset({
    "user_agent.original", "client.address", "source.address", "network.peer.address", "client.socket.address",
    "net.sock.peer.addr", "net.peer.ip", "http.client_ip",
})  # fmt: skip
_EVENT_ID: Final = ("log.record.uid", "event.id")
_SESSIONS: Final = {"session.start": "session_started", "session.end": "session_ended"}
_PAGE: Final = (("url.full", "url"), ("url.path", "path"))


def text_of(body: bytes, content_type: bytes = b"") -> bytes:
    """The body of a request, unpacked, as JSON: protobuf is told from JSON by its first byte.

    A first field of 123 bytes begins with the end of a line and ``{``, as JSON may; then ``content_type`` decides.
    Raises ``BadRecord``: ``bad_utf8`` of JSON, and as ``as_json`` of protobuf.
    """
    if not body:
        return b"{}"
    either = body.startswith(b"\n{") and b"protobuf" in content_type
    return utf8(body) if body.lstrip()[:1] == b"{" and not either else as_json(body)


def read(body: bytes, call: str) -> Reading:
    """Judge one request. body: JSON text, an ``ExportLogsServiceRequest``. call: any.

    Raises ``BadRecord`` (``malformed``, ``too_deep``, ``too_large``, ``too_many_events``) when there is nothing to
    judge.
    """
    check_work(body)
    try:
        request = _request(body)
    except (RecursionError, msgspec.DecodeError) as error:
        raise malformed(error) from error
    scopes = [each for of_resource in request.resource_logs for each in of_resource.scope_logs]
    check_count(sum(len(each.log_records) for each in scopes))
    _check_room(request)
    return _EVENTS.body(list(_records(request)), call)


def _check_room(request: _Request) -> None:
    """Raise ``BadRecord`` ``too_large`` before the records are copied, each with all that it shares with others."""
    room = BODY_BYTES_MAX
    for of_resource in request.resource_logs:
        for of_scope in of_resource.scope_logs:
            room -= (len(of_resource.resource) + len(of_scope.scope)) * len(of_scope.log_records)
    if room < 0:
        raise BadRecord("too_large", "Resources and scopes are too large to be shared by so many records")


def _records(request: _Request) -> Iterator[bytes]:
    """Each record with its resource and scope, and a number where the same record is there more than once."""
    seen: Counter[bytes] = Counter()
    for of_resource in request.resource_logs:
        for of_scope in of_resource.scope_logs:
            beside = b'"resource":' + bytes(of_resource.resource) + b',"scope":' + bytes(of_scope.scope) + b"}"
            for record in of_scope.log_records:
                text = bytes(record).strip()
                if text[:1] != b"{":
                    yield text
                    continue
                head = text[:-1].rstrip()
                whole = head + (b"" if head == b"{" else b",") + beside
                nth = seen[whole]
                seen[whole] += 1
                yield whole if not nth else whole[:-1] + b',"repetition":%d}' % nth


# --- one record --------------------------------------------------------------------------------------


def _incomplete(event: LogRecord, call: str) -> Fault | None:
    return None  # what can be wrong is in the attributes, which are looked at once


def _words(event: LogRecord, text: Text) -> Fields | Fault:
    attributes = _plain(event.attributes)
    resource = _plain(event.resource.attributes if event.resource is not None else None)
    name = event.event_name or attributes.pop("event.name", None)
    if not isinstance(name, str) or not name:
        return "missing_event", "A log record is an event only with 'eventName'"
    if len(name) > NAME_CHARS_MAX:
        return "too_long", "'event.name' is too long"
    said: Fields = {}
    whole = {**resource, **attributes}
    for each, field in _SAID:
        value = whole.get(each)
        if value is None or field in said:
            continue
        if isinstance(value, str) and len(value) > ID_CHARS_MAX and each in _PEOPLE:
            return "too_long", f"'{each}' is too long for an id"
        if _fits(each, value):
            said[field] = value
            attributes.pop(each, None)
    # People are named in one place only, where policies of identities look.
    for each in (_PEOPLE | _CLIENT).intersection(whole):
        attributes.pop(each, None)
        resource.pop(each, None)
    try:
        said["occurred_at"] = _occurred_at(event)
    except ValueError:
        return "bad_timestamp", "A time is a whole number of nanoseconds since 1970"
    said["event_id"] = _event_id(attributes, text)
    page = {field: attributes.pop(each) for each, field in _PAGE if isinstance(attributes.get(each), str)}
    # What concerns nobody is an event of the platform: only those may do without a user.
    known = "identify_id" in said or "anonymous_id" in said
    kind = _SESSIONS.get(name, "custom") if known else "platform_event"
    said |= {
        "type": kind,
        "event_name": name if kind not in _SESSIONS.values() else None,
        "page": page,
        "global_context": _context(event, resource),
        "attributes": {**_of_body(event.body), **attributes},
    }
    return without_nothing(said)


def _fits(name: str, value: object) -> bool:
    """Whether a value is an id or, where a name is asked for, a name; what an SDK makes up is none."""
    if name in _PEOPLE:
        return isinstance(value, str | int) and not isinstance(value, bool) and value != ""
    return isinstance(value, str) and 0 < len(value) <= NAME_CHARS_MAX and not value.startswith("unknown_service")


def _event_id(attributes: dict[str, Any], text: Text) -> str:
    for name in _EVENT_ID:
        value = attributes.get(name)
        if isinstance(value, str) and 0 < len(value) <= EVENT_ID_CHARS_MAX:
            return str(attributes.pop(name))
    # OTLP has no ids: a request that is sent again has the same records, to the nanosecond.
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def _occurred_at(event: LogRecord) -> str | None:
    """The time of the record, else that at which it was observed. Raises ``ValueError`` for what is no time."""
    for said in (event.time_unix_nano, event.observed_time_unix_nano):
        if said is None:
            continue
        if isinstance(said, str) and not (said.isascii() and said.isdigit() and len(said) <= 20):
            raise ValueError("not a number")
        if not 0 <= (nanoseconds := int(said)) <= _YEAR_9999_NS:
            raise ValueError("no instant")
        if nanoseconds:
            return (_EPOCH + timedelta(microseconds=nanoseconds // 1000)).isoformat()
    return None


def _context(event: LogRecord, resource: dict[str, Any]) -> dict[str, Any]:
    scope = event.scope
    around = {
        "otel.scope.name": None if scope is None else scope.name,
        "severity": event.severity_text,
        "trace_id": event.trace_id,
        "span_id": event.span_id,
    }
    return {**resource, **{name: value for name, value in around.items() if value}}


def _of_body(body: AnyValue | None) -> dict[str, Any]:
    if body is None:
        return {}
    if body.kvlist_value is not None:
        return _plain(body.kvlist_value.values)
    value = _value(body)
    return {} if value is None else {"body": value}


def _plain(pairs: list[KeyValue] | None) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs or () if pair.value is not None}


def _value(value: AnyValue) -> Any:
    if value.int_value is not None:
        text = str(value.int_value)
        digits = text.removeprefix("-")
        return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else text
    if value.array_value is not None:
        return [_value(each) for each in value.array_value.values]
    if value.kvlist_value is not None:
        return _plain(value.kvlist_value.values)
    for single in (value.string_value, value.bool_value, value.double_value, value.bytes_value):
        if single is not None:
            return single
    return None


_EVENTS: Final = Translator(LogRecord, _incomplete, _words)


# --- answers -----------------------------------------------------------------------------------------


def partly(rejected: Iterable[Rejected]) -> tuple[int, str]:
    """How many records were rejected, and a text that names the first of them; (0, "") when none was."""
    named = list(rejected)
    told = "; ".join(f"record {index}: {code}: {message}" for index, code, message in named[:_TOLD_MAX])
    return len(named), told + (" …" if len(named) > _TOLD_MAX else "")


def answer_in_protobuf(rejected: Iterable[Rejected]) -> bytes:
    """An ``ExportLogsServiceResponse``: empty when everything was taken, else with ``partial_success``."""
    count, message = partly(rejected)
    if not count:
        return b""
    return _message(1, b"\x08" + _varint(count) + _message(2, message.encode()))


def status_in_protobuf(code: int, message: str) -> bytes:
    """A ``google.rpc.Status``."""
    return b"\x08" + _varint(code) + _message(2, message.encode())


def _message(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(found) + bytes([value])
