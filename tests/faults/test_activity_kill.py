"""``kill -9`` at the durable system calls of delivering windows of events: the next run ends with the same bytes, once.

A sample of the calls is taken, spread over all of them; FOOTFALL_KILL_POINTS=0 takes every one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from small_activity import export_activity, export_app_events
from small_hub import day_of_events, findings, small_hub

from footfall.buckets.local import LocalBucket
from footfall.stores.windows import SqlWindows

DAY = date(2026, 11, 20)
SUPPORT = Path(__file__).parents[1] / "support"
CALLS = "pwrite64,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat"
POINTS = int(os.environ.get("FOOTFALL_KILL_POINTS", "6"))

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def deliver(folder: Path, *strace: str) -> int:
    command = [sys.executable, str(SUPPORT / "activity_process.py"), str(folder / "data"), str(folder / "out")]
    ran = subprocess.run(
        ["strace", "-f", "-qq", *strace, *command], capture_output=True, text=True, timeout=120, cwd=SUPPORT
    )
    return ran.returncode


def delivered(folder: Path) -> dict[str, bytes]:
    bucket = LocalBucket(folder / "out")
    return {each.key: b"".join(bucket.open(each.key)) for each in bucket.list()}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    with small_hub(folder / "data") as hub:
        for n in range(3):
            hub.accept(day_of_events(DAY, mark=f"-{n}"))
            hub.settle()
    return folder


def test_a_kill_at_any_durable_call_is_healed_by_the_next_run(prepared: Path, tmp_path: Path) -> None:
    calm = tmp_path / "calm"
    shutil.copytree(prepared / "data", calm / "data")
    assert deliver(calm, "-o", str(calm / "calls"), "-e", f"trace={CALLS}") == 0
    expected = delivered(calm)
    assert len(expected) == 4
    made = [line.partition("(")[0].split() for line in (calm / "calls").read_text().splitlines() if "(" in line]
    main = made[0][0]
    seen: Counter[str] = Counter()
    points = []
    for thread, call in made:
        if thread == main:
            seen[call] += 1
            points.append((call, seen[call]))
    assert len(points) > 20
    for number, (call, nth) in enumerate(points[:: max(1, len(points) // POINTS) if POINTS else 1]):
        folder = tmp_path / str(number)
        shutil.copytree(prepared / "data", folder / "data")
        status = deliver(folder, "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={nth}")
        where = f"killed at {call} number {nth}"
        assert status != 0, f"not {where}"
        half = delivered(folder) if (folder / "out").exists() else {}
        assert half.items() <= expected.items(), f"{where}: a file is there that is not whole"
        described = {key.removesuffix(".manifest.json") + ".gz" for key in half if key.endswith(".manifest.json")}
        assert described <= half.keys(), f"{where}: a manifest came before its data file"
        with small_hub(folder / "data") as hub:
            bucket = LocalBucket(folder / "out")
            export_activity(hub, bucket, mark="slot")
            export_app_events(hub, bucket)
            windows = SqlWindows(hub.database)
            assert [len(windows.all(job)) for job in ("activity", "app-events")] == [1, 1], where
        assert delivered(folder) == expected, where
        assert findings(LocalBucket(folder / "out")) == []
        shutil.rmtree(folder)
