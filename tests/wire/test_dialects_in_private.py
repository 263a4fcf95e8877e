"""Every dialect under a policy that hides who it was: no id, account or address is left in what goes to the log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from footfall.model.privacy import KINDS, Policy, Tokens
from footfall.wire import cloudevents, otlp, posthog, segment, sendgrid
from footfall.wire.private import PrivateBodies

WHO, VISITOR, ACCOUNT, ADDRESS = "user-4711", "visitor-4711", "account-4711", "ana.4711@example.org"
TRAITS = {"email": ADDRESS}


def said(name: str, **value: str) -> dict[str, Any]:
    return {"key": name, "value": value}


RECORD = {
    "eventName": "opened", "body": {"stringValue": f"mail to {ADDRESS}"},
    "attributes": [said("user.id", stringValue=WHO), said("enduser.id", stringValue=WHO)],
}  # fmt: skip
REQUEST = {"resourceLogs": [{
    "resource": {"attributes": [said("tenant.id", stringValue=ACCOUNT)]}, "scopeLogs": [{"logRecords": [RECORD]}],
}]}  # fmt: skip
BODIES: list[Any] = [
    pytest.param(posthog.read, [
        {"event": "$identify", "distinct_id": WHO, "properties": {"$anon_distinct_id": VISITOR, "$user_id": WHO,
         "$set": TRAITS, "$groups": {"company": ACCOUNT, "organization": ACCOUNT}}},
        {"event": "$create_alias", "distinct_id": VISITOR, "properties": {"alias": WHO}},
        {"event": "$groupidentify", "distinct_id": WHO, "properties": {
            "$group_type": "company", "$group_key": ACCOUNT}},
    ], id="posthog"),
    pytest.param(sendgrid.read, [
        {"event": "open", "email": ADDRESS}, {"event": "click", "email": ADDRESS, "user_id": WHO, "accountId": ACCOUNT},
    ], id="sendgrid"),
    pytest.param(cloudevents.read, [
        {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "subject": WHO, "accountid": ACCOUNT,
         "anonymousid": VISITOR, "data": {"to": ADDRESS}},
    ], id="cloudevents"),
    pytest.param(otlp.read, REQUEST, id="otlp"),
    pytest.param(segment.read, {"batch": [
        {"type": "track", "event": "footfall.feedback", "userId": WHO, "anonymousId": VISITOR,
         "context": {"groupId": ACCOUNT}, "properties": {"subject": ADDRESS}},
    ]}, id="segment, in our words"),
]  # fmt: skip


@pytest.mark.parametrize(("read", "body"), BODIES)
def test_nobody_can_be_read_from_what_is_logged(read: Any, body: Any) -> None:
    reading = read(json.dumps(body).encode(), "batch")
    assert (reading.rejected, reading.count > 0) == ((), True)
    private = PrivateBodies(Policy(identities=KINDS), lambda: Tokens(b"k" * 32, "tenant"), {})
    kept = private.kept(reading.dialect or "segment", "batch", reading.body, reading.count, reading.rejected)
    assert (kept.count, kept.rejected) == (reading.count, ())
    assert [each for each in (WHO, VISITOR, ACCOUNT, ADDRESS) if each.encode() in kept.body] == []
