"""``kill -9`` at the durable system calls of an erasure: the next try ends with the same bytes, and no trace.

A sample of the calls is taken, spread over all of them; FOOTFALL_KILL_POINTS=0 takes every one.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from crowd import Crowd, files_in, name_of, traces
from durable_calls import killed, needs_strace, sampled, traced
from erased import GONE, deliver_reports, faults

from footfall.wiring.erasing import ask_for, erasures_of, work_off

SCRIPT = "erase_process.py"


def lacking(folder: Path) -> list[str]:
    """Faults of what is delivered, but for files that are gone because a new revision of them is there."""
    there = {path.name for path in folder.rglob("*_r2.*")}
    return [fault for fault in faults(folder) if not any(fault.startswith(name.split("_r2.")[0]) for name in there)]


@needs_strace
@pytest.mark.slow
def test_a_kill_at_any_durable_call_is_healed_by_the_next_try(tmp_path: Path) -> None:
    # Deliveries are remembered by the path of their folder, so every run takes place in the same.
    place, prepared = tmp_path / "place", tmp_path / "prepared"
    crowd, out = Crowd(place, people=15, days=2), place / "out"
    with crowd.opened() as hub:
        crowd.live(hub)
        deliver_reports(hub, crowd, out, ("csv", "parquet"), ("Users", "User_Event_Rollups"))
        asked = ask_for(hub, [name_of(person) for person in GONE], "erase", "test").id
    shutil.copytree(place, prepared)
    points = traced(SCRIPT, place)
    expected = files_in(out)
    assert traces(out, GONE) == []
    hits, chosen = 0, sampled(points, usual=10)
    for point in chosen:
        shutil.rmtree(place)
        shutil.copytree(prepared, place)
        where = f"killed at {point[0]} number {point[1]}"
        hits += killed(SCRIPT, place, point)
        assert not any(map(lacking, (out / "csv", out / "parquet"))), f"{where}: gone before its successor came"
        with crowd.opened() as hub:
            work_off(hub)
            receipt = json.loads(erasures_of(hub).receipt(asked))
        assert (receipt["untouched"], receipt["people"], receipt["removed"]["users"]) == ([], 2, 2), where
        assert traces(crowd.data, GONE) == [], where
        assert files_in(out) == expected, where
        assert [fault for form in ("csv", "parquet") for fault in faults(out / form)] == [], where
    # Threads part the work between them, not the same way each time, so a late point may not be reached.
    assert hits >= len(chosen) * 2 // 3
