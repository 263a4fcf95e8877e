"""The PX dialect over HTTP: who may, what is answered, in the vendor's own shapes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from px_client import WRITE_KEY, Client
from served_api import TOKEN, served
from starlette.requests import Request

from footfall.model.attribute_definitions import usual
from footfall.model.audiences import Audience
from footfall.stores.audiences import SqlAudiences
from footfall.web.px.events import asked
from footfall.wire.px_query import Scroll, write_scroll
from footfall.wiring.profiles import attributes_of


@pytest.fixture(scope="module")
def px(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("px")
    settings = {"FOOTFALL_WRITE_KEY": WRITE_KEY, "FOOTFALL_TIME_ZONE": "Europe/Helsinki"}
    with served(folder, FOOTFALL_SETTLE_EVERY_S="0.1", **settings) as api:
        client = Client(api)
        people = [
            {"type": "identify", "identify_id": "Nora@example.com", "account_id": "acme",
             "user": {"firstName": "Nora", "score": 7, "location": {"city": "Turku"}, "tier": "gold", "seen": 3,
                      "globalUnsubscribe": True, "signUpDate": "2026-01-02T03:04:05.678Z", "email": "n@x.example"},
             "account": {"id": "acme", "name": "Acme", "numberOfEmployees": 25, "parentGroupId": "g1"}},
            {"type": "identify", "identify_id": "bob/1 ü", "account_id": "beta", "user": {"firstName": "bob"}},
            {"type": "identify", "identify_id": "carl", "user": {"firstName": "Carl", "score": 30, "tier": "Gold",
                                                                      "type": "LEAD"}},
        ]  # fmt: skip
        client.send(*people)
        client.send(*({"type": "custom", "event_name": f"e{n}", "identify_id": "carl"} for n in range(5)))
        metadata = {
            "products": [{"product_key": "AP-1", "name": "App", "channel": "ios"}],
            "features": [
                {"id": f"f{n}", "name": f"F {n}", "product_key": "AP-1", "labels": ["x"] if n < 10 else []}
                for n in range(30)
            ],
            "engagements": [{"id": "e1", "name": "E", "type": "IN_APP_GUIDE", "environments": ["Production"]}],
            "articles": [{"provider": "HELP_DOCS_ARTICLE_PROVIDER", "external_article_id": "a", "title": "A"}],
        }
        assert api.ask("PUT", "/metadata", metadata).status == 200
        with api.hub() as hub:
            for audience in (Audience("big", label="Big ones"), Audience("small")):
                SqlAudiences(hub.database, hub.note).add(audience, hub.clock())
        yield client


def test_a_key_is_needed_and_its_scope_counts(px: Client) -> None:
    for key in (None, "nonsense", "ff_read_" + "0" * 36, TOKEN):  # the token is for the other port
        answer = px.ask("GET", "/users", key=key)
        assert answer.status == 401
        assert answer.body["externalapierror"]["status"] == "UNAUTHORIZED"
    assert px.ask("GET", "/users", key="metrics").status == 403
    assert [px.ask("GET", "/users", key=scope).status for scope in ("read", "write", "admin")] == [200] * 3
    assert px.ask("POST", "/events/custom", {}, key="read").status == 403


def test_an_error_says_what_is_wrong_as_the_vendors_do(px: Client) -> None:
    answer = px.ask("GET", "/users/nobody")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/json")
    assert answer.body["externalapierror"] | {"debugMessage": None} == {
        "status": "NOT_FOUND", "statusCode": 404, "message": "User not found", "debugMessage": None, "subErrors": None,
    }  # fmt: skip
    for path, query in (
        ("/users", {"filter": "nobody==1"}),
        ("/users", {"sort": "customAttributes"}),
        ("/users", {"pageSize": 1001}),
        ("/users", {"pageSize": "many"}),
        ("/users", {"scrollId": "x"}),
        ("/feature", {"pageSize": 201}),
        ("/events/custom", {"filter": "date>=0"}),
    ):
        assert px.ask("GET", path, **query).status == 400, path
    said = px.ask("GET", "/events/custom", filter="date>=0").body["externalapierror"]
    assert (said["status"], said["message"]) == ("BAD_REQUEST", "Exceeded date range190days")
    assert px.ask("GET", "/nothing/here").status == 404
    assert px.ask("PATCH", "/users").status == 405


def test_a_user_is_shown_in_the_vendors_shape(px: Client) -> None:
    nora = px.get("/users/Nora@example.com")
    assert nora["createDate"] <= nora["lastModifiedDate"]
    assert {name: nora[name] for name in nora if name not in ("aptrinsicId", "createDate", "lastModifiedDate")} == {
        "identifyId": "Nora@example.com", "id": "Nora@example.com", "type": "USER", "firstName": "Nora",
        "score": 7, "email": "n@x.example", "globalUnsubscribe": True, "signUpDate": 1767323045678,
        "accountId": "acme", "location": {"city": "Turku"}, "propertyKeys": ["AP-1", "default"],
        "customAttributes": {"seen": 3, "tier": "gold"},
    }  # fmt: skip
    assert px.get(f"/users/{quote('bob/1 ü')}")["accountId"] == "beta"
    assert px.get(f"/users/{quote('bob/1 ü', safe='')}")["firstName"] == "bob"


def test_an_id_is_asked_for_with_its_case_and_filtered_without(px: Client) -> None:
    assert px.ask("GET", "/users/nora@example.com").status == 404
    found = px.get("/users", filter="id==nora@example.com;")
    assert [user["id"] for user in found["users"]] == ["Nora@example.com"]


def test_an_account_is_shown_in_the_vendors_shape(px: Client) -> None:
    acme = px.get("/accounts/acme")
    assert {name: acme[name] for name in acme if name not in ("createDate", "lastModifiedDate")} == {
        "id": "acme", "name": "Acme", "numberOfEmployees": 25, "parentGroupId": "g1", "numberOfUsers": 1,
        "propertyKeys": ["AP-1", "default"], "customAttributes": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, ["Nora@example.com", "bob/1 ü", "carl"]),
        ({"sort": "firstName"}, ["bob/1 ü", "carl", "Nora@example.com"]),
        ({"sort": "-score;firstName"}, ["carl", "Nora@example.com", "bob/1 ü"]),
        ({"sort": "-customAttributes.seen"}, ["Nora@example.com", "bob/1 ü", "carl"]),
        ({"filter": "customAttributes.TIER==gold"}, ["Nora@example.com", "carl"]),
        ({"filter": ["firstName~?ar*", "accountId==BETA"]}, ["bob/1 ü", "carl"]),
        ({"filter": "location.cityName==turku;score<10"}, ["Nora@example.com"]),
        ({"filter": "location.city==turku;score>10"}, []),
        ({"filter": "globalUnsubscribe!=true"}, ["bob/1 ü", "carl"]),
        ({"filter": "customAttributes.never!=1;score>=7"}, ["Nora@example.com", "carl"]),
        ({"filter": "signUpDate==1767323045678"}, ["Nora@example.com"]),
        ({"filter": "type==user"}, ["Nora@example.com", "bob/1 ü"]),
        ({"filter": "type!=USER"}, ["carl"]),
        ({"sort": "type"}, ["carl", "Nora@example.com", "bob/1 ü"]),
    ],
)
def test_users_are_filtered_sorted_and_scrolled(px: Client, query: dict[str, Any], wanted: list[str]) -> None:
    for size in (1, 2, 3, 1000):
        assert [user["id"] for user in px.every("/users", "users", size, **query)] == wanted


def test_accounts_are_listed_too(px: Client) -> None:
    assert [each["id"] for each in px.every("/accounts", "accounts", 1)] == ["acme", "beta"]
    assert [each["id"] for each in px.every("/accounts", "accounts", sort="-lastModifiedDate;-id")] == ["beta", "acme"]
    assert [each["id"] for each in px.every("/accounts", "accounts", filter="numberOfEmployees>=25")] == ["acme"]
    assert [each["id"] for each in px.every("/accounts", "accounts", filter="parentGroupId==G1")] == ["acme"]


def test_events_are_scrolled_by_the_scroll_id_alone(px: Client) -> None:
    found = px.every("/events/custom", "customEvents", 2, filter="identifyId==CARL", sort="-eventName")
    assert [event["eventName"] for event in found] == ["e4", "e3", "e2", "e1", "e0"]
    found = {event["identifyId"]: event for event in px.every("/events/identify", "identifyEvents")}
    assert found.keys() == {"Nora@example.com", "bob/1 ü", "carl"}
    assert {name: event.get("email") for name, event in found.items()} == {
        "Nora@example.com": "n@x.example", "bob/1 ü": None, "carl": None,
    }  # fmt: skip


@pytest.mark.parametrize(("size", "of_page"), [(10**9, 1_000), (0, 25), (7, 7)])
def test_a_page_is_never_larger_than_the_largest_whatever_its_scroll_id_says(size: int, of_page: int) -> None:
    query = f"scrollId={write_scroll(Scroll('users', 0, size))}".encode()
    request = Request({"type": "http", "query_string": query, "headers": []})
    assert asked(request, "users", datetime(2026, 11, 23, tzinfo=UTC)).size == of_page


def test_lists_of_definitions_go_by_page_number(px: Client) -> None:
    page = px.get("/feature")
    assert (len(page["features"]), page["pageNumber"], page["isLastPage"]) == (25, 0, False)
    page = px.get("/feature", pageNumber=1)
    assert (len(page["features"]), page["pageNumber"], page["isLastPage"]) == (5, 1, True)
    assert px.get("/feature", pageNumber=9)["features"] == []
    assert px.get("/feature", propertyKey="AP-2")["features"] == []
    assert px.get("/feature/f3") == {
        "id": "f3", "name": "F 3", "type": "FEATURE", "propertyKey": "AP-1", "status": "ACTIVATED",
        "featureLabels": [{"id": "x", "name": "x"}],
    }  # fmt: skip
    engagement = {"id": "e1", "name": "E", "type": "IN_APP_GUIDE", "state": "STARTED", "propertyKeys": []}
    assert px.get("/engagement")["engagements"] == [{**engagement, "envs": ["Production"]}]
    assert px.get("/engagement", contentTypes="IN_APP_DIALOG,IN_APP_CAROUSEL")["engagements"] == []
    assert px.get("/engagement", contentTypes="IN_APP_DIALOG,IN_APP_GUIDE")["engagements"][0]["id"] == "e1"
    assert px.get("/segment") == {
        "segments": [{"id": "big", "name": "Big ones"}, {"id": "small", "name": "small"}],
        "pageNumber": 0, "isLastPage": True,
    }  # fmt: skip
    extended = px.get("/engagement/extended")["engagements"]
    assert extended == [{**engagement, "envs": ["Production"], "customEvents": []}]
    assert px.get("/segment/big") == {"id": "big", "name": "Big ones"}
    assert px.get("/segment", pageSize=1, pageNumber=1)["segments"] == [{"id": "small", "name": "small"}]
    assert px.get("/articles")["articleExternalViewList"][0]["articleName"] == "A"
    for path in ("/feature/x", "/engagement/x", "/segment/x", "/admin/model/x/attributes"):
        assert px.ask("GET", path).status == 404


def test_the_attributes_of_users_and_accounts_are_described(px: Client) -> None:
    found = {each["apiName"]: each for each in px.get("/admin/model/user/attributes")}
    assert (found["email"]["type"], found["email"]["origin"]) == ("STRING", "DEFAULT")
    assert (found["seen"]["type"], found["seen"]["origin"], found["seen"]["state"]) == ("NUMBER", "CUSTOM", "ENABLED")
    assert "parentGroupId" in {each["apiName"] for each in px.get("/admin/model/account/attributes")}
    with px.api.hub() as hub:
        tier = usual("user", "tier", state="DISABLED", label="Tier", default="none", description="How they pay")
        attributes_of(hub).define(tier, hub.clock())
    found = {each["apiName"]: each for each in px.get("/admin/model/user/attributes")}
    wanted = {"name": "Tier", "state": "DISABLED", "defaultValue": "none", "description": "How they pay"}
    assert {name: found["tier"][name] for name in wanted} == wanted
    with px.api.hub() as hub:
        attributes_of(hub).remove("user", "tier", hub.clock())


def test_the_subscription_tells_its_zone_and_products(px: Client) -> None:
    found = px.get("/admin/subscription")
    assert found["timeZone"] == "Europe/Helsinki"
    assert {"name": "App", "productKeys": [{"channel": "ios", "productKey": "AP-1"}]} in found["products"]


def test_several_ids_are_asked_for_at_once(px: Client) -> None:
    wanted = {"filter": ["id==CARL;score>=30", "identifyId==nora@EXAMPLE.com", "id==carl;score<30"], "sort": "-id"}
    assert [user["id"] for user in px.every("/users", "users", 1, **wanted)] == ["Nora@example.com", "carl"]
    assert px.get("/users", filter="id==BOB/1 Ü")["totalHits"] == 1  # no ASCII: everybody is looked at
    assert px.get("/users", filter=["id==carl", "score==7"])["totalHits"] == 2


FIELDS = ["identifyId", "id", "date", "eventName", "score", "customAttributes.a'b\"c/~", "location.city", "nothing", ""]
ODD = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["'", "\\", "%_*?", "\0", "1e999"]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["/users", "/accounts", "/events/custom", "/events/email", "/survey/responses"]),
    st.lists(
        st.tuples(st.sampled_from(FIELDS), st.sampled_from(["==", "!=", "<", "~", "!~", "=", ""]), ODD), max_size=2
    ),
    st.sampled_from(["", "-date", "-customAttributes.a'b", "nothing", "id;-id"]),
    st.sampled_from(["", "x", "e30"]),
)
def test_whatever_is_asked_is_answered_or_refused(
    px: Client, path: str, terms: list[tuple[str, str, str]], sort: str, scroll: str
) -> None:
    query: dict[str, Any] = {"filter": ";".join(map("".join, terms)), "sort": sort}
    answer = px.ask("GET", path, key="read", **query, **({"scrollId": scroll} if scroll else {}))
    assert answer.status in (200, 400), answer.text
    assert (answer.status == 400) == ("externalapierror" in answer.body)


def test_many_clients_scroll_at_once(px: Client) -> None:
    def scroll(n: int) -> list[str]:
        if n % 2:
            return [event["eventName"] for event in px.every("/events/custom", "customEvents", 1, sort="eventName")]
        return [user["id"] for user in px.every("/users", "users", 1, sort="-firstName")]

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(scroll, range(24)))
    assert all(each == found[n % 2] for n, each in enumerate(found))
    assert found[:2] == [["Nora@example.com", "carl", "bob/1 ü"], ["e0", "e1", "e2", "e3", "e4"]]
