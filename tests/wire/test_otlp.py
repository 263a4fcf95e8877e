"""OTLP logs: records with a name are events, in protobuf and in JSON alike; what is none is named and kept apart."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson
from google.rpc.status_pb2 import Status
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from settled_rows import RECEIVED, settled, shaper

from footfall.engines.shaping import DuckShaper
from footfall.errors import BadRecord
from footfall.model.reading import BODY_BYTES_MAX, EVENT_BYTES_MAX, EVENTS_MAX
from footfall.wire import native
from footfall.wire.otlp import answer_in_protobuf, read, status_in_protobuf, text_of
from footfall.wire.otlp_protobuf import FIELDS_MAX

NS = int(RECEIVED.timestamp() - 3600) * 1_000_000_000
PROTOBUF = b"application/x-protobuf"


def value(plain: Any) -> AnyValue:
    """A plain value as OTLP says it."""
    found = AnyValue()
    match plain:
        case None:
            pass
        case bool():
            found.bool_value = plain
        case str():
            found.string_value = plain
        case int():
            found.int_value = plain
        case float():
            found.double_value = plain
        case bytes():
            found.bytes_value = plain
        case list():
            found.array_value.SetInParent()
            found.array_value.values.extend(value(each) for each in plain)
        case dict():
            found.kvlist_value.SetInParent()
            found.kvlist_value.values.extend(pairs(plain))
    return found  # fmt: skip


def pairs(plain: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value(each)) for key, each in plain.items()]


def request(*records: dict[str, Any], resource: dict[str, Any] | None = None) -> ExportLogsServiceRequest:
    """Records of (name, attributes, body, time_ns, and other fields) of one resource and scope."""
    made = ExportLogsServiceRequest()
    of_resource = made.resource_logs.add()
    of_resource.resource.attributes.extend(pairs(resource or {}))
    of_scope = of_resource.scope_logs.add()
    of_scope.scope.name = "shop"
    for each in records:
        said = {"name": "report opened", "attributes": {"user.id": "ada"}, "time_ns": NS, **each}
        record = of_scope.log_records.add(event_name=said["name"], time_unix_nano=said["time_ns"])
        record.attributes.extend(pairs(said["attributes"]))
        if "body" in said:
            record.body.CopyFrom(value(said["body"]))
    return made


def both(made: ExportLogsServiceRequest) -> list[bytes]:
    """The request as SDKs send it in protobuf, and as the specification writes it in JSON."""
    return [made.SerializeToString(), MessageToJson(made).encode()]


@pytest.fixture(scope="module")
def duck() -> Iterator[DuckShaper]:
    with shaper() as opened:
        yield opened


@pytest.mark.parametrize("which", [0, 1], ids=["protobuf", "JSON"])
def test_attributes_of_record_and_resource_say_what_happened_to_whom_and_where(duck: DuckShaper, which: int) -> None:
    attributes = {"user.id": "ada", "session.id": "s-1", "tenant.id": "acme", "url.full": "https://x.io/a?b", "n": 5,
                  "tags": ["a", 1.5], "log.record.uid": "e-1"}  # fmt: skip
    resource = {"service.name": "shop-api", "deployment.environment.name": "QA", "host.name": "h1"}
    body = both(request({"attributes": attributes, "body": {"pages": 12}}, resource=resource))[which]
    found = settled(duck, read(text_of(body), "batch"))
    assert found.refused == []
    (row,) = found.rows
    names = ("type", "name", "event_id", "user_key", "account_key", "session_id", "product", "environment")
    assert [row[name] for name in names] == ["custom", "report opened", "e-1", "ada", "acme", "s-1", "shop-api", "QA"]
    assert (RECEIVED - row["occurred_at"]).total_seconds() == 3600
    assert row["properties"] == {
        "attributes": {"pages": 12, "n": 5, "tags": ["a", 1.5]}, "page": {"url": "https://x.io/a?b"},
    }  # fmt: skip
    assert row["global_context"] == {**resource, "otel.scope.name": "shop"}


def test_people_and_accounts_are_named_in_one_place_only() -> None:
    who = {"user.id": "u1", "enduser.id": "u1", "tenant.id": "acme", "account.id": "acme"}
    made = request({"attributes": who}, resource=who)
    body = read(text_of(made.SerializeToString()), "batch").body
    assert (body.count(b'"u1"'), body.count(b'"acme"')) == (1, 1)


@pytest.mark.parametrize("beside", ["attributes", "resource"])
def test_the_address_of_a_client_is_not_stored_and_its_agent_once(beside: str) -> None:
    client = {"client.address": "203.0.113.9", "source.address": "203.0.113.9", "network.peer.address": "203.0.113.9",
              "user_agent.original": "Agent/1", "user.id": "ada"}  # fmt: skip
    made = request({"attributes": client}) if beside == "attributes" else request({}, resource=client)
    body = read(text_of(made.SerializeToString()), "batch").body
    assert (body.count(b"203.0.113.9"), body.count(b"Agent/1")) == (0, 1)
    assert json.loads(body)["events"][0]["user_agent"] == "Agent/1"


def test_a_record_without_a_name_is_no_event_and_is_kept_apart(duck: DuckShaper) -> None:
    made = request({"name": ""}, {"name": "", "attributes": {"event.name": "opened", "user.id": "u"}}, {})
    reading = read(text_of(made.SerializeToString()), "batch")
    assert [(index, code) for index, code, _ in reading.rejected] == [(0, "missing_event")]
    found = settled(duck, reading)
    assert [row["name"] for row in found.rows] == ["opened", "report opened"]
    assert found.refused == [(0, "missing_event")]


def test_sessions_platform_events_and_native_types(duck: DuckShaper) -> None:
    made = request(
        {"name": "session.start", "attributes": {"user.id": "ada", "session.id": "s"}}, {"attributes": {"x": 1}},
        {"name": "footfall.feature_match", "attributes": {"user.id": "ada", "feature_id": "f-1"}},
    )  # fmt: skip
    found = settled(duck, read(text_of(made.SerializeToString()), "batch"))
    assert [(row["type"], row["name"]) for row in found.rows] == [
        ("session_started", None), ("platform_event", "report opened"), ("feature_match", "f-1"),
    ]  # fmt: skip


def test_a_request_that_is_sent_again_counts_once_and_equal_records_count_each(duck: DuckShaper) -> None:
    body = request({}, {}, {"time_ns": NS + 1}, {"attributes": {"user.id": "bob"}}).SerializeToString()
    first, again = read(text_of(body), "batch"), read(text_of(body), "batch")
    found = settled(duck, first, again)
    assert (len(found.rows), found.duplicates) == (4, 4)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"attributes": {"user.id": "u" * 513}}, "too_long"), ({"name": "n" * 513}, "too_long"),
        ({"body": "x" * EVENT_BYTES_MAX}, "too_large"),
    ],
)  # fmt: skip
def test_a_bad_record_is_named_by_index_and_reason_and_its_neighbours_are_kept(
    duck: DuckShaper, bad: dict[str, Any], code: str
) -> None:
    for body in both(request({}, bad, {"time_ns": NS + 1})):
        reading = read(text_of(body), "batch")
        assert [(index, why) for index, why, _ in reading.rejected] == [(1, code)]
        assert len(settled(duck, reading).rows) == 2


def test_odd_json_is_judged_record_by_record() -> None:
    records = [
        5,
        {},
        {"eventName": 7},
        {"eventName": "e", "attributes": 3},
        {"eventName": "e", "body": {"intValue": []}},
        {"eventName": "e", "timeUnixNano": "soon"},
    ]
    text = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()
    assert [(index, code) for index, code, _ in read(text, "batch").rejected] == [
        (0, "not_an_object"), (1, "missing_event"), (2, "bad_type"), (3, "bad_type"), (4, "bad_type"),
        (5, "bad_timestamp"),
    ]  # fmt: skip


@pytest.mark.parametrize("body", [b"", b"{}", ExportLogsServiceRequest().SerializeToString()])
def test_nothing_is_a_request_too(body: bytes) -> None:
    assert read(text_of(body), "batch").count == 0


def deep(levels: int) -> bytes:
    nested: Any = 1
    for _ in range(levels):
        nested = [nested]
    return request({"body": nested}).SerializeToString()


def test_a_request_of_any_length_is_read_as_what_it_says_it_is() -> None:
    first = set()
    for length in range(120):
        body, same = both(request({"attributes": {"user.id": "a" * length}}))
        first.add(body[:2])
        assert read(text_of(body, PROTOBUF), "batch").count == read(text_of(b"\n" + same), "batch").count == 1
    assert b"\n{" in first


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "malformed"), (b"\x0a\x05abc", "malformed"),
        (b"\x0f", "malformed"), (b"\x00\x00", "malformed"), (b"{", "malformed"), (b'{"resourceLogs":5}', "malformed"),
        (deep(44), "too_deep"), (request(*[{}] * (EVENTS_MAX + 1)).SerializeToString(), "too_many_events"),
        (b"\x18\x01" * (FIELDS_MAX + 1), "too_many_events"),
    ],
    ids=range(9),
)  # fmt: skip
def test_hostile_bytes_are_refused_as_a_whole(body: bytes, code: str) -> None:
    with pytest.raises(BadRecord) as refusal:
        read(text_of(body), "batch")
    assert refusal.value.code == code


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.floats() | st.text(max_size=8)
    | st.binary(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["user.id", "session.id", "tenant.id", "event.name", "feature_id", "log.record.uid", "x", "y"]),
    PLAIN,
)
RECORDS = st.fixed_dictionaries(
    {"name": st.sampled_from(["", "opened", "session.end", "footfall.feature_match"]), "attributes": ATTRIBUTES},
    optional={"body": PLAIN, "time_ns": st.sampled_from([0, NS, NS + 12_345])},
)


@settings(max_examples=60, deadline=None)
@given(st.lists(RECORDS, max_size=4), ATTRIBUTES)
def test_our_reader_agrees_with_the_official_one_and_settling_with_the_door(
    duck: DuckShaper, records: list[dict[str, Any]], resource: dict[str, Any]
) -> None:
    made = request(*records, resource=resource)
    body, same = both(made)
    protobuf, text = read(text_of(body, PROTOBUF), "batch"), read(text_of(same), "batch")
    assert protobuf.rejected == text.rejected
    ours, theirs = (json.loads(reading.body)["events"] for reading in (protobuf, text))
    out = {index for index, _, _ in protobuf.rejected}
    for index in set(range(len(records))) - out:
        for each in (ours[index], theirs[index]):  # made of the text, and the texts differ in spaces
            each.pop("event_id")
        assert ours[index] == theirs[index]
    assert {index for index, _, _ in native.read(protobuf.body, "batch").rejected} <= out
    found = settled(duck, protobuf)
    assert {index for index, _ in found.refused} == out
    assert len(found.rows) + found.duplicates + len(out) == len(records)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(BadRecord):
        assert read(text_of(body), "batch").count <= len(body)


def test_answers_are_messages_of_the_official_library() -> None:
    assert answer_in_protobuf([]) == b""
    many = [(index, "missing_event", "Łódź") for index in range(300)]
    answer = ExportLogsServiceResponse.FromString(answer_in_protobuf(many))
    assert answer.partial_success.rejected_log_records == 300
    assert answer.partial_success.error_message.startswith("record 0: missing_event: Łódź; record 1")
    status = Status.FromString(status_in_protobuf(16, "who" * 100))
    assert (status.code, status.message) == (16, "who" * 100)


def test_a_number_that_json_cannot_say_is_a_text() -> None:
    (record,) = json.loads(text_of(request({"body": struct.unpack("<d", b"\xff" * 8)[0]}).SerializeToString()))[
        "resourceLogs"
    ][0]["scopeLogs"][0]["logRecords"]
    assert record["body"] == {"doubleValue": "NaN"}


def test_what_records_share_counts_once_for_each_of_them() -> None:
    shared = [{"key": "k", "value": {"stringValue": "x" * (BODY_BYTES_MAX // 1000)}}]
    record = {"eventName": "e", "timeUnixNano": str(NS)}

    def body(records: int, beside: dict[str, Any]) -> bytes:
        scope = {"logRecords": [record] * records}
        return json.dumps({"resourceLogs": [{**beside, "scopeLogs": [scope] * 10}]}).encode()

    resource = {"resource": {"attributes": shared}}
    assert read(body(90, resource), "batch").count == 900
    for records, code in ((101, "too_large"), (251, "too_many_events")):
        with pytest.raises(BadRecord) as refusal:
            read(body(records, resource), "batch")
        assert refusal.value.code == code
