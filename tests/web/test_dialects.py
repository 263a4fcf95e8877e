"""Dialects over HTTP: at their paths, in their wrappings, with their answers."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

POSTHOG = {"event": "Report Exported", "distinct_id": "u1", "uuid": "e-1", "properties": {"token": "WKEY"}}
PLAIN = json.dumps([POSTHOG]).encode()


@pytest.mark.parametrize("path", ["/batch", "/batch/", "/e/?ip=1&ver=1.449.2", "/capture/", "/i/v0/e/"])
@pytest.mark.parametrize(
    "body",
    [PLAIN, gzip.compress(PLAIN), b"data=" + quote_plus(base64.b64encode(PLAIN)).encode()],
    ids=["plain", "gzip", "form"],
)
def test_a_library_of_posthog_is_answered_at_each_of_its_paths(standing_door: Any, path: str, body: bytes) -> None:
    status, headers, answer = standing_door.request(
        "POST", path, body, {"Content-Type": "text/plain", "Origin": "https://x.io"}
    )
    assert (status, json.loads(answer)) == (200, {"success": True, "status": 1})
    assert headers["access-control-allow-origin"] == "https://x.io"


def test_a_stranger_and_a_bomb_are_refused_in_this_dialect_too(standing_door: Any) -> None:
    stranger = json.dumps({"api_key": "WRONG", "batch": [{**POSTHOG, "properties": {}}]}).encode()
    assert standing_door.request("POST", "/batch/", stranger)[0] == 401
    bomb = gzip.compress(b'{"api_key":"WKEY","batch":[' + b" " * (64 << 20) + b"]}")
    assert standing_door.request("POST", "/batch/", bomb)[0] == 413


def test_a_rejected_event_of_posthog_is_named_by_index(standing_door: Any) -> None:
    status, answer = standing_door.post("/batch/", {"batch": [POSTHOG, {"event": "x"}]})
    assert status == 200
    assert [(each["index"], each["code"]) for each in answer["rejected"]] == [(1, "missing_user")]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/flags/?v=2", "/decide/?v=4", "/flags"])
def test_there_are_no_flags(standing_door: Any, method: str, path: str) -> None:
    asked = json.dumps({"token": "WKEY", "distinct_id": "u1"}).encode() if method == "POST" else b""
    status, headers, body = standing_door.request(method, path, asked, {"Origin": "https://x.io"})
    answer = json.loads(body)
    assert (status, answer["flags"], answer["featureFlags"], answer["errorsWhileComputingFlags"]) == (
        200,
        {},
        {},
        False,
    )
    assert headers["access-control-allow-origin"] == "https://x.io"


def test_a_browser_gets_its_configuration_and_no_script_of_others(standing_door: Any) -> None:
    status, _, body = standing_door.request("GET", "/array/WKEY/config?ip=0")
    config = json.loads(body)
    assert (status, config["sessionRecording"], config["surveys"], config["analytics"]["endpoint"]) == (
        200, False, False, "/i/v0/e/",
    )  # fmt: skip
    status, headers, body = standing_door.request("GET", "/array/WKEY/config.js")
    assert (status, body) == (200, b"")
    assert headers["content-type"].startswith("application/javascript")


# --- webhooks --------------------------------------------------------------------------------------

MAIL = {"event": "open", "email": "ada@example.org", "timestamp": 1_795_345_200, "sg_event_id": "sg-1"}


def test_only_what_sendgrid_signed_is_stored_for_a_source_with_a_key(door: Callable[..., Any]) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    hub = door(webhook_keys={"web": base64.b64encode(public).decode()})
    body = json.dumps([MAIL]).encode()

    def send(body: bytes, signed: bytes | None, at: str) -> int:
        headers = {"Content-Type": "application/json", "X-Twilio-Email-Event-Webhook-Timestamp": at}
        if signed is not None:
            made = base64.b64encode(private.sign(at.encode() + signed, ec.ECDSA(SHA256()))).decode()
            headers["X-Twilio-Email-Event-Webhook-Signature"] = made
        return int(hub.request("POST", "/hooks/sendgrid?writeKey=WKEY", body, headers)[0])

    now = str(int(time.time()))
    assert send(body, None, now) == 401
    assert send(body, body + b" ", now) == 401
    assert send(body, body, str(int(time.time()) - 2 * 86_400)) == 401
    assert send(body, body, now) == 200
    assert [event["event_id"] for event in hub.events()] == ["sg-1"]


def test_a_source_without_a_key_is_believed_for_its_write_key(standing_door: Any) -> None:
    body = json.dumps([MAIL, {"event": "open"}]).encode()
    status, _, answer = standing_door.request("POST", "/hooks/sendgrid?writeKey=WKEY", body)
    assert (status, [each["code"] for each in json.loads(answer)["rejected"]]) == (200, ["missing_user"])
    assert standing_door.request("POST", "/hooks/sendgrid", body)[0] == 401


# --- OTLP ------------------------------------------------------------------------------------------

RECORD = {"eventName": "opened", "timeUnixNano": "1", "attributes": [{"key": "user.id", "value": {"stringValue": "u"}}]}


def logs(*records: Any) -> bytes:
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": list(records)}]}]}).encode()


def test_otlp_is_answered_in_its_own_words(standing_door: Any) -> None:
    keyed = {"X-Write-Key": "WKEY", "Content-Type": "application/json"}
    status, headers, body = standing_door.request("POST", "/v1/logs", logs(RECORD), keyed)
    assert (status, headers["content-type"], json.loads(body)) == (200, "application/json", {})
    status, _, body = standing_door.request("POST", "/v1/logs", gzip.compress(logs(RECORD, {})), keyed)
    partial = json.loads(body)["partialSuccess"]
    assert (status, partial["rejectedLogRecords"]) == (200, "1")
    assert partial["errorMessage"].startswith("record 1: missing_event")

    status, headers, body = standing_door.request(
        "POST", "/v1/logs", b"", {**keyed, "Content-Type": "application/x-protobuf"}
    )
    assert (status, headers["content-type"], body) == (200, "application/x-protobuf", b"")
    status, headers, body = standing_door.request(
        "POST", "/v1/logs", b"\x0f", {"Content-Type": "application/x-protobuf"}
    )
    assert (status, headers["content-type"]) == (400, "application/x-protobuf")
    assert (body[:2], body[4:].startswith(b"malformed")) == (b"\x08\x03", True)
    status, _, body = standing_door.request("POST", "/v1/logs", logs(RECORD), {"Content-Type": "application/json"})
    assert (status, json.loads(body)["code"]) == (401, 16)


def test_a_bomb_of_otlp_is_refused_before_it_is_read(standing_door: Any) -> None:
    bomb = gzip.compress(b"\x0a" * (64 << 20))
    assert standing_door.request("POST", "/v1/logs", bomb, {"X-Write-Key": "WKEY"})[0] == 413


def test_json_that_is_no_utf_8_is_refused_in_every_dialect(standing_door: Any) -> None:
    json_type = {"X-Write-Key": "WKEY", "Content-Type": "application/json"}
    event = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t"}
    for path, body, headers in (
        ("/v1/logs", logs(RECORD).replace(b"opened", b"\xff\xfe"), json_type),
        ("/cloudevents", b'{"a": "\xff"}', {**json_type, **event}),
        ("/cloudevents", b'{"a": "\xff"}', json_type),
        ("/batch/", PLAIN.replace(b"Report", b"\xff"), {}),
    ):
        status, _, answer = standing_door.request("POST", path, body, headers)
        assert (status, b"bad_utf8" in answer) == (400, True), path
