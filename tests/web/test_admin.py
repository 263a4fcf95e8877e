"""The admin port: alive, ready, and definitions only from who has the token."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

TOKEN = {"Authorization": "Bearer admin"}
DEFINITIONS = {"features": [{"id": "f1", "name": "Export"}], "products": []}


def test_it_says_that_it_lives_and_when_it_cannot_work(door: Callable[..., Any]) -> None:
    hub = door()
    assert hub.request("GET", "/healthz", admin=True)[0] == 200
    assert hub.request("GET", "/readyz", admin=True)[0] == 200
    (hub.folder / "sources.json").unlink()
    status, headers, body = hub.request("GET", "/readyz", admin=True)
    assert (status, headers["retry-after"]) == (503, "5")
    assert "store" in json.loads(body)["message"]
    assert str(hub.folder) not in body.decode()
    assert hub.request("GET", "/healthz", admin=True)[0] == 200


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_definitions_are_handed_on_as_plain_data(door: Callable[..., Any], method: str) -> None:
    hub = door()
    status, _, body = hub.request(method, "/metadata", json.dumps(DEFINITIONS).encode(), TOKEN, admin=True)
    assert (status, json.loads(body)) == (200, {"success": True})
    assert json.loads((hub.folder / "defined.json").read_text()) == DEFINITIONS


def test_a_client_that_asks_before_it_sends_definitions_is_told_to_go_on(standing_door: Any) -> None:
    head = "PUT /metadata HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\nExpect: 100-continue\r\n"
    with socket.create_connection(("127.0.0.1", standing_door.admin_port), timeout=10) as line:
        line.sendall(head.encode() + b"Content-Length: 1\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 100 ")
        line.sendall(b"{")
        assert line.recv(4096).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic admin"}, {"Authorization": "Bearer "}]
)
def test_without_the_token_nothing_is_defined(standing_door: Any, headers: dict[str, str]) -> None:
    status, answered, _ = standing_door.request(
        "PUT", "/metadata", json.dumps(DEFINITIONS).encode(), headers, admin=True
    )
    assert status == 401
    assert answered["www-authenticate"].startswith("Bearer")
    assert not (standing_door.folder / "defined.json").exists()


def test_a_server_without_a_token_takes_no_definitions(door: Callable[..., Any]) -> None:
    hub = door(token="")
    assert hub.request("PUT", "/metadata", b"{}", {"Authorization": "Bearer "}, admin=True)[0] == 401


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b'{"features":"\xff"}'])
def test_a_body_that_is_no_json_is_refused(standing_door: Any, body: bytes) -> None:
    status, _, answer = standing_door.request("PUT", "/metadata", body, TOKEN, admin=True)
    assert (status, json.loads(answer)["code"]) == (400, "malformed")


def test_a_bad_definition_is_named_by_kind_and_index(standing_door: Any) -> None:
    status, _, answer = standing_door.request("PUT", "/metadata", b"{}", TOKEN, admin=True)
    (error,) = json.loads(answer)["errors"]
    assert (status, error["kind"], error["index"], error["code"]) == (400, "features", 0, "missing_field")


def test_the_two_ports_serve_different_things(standing_door: Any) -> None:
    assert standing_door.request("PUT", "/metadata", b"{}", TOKEN)[0] == 404
    assert standing_door.request("POST", "/v1/batch", b"{}", TOKEN, admin=True)[0] == 404
