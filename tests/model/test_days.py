"""Local days: they partition time, in every zone there is."""

from __future__ import annotations

import importlib.resources
import struct
from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
import tzdata
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.model.days import Window, Zone

_PACKAGE = importlib.resources.files("tzdata")
ZONES = (_PACKAGE / "zones").read_text().split()
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)


@cache
def zone(name: str) -> Zone:
    with _PACKAGE.joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return Zone(name, ZoneInfo.from_file(file, key=name), tzdata.__version__)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- the partition law -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first_letters", ["A", "B-E", "F-O", "P-Z"])
def test_every_instant_of_a_year_belongs_to_exactly_one_local_day_in_every_zone(first_letters: str) -> None:
    names = [name for name in ZONES if first_letters[0] <= name[0].upper() <= first_letters[-1]]
    assert names
    for name in names:
        z = zone(name)
        starts = z.day_starts(date(2025, 12, 30), date(2027, 1, 2))
        assert all(a < b for a, b in pairwise(starts)), name
        assert all(a < b for a, b in pairwise(start for _, start in starts)), name
        for (day, start), (_, end) in pairwise(starts):
            if end - start != DAY or day.day == 1:  # the plain days of a month are alike
                assert z.bounds(day) == Window(start, end), (name, day)
                assert [z.day_of(at) for at in (start, start + TICK, end - TICK)] == [day] * 3, (name, day)


@pytest.mark.parametrize(
    ("name", "year"),
    [("America/St_Johns", 2006), ("Africa/Casablanca", 2026), ("Antarctica/Troll", 2026), ("America/Havana", 2025)],
)
def test_the_day_of_every_minute_is_the_largest_date_its_clock_has_shown(name: str, year: int) -> None:
    # The definition itself, followed minute by minute and without any transition.
    z = zone(name)
    starts = z.day_starts(date(year - 1, 12, 30), date(year + 1, 1, 2))
    instants = [start for _, start in starts]
    minute, end, seen = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC), date.min
    while minute < end:
        seen = max(seen, minute.astimezone(z.info).date())
        assert starts[bisect_right(instants, minute) - 1][0] == seen, (name, minute)
        minute += timedelta(minutes=1)


def test_no_zone_changes_its_offset_twice_within_the_step_in_which_changes_are_sought() -> None:
    # model.days looks every two days; a change and its opposite within two days would go unseen.
    for name in ZONES:
        changes = _changes_in_file(_PACKAGE.joinpath("zoneinfo", *name.split("/")).read_bytes())
        assert all(b - a > 4 * 86_400 for a, b in pairwise(changes)), name


def _changes_in_file(tzif: bytes) -> list[int]:
    """Instants at which the offset changes, from the 64-bit part of a TZif file (RFC 8536, 3)."""

    def counts(at: int) -> tuple[int, ...]:
        return struct.unpack_from(">6l", tzif, at + 20)  # isut, isstd, leap, time, type, char

    isut, isstd, leap, times, types, chars = counts(0)
    at = 44 + times * 5 + types * 6 + chars + leap * 8 + isstd + isut
    _, _, _, times, types, _ = counts(at)
    instants = struct.unpack_from(f">{times}q", tzif, at + 44)
    kinds = tzif[at + 44 + times * 8 :][:times]
    offsets = [struct.unpack_from(">l", tzif, at + 44 + times * 9 + n * 6)[0] for n in range(types)]
    steps = [(offsets[0], 0), *((offsets[kind], instant) for kind, instant in zip(kinds, instants, strict=True))]
    return [instant for (before, _), (after, instant) in pairwise(steps) if before != after]


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(ZONES),
    instant=st.datetimes(datetime(1850, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
)
def test_an_instant_lies_within_the_bounds_of_its_day(name: str, instant: datetime) -> None:
    z = zone(name)
    day = z.day_of(instant)
    assert instant in z.bounds(day)
    assert z.bounds(day).end == z.bounds(day + DAY).start
    assert z.scheduled(day) >= z.bounds(day).end


# --- golden days -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "day", "hours"),
    [
        pytest.param("America/New_York", date(2026, 3, 8), 23, id="spring forward at 02:00"),
        pytest.param("America/New_York", date(2026, 11, 1), 25, id="fall back at 02:00"),
        pytest.param("America/St_Johns", date(2026, 3, 8), 23, id="St. John's forward"),
        pytest.param("America/St_Johns", date(2026, 11, 1), 25, id="St. John's back"),
        pytest.param("America/St_Johns", date(2006, 10, 28), 24, id="the day before 28, 29, 28, 29"),
        pytest.param("America/St_Johns", date(2006, 10, 29), 25, id="dates run 28, 29, 28, 29"),
        pytest.param("America/St_Johns", date(1988, 4, 3), 22, id="two hours forward at 00:01"),
        pytest.param("Africa/Cairo", date(2026, 4, 24), 23, id="midnight itself is skipped"),
        pytest.param("Africa/Cairo", date(2026, 10, 29), 25, id="back at midnight, into the same date"),
        pytest.param("Asia/Beirut", date(2026, 3, 29), 23, id="Beirut starts at 01:00"),
        pytest.param("America/Santiago", date(2026, 9, 6), 23, id="Santiago starts at 01:00"),
        pytest.param("America/Havana", date(2026, 3, 8), 23, id="Havana starts at 01:00"),
        pytest.param("America/Havana", date(2025, 11, 2), 25, id="midnight itself occurs twice"),
        pytest.param("Atlantic/Azores", date(2026, 3, 29), 23, id="Azores starts at 01:00"),
        pytest.param("Atlantic/Azores", date(2026, 10, 25), 25, id="Azores sees midnight twice"),
        pytest.param("America/Sao_Paulo", date(2018, 11, 4), 23, id="Sao Paulo while it had summer time"),
        pytest.param("America/Asuncion", date(2024, 10, 6), 23, id="Asuncion's last change"),
        pytest.param("America/Toronto", date(1919, 3, 31), 23.5, id="jump from 23:30 to 00:30"),
        pytest.param("Australia/Lord_Howe", date(2026, 4, 5), 24.5, id="half-hour back"),
        pytest.param("Australia/Lord_Howe", date(2026, 10, 4), 23.5, id="half-hour forward"),
        pytest.param("Africa/Casablanca", date(2026, 2, 15), 25, id="Casablanca before Ramadan"),
        pytest.param("Africa/Casablanca", date(2026, 3, 22), 23, id="Casablanca after Ramadan"),
        pytest.param("Africa/Casablanca", date(2026, 9, 20), 25, id="Casablanca gives up summer time"),
        pytest.param("Antarctica/Troll", date(2026, 3, 29), 22, id="Troll forward by two"),
        pytest.param("Antarctica/Troll", date(2026, 10, 25), 26, id="Troll back by two"),
        pytest.param("Asia/Kathmandu", date(1986, 1, 1), 23.75, id="the year began at 00:15"),
        pytest.param("Asia/Kathmandu", date(2026, 1, 1), 24, id="a plain day at +05:45"),
        pytest.param("Pacific/Apia", date(2011, 12, 30), 0, id="the date never happened"),
        pytest.param("Pacific/Fakaofo", date(2011, 12, 30), 0, id="nor in Tokelau"),
        pytest.param("Pacific/Kwajalein", date(1993, 8, 21), 0, id="nor this one on Kwajalein"),
        pytest.param("Pacific/Enderbury", date(1994, 12, 31), 0, id="nor this one in the Phoenix Islands"),
        pytest.param("UTC", date(2026, 6, 30), 24, id="UTC"),
    ],
)
def test_a_day_is_as_long_as_its_clock_says(name: str, day: date, hours: float) -> None:
    assert zone(name).bounds(day).duration == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("name", "day", "start"),
    [
        pytest.param("Europe/Berlin", date(2026, 7, 1), "2026-06-30T22:00", id="plain"),
        pytest.param("America/Santiago", date(2026, 9, 6), "2026-09-06T04:00", id="skipped: the jump"),
        pytest.param("America/Havana", date(2025, 11, 2), "2025-11-02T04:00", id="doubled: the first"),
        pytest.param("America/Toronto", date(1919, 3, 31), "1919-03-31T04:30", id="jump begins before midnight"),
        pytest.param("America/St_Johns", date(2006, 10, 29), "2006-10-29T02:30", id="reached, left, reached again"),
        pytest.param("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00", id="after the date line"),
    ],
)
def test_a_day_starts_at_the_first_instant_of_its_date(name: str, day: date, start: str) -> None:
    assert zone(name).bounds(day).start == utc(start)


def test_minutes_that_show_yesterdays_date_again_belong_to_the_day_that_had_begun() -> None:
    z = zone("America/St_Johns")
    again = utc("2006-10-29T02:45")
    assert again.astimezone(z.info).isoformat() == "2006-10-28T23:15:00-03:30"
    assert z.day_of(again) == date(2006, 10, 29)
    assert z.day_of(utc("2006-10-29T02:29")) == date(2006, 10, 28)


def test_a_date_that_never_happened_holds_no_instant_and_starts_no_day() -> None:
    z = zone("Pacific/Apia")
    days = [day for day, _ in z.day_starts(date(2011, 12, 28), date(2012, 1, 1))]
    assert date(2011, 12, 30) not in days
    assert days == [date(2011, 12, 28), date(2011, 12, 29), date(2011, 12, 31), date(2012, 1, 1)]
    assert z.day_of(utc("2011-12-30T09:59:59")) == date(2011, 12, 29)
    assert z.day_of(utc("2011-12-30T10:00")) == date(2011, 12, 31)
    assert z.hours(date(2011, 12, 30)) == []


def test_a_range_that_ends_on_a_date_that_never_happened_ends_before_it() -> None:
    z = zone("Pacific/Apia")
    assert [day for day, _ in z.day_starts(date(2011, 12, 29), date(2011, 12, 30))] == [date(2011, 12, 29)]
    assert z.day_starts(date(2011, 12, 30), date(2011, 12, 30)) == []


# --- the hour at which reports are due -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "day", "due"),
    [
        pytest.param("Europe/Athens", date(2026, 3, 28), "2026-03-29T01:00", id="Athens skips 03:00"),
        pytest.param("Europe/Athens", date(2026, 10, 24), "2026-10-25T00:00", id="Athens has 03:00 twice"),
        pytest.param("Europe/Helsinki", date(2026, 3, 28), "2026-03-29T01:00", id="Helsinki skips"),
        pytest.param("Europe/Kyiv", date(2026, 10, 24), "2026-10-25T00:00", id="Kyiv doubles"),
        pytest.param("Pacific/Chatham", date(2026, 9, 26), "2026-09-26T14:00", id="Chatham jumps 02:45 to 03:45"),
        pytest.param("Pacific/Chatham", date(2026, 4, 4), "2026-04-04T13:15", id="Chatham has 03:00 twice"),
        pytest.param("America/New_York", date(2026, 3, 7), "2026-03-08T07:00", id="New York: right after its jump"),
        pytest.param("Asia/Kolkata", date(2026, 3, 7), "2026-03-07T21:30", id="plain half-hour zone"),
        pytest.param("Pacific/Apia", date(2011, 12, 29), "2011-12-30T10:00", id="the next date never happened"),
        pytest.param("Pacific/Apia", date(2011, 12, 30), "2011-12-30T13:00", id="of the date that never happened"),
    ],
)
def test_reports_are_due_once_at_the_first_instant_from_three_on(name: str, day: date, due: str) -> None:
    assert zone(name).scheduled(day) == utc(due)


@pytest.mark.parametrize("name", ["Europe/Athens", "Europe/Helsinki", "Pacific/Chatham", "Pacific/Apia", "Asia/Beirut"])
def test_every_day_has_a_due_instant_of_its_own_so_no_file_name_is_given_twice(name: str) -> None:
    days = [date(2011, 12, 1) + n * DAY for n in range(400)] + [date(2026, 1, 1) + n * DAY for n in range(365)]
    due = [zone(name).scheduled(day) for day in days]
    assert all(a < b for a, b in pairwise(due))


@pytest.mark.parametrize(
    ("name", "day", "first", "second"),
    [
        pytest.param("Europe/Berlin", date(2026, 3, 29), "2026-03-29T01:00", None, id="02:30 is skipped"),
        pytest.param("Europe/Berlin", date(2026, 10, 25), "2026-10-25T00:30", "2026-10-25T01:30", id="02:30 twice"),
    ],
)
def test_half_past_two_runs_once(name: str, day: date, first: str, second: str | None) -> None:
    instant = zone(name).at(day, time(2, 30))
    assert instant == utc(first)
    assert second is None or utc(second).astimezone(zone(name).info).time() == time(2, 30)


# --- hours -------------------------------------------------------------------------------------------------------


def _labels(name: str, day: date) -> list[tuple[str, int]]:
    return [(label, (end - start) // timedelta(minutes=1)) for label, start, end in zone(name).hours(day)]


def test_a_plain_day_has_the_hours_of_the_clock() -> None:
    assert _labels("Asia/Kolkata", date(2026, 6, 1)) == [(f"{h:02d}", 60) for h in range(24)]


def test_a_repeated_hour_is_there_twice_and_a_skipped_one_is_not() -> None:
    back = [label for label, _ in _labels("Europe/Berlin", date(2026, 10, 25))]
    assert back[:5] == ["00", "01", "02", "02", "03"]
    forward = [label for label, _ in _labels("Europe/Berlin", date(2026, 3, 29))]
    assert forward[:4] == ["00", "01", "03", "04"]


def test_a_half_hour_change_cuts_hours_short() -> None:
    assert _labels("Australia/Lord_Howe", date(2026, 4, 5))[:4] == [("00", 60), ("01", 60), ("01", 30), ("02", 60)]
    assert _labels("Australia/Lord_Howe", date(2026, 10, 4))[:4] == [("00", 60), ("01", 60), ("02", 30), ("03", 60)]


def test_a_jump_one_minute_after_midnight_keeps_every_minute() -> None:
    assert _labels("America/St_Johns", date(2006, 10, 29))[:4] == [("00", 1), ("23", 59), ("00", 60), ("01", 60)]


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(ZONES), day=st.dates(date(1880, 1, 1), date(2100, 1, 1)))
def test_the_hours_of_a_day_fill_it_without_gap_or_overlap(name: str, day: date) -> None:
    z = zone(name)
    bounds, at = z.bounds(day), z.bounds(day).start
    for label, start, end in z.hours(day):
        assert start == at < end <= start + HOUR
        assert start.astimezone(z.info).strftime("%H") == label
        assert (end - timedelta(microseconds=1)).astimezone(z.info).strftime("%H") == label
        at = end
    assert at == bounds.end


# --- misuse ------------------------------------------------------------------------------------------------------


def test_a_time_without_a_zone_is_no_instant() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        zone("UTC").day_of(datetime(2026, 1, 1))


def test_a_window_holds_its_start_but_not_its_end() -> None:
    window = zone("UTC").bounds(date(2026, 1, 1))
    assert window.start in window
    assert window.end not in window
