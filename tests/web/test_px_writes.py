"""Writes of the PX dialect over HTTP: users, accounts, custom events, deleting, denying."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
from px_client import WRITE_KEY, Client
from served_api import served

from footfall.model.audiences import Audience
from footfall.stores.audiences import SqlAudiences

USER = {"identifyId": "eve", "propertyKeys": ["AP-1"]}
ACCOUNT = {"id": "acme", "name": "Acme", "propertyKeys": ["AP-1"]}


@pytest.fixture(scope="module")
def px(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    # Settling has its own time: a write of a person does not wait for it.
    with served(tmp_path_factory.mktemp("px"), FOOTFALL_WRITE_KEY=WRITE_KEY, FOOTFALL_SETTLE_EVERY_S="600") as api:
        metadata = {
            "features": [
                {"id": "m", "name": "Module", "type": "MODULE", "product_key": "AP-1"},
                {"id": "f", "name": "Feature", "product_key": "AP-1", "parent_feature_id": "m", "labels": ["x"]},
            ],
            "engagements": [{"id": "e", "name": "E", "type": "IN_APP_GUIDE", "environments": ["QA"]}],
            "surveys": [{"id": "s", "name": "S", "type": "NPS", "questions": [{"id": "q", "text": "Q"}]}],
        }
        assert api.ask("PUT", "/metadata", metadata).status == 200
        yield Client(api)


def test_a_user_is_there_when_the_answer_is(px: Client) -> None:
    body = {
        **USER, "firstName": "Eve", "role": "admin", "signUpDate": 1767323045678, "accountId": "acme", "type": "LEAD",
        "location": {"city": "Turku", "countryCode": "FI", "coordinates": {"latitude": 1.5}},
        "customAttributes": {"tier": "gold", "seats": 3}, "aptrinsicId": "mine", "createDate": 1, "globalId": "g",
    }  # fmt: skip
    answer = px.ask("POST", "/users", body)
    assert (answer.status, answer.body) == (201, {"identifyId": "eve"})
    eve = px.get("/users/eve")
    assert eve["aptrinsicId"] != "mine"
    assert eve["createDate"] > 1
    kept = ("aptrinsicId", "createDate", "lastModifiedDate", "propertyKeys")
    assert {name: eve[name] for name in eve if name not in kept} == {
        "identifyId": "eve", "id": "eve", "firstName": "Eve", "role": "admin", "signUpDate": 1767323045678,
        "accountId": "acme", "type": "LEAD", "location": {"city": "Turku", "countryCode": "FI"},
        "customAttributes": {"seats": 3, "tier": "gold"},
    }  # fmt: skip


def test_a_user_who_is_there_is_not_made_again(px: Client) -> None:
    px.ask("POST", "/users", {**USER, "identifyId": "twice"})
    answer = px.ask("POST", "/users", {**USER, "identifyId": "twice"})
    assert (answer.status, answer.body["externalapierror"]["status"]) == (400, "BAD_REQUEST")


def test_of_many_who_make_one_user_at_once_one_does(px: Client) -> None:
    user = {**USER, "identifyId": "raced"}
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: px.ask("POST", "/users", user).status, range(8)))
    assert sorted(statuses) == [201] + [400] * 7


def test_changes_of_one_engagement_at_once_are_all_kept(px: Client) -> None:
    def change(n: int) -> int:
        if n % 2:
            return px.ask("PUT", "/engagement/envs", {"engagementId": "r", "envs": ["Stage"]}).status
        return px.ask("PUT", "/engagement/state", {"engagementId": "r", "state": "PAUSE"}).status

    for _ in range(3):
        made = {"id": "r", "name": "R", "type": "IN_APP_GUIDE", "environments": ["QA"], "status": "STARTED"}
        assert px.api.ask("PUT", "/metadata", {"engagements": [made]}).status == 200
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(change, range(4))) == [200] * 4
        found = px.get("/engagement/r")
        assert (found["state"], found["envs"]) == ("PAUSED", ["Stage"])
    assert px.ask("DELETE", "/engagement/r").status == 200


def test_what_is_changed_is_what_the_body_says(px: Client) -> None:
    px.ask("POST", "/users", {**USER, "identifyId": "a/b ü", "title": "Dr", "score": 1, "phone": "1"})
    assert px.ask("PUT", "/users/a%2Fb%20%C3%BC", {"score": 2, "title": None}).status == 204  # null says nothing
    assert px.ask("PUT", "/users/update", {"identifyId": "a/b ü", "phone": "2"}).status == 204
    found = px.get("/users/a%2Fb%20%C3%BC")
    assert (found["score"], found["phone"], found["title"]) == (2, "2", "Dr")
    assert px.ask("PUT", "/users/nobody", {"score": 2}).status == 404
    assert px.ask("PUT", "/users/update", {"score": 2}).status == 400


def test_a_write_is_no_identify_call(px: Client) -> None:
    px.ask("POST", "/users", {**USER, "identifyId": "quiet"})
    assert "signUpDate" not in px.get("/users/quiet")
    assert px.get("/events/identify", filter="identifyId==quiet")["totalHits"] == 0


def test_accounts_are_made_changed_and_listed(px: Client) -> None:
    body = {
        **ACCOUNT,
        "id": "beta",
        "numberOfEmployees": 7,
        "renewalDate": 1767323045000,
        "healthScore": 80,
        "csm": "Z",
    }
    assert px.ask("POST", "/accounts", body).status == 201
    assert px.ask("POST", "/accounts", body).status == 400
    assert px.ask("PUT", "/accounts/beta", {"plan": "pro", "nps": 9.5}).status == 204
    assert px.ask("PUT", "/accounts/update", {"id": "beta", "industry": "Toys"}).status == 204
    found = px.get("/accounts/beta")
    wanted = {"numberOfEmployees": 7, "renewalDate": 1767323045000, "healthScore": 80, "csm": "Z", "plan": "pro",
              "nps": 9.5, "industry": "Toys", "customAttributes": {}, "numberOfUsers": 0}  # fmt: skip
    assert {name: found[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/users", {"identifyId": "x"}),
        ("/users", {"propertyKeys": ["p"]}),
        ("/users", {**USER, "identifyId": ""}),
        ("/users", {**USER, "identifyId": "x" * 513}),
        ("/users", {**USER, "propertyKeys": []}),
        ("/users", {**USER, "gender": "MANY"}),
        ("/users", {**USER, "signUpDate": "soon"}),
        ("/users", {**USER, "signUpDate": 10**18}),
        ("/users", {**USER, "firstName": {"a": 1}}),
        ("/users", {**USER, "customAttributes": [1]}),
        ("/users", {**USER, "customAttributes": {"big": "x" * 70_000}}),
        ("/users", [USER]),
        ("/accounts", {"id": "x", "propertyKeys": ["p"]}),
        ("/events/custom", {"eventName": "e", "identifyId": "u"}),
        ("/events/custom", {"eventName": "e", "identifyId": "u", "propertyKey": "p", "userType": "GHOST"}),
        ("/events/custom", {"eventName": "e", "identifyId": "u", "propertyKey": "p", "attributes": 1}),
        ("/events/custom", {"eventName": "e", "identifyId": "u", "propertyKey": "p", "date": 1.5}),
    ],
)
def test_a_body_that_does_not_fit_changes_nothing(px: Client, path: str, body: Any) -> None:
    before = px.api.ask("GET", "/readyz").body["log_end"]
    answer = px.ask("POST", path, body)
    assert answer.status == 400, answer.text
    assert answer.body["externalapierror"]["message"]
    assert px.api.ask("GET", "/readyz").body["log_end"] == before


def test_a_body_that_is_no_json_or_too_long_is_refused(px: Client) -> None:
    assert px.ask("POST", "/users", raw=b"{").status == 400
    assert px.ask("POST", "/users", raw=b"[" * 100_000).status == 400
    assert px.ask("POST", "/users", raw=b" " * ((1 << 20) + 1)).status == 413


def test_a_custom_event_comes_back_as_it_was_sent(px: Client) -> None:
    now = px.get("/users/eve")["lastModifiedDate"]
    event = {
        "eventId": "mine-1", "eventName": "Signed", "identifyId": "eve", "propertyKey": "AP-9", "userType": "USER",
        "accountId": "acme", "sessionId": "s1", "date": now, "attributes": {"n": 1, "deep": {"a": [1, None]}},
        "globalContext": {"role": "x"}, "url": "https://x.example/a?b=1#c", "referrer": "https://y.example/",
    }  # fmt: skip
    assert px.ask("POST", "/events/custom", event).status == 201
    assert px.ask("POST", "/events/custom", event).status == 201  # the same once more
    anonymous = {"eventName": "Signed", "identifyId": "v1", "propertyKey": "AP-9", "userType": "VISITOR"}
    made = px.ask("POST", "/events/custom", anonymous).body["eventId"]
    px.ask("PUT", "/users/eve", {"score": 1})  # settles what came before it
    found = {each["eventId"]: each for each in px.get("/events/custom", filter="eventName==signed")["customEvents"]}
    assert found.keys() == {"mine-1", made}
    assert found["mine-1"] == {**event, "eventType": "CUSTOM"}
    assert (found[made]["identifyId"], found[made]["userType"]) == ("v1", "VISITOR")


def test_who_is_deleted_is_gone_until_they_are_written_again(px: Client) -> None:
    px.ask("POST", "/users", {**USER, "identifyId": "del", "title": "Deleted"})
    total = px.get("/users")["totalHits"]
    assert px.ask("DELETE", "/users/del").status == 204
    assert px.ask("DELETE", "/users/del").status == 404
    assert px.ask("GET", "/users/del").status == 404
    assert px.ask("PUT", "/users/del", {"title": "Ms"}).status == 404
    assert px.get("/users")["totalHits"] == total - 1
    assert px.get("/users", filter="title==deleted")["users"] == []
    assert px.ask("POST", "/users", {**USER, "identifyId": "del", "phone": "1"}).status == 201
    found = px.get("/users/del")
    assert (found["title"], found["phone"]) == ("Deleted", "1")
    assert px.ask("DELETE", "/users/delete", {"identifyId": "del"}, hardDelete="true").status == 204
    assert px.ask("POST", "/users", {**USER, "identifyId": "del", "phone": "2"}).status == 201
    found = px.get("/users/del")
    assert ("title" in found, found["phone"]) == (False, "2")
    assert px.ask("DELETE", "/users/del", hardDelete="perhaps").status == 400


def test_deleting_an_account_deletes_its_users(px: Client) -> None:
    px.ask("POST", "/accounts", {**ACCOUNT, "id": "doomed"})
    px.ask("POST", "/users", {**USER, "identifyId": "member", "accountId": "doomed"})
    assert px.get("/accounts/doomed")["numberOfUsers"] == 1
    assert px.ask("DELETE", "/accounts/doomed").status == 204
    assert px.ask("GET", "/accounts/doomed").status == px.ask("GET", "/users/member").status == 404


def test_a_denied_user_is_denied_until_they_are_not(px: Client) -> None:
    px.ask("POST", "/users", {**USER, "identifyId": "spam"})
    assert px.get("/users/denylist/spam") == {"identifyId": "spam", "denied": False}
    assert px.ask("PUT", "/users/denylist/spam", {"denied": True}).status == 204
    assert px.get("/users/denylist/spam")["denied"] is True
    event = {"eventName": "Spam", "identifyId": "spam", "propertyKey": "p", "userType": "USER"}
    assert px.ask("POST", "/events/custom", event).status == 201
    px.ask("PUT", "/users/eve", {"score": 1})  # settles what came before it
    assert px.ask("PUT", "/users/denylist/spam", {"denied": False}).status == 204
    kept = px.ask("POST", "/events/custom", event).body["eventId"]
    px.ask("PUT", "/users/eve", {"score": 2})
    found = px.get("/events/custom", filter="eventName==Spam")["customEvents"]
    assert [each["eventId"] for each in found] == [kept]
    assert px.ask("PUT", "/users/denylist/spam", {"denied": 1}).status == 400
    assert px.ask("PUT", "/users/denylist/nobody", {"denied": True}).status == 404
    assert px.ask("GET", "/users/denylist/nobody").status == 404


def test_a_denied_user_cannot_be_written_and_is_undenied_also_when_deleted(px: Client) -> None:
    user = {**USER, "identifyId": "banned", "title": "First"}
    px.ask("POST", "/users", user)
    assert px.ask("PUT", "/users/denylist/banned", {"denied": True}).status == 204
    refused = px.ask("PUT", "/users/banned", {"title": "Second"})
    assert (refused.status, refused.body["externalapierror"]["message"]) == (400, "User is denied")
    assert px.get("/users/banned")["title"] == "First"
    assert px.ask("DELETE", "/users/banned").status == 204
    assert px.ask("POST", "/users", user).status == 400
    assert px.ask("GET", "/users/banned").status == 404  # nothing brought them back
    assert px.get("/users/denylist/banned")["denied"] is True
    assert px.ask("PUT", "/users/denylist/banned", {"denied": False}).status == 204
    assert px.ask("POST", "/users", user).status == 201


def test_deletes_and_denials_are_in_the_audit_log_without_names(px: Client) -> None:
    px.ask("POST", "/users", {**USER, "identifyId": "secret@example.com"})
    uid = px.get("/users/secret@example.com")["aptrinsicId"]
    px.ask("PUT", "/users/denylist/secret@example.com", {"denied": True}, key="write")
    px.ask("DELETE", "/users/secret@example.com", key="write")
    found = px.api.ask("GET", "/api/audit", limit=100).body["changes"]
    mine = {each["action"]: each for each in found if each["subject"] == f"user {uid}"}
    assert mine.keys() == {"user.deny", "user.delete"}
    assert {each["name"] for each in mine.values()} == {"px-write"}
    assert "secret@" not in str(found)


def test_a_feature_is_renamed_and_moved(px: Client) -> None:
    assert px.ask("PUT", "/feature/f", {"name": "Better", "parentFeatureId": "ROOT"}).status == 204
    found = px.get("/feature/f")
    assert (found["name"], "parentFeatureId" in found, found["featureLabels"]) == (
        "Better",
        False,
        [{"id": "x", "name": "x"}],
    )
    assert px.ask("PUT", "/feature/f", {"parentFeatureId": "m"}).status == 204
    assert (px.get("/feature/f")["parentFeatureId"], px.get("/feature/f")["name"]) == ("m", "Better")
    for body in ({"parentFeatureId": "nobody"}, {"parentFeatureId": "f"}, {"name": 1}):
        assert px.ask("PUT", "/feature/f", body).status == 400
    assert px.ask("PUT", "/feature/nobody", {"name": "x"}).status == 404


def test_rules_of_features_are_told_in_the_vendors_words_and_see_old_days(px: Client) -> None:
    rules = [{"kind": "CUSTOM_EVENT", "value": "Mapped"}, {"kind": "ELEMENT", "value": "#a", "state": "DISABLED"}]
    mapped = {"id": "g", "name": "G", "product_key": "AP-1", "parent_feature_id": "m"}
    px.post_events({"type": "custom", "event_name": "Mapped", "identify_id": "map", "product_key": "AP-1"})
    px.ask("PUT", "/users/eve", {"score": 4})  # settles what came before it
    assert px.api.ask("PUT", "/metadata", {"features": [mapped | {"rules": rules}]}).status == 200
    (found,) = (f for f in px.get("/px/v2/feature_ext", propertyKey="AP-1")["features"] if f["id"] == "g")
    assert found["mappedElements"] == [
        {"id": "g-0", "eventType": "CUSTOM_EVENT", "type": "CUSTOM_EVENT", "state": "ENABLED", "value": "Mapped",
         "match": "exact"},
        {"id": "g-1", "eventType": "CLICK", "type": "TAG", "state": "DISABLED", "value": "#a"},
    ]  # fmt: skip
    assert "mappedElements" not in px.get("/feature/g")
    assert px.ask("POST", "/feature/backfill/nobody").status == 404
    assert px.ask("POST", "/feature/backfill/g", key="read").status == 403
    assert px.ask("POST", "/feature/backfill/g", key="write").status == 204
    for _ in range(300):
        if px.get("/feature/adoption/g")["totalEventCount"]:
            break
        time.sleep(0.1)
    assert px.get("/feature/adoption/g")["totalEventCount"] == 1
    assert px.ask("POST", "/feature/backfill/f").status == 400  # it has no rules


def test_an_engagement_is_started_moved_and_deleted(px: Client) -> None:
    assert px.ask("PUT", "/engagement/state", {"engagementId": "e", "state": "PAUSE"}).status == 200
    assert (px.get("/engagement/e")["state"], px.get("/engagement/e")["envs"]) == ("PAUSED", ["QA"])
    body = {"engagementId": "e", "state": "START", "envs": ["PRODUCTION"]}
    assert px.ask("PUT", "/engagement/state", body).body == {"status": 200, "errors": []}
    assert (px.get("/engagement/e")["state"], px.get("/engagement/e")["envs"]) == ("STARTED", ["Production"])
    assert px.ask("PUT", "/engagement/envs", {"engagementId": "s", "envs": ["qa", "Stage"]}).status == 200
    assert px.get("/engagement/s")["envs"] == ["QA", "Stage"]
    assert px.get("/engagement/s")["type"] == "IN_APP_NPS_SURVEY"
    assert px.ask("PUT", "/engagement/env", {"engagementId": "s", "env": "Moon"}).status == 400
    assert px.ask("PUT", "/engagement/state", {"engagementId": "e", "state": "STOP"}).status == 400
    assert px.ask("DELETE", "/engagement/e", key="read").status == 403
    assert px.ask("DELETE", "/engagement/e").status == 200
    assert [each["id"] for each in px.get("/engagement")["engagements"]] == ["s"]
    assert px.ask("DELETE", "/engagement/e").status == 404


def test_an_id_of_a_definition_may_hold_what_parts_paths(px: Client) -> None:
    metadata = {
        "features": [{"id": "shop/cart 5%", "name": "Cart", "product_key": "AP-1"}],
        "engagements": [{"id": "tour/1", "name": "Tour", "type": "IN_APP_GUIDE", "environments": ["QA"]}],
    }
    assert px.api.ask("PUT", "/metadata", metadata).status == 200
    feature, engagement = quote("shop/cart 5%", safe=""), quote("tour/1", safe="")
    assert px.ask("PUT", f"/feature/{feature}", {"name": "Basket"}).status == 204
    assert px.get(f"/feature/{feature}")["name"] == "Basket"
    assert px.get(f"/feature/adoption/{feature}")["featureName"] == "Basket"
    assert px.ask("POST", f"/feature/backfill/{feature}").status == 400  # it has no rules
    assert px.get(f"/engagement/{engagement}")["name"] == "Tour"
    assert px.ask("DELETE", f"/engagement/{engagement}").status == 200


def test_adoption_counts_events_users_and_accounts_of_a_feature(px: Client) -> None:
    match = {"type": "feature_match", "feature_id": "f", "product_key": "AP-1"}
    sent = [match | {"identify_id": f"u{n % 3}", "account_id": f"a{n % 2}"} for n in range(6)]
    px.post_events(*sent, match | {"feature_id": "m", "identify_id": "u9"}, match | {"anonymous_id": "v"})
    px.ask("PUT", "/users/eve", {"score": 3})  # settles what came before it
    found = px.get("/feature/adoption/f")
    counted = {name: found[name] for name in ("totalEventCount", "uniqueUserCount", "uniqueAccountCount")}
    assert counted == {"totalEventCount": 7, "uniqueUserCount": 3, "uniqueAccountCount": 2}
    assert found["dateRangeEnd"] - found["dateRangeStart"] == 86_400_000
    assert px.get("/feature/adoption/f", propertyKey="AP-2")["totalEventCount"] == 0
    week = {"dateRangeStart": found["dateRangeEnd"] - 7 * 86_400_000, "dateRangeEnd": found["dateRangeEnd"] + 1}
    assert px.ask("GET", "/feature/adoption/f", **week).status == 400
    assert px.ask("GET", "/feature/adoption/nobody").status == 404


def test_another_system_fills_a_segment(px: Client) -> None:
    def values(name: str) -> list[str]:
        with px.api.hub() as hub:
            return list(SqlAudiences(hub.database, hub.note).values(name).to_pylist())

    made = px.ask("POST", "/external_segment/metadata", {"externalId": "CDP 7!", "name": "VIP", "description": "d"})
    segment = made.body["id"]
    assert re.fullmatch("cdp-7-[0-9a-f]{8}", segment)
    assert made.body == {"id": segment, "name": "VIP", "description": "d", "externalId": "CDP 7!"}
    again = {"externalId": "CDP 7!", "name": "VIP"}
    assert px.ask("POST", "/external_segment/metadata", again).body["id"] == segment
    assert px.ask("POST", "/external_segment/metadata", again, failIfExists="true").status == 400
    assert px.ask("PUT", "/external_segment/metadata", {"id": segment, "name": "Gold"}).status == 200
    assert px.get(f"/segment/{segment}") == {"id": segment, "name": "Gold"}

    def update(add: list[str], remove: list[str], **more: Any) -> int:
        action = {"segmentId": segment, "lastQualificationTime": "2026-11-01T00:00:00Z"}
        body = {"add": [action | {"identities": add}], "remove": [action | {"identities": remove}], **more}
        return px.ask("POST", "/external_segment/update_membership", body).status

    assert update(["a", "b", "c"], []) == 200
    assert update(["d"], ["b", "nobody"], identityType="IDENTIFY_ID") == 200
    assert values(segment) == ["a", "c", "d"]
    assert update(["e"], [], identityType="GLOBAL_ID") == 400
    assert update([""], []) == 400
    unknown = {"add": [{"segmentId": segment, "identities": ["z"]}, {"segmentId": "nobody", "identities": ["z"]}]}
    assert px.ask("POST", "/external_segment/update_membership", unknown).status == 404
    assert values(segment) == ["a", "c", "d"]  # all or nothing
    assert px.ask("POST", "/external_segment/metadata", {"name": "é"}).status == 400
    assert px.ask("PUT", "/external_segment/metadata", {"id": "nobody", "name": "x"}).status == 404


def test_a_null_says_nothing_about_a_segment(px: Client) -> None:
    made = px.ask("POST", "/external_segment/metadata", {"name": "Nulls", "externalId": None, "description": None})
    assert (made.status, made.body["description"]) == (200, "")
    changed = px.ask("PUT", "/external_segment/metadata", {"id": made.body["id"], "name": None, "description": "d"})
    assert (changed.status, changed.body["name"], changed.body["description"]) == (200, "Nulls", "d")
    assert px.ask("POST", "/external_segment/metadata", {"name": None}).status == 400


def test_names_that_differ_are_segments_that_differ(px: Client) -> None:
    names = ["VIP (EU)", "VIP EU", "vip eu", "Клиенты 1", "Партнёры 1", "x" * 63, "x" * 70, "x" * 71]
    made = [px.ask("POST", "/external_segment/metadata", {"name": name}).body["id"] for name in names]
    assert len(set(made)) == len(names)
    assert made[5] == names[5]
    again = [
        px.ask("POST", "/external_segment/metadata", {"externalId": each, "name": "n"}).body["id"] for each in made
    ]
    assert again == made


def test_only_lists_of_identify_ids_are_filled(px: Client) -> None:
    with px.api.hub() as hub:
        audiences = SqlAudiences(hub.database, hub.note)
        audiences.add(Audience("by-mail", listed="email"), hub.clock())
        audiences.put_values("by-mail", ["a@x.example"], hub.clock())
    assert px.ask("POST", "/external_segment/metadata", {"name": "by-mail"}).status == 400
    for action in ("add", "remove"):
        body = {action: [{"segmentId": "by-mail", "identities": ["a@x.example", "b"]}]}
        assert px.ask("POST", "/external_segment/update_membership", body).status == 400
    with px.api.hub() as hub:
        assert SqlAudiences(hub.database, hub.note).values("by-mail").to_pylist() == ["a@x.example"]


def test_many_who_write_at_once_each_find_what_they_wrote(px: Client) -> None:
    def write(n: int) -> int:
        user = {**USER, "identifyId": f"many-{n}", "score": n}
        assert px.ask("POST", "/users", user).status == 201
        return int(px.get(f"/users/many-{n}")["score"])

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(write, range(48))) == list(range(48))


def test_who_is_back_alone_is_explained_as_themselves(px: Client) -> None:
    with px.api.hub() as hub:
        SqlAudiences(hub.database, hub.note).add(Audience("all"), hub.clock())
    for user in ("merged", "lives-on"):
        px.ask("POST", "/users", {**USER, "identifyId": user})
    px.post_events({"type": "alias", "previous_id": "merged", "identify_id": "lives-on"})
    px.ask("PUT", "/users/lives-on", {"score": 1})  # settles what came before it
    assert _explained(px, "merged") == ("lives-on", True)
    assert px.ask("DELETE", "/users/lives-on").status == 204
    assert px.ask("POST", "/users", {**USER, "identifyId": "merged"}).status == 201
    assert _explained(px, "merged") == ("merged", True)
    assert _explained(px, "lives-on") == ("lives-on", False)


def test_a_user_who_was_merged_is_found_as_the_one_they_live_on_in(px: Client) -> None:
    assert px.api.ask("PUT", "/api/attributes/user/badge", {"is_identifier": True}).status == 200
    px.ask("POST", "/users", {**USER, "identifyId": "old", "title": "Dr"})
    px.ask("POST", "/users", {**USER, "identifyId": "new", "customAttributes": {"badge": "b7"}})
    px.post_events({"type": "alias", "previous_id": "old", "identify_id": "new"})
    shared = {**USER, "identifyId": "other", "customAttributes": {"badge": "b7"}}
    assert px.ask("POST", "/users", shared).status == 201
    for merged in ("old", "other"):
        found = px.get(f"/users/{merged}")
        assert (found["identifyId"], found["title"]) == ("new", "Dr")
        assert px.ask("POST", "/users", {**USER, "identifyId": merged}).status == 400
        assert px.ask("PUT", f"/users/{merged}", {"phone": merged}).status == 204
        assert px.get("/users/new")["phone"] == merged
        refused = px.ask("DELETE", f"/users/{merged}")
        assert (refused.status, "'new'" in refused.body["externalapierror"]["debugMessage"]) == (404, True)
    assert px.get("/users", filter="identifyId==old")["users"] == []
    px.post_events({"type": "identify", "identify_id": "old"})
    px.ask("PUT", "/users/new", {"email": "new@x.example"})  # settles what came before it
    identified = px.get("/events/identify", filter="identifyId==old")["identifyEvents"]
    assert [each["email"] for each in identified] == ["new@x.example"]
    assert px.ask("DELETE", "/users/new").status == 204
    assert [px.ask("GET", f"/users/{each}").status for each in ("old", "other", "new")] == [404] * 3
    px.api.ask("DELETE", "/api/attributes/user/badge")


def _explained(px: Client, user: str) -> tuple[str, bool]:
    found = px.api.ask("GET", "/api/audiences/all/explanation", user=user).body
    return found["user"], found["member"]
