"""The durable system calls of a process that delivers, and ``kill -9`` at one of them, by strace."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from small_hub import findings

from footfall.buckets.local import LocalBucket
from footfall.model.files import is_manifest

CALLS = "pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat"
SUPPORT = Path(__file__).parent

# A call and its number among the calls of that name.
Point = tuple[str, int]

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def traced(script: str, folder: Path, *more: str) -> list[Point]:
    """The durable calls of the main thread of ``script``, run on the data and the out of ``folder`` to its end."""
    assert _run(script, folder, more, "-o", str(folder / "calls"), "-e", f"trace={CALLS}") == 0
    seen: Counter[str] = Counter()
    points = []
    for line in (folder / "calls").read_text().splitlines():
        call = line.partition("(")[0]
        seen[call] += 1  # strace counts each call by its name
        points.append((call, seen[call]))
    return points


def killed(script: str, folder: Path, point: Point, *more: str) -> bool:
    """Run ``script`` and kill it at ``point``; whether it was."""
    call, nth = point
    return _run(script, folder, more, "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={nth}") != 0


def sampled(points: Sequence[Point], usual: int) -> Sequence[Point]:
    """So many of the points, spread over all of them; FOOTFALL_KILL_POINTS says how many, 0 means every one."""
    wanted = int(os.environ.get("FOOTFALL_KILL_POINTS", usual))
    return points[:: max(1, len(points) // wanted) if wanted else 1]


def delivered(folder: Path) -> dict[str, bytes]:
    if not (folder / "out").exists():
        return {}
    bucket = LocalBucket(folder / "out")
    return {each.key: b"".join(bucket.open(each.key)) for each in bucket.list()}


def _run(script: str, folder: Path, more: Sequence[str], *strace: str) -> int:
    command = [sys.executable, str(SUPPORT / script), str(folder / "data"), str(folder / "out"), *more]
    ran = subprocess.run(["strace", "-qq", *strace, *command], capture_output=True, text=True, timeout=120, cwd=SUPPORT)
    return ran.returncode


def healed(
    script: str,
    prepared: Path,
    place: Path,
    again: Callable[[Path], None],
    *more: str,
    usual: int,
) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Kill ``script`` at points of its run, each on a fresh copy of ``prepared``, and let ``again`` go on.

    Yields (where it was killed, what is delivered after ``again``), the run nobody disturbed first. Asserts after each
    kill that only whole files are there, and no manifest before its data file.
    """
    calm = place / "calm"
    shutil.copytree(prepared / "data", calm / "data")
    points = traced(script, calm, *more)
    assert {"fsync", "link", "pwrite64"} <= {call.replace("linkat", "link") for call, _ in points}
    expected = delivered(calm)
    yield "nowhere", expected
    hits, chosen = 0, sampled(points, usual)
    for number, point in enumerate(chosen):
        folder = place / str(number)
        shutil.copytree(prepared / "data", folder / "data")
        where = f"killed at {point[0]} number {point[1]}"
        hits += killed(script, folder, point, *more)
        half = delivered(folder)
        assert half.items() <= expected.items(), f"{where}: a file is there that is not whole"
        described = {
            key[: key.rfind("/") + 1] + file["name"]
            for key, text in half.items()
            if is_manifest(key)
            for file in json.loads(text)["files"]
        }
        assert described <= half.keys(), f"{where}: a manifest came before its data file"
        again(folder)
        assert findings(LocalBucket(folder / "out")) == [], where
        assert [path for path in (folder / "out").rglob("*") if path.name.startswith(".")] == [], where
        yield where, delivered(folder)
        shutil.rmtree(folder)
    # Threads part the work between them, not the same way each time, so a late point may not be reached.
    assert hits >= len(chosen) * 2 // 3
