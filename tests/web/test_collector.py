"""The collector over HTTP, as a process: what it answers, and that what it acknowledged is in the log."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import pytest

GOOD = {"type": "track", "event": "Report Exported", "userId": "u1", "messageId": "m-1"}
BASIC = {"Authorization": "Basic " + base64.b64encode(b"WKEY:").decode()}
NATIVE = {"type": "custom", "event_name": "Report Exported", "identify_id": "u1"}
MIB = 1 << 20


def good(number: int) -> dict[str, Any]:
    return {**GOOD, "messageId": f"m-{number}"}


# --- keys ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "query", "beside"),
    [
        pytest.param(BASIC, "", {}, id="Basic user"),
        pytest.param({"Authorization": "Bearer WKEY"}, "", {}, id="bearer token"),
        pytest.param({"X-Write-Key": "WKEY"}, "", {}, id="X-Write-Key"),
        pytest.param({"X-Write-Key": "WKEY:secret"}, "", {}, id="X-Write-Key with a secret"),
        pytest.param({}, "?writeKey=WKEY", {}, id="query"),
        pytest.param({}, "", {"writeKey": "WKEY"}, id="body, writeKey"),
        pytest.param({}, "", {"api_key": "WKEY"}, id="body, api_key"),
        pytest.param({"Authorization": "Basic Og=="}, "", {"writeKey": "WKEY"}, id="empty Basic user, body"),
    ],
)
def test_the_write_key_is_found_wherever_clients_put_it(
    standing_door: Any, headers: dict[str, str], query: str, beside: dict[str, str]
) -> None:
    body = json.dumps({"batch": [GOOD], **beside}).encode()
    status, _, answer = standing_door.request("POST", "/v1/batch" + query, body, headers)
    assert (status, json.loads(answer)) == (200, {"success": True, "status": 1})


@pytest.mark.parametrize("headers", [{}, {"X-Write-Key": "WRONG"}, {"Authorization": "Basic !"}])
def test_a_stranger_is_refused(standing_door: Any, headers: dict[str, str]) -> None:
    status, _, answer = standing_door.request("POST", "/v1/batch", json.dumps({"batch": [GOOD]}).encode(), headers)
    assert (status, json.loads(answer)["code"]) == (401, "unknown_key")


@pytest.mark.parametrize("query", ["?writeKey=%FF%FE", "?writeKey=\u00e9".encode().decode("latin-1"), "?=&&=;%"])
def test_a_query_of_any_bytes_is_no_reason_to_fail(standing_door: Any, query: str) -> None:
    with socket.create_connection(("127.0.0.1", standing_door.port), timeout=10) as line:
        body = b'{"batch":[]}'
        head = f"POST /v1/batch{query} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        line.sendall(head.encode("latin-1") + body)
        assert line.recv(4096).split()[1] in (b"400", b"401")


def test_a_revoked_key_is_refused_and_a_new_one_taken_within_five_seconds(door: Callable[..., Any]) -> None:
    hub = door()
    assert hub.post("/v1/batch", {"batch": [GOOD]})[0] == 200
    hub.sources(WKEY=("web", True), NEW=("app", False))
    deadline = time.monotonic() + 5
    while hub.post("/v1/batch", {"batch": [GOOD]})[0] != 401:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert hub.request("POST", "/v1/track", json.dumps(GOOD).encode(), {"X-Write-Key": "NEW"})[0] == 200
    assert hub.entries()[-1].batch.source == "app"


def test_a_new_key_is_taken_at_once_however_long_the_others_are_remembered(door: Callable[..., Any]) -> None:
    hub = door(keeper={"fresh_s": 3600.0})
    assert hub.post("/v1/track", GOOD)[0] == 200
    time.sleep(0.2)
    hub.sources(WKEY=("web", False), NEW=("app", False))
    assert hub.request("POST", "/v1/track", json.dumps(GOOD).encode(), {"X-Write-Key": "NEW"})[0] == 200


def test_while_keys_cannot_be_checked_nobody_is_let_in(door: Callable[..., Any]) -> None:
    hub = door(keeper={"fresh_s": 0.0, "stale_s": 0.3})
    assert hub.post("/v1/track", GOOD)[0] == 200
    (hub.folder / "sources.json").unlink()
    assert hub.post("/v1/track", GOOD)[0] == 200  # what was known a moment ago
    time.sleep(0.4)
    status, headers, _ = hub.request("POST", "/v1/track", json.dumps(GOOD).encode(), BASIC)
    assert (status, headers["retry-after"]) == (503, "5")
    hub.sources(WKEY=("web", False))
    assert hub.post("/v1/track", GOOD)[0] == 200


# --- what is taken ---------------------------------------------------------------------------------


CALLS = {"track": "t", "identify": "i", "page": "p", "screen": "s", "group": "g", "alias": "a"}


@pytest.mark.parametrize(
    ("path", "call"),
    [(f"/v1/{name}", call) for call, short in CALLS.items() for name in (call, short)]
    + [(f"/api/s/{call}", call) for call in CALLS]
    + [(path, "batch") for path in ("/v1/batch", "/v1/b", "/v1/batch/", "/v1/import", "/beacon/v1/batch")],
)
def test_every_path_of_the_dialect_leads_to_the_log(standing_door: Any, path: str, call: str) -> None:
    event = {"userId": "u", "event": "E", "groupId": "g", "previousId": "a", "messageId": "m"}
    value = {"batch": [{**event, "type": "page"}]} if call == "batch" else event
    assert standing_door.post(path, value) == (200, {"success": True, "status": 1})


def test_what_was_acknowledged_is_in_the_log_as_it_came(door: Callable[..., Any]) -> None:
    hub = door()
    body = json.dumps({"batch": [good(1), {}, good(2)], "sentAt": "2026-11-22T11:18:15Z"}).encode()
    headers = {**BASIC, "User-Agent": "agent/1", "Content-Type": "text/plain"}
    assert hub.request("POST", "/v1/batch", gzip.compress(body), headers)[0] == 200
    assert hub.request("POST", "/v1/t", b"data=" + quote_plus(json.dumps(good(3))).encode(), headers)[0] == 200
    lines = json.dumps(NATIVE) + "\n{oops\n" + json.dumps(NATIVE)
    assert hub.request("POST", "/events", lines.encode(), {**BASIC, "Content-Type": "application/x-ndjson"})[0] == 200
    first, second, third = (e.batch for e in hub.entries())
    assert (first.source, first.dialect, first.call, first.count) == ("web", "segment", "batch", 3)
    assert [(index, code) for index, code, _ in first.rejected] == [(1, "missing_user")]
    assert first.body == body
    assert (first.address, first.user_agent) == ("127.0.0.0", "agent/1")
    assert abs(first.received_at / 1e6 - time.time()) < 60
    assert (second.call, json.loads(second.body)) == ("track", good(3))
    assert (third.dialect, third.count, json.loads(third.body)) == ("native", 3, [NATIVE, None, NATIVE])


@pytest.mark.parametrize(("policy", "kept"), [("full", "203.0.113.77"), ("truncated", "203.0.113.0"), ("none", "")])
def test_the_address_is_shortened_before_anything_is_stored(door: Callable[..., Any], policy: str, kept: str) -> None:
    hub = door(
        collect={"addresses": policy, "user_agents": policy == "full"}, admission={"trusted_proxies": ["127.0.0.1"]}
    )
    assert hub.post("/v1/track", GOOD, X_Forwarded_For="1.2.3.4, 203.0.113.77", User_Agent="agent/1")[0] == 200
    batch = hub.entries()[0].batch
    assert (batch.address, batch.user_agent) == (kept, "agent/1" if policy == "full" else "")
    stored = b"".join(p.read_bytes() for p in (hub.folder / "log").glob("*.log"))
    assert (b"203.0.113.77" in stored) == (policy == "full")
    assert b"1.2.3.4" not in stored


def test_a_forwarded_address_counts_only_from_a_trusted_proxy(door: Callable[..., Any]) -> None:
    hub = door(collect={"addresses": "full"})
    assert hub.post("/v1/track", GOOD, X_Forwarded_For="203.0.113.77")[0] == 200
    assert hub.entries()[0].batch.address == "127.0.0.1"


# --- what is not -----------------------------------------------------------------------------------


def test_bad_events_of_a_batch_are_named_and_the_good_ones_kept(standing_door: Any) -> None:
    batch = {"batch": [GOOD, {**GOOD, "event": ""}, GOOD, 5]}
    status, answer = standing_door.post("/v1/batch", batch)
    assert status == 200
    assert answer["success"] is True
    assert answer["status"] == 1
    assert [(r["index"], r["code"]) for r in answer["rejected"]] == [(1, "missing_event"), (3, "not_an_object")]
    assert all(r["message"] for r in answer["rejected"])
    assert standing_door.post("/v1/batch", batch, X_Strict_Mode="1") == (400, answer)
    assert standing_door.post("/v1/batch", {"batch": [GOOD]}, X_Strict_Mode="1")[0] == 200


def test_an_empty_batch_is_fine_and_leaves_nothing(door: Callable[..., Any]) -> None:
    hub = door()
    assert hub.post("/v1/batch", {"batch": []})[0] == 200
    assert hub.post("/events", [])[0] == 200
    assert hub.entries() == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(b"", 400, "malformed", id="nothing"),
        pytest.param(b'{"batch":[{]}', 400, "malformed", id="no JSON"),
        pytest.param(b'{"batch":{}}', 400, "missing_batch", id="no batch"),
        pytest.param(b'{"batch":["\xff"]}', 400, "bad_utf8", id="no UTF-8"),
        pytest.param(gzip.compress(b"{}")[:-3], 400, "bad_gzip", id="half of gzip"),
        pytest.param(b'{"batch":[' + b"5," * 2500 + b"5]}", 400, "too_many_events", id="too many events"),
        pytest.param(b" " * (10 * MIB + 1), 413, "too_large", id="too large"),
        pytest.param(gzip.compress(b" " * (10 * MIB + 1), 1), 413, "too_large", id="too large when decompressed"),
    ],
)
def test_a_body_that_cannot_be_used_is_refused_with_its_reason(
    standing_door: Any, body: bytes, status: int, code: str
) -> None:
    got, headers, answer = standing_door.request("POST", "/v1/batch", body, BASIC)
    assert (got, json.loads(answer)["code"], json.loads(answer)["success"]) == (status, code, False)
    assert headers["content-type"] == "application/json"


def test_a_body_without_a_length_is_bounded_too(standing_door: Any) -> None:
    with socket.create_connection(("127.0.0.1", standing_door.port), timeout=20) as line:
        line.sendall(b"POST /v1/batch?writeKey=WKEY HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n%s\r\n" % (MIB, b" " * MIB)
        for _ in range(12):
            line.sendall(chunk)
        answer = line.recv(4096)
        assert answer.startswith(b"HTTP/1.1 413")


def test_a_chunked_body_is_taken(standing_door: Any) -> None:
    body = json.dumps({"batch": [GOOD]}).encode()
    with socket.create_connection(("127.0.0.1", standing_door.port), timeout=20) as line:
        line.sendall(b"POST /v1/batch?writeKey=WKEY HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for n in range(0, len(body), 17):
            line.sendall(b"%x\r\n%s\r\n" % (len(body[n : n + 17]), body[n : n + 17]))
        line.sendall(b"0\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", id="two framings"),
        pytest.param(b"Content-Length: 5\r\nContent-Length: 6\r\n", id="two lengths"),
        pytest.param(b"Content-Length: -5\r\n", id="negative length"),
        pytest.param(b"Content-Length: 5\n\nX: y\r\n", id="bare line feeds"),
    ],
)
def test_a_request_that_could_be_read_in_two_ways_is_refused(standing_door: Any, head: bytes) -> None:
    with socket.create_connection(("127.0.0.1", standing_door.port), timeout=10) as line:
        line.sendall(b"POST /v1/batch?writeKey=WKEY HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n0\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 400")


def test_other_paths_and_methods_say_so_in_json(standing_door: Any) -> None:
    for method, path, status in (("GET", "/nowhere", 404), ("POST", "/v1/nowhere", 404), ("POST", "/healthz", 405)):
        got, _, body = standing_door.request(method, path, b"")
        assert (got, json.loads(body)["success"]) == (status, False)
    assert standing_door.request("GET", "/healthz")[0] == 200


# --- browsers --------------------------------------------------------------------------------------


def test_a_browser_may_ask_first_and_need_not_ask_again_for_a_day(standing_door: Any) -> None:
    asked = {
        "Origin": "https://shop.example", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }  # fmt: skip
    for path in ("/v1/t", "/v1/b", "/events"):
        status, headers, _ = standing_door.request("OPTIONS", path, b"", asked)
        assert status == 204
        assert headers["access-control-allow-origin"] == "https://shop.example"
        allowed = headers["access-control-allow-headers"].split(", ")
        assert {"authorization", "content-type", "anonymousid", "x-write-key", "x-retry-count"} <= set(allowed)
        assert int(headers["access-control-max-age"]) >= 7200
        assert "access-control-allow-credentials" not in headers


@pytest.mark.parametrize("value", [GOOD, {"userId": "u"}, {"batch": 5}])
def test_a_page_may_read_every_answer(standing_door: Any, value: object) -> None:
    body = json.dumps(value).encode()
    _, headers, _ = standing_door.request("POST", "/v1/track", body, {**BASIC, "Origin": "https://shop.example"})
    assert headers["access-control-allow-origin"] == "https://shop.example"
    assert headers["vary"] == "origin"


def test_browser_libraries_find_their_settings_here(standing_door: Any) -> None:
    status, headers, body = standing_door.request(
        "GET", "/v1/projects/WKEY/settings", b"", {"Origin": "https://shop.example"}
    )
    assert (status, headers["access-control-allow-origin"]) == (200, "https://shop.example")
    integration = json.loads(body)["integrations"]["Segment.io"]
    assert integration["apiKey"] == "WKEY"
    assert integration["apiHost"] == f"127.0.0.1:{standing_door.port}/v1"
    assert integration["protocol"] == "http"
    assert standing_door.request("GET", "/v1/projects/WRONG/settings")[0] == 404
    for path in ("/sourceConfig", "/sourceConfig/?writeKey=WKEY&p=web"):
        status, _, body = standing_door.request("GET", path, b"", BASIC if "?" not in path else {})
        assert (status, json.loads(body)["source"]["writeKey"]) == (200, "WKEY")
        assert json.loads(body)["source"]["enabled"] is True


# --- load ------------------------------------------------------------------------------------------


def test_more_bytes_at_once_than_allowed_are_asked_to_come_back(door: Callable[..., Any]) -> None:
    hub = door(admission={"bytes_max": 200_000})
    with socket.create_connection(("127.0.0.1", hub.port)) as holding:
        holding.sendall(b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 150000\r\n\r\n{")
        time.sleep(0.2)
        body = json.dumps({"batch": [{**GOOD, "properties": {"a": "x" * 60_000}}]}).encode()
        status, headers, answer = hub.request("POST", "/v1/batch", body, BASIC)
        assert (status, json.loads(answer)["code"]) == (429, "overloaded")
        assert int(headers["retry-after"]) >= 1
    deadline = time.monotonic() + 5
    while hub.request("POST", "/v1/batch", body, BASIC)[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_more_requests_at_once_than_allowed_are_asked_to_come_back(door: Callable[..., Any]) -> None:
    hub = door(admission={"requests_max": 3})
    holding = [socket.create_connection(("127.0.0.1", hub.port)) for _ in range(3)]
    for line in holding:
        line.sendall(b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
    time.sleep(0.2)
    assert hub.post("/v1/track", GOOD)[0] == 429
    for line in holding:
        line.close()
    time.sleep(0.2)
    assert hub.post("/v1/track", GOOD)[0] == 200


def test_a_full_log_is_503_with_a_time_to_come_back(door: Callable[..., Any]) -> None:
    hub = door(log={"backlog_bytes": 3_000})
    answers = [hub.request("POST", "/v1/track", json.dumps(GOOD).encode(), BASIC) for _ in range(30)]
    assert answers[0][0] == 200
    status, headers, body = answers[-1]
    assert (status, json.loads(body)["code"]) == (503, "unavailable")
    assert int(headers["retry-after"]) >= 1
    assert len(hub.entries()) == sum(status == 200 for status, _, _ in answers)


def test_a_client_learns_that_the_disk_is_full_and_not_where_it_is(door: Callable[..., Any]) -> None:
    hub = door(log={"reserve_bytes": 1 << 60})
    status, answer = hub.post("/v1/track", GOOD)
    assert (status, "free" in str(answer["message"])) == (503, True)
    assert str(hub.folder) not in json.dumps(answer)


def test_a_client_that_dawdles_is_cut_and_others_do_not_notice(door: Callable[..., Any]) -> None:
    hub = door()
    lines = [socket.create_connection(("127.0.0.1", hub.port), timeout=15) for _ in range(40)]
    for number, line in enumerate(lines):
        line.sendall(b"" if number % 2 else b"POST /v1/batch HTTP/1.1\r\nContent-Length: 999\r\n\r\n{")
    began = time.monotonic()
    assert hub.post("/v1/track", GOOD)[0] == 200
    for line in lines:
        with contextlib.suppress(ConnectionResetError):
            assert line.recv(100) == b""
        line.close()
    assert 9 < time.monotonic() - began < 13
    assert hub.post("/v1/track", GOOD)[0] == 200


def test_a_client_that_leaves_before_its_answer_harms_nobody(door: Callable[..., Any]) -> None:
    hub = door()
    body = json.dumps(GOOD).encode()
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", hub.port)) as line:
            head = f"POST /v1/track?writeKey=WKEY HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            line.sendall(head.encode() + body)
    deadline = time.monotonic() + 5
    while hub.post("/v1/track", GOOD)[0] != 200:
        assert time.monotonic() < deadline
    assert 1 <= len(hub.entries()) <= 31


def test_requests_sent_in_one_go_are_answered_in_order(standing_door: Any) -> None:
    good_body, bad_body = json.dumps(GOOD).encode(), b"{"
    with socket.create_connection(("127.0.0.1", standing_door.port), timeout=10) as line:
        for body in (good_body, bad_body, good_body):
            head = f"POST /v1/track?writeKey=WKEY HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            line.sendall(head.encode() + body)
        seen = b""
        while seen.count(b"HTTP/1.1") < 3 or not seen.endswith(b"}"):
            seen += line.recv(4096)
    assert [part[1:4] for part in seen.split(b"HTTP/1.1")[1:]] == [b"200", b"400", b"200"]


def test_a_thousand_requests_sent_in_one_go_are_all_answered_in_order(standing_door: Any) -> None:
    bodies = [json.dumps(GOOD).encode(), *[b"{"] * 1_500, json.dumps(GOOD).encode()]
    head = "POST /v1/track?writeKey=WKEY HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", standing_door.port), timeout=10) as line:
        line.sendall(b"".join(head.format(len(body)).encode() + body for body in bodies))
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        seen = b"".join(iter(lambda: line.recv(1 << 16), b""))
    statuses = [part[1:4] for part in seen.split(b"HTTP/1.1")[1:]]
    assert statuses == [b"200", *[b"400"] * 1_500, b"200", b"200"]
    assert seen.endswith(b'{"status":"ok"}')


def test_a_client_that_reads_no_answers_is_not_read_from_either(standing_door: Any) -> None:
    head = b"POST /v1/track HTTP/1.1\r\nHost: x\r\nOrigin: http://" + b"x" * 1_000 + b"\r\nContent-Length: 2\r\n\r\n"
    many = (head + b"{}") * 1_000  # each is refused with an answer as long as itself

    def send_for_ever(line: socket.socket) -> None:
        for _ in range(40):
            line.sendall(many)

    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.settimeout(3)
        line.connect(("127.0.0.1", standing_door.port))
        with pytest.raises(TimeoutError):
            send_for_ever(line)
    assert standing_door.post("/v1/track", GOOD)[0] == 200


def test_a_client_that_asks_first_is_told_to_go_on_or_why_not(standing_door: Any) -> None:
    body = json.dumps(GOOD).encode()
    for key, told in (("WKEY", b"HTTP/1.1 100 "), ("WRONG", b"HTTP/1.1 401 ")):
        head = f"POST /v1/track?writeKey={key} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        with socket.create_connection(("127.0.0.1", standing_door.port), timeout=10) as line:
            line.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n")
            assert line.recv(4096).startswith(told)
            line.sendall(body)
            if key == "WKEY":
                assert line.recv(4096).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(("version", "asked"), [("1.0", ""), ("1.1", "Connection: close\r\n")])
def test_a_connection_that_is_not_to_be_kept_ends_after_the_answer(
    standing_door: Any, version: str, asked: str
) -> None:
    body = json.dumps(GOOD).encode()
    head = f"POST /v1/track?writeKey=WKEY HTTP/{version}\r\nHost: x\r\n{asked}Content-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", standing_door.port), timeout=10) as line:
        line.sendall(head.encode() + body)
        answer = b"".join(iter(lambda: line.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer


# --- ending ----------------------------------------------------------------------------------------


def test_a_retry_after_a_cut_connection_arrives_with_the_same_id(door: Callable[..., Any]) -> None:
    """Counting it once is settle's work; here both arrive, and nothing tells them apart but when."""
    hub = door()
    body = json.dumps({"batch": [good(1)]}).encode()
    with socket.create_connection(("127.0.0.1", hub.port)) as line:
        head = f"POST /v1/batch?writeKey=WKEY HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        line.sendall(head.encode() + body)
        line.shutdown(socket.SHUT_WR)
        time.sleep(0.2)
    assert hub.request("POST", "/v1/batch", body, BASIC)[0] == 200
    assert [event["messageId"] for event in hub.events()] == ["m-1"] * 2


def test_it_stops_when_asked_within_ten_seconds_though_clients_hold_on(door: Callable[..., Any]) -> None:
    hub = door()
    assert hub.post("/v1/track", GOOD)[0] == 200
    with (
        socket.create_connection(("127.0.0.1", hub.port)) as idle,
        socket.create_connection(("127.0.0.1", hub.port)) as half,
    ):
        half.sendall(b"POST /v1/batch HTTP/1.1\r\nContent-Length: 999\r\n\r\n{")
        time.sleep(0.1)
        began = time.monotonic()
        assert hub.stop() == 0
        assert time.monotonic() - began < 11.5
        assert idle.recv(10) == b""
    assert len(hub.entries()) == 1
