"""Attributes and people over the management API."""

from __future__ import annotations

import json
import time
import urllib.request
from datetime import UTC, datetime

import pytest
import served_api


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with served_api.served(tmp_path_factory.mktemp("people") / "data") as api:
        yield api


KEYS: dict[int, str] = {}  # one for a server: a new one is not known at once


def identify(api, *calls):
    if api.port not in KEYS:
        KEYS[api.port] = api.ask("POST", "/api/sources", {"name": "web"}).body["write_key"]
    now = datetime.now(UTC).isoformat()
    events = [{"type": "identify", "userId": user, "traits": traits, "timestamp": now} for user, traits in calls]
    request = urllib.request.Request(
        f"http://127.0.0.1:{api.collector_port}/v1/batch", json.dumps({"batch": events}).encode(),
        {"Content-Type": "application/json", "X-Write-Key": KEYS[api.port]},
    )  # fmt: skip
    urllib.request.urlopen(request, timeout=30).close()
    for _ in range(200):
        if api.ask("GET", "/api/people/profile", id=calls[-1][0]).status == 200:
            return
        time.sleep(0.1)
    raise AssertionError("nothing was settled")


def test_a_definition_is_made_listed_changed_and_taken_away(api):
    path = "/api/attributes/user/first plan"
    quoted = path.replace(" ", "%20")
    assert api.ask("GET", quoted).status == 404
    made = api.ask("PUT", quoted, {"type": "SET", "capacity": 7, "is_pii": True})
    assert made.status == 200, made.text
    assert {name: made.body[name] for name in ("api_name", "merge", "capacity", "origin", "defined")} == {
        "api_name": "first plan", "merge": "add", "capacity": 7, "origin": "CUSTOM", "defined": True,
    }  # fmt: skip
    assert api.ask("PUT", quoted, {"merge": "min", "default": "free"}).body["default"] == "free"
    listed = {each["api_name"]: each for each in api.ask("GET", "/api/attributes/user").body["attributes"]}
    assert (listed["first plan"]["merge"], listed["title"]["defined"], listed["score"]["type"]) == (
        "min", False, "NUMBER",
    )  # fmt: skip
    assert api.ask("DELETE", quoted).body == {"api_name": "first plan"}
    assert api.ask("DELETE", quoted).status == 404
    actions = [change["action"] for change in api.ask("GET", "/api/audit").body["changes"]]
    assert actions[:3] == ["attribute.remove", "attribute.define", "attribute.define"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("user/title", {"type": "SET"}),
        ("user/x", {"merge": "sum"}),
        ("user/x", {"type": "NUMBER", "default": "many"}),
        ("user/x", {"capacity": 0}),
        ("account/x", {"is_identifier": True}),
        ("product/x", {}),
        ("user/x", {"more": 1}),
    ],
)
def test_a_definition_that_could_not_work_is_refused(api, path, body):
    assert api.ask("PUT", f"/api/attributes/{path}", body).status == 422


def test_definitions_and_people_need_a_key_for_them(api):
    write = api.key("write")
    assert api.ask("GET", "/api/attributes/user", key=write).status == 200
    assert api.ask("PUT", "/api/attributes/user/x", {}, key=write).status == 403
    for path in ("profile?id=ada", "merges", "crowds"):
        assert api.ask("GET", f"/api/people/{path}", key=write).status == 403


def test_a_person_is_shown_with_the_reasons(api):
    assert api.ask("PUT", "/api/attributes/user/email", {"is_identifier": True, "shared_by_max": 2}).status == 200
    shop = {"email": "shop@example.com"}
    identify(api, ("ada/1", {"email": "ada@example.com"}), ("ada@2", {"email": "ADA@example.com", "plan": "pro"}),
             ("x", shop), ("y", shop), ("z", shop))  # fmt: skip
    shown = api.ask("GET", "/api/people/profile", id="ada@2", why="true").body
    assert sorted(shown["users"]) == ["ada/1", "ada@2"]
    assert {each["api_name"]: each["value"] for each in shown["attributes"]}["plan"] == "pro"
    assert [(tie["field"], tie["outcome"], tie["count"]) for tie in shown["ties"]] == [("email", "joined", 2)]
    assert api.ask("GET", "/api/people/profile", id=shown["aptrinsic_id"]).body["users"] == shown["users"]
    assert api.ask("GET", "/api/people/crowds").body["crowds"] == [
        {"field": "email", "value": "shop@example.com", "users": 3, "limit": 2}
    ]
    newest = api.ask("GET", "/api/people/merges", limit=1).body
    assert newest["merges"][0]["outcome"] == "too many"
    older = api.ask("GET", "/api/people/merges", cursor=newest["next"]).body
    assert {each["outcome"] for each in older["merges"]} == {"joined"}
    assert older["next"] is None
    assert api.ask("GET", "/api/people/profile", id="ada@2", day="2001-01-01").status == 404


def test_a_person_is_exported_and_erased_and_the_receipt_is_there(api):
    import io
    import zipfile

    identify(api, ("grace", {"email": "grace@example.com"}), ("hopper", {"plan": "pro"}))
    exported = api.ask("GET", "/api/people/export", id="grace")
    with zipfile.ZipFile(io.BytesIO(exported.text)) as archive:
        assert "index.md" in archive.namelist()
        assert b"grace@example.com" in archive.read("profile.json")
    asked = api.ask("POST", "/api/people/erasures", {"ids": ["grace", "nobody"]})
    assert (asked.status, asked.body["state"]) == (202, "asked")
    path = f"/api/people/erasures/{asked.body['id']}"
    for _ in range(300):
        if api.ask("GET", path).body["state"] == "done":
            break
        time.sleep(0.1)
    shown = api.ask("GET", path).body
    assert (shown["state"], shown["people"], shown["unknown"]) == ("done", 1, 1)
    receipt = api.ask("GET", f"{path}/receipt").body["receipt"]
    assert (receipt["people"], receipt["untouched"], "grace" in json.dumps(receipt)) == (1, [], False)
    assert api.ask("GET", "/api/people/profile", id="grace").status == 404
    assert api.ask("GET", "/api/people/profile", id="hopper").status == 200
    assert api.ask("GET", "/api/people/erasures").body["erasures"][0]["id"] == asked.body["id"]
    actions = [change["action"] for change in api.ask("GET", "/api/audit").body["changes"]]
    assert [each for each in actions if each.startswith("people.")] == [
        "people.erased",
        "people.erase",
        "people.export",
    ]


def test_an_erasure_asks_for_somebody_and_a_mode_that_exists(api):
    assert api.ask("POST", "/api/people/erasures", {"ids": []}).status == 422
    assert api.ask("POST", "/api/people/erasures", {"ids": ["x"], "mode": "hide"}).status == 422
    assert api.ask("GET", "/api/people/export", id="nobody-at-all").status == 404
