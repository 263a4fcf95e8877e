"""The unmodified npm @segment/analytics-node against a collector."""

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


@pytest.mark.node
def test_all_that_the_node_client_sends_is_in_the_log(door: Callable[..., Any], tmp_path: Path) -> None:
    for name in ("package.json", "package-lock.json", "send.mjs", ".npmrc"):
        shutil.copy(HERE / name, tmp_path)
    subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=tmp_path, check=True, capture_output=True, timeout=240,
    )  # fmt: skip
    hub = door()
    done = subprocess.run(
        ["node", "send.mjs", f"http://127.0.0.1:{hub.port}", json.dumps(TRAITS)],
        cwd=tmp_path, check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    said = json.loads(done.stdout.splitlines()[-1])
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
