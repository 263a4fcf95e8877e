"""Privacy policies and denied users over the management API, and what the collector does about them."""

from __future__ import annotations

import http.client
import json
import time

import pytest
import served_api


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with served_api.served(tmp_path_factory.mktemp("privacy") / "data") as api:
        yield api


def collect(api, method, path, body=None, **headers):
    line = http.client.HTTPConnection("127.0.0.1", api.collector_port, timeout=30)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        line.request(method, path, None if body is None else json.dumps(body).encode(), named)
        answer = line.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    finally:
        line.close()


def test_a_policy_is_set_listed_refused_and_taken_away(api):
    assert api.ask("GET", "/api/privacy").body == {"policies": []}
    made = api.ask(
        "PUT", "/api/privacy/web", {"identities": ["user"], "fields": [{"path": "traits.*", "action": "drop"}]}
    )
    assert made.status == 200, made.text
    assert api.ask("GET", "/api/privacy").body["policies"] == [
        {"source": "web", "settings": {"identities": ["user"], "fields": [{"path": "traits.*", "action": "drop"}]}}
    ]
    assert api.ask("PUT", "/api/privacy/web", {"gpc": "allow"}).status == 422
    assert api.ask("PUT", "/api/privacy/web", {"identities": ["name"]}).status == 422
    assert api.ask("PUT", "/api/privacy/%2A", {"fields": [{"path": "no.root", "action": "drop"}]}).status == 422
    assert api.ask("PUT", "/api/privacy/web", {"gpc": "drop"}, key="ff_nobody").status == 401
    assert api.ask("DELETE", "/api/privacy/web").status == 200
    actions = [each["action"] for each in api.ask("GET", "/api/audit").body["changes"]]
    assert actions[:2] == ["privacy.change", "privacy.change"]


def test_a_signal_of_a_browser_is_honoured_and_that_is_told(api):
    key = api.ask("POST", "/api/sources", {"name": "signals"}).body["write_key"]
    assert collect(api, "GET", "/.well-known/gpc.json")[1]["gpc"] is True
    assert api.ask("PUT", "/api/privacy/signals", {"gpc": "drop"}).status == 200
    time.sleep(2.1)
    event = {"batch": [{"type": "track", "event": "x", "userId": "ana-maria"}]}
    before = api.ask("GET", "/api/deployment").body["log_end"]
    assert collect(api, "POST", "/v1/batch", event, X_Write_Key=key, Sec_GPC="1")[1]["success"] is True
    assert api.ask("GET", "/api/deployment").body["log_end"] == before
    assert collect(api, "POST", "/v1/batch", event, X_Write_Key=key)[0] == 200
    assert api.ask("GET", "/api/deployment").body["log_end"] > before
    api.ask("PUT", "/api/privacy/signals", {"gpc": "allow", "gpc_reason": "staff only"})
    assert collect(api, "GET", "/.well-known/gpc.json")[1]["gpc"] is False


def test_a_user_is_denied_listed_and_taken_again(api):
    assert api.ask("POST", "/api/denied", {"identify_id": "ana-maria"}).body["denied"] is True
    listed = [each["id"] for each in api.ask("GET", "/api/denied").body["denied"]]
    assert "ana-maria" in listed or any(each.startswith("anon_") for each in listed)
    assert api.ask("POST", "/api/denied/remove", {"identify_id": "ana-maria"}).body["denied"] is False
    assert api.ask("POST", "/api/denied/remove", {"identify_id": "ana-maria"}).status == 404
    assert api.ask("GET", "/api/denied").body == {"denied": []}
