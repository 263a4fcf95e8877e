"""Closing a day: what is sealed, when it is refused, and what becomes of late and repeated events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_hub import SmallHub, day_of_events, small_hub

from footfall.errors import Refused, Unavailable
from footfall.flows.close_day import close_day

DAY = date(2026, 11, 20)
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[SmallHub]:
    with small_hub(tmp_path / "hub") as hub:
        yield hub


def test_a_day_that_is_not_over_is_refused_unless_told_otherwise(hub: SmallHub) -> None:
    hub.now = datetime(2026, 11, 21, 4, 59, 59, tzinfo=UTC)  # 23:59:59 in New York
    with pytest.raises(Refused, match="2026-11-20 is not over before 2026-11-21 05:00 UTC"):
        hub.close_day(DAY)
    assert hub.close_day(DAY, unfinished=True).revision == 1
    hub.now += timedelta(seconds=1)
    assert hub.close_day(DAY).revision == 1


def test_a_day_is_refused_while_the_log_holds_what_is_not_settled(hub: SmallHub) -> None:
    hub.accept(day_of_events(DAY))
    with pytest.raises(Unavailable, match="Settle first"):
        hub.close_day(DAY)
    hub.settle()
    assert hub.close_day(DAY).revision == 1


def test_the_seal_carries_the_position_up_to_which_the_log_is_counted(hub: SmallHub) -> None:
    hub.accept(day_of_events(DAY))
    hub.settle()
    state = hub.close_day(DAY)
    assert (state.day, state.revision, state.position, state.sealed_at) == (DAY, 1, hub.log.end(), hub.now)


def test_closing_again_changes_nothing(hub: SmallHub) -> None:
    hub.accept(day_of_events(DAY))
    hub.settle()
    first = hub.close_day(DAY)
    files = hub.lake.files(DAY)
    hub.now += timedelta(hours=1)
    assert hub.close_day(DAY) == first
    assert hub.lake.files(DAY) == files


def test_a_late_event_makes_a_revision_of_its_day_and_of_no_other(hub: SmallHub) -> None:
    for day in (DAY, NEXT):
        hub.accept(day_of_events(day))
    hub.settle()
    assert [hub.close_day(day).revision for day in (DAY, NEXT)] == [1, 1]
    hub.accept(day_of_events(DAY, users=1, mark="-late"))
    hub.settle()
    assert [hub.close_day(day).revision for day in (DAY, NEXT)] == [2, 1]


def test_a_day_reopened_by_hand_gets_a_revision(hub: SmallHub) -> None:
    hub.close_day(DAY)
    hub.ledger.reopen(DAY)
    assert [hub.close_day(DAY).revision for _ in range(2)] == [2, 2]


def test_a_range_that_another_process_is_just_settling_is_not_lost_to_the_day(hub: SmallHub) -> None:
    hub.accept(day_of_events(DAY))
    hub.settle()
    before = hub.log.end()
    hub.accept(day_of_events(DAY, users=1, mark="-late"))
    shape = hub.shaper.shape(list(hub.log.read(before, 1 << 20)))
    with hub.database.writing():  # the first step of settle; the commit to the lake comes after our close
        keys = hub.people.keys(shape)
        hub.ledger.settled(before, hub.log.end(), shape, hub.now)
    assert close_day(hub.books, DAY, log_end=before, now=hub.now).revision == 1
    hub.lake.append(shape.rows(keys, hub.lake.next_seq()), hub.log.end())
    assert hub.close_day(DAY).revision == 2
    assert hub.close_day(DAY).revision == 2


def test_an_event_that_came_twice_beyond_the_recent_window_is_counted_once(hub: SmallHub) -> None:
    events = day_of_events(DAY)
    hub.accept(events)
    hub.settle()
    hub.shaper.close()
    hub.shaper = type(hub.shaper)(  # a shaper that remembers nothing, as after a window long enough
        hub.zone, lambda _: ("default", "Production", "web"), temp_directory=hub.books.activity_dir / "x"
    )
    hub.accept(events)
    hub.settle()
    assert hub.lake.days()[DAY] == 2 * len(events)
    hub.close_day(DAY)
    assert hub.lake.days()[DAY] == len(events)


def test_many_small_files_become_few_and_hold_the_same_events(hub: SmallHub) -> None:
    for n in range(12):
        hub.accept(day_of_events(DAY, users=1, mark=f"-{n}"))
        hub.settle()
    assert len(hub.lake.files(DAY)) == 12
    rows = hub.lake.days()[DAY]
    hub.close_day(DAY)
    assert len(hub.lake.files(DAY)) == 1
    assert hub.lake.days()[DAY] == rows


def test_closing_leaves_one_activity_file_per_day(hub: SmallHub) -> None:
    hub.accept(day_of_events(DAY))
    hub.settle()
    hub.close_day(DAY)
    hub.accept(day_of_events(DAY, users=5, mark="-late"))
    hub.settle()
    hub.close_day(DAY)
    [path] = hub.books.activity_dir.glob("*.parquet")
    assert path.name.startswith("2026-11-20_")
    assert len(set(pq.read_table(path)["user_key"].to_pylist())) == 5


def test_an_earlier_day_that_nobody_closed_counts_in_the_totals_of_a_later_one(hub: SmallHub) -> None:
    for day in (DAY, NEXT):
        hub.accept(day_of_events(day))
    hub.settle()
    hub.close_day(NEXT)
    hub.open_day(NEXT).close()
    names = sorted(path.name[:10] for path in hub.books.activity_dir.glob("*.parquet"))
    assert names == ["2026-11-20", "2026-11-21"]
    hub.accept(day_of_events(DAY, users=7, mark="-late"))  # it is still open, so its activity is counted anew
    hub.settle()
    hub.open_day(NEXT).close()
    [path] = hub.books.activity_dir.glob("2026-11-20_*")
    assert len(set(pq.read_table(path)["user_key"].to_pylist())) == 7


def test_a_date_that_never_happened_is_closed_as_an_empty_day(tmp_path: Path) -> None:
    with small_hub(tmp_path / "hub", "Pacific/Apia") as hub:
        assert hub.close_day(date(2011, 12, 30)).revision == 1
