"""Bodies of the PX dialect as native events: whatever comes is one good event, or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.errors import BadRecord
from footfall.wire import native, px

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=8)
    | st.floats(allow_nan=False, width=16),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
NAMES = st.sampled_from(
    ["identifyId", "id", "name", "propertyKeys", "propertyKey", "eventName", "userType", "type", "gender", "email",
     "score", "signUpDate", "renewalDate", "location", "customAttributes", "accountId", "attributes", "url", "csm",
     "globalContext", "referrer", "date", "sessionId", "eventId"]
)  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@given(st.dictionaries(NAMES, JSON | TEXTS, max_size=8), TEXTS)
def test_any_body_is_one_good_event_or_refused(body: dict[str, Any], id: str) -> None:
    for make in (
        lambda: px.user_event(body, id, "e-1"),
        lambda: px.account_event(body, id, "e-1"),
        lambda: px.custom_event(body, "e-1"),
    ):
        try:
            event = make()
        except BadRecord:
            continue
        reading = native.read(json.dumps([event]).encode(), "batch")
        assert (reading.count, reading.rejected) == (1, ())


def test_a_user_with_an_account_says_that_they_belong_together() -> None:
    event = px.user_event({"accountId": "acme", "email": "a@x"}, "ann", "e-1")
    assert (event["type"], event["account_id"], event["user"]) == ("group", "acme", {"email": "a@x"})
    assert px.user_event({}, "ann", "e-1")["type"] == "audit_event"


def test_dates_become_instants_and_unknown_fields_nothing() -> None:
    event = px.account_event({"renewalDate": 0, "secretField": 1, "numberOfUsers": 7}, "acme", "e-1")
    assert event["account"] == {"renewalDate": "1970-01-01T00:00:00.000Z"}


@pytest.mark.parametrize("id", ["", "x" * 513, "a\0b"])
def test_an_id_that_cannot_be_is_refused(id: str) -> None:
    with pytest.raises(BadRecord):
        px.check_id(id)


def test_a_visitors_event_is_nobodys_that_is_known() -> None:
    event = px.custom_event({"identifyId": "v", "eventName": "e", "propertyKey": "p", "userType": "VISITOR"}, "e-1")
    assert event["anonymous_id"] == "v"
    assert "identify_id" not in event


def test_a_custom_event_may_be_one_of_ours() -> None:
    body = {"identifyId": "ada", "eventName": "footfall.survey_response", "propertyKey": "shop", "userType": "USER",
            "attributes": {"engagementId": "nps", "surveyType": "NPS", "score": 9, "mood": "good"}}  # fmt: skip
    event = px.custom_event(body, "e-1")
    assert (event["type"], event["engagement_id"], event["score"], event["product_key"]) == (
        "survey_response", "nps", 9, "shop",
    )  # fmt: skip
    assert event["attributes"] == {"mood": "good"}
    assert native.read(json.dumps([event]).encode(), "batch").rejected == ()
    with pytest.raises(BadRecord, match="survey_type"):
        px.custom_event({**body, "attributes": {"engagement_id": "nps"}}, "e-1")
