"""Unmodified Python clients against a collector: as many in the log as were sent, ids equal, traits right."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from programs import CutOnce, run

TRAITS = {"email": "a@example.org", "name": "Ada Ł 😀", "logins": 7, "beta": True, "createdAt": "2024-01-01T00:00:00Z"}

SEGMENT = """
    import json, sys
    from segment.analytics.client import Client
    url, gzip, traits = sys.argv[1], sys.argv[2] == "gzip", json.loads(sys.argv[3])
    failed = []
    client = Client("WKEY", host=url, gzip=gzip, on_error=lambda *a: failed.append(str(a)), max_retries=4)
    client.identify("u1", traits)
    client.group("u1", "acc1", {"name": "Acme", "plan": "pro"})
    client.page("u1", "Docs", "Home", {"url": "http://x/"})
    client.screen("u1", "Main", "Home")
    client.alias("anon1", "u1")
    for n in range(300):
        client.track(f"u{n % 7}", "Report Exported", {"n": n}, message_id=f"m-{n}")
    client.shutdown()
    print(json.dumps({"failed": failed}))
"""
RUDDER = """
    import json, sys
    import rudderstack.analytics as client
    url, traits = sys.argv[1], json.loads(sys.argv[3])
    failed = []
    client.write_key, client.dataPlaneUrl, client.gzip = "WKEY", url, sys.argv[2] == "gzip"
    client.on_error = lambda *a: failed.append(str(a))
    client.identify("u1", traits)
    client.group("u1", "acc1", {"name": "Acme", "plan": "pro"})
    client.page("u1", "Docs", "Home", {"url": "http://x/"})
    client.screen("u1", "Main", "Home")
    client.alias("anon1", "u1")
    for n in range(300):
        client.track(f"u{n % 7}", "Report Exported", {"n": n}, message_id=f"m-{n}")
    client.shutdown()
    print(json.dumps({"failed": failed}))
"""


@pytest.mark.parametrize("encoding", ["plain", "gzip"])
@pytest.mark.parametrize("program", [SEGMENT, RUDDER], ids=["segment-analytics-python", "rudder-sdk-python"])
def test_all_that_a_client_sends_is_in_the_log(door: Callable[..., Any], program: str, encoding: str) -> None:
    hub = door()
    said = run(program, f"http://127.0.0.1:{hub.port}", encoding, json.dumps(TRAITS))
    assert said["failed"] == []
    entries = hub.entries()
    assert [entry.batch.rejected for entry in entries] == [()] * len(entries)
    events = hub.events()
    assert len(events) == sum(entry.batch.count for entry in entries) == 305
    tracked = [event for event in events if event["type"] == "track"]
    assert [event["messageId"] for event in tracked] == [f"m-{n}" for n in range(300)]
    assert [event["properties"] for event in tracked] == [{"n": n} for n in range(300)]
    assert len({event["messageId"] for event in events}) == 305
    others = {event["type"]: event for event in events if event["type"] != "track"}
    assert set(others) == {"identify", "group", "page", "screen", "alias"}
    identify = others["identify"]
    assert {**identify["context"].get("traits", {}), **(identify.get("traits") or {})} == TRAITS
    assert others["group"]["groupId"] == "acc1"
    assert others["alias"]["previousId"] == "anon1"


def test_a_client_whose_answer_is_cut_sends_the_same_ids_again(
    door: Callable[..., Any], cutting: Callable[[int], CutOnce]
) -> None:
    hub = door()
    proxy = cutting(hub.port)
    program = """
        import json, sys
        from segment.analytics.client import Client
        failed = []
        client = Client("WKEY", host=sys.argv[1], on_error=lambda *a: failed.append(str(a)), max_retries=4)
        client.track("u1", "Report Exported", message_id="m-1")
        client.shutdown()
        print(json.dumps({"failed": failed}))
    """
    assert run(program, f"http://127.0.0.1:{proxy.port}")["failed"] == []
    assert proxy.cut == 1
    assert [event["messageId"] for event in hub.events()] == ["m-1", "m-1"]
