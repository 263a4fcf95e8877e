"""An unusual number of rows is told from a usual one, and silence from quiet days."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.config import load_zone
from footfall.model.row_counts import NO_OPINION, WEEKS, Counted, alike, opinion
from footfall.model.schedules import Schedule, Slot, named, slots

FIRST = datetime(2026, 9, 4, 8, tzinfo=UTC)
ZONE = load_zone("America/New_York")
DAILY = Schedule("daily", ZONE, at=time(3))


def weeks(*counts: int) -> list[Counted]:
    return [Counted(FIRST + timedelta(weeks=n), rows) for n, rows in enumerate(counts)]


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        pytest.param(1000, "", id="as always"),
        pytest.param(1240, "", id="a quarter more is nobody's business"),
        pytest.param(1260, "unusual", id="more than that is"),
        pytest.param(760, "", id="a quarter less is not"),
        pytest.param(740, "unusual", id="far fewer"),
        pytest.param(1, "unusual", id="almost none"),
        pytest.param(0, "no_data", id="none at all"),
    ],
)
def test_what_differs_by_more_than_a_quarter_of_steady_weeks_is_unusual(rows, word):
    assert opinion(rows, weeks(1000, 990, 1010, 1005, 995, 1000, 1000, 1000)).word == word


def test_weeks_that_vary_much_allow_for_more():
    restless = weeks(1000, 1400, 700, 1200, 900, 1300, 800, 1100)
    seen = opinion(2000, restless)
    assert (seen.word, seen.usual, seen.low, seen.high, seen.slots) == ("", 1050, 0, 2250, 8)
    assert opinion(2600, restless).word == "unusual"


def test_one_bad_week_does_not_move_what_is_usual():
    assert opinion(1000, weeks(1000, 1000, 0, 1000, 50_000, 1000)).word == ""
    assert opinion(0, weeks(1000, 1000, 0, 1000, 50_000, 1000)).word == "no_data"


def test_small_numbers_vary_by_chance():
    assert opinion(14, weeks(5, 4, 6, 5)).word == ""
    assert opinion(16, weeks(5, 4, 6, 5)).word == "unusual"


@pytest.mark.parametrize("counts", [(), (1000,), (1000, 1000, 1000)])
def test_with_too_little_history_there_is_no_opinion(counts):
    assert opinion(0, weeks(*counts)) is NO_OPINION


def test_many_slots_of_few_days_are_too_little_history():
    same_day = [Counted(FIRST + timedelta(minutes=n), 1000) for n in range(50)]
    assert opinion(0, same_day) is NO_OPINION


def test_a_weekday_that_is_often_empty_is_no_missing_data():
    assert opinion(0, weeks(10, 0, 0, 12, 0, 9, 0, 0)).word == ""
    assert opinion(0, weeks(0, 0, 0, 0)).word == ""


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**9), max_size=40))
def test_the_order_of_weeks_does_not_matter(rows, counts):
    assert opinion(rows, weeks(*counts)).word == opinion(rows, weeks(*reversed(counts))).word
    assert opinion(rows, weeks(*counts)) == opinion(rows, weeks(*counts))


@given(st.lists(st.integers(0, 10**6), min_size=4, max_size=8))
def test_the_median_itself_is_never_unusual(counts):
    usual = opinion(1, weeks(*counts)).usual
    assert opinion(usual, weeks(*counts)).word in ("", "no_data")


def test_a_day_is_compared_with_its_weekday_in_each_of_the_eight_weeks_before():
    slot = named(DAILY, "2026-11-20")
    passed = list(slots(DAILY, slot.due - timedelta(days=70), slot.due))
    spans = alike(DAILY, slot)
    found = [each.day for each in passed if any(begin <= each.due < end for begin, end in spans)]
    assert found == sorted(slot.day - timedelta(weeks=n) for n in range(1, WEEKS + 1))  # over the end of summer time
    assert {day.weekday() for day in found} == {4}


def test_an_hour_is_compared_with_its_weekday_and_time():
    hourly = Schedule("hourly", ZONE)
    at = datetime(2026, 6, 19, 15, tzinfo=UTC)
    spans = alike(hourly, Slot(at - timedelta(hours=1), at, at))
    passed = slots(hourly, at - timedelta(days=70), at)
    found = [each.due for each in passed if any(begin <= each.due < end for begin, end in spans)]
    assert {due.weekday() for due in found} == {4}
    assert {due.hour for due in found} == {14, 15, 16}


def test_a_week_is_compared_with_the_weeks_before():
    weekly = Schedule("weekly", ZONE, at=time(3))
    slot = next(iter(slots(weekly, datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC))))
    ((begin, end),) = alike(weekly, slot)
    passed = list(slots(weekly, slot.due - timedelta(days=200), slot.due))
    assert len([each for each in passed if begin <= each.due < end]) == WEEKS
