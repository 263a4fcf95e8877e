"""Events built with the unmodified PyPI cloudevents and posted as its documentation says: N sent, N in the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from programs import run

PROGRAM = """
    import http.client, json, sys
    from datetime import datetime, timezone
    from urllib.parse import urlsplit
    from cloudevents.core.bindings.http import to_binary_event, to_structured_event
    from cloudevents.core.v1.event import CloudEvent

    line = http.client.HTTPConnection(urlsplit(sys.argv[1]).netloc)
    answers = []
    for nth in range(40):
        event = CloudEvent(
            {"id": f"e-{nth}", "source": "/orders", "type": "order.paid", "subject": "Łukasz %", "specversion": "1.0",
             "time": datetime(2026, 11, 22, 11, nth, tzinfo=timezone.utc), "datacontenttype": "application/json",
             "accountid": "acme"},
            {"n": nth, "text": "Łódź"},
        )
        message = (to_binary_event if nth % 2 else to_structured_event)(event)
        line.request("POST", "/cloudevents", message.body, {**message.headers, "X-Write-Key": "WKEY"})
        answer = line.getresponse()
        answers.append([answer.status, json.loads(answer.read())])
    print(json.dumps(answers))
"""


def test_events_of_the_sdk_arrive_in_both_modes(door: Callable[..., Any]) -> None:
    hub = door()
    answers = run(PROGRAM, f"http://127.0.0.1:{hub.port}")
    assert answers == [[200, {"success": True, "status": 1}]] * 40
    events = hub.events()
    assert [event["event_id"] for event in events] == [f"e-{nth}@/orders" for nth in range(40)]
    assert [event["attributes"] for event in events] == [{"n": nth, "text": "Łódź"} for nth in range(40)]
    assert {(event["identify_id"], event["account_id"], event["event_name"]) for event in events} == {
        ("Łukasz %", "acme", "order.paid")
    }
