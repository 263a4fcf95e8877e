"""The unmodified npm @segment/analytics-node and posthog-node against a collector."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).with_name("node")
TRAITS = {"email": "a@example.org", "name": "Ada Ł 😀", "logins": 7, "beta": True}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the locked packages and our programs."""
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json", "send.mjs", "send-posthog.mjs", ".npmrc"):
        shutil.copy(HERE / name, folder)
    subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=folder, check=True, capture_output=True, timeout=240,
    )  # fmt: skip
    return folder


def run(installed: Path, program: str, port: int) -> Any:
    done = subprocess.run(
        ["node", program, f"http://127.0.0.1:{port}", json.dumps(TRAITS)],
        cwd=installed, check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.node
def test_all_that_the_node_client_sends_is_in_the_log(door: Callable[..., Any], installed: Path) -> None:
    hub = door()
    said = run(installed, "send.mjs", hub.port)
    assert said["failed"] == []
    entries = hub.entries()
    assert [entry.batch.rejected for entry in entries] == [()] * len(entries)
    events = hub.events()
    assert sorted(event["messageId"] for event in events) == sorted(said["delivered"])
    assert len({event["messageId"] for event in events}) == 305
    tracked = sorted(event["properties"]["n"] for event in events if event["type"] == "track")
    assert tracked == list(range(300))
    others = {event["type"]: event for event in events if event["type"] != "track"}
    assert others["identify"]["traits"] == TRAITS
    assert others["group"]["groupId"] == "acc1"
    assert others["alias"]["previousId"] == "anon1"


@pytest.mark.node
def test_all_that_posthog_node_sends_is_in_the_log_as_events_of_ours(door: Callable[..., Any], installed: Path) -> None:
    hub = door()
    assert run(installed, "send-posthog.mjs", hub.port)["failed"] == []
    entries = hub.entries()
    assert [entry.batch.rejected for entry in entries] == [()] * len(entries)
    events = hub.events()
    assert len(events) == len({event["event_id"] for event in events}) == 303
    tracked = sorted(event["attributes"]["n"] for event in events if event["type"] == "custom")
    assert tracked == list(range(300))
    others = {event["type"]: event for event in events if event["type"] != "custom"}
    assert others["identify"]["user"] == TRAITS
    assert others["group"]["account"] == {"name": "Acme", "plan": "pro", "id": "acc1"}
    assert "identify_id" not in others["group"], "the library made the id of the call up"
    assert (others["alias"]["previous_id"], others["alias"]["identify_id"]) == (
        "0190a1b2-0000-7000-8000-000000000001",
        "u1",
    )
