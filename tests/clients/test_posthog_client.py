"""The unmodified PyPI posthog against a collector: as many in the log as were sent, ids equal, a retry the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from programs import CutOnce, run

SENDING = """
    import json, sys
    from posthog import Posthog
    url, gzip = sys.argv[1], sys.argv[2] == "gzip"
    failed, sent = [], []
    client = Posthog("WKEY", host=url, gzip=gzip, on_error=lambda error, batch: failed.append(str(error)), flush_at=50)
    sent.append(client.set(distinct_id="u1", properties={"email": "a@example.org", "name": "Ada Ł 😀", "logins": 7}))
    sent.append(client.group_identify("company", "acc1", {"name": "Acme", "plan": "pro"}))
    sent.append(client.alias("anon1", "u1"))
    for n in range(300):
        sent.append(client.capture("Report Exported", distinct_id=f"u{n % 7}", properties={"n": n},
                                   groups={"company": "acc1"}))
    client.shutdown()
    print(json.dumps({"failed": failed, "sent": sent}))
"""


@pytest.mark.parametrize("encoding", ["plain", "gzip"])
def test_all_that_the_client_sends_is_in_the_log_as_events_of_ours(door: Callable[..., Any], encoding: str) -> None:
    hub = door()
    said = run(SENDING, f"http://127.0.0.1:{hub.port}", encoding)
    assert said["failed"] == []
    entries = hub.entries()
    assert {(entry.batch.dialect, entry.batch.call, entry.batch.rejected) for entry in entries} == {
        ("native", "posthog", ())
    }
    events = hub.events()
    assert sum(entry.batch.count for entry in entries) == len(events) == 303
    assert [event["event_id"] for event in events] == said["sent"]
    tracked = [event for event in events if event["type"] == "custom"]
    assert [event["attributes"]["n"] for event in tracked] == list(range(300))
    assert {event["account_id"] for event in tracked} == {"acc1"}
    others = {event["type"]: event for event in events if event["type"] != "custom"}
    assert others["identify"]["user"] == {"email": "a@example.org", "name": "Ada Ł 😀", "logins": 7}
    assert others["group"]["account"] == {"name": "Acme", "plan": "pro", "id": "acc1"}
    assert (others["alias"]["previous_id"], others["alias"]["identify_id"]) == ("anon1", "u1")


def test_a_client_whose_answer_is_cut_sends_the_same_ids_again(
    door: Callable[..., Any], cutting: Callable[[int], CutOnce]
) -> None:
    hub = door()
    proxy = cutting(hub.port)
    program = """
        import json, sys
        from posthog import Posthog
        failed = []
        client = Posthog("WKEY", host=sys.argv[1], on_error=lambda error, batch: failed.append(str(error)))
        sent = [client.capture("Report Exported", distinct_id="u1")]
        client.shutdown()
        print(json.dumps({"failed": failed, "sent": sent}))
    """
    said = run(program, f"http://127.0.0.1:{proxy.port}")
    assert (said["failed"], proxy.cut) == ([], 1)
    assert [event["event_id"] for event in hub.events()] == said["sent"] * 2
