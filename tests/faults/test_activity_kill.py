"""``kill -9`` at the durable system calls of delivering windows of events: the next run ends with the same bytes, once.

A sample of the calls is taken, spread over all of them; FOOTFALL_KILL_POINTS=0 takes every one.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from durable_calls import healed, needs_strace
from small_activity import export_activity, export_app_events
from small_hub import day_of_events, small_hub

from footfall.buckets.local import LocalBucket
from footfall.stores.windows import SqlWindows

DAY = date(2026, 11, 20)


@needs_strace
@pytest.mark.slow
def test_a_kill_at_any_durable_call_is_healed_by_the_next_run(tmp_path: Path) -> None:
    with small_hub(tmp_path / "prepared" / "data") as hub:
        for n in range(3):
            hub.accept(day_of_events(DAY, mark=f"-{n}"))
            hub.settle()

    def again(folder: Path) -> None:
        with small_hub(folder / "data") as hub:
            bucket = LocalBucket(folder / "out")
            export_activity(hub, bucket, mark="slot")
            export_app_events(hub, bucket)
            export_app_events(hub, bucket, job="divided", key="{event}/{window}")
            assert [len(SqlWindows(hub.database).all(job)) for job in ("activity", "app-events", "divided")] == [1] * 3

    runs = healed("activity_process.py", tmp_path / "prepared", tmp_path, again, usual=6)
    _, expected = next(runs)
    assert len(expected) == 4 + 3, "the divided window has two files"
    for where, delivered in runs:
        assert delivered == expected, where
