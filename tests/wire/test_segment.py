"""The Segment dialect at the door: what real clients send passes, what cannot be used is named by index and reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from settled_rows import settled, shaper

from footfall.errors import BadRecord
from footfall.model.reading import BODY_BYTES_MAX, EVENT_BYTES_MAX, EVENTS_MAX, Reading
from footfall.wire.segment import CALLS, read

CAPTURES = Path(__file__).with_name("captures")
SHORT = {call[0]: call for call in CALLS} | {"b": "batch"}

GOOD: dict[str, Any] = {
    "type": "track", "event": "Report Exported", "userId": "u1", "messageId": "m-1",
    "timestamp": "2026-11-22T11:18:14.814+00:00", "properties": {"format": "csv"}, "context": {"locale": "en-US"},
}  # fmt: skip


def but(**changes: Any) -> dict[str, Any]:
    """A good event with changes; a change to ``...`` takes the field away."""
    return {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}


def batch_of(*events: Any, **beside: Any) -> bytes:
    return json.dumps({"batch": list(events), **beside}).encode()


def captured() -> list[Any]:
    found = []
    for path in sorted(CAPTURES.glob("*.jsonl")):
        for number, line in enumerate(path.read_text().splitlines()):
            request = json.loads(line)
            if request["m"] == "POST":
                found.append(pytest.param(request["p"], request["b"].encode(), id=f"{path.stem}-{number}"))
    return found


@pytest.mark.parametrize(("path", "body"), captured())
def test_every_recorded_request_of_a_real_client_is_taken_whole(path: str, body: bytes) -> None:
    call = path.rsplit("/", 1)[1]
    reading = read(body, SHORT.get(call, call))
    value = json.loads(body)
    assert reading.count == len(value.get("batch", [value]))
    assert reading.rejected == ()
    assert reading.body is body
    assert reading.write_key == value.get("writeKey", "")


BAD: list[Any] = [
    pytest.param(but(type=...), "missing_type", id="no type in a batch"),
    pytest.param(but(type=None), "missing_type", id="type null"),
    pytest.param(but(type="tracks"), "unknown_type", id="unknown type"),
    pytest.param(but(type=""), "unknown_type", id="empty type"),
    pytest.param(but(type=["track"]), "unknown_type", id="type is a list"),
    pytest.param(but(userId=...), "missing_user", id="nobody"),
    pytest.param(but(userId="", anonymousId=None), "missing_user", id="empty user"),
    pytest.param(but(userId=1.5), "bad_type", id="user is a fraction"),
    pytest.param(but(userId=True), "bad_type", id="user is a truth value"),
    pytest.param(but(userId={"id": 1}), "bad_type", id="user is an object"),
    pytest.param(but(userId=10**19), "bad_value", id="user is a number beyond 64 bits"),
    pytest.param(but(userId="u" * 513), "too_long", id="user too long"),
    pytest.param(but(event=...), "missing_event", id="track without event"),
    pytest.param(but(event=""), "missing_event", id="track with an empty event"),
    pytest.param(but(event=7), "bad_type", id="event is a number"),
    pytest.param(but(messageId="m" * 101), "too_long", id="message id too long"),
    pytest.param(but(timestamp="yesterday"), "bad_timestamp", id="no instant"),
    pytest.param(but(timestamp="2026-13-01T00:00:00Z"), "bad_timestamp", id="no such month"),
    pytest.param(but(timestamp="2026-02-29"), "bad_timestamp", id="no such day"),
    pytest.param(but(timestamp=1795346463), "bad_timestamp", id="a number is no instant here"),
    pytest.param(but(properties=["csv"]), "bad_type", id="properties are a list"),
    pytest.param(but(properties="csv"), "bad_type", id="properties are a text"),
    pytest.param(but(type="identify", traits=3), "bad_type", id="traits are a number"),
    pytest.param(but(context="web"), "bad_type", id="context is a text"),
    pytest.param(but(type="group"), "missing_group", id="group without its id"),
    pytest.param(but(type="alias"), "missing_previous", id="alias without what came before"),
    pytest.param(but(type="alias", previousId="a", userId=None, anonymousId="b"), "missing_previous", id="half alias"),
    pytest.param(but(properties={"a": "x" * EVENT_BYTES_MAX}), "too_large", id="event too large"),
    pytest.param(but(properties={"a": "\ud83d"}), "bad_text", id="half an emoji"),
    pytest.param(None, "not_an_object", id="null"),
    pytest.param([GOOD], "not_an_object", id="a list"),
    pytest.param("track", "not_an_object", id="a text"),
]  # fmt: skip


@pytest.mark.parametrize(("event", "code"), BAD)
def test_a_bad_event_is_named_by_index_and_reason_and_its_neighbours_are_kept(event: Any, code: str) -> None:
    reading = read(batch_of(GOOD, event, GOOD), "batch")
    assert reading.count == 3
    assert [(index, why) for index, why, _ in reading.rejected] == [(1, code)]
    assert reading.rejected[0][2]
    assert len(json.loads(reading.body)["batch"]) == 3


@pytest.mark.parametrize(("event", "code"), [p for p in BAD if p.values[1] not in ("missing_type",)])
def test_a_single_call_is_judged_like_a_batch_of_one(event: Any, code: str) -> None:
    call = event["type"] if isinstance(event, dict) and event.get("type") in CALLS else "track"
    reading = read(json.dumps(event).encode(), call)
    assert [(index, why) for index, why, _ in reading.rejected] == [(0, code)]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(but(userId=7), id="user is a whole number"),
        pytest.param(but(userId=0), id="user is zero"),
        pytest.param(but(userId=..., anonymousId="a"), id="a visitor"),
        pytest.param(but(timestamp="2026-11-22T11:18:14Z"), id="UTC"),
        pytest.param(but(timestamp="2026-11-22T11:18:14.123456-05:00"), id="with an offset"),
        pytest.param(but(timestamp="2026-11-22"), id="a date"),
        pytest.param(but(timestamp="2026-11-22T11:18Z"), id="without seconds"),
        pytest.param(but(timestamp=None), id="no time"),
        pytest.param(but(type="page", event=...), id="page"),
        pytest.param(but(type="identify", event=..., traits={"a": [1, {"b": None}]}), id="identify"),
        pytest.param(but(type="group", groupId=5), id="group"),
        pytest.param(but(type="alias", previousId="a"), id="alias"),
        pytest.param(but(unheard={"of": [[[]]]}), id="unknown fields"),
        pytest.param(but(properties={"n": 10**30, "f": 1e300, "nul": "\0"}), id="large numbers and NUL"),
        pytest.param(but(messageId=...), id="no message id"),
        pytest.param(but(userId="u" * 512, messageId="m" * 100), id="as long as may be"),
    ],
)
def test_a_good_event_passes(event: Any) -> None:
    assert read(batch_of(event), "batch").rejected == ()


def test_the_path_says_what_a_single_call_is_unless_its_body_does() -> None:
    assert read(json.dumps(but(type=..., event=...)).encode(), "page").rejected == ()
    assert read(json.dumps(but(type=...)).encode(), "track").rejected == ()
    assert read(json.dumps(but(type="group")).encode(), "track").rejected[0][1] == "missing_group"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed"), (b"{", "malformed"), (b'{"batch":[', "malformed"), (b'{"batch":[{}]} x', "malformed"),
        (b'{"batch":[{"a":01}]}', "malformed"), (b'{"batch":[{"a":NaN}]}', "malformed"),
        (b'{"batch":[{"a":"\t"}]}', "malformed"), (b"{'batch':[]}", "malformed"), (b'{"batch":[{},]}', "malformed"),
        (b'{"batch":[{"a":"\\ud800"}', "malformed"), (b"[" * 100_000, "missing_batch"),
        (b'{"batch":' + b"[" * 100_000, "malformed"),
        (b"[]", "missing_batch"), (b"{}", "missing_batch"), (b"null", "missing_batch"),
        (b'{"batch":5}', "missing_batch"),
        (b'{"batch":[' + b"{}," * EVENTS_MAX + b"{}]}", "too_many_events"),
        (b'{"batch":[' + b"1," * 2_000_000 + b"1]}", "too_many_events"),
    ],
)  # fmt: skip
def test_a_body_that_is_no_batch_is_refused_as_a_whole(body: bytes, code: str) -> None:
    with pytest.raises(BadRecord) as refusal:
        read(body, "batch")
    assert refusal.value.code == code


def test_a_batch_of_the_most_events_passes() -> None:
    reading = read(batch_of(*[but(properties={})] * EVENTS_MAX), "batch")
    assert (reading.count, reading.rejected) == (EVENTS_MAX, ())


def test_an_event_that_nests_too_deep_costs_only_itself() -> None:
    deep = json.dumps(but(event="deep", properties={"a": "HERE"})).replace('"HERE"', "[" * 5_000 + "]" * 5_000)
    body = batch_of(GOOD, "DEEP", GOOD, writeKey="k").replace(b'"DEEP"', deep.encode())
    reading = read(body, "batch")
    assert [(index, code) for index, code, _ in reading.rejected] == [(1, "too_deep")]
    assert json.loads(reading.body)["batch"] == [GOOD, None, GOOD]
    assert reading.write_key == "k"


def test_text_that_looks_like_brackets_does_not_confuse_the_search_for_the_unreadable() -> None:
    tricky = but(properties={'}],"batch":[': 'a\\"]}', "b": "\\"})
    body = json.dumps({"context": {"batch": [1]}, "batch": [tricky, but(event="\udc00"), tricky]}).encode()
    reading = read(body, "batch")
    assert [(index, code) for index, code, _ in reading.rejected] == [(1, "bad_text")]
    assert json.loads(reading.body)["batch"] == [tricky, None, tricky]


@pytest.mark.parametrize("where", ["writeKey", "api_key"])
def test_the_write_key_in_the_body_is_found_whether_or_not_events_are_bad(where: str) -> None:
    assert read(batch_of(GOOD, **{where: "k"}), "batch").write_key == "k"
    assert read(batch_of({}, **{where: "k"}), "batch").write_key == "k"
    assert read(json.dumps(but(**{where: "k"})).encode(), "track").write_key == "k"
    assert read(batch_of(GOOD, **{where: 5}), "batch").write_key == ""


EVENTS = [p.values[0] for p in BAD] + [GOOD, but(userId=5), but(timestamp="2026-11-22"), but(type="page")]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(range(len(EVENTS))), min_size=1, max_size=8))
def test_the_fate_of_an_event_does_not_depend_on_its_neighbours(picked: list[int]) -> None:
    alone = [read(batch_of(EVENTS[n]), "batch").rejected for n in picked]
    together = read(batch_of(*(EVENTS[n] for n in picked)), "batch").rejected
    assert together == tuple((index, *fate[0][1:]) for index, fate in enumerate(alone) if fate)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from([*GOOD, "anonymousId", "groupId", "previousId", "traits", "other"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.dictionaries(FIELDS, JSON | st.sampled_from([*CALLS, "u1"]), max_size=8), max_size=4))
def test_any_batch_of_objects_is_judged_event_by_event(events: list[dict[str, Any]]) -> None:
    reading = read(batch_of(*events), "batch")
    assert reading.count == len(events)
    assert [index for index, _, _ in reading.rejected] == sorted({index for index, _, _ in reading.rejected})
    assert all(0 <= index < len(events) for index, _, _ in reading.rejected)


def test_a_context_that_a_batch_shares_counts_once_for_each_of_its_events() -> None:
    shared = {"app": "x" * (BODY_BYTES_MAX // 1000)}
    assert read(batch_of(*[GOOD] * 900, context=shared), "batch").count == 900
    for events in ([GOOD] * 1001, [but(type=...), *[GOOD] * 1000]):
        with pytest.raises(BadRecord) as refusal:
            read(batch_of(*events, context=shared), "batch")
        assert refusal.value.code == "too_large"


def test_a_batch_with_too_large_a_context_of_an_older_log_is_quarantined_and_nothing_else() -> None:
    body = batch_of(*[GOOD] * 2_500, context={"app": "x" * 5_000_000})
    with shaper() as duck:
        found = settled(
            duck, Reading(2_500, (), body, ""), read(batch_of(but(messageId="m-2")), "batch"), dialect="segment"
        )
    assert len(found.rows) == 1
    assert set(found.refused) == {(index, "unreadable_body") for index in range(2_500)}


@pytest.mark.timeout(10)
def test_a_text_without_end_is_not_searched_from_each_of_its_quotes() -> None:
    with pytest.raises(BadRecord) as refusal:
        read(b'{"batch":[{"a":"\\ud800' + b'\\"' * 1_000_000, "batch")
    assert refusal.value.code == "malformed"
