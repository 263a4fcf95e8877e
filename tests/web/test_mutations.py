"""A thousand damaged bodies: each gets a defined answer, none of them 5xx, and what is good beside them is kept."""

from __future__ import annotations

import http.client
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

SEED = 20_261_122
HEADERS = {"Authorization": "Basic V0tFWTo="}
PATHS = ("/v1/batch", "/v1/b", "/v1/track", "/v1/i", "/v1/group", "/events")
NASTY = (
    b"\x00", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b'"', b"\\", b"[" * 2_000, b"{" * 50, b"]", b"}",
    b",", b":", b"null", b"true", b"1e999", b"-0", b"9" * 500, b"NaN", b"\xef\xbb\xbf", b"\x1f\x8b\x08",
    b"data=", b'{"__proto__":1}',
    b'"batch":[]', b'"type":"track"', b"\r\n", b"\xc0\x80", "\ufffe\U0010ffff".encode(), b'"userId":',
)  # fmt: skip
EVENT: dict[str, Any] = {
    "type": "track", "event": "E", "userId": "u1", "anonymousId": "a1", "messageId": "m",
    "properties": {"a": [1, {"b": "é"}]}, "timestamp": "2026-11-22T11:18:14Z",
    "context": {"traits": {"email": "a@example.org"}, "page": {"url": "http://x/"}},
}  # fmt: skip


def mutated(chance: random.Random) -> bytes:
    """A batch, native events or one event, with up to five faults in its structure and its bytes."""
    event = dict(EVENT)
    for _ in range(chance.randrange(3)):
        field = chance.choice(list(event))
        event[field] = chance.choice(
            [None, 5, -1.5, True, "", "x" * 600, [], {}, [[]], {"a": {}}, "2026-02-30", "\ud83d"]
        )
    value: Any = chance.choice([{"batch": [EVENT, event]}, {"events": [event]}, event, [event, 1]])
    body = bytearray(json.dumps(value).encode())
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(body) + 1)
        kind = chance.randrange(4)
        if kind == 0:
            body[at:at] = chance.choice(NASTY)
        elif kind == 1:
            del body[at : at + chance.randrange(1, 20)]
        elif kind == 2 and body:
            body[at % len(body)] ^= 1 << chance.randrange(8)
        else:
            body[at:at] = body[at // 2 : at]
    return bytes(body)


def test_no_damaged_body_brings_the_collector_down(door: Callable[..., Any]) -> None:
    hub = door()
    chance = random.Random(SEED)
    line = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=30)
    statuses: Counter[int] = Counter()
    accepted = 0
    for number in range(1_000):
        body, path = mutated(chance), chance.choice(PATHS)
        line.request("POST", path, body, HEADERS)
        answer = line.getresponse()
        value = json.loads(answer.read())
        statuses[answer.status] += 1
        assert answer.status in (200, 400), f"seed {SEED}, body {number}: {answer.status} {value}"
        assert value["success"] is (answer.status == 200)
        accepted += answer.status == 200
    line.close()
    assert min(statuses[200], statuses[400]) > 100  # both kinds were tried
    assert hub.post("/v1/track", EVENT)[0] == 200

    entries = hub.entries()
    empty = accepted + 1 - len(entries)  # batches that lost all their events to a mutation
    assert 0 <= empty < 50
    for entry in entries:
        batch = entry.batch
        events = json.loads(batch.body)  # settle can read every body there is
        if batch.call in ("track", "identify", "group"):
            events = [events]
        elif isinstance(events, dict):
            events = events.get("batch" if batch.dialect == "segment" else "events", [events])
        assert len(events) == batch.count
