"""``kill -9`` on settle, at random moments and at its durable system calls: nothing lost, nothing twice.

Every point takes a fresh copy of a data directory whose log holds events, retries and events that cannot be stored.
A sample of the calls is taken, spread over all of them; FOOTFALL_KILL_POINTS=0 takes every one.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from durable_calls import needs_strace
from settle_place import opened

from footfall.ports import Counts

SUPPORT = Path(__file__).parents[1] / "support"
CALLS = "pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat"
POINTS = int(os.environ.get("FOOTFALL_KILL_POINTS", "6"))
LIMIT_BYTES = 2000
BATCHES = 12
EXPECTED = Counts(received=BATCHES * 6, stored=BATCHES * 4, duplicate=BATCHES, quarantined=BATCHES)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of batches, each with four new events, a retry of one of them and one that cannot be stored."""
    folder = tmp_path_factory.mktemp("prepared") / "data"
    with opened(folder, segment_bytes=4096) as place:
        for n in range(BATCHES):
            new = [{"type": "track", "event": "E", "userId": f"u{n}-{i}", "messageId": f"{n}-{i}"} for i in range(3)]
            told = {
                "type": "identify",
                "userId": f"u{n}",
                "anonymousId": f"v{n}",
                "messageId": f"{n}-i",
                "traits": {"n": n},
            }
            late = {"type": "track", "event": "E", "userId": "u", "messageId": f"{n}-bad", "timestamp": 0}
            place.send({"batch": [*new, told, new[0], late]})
    return folder


def command(folder: Path, *strace: str) -> list[str]:
    traced = ["strace", "-f", "-qq", "-o", *strace] if strace else []
    return [*traced, sys.executable, str(SUPPORT / "settle_process.py"), str(folder), str(LIMIT_BYTES)]


def check(folder: Path) -> None:
    """A fresh process goes on by itself; then every event is where it belongs, once."""
    with opened(folder) as place:
        place.settle(limit_bytes=LIMIT_BYTES)
        stored = place.stored()
        assert stored["event_id"].to_pylist() == [f"{n}-{i}" for n in range(BATCHES) for i in (0, 1, 2, "i")]
        assert stored["ingest_seq"].to_pylist() == list(range(1, BATCHES * 4 + 1))
        assert place.ledger.counts() == {"app": EXPECTED}
        assert place.ledger.quarantined(1000).num_rows == BATCHES
        assert place.people.links().num_rows == BATCHES
        assert sum(place.lake.days().values()) == BATCHES * 4


@pytest.fixture(scope="module")
def traced(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The durable calls of a run that nobody disturbs, in order, with the paths behind their descriptors."""
    folder = tmp_path_factory.mktemp("traced") / "data"
    shutil.copytree(prepared, folder)
    calls = folder.parent / "calls"
    ran = subprocess.run(command(folder, str(calls), "-y", "-e", f"trace={CALLS}"), capture_output=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    check(folder)
    return calls.read_text().splitlines()


@needs_strace
@pytest.mark.slow
def test_settle_survives_a_kill_at_its_durable_calls(prepared, traced, tmp_path):
    main = traced[0].split()[0]
    total = sum(line.split()[0] == main for line in traced)
    step = 1 if POINTS == 0 else max(1, total // POINTS)
    # Each thread counts its own calls; those of the library that commits are reached by the one it alone makes.
    points = [(CALLS, n) for n in range(1 + step // 2, total + 1, step)] + [("link,linkat", n) for n in (1, 2)]
    killed = 0
    for place, (calls, number) in enumerate(points):
        folder = tmp_path / str(place)
        shutil.copytree(prepared, folder)
        inject = f"inject={calls}:signal=KILL:when={number}"
        ran = subprocess.run(command(folder, os.devnull, "-e", inject), capture_output=True, timeout=120)
        killed += ran.returncode != 0
        check(folder)
        shutil.rmtree(folder)
    assert killed >= len(points) * 2 // 3


@pytest.mark.slow
def test_settle_survives_kills_at_random_moments(prepared, tmp_path):
    chance = random.Random(20261122)
    folder = tmp_path / "data"
    shutil.copytree(prepared, folder)
    for _ in range(3):  # one directory: each start finds what the kill before it left
        with subprocess.Popen(command(folder), stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(chance.random() * 0.3)
            process.kill()
    check(folder)


@needs_strace
def test_a_commit_is_on_the_disk_before_the_log_forgets(traced):
    """Data file, its folder, commit, folder of commits, and only then the segments of the log."""
    synced: set[str] = set()
    committed = trimmed = 0
    pending: str | None = None
    for line in traced:
        if sync := re.search(r"f(?:data)?sync\(\d+<([^>]+)>", line):
            synced.add(sync[1])
        elif commit := re.search(r'linkat\(.*"([^"]+/_delta_log/\d+\.json)"', line):
            pending, lake = commit[1], commit[1].split("/_delta_log")[0]
            committed += 1
            written = {path for path in synced if path.startswith(lake) and path.endswith(".parquet")}
            assert len(written) == committed
            assert any("/day=" in path and not path.endswith(".parquet") for path in synced)
            synced.discard(lake + "/_delta_log")
        elif re.search(r'unlink(?:at)?\(.*"[^"]*/log/[^"]+"', line):
            trimmed += 1
            assert pending in synced
            assert pending.rsplit("/", 1)[0] in synced
    assert committed > 2
    assert trimmed > 0
