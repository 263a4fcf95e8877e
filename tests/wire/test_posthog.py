"""The PostHog dialect: what its libraries send is stored as events of Footfall, and what cannot be used is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from settled_rows import RECEIVED, settled, shaper

from footfall.engines.shaping import DuckShaper
from footfall.errors import BadRecord
from footfall.model.reading import EVENT_BYTES_MAX, EVENTS_MAX
from footfall.wire import native
from footfall.wire.posthog import read

CAPTURES = Path(__file__).with_name("captures") / "posthog"
UUID = "88ef2342-06f9-481b-b0fa-1f004c224d64"
GOOD: dict[str, Any] = {
    "event": "Report Exported", "distinct_id": "u1", "uuid": "e-1", "timestamp": "2026-11-22T11:19:33.572745+00:00",
    "properties": {"format": "csv", "$lib": "posthog-python"},
}  # fmt: skip


def but(properties: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A good event with changes; a change to ``...`` takes the field away."""
    whole = {**GOOD, **changes}
    if properties is not None:
        whole["properties"] = properties
    return {name: value for name, value in whole.items() if value is not ...}


def batch_of(*events: Any, **beside: Any) -> bytes:
    return json.dumps({"batch": list(events), **beside}).encode()


@pytest.fixture(scope="module")
def duck() -> Iterator[DuckShaper]:
    with shaper() as opened:
        yield opened


def one(duck: DuckShaper, event: dict[str, Any]) -> dict[str, Any]:
    found = settled(duck, read(batch_of(event), "batch"))
    assert found.refused == []
    (row,) = found.rows
    return row


def test_what_the_python_library_sends_is_stored_with_its_ids(duck: DuckShaper) -> None:
    requests = [json.loads(line) for line in (CAPTURES / "python.jsonl").read_text().splitlines()]
    readings = [read(request["b"].encode(), "batch") for request in requests]
    assert [(reading.rejected, reading.write_key, reading.dialect) for reading in readings] == [
        ((), "phc_KEY", "native")
    ] * len(readings)
    found = settled(duck, *readings)
    sent = [event for request in requests for event in json.loads(request["b"])["batch"]]
    assert [row["event_id"] for row in found.rows] == [event["uuid"] for event in sent]
    shown = ("type", "name", "user_key", "anonymous_key", "account_key")
    assert [tuple(row[name] for name in shown) for row in found.rows] == [
        ("custom", "Report Exported", "u1", None, "acc1"),
        ("identify", None, "u1", None, None),
        ("group", None, None, UUID, "acc1"),
        ("alias", None, "u1", None, None),
    ]  # fmt: skip
    assert ("user", "u1", None, {"email": "a@x.io"}) in found.facts
    assert ("account", None, "acc1", {"name": "Acme"}) in found.facts
    assert ("link", "u1", "anon", None) in found.facts


BAD: list[Any] = [
    pytest.param(but(event=...), "missing_event", id="no event"),
    pytest.param(but(event=""), "missing_event", id="empty event"),
    pytest.param(but(event=["a"]), "bad_type", id="event is a list"),
    pytest.param(but(distinct_id=...), "missing_user", id="nobody"),
    pytest.param(but(distinct_id=""), "missing_user", id="empty user"),
    pytest.param(but(distinct_id={"a": 1}), "bad_type", id="user is an object"),
    pytest.param(but(distinct_id="u" * 513), "too_long", id="user too long"),
    pytest.param(but(properties={"distinct_id": "u" * 513}), "too_long", id="user in the properties too long"),
    pytest.param(but(properties={"$session_id": "s" * 513}), "too_long", id="session too long"),
    pytest.param(but(uuid="m" * 101), "too_long", id="uuid too long"),
    pytest.param(but(event="e" * 513), "too_long", id="name too long"),
    pytest.param(but(timestamp="yesterday"), "bad_timestamp", id="no instant"),
    pytest.param(but(timestamp="2026-02-29T00:00:00Z"), "bad_timestamp", id="no such day"),
    pytest.param(but(timestamp=1795346463), "bad_timestamp", id="a number is no instant here"),
    pytest.param(but(timestamp=..., offset=-1), "bad_type", id="an offset into the future"),
    pytest.param(but(properties=["csv"]), "bad_type", id="properties are a list"),
    pytest.param(but(event="$groupidentify", properties={"$group_type": "company"}), "missing_group", id="no group"),
    pytest.param(but(event="$create_alias", properties={}), "missing_previous", id="no alias"),
    pytest.param(but(properties={"a": "x" * EVENT_BYTES_MAX}), "too_large", id="event too large"),
    pytest.param(but(properties={"a": "\ud83d"}), "bad_text", id="half an emoji"),
    pytest.param(None, "not_an_object", id="null"),
    pytest.param("event", "not_an_object", id="a text"),
]


@pytest.mark.parametrize(("event", "code"), BAD)
def test_a_bad_event_is_named_by_index_and_reason_and_its_neighbours_are_kept(
    duck: DuckShaper, event: Any, code: str
) -> None:
    reading = read(batch_of(GOOD, event, but(uuid="e-2")), "batch")
    assert (reading.count, [(index, why) for index, why, _ in reading.rejected]) == (3, [(1, code)])
    kept = json.loads(reading.body)["events"][1]
    assert kept == (None if code == "bad_text" else event), "who looks into quarantine sees what the client wrote"
    found = settled(duck, reading)
    assert ([row["event_id"] for row in found.rows], found.refused) == (["e-1", "e-2"], [(1, code)])


@pytest.mark.parametrize("body", [b"", b"5", b"{", b'{"batch":5}', b'{"batch":[{]}', b'"x"'])
def test_a_body_that_is_no_json_of_events_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(BadRecord) as refusal:
        read(body, "batch")
    assert refusal.value.code == "malformed"


def test_too_many_events_are_refused_as_a_whole() -> None:
    with pytest.raises(BadRecord) as refusal:
        read(batch_of(*[{}] * (EVENTS_MAX + 1)), "batch")
    assert refusal.value.code == "too_many_events"


def test_a_batch_an_array_and_one_event_are_the_same_and_the_key_is_found_in_each() -> None:
    keyed = but(properties={"token": "k", "format": "csv"})
    for body in ({"api_key": "k", "batch": [GOOD]}, {"token": "k", **GOOD}, [keyed], keyed, {"batch": [keyed]}):
        reading = read(json.dumps(body).encode(), "batch")
        assert (reading.count, reading.rejected, reading.write_key) == (1, (), "k")
        (event,) = json.loads(reading.body)["events"]
        assert (event["event_name"], event["identify_id"]) == ("Report Exported", "u1")
        assert "k" not in event["attributes"].values(), "the key is stored nowhere"


def test_a_visitor_is_told_from_a_user(duck: DuckShaper) -> None:
    for properties in (
        {"$is_identified": False}, {"$process_person_profile": False}, {"$device_id": "d-1"},
    ):  # fmt: skip
        row = one(duck, but(properties, distinct_id="d-1"))
        assert (row["user_key"], row["anonymous_key"]) == (None, "d-1")
    row = one(duck, but({"$is_identified": True, "$device_id": "d-1"}))
    assert (row["user_key"], row["anonymous_key"]) == ("u1", None)


def test_identify_links_the_visitor_and_tells_what_is_known(duck: DuckShaper) -> None:
    said = but(
        {"$anon_distinct_id": "d-1", "$device_id": "d-1", "$set": {"plan": "free", "$browser": "Firefox"}},
        event="$identify", **{"$set": {"email": "a@x.io"}, "$set_once": {"plan": "none", "from": "ad"}},
    )  # fmt: skip
    found = settled(duck, read(batch_of(said), "batch"))
    assert ("link", "u1", "d-1", None) in found.facts
    assert ("user", "u1", None, {"plan": "free", "from": "ad", "email": "a@x.io"}) in found.facts
    assert found.rows[0]["properties"]["attributes"] == {"$set": {"$browser": "Firefox"}}


@pytest.mark.parametrize(
    ("event", "previous", "user"),
    [
        (but({"alias": "u1"}, event="$create_alias", distinct_id="anon"), "anon", "u1"),
        (but({"alias": UUID}, event="$create_alias", distinct_id="u1"), UUID, "u1"),
        (but({"alias": "old"}, event="$merge_dangerously", distinct_id="u1"), "old", "u1"),
    ],
    ids=["as the Python library says it", "as the browser says it", "merge"],
)
def test_an_alias_says_which_id_came_before(duck: DuckShaper, event: Any, previous: str, user: str) -> None:
    assert ("link", user, previous, None) in settled(duck, read(batch_of(event), "batch")).facts


def test_a_group_of_a_browser_is_the_account_of_its_user(duck: DuckShaper) -> None:
    event = but({"$group_type": "company", "$group_key": 7, "$group_set": {"plan": "pro"}}, event="$groupidentify")
    found = settled(duck, read(batch_of(event), "batch"))
    assert [fact for fact in found.facts if fact[0] in ("account", "member")] == [
        ("account", None, "7", {"plan": "pro"}), ("member", "u1", "7", None),
    ]  # fmt: skip


def test_a_group_that_is_no_account_is_an_event_like_others(duck: DuckShaper) -> None:
    event = but({"$group_type": "project", "$group_key": "p"}, event="$groupidentify")
    row = one(duck, event)
    assert (row["type"], row["name"], row["account_key"]) == ("custom", "$groupidentify", None)
    row = one(duck, but({"$groups": {"project": "p", "company": "acme"}}))
    assert row["account_key"] == "acme"
    assert row["properties"]["attributes"]["$groups"] == {"project": "p"}


def test_a_page_view_says_where(duck: DuckShaper) -> None:
    row = one(
        duck,
        but(
            {"$current_url": "https://x.io/a?b=1", "$pathname": "/a", "$host": "x.io", "$referrer": "$direct",
             "title": "A", "$session_id": "s-1", "$browser_language": "en-US", "$raw_user_agent": "Mozilla", "n": 1},
            event="$pageview",
        ),
    )  # fmt: skip
    assert (row["type"], row["session_id"], row["locale"]) == ("page_view", "s-1", "en-US")
    assert row["properties"] == {
        "page": {"url": "https://x.io/a?b=1", "path": "/a", "host": "x.io", "title": "A"},
        "attributes": {"$referrer": "$direct", "n": 1},
        "user_agent": "Mozilla",
    }
    row = one(duck, but({"$screen_name": "Home"}, event="$screen"))
    assert (row["type"], row["properties"]["page"]) == ("screen_view", {"title": "Home"})


def test_an_automatic_click_has_the_element_that_was_clicked(duck: DuckShaper) -> None:
    elements = [
        {"tag_name": "SPAN", "$el_text": "Save", "nth_child": 1},
        {"tag_name": "a", "classes": ["btn", "primary"], "attr__id": "save", "attr__class": "btn primary",
         "attr__href": "/save", "nth_child": 2},
    ]  # fmt: skip
    event = but({"$event_type": "click", "$elements": elements, "$current_url": "https://x.io/"}, event="$autocapture")
    row = one(duck, event)
    assert (row["type"], row["name"]) == ("link_click", None)
    assert row["properties"] == {
        "element": {
            "tag": "span", "nth": 1, "text": "Save",
            "path": [{"tag": "a", "id": "save", "classes": ["btn", "primary"], "nth": 2,
                      "attributes": {"href": "/save"}}],
        },
        "link_url": "/save",
        "page": {"url": "https://x.io/"},
    }  # fmt: skip
    button = but({"$event_type": "click", "$elements": [{"tag_name": "button", "attr__id": "b"}]}, event="$autocapture")
    assert one(duck, button)["type"] == "click"
    form = [{"tag_name": "form", "attr__name": "sign-up", "attr__action": "/go"}]
    row = one(duck, but({"$event_type": "submit", "$elements": form}, event="$autocapture"))
    assert (row["type"], row["properties"]["form"]) == ("form_submit", {"name": "sign-up", "action": "/go"})
    row = one(duck, but({"$event_type": "change", "$elements": form}, event="$autocapture"))
    assert (row["type"], row["name"]) == ("custom", "$autocapture")


def test_a_client_that_says_how_long_ago_is_placed_by_the_time_of_receipt(duck: DuckShaper) -> None:
    row = one(duck, but(timestamp=..., offset=2_500))
    assert (RECEIVED - row["occurred_at"]).total_seconds() == 2.5


def test_a_wrong_clock_is_corrected_by_when_the_batch_was_sent(duck: DuckShaper) -> None:
    body = batch_of(but(timestamp="2026-11-22T09:00:00Z"), sent_at="2026-11-22T10:00:00+00:00")
    (row,) = settled(duck, read(body, "batch")).rows
    assert (RECEIVED - row["occurred_at"]).total_seconds() == 3600


def test_people_and_accounts_are_named_in_one_place_only() -> None:
    """Where policies of identities look: a hashed id must not stand beside in clear."""
    groups = {"company": "acme", "organization": "acme", "account": "acme"}
    reading = read(
        batch_of(but({"$user_id": "u1", "distinct_id": "u1", "$device_id": "u1", "$groups": groups})), "batch"
    )
    assert (reading.body.count(b'"u1"'), reading.body.count(b'"acme"')) == (1, 1)
    reading = read(batch_of(but({"$is_identified": True, "$device_id": "d-1"})), "batch")
    assert b"d-1" not in reading.body, "nor the id that the visitor had before and has after"


def test_what_is_sent_again_counts_once(duck: DuckShaper) -> None:
    reading = read(batch_of(GOOD, but(uuid="e-2")), "batch")
    found = settled(duck, reading, reading)
    assert (len(found.rows), found.duplicates) == (2, 2)


def test_no_address_that_an_event_carries_is_stored() -> None:
    reading = read(batch_of(but({"$ip": "203.0.113.9", "n": 1})), "batch")
    assert b"203.0.113.9" not in reading.body


def test_an_event_names_its_product_environment_and_channel(duck: DuckShaper) -> None:
    row = one(duck, but({"$product_key": "app", "$environment": "QA", "$channel": "ios"}))
    assert (row["product"], row["environment"], row["channel"]) == ("app", "QA", "ios")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from([
    "distinct_id", "$session_id", "$anon_distinct_id", "$group_key", "$group_type", "$group_set", "alias", "$set",
    "$set_once", "$groups", "$elements", "$el_text", "$event_type", "$current_url", "$device_id", "$is_identified",
    "$product_key", "$browser_language", "$insert_id", "title", "other", "token",
])  # fmt: skip
KINDS = st.sampled_from([
    "$identify", "$set", "$groupidentify", "$create_alias", "$merge_dangerously", "$pageview", "$screen",
    "$autocapture", "Bought",
])  # fmt: skip
VALUES = JSON | st.sampled_from(
    ["u1", "company", "click", "submit", {"company": "acme"}, [{"tag_name": "a"}], UUID, False]
)
EVENTS = st.fixed_dictionaries(
    {"event": KINDS | JSON, "distinct_id": st.sampled_from(["u1", 7, UUID]) | JSON},
    optional={
        "properties": st.dictionaries(NAMES, VALUES, max_size=6), "$set": VALUES, "$set_once": VALUES,
        "timestamp": st.sampled_from(["2026-11-22T11:00:00Z", "2026-11-22", "2026-11-22T11:00+0100", ""]) | JSON,
        "offset": st.integers(0, 10**9) | JSON, "uuid": JSON,
    },
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENTS | JSON, max_size=4))
def test_what_the_door_lets_in_is_an_event_to_the_native_dialect_and_to_settling(
    duck: DuckShaper, events: list[Any]
) -> None:
    """The translation, the native door and the columns agree about every event."""
    body = batch_of(*events)
    reading = read(body, "batch")
    out = {index for index, _, _ in reading.rejected}
    assert reading.count == len(events)
    judged = native.read(reading.body, "batch")
    assert judged.count == len(events)
    assert {index for index, _, _ in judged.rejected} <= out
    found = settled(duck, reading)
    assert {index for index, _ in found.refused} == out
    assert len(found.rows) + found.duplicates + len(out) == len(events)
    said = [json.loads(reading.body)["events"][index] for index in range(len(events)) if index not in out]
    if not found.duplicates:
        assert [row["type"] for row in found.rows] == [event["type"] for event in said]
        assert [row["user_key"] for row in found.rows] == [
            None if event.get("identify_id") is None else str(event["identify_id"]) for event in said
        ]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(range(len(BAD) + 1)), min_size=1, max_size=6))
def test_the_fate_of_an_event_does_not_depend_on_its_neighbours(picked: list[int]) -> None:
    events = [BAD[n].values[0] if n < len(BAD) else GOOD for n in picked]
    alone = [read(batch_of(event), "batch").rejected for event in events]
    together = read(batch_of(*events), "batch").rejected
    assert together == tuple((index, *fate[0][1:]) for index, fate in enumerate(alone) if fate)


@pytest.mark.parametrize("number", [b"9" * 5000, b"1e999"])
def test_a_number_that_nothing_holds_spoils_at_most_its_own_event(number: bytes) -> None:
    event = b'{"event": "e", "distinct_id": "u1", "properties": {"%s": %s}}'
    strange = [event % (name, number) for name in (b"$session_id", b"$device_id", b"n")]
    reading = read(b'{"sent_at": %s, "batch": [%s]}' % (number, b",".join([*strange, event % (b"n", b"1")])), "batch")
    assert (reading.count, [(index, code) for index, code, _ in reading.rejected]) == (4, [(0, "bad_value")])
