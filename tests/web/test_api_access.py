"""Who may do what through the management API, and what every request is held to."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time
from datetime import timedelta

import pytest
import served_api

from footfall.model.api_keys import SCOPES, make_key, well_formed
from footfall.web.api.app import create_api, describe, scope_of
from footfall.web.api.strict import section

ABOVE = ["metrics", "read", "write", "admin"]
OPERATIONS = [
    (method.upper(), path, scope_of(operation))
    for path, operations in describe().openapi()["paths"].items()
    for method, operation in operations.items()
]


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with served_api.served(tmp_path_factory.mktemp("access") / "data") as api:
        api.default = api.key("admin", "tests")  # the token is made to wait for those who guess here
        yield api


@pytest.fixture(scope="module")
def keys(api):
    """One key of each scope, one revoked, one expired."""
    made = {scope: api.key(scope, scope) for scope in SCOPES}
    made["revoked"] = api.key("admin", "gone")
    assert api.ask("DELETE", "/api/keys/gone").body["state"] == "revoked"
    soon = (served_api.now() + timedelta(seconds=1)).isoformat()
    body = {"name": "short", "scope": "admin", "expires_at": soon}
    made["expired"] = api.ask("POST", "/api/keys", body).body["key"]
    time.sleep(1.1)
    return made


def target(path: str) -> str:
    """A path to something that is not there."""
    return path.replace("{day}", "2026-01-01").replace("{id}", "none:2026-01-01:1").replace("{name}", "none")


@pytest.mark.parametrize(("method", "path", "needed"), OPERATIONS, ids=[f"{m} {p}" for m, p, _ in OPERATIONS])
def test_every_route_opens_to_the_keys_of_its_scope_and_above_and_to_no_other(api, keys, method, path, needed):
    for kind, key in keys.items():
        answer = api.ask(method, target(path), {"unknown": 1} if method in ("POST", "PUT") else None, key=key)
        if kind in ("revoked", "expired"):
            assert answer.status == 401, (kind, answer.text)
        elif ABOVE.index(kind) >= ABOVE.index(needed):
            assert answer.status in (200, 202, 404, 422), (kind, answer.text)
        else:
            assert answer.status == 403, (kind, answer.text)
    source_key = next(line for line in api.said if "Write key" in line).split()[2]
    for key in (None, "", "wrong", source_key, make_key("admin", lambda size: bytes(size))):
        assert api.ask(method, target(path), key=key).status in (401, 429)


@pytest.mark.parametrize("authorization", ["Basic {}", "{}", "Bearer", "Bearer  ", "bearer\t{}x"])
def test_a_key_is_a_bearer_and_nothing_else(api, keys, authorization):
    given = {"authorization": authorization.format(keys["admin"])}
    assert api.ask("GET", "/api/jobs", key=None, headers=given).status in (401, 429)
    assert api.ask("GET", f"/api/jobs?key={keys['admin']}&access_token={keys['admin']}", key=None).status in (401, 429)
    assert api.ask("GET", "/api/jobs", key=None, headers={"cookie": f"key={keys['admin']}"}).status in (401, 429)


def test_what_the_document_does_not_name_is_only_its_own_page(api):
    paths = {getattr(route, "path", "") for route in describe().routes}
    assert {path for path in paths if path and path not in describe().openapi()["paths"]} == {"/api/openapi.json"}
    assert [scope for _, _, scope in OPERATIONS if scope not in SCOPES] == []
    assert len(OPERATIONS) > 35


def test_a_route_that_does_not_say_who_may_ask_cannot_be_made():
    def open_to_all() -> str:
        return "come in"

    with pytest.raises(ValueError, match="who may ask"):
        section("/api/new", "new").add_api_route("/open", open_to_all)


def test_a_revoked_key_is_refused_at_once_under_load(api):
    key = api.key("read", "load")
    answered: list[tuple[float, int]] = []
    over = threading.Event()

    def ask():
        while not over.is_set():
            began = time.monotonic()
            answered.append((began, api.ask("GET", "/api/tasks", key=key).status))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    with api.hub() as hub:  # by the command line, in another process as it were
        hub.api_keys.revoke("load", served_api.now())
    revoked = time.monotonic()
    time.sleep(0.5)
    over.set()
    for thread in threads:
        thread.join()
    assert 200 in {status for began, status in answered if began < revoked}
    assert {status for began, status in answered if began > revoked} == {401}


DOORS = [("GET", "/api/jobs"), ("GET", "/metrics"), ("PUT", "/metadata")]


@pytest.mark.parametrize("tried", DOORS)
def test_who_tries_tokens_at_any_door_is_made_to_wait_at_all_and_keys_go_on(tmp_path, tried):
    with served_api.served(tmp_path / "data") as api:
        key = api.key("write")
        for number in range(30):
            assert api.ask(*tried, key=f"guess-{number}").status == 401
        for door in DOORS:
            for guess in ("guess", served_api.TOKEN):
                refused = api.ask(*door, key=guess)
                assert (refused.status, int(refused.headers["retry-after"]) <= 60) == (429, True), door
            assert api.ask(*door, {} if door[0] == "PUT" else None, key=key).status == 200, door


def test_only_admins_name_folders_of_the_server_or_use_its_own_access(api, keys, tmp_path):
    for url in (str(tmp_path), "/etc", "s3://bucket/px", "file:///etc"):
        for path, body in (
            ("/api/jobs", {"name": "sneaky", "to": url}),
            ("/api/places/check", {"url": url}),
            ("/api/places/verify", {"url": url}),
        ):
            assert api.ask("POST", path, body, key=keys["write"]).status == 403, (path, url)


@pytest.mark.parametrize("scope", ["write", "admin"])
def test_no_key_sends_the_machines_credentials_to_a_server_it_names(api, keys, scope):
    options = {"endpoint_url": "http://169.254.169.254"}
    job = {"name": "ssrf", "to": "s3://bucket/px", "options": options}
    refused = api.ask("POST", "/api/jobs", job, key=keys[scope])
    assert (refused.status, refused.body["type"]) == (422, "urn:footfall:refused")
    assert api.ask("GET", "/api/jobs/ssrf", key=keys[scope]).status == 404


def test_an_authorization_at_a_private_address_is_not_reached(api):
    secrets = {"access_key_id": "A" * 20, "access_key_secret": "b" * 20}
    made = {"name": "inside", "endpoint_url": "https://127.0.0.1:1", "secrets": secrets}
    assert api.ask("POST", "/api/authorizations", made).status == 201
    job = {"name": "inside", "to": "s3://bucket/px", "authorization": "inside"}
    assert api.ask("POST", "/api/jobs", job).status == 422
    task = api.done(api.ask("POST", "/api/authorizations/inside/test", {"url": "s3://bucket/px"}).body)
    assert task["state"] == "failed" or not task["result"]["ok"]


# --- every request ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_body_that_is_not_said_to_be_json_is_refused(api, kind):
    body = b'{"name":"forged","scope":"admin"}'
    refused = api.ask("POST", "/api/keys", raw=body, headers={"content-type": kind})
    assert (refused.status, refused.headers["content-type"]) == (415, "application/problem+json")
    assert api.ask("POST", "/api/jobs/none/pause", raw=body, headers={"content-type": kind}).status == 415


@pytest.mark.parametrize("text", [b"{", b"", b'{"name":"a"', b'{"name":"\xff"}', b"[" * 100_000, b'{"name":"\\ud800"}',
                                  b'{"name": NaN}'])  # fmt: skip
def test_a_body_that_is_no_json_is_malformed(api, text):
    refused = api.ask("POST", "/api/keys", raw=text, headers={"content-type": "application/json"})
    assert refused.status == (400 if text else 422), refused.text


def test_a_body_is_bounded_however_it_is_sent(api):
    most = 1 << 20
    head = f"POST /api/keys HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {api.default}\r\n"
    head += "content-type: application/json\r\n"
    long = api.ask("POST", "/api/keys", raw=b" " * (most + 1), headers={"content-type": "application/json"})
    assert long.status == 413
    fits = api.ask("POST", "/api/keys", raw=b" " * most, headers={"content-type": "application/json"})
    assert fits.status == 400
    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as line:
        line.sendall((head + "transfer-encoding: chunked\r\n\r\n").encode())
        for _ in range(17):
            line.sendall(b"10000\r\n" + b" " * (1 << 16) + b"\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")


def test_every_answer_is_for_this_page_and_this_moment_only(api):
    evil = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    for method, path, key in (("GET", "/api/jobs", api.default), ("GET", "/api/jobs", None),
                              ("OPTIONS", "/api/jobs", None), ("GET", "/api/none", api.default),
                              ("POST", "/api/jobs", api.default), ("GET", "/api/docs", None)):  # fmt: skip
        answer = api.ask(method, path, key=key, headers=evil)
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert "set-cookie" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers
        if answer.status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.body["status"] == answer.status


def test_the_page_of_the_api_asks_no_other_host_and_runs_no_inline_script(api):
    page = api.ask("GET", "/api/docs", key=None)
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    html = page.text.decode()
    # The icon is nothing at all, or the browser asks for one.
    html = html.replace('<link rel="icon" href="data:,">', "")
    assert re.findall(r"(?:src|href)=\"(?!docs/)", html) == []
    assert re.findall(r"<script>|<style>| style=| on\w+=", html) == []
    for name in re.findall(r"(?:src|href)=\"([^\"]+)", html):
        asset = api.ask("GET", f"/api/{name}", key=None)
        assert asset.status == 200
        assert asset.headers["content-type"].startswith(("text/css", "text/javascript"))
    assert b"url(http" not in api.ask("GET", "/api/docs/swagger-ui.css", key=None).text
    document = api.ask("GET", "/api/openapi.json", key=None).body
    assert document["openapi"].startswith("3.1")


def test_a_well_formed_key_has_its_scope_and_checksum():
    key = make_key("write", lambda size: bytes(range(size)))
    assert re.fullmatch(r"ff_write_[0-9A-Za-z]{36}", key)
    assert well_formed(key)
    mistyped = [key[:at] + ("0" if key[at] != "0" else "1") + key[at + 1 :] for at in range(9, len(key))]
    assert not any(well_formed(each) for each in mistyped)
    assert not well_formed(key.replace("write", "admin"))


def test_definitions_are_taken_from_a_key_that_may_write(api, keys):
    body = {"features": [{"id": "f9", "name": "Nine"}]}
    assert api.ask("PUT", "/metadata", body, key=keys["read"]).status == 401
    assert api.ask("PUT", "/metadata", body, key=keys["write"]).status == 200
    [change] = api.ask("GET", "/api/audit", subject="definitions").body["changes"]
    assert (change["name"], change["after"]) == ("write", {"features": ["f9"]})


def test_an_error_that_nobody_foresaw_is_a_problem_too_and_its_text_is_nowhere(caplog):
    class Broken:
        def __getattr__(self, name: str) -> object:
            raise ValueError("a canary that must not show")

    told: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        told.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/api/jobs", "raw_path": b"/api/jobs", "query_string": b"",
        "headers": [(b"authorization", b"Bearer ff_read_x")], "http_version": "1.1", "scheme": "http", "root_path": "",
        "server": ("127.0.0.1", 8081), "client": ("127.0.0.1", 5),
    }  # fmt: skip
    asyncio.run(create_api(Broken())(scope, receive, send))
    assert (told[0]["status"], json.loads(told[1]["body"])["type"]) == (500, "urn:footfall:failed")
    assert dict(told[0]["headers"])[b"content-type"] == b"application/problem+json"
    assert "canary" not in caplog.text + str(told)
