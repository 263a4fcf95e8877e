"""Audiences over the management API: defined, counted, explained, listed; and told by a running server."""

from __future__ import annotations

import json
import time
import urllib.request
from datetime import UTC, datetime

import pytest
import served_api

PEOPLE = {"ada": {"plan": "pro", "score": 7}, "bob": {"plan": "free"}, "eve": {"plan": "pro"}}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with served_api.served(tmp_path_factory.mktemp("audiences") / "data", FOOTFALL_AUDIENCES_EVERY_S="0.2") as api:
        made = api.ask("POST", "/api/sources", {"name": "web"})
        api.write_key = made.body["write_key"]
        identify(api, PEOPLE)
        yield api


def identify(api, people):
    now = datetime.now(UTC).isoformat()
    events = [{"type": "identify", "userId": user, "traits": said, "timestamp": now} for user, said in people.items()]
    request = urllib.request.Request(
        f"http://127.0.0.1:{api.collector_port}/v1/batch", json.dumps({"batch": events}).encode(),
        {"Content-Type": "application/json", "X-Write-Key": api.write_key},
    )  # fmt: skip
    urllib.request.urlopen(request, timeout=30).close()
    last = list(people)[-1]
    for _ in range(200):
        if api.ask("GET", "/api/people/profile", id=last).status == 200:
            return
        time.sleep(0.1)
    raise AssertionError("nothing was settled")


def test_an_audience_is_made_shown_changed_and_deleted(api):
    pro, scored = {"field": "plan", "operator": "=", "value": "pro"}, {"field": "score", "operator": "exists"}
    dear = {"property": "amount", "operator": ">=", "value": 50}
    bought = {"count": {"type": "custom", "name": "buy", "days": 30, "where": dear}, "operator": ">=", "value": 3}
    tree = {"and": [pro, {"not": scored}, bought]}
    made = api.ask("POST", "/api/audiences", {"name": "quiet-pros", "rule": tree, "label": "Quiet", "backfill": True})
    assert made.status == 201, made.text
    assert made.body["rule"] == (
        'AND(plan = "pro", NOT EXISTS score, COUNT(event "buy" WHERE amount >= 50 WITHIN 30d) >= 3)'
    )
    assert made.body["tree"] == tree
    assert made.body["doubts"] == []
    assert api.ask("POST", "/api/audiences", {"name": "quiet-pros", "rule": "ALL"}).status == 409
    new = {"rule": "AND(plan = pro, nobody_has = this)", "tells": "none"}
    changed = api.ask("PUT", "/api/audiences/quiet-pros", new)
    assert changed.status == 200, changed.text
    assert changed.body["doubts"] == ["nobody has nobody_has yet"]
    assert (changed.body["label"], changed.body["backfill"], changed.body["tells"]) == ("", False, "none")
    assert api.ask("GET", "/api/audiences/quiet-pros").body == changed.body
    assert changed.body in api.ask("GET", "/api/audiences").body["audiences"]
    assert api.ask("DELETE", "/api/audiences/quiet-pros").body == {"name": "quiet-pros", "state": "deleted"}
    assert api.ask("GET", "/api/audiences/quiet-pros").status == 404
    actions = [change["action"] for change in api.ask("GET", "/api/audit").body["changes"]]
    assert actions[:3] == ["audience.delete", "audience.change", "audience.add"]


def test_any_word_may_be_the_name_of_an_audience(api):
    assert api.ask("POST", "/api/audiences", {"name": "count", "rule": "ALL", "tells": "none"}).status == 201
    assert api.ask("GET", "/api/audiences/count").body["rule"] == "ALL"


def test_members_are_counted_listed_and_explained(api):
    assert api.ask("POST", "/api/audiences", {"name": "pros", "rule": "plan = pro", "tells": "none"}).status == 201
    counts = {each["name"]: each for each in api.ask("GET", "/api/audience-counts").body["counts"]}
    assert counts["pros"] == {"name": "pros", "members": 2, "users": 3, "fault": ""}
    found = api.ask("GET", "/api/audiences/pros/members", limit=1).body
    assert (found["count"], [each["user"] for each in found["members"]]) == (2, ["ada"])
    why = api.ask("GET", "/api/audiences/pros/explanation", user="bob").body
    assert (why["known"], why["member"]) == (True, False)
    assert why["reason"] == {"rule": 'plan = "pro"', "holds": False, "found": "free"}
    assert api.ask("GET", "/api/audiences/pros/explanation", user="nobody").status == 404
    tried = api.ask("POST", "/api/audience-counts", {"rule": "NOT INCLUDE pros"}).body
    assert tried == {"rule": "NOT INCLUDE pros", "members": 1, "users": 3, "doubts": []}


def test_members_come_in_pages_that_hold_each_of_them_once_whoever_comes_and_goes_meanwhile(api):
    assert api.ask("POST", "/api/audiences", {"name": "paged", "rule": "ALL", "tells": "none"}).status == 201
    path, users, cursor, pages = "/api/audiences/paged/members", [], "", []
    while cursor is not None:
        page = api.ask("GET", path, limit=2, cursor=cursor).body
        assert (page["count"], len(page["members"]) <= 2) == (3, True)
        users += [each["user"] for each in page["members"]]
        cursor = page["next"]
        pages.append(cursor)
    assert users == ["ada", "bob", "eve"]
    assert len(pages) == 2
    assert api.ask("GET", path, limit=3).body["next"] is None
    # The place is that of a member, who may be gone by now.
    assert api.ask("PUT", "/api/audiences/paged", {"rule": "plan = pro", "tells": "none"}).status == 200
    assert [each["user"] for each in api.ask("GET", path, cursor=pages[0]).body["members"]] == ["eve"]
    for wrong in ("nonsense", "WzFd", "WyJhIl0", "WyJcdWQ4MDAiLCAieCJd"):
        assert api.ask("GET", path, cursor=wrong).status == 400


def test_a_list_is_imported(api):
    made = api.ask("POST", "/api/audiences", {"name": "vips", "list_by": "identifyId", "tells": "none"})
    assert (made.body["values"], made.body["rule"], made.body["tree"]) == (0, None, None)
    assert api.ask("PUT", "/api/audiences/vips/values", {"values": ["ada", "later"]}).body["values"] == 2
    assert api.ask("PUT", "/api/audiences/vips/values", {"values": ["eve"], "keep": True}).body["values"] == 3
    assert api.ask("GET", "/api/audiences/vips/members").body["count"] == 2
    assert api.ask("GET", "/api/audiences/vips").body["values"] == 3


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "x"}, 422),
        ({"name": "x", "rule": "ALL", "list_by": "email"}, 422),
        ({"name": "x", "rule": "plan ="}, 422),
        ({"name": "x", "rule": {"and": []}}, 422),
        ({"name": "x", "rule": "INCLUDE nowhere"}, 422),
        ({"name": "X", "rule": "ALL"}, 422),
        ({"name": "x", "rule": "ALL", "tells": "all"}, 422),
    ],
)
def test_what_is_no_audience_is_refused(api, body, status):
    answer = api.ask("POST", "/api/audiences", body)
    assert answer.status == status, answer.text


def test_a_rule_that_cannot_be_read_is_refused_with_its_place(api):
    answer = api.ask("POST", "/api/audience-counts", {"rule": "plan = pro and\nvisits ="})
    assert answer.status == 422
    assert "line 2, column 9" in answer.body["detail"]


def test_a_running_server_tells_who_enters(api):
    made = api.ask("POST", "/api/audiences", {"name": "scorers", "rule": "score > 5", "backfill": True})
    assert made.status == 201
    matches: list[tuple[str, str]] = []
    for _ in range(300):
        with api.hub() as hub:
            events = map(json.loads, hub.tail(100, follow=False))
            matches = [(each["source"], each["name"]) for each in events if each["type"] == "segment_match"]
        if matches:
            break
        time.sleep(0.1)
    assert matches == [("audiences", "scorers")]
