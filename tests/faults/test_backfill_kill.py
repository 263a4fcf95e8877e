"""A backfill of features that is killed at every step, and one of a server that settles: each match once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from footfall.model.event import EventType

pytestmark = pytest.mark.slow
DAYS = [str((datetime.now(UTC) - timedelta(days=ago)).date()) for ago in (3, 2)]
EVENTS = 200  # of a day
FEATURES = {
    "features": [
        {"id": f"f{n}", "name": f"F{n}", "rules": [{"kind": "CUSTOM_EVENT", "value": name}]}
        for n, name in enumerate(("Ordered", "Ordered", "Never"))
    ]
}
# Kills itself at the n-th moment that matters: after a day was opened, rows were added, the day was opened again.
KILLED = """
import os, signal, sys
from pathlib import Path
from footfall.cli import main
from footfall.lakes.delta import DeltaLake
from footfall.stores.ledger import SqlLedger

left = [int(sys.argv[1])]

def moment():
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def around(owner, name):
    whole = getattr(owner, name)
    def does(self, *given, **named):
        found = whole(self, *given, **named)
        moment()
        return found
    setattr(owner, name, does)

around(DeltaLake, "add")
around(SqlLedger, "reopen")
sys.argv = ["footfall", "features", "backfill", "--json"]
main()
"""


def events(day: str, first: int = 0, count: int = EVENTS) -> list[dict[str, object]]:
    return [
        {"type": "custom", "event_name": "Ordered" if n % 2 else "Seen", "event_id": f"{day}-{n}",
         "identify_id": f"u{n % 7}", "occurred_at": f"{day}T10:{n % 60:02d}:00Z"}
        for n in range(first, first + count)
    ]  # fmt: skip


def matches(data: Path) -> Counter[str]:
    table = DeltaTable(data / "lake" / "events")
    found: Counter[str] = Counter()
    for file in table.file_uris():
        found.update(
            pq.read_table(file, filters=[("type", "=", int(EventType.FEATURE_MATCH))]).column("event_id").to_pylist()
        )
    return found


def send(hub, batch: list[dict[str, object]]) -> None:
    headers = {"Content-Type": "application/json", "X-Write-Key": hub.environment()["FOOTFALL_WRITE_KEY"]}
    request = urllib.request.Request(
        f"http://127.0.0.1:{hub.port}/events", json.dumps({"events": batch}).encode(), headers
    )
    urllib.request.urlopen(request, timeout=30).close()


def test_a_backfill_that_is_killed_at_every_step_adds_each_match_once_and_opens_each_day(install, tmp_path):
    hub = install(zone="UTC")
    hub.start()
    for day in DAYS:
        send(hub, events(day))
    hub.stop()
    for day in DAYS:
        hub.run("days", "close", day)
    (tmp_path / "footfall.yaml").write_text(json.dumps({"version": 1, **FEATURES}))
    hub.run("apply", str(tmp_path / "footfall.yaml"), "--yes")
    killed, step = 0, 0
    while True:
        step += 1
        done = subprocess.run([sys.executable, "-c", KILLED, str(step)], env=hub.environment(), capture_output=True)
        if done.returncode != -signal.SIGKILL:
            break
        killed += 1
        assert killed < 50
    assert killed >= 4, done.stderr
    wanted = {f"{day}-{n}-f{f}" for day in DAYS for n in range(EVENTS) if n % 2 for f in (0, 1)}
    assert matches(hub.data) == Counter(wanted)
    states = {each["day"]: each["state"] for each in json.loads(hub.run("days", "ls", "--json").stdout)}
    assert {states[day] for day in DAYS} == {"touched"}
    assert not list((hub.data / "backfill").iterdir())


def ask(hub, method: str, path: str, body: object = None) -> dict[str, object]:
    admin = json.loads((hub.data / "server.json").read_text())["admin"]
    token = hub.environment()["FOOTFALL_ADMIN_TOKEN"]
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{admin}{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def test_a_backfill_of_a_server_that_settles_neither_loses_nor_doubles(install, tmp_path):
    hub = install(zone="UTC", env={"FOOTFALL_SETTLE_EVERY_S": "0.05"})
    hub.start()
    send(hub, events(DAYS[0]))
    (tmp_path / "footfall.yaml").write_text(json.dumps({"version": 1, **FEATURES}))
    hub.run("apply", str(tmp_path / "footfall.yaml"), "--yes")
    refused = hub.run("features", "backfill", ok=False)
    assert refused.returncode not in (0, 4)
    assert "POST /api/feature-backfills" in refused.stdout + refused.stderr
    sent = EVENTS
    for _ in range(2):
        task = ask(hub, "POST", "/api/feature-backfills", {})
        while task["state"] in ("waiting", "running"):
            send(hub, events(DAYS[0], sent, 20))
            sent += 20
            time.sleep(0.02)
            task = ask(hub, "GET", f"/api/tasks/{task['id']}")
        assert task["state"] == "succeeded", task
    wanted = Counter({f"{DAYS[0]}-{n}-f{f}": 1 for n in range(sent) if n % 2 for f in (0, 1)})
    deadline = time.monotonic() + 60
    while matches(hub.data) != wanted:
        assert time.monotonic() < deadline, (matches(hub.data) - wanted, wanted - matches(hub.data))
        time.sleep(0.5)
