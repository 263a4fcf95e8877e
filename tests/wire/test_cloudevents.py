"""CloudEvents over HTTP: in headers or in JSON, each becomes one event, with an id that is unique within its source."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from settled_rows import RECEIVED, settled, shaper

from footfall.engines.shaping import DuckShaper
from footfall.errors import BadRecord
from footfall.wire import native
from footfall.wire.cloudevents import in_one, is_in_one, read

GOOD: dict[str, Any] = {
    "specversion": "1.0", "id": "e-1", "source": "/orders", "type": "com.example.order.paid", "subject": "ada",
    "time": "2026-11-22T11:00:00Z", "data": {"amount": 12.5, "currency": "EUR"},
}  # fmt: skip


def but(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}


def text(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.fixture(scope="module")
def duck() -> Iterator[DuckShaper]:
    with shaper() as opened:
        yield opened


def one(duck: DuckShaper, body: bytes) -> dict[str, Any]:
    found = settled(duck, read(body, "batch"))
    assert found.refused == []
    (row,) = found.rows
    return row


def test_its_attributes_say_what_happened_to_whom_and_where(duck: DuckShaper) -> None:
    event = but(accountid="acme", sessionid="s-1", anonymousid="v-1", productkey="app", environment="QA",
                dataschema="https://x.io/s", datacontenttype="application/json", region="eu")  # fmt: skip
    row = one(duck, text(event))
    names = (
        "type",
        "name",
        "event_id",
        "user_key",
        "anonymous_key",
        "account_key",
        "session_id",
        "product",
        "environment",
    )
    assert [row[name] for name in names] == [
        "custom", "com.example.order.paid", "e-1@/orders", "ada", "v-1", "acme", "s-1", "app", "QA",
    ]  # fmt: skip
    assert (RECEIVED - row["occurred_at"]).total_seconds() == 3600
    assert row["properties"] == {"attributes": {"amount": 12.5, "currency": "EUR"}}
    assert row["global_context"] == {
        "source": "/orders", "dataschema": "https://x.io/s", "datacontenttype": "application/json", "region": "eu",
    }  # fmt: skip


def test_headers_structure_and_batch_are_the_same(duck: DuckShaper) -> None:
    headers = {b"content-type": b"application/json", **{
        f"ce-{name}".encode(): value.encode() for name, value in GOOD.items() if name != "data"}}  # fmt: skip
    assert is_in_one(headers)
    in_headers = one(duck, in_one(headers, text(GOOD["data"])))
    structured = one(duck, text(but(datacontenttype="application/json")))
    batched = one(duck, text([but(datacontenttype="application/json")]))
    assert in_headers == structured == batched


@pytest.mark.parametrize(
    ("kind", "data", "attributes"),
    [
        (b"application/json", b'{"a": 1}', {"a": 1}), (b"application/vnd.x+json; charset=utf-8", b"[1]", {"data": [1]}),
        (b"text/plain", "Łódź".encode(), {"data": "Łódź"}), (b"", b'"x"', {"data": "x"}),
        (b"application/json", b"", None),
        (b"application/octet-stream", b"\x00\xff", {"data_base64": base64.b64encode(b"\x00\xff").decode()}),
    ],
)  # fmt: skip
def test_data_of_any_kind_is_kept(duck: DuckShaper, kind: bytes, data: bytes, attributes: Any) -> None:
    headers = {
        b"ce-specversion": b"1.0",
        b"ce-id": b"1",
        b"ce-source": b"/s",
        b"ce-type": b"T%20x",
        b"ce-subject": b"ada",
    }
    row = one(duck, in_one({**headers, **({b"content-type": kind} if kind else {})}, data))
    assert row["name"] == "T x"
    assert (row["properties"] or {}).get("attributes") == attributes


def test_what_concerns_no_user_is_an_event_of_the_platform(duck: DuckShaper) -> None:
    row = one(duck, text(but(subject=...)))
    assert (row["type"], row["name"], row["user_key"]) == ("platform_event", "com.example.order.paid", None)
    row = one(duck, text(but(identifyid="bob")))
    assert (row["user_key"], row["global_context"]["subject"]) == ("bob", "ada")


def test_ids_of_two_sources_never_meet_and_a_repetition_counts_once(duck: DuckShaper) -> None:
    long = "s" * 300
    events = [but(), but(source="/other"), but(source=long), but(id="i" * 300), but(id="i" * 300, source=long), but()]
    found = settled(duck, read(text(events), "batch"))
    assert (len({row["event_id"] for row in found.rows}), found.duplicates) == (5, 1)
    assert all(len(row["event_id"]) <= 100 for row in found.rows)


def test_a_native_type_is_the_event_it_names(duck: DuckShaper) -> None:
    row = one(duck, text(but(type="footfall.feature_match", data={"feature_id": "f-1"})))
    assert (row["type"], row["name"]) == ("feature_match", "f-1")
    assert read(text(but(type="footfall.feature_match")), "batch").rejected[0][1] == "missing_feature_id"


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (but(id=...), "missing_id"), (but(source=""), "missing_source"), (but(type=...), "missing_type"),
        (but(specversion=...), "missing_specversion"), (but(specversion="0.3"), "bad_value"),
        (but(time="soon"), "bad_timestamp"), (but(subject="u" * 513), "too_long"), (but(subject=5), "bad_type"),
        (but(data="x" * 70_000), "too_large"), ("x", "not_an_object"), (but(data="\ud83d"), "bad_text"),
    ],
)  # fmt: skip
def test_a_bad_event_is_named_by_index_and_reason_and_its_neighbours_are_kept(
    duck: DuckShaper, bad: Any, code: str
) -> None:
    reading = read(text([GOOD, bad, but(id="e-2")]), "batch")
    assert [(index, why) for index, why, _ in reading.rejected] == [(1, code)]
    found = settled(duck, reading)
    assert ([row["event_id"] for row in found.rows], found.refused) == (["e-1@/orders", "e-2@/orders"], [(1, code)])


@pytest.mark.parametrize("body", [b"", b"5", b"{", b"[{]", b'"x"'])
def test_a_body_that_is_no_event_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(BadRecord) as refusal:
        read(body, "batch")
    assert refusal.value.code == "malformed"
    with pytest.raises(BadRecord):
        in_one({b"ce-specversion": b"1.0", b"content-type": b"application/json"}, b"{")


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.dictionaries(st.text(), st.integers(), max_size=2)
)
EVENTS = st.fixed_dictionaries(
    {"specversion": st.just("1.0"), "id": st.text(max_size=4) | VALUES, "source": st.just("/s") | VALUES,
     "type": st.sampled_from(["T", "footfall.feedback", "footfall.custom"]) | VALUES},
    optional=dict.fromkeys(
        ("subject", "time", "accountid", "sessionid", "productkey", "data", "data_base64", "more"), VALUES
    ),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENTS | VALUES, max_size=4))
def test_what_the_door_lets_in_is_an_event_to_the_native_dialect_and_to_settling(
    duck: DuckShaper, events: list[Any]
) -> None:
    reading = read(text(events), "batch")
    out = {index for index, _, _ in reading.rejected}
    assert {index for index, _, _ in native.read(reading.body, "batch").rejected} <= out
    found = settled(duck, reading)
    assert {index for index, _ in found.refused} == out
    assert len(found.rows) + found.duplicates + len(out) == len(events)
