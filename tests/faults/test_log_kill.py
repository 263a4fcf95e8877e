"""``kill -9`` on the collector, at random and at every durable system call: nothing acknowledged is ever missing."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from durable_calls import needs_strace

from footfall.logs.segments import SegmentLog

HEADERS = {"Authorization": "Basic V0tFWTo="}
BATCH = 20


class Sender(threading.Thread):
    """A client that sends until the server is gone, and remembers which ids were acknowledged."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__(daemon=True)
        self._port, self._name = port, name
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()

    def run(self) -> None:
        number = 0
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            while True:
                ids = [f"{self._name}-{number}-{n}" for n in range(BATCH)]
                number += 1
                self.sent |= set(ids)
                batch = [{"type": "track", "event": "E", "userId": "u", "messageId": i, "pad": "x" * 200} for i in ids]
                line.request("POST", "/v1/batch", json.dumps({"batch": batch}).encode(), HEADERS)
                answer = line.getresponse()
                answer.read()
                if answer.status == 200:
                    self.acknowledged |= set(ids)
        except (OSError, http.client.HTTPException):
            return
        finally:
            line.close()


def kill_for(door: Callable[..., Any], seconds: float, seed: int) -> tuple[int, int]:
    """Kill a collector again and again under load. Returns how often, and how many events were acknowledged."""
    chance = random.Random(seed)
    until = time.monotonic() + seconds
    hub = door(log={"segment_bytes": 200_000})
    senders: list[Sender] = []
    kills = 0
    while time.monotonic() < until:
        if hub.process is None:
            hub.start()
        life = [Sender(hub.port, f"{kills}-{n}") for n in range(4)]
        for sender in life:
            sender.start()
        time.sleep(chance.uniform(0.02, 0.6))
        hub.stop(signal.SIGKILL)
        kills += 1
        for sender in life:
            sender.join(15)
        senders += life
    hub.start()  # it still takes events after all that
    assert hub.post("/v1/track", {"userId": "u", "event": "E", "messageId": "alive"})[0] == 200
    there = [event["messageId"] for event in hub.events()]
    acknowledged = set().union(*(s.acknowledged for s in senders))
    sent = set().union(*(s.sent for s in senders), {"alive"})
    assert acknowledged - set(there) == set(), f"seed {seed}: acknowledged events are lost"
    assert set(there) - sent == set(), f"seed {seed}: the log has what nobody sent"
    assert len(there) == len(set(there)), f"seed {seed}: events are there twice"
    return kills, len(acknowledged)


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_the_collector_is_killed(door: Callable[..., Any]) -> None:
    kills, acknowledged = kill_for(door, 8.0, seed=20_261_122)
    assert kills >= 2
    assert acknowledged > 0


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_however_often_the_collector_is_killed(door: Callable[..., Any]) -> None:
    kills, acknowledged = kill_for(door, 90.0, seed=int(os.environ.get("SEED", "1")))
    assert kills >= 30
    assert acknowledged > 1_000


LIFE = """
    import pathlib, sys
    from footfall.logs.segments import SegmentLog
    from footfall.ports import Batch
    log = SegmentLog(pathlib.Path(sys.argv[1]), segment_bytes=400, reserve_bytes=0)
    first = sum(1 for _ in log.read(0, 1 << 40))
    for n in range(first, first + 12):
        log.append(Batch(n, "s", "segment", "batch", 1, (), "", "", b"x" * 100))
        print("ack", n, flush=True)
        if n % 4 == 3:
            kept = list(log.read(0, 1 << 40))
            log.trim(kept[1].position)
            print("trim", kept[1].batch.received_at, flush=True)
    log.close()
"""
CALLS = "pwritev2,pwrite64,fdatasync,fsync,ftruncate,unlink,unlinkat"  # none of which an import makes


def live(folder: Path, killed_at: int | None) -> tuple[bool, list[list[str]]]:
    """One life of a process that appends. Returns whether it was killed, and what it said before."""
    command = [sys.executable, "-S", "-c", textwrap.dedent(LIFE), str(folder)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "PYTHONDONTWRITEBYTECODE": "1"}
    if killed_at is not None:
        inject = f"inject={CALLS}:signal=KILL:when={killed_at}"
        command = ["strace", "-f", "-qq", "-o", os.devnull, "-e", inject, *command]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    said = [line.split() for line in done.stdout.splitlines()]
    killed = done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
    assert killed or done.returncode == 0, done.stderr
    return killed, said


def survives(folder: Path, point: int) -> bool:
    """Two lives that end at their ``point``-th durable call, then a look: is all there? False when neither ended."""
    ended, acknowledged, trimmed = False, [], 0
    for _ in range(2):
        killed, said = live(folder, point)
        ended = ended or killed
        acknowledged += [int(number) for what, number in said if what == "ack"]
        trimmed = max([trimmed, *(int(number) for what, number in said if what == "trim")])
    log = SegmentLog(folder, reserve_bytes=0)
    try:
        there = [entry.batch.received_at for entry in log.read(0, 1 << 40)]
        assert log.damage == []
    finally:
        log.close()
    missing = {n for n in acknowledged if n >= trimmed} - set(there)
    assert missing == set(), f"killed at call {point}: {missing} were acknowledged and are lost"
    return ended


@needs_strace
@pytest.mark.parametrize("point", [1, 3, 6, 10])
def test_a_kill_at_a_durable_call_loses_nothing_acknowledged(tmp_path: Path, point: int) -> None:
    assert survives(tmp_path / "log", point)


@needs_strace
@pytest.mark.slow
def test_a_kill_at_every_durable_call_loses_nothing_acknowledged(tmp_path: Path) -> None:
    point = 1
    while survives(tmp_path / f"log-{point}", point):
        point += 1
        assert point < 300
    assert point > 10
