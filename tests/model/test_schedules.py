"""Schedules: each slot once, in every zone, whatever the clocks do."""

from __future__ import annotations

import importlib.resources
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import islice, pairwise

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.config import load_zone
from footfall.config.cron import next_instant
from footfall.errors import Refused
from footfall.model.days import Zone
from footfall.model.schedules import (
    KINDS,
    Schedule,
    Slot,
    between,
    from_plain,
    named,
    next_slot,
    slots,
    to_plain,
)

ZONES = (importlib.resources.files("tzdata") / "zones").read_text().split()
# One of each kind of oddity; the slow test takes them all.
SOME = (
    "UTC",
    "America/New_York",
    "America/Havana",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Europe/Athens",
    "Europe/Helsinki",
    "Pacific/Chatham",
    "Antarctica/Troll",
    "Africa/Cairo",
    "America/Santiago",
    "Atlantic/Azores",
)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
THREE = time(3)


@cache
def zone(name: str) -> Zone:
    return load_zone(name)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def daily(zone_name: str, at: time = THREE, **more: object) -> Schedule:
    return Schedule("daily", zone(zone_name), at=at, **more)  # type: ignore[arg-type]


# --- a year in every zone ---


def a_year_holds(z: Zone, year: int, at: time) -> None:
    """Live through a year, asking now and then: every day has one slot, due once, at its time of day or the jump."""
    schedule = Schedule("daily", z, at=at)
    begin, end = z.bounds(date(year, 1, 1)).start, z.bounds(date(year + 1, 1, 1)).start
    seen: list[Slot] = []
    asked, step = begin, timedelta(hours=53, minutes=7)
    while asked < end:
        until = min(asked + step, end)
        found = list(slots(schedule, asked, until))
        assert all(asked < slot.due <= until for slot in found), z.name
        seen += found
        asked = until
    # The calendar itself: one slot for each date, those that never happened included.
    assert [slot.day for slot in seen] == [
        seen[0].day + timedelta(days=n)
        for n in range(len(seen))  # type: ignore[operator]
    ]
    assert len(seen) in (364, 365, 366, 367), z.name
    for before, slot in pairwise(seen):
        assert before.end == slot.start, z.name
        assert before.due <= slot.due, z.name
    for slot in seen:
        assert slot.day is not None
        assert (slot.start, slot.end) == (z.bounds(slot.day).start, z.bounds(slot.day).end), z.name
        shown = slot.due.astimezone(z.info).replace(tzinfo=None)
        wanted = datetime.combine(slot.day + DAY, at)
        if shown != wanted:  # skipped: then it is the instant of the jump, and a moment before it was not yet time
            assert shown > wanted, (z.name, slot)
            assert (slot.due - TICK).astimezone(z.info).replace(tzinfo=None) < wanted, (z.name, slot)


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("at", [time(0), time(2, 30), THREE], ids=str)
def test_a_year_of_a_daily_job_has_each_day_once_in_a_zone_that_is_odd(name: str, at: time) -> None:
    a_year_holds(zone(name), 2026, at)


@pytest.mark.slow
@pytest.mark.parametrize("at", [time(0), time(2, 30), THREE], ids=str)
def test_a_year_of_a_daily_job_has_each_day_once_in_every_zone(at: time) -> None:
    assert len(ZONES) > 590
    for name in ZONES:
        a_year_holds(zone(name), 2026, at)


def a_year_of_cron_holds(z: Zone, expression: str, at: time) -> None:
    """What cron finds is what the daily schedule finds: one rule for the clock in the whole program."""
    begin, end = utc("2025-12-31T00:00"), utc("2027-01-01T00:00")
    cron = slots(Schedule("cron", z, cron=expression), begin, end, cron=next_instant)
    calendar = slots(Schedule("daily", z, at=at), begin, end)
    assert [slot.due for slot in cron] == [slot.due for slot in calendar], z.name


@pytest.mark.parametrize("name", SOME)
def test_cron_and_the_daily_schedule_are_due_at_the_same_instants(name: str) -> None:
    a_year_of_cron_holds(zone(name), "0 3 * * *", THREE)
    a_year_of_cron_holds(zone(name), "30 2 * * *", time(2, 30))


@pytest.mark.slow
def test_cron_and_the_daily_schedule_agree_in_every_zone() -> None:
    for name in ZONES:
        a_year_of_cron_holds(zone(name), "0 3 * * *", THREE)


# --- golden days ---


@pytest.mark.parametrize(
    ("name", "at", "day", "start", "end", "due"),
    [
        pytest.param("America/New_York", THREE, "2026-03-07", "2026-03-07T05:00", "2026-03-08T05:00",
                     "2026-03-08T07:00", id="New York, after the jump"),
        pytest.param("America/New_York", time(2, 30), "2026-03-07", "2026-03-07T05:00", "2026-03-08T05:00",
                     "2026-03-08T07:00", id="New York, skipped: at the jump"),
        pytest.param("America/New_York", time(1, 30), "2026-10-31", "2026-10-31T04:00", "2026-11-01T04:00",
                     "2026-11-01T05:30", id="New York, doubled: the first"),
        pytest.param("America/Havana", time(0), "2026-03-07", "2026-03-07T05:00", "2026-03-08T05:00",
                     "2026-03-08T05:00", id="Havana, no midnight"),
        pytest.param("America/Havana", time(0, 30), "2026-10-31", "2026-10-31T04:00", "2026-11-01T04:00",
                     "2026-11-01T04:30", id="Havana, two midnights"),
        pytest.param("Australia/Lord_Howe", time(2, 15), "2026-10-03", "2026-10-02T13:30", "2026-10-03T13:30",
                     "2026-10-03T15:30", id="Lord Howe, half an hour skipped"),
        pytest.param("Australia/Lord_Howe", time(1, 45), "2026-04-04", "2026-04-03T13:00", "2026-04-04T13:00",
                     "2026-04-04T14:45", id="Lord Howe, half an hour doubled"),
        pytest.param("Pacific/Apia", THREE, "2011-12-29", "2011-12-29T10:00", "2011-12-30T10:00",
                     "2011-12-30T10:00", id="Apia, due on a day that never was"),
        pytest.param("Pacific/Apia", THREE, "2011-12-30", "2011-12-30T10:00", "2011-12-30T10:00",
                     "2011-12-30T13:00", id="Apia, the day that never was"),
        pytest.param("Asia/Kathmandu", THREE, "2026-05-01", "2026-04-30T18:15", "2026-05-01T18:15",
                     "2026-05-01T21:15", id="Kathmandu"),
        pytest.param("Africa/Casablanca", THREE, "2026-02-15", "2026-02-14T23:00", "2026-02-16T00:00",
                     "2026-02-16T03:00", id="Casablanca, 25 hours"),
        pytest.param("Europe/Athens", THREE, "2026-03-28", "2026-03-27T22:00", "2026-03-28T22:00",
                     "2026-03-29T01:00", id="Athens, 03:00 skipped"),
        pytest.param("Europe/Athens", THREE, "2026-10-24", "2026-10-23T21:00", "2026-10-24T21:00",
                     "2026-10-25T00:00", id="Athens, 03:00 doubled"),
    ],
)  # fmt: skip
def test_golden_days(name, at, day, start, end, due) -> None:
    schedule = daily(name, at)
    wanted = date.fromisoformat(day)
    slot = Slot(utc(start), utc(end), utc(due), wanted, wanted)
    assert named(schedule, day) == slot
    assert list(slots(schedule, slot.due - TICK, slot.due)).count(slot) == 1
    assert slot not in list(slots(schedule, slot.due, slot.due + 3 * DAY))


def test_a_day_that_never_was_shares_its_instant_with_a_neighbour_and_both_have_slots() -> None:
    found = list(slots(daily("Pacific/Apia", time(0)), utc("2011-12-29T12:00"), utc("2011-12-31T12:00")))
    assert [(slot.name, slot.due) for slot in found] == [
        ("2011-12-29", utc("2011-12-30T10:00")),
        ("2011-12-30", utc("2011-12-30T10:00")),
        ("2011-12-31", utc("2011-12-31T10:00")),
    ]


# --- the kinds ---


def names(schedule: Schedule, after: str, count: int) -> list[str]:
    return [slot.name for slot in islice(slots(schedule, utc(after), cron=next_instant), count)]


def test_minutes_and_hours_pass_on_the_clock_that_never_jumps() -> None:
    new_york = zone("America/New_York")
    for kind, every, length in (("minutes", 5, timedelta(minutes=5)), ("hourly", 1, timedelta(hours=1))):
        found = list(slots(Schedule(kind, new_york, every=every), utc("2026-11-01T00:00"), utc("2026-11-02T00:00")))
        assert len(found) == DAY // length
        assert all(a.end == b.start for a, b in pairwise(found))
        assert all(slot.due == slot.end == slot.start + length for slot in found)


def test_a_time_of_day_means_nothing_to_an_hourly_job() -> None:
    plain, timed = (Schedule("hourly", zone("Europe/Athens"), at=at) for at in (None, time(7, 30)))
    assert names(plain, "2026-05-01T00:20", 3) == names(timed, "2026-05-01T00:20", 3)


def test_a_weekly_slot_is_the_seven_days_before_its_weekday() -> None:
    schedule = Schedule("weekly", zone("Europe/Athens"), at=time(6), weekday=2)
    slot = next_slot(schedule, utc("2026-03-27T00:00"))
    assert slot is not None
    assert (slot.name, slot.due) == ("2026-03-25..2026-03-31", utc("2026-04-01T03:00"))
    assert list(slot.days(schedule.zone)) == [date(2026, 3, 25) + timedelta(days=n) for n in range(7)]
    assert slot.end - slot.start == 7 * DAY - timedelta(hours=1)


def test_a_monthly_slot_ends_on_the_last_day_of_a_shorter_month() -> None:
    schedule = Schedule("monthly", zone("UTC"), at=THREE, day_of_month=31)
    assert names(schedule, "2026-01-31T12:00", 3) == [
        "2026-01-31..2026-02-27", "2026-02-28..2026-03-30", "2026-03-31..2026-04-29",
    ]  # fmt: skip


def test_every_n_days_does_not_depend_on_where_one_begins_to_ask() -> None:
    schedule = daily("Europe/Athens", every=3)
    whole = names(schedule, "2026-01-01T00:00", 60)
    for asked in range(1, 90):
        later = names(schedule, (utc("2026-01-01T00:00") + asked * DAY).isoformat()[:19], 20)
        assert later == whole[whole.index(later[0]) :][:20]


def test_a_one_time_job_is_due_once_at_its_start_and_stands_for_the_day_before() -> None:
    schedule = Schedule("once", zone("America/New_York"), start=utc("2026-05-02T11:00"))
    assert [slot.name for slot in slots(schedule, utc("2026-01-01T00:00"))] == ["2026-05-01"]
    assert next_slot(schedule, utc("2026-05-02T11:00")) is None
    assert named(schedule, "2026-05-01") is not None


def test_without_a_time_of_day_a_job_is_due_an_interval_after_it_was_done() -> None:
    athens = zone("Europe/Athens")
    done = utc("2026-03-28T10:17:31.5")
    for kind, due in (("daily", "2026-03-29T09:17:31"), ("weekly", "2026-04-04T09:17:31"),
                      ("monthly", "2026-04-28T09:17:31")):  # fmt: skip
        [slot] = slots(Schedule(kind, athens), done, utc("2027-01-01T00:00"))
        assert (slot.start, slot.due) == (done.replace(microsecond=0), utc(due))


@pytest.mark.parametrize("kind", ["daily", "weekly", "monthly"])
def test_without_a_time_of_day_the_first_run_is_due_at_a_start_that_lies_further_ahead_than_an_interval(kind) -> None:
    asked, start = utc("2026-01-01T10:17:31.5"), utc("2026-06-01T03:00:00.2")
    schedule = Schedule(kind, zone("Europe/Athens"), start=start)
    [slot] = slots(schedule, asked)
    assert (slot.start, slot.due) == (asked.replace(microsecond=0), utc("2026-06-01T03:00:01"))
    assert slot == next_slot(schedule, asked), "whole seconds, none of them before the start"
    following = next_slot(schedule, slot.due)
    assert following is not None
    assert following.due > slot.due
    assert next_slot(Schedule(kind, schedule.zone, start=start, end=start), asked) is None
    near = Schedule(kind, schedule.zone, start=asked + timedelta(minutes=1))
    assert next_slot(near, asked) == next_slot(Schedule(kind, schedule.zone), asked)


def test_nothing_is_due_before_the_start_or_from_the_end_on() -> None:
    schedule = daily("UTC", start=utc("2026-05-02T03:00"), end=utc("2026-05-05T03:00"))
    found = [slot.name for slot in slots(schedule, utc("2026-01-01T00:00"))]
    assert found == ["2026-05-01", "2026-05-02", "2026-05-03"]
    assert next_slot(schedule, utc("2026-05-04T03:00")) is None
    assert named(schedule, "2026-01-01") is not None, "a backfill may go before the start"


# --- cron ---


def test_a_cron_slot_begins_where_the_one_before_ended_however_one_asks() -> None:
    schedule = Schedule("cron", zone("America/New_York"), cron="0 9,17 * * MON-FRI")
    whole = list(slots(schedule, utc("2026-03-05T00:00"), utc("2026-03-20T00:00"), cron=next_instant))
    assert all(a.end == b.start and b.due == b.end for a, b in pairwise(whole))
    for number, slot in enumerate(whole):
        assert next_slot(schedule, slot.due - timedelta(minutes=1), cron=next_instant) == slot
        assert list(slots(schedule, slot.due, whole[-1].due, cron=next_instant)) == whole[number + 1 :]


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(SOME),
    expression=st.sampled_from(["0 3 * * *", "30 1 * * *", "30 2 * * *", "15 0 * * *", "*/20 * * * *", "0 */2 * * *",
                                "0 0 1 * *", "45 1 * 3,10,11 SUN"]),
    minute=st.integers(0, 366 * 1440 - 1),
)  # fmt: skip
def test_the_next_instant_is_the_one_a_walk_from_long_before_comes_to(name: str, expression: str, minute: int) -> None:
    z, asked = zone(name), utc("2026-01-01T00:00") + timedelta(minutes=minute)
    walk = CronSim(expression, (asked - 40 * DAY).astimezone(z.info))
    expected = next(at for at in (found.astimezone(UTC) for found in walk) if at > asked)
    assert next_instant(expression, z, asked) == expected


def test_a_slot_of_a_leap_day_begins_at_the_leap_day_before() -> None:
    schedule = Schedule("cron", zone("UTC"), cron="0 0 29 2 *")
    slot = next_slot(schedule, utc("2026-01-01T00:00"), cron=next_instant)
    assert slot is not None
    assert (slot.start, slot.due) == (utc("2024-02-29T00:00"), utc("2028-02-29T00:00"))


@pytest.mark.parametrize("expression", ["", "* * * *", "0 25 * * *", "@daily", "0 0 30 2 *", "0 3 * * * *"])
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(Refused, match="no cron expression"):
        next_instant(expression, zone("UTC"), utc("2026-01-01T00:00"))


# --- names, ranges, text ---

ALL_KINDS = (
    Schedule("once", zone("Europe/Athens"), start=utc("2026-05-02T11:00")),
    Schedule("minutes", zone("UTC"), every=5),
    Schedule("hourly", zone("Asia/Kathmandu"), every=6, end=utc("2027-01-01T00:00")),
    daily("America/Havana", time(0)),
    daily("Pacific/Apia", every=2),
    Schedule("weekly", zone("Africa/Cairo"), at=time(2, 30), weekday=6),
    Schedule("monthly", zone("America/Santiago"), at=time(23, 59, 30), day_of_month=30),
    Schedule("cron", zone("Europe/Helsinki"), cron="0 3 * * *", start=utc("2026-01-05T00:00")),
)


@pytest.mark.parametrize("schedule", ALL_KINDS, ids=str)
def test_a_slot_is_found_by_its_name(schedule: Schedule) -> None:
    found = list(islice(slots(schedule, utc("2026-03-01T00:00"), cron=next_instant), 40))
    assert len({slot.name for slot in found}) == len(found) > 0
    for slot in found:
        assert named(schedule, slot.name, cron=next_instant) == slot


@pytest.mark.parametrize("name", ["2026-13-01", "yesterday", "", "20260501T000001Z", "2026-05-01T00:00:00Z"])
@pytest.mark.parametrize("schedule", ALL_KINDS, ids=str)
def test_a_name_of_no_slot_finds_none(schedule: Schedule, name: str) -> None:
    assert named(schedule, name, cron=next_instant) is None


@pytest.mark.parametrize("schedule", ALL_KINDS[1:], ids=str)
def test_a_range_of_days_is_covered_once_by_its_slots(schedule: Schedule) -> None:
    first, last = date(2026, 3, 2), date(2026, 3, 15)
    found = list(between(schedule, first, last, cron=next_instant))
    assert found[0].start <= schedule.zone.bounds(first).start
    assert found[-1].end >= schedule.zone.bounds(last).end
    assert all(a.end == b.start for a, b in pairwise(found))
    assert len({slot.name for slot in found}) == len(found)


@pytest.mark.parametrize("schedule", ALL_KINDS, ids=str)
def test_a_schedule_survives_being_written_down(schedule: Schedule) -> None:
    assert from_plain(to_plain(schedule), load_zone) == schedule


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param({"kind": "fortnightly"}, "no kind", id="kind"),
        pytest.param({"kind": "minutes", "every": 0}, "every 0", id="never"),
        pytest.param({"kind": "weekly", "weekday": 7}, "weekday", id="weekday"),
        pytest.param({"kind": "monthly", "day_of_month": 32}, "day of a month", id="day of month"),
        pytest.param({"kind": "cron"}, "needs an expression", id="cron without one"),
        pytest.param({"kind": "once"}, "instant", id="once without one"),
        pytest.param({"kind": "daily", "start": datetime(2026, 1, 1)}, "time zone", id="naive"),
    ],
)
def test_what_is_no_schedule_is_refused(more, said) -> None:
    with pytest.raises(Refused, match=said):
        Schedule(zone=zone("UTC"), **more)


def test_every_kind_says_what_it_is() -> None:
    assert {schedule.kind for schedule in ALL_KINDS} == set(KINDS)
    assert [str(schedule) for schedule in ALL_KINDS[3:7]] == [
        "every day at 00:00 America/Havana",
        "every 2 days at 03:00 Pacific/Apia",
        "every week on sunday at 02:30 Africa/Cairo",
        "every month on day 30 at 23:59 America/Santiago",
    ]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", sorted({*KINDS} - {"once"}))
def test_a_schedule_that_begins_in_centuries_has_its_first_slot_at_once(kind: str) -> None:
    start = datetime(2999, 6, 1, 12, 30, tzinfo=UTC)
    at = time(3) if kind in ("daily", "weekly", "monthly") else None
    rule = Schedule(kind, zone("Europe/Athens"), at=at, cron="*/5 * * * *" if kind == "cron" else "", start=start)
    first = next_slot(rule, datetime(2026, 11, 24, tzinfo=UTC), cron=next_instant)
    assert first is not None
    assert start <= first.due <= start + timedelta(days=32)
    before = list(islice(slots(rule, start - timedelta(days=40), cron=next_instant), 2))
    assert before[0] == first
    assert not list(slots(rule, datetime(2026, 1, 1, tzinfo=UTC), start - timedelta(seconds=1), cron=next_instant))
