"""What ``ports.Shaper`` makes of each dialect's fields, and of what real clients sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import pytest
from shaping import DEFAULTS, IMPLEMENTATIONS, RECEIVED_US, batch, facts, logged, one, read, track

from footfall.model.event import WORDS, EventType
from footfall.ports import Batch, Entry
from footfall.wire import native, segment

CAPTURES = Path(__file__).parent.parent / "wire" / "captures"


@pytest.fixture(params=IMPLEMENTATIONS)
def opened(request):
    """Opens shapers that are closed when the test ends."""
    with ExitStack() as stack:
        yield lambda *zone, **settings: stack.enter_context(request.param(*zone, **settings))


@pytest.fixture(scope="module", params=IMPLEMENTATIONS)
def shaper(request):
    """One for all tests: what begins at position 0 makes it forget what it saw before."""
    with request.param() as shaper:
        yield shaper


# --- the Segment dialect ---


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("track", EventType.CUSTOM), ("page", EventType.PAGE_VIEW), ("screen", EventType.SCREEN_VIEW),
        ("identify", EventType.IDENTIFY), ("group", EventType.GROUP), ("alias", EventType.ALIAS),
    ],
)  # fmt: skip
def test_a_single_call_and_a_batch_of_one_are_the_same_event(opened, call, kind):
    event = {
        "userId": "ada", "messageId": "m", "event": "Bought", "groupId": "acme", "previousId": "v0",
        "timestamp": "2026-11-22T10:00:00Z", "traits": {"plan": "pro"}, "properties": {"n": 1},
    }  # fmt: skip
    alone = opened().shape(logged(event, call=call))
    batched = opened().shape(logged(batch({**event, "type": call})))
    assert read(alone) == read(batched)
    assert facts(alone) == facts(batched)
    assert read(alone)[0]["type"] == kind


def test_a_single_call_with_a_field_named_batch_is_still_one_event(shaper):
    assert one(shaper, track("m", batch=[track("n"), track("o")]), call="track")["event_id"] == "m"


def test_a_track_call_becomes_a_custom_event(shaper):
    row = one(
        shaper,
        batch(
            track(
                anonymousId=12,
                properties={"price": 1.5, "gone": None, "tags": [None, "a"]},
                context={"groupId": "acme", "sessionId": 99, "locale": "de-DE"},
            )
        ),
    )
    assert (row["type"], row["name"], row["user_key"], row["anonymous_key"]) == (11, "Bought", "ada", "12")
    assert (row["account_key"], row["session_id"], row["locale"]) == ("acme", "99", "de-DE")
    assert (row["source"], row["product"], row["environment"], row["channel"]) == ("app", *DEFAULTS)
    assert row["properties"] == {"attributes": {"price": 1.5, "tags": [None, "a"]}}


def test_product_environment_and_channel_of_the_context_win(shaper):
    row = one(shaper, batch(track(context={"productKey": "crm", "environment": "Stage", "channel": "ios"})))
    assert (row["product"], row["environment"], row["channel"]) == ("crm", "Stage", "ios")


def test_the_context_of_a_batch_is_that_of_its_events_unless_they_have_their_own(shaper):
    body = batch(
        track("a"), track("b", context={"locale": "fr"}), context={"locale": "de", "groupId": "acme"}, integrations={}
    )
    assert [(row["locale"], row["account_key"]) for row in read(shaper.shape(logged(body)))] == [
        ("de", "acme"),
        ("fr", "acme"),
    ]


def test_a_page_is_told_by_its_properties_and_else_by_its_context(shaper):
    page = {
        "type": "page", "userId": "ada", "name": "Home", "category": None,
        "properties": {"path": "/a", "x": 1},
        "context": {"page": {"path": "/b", "url": "http://x/b", "title": None, "search": "?q"}},
    }  # fmt: skip
    row = one(shaper, batch(page))
    assert row["type"] == EventType.PAGE_VIEW
    assert row["properties"] == {
        "attributes": {"path": "/a", "x": 1},
        "page": {"url": "http://x/b", "path": "/a", "name": "Home"},
    }


def test_an_event_with_nothing_to_say_has_no_properties(shaper):
    assert one(shaper, batch(track(properties={})))["properties"] is None


def test_identify_tells_of_a_user_and_links_the_visitor(shaper):
    event = {
        "type": "identify", "userId": "ada", "anonymousId": "v1", "traits": {"mail": "a@x"},
        "context": {"traits": {"mail": "b@x", "plan": "pro"}, "groupId": "acme"},
    }  # fmt: skip
    assert facts(shaper.shape(logged(batch(event)))) == [
        ("identify", "ada", None, None),
        ("user", "ada", None, {"mail": "a@x", "plan": "pro"}),
        ("member", "ada", "acme", None),
        ("link", "ada", "v1", None),
    ]


def test_null_is_told_because_it_takes_back_what_was_known(shaper):
    event = {
        "type": "identify", "userId": "ada", "traits": {"mail": None, "city": "null"},
        "context": {"traits": {"mail": "b@x", "plan": None}},
    }  # fmt: skip
    told = {"mail": None, "city": "null", "plan": None}
    assert ("user", "ada", None, told) in facts(shaper.shape(logged(batch(event))))
    native = {"type": "identify", "identify_id": "ada", "user": {"mail": None}, "account": {"id": "acme", "tier": None}}
    shape = shaper.shape(logged(native, dialect="native"))
    assert ("user", "ada", None, {"mail": None}) in facts(shape)
    assert ("account", None, "acme", {"tier": None}) in facts(shape)


def test_group_tells_of_an_account_and_its_member(shaper):
    event = {"type": "group", "userId": "ada", "groupId": "acme", "traits": {"name": "Acme"}}
    shape = shaper.shape(logged(batch(event)))
    assert facts(shape) == [("account", None, "acme", {"name": "Acme"}), ("member", "ada", "acme", None)]
    assert read(shape)[0]["account_key"] == "acme"


def test_alias_tells_that_one_was_the_other(shaper):
    shape = shaper.shape(logged(batch({"type": "alias", "userId": "ada", "previousId": "v1"})))
    assert facts(shape) == [("link", "ada", "v1", None), ("merge", "ada", "v1", None)]
    assert shape.visitors.to_pylist() == [{"anonymous_id": "v1"}]
    assert shape.users["identify_id"].to_pylist() == ["ada"]


def test_a_plain_event_tells_nothing_of_people(shaper):
    event = track(anonymousId="v1", context={"traits": {"plan": "pro"}, "groupId": "acme"}, traits={"a": 1})
    assert facts(shaper.shape(logged(batch(event)))) == []


def test_a_duplicate_tells_nothing(shaper):
    event = {"type": "identify", "userId": "ada", "messageId": "m", "traits": {"n": 1}}
    assert len(facts(shaper.shape(logged(batch(event, event))))) == 2


# --- the native dialect ---


@pytest.mark.parametrize("word", sorted(WORDS))
def test_every_type_of_the_model_can_be_sent(shaper, word):
    row = one(shaper, {"events": [{"type": word, "identify_id": "ada"}]}, dialect="native")
    assert row["type"] == WORDS[word]


@pytest.mark.parametrize(
    "shape_of", [lambda e: {"events": [e]}, lambda e: [e], lambda e: e], ids=["events", "an array", "one object"]
)
def test_a_native_body_has_three_forms(shaper, shape_of):
    event = {"type": "custom", "event_name": "Bought", "event_id": "m", "identify_id": "ada"}
    row = one(shaper, shape_of(event), dialect="native")
    assert (row["event_id"], row["name"], row["user_key"]) == ("m", "Bought", "ada")


def test_native_names_and_details_go_where_the_model_says(shaper):
    event = {
        "type": "engagement_view", "event_id": "m", "identify_id": "ada", "anonymous_id": "v", "account_id": "acme",
        "occurred_at": 1795341600000, "product_key": "crm", "environment": "QA", "channel": "ios", "session_id": "s",
        "engagement_id": "e1", "execution_id": "x1", "step_number": 2, "view_state": "VIEWED", "locale": "en",
        "content_type": "GUIDE", "trigger_type": "Auto", "global_context": {"plan": "pro", "gone": None},
        "attributes": {"a": 1}, "page": {"path": "/p"},
    }  # fmt: skip
    row = one(shaper, [event], dialect="native")
    expected = {
        "type": 14, "name": "e1", "detail": "VIEWED", "execution_id": "x1", "step_number": 2, "session_id": "s",
        "locale": "en", "trigger_type": "AUTOMATIC", "product": "crm", "environment": "QA", "channel": "ios",
        "user_key": "ada", "anonymous_key": "v", "account_key": "acme", "global_context": '{"plan":"pro"}',
        "properties": {"attributes": {"a": 1}, "page": {"path": "/p"}, "content_type": "GUIDE"},
        "day": date(2026, 11, 22),
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


def test_a_survey_answer_keeps_types_and_text(shaper):
    event = {
        "type": "survey_answer", "identify_id": "ada", "engagement_id": "e", "question_type": "SCORE", "score": 9,
        "question_id": 5, "question_text": 'Why "so"?\n', "answers": ["a", "b"], "contact_me_allowed": False,
        "path": "/p", "labels": ["x"],
    }  # fmt: skip
    row = one(shaper, event, dialect="native")
    assert (row["name"], row["detail"]) == ("e", "SCORE")
    assert row["properties"] == {
        "score": 9, "question_id": 5, "question_text": 'Why "so"?\n', "answers": ["a", "b"],
        "contact_me_allowed": False, "path": "/p", "labels": ["x"],
    }  # fmt: skip


def test_a_user_becomes_a_member_by_a_call_that_names_both_and_a_visitor_does_not(shaper):
    def members(**call: object) -> list[tuple[object, ...]]:
        return [fact[1:3] for fact in facts(shaper.shape(logged(batch(call)))) if fact[0] == "member"]

    assert members(type="group", anonymousId="v1", groupId="acme") == []
    assert members(type="group", anonymousId="v1", userId="ada", groupId="acme") == [("ada", "acme")]
    assert members(type="identify", anonymousId="v1", userId="ada", context={"groupId": "acme"}) == [("ada", "acme")]


def test_the_second_argument_of_identify_makes_an_account(shaper):
    event = {
        "type": "identify", "identify_id": "ada", "anonymous_id": "v", "user": {"email": "a@x"},
        "account": {"id": "acme", "name": "Acme"},
    }  # fmt: skip
    assert facts(shaper.shape(logged(event, dialect="native"))) == [
        ("identify", "ada", None, None),
        ("user", "ada", None, {"email": "a@x"}),
        ("account", None, "acme", {"name": "Acme"}),
        ("member", "ada", "acme", None),
        ("link", "ada", "v", None),
    ]


@pytest.mark.parametrize("kind", ["identify", "group"])
def test_what_is_said_of_an_account_goes_to_no_other(shaper, kind):
    event = {
        "type": kind, "event_id": "m", "identify_id": "ada", "account_id": "globex",
        "account": {"id": "acme", "name": "Acme"},
    }  # fmt: skip
    learned = [fact for fact in facts(shaper.shape(logged(event, dialect="native"))) if fact[0] != "identify"]
    assert learned == [("account", None, "acme", {"name": "Acme"}), ("member", "ada", "acme", None)]


def test_the_account_of_an_event_is_the_one_it_names(shaper):
    event = {"type": "click", "identify_id": "ada", "account_id": "globex", "account": {"id": "acme"}}
    assert one(shaper, event, dialect="native")["account_key"] == "globex"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"email_type": "EMAIL_TRACK_UNSUBSCRIBE", "identify_id": "ada"}, True),
        ({"email_type": "EMAIL_TRACK_OPEN", "identify_id": "ada"}, False),
        ({"email_type": "EMAIL_TRACK_UNSUBSCRIBE", "anonymous_id": "v"}, False),
    ],
)
def test_a_user_who_unsubscribes_from_mail_is_unsubscribed(shaper, fields, told):
    shape = shaper.shape(logged([{"type": "email_event", "engagement_id": "e", **fields}], dialect="native"))
    assert facts(shape) == ([("user", "ada", None, {"globalUnsubscribe": True})] if told else [])


def test_a_user_agent_is_kept_in_both_dialects(shaper):
    agent = "Mozilla/5.0"
    assert one(shaper, batch(track(context={"userAgent": agent})))["properties"] == {"user_agent": agent}
    event = {"type": "custom", "event_name": "E", "identify_id": "ada", "user_agent": agent}
    assert one(shaper, [event], dialect="native")["properties"] == {"user_agent": agent}


def test_two_dialects_in_one_range_keep_the_order_of_the_log(shaper):
    entries: Sequence[Entry] = [
        *logged(batch(track("a"), track("b"))),
        *logged([{"type": "custom", "event_id": "c", "identify_id": "u"}], start=1000, dialect="native"),
        *logged(batch(track("d")), start=2000),
    ]
    rows = read(shaper.shape(entries))
    assert [(row["ingest_seq"], row["event_id"]) for row in rows] == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]


# --- what real clients sent ---


@pytest.mark.parametrize("capture", sorted(CAPTURES.glob("*.jsonl")), ids=lambda path: path.stem)
def test_what_real_clients_sent_is_stored_with_its_ids(shaper, capture):
    entries, ids, position = [], [], 0
    for line in capture.read_text().splitlines():
        request = json.loads(line)
        path, text = request["p"].split("?")[0], request["b"]
        if request["m"] != "POST" or not path.startswith("/v1/"):
            continue
        body = json.loads(text)
        call = "batch" if "batch" in body else body["type"]
        reading = segment.read(text.encode(), call)
        batch_ = Batch(RECEIVED_US, "app", "segment", call, reading.count, (), "", "", reading.body)
        entries.append(Entry(position, position + 1, batch_))
        position += 1
        ids += [event["messageId"] for event in body.get("batch", [body])]
    if not entries:
        pytest.fail(f"{capture.name} holds no request of the dialect")
    shape = shaper.shape(entries)
    stored = [row["event_id"] for row in read(shape)]
    assert stored == list(dict.fromkeys(ids))
    assert shape.quarantined.num_rows == 0


def test_the_door_and_the_columns_know_the_same_fields():
    from msgspec import structs

    from footfall.engines.shaping import _statement

    for dialect, struct in (("native", native.NativeEvent), ("segment", segment.SegmentEvent)):
        for field in structs.fields(struct):
            if field.encode_name not in ("integrations", "writeKey"):
                assert f'"{field.encode_name}"' in _statement(dialect), field.encode_name
