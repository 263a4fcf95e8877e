"""``kill -9`` on the whole server while clients send: what was acknowledged is counted, and counted once.

The oracle mints ids, keeps which of them were answered with 200, sends an unanswered batch again with the same ids, as
SDKs do, and at the end compares with what a fresh process finds: lost = acknowledged but missing, double = there twice.
"""

from __future__ import annotations

import gzip
import json
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

BATCH = 50
DAY = "2026-03-09"


class Oracle(threading.Thread):
    """A client that never gives up on a batch: same ids until it is answered with 200."""

    def __init__(self, install, name: str) -> None:
        super().__init__(daemon=True)
        self.install, self.client = install, name
        self.acknowledged: list[str] = []
        self.sent: list[str] = []
        self.done = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.done.is_set():
            ids = [f"{self.client}-{number}-{i}" for i in range(BATCH)]
            number += 1
            self.sent += ids
            if self.until_answered(ids):
                self.acknowledged += ids

    def until_answered(self, ids: list[str]) -> bool:
        batch = [
            {"type": "track", "event": "Kill test", "userId": i, "messageId": i, "timestamp": f"{DAY}T15:00:00Z"}
            for i in ids
        ]
        while not self.done.is_set():
            try:
                if self.install.post("/v1/batch", {"batch": batch})["success"]:
                    return True
            except (OSError, json.JSONDecodeError):
                time.sleep(0.05)
        return False


def counted(install, out: Path) -> Counter[str]:
    """Counts per user of the day: every event has a user of its own, so a count above 1 is a double."""
    install.run("export", "rollups", "--day", DAY, "--to", str(out), "--format", "json",
                "--reports", "User_Custom_Event_Rollups", "--quiet")  # fmt: skip
    found: Counter[str] = Counter()
    for file in out.glob("*.json.gz"):
        for line in gzip.decompress(file.read_bytes()).splitlines():
            row = json.loads(line)
            found[row["identifyId"]] += row["count"]
    return found


@pytest.mark.timeout(900)
@pytest.mark.slow
@pytest.mark.parametrize("kills", [pytest.param(15, id="fifteen times")])
def test_a_server_killed_again_and_again_loses_nothing_acknowledged_and_counts_nothing_twice(
    install, tmp_path, kills, record_property
):
    seed = random.randrange(2**32)
    record_property("seed", seed)
    print(f"seed {seed}")
    rng = random.Random(seed)
    hub = install(zone="America/New_York")
    hub.start()
    oracles = [Oracle(hub, name) for name in ("a", "b", "c")]
    for oracle in oracles:
        oracle.start()

    for _ in range(kills):
        # Settle runs every two seconds, so the kills fall into accepting as well as into settling.
        time.sleep(rng.uniform(0.3, 3.5))
        port = hub.port
        hub.stop(signal.SIGKILL)
        hub.start(port)

    for oracle in oracles:
        oracle.done.set()
    for oracle in oracles:
        oracle.join(35)
    hub.stop()

    found = counted(hub, tmp_path / "out")
    acknowledged = {i for o in oracles for i in o.acknowledged}
    sent = {i for o in oracles for i in o.sent}
    assert len(acknowledged) > 1000
    assert acknowledged - found.keys() == set(), "lost"
    assert {i: n for i, n in found.items() if n > 1} == {}, "double"
    assert found.keys() - sent == set(), "spurious"
