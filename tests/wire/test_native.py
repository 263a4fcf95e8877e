"""The native dialect at the door: every type of event, what each needs, and errors by index."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import BadRecord
from footfall.model.event import (
    DETAIL_FIELD,
    EMAIL_TYPES,
    NAME_FIELD,
    PAYLOAD_FIELDS,
    QUESTION_TYPES,
    TRIGGER_TYPES,
    VIEW_STATES,
    WORDS,
    EventType,
)
from footfall.wire.native import NativeEvent, read

WHO = {"identify_id": "u1", "occurred_at": "2026-11-22T11:18:14Z"}
VALUES = {
    "view_state": "VIEWED", "question_type": "SCORE", "email_type": "EMAIL_TRACK_OPEN", "survey_type": "NPS",
    "provider": "ZENDESK_ARTICLE_PROVIDER",
}  # fmt: skip


def good(kind: EventType) -> dict[str, Any]:
    event: dict[str, Any] = {"type": kind.word, **WHO}
    for fields in (NAME_FIELD, DETAIL_FIELD):
        if kind in fields:
            event[fields[kind]] = VALUES.get(fields[kind], "x-1")
    if kind is EventType.ALIAS:
        event["previous_id"] = "a1"
    if kind is EventType.GROUP:
        event["account_id"] = "acc"
    return event


def codes(*events: Any) -> list[tuple[int, str]]:
    reading = read(json.dumps({"events": list(events)}).encode(), "batch")
    assert reading.count == len(events)
    return [(index, code) for index, code, _ in reading.rejected]


@pytest.mark.parametrize("kind", list(EventType), ids=lambda k: k.word)
def test_an_event_of_every_type_passes_with_what_it_needs_and_no_less(kind: EventType) -> None:
    event = good(kind)
    assert codes(event) == []
    needed = set(event) - {"type", "occurred_at", "identify_id"}
    for field in needed - ({"account_id"} if kind is EventType.GROUP else set()):
        without = {k: v for k, v in event.items() if k != field}
        expected = "missing_previous" if field == "previous_id" else f"missing_{field}"
        assert codes(good(EventType.PAGE_VIEW), without) == [(1, expected)]


def test_the_model_and_the_dialect_know_the_same_words() -> None:
    fields = set(NativeEvent.__struct_fields__)
    assert set(NAME_FIELD.values()) | set(DETAIL_FIELD.values()) <= fields
    assert {field for payload in PAYLOAD_FIELDS.values() for field in payload} <= fields
    for word in WORDS:
        assert "unknown_type" not in {code for _, code in codes({"type": word, **WHO})}
    for field, values in (
        ("view_state", VIEW_STATES), ("trigger_type", (*TRIGGER_TYPES, "Auto")), ("question_type", QUESTION_TYPES),
        ("email_type", EMAIL_TYPES),
    ):  # fmt: skip
        for value in values:
            assert codes({**good(EventType.PAGE_VIEW), field: value}) == []
        assert codes({**good(EventType.PAGE_VIEW), field: "SOMETHING"}) == [(0, "bad_value")]


PAGE = good(EventType.PAGE_VIEW)


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({**PAGE, "type": None}, "missing_type"), ({**PAGE, "type": "Page View"}, "unknown_type"),
        ({"type": "click"}, "missing_user"), ({"type": "click", "identify_id": "", "anonymous_id": ""}, "missing_user"),
        ({**PAGE, "occurred_at": "soon"}, "bad_timestamp"), ({**PAGE, "occurred_at": -1}, "bad_timestamp"),
        ({**PAGE, "sent_at": [1]}, "bad_timestamp"), ({**PAGE, "occurred_at": 1.5}, "bad_timestamp"),
        ({**PAGE, "user": []}, "bad_type"), ({**PAGE, "metrics": {"a": "b"}}, "bad_type"),
        ({**PAGE, "labels": "a"}, "bad_type"), ({**PAGE, "labels": [1]}, "bad_type"),
        ({**PAGE, "step_number": -1}, "bad_value"), ({**PAGE, "step_number": "1"}, "bad_type"),
        ({**PAGE, "page": {"path": 5}}, "bad_type"), ({**PAGE, "score": "9"}, "bad_type"),
        ({**PAGE, "event_id": "x" * 101}, "too_long"), ({**PAGE, "contact_me_allowed": "yes"}, "bad_type"),
        ({**PAGE, "comment": "x" * 70_000}, "too_large"), ({**PAGE, "comment": "\ud800"}, "bad_text"),
        ({**PAGE, "type": "group"}, "missing_group"), (5, "not_an_object"),
    ],
)  # fmt: skip
def test_a_bad_event_is_named_by_index_and_reason_and_its_neighbours_are_kept(event: Any, code: str) -> None:
    assert codes(PAGE, event, PAGE) == [(1, code)]


@pytest.mark.parametrize(
    "event",
    [
        {**PAGE, "occurred_at": 1795346463000}, {**PAGE, "occurred_at": "2026-11-22"}, {**PAGE, "identify_id": 7},
        {"type": "audit_event", "event_name": "Key revoked"}, {"type": "platform_event", "event_name": "Started"},
        {**PAGE, "type": "group", "account": {"id": "a", "plan": "pro"}},
        {**PAGE, "type": "identify", "user": {"email": "a@example.org"}, "account": {"id": 5, "name": "Acme"}},
        {**good(EventType.SURVEY_ANSWER), "answers": ["a", "b"], "score": 9.5},
        {**PAGE, "metrics": {"rows": 3, "ms": 1.5}, "global_context": {"tier": "gold"}, "attributes": {"a": [1]}},
        {**PAGE, "page": {"path": "/a", "query_string": None, "more": 1}, "unheard": {"of": 1}},
    ],
)  # fmt: skip
def test_a_good_event_passes(event: Any) -> None:
    assert codes(event) == []


def test_an_array_an_object_of_events_one_event_and_lines_are_the_same() -> None:
    event = {**PAGE, "event_id": "e1"}
    for body, call in (
        ({"events": [event]}, "batch"),
        ([event], "batch"),
        (event, "batch"),
    ):
        reading = read(json.dumps(body).encode(), call)
        assert (reading.count, reading.rejected) == (1, ())
    line = json.dumps(event).encode()
    reading = read(line + b"\n\r\n" + line + b"\n", "ndjson")
    assert (reading.count, reading.rejected) == (2, ())
    assert json.loads(reading.body) == [event, event]


def test_a_line_that_is_no_json_costs_only_itself() -> None:
    line = json.dumps(PAGE).encode()
    reading = read(line + b"\n{oops\n" + line + b'\n{"type":"click"}', "ndjson")
    assert [(index, code) for index, code, _ in reading.rejected] == [(1, "malformed"), (3, "missing_user")]
    assert json.loads(reading.body) == [PAGE, None, PAGE, {"type": "click"}]


@pytest.mark.parametrize("body", [b"", b"5", b"{", b'"x"', b'{"events":5}', b'{"events":null}', b"[{]", b'{"a":tru}'])
def test_a_body_that_is_no_json_of_events_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(BadRecord) as refusal:
        read(body, "batch")
    assert refusal.value.code == "malformed"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([PAGE, {"type": "click"}, 5, {**PAGE, "comment": "\ud800"}, {**PAGE, "score": "x"}])))
def test_the_fate_of_an_event_does_not_depend_on_its_neighbours_or_the_wrapping(events: list[Any]) -> None:
    alone = [codes(event) for event in events]
    expected = [(index, fate[0][1]) for index, fate in enumerate(alone) if fate]
    assert codes(*events) == expected
    array = read(json.dumps(events).encode(), "batch")
    assert [(index, code) for index, code, _ in array.rejected] == expected
