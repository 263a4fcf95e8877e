"""Custom events of other dialects that say one of Footfall's own: judged and stored as what they say they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from settled_rows import RECEIVED, settled, shaper

from footfall.engines.shaping import DuckShaper
from footfall.model.event import WORDS
from footfall.model.metadata import SURVEY_TYPES, content_type
from footfall.wire import native, posthog, segment

CONTEXT = {
    "groupId": "acme", "sessionId": "s-1", "locale": "en-US", "product_key": "app", "environment": "QA",
    "channel": "web", "userAgent": "Mozilla", "page": {"url": "https://x.io/a", "path": "/a", "search": "?b"},
}  # fmt: skip


def track(name: str, properties: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "type": "track", "event": name, "userId": "ada", "messageId": "m-1", "timestamp": "2026-11-22T11:00:00Z",
        "properties": properties or {}, **more,
    }  # fmt: skip


def read(*events: Any) -> Any:
    return segment.read(json.dumps({"batch": list(events), "sentAt": "2026-11-22T11:30:00Z"}).encode(), "batch")


@pytest.fixture(scope="module")
def duck() -> Iterator[DuckShaper]:
    with shaper() as opened:
        yield opened


def test_a_track_of_ours_has_all_that_its_call_and_its_properties_say(duck: DuckShaper) -> None:
    said = track(
        "footfall.survey_response",
        {"engagementId": "nps", "survey_type": "NPS", "score": 9, "contactMeAllowed": True, "mood": "good"},
        context=CONTEXT, anonymousId="v-1",
    )  # fmt: skip
    reading = read(track("Bought", messageId="m-0"), said, track("Sold", messageId="m-2"))
    assert (reading.rejected, reading.dialect) == ((), ""), "the log has the client's own bytes"
    found = settled(duck, reading, dialect="segment")
    assert [(row["event_id"], row["type"], row["name"]) for row in found.rows] == [
        ("m-0", "custom", "Bought"), ("m-1", "survey_response", "nps"), ("m-2", "custom", "Sold"),
    ]  # fmt: skip
    row = found.rows[1]
    names = ("user_key", "anonymous_key", "account_key", "session_id", "locale", "product", "environment", "channel")
    assert [row[name] for name in names] == ["ada", "v-1", "acme", "s-1", "en-US", "app", "QA", "web"]
    assert (row["detail"], (RECEIVED - row["occurred_at"]).total_seconds()) == ("IN_APP_SURVEY_NPS", 1800)
    assert row["properties"] == {
        "score": 9, "contact_me_allowed": True, "attributes": {"mood": "good"}, "user_agent": "Mozilla",
        "page": {"url": "https://x.io/a", "path": "/a"},
    }  # fmt: skip


def test_who_it_was_is_said_by_the_call_alone(duck: DuckShaper) -> None:
    """Where policies of identities look: a property is no place for an account."""
    event = track("footfall.feedback", {"account_id": "acme", "sessionId": "s", "subject": "x"})
    (row,) = settled(duck, read(event), dialect="segment").rows
    assert (row["account_key"], row["session_id"]) == (None, None)
    assert row["properties"]["attributes"] == {"account_id": "acme", "sessionId": "s"}


def test_one_that_lacks_something_is_named_by_index_and_kept_out(duck: DuckShaper) -> None:
    reading = read(track("Bought", messageId="m-0"), track("footfall.survey_response", {"engagement_id": "nps"}),
                   track("footfall.feedback", {"labels": 5}, messageId="m-2"))  # fmt: skip
    assert [(index, code) for index, code, _ in reading.rejected] == [(1, "missing_survey_type"), (2, "bad_type")]
    found = settled(duck, reading, dialect="segment")
    assert [row["event_id"] for row in found.rows] == ["m-0"]
    assert found.refused == [(1, "missing_survey_type"), (2, "bad_type")]


def test_a_single_call_says_the_same(duck: DuckShaper) -> None:
    event = track("footfall.feedback", {"subject": "Dark mode"})
    del event["type"]
    assert segment.read(json.dumps(event).encode(), "track").rejected == ()
    assert segment.read(json.dumps({**event, "event": "footfall.feature_match"}).encode(), "track").rejected[0][1] == (
        "missing_feature_id"
    )


@pytest.mark.parametrize(
    "name", ["footfall.", "footfall.unheard", "footfall.identify", "footfallfeedback", "Footfall.feedback"]
)
def test_any_other_name_is_a_custom_event(duck: DuckShaper, name: str) -> None:
    found = settled(duck, read(track(name, {"x": "footfall.feedback"})), dialect="segment")
    assert [(row["type"], row["name"]) for row in found.rows] == [("custom", name)]


def test_posthog_says_them_too(duck: DuckShaper) -> None:
    event = {"event": "footfall.engagement_view", "distinct_id": "ada", "uuid": "u-1",
             "properties": {"engagement_id": "sale", "view_state": "VIEWED", "$lib": "web"}}  # fmt: skip
    found = settled(duck, posthog.read(json.dumps([event]).encode(), "batch"))
    assert [(row["type"], row["name"], row["detail"]) for row in found.rows] == [("engagement_view", "sale", "VIEWED")]
    bad = {**event, "properties": {"engagement_id": "sale"}}
    assert posthog.read(json.dumps([bad]).encode(), "batch").rejected[0][1] == "missing_view_state"


def test_every_spelling_of_a_survey_is_reported_as_one(duck: DuckShaper) -> None:
    spelled = [*SURVEY_TYPES, *SURVEY_TYPES.values(), "NPS", "ces", "RATING", "BOOLEAN", "MULTIPLE_QUESTION"]
    events = [
        {
            "type": "survey_response",
            "event_id": f"e-{nth}",
            "identify_id": "ada",
            "engagement_id": "s",
            "survey_type": word,
        }
        for nth, word in enumerate([*spelled, "MINE"])
    ]
    found = settled(duck, native.read(json.dumps(events).encode(), "batch"))
    assert [row["detail"] for row in found.rows] == [*(content_type(word) for word in spelled), "MINE"]


VALUES = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=2)
)
PROPERTIES = st.dictionaries(
    st.sampled_from(["engagement_id", "engagementId", "view_state", "survey_type", "score", "labels", "step_number",
                     "question_type", "feature_id", "email_type", "provider", "title", "locale", "session_id", "mine"]),
    VALUES | st.sampled_from(["VIEWED", "NPS", "SCORE", "EMAIL_TRACK_OPEN"]), max_size=6,
)  # fmt: skip
EVENTS = st.builds(
    lambda word, properties, user: track(f"footfall.{word}" if word else "Bought", properties, userId=user),
    st.sampled_from([*WORDS, "", "unheard"]), PROPERTIES, st.sampled_from(["ada", None, 7]),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENTS | VALUES, min_size=1, max_size=4))
def test_door_and_settling_agree_about_every_event(duck: DuckShaper, events: list[Any]) -> None:
    for nth, event in enumerate(events):
        if isinstance(event, dict):
            event["messageId"] = f"m-{nth}"
    reading = read(*events)
    out = [(index, code) for index, code, _ in reading.rejected]
    found = settled(duck, reading, dialect="segment")
    assert found.refused == out
    assert [row["event_id"] for row in found.rows] == [
        f"m-{nth}" for nth in range(len(events)) if nth not in dict(out)
    ]  # fmt: skip
