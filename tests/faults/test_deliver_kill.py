"""``kill -9`` at the durable system calls of closing and delivering a day: the next run ends with the same bytes.

A sample of the calls is taken, spread over all of them; FOOTFALL_KILL_POINTS=0 takes every one.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from deliver_process import REPORTS
from durable_calls import healed, needs_strace
from small_hub import day_of_events, small_hub

from footfall.buckets.local import LocalBucket

DAY = date(2026, 11, 20)


@needs_strace
@pytest.mark.slow
def test_a_kill_at_any_durable_call_is_healed_by_the_next_run(tmp_path: Path) -> None:
    with small_hub(tmp_path / "prepared" / "data") as hub:  # a day with duplicates and many small files, not closed
        for n in range(10):
            hub.accept(day_of_events(DAY, users=3, mark=f"-{n}"))
            hub.settle()

    def again(folder: Path) -> None:
        with small_hub(folder / "data") as hub:
            hub.export(DAY, LocalBucket(folder / "out"), REPORTS)

    runs = healed("deliver_process.py", tmp_path / "prepared", tmp_path, again, str(DAY), usual=8)
    _, expected = next(runs)
    assert len(expected) == 2 * len(REPORTS)
    for where, delivered in runs:
        assert delivered == expected, where
