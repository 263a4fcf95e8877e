"""The worker's rhythm: what is due when, and that one failing duty stops nothing."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from small_hub import SmallHub, day_of_events, zone

from footfall.errors import Damaged, FootfallError, Refused, Unavailable
from footfall.flows.work import Closing, Duty, Worker, due_days, latest_slot
from footfall.ports import DayState

NEW_YORK = zone("America/New_York")
AT = datetime(2026, 11, 20, tzinfo=UTC)


def state(day: date, revision: int, *, touched: bool = False) -> DayState:
    return DayState(day, revision, AT if revision else None, 0, touched)


def test_a_day_is_due_from_its_hour_on_and_not_a_moment_before():
    day = date(2026, 11, 20)
    hour = NEW_YORK.scheduled(day)

    assert due_days([day], [], NEW_YORK, hour - timedelta(microseconds=1)) == []
    assert due_days([day], [], NEW_YORK, hour) == [day]


def test_days_without_events_in_between_are_due_and_sealed_ones_are_not():
    first, second, third = (date(2026, 11, d) for d in (17, 18, 19))
    now = NEW_YORK.scheduled(third)

    assert due_days([first, third], [], NEW_YORK, now) == [first, second, third]
    assert due_days([first, third], [state(first, 1), state(second, 1)], NEW_YORK, now) == [third]


def test_a_sealed_day_that_was_touched_is_due_again():
    day = date(2026, 11, 19)
    now = NEW_YORK.scheduled(day)

    assert due_days([day], [state(day, 2)], NEW_YORK, now) == []
    assert due_days([day], [state(day, 2, touched=True)], NEW_YORK, now) == [day]


def test_nothing_is_due_while_nothing_was_stored():
    assert due_days([], [], NEW_YORK, AT) == []


@pytest.mark.parametrize(
    ("zone_name", "now", "day"),
    [
        pytest.param("America/New_York", datetime(2026, 11, 20, 7, 59, tzinfo=UTC), date(2026, 11, 18), id="before"),
        pytest.param("America/New_York", datetime(2026, 11, 20, 8, 0, tzinfo=UTC), date(2026, 11, 19), id="at 03:00"),
        pytest.param("Europe/Athens", datetime(2026, 3, 29, 1, 0, tzinfo=UTC), date(2026, 3, 28), id="skipped"),
    ],
)  # fmt: skip
def test_the_latest_hour_is_that_of_the_newest_day_it_has_come_for(zone_name, now, day):
    found, slot = latest_slot(zone(zone_name), now)

    assert found == day
    assert slot <= now < zone(zone_name).scheduled(day + timedelta(days=1))


@pytest.fixture
def hub(tmp_path: Path):
    hub = SmallHub(tmp_path)
    yield hub
    hub.close()


def closing(hub: SmallHub) -> tuple[Closing, list[date]]:
    closed: list[date] = []

    def close(day: date) -> None:
        closed.append(day)
        hub.close_day(day)

    return Closing(hub.lake, hub.ledger, hub.zone, lambda: hub.now, close), closed


def test_a_history_that_comes_in_waits_for_the_next_hour_and_makes_one_revision(hub):
    run, closed = closing(hub)
    for part in ("a", "b"):
        hub.accept(day_of_events(date(2026, 11, 26), mark=part))
        hub.settle()
        run()
    assert closed == []

    hub.now += timedelta(days=1)
    run()
    run()

    assert closed[0] == date(2026, 11, 26)
    assert len(closed) == len(set(closed))
    assert hub.ledger.day(date(2026, 11, 26)).revision == 1


def test_an_hour_that_passed_while_nobody_was_there_is_made_up_for_at_once(hub):
    hub.accept(day_of_events(date(2026, 11, 29)))
    hub.settle()

    run, closed = closing(hub)
    run()

    assert closed == [date(2026, 11, 29), date(2026, 11, 30)]


def test_a_day_that_cannot_be_closed_keeps_no_other_from_it_and_is_tried_again(hub):
    first, second = date(2026, 11, 28), date(2026, 11, 29)
    for day in (first, second):
        hub.accept(day_of_events(day))
    hub.settle()
    broken = {first}

    def close(day: date) -> None:
        if day in broken:
            raise Damaged(f"a file of {day} is not what it was")
        hub.close_day(day)

    run = Closing(hub.lake, hub.ledger, hub.zone, lambda: hub.now, close)
    for mark in ("late", "later"):
        with pytest.raises(Damaged, match="2026-11-28"):
            run()
        hub.accept(day_of_events(second, mark=mark))
        hub.settle()
    assert [hub.ledger.day(day).revision for day in (first, second)] == [0, 1]

    broken.clear()
    run()

    assert [hub.ledger.day(day).revision for day in (first, second)] == [1, 1]


def test_a_duty_that_fails_waits_longer_each_time_and_recovers():
    outcomes: list[FootfallError | None] = [Unavailable("busy"), Unavailable("busy"), Refused("no"), None]

    def run() -> bool:
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome
        return False

    duty = Duty("settle", run, every_s=2.0)

    assert [duty.once() for _ in range(4)] == [2.0, 4.0, 16.0, 2.0]


def run_beside(failure: Exception, *, failures: int) -> list[str]:
    """What a worker runs of a duty that always fails and of one that works, until the first failed that often."""
    ran: list[str] = []

    def broken() -> bool:
        ran.append("broken")
        raise failure

    def working() -> bool:
        ran.append("working")
        if ran.count("broken") == failures:
            worker.stop()
        return True

    worker = Worker([Duty("a", broken, 0.001), Duty("b", working, 0.001)], time.monotonic)
    worker.run()
    return ran


def test_one_failing_duty_does_not_keep_the_other_from_running():
    assert run_beside(Refused("always"), failures=1) == ["broken", "working"]


def test_an_error_that_nobody_foresaw_is_told_without_its_words_and_the_worker_goes_on(caplog):
    assert run_beside(KeyError("ada@example.com"), failures=2).count("broken") == 2
    told = [vars(record) for record in caplog.records if record.getMessage() == "a failed"]
    assert (told[0]["kind"], told[0]["at"].partition(":")[0], told[0]["failures"]) == ("KeyError", "test_work.py", 1)
    assert "ada" not in caplog.text


def test_a_duty_that_found_nothing_is_run_again_when_its_pause_is_over_and_not_before():
    now, ran = 100.0, list[float]()

    def look() -> bool:
        ran.append(now)
        return False

    def hurry() -> bool:
        nonlocal now
        now += 0.5
        if now > 110:
            worker.stop()
        return True

    worker = Worker([Duty("look", look, 5.0), Duty("hurry", hurry, 1.0)], lambda: now)
    worker.run()

    assert ran == [100.0, 105.0, 110.0]
