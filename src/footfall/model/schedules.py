"""When a job runs, and the span of time each run stands for.

A schedule is a rule; ``slots`` unrolls it. Daily, weekly and monthly slots are whole local days, cut where the reports
are cut (``model.days``), and due at a time of day afterwards. A time of day that is skipped by a change of the clock
is due at the instant of the jump, one that is shown twice the first time: each slot is due once, in every zone.
Minutes and hours pass on the clock of UTC, which never jumps. See docs/guide/deliveries.md, "Schedules".

Sources: PX bucket export, "The job starts at 3 AM according to your subscription's timezone"; Lytics exports, "Time
of Day", which stands for every kind but minutes and hourly and, when it is absent, means completion plus interval.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, Final

from footfall.errors import Refused
from footfall.model.days import Zone

KINDS: Final = ("once", "minutes", "hourly", "daily", "weekly", "monthly", "cron")
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CALENDAR: Final = frozenset({"daily", "weekly", "monthly"})

# The first instant of a cron expression after the one given, in a zone; None when there is none for decades.
NextInstant = Callable[[str, Zone, datetime], datetime | None]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_EVERY_MAX: Final = {"minutes": 1440, "hourly": 168, "daily": 366, "weekly": 52, "monthly": 12}
# How far back the instant before a cron slot is looked for: beyond eight years without a 29th of February.
_BACK_MAX: Final = timedelta(days=366 * 9)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A rule for when to run. Raises ``Refused`` for what no rule can be.

    kind: one of ``KINDS``. zone: whose clock, dates and days count. every: each n-th minute, hour, day, week, month.
    at: time of day; None for a calendar kind means completion plus interval (``floating``); otherwise ignored.
    weekday: of a weekly run, 0 is Monday. day_of_month: of a monthly run; the last day where a month is shorter.
    cron: five fields. start: no slot is due before it; of ``once`` it is the instant. end: none is due at or after it.
    """

    kind: str
    zone: Zone
    every: int = 1
    at: time | None = None
    weekday: int = 0
    day_of_month: int = 1
    cron: str = ""
    start: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise Refused(f"{self.kind!r} is no kind of schedule", f"Choose one of {', '.join(KINDS)}")
        if not 1 <= self.every <= _EVERY_MAX.get(self.kind, 1):
            raise Refused(
                f"a schedule of kind {self.kind} cannot run every {self.every}",
                f"Use 1 to {_EVERY_MAX.get(self.kind, 1)}",
            )
        if not 0 <= self.weekday <= 6:
            raise Refused(f"{self.weekday} is no weekday", "0 is Monday, 6 is Sunday")
        if not 1 <= self.day_of_month <= 31:
            raise Refused(f"{self.day_of_month} is no day of a month", "Use 1 to 31; 31 is the last day of every month")
        if (self.kind == "cron") != bool(self.cron):
            raise Refused("a cron schedule needs an expression, and no other kind has one", "Write '0 3 * * *'")
        if self.kind == "once" and self.start is None:
            raise Refused("a schedule of kind once needs an instant to run at", "Give its start")
        if any(each is not None and each.utcoffset() is None for each in (self.start, self.end)):
            raise Refused("start and end of a schedule need a time zone", "Write 2026-01-31T12:00:00Z")

    @property
    def floating(self) -> bool:
        """Whether the next slot depends on when the last one was done."""
        return self.kind in CALENDAR and self.at is None

    def __str__(self) -> str:
        often = {"minutes": "minute", "hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month"}
        if self.kind == "once":
            return f"once at {self.start:%Y-%m-%d %H:%M:%S}Z" if self.start else "once"
        if self.kind == "cron":
            return f"cron {self.cron} {self.zone.name}"
        text = f"every {often[self.kind]}" if self.every == 1 else f"every {self.every} {often[self.kind]}s"
        text += f" on {WEEKDAYS[self.weekday]}" if self.kind == "weekly" and not self.floating else ""
        text += f" on day {self.day_of_month}" if self.kind == "monthly" and not self.floating else ""
        if self.kind not in CALENDAR:
            return text
        return f"{text}, after the last" if self.at is None else f"{text} at {self.at:%H:%M} {self.zone.name}"


@dataclass(frozen=True, slots=True)
class Slot:
    """One run that is to be: the span [start, end) it stands for and the instant it is ``due``. All UTC and aware.

    day, last_day: the local days of a calendar slot, both included; None for spans that are not days. A day that
    never happened (Apia, 2011-12-30) is a slot whose start is its end.
    """

    start: datetime
    end: datetime
    due: datetime
    day: date | None = None
    last_day: date | None = None

    @property
    def name(self) -> str:
        """What tells it from the other slots of its job: its day, its days, or the instant it is due."""
        if self.day is None:
            return f"{self.due.astimezone(UTC):{_STAMP}}"
        return f"{self.day}" if self.day == self.last_day else f"{self.day}..{self.last_day}"

    def days(self, zone: Zone) -> Iterator[date]:
        """The local days it stands for: its own, else those that end within (start, end]."""
        if self.day is not None and self.last_day is not None:
            for number in range((self.last_day - self.day).days + 1):
                yield self.day + timedelta(days=number)
            return
        day = zone.day_of(self.start)
        while zone.bounds(day).end <= self.end:
            if zone.bounds(day).end > self.start:
                yield day
            day += _DAY


def slots(
    schedule: Schedule, after: datetime, until: datetime | None = None, *, cron: NextInstant | None = None
) -> Iterator[Slot]:
    """Every slot with ``after`` < due <= ``until``, in the order they are due; without ``until`` as long as you ask.

    Which slots there are does not depend on where one begins to ask, but for a floating schedule: it has one next
    slot, an interval after ``after``, which is when the last one was done, or at its ``start`` if that is later.
    Raises ``Refused`` for a cron expression when no ``cron`` is passed in.
    """
    # Not from ``after`` on, slot by slot: to a start in a hundred years these are millions.
    near = after if schedule.floating or schedule.start is None else max(after, schedule.start)
    for slot in _from(schedule, near, cron):
        if (until is not None and slot.due > until) or (schedule.end is not None and slot.due >= schedule.end):
            return
        if slot.due > after and (schedule.start is None or slot.due >= schedule.start):
            yield slot


def next_slot(schedule: Schedule, after: datetime, *, cron: NextInstant | None = None) -> Slot | None:
    """The first slot that is due after ``after``; None when the schedule is over."""
    try:
        return next(slots(schedule, after, cron=cron), None)
    except OverflowError:  # beyond the last year there is
        return None


def named(schedule: Schedule, name: str, *, cron: NextInstant | None = None) -> Slot | None:
    """The slot of that name, be it before ``start`` or after ``end``; None when the schedule has none.

    A day is enough to name the slot of several days that holds it.
    """
    zone = schedule.zone
    if schedule.kind == "once":
        return next((slot for slot in _from(schedule, _EPOCH, cron) if slot.name == name), None)
    free = replace(schedule, start=None, end=None)
    try:
        if "T" in name:
            due = datetime.strptime(name, _STAMP).replace(tzinfo=UTC)
            if schedule.floating:
                return Slot(due, due, due)
            found = next_slot(free, due - _SECOND, cron=cron)
            return found if found is not None and found.name == name else None
        day = date.fromisoformat(name.partition("..")[0])
    except ValueError:
        return None
    if schedule.kind not in CALENDAR or schedule.floating:
        return None
    for slot in slots(free, zone.bounds(day).start - _DAY, cron=cron):
        if slot.day is None or slot.last_day is None or slot.day > day:
            return None
        if name in (slot.name, f"{day}") and slot.day <= day <= slot.last_day:
            return slot
    return None


def between(schedule: Schedule, first: date, last: date, *, cron: NextInstant | None = None) -> Iterator[Slot]:
    """The slots that stand for any instant of the local days from ``first`` to ``last``, whenever they are due.

    For a backfill: ``start`` and ``end`` of the schedule do not count, and a floating one is taken day by day.
    """
    low, high = schedule.zone.bounds(first).start, schedule.zone.bounds(last).end
    free = schedule if schedule.kind == "once" else replace(schedule, start=None, end=None)
    if schedule.floating:
        free = replace(free, kind="daily", every=1, at=time.min)
    for slot in _from(free, low - _DAY, cron):
        if slot.start >= high and (slot.day is None or slot.day > last):
            return
        if slot.day is not None and slot.last_day is not None:
            if slot.last_day >= first and slot.day <= last:
                yield slot
        elif slot.end > low and slot.start < high:
            yield slot


def _from(schedule: Schedule, near: datetime, cron: NextInstant | None) -> Iterator[Slot]:
    """Slots in order, from one that is due at ``near`` or before."""
    if schedule.floating:
        return iter((_floating(schedule, near),))
    if schedule.kind in ("minutes", "hourly"):
        return _periods(timedelta(minutes=schedule.every * (1 if schedule.kind == "minutes" else 60)), near)
    if schedule.kind == "once":
        return iter((_once(schedule),))
    if schedule.kind == "cron":
        if cron is None:
            raise Refused("nothing here can read a cron expression", "Use another kind of schedule")
        return _instants(schedule, near, cron)
    return _calendar(schedule, near)


def _once(schedule: Schedule) -> Slot:
    """The run of a one-time schedule; it stands for the local day before."""
    assert schedule.start is not None  # __post_init__ saw to it
    day = schedule.zone.day_of(schedule.start) - _DAY
    bounds = schedule.zone.bounds(day)
    return Slot(bounds.start, bounds.end, schedule.start.astimezone(UTC), day, day)


def _periods(length: timedelta, near: datetime) -> Iterator[Slot]:
    start = _EPOCH + (near - _EPOCH) // length * length - length
    while True:
        yield Slot(start, start + length, start + length)
        start += length


def _calendar(schedule: Schedule, near: datetime) -> Iterator[Slot]:
    zone, at = schedule.zone, schedule.at
    assert at is not None  # a floating schedule has no calendar
    for run, following in pairwise(_run_dates(schedule, zone.day_of(near) - 2 * _DAY)):
        start, end = zone.at(run, time.min), zone.at(following, time.min)
        yield Slot(start, end, zone.at(following, at), run, following - _DAY)


def _run_dates(schedule: Schedule, before: date) -> Iterator[date]:
    """The dates on which a calendar schedule runs; the second is not after ``before``."""
    every = schedule.every
    if schedule.kind == "monthly":
        month = (before.year * 12 + before.month - 1) // every * every - 2 * every
        while True:
            year, index = divmod(month, 12)
            last = calendar.monthrange(year, index + 1)[1]
            yield date(year, index + 1, min(schedule.day_of_month, last))
            month += every
    # Day 1 of the proleptic calendar was a Monday.
    step, shift = (every, 0) if schedule.kind == "daily" else (every * 7, schedule.weekday + 1)
    ordinal = (before.toordinal() - shift) // step * step + shift - step
    while True:
        yield date.fromordinal(ordinal)
        ordinal += step


def _floating(schedule: Schedule, done: datetime) -> Slot:
    """One interval after ``done``, at the same time of day, but not before ``start``."""
    done = done.replace(microsecond=0)
    local = done.astimezone(schedule.zone.info)
    day = schedule.zone.day_of(done)
    if schedule.kind == "monthly":
        year, index = divmod(day.year * 12 + day.month - 1 + schedule.every, 12)
        day = date(year, index + 1, min(day.day, calendar.monthrange(year, index + 1)[1]))
    else:
        day += timedelta(days=schedule.every * (7 if schedule.kind == "weekly" else 1))
    due = schedule.zone.at(day, local.time())
    if schedule.start is not None:
        due = max(due, _whole_second(schedule.start))
    return Slot(done.astimezone(UTC), due, due)


def _whole_second(instant: datetime) -> datetime:
    """The first whole second from ``instant`` on, UTC: names of slots have no fractions."""
    return (instant + timedelta(microseconds=-instant.microsecond % 1_000_000)).astimezone(UTC)


def _instants(schedule: Schedule, near: datetime, cron: NextInstant) -> Iterator[Slot]:
    """Slots of a cron expression: each ends when it is due and begins where the one before ended."""

    def following(instant: datetime) -> datetime | None:
        return cron(schedule.cron, schedule.zone, instant)

    due = following(near - _SECOND)
    if due is None:
        return
    last = due
    back = timedelta(hours=1)
    while back <= _BACK_MAX and last == due:
        earlier = following(due - back)
        last = due if earlier is None else earlier
        back *= 2
    while last < due:  # the one right before
        candidate = following(last)
        if candidate is None or candidate >= due:
            break
        last = candidate
    at: datetime | None = due
    while at is not None:
        yield Slot(last, at, at)
        last, at = at, following(at)


def to_plain(schedule: Schedule) -> dict[str, Any]:
    """As JSON would have it: what is not said is left out."""
    told = {
        "every": schedule.every if schedule.every != 1 else None,
        "at": None if schedule.at is None else schedule.at.isoformat("minutes" if not schedule.at.second else "auto"),
        "weekday": WEEKDAYS[schedule.weekday] if schedule.kind == "weekly" else None,
        "day_of_month": schedule.day_of_month if schedule.kind == "monthly" else None,
        "cron": schedule.cron or None,
        "start": None if schedule.start is None else schedule.start.astimezone(UTC).isoformat(),
        "end": None if schedule.end is None else schedule.end.astimezone(UTC).isoformat(),
    }
    plain = {"kind": schedule.kind, "zone": schedule.zone.name}
    return plain | {name: value for name, value in told.items() if value is not None}


def from_plain(plain: Mapping[str, Any], zone_of: Callable[[str], Zone]) -> Schedule:
    """What ``to_plain`` made. Raises ``Refused`` for what it cannot have made."""
    try:
        return Schedule(
            kind=plain["kind"],
            zone=zone_of(plain["zone"]),
            every=plain.get("every", 1),
            at=None if plain.get("at") is None else time.fromisoformat(plain["at"]),
            weekday=WEEKDAYS.index(plain.get("weekday", WEEKDAYS[0])),
            day_of_month=plain.get("day_of_month", 1),
            cron=plain.get("cron", ""),
            start=None if plain.get("start") is None else datetime.fromisoformat(plain["start"]),
            end=None if plain.get("end") is None else datetime.fromisoformat(plain["end"]),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise Refused(f"this is no schedule: {error}", "See docs/guide/deliveries.md, Schedules") from error
