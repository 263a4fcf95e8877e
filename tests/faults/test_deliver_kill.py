"""``kill -9`` at the durable system calls of closing and delivering a day: the next run ends with the same bytes.

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
from deliver_process import REPORTS
from small_hub import day_of_events, findings, small_hub

from footfall.buckets.local import LocalBucket

DAY = date(2026, 11, 20)
SUPPORT = Path(__file__).parents[1] / "support"
CALLS = "pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat"
POINTS = int(os.environ.get("FOOTFALL_KILL_POINTS", "8"))

Point = tuple[str, int]

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def deliver(folder: Path, *strace: str) -> int:
    command = [sys.executable, str(SUPPORT / "deliver_process.py"), str(folder / "data"), str(folder / "out"), str(DAY)]
    ran = subprocess.run(
        ["strace", "-f", "-qq", *strace, *command], capture_output=True, text=True, timeout=120, cwd=SUPPORT
    )
    return ran.returncode


def delivered(folder: Path) -> dict[str, bytes]:
    bucket = LocalBucket(folder / "out")
    return {each.key: b"".join(bucket.open(each.key)) for each in bucket.list()}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day with duplicates and many small files, settled and not closed."""
    folder = tmp_path_factory.mktemp("prepared")
    with small_hub(folder / "data") as hub:
        for n in range(10):
            hub.accept(day_of_events(DAY, users=3, mark=f"-{n}"))
            hub.settle()
    return folder


@pytest.fixture(scope="module")
def undisturbed(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], list[Point]]:
    """What a run without a kill delivers, and the durable calls that some thread of any run will make.

    strace counts the calls of each thread. Two threads share the reports as it happens, so only what one of them must
    reach is asked for: half of their calls.
    """
    folder = tmp_path_factory.mktemp("undisturbed")
    shutil.copytree(prepared / "data", folder / "data")
    assert deliver(folder, "-o", str(folder / "calls"), "-e", f"trace={CALLS}") == 0
    made = [line.partition("(")[0].split() for line in (folder / "calls").read_text().splitlines() if "(" in line]
    main = made[0][0]
    totals = Counter(call for thread, call in made if thread != main)
    seen: Counter[tuple[str, str]] = Counter()
    points: dict[Point, None] = {}
    for thread, call in made:
        seen[thread, call] += 1
        nth = seen[thread, call]
        if thread == main or nth <= (totals[call] + 1) // 2:
            points[call, nth] = None
    return delivered(folder), list(points)


def test_a_kill_at_any_durable_call_is_healed_by_the_next_run(
    prepared: Path, undisturbed: tuple[dict[str, bytes], list[Point]], tmp_path: Path
) -> None:
    expected, points = undisturbed
    assert len(expected) == 2 * len(REPORTS)
    assert {"fsync", "link", "pwrite64"} <= {call.replace("linkat", "link") for call, _ in points}
    for number, (call, nth) in enumerate(points[:: max(1, len(points) // POINTS) if POINTS else 1]):
        folder = tmp_path / str(number)
        shutil.copytree(prepared / "data", folder / "data")
        status = deliver(folder, "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={nth}")
        where = f"killed at {call} number {nth}"
        assert status != 0, f"not {where}"
        half = delivered(folder)
        assert half.items() <= expected.items(), f"{where}: a file is there that is not whole"
        described = {key.removesuffix(".manifest.json") + ".gz" for key in half if key.endswith(".manifest.json")}
        assert described <= half.keys(), f"{where}: a manifest came before its data file"
        with small_hub(folder / "data") as hub:
            hub.export(DAY, LocalBucket(folder / "out"), REPORTS)
        assert delivered(folder) == expected, where
        assert findings(LocalBucket(folder / "out")) == []
        assert [path for path in (folder / "out").rglob("*") if path.name.startswith(".")] == []
        shutil.rmtree(folder)
