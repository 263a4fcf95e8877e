"""The unmodified Singer tap for PX (tap-gainsightpx) against the PX dialect: its counts equal what was sent."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

TAP = "tap-gainsightpx==1.0.8"
ADMIN = "admin-token-for-scenarios"
PEOPLE = 120  # more than a page of the tap's accounts
# Events by kind; more than one page of 500 of the first.
KINDS: dict[str, tuple[int, dict[str, Any]]] = {
    "custom": (1_203, {"event_name": "Report Exported", "attributes": {"pages": 3, "kind": "pdf"}}),
    "page_view": (37, {"page": {"scheme": "https", "host": "x.example", "path": "/a", "query_string": "b=1&b=2"}}),
    "form_submit": (11, {"form": {"plan": "pro"}, "page": {"path": "/sign"}}),
    "identify": (PEOPLE, {"user": {"email": "a@example.org", "score": 7}}),
    "lead": (5, {}),
    "session_started": (13, {}),
    "feature_match": (17, {"feature_id": "f-1"}),
    "segment_match": (9, {"audience_id": "seg-1"}),
    "engagement_view": (23, {"engagement_id": "e-1", "view_state": "VIEWED", "content_type": "IN_APP_GUIDE"}),
    "engagement_click": (7, {"engagement_id": "e-1", "link_url": "https://x.example/", "step_number": 2}),
    "email_event": (19, {"engagement_id": "e-2", "email_type": "EMAIL_TRACK_OPEN"}),
    "survey_response": (15, {"engagement_id": "s-1", "survey_type": "NPS", "score": 9, "comment": "good"}),
    "survey_answer": (
        6,
        {"engagement_id": "s-2", "question_type": "MULTI_CHOICE_QUESTION_TYPE", "question_id": "q", "answers": ["a"]},
    ),
}
STREAMS = {
    "custom_events": ("custom",),
    "page_view_events": ("page_view",),
    "form_submit_events": ("form_submit",),
    "identify_events": ("identify",),
    "lead_events": ("lead",),
    "session_events": ("session_started",),
    "feature_match_events": ("feature_match",),
    "segment_match_events": ("segment_match",),
    "engagement_view_events": ("engagement_view", "engagement_click"),
    "email_events": ("email_event",),
    "survey_responses": ("survey_response", "survey_answer"),
}
METADATA = {
    "products": [{"product_key": "default", "name": "Product"}],
    "features": [{"id": f"f-{n}", "name": f"Feature {n}", "product_key": "default"} for n in range(230)],
    "engagements": [{"id": f"e-{n}", "name": f"Guide {n}", "type": "IN_APP_GUIDE"} for n in range(4)],
    "surveys": [{"id": "s-1", "name": "NPS", "type": "NPS", "questions": []}],
}


@pytest.fixture(scope="module")
def tap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tap in an environment of its own: it needs older libraries than we do."""
    folder = tmp_path_factory.mktemp("tap")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", TAP]
    subprocess.run(install, check=True, timeout=280)
    return folder / "bin" / "tap-gainsightpx"


def events(now: datetime) -> list[dict[str, Any]]:
    made = []
    for kind, (count, fields) in KINDS.items():
        for n in range(count):
            at = now - timedelta(minutes=1 + n % 600)
            who = {"identify_id": f"user-{n % PEOPLE}", "account_id": f"account-{n % PEOPLE}", "session_id": f"s-{n}"}
            made.append({"type": kind, "event_id": f"{kind}-{n}", "occurred_at": at.isoformat(), **who, **fields})
    return made


def settled(admin: str) -> None:
    for _ in range(300):
        with urllib.request.urlopen(f"{admin}/readyz", timeout=5) as answer:
            found = json.load(answer)
        if found["settled"] == found["log_end"]:
            return
        time.sleep(0.1)
    raise AssertionError("not settled within 30 s")


def test_the_tap_syncs_every_stream_and_counts_what_was_sent(
    install: Callable[..., Any], tap: Path, tmp_path: Path
) -> None:
    hub = install(zone="Europe/Helsinki")
    url = hub.start()
    admin = json.loads((hub.data / "server.json").read_text())["admin"]
    now = datetime.now(UTC)
    sent = events(now)
    for start in range(0, len(sent), 500):
        assert hub.post("/events", {"events": sent[start : start + 500]}) == {"success": True, "status": 1}
    defined = urllib.request.Request(
        f"{admin}/metadata", json.dumps(METADATA).encode(), {"Authorization": f"Bearer {ADMIN}"}, method="PUT"
    )
    urllib.request.urlopen(defined, timeout=30).close()
    settled(admin)

    config = {
        "api_url": f"{url}/px/v1",
        "api_key": json.loads(hub.run("api-keys", "add", "tap", "--scope", "read", "--json").stdout)["key"],
        "start_date": (now - timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "end_date": (now + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    done = subprocess.run(
        [str(tap), "--config", str(tmp_path / "config.json")], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr[-4000:]
    records: dict[str, list[dict[str, Any]]] = {}
    schemas = set()
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message["type"] == "SCHEMA":
            schemas.add(message["stream"])
        if message["type"] == "RECORD":
            records.setdefault(message["stream"], []).append(message["record"])
    assert len(schemas) == 16

    for stream, kinds in STREAMS.items():
        wanted = {each["event_id"] for each in sent if each["type"] in kinds}
        assert Counter(each["eventId"] for each in records[stream]) == Counter(wanted), stream
    assert len(records["users"]) == len({each["identifyId"] for each in records["users"]}) == PEOPLE
    assert len(records["accounts"]) == len({each["id"] for each in records["accounts"]}) == PEOPLE
    assert {each["id"] for each in records["features"]} == {each["id"] for each in METADATA["features"]}
    assert {each["id"] for each in records["engagements"]} == {"e-0", "e-1", "e-2", "e-3", "s-1"}
    assert records.get("segments", []) == []
    assert schemas - records.keys() == {"segments"}

    one = next(each for each in records["custom_events"] if each["eventId"] == "custom-7")
    assert one["identifyId"] == "user-7"
    assert one["accountId"] == "account-7"
    assert one["attributes"] == {"pages": 3, "kind": "pdf"}
    assert one["date"] == int((now - timedelta(minutes=8)).timestamp() * 1000)
    assert {each["email"] for each in records["users"]} == {"a@example.org"}
    assert {each["guideState"] for each in records["engagement_view_events"] if "guideState" in each} == {"VIEWED"}
