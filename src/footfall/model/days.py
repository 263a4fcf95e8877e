"""Local days as spans of instants, computed from the zone's transitions and never from ``replace(hour=0)``.

A local day is [first instant of its date, first instant of the next date). Where clocks go back over midnight the
wall may show yesterday's date again (St. John's, 2006-10-29, 00:01 → 23:01); those minutes belong to the day that
had already begun, so that days neither overlap nor leave a gap. Days of 0, 22, 23, 23.5, 24.5, 25 and 26 hours
exist; a day of 0 hours is a date that never happened (Apia, 2011-12-30).

See docs/reference/days.md for the rules and examples. Source: PX bucket export, "The job starts at 3 AM according
to your subscription's timezone"; "Daily counts" of every rollup.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

SCHEDULED_TIME: Final = time(3)
# What people may ask for: arithmetic with days and zones needs room on both sides.
YEARS: Final = range(1900, 3000)

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - wall times are naive by nature
_EPOCH_UTC: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_S: Final = 86_400
_HOUR_S: Final = 3_600
# Offsets are compared at both ends of such a step and bisected where they differ, so two changes within one step
# that cancel out would go unseen. The closest two of the whole tz database are 167 hours apart (a test holds that).
_STEP_S: Final = 2 * _DAY_S
_MARGIN_S: Final = 3 * _DAY_S


@dataclass(frozen=True, slots=True)
class Window:
    """The instants from ``start`` up to but not including ``end``, both UTC and aware."""

    start: datetime
    end: datetime

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    @property
    def duration(self) -> timedelta:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone and the rules it was read from. Every method is a pure function of them.

    name: IANA name. info: its rules. tzdata_version: release they come from (``2026.6``), for manifests.
    Dates must lie in the years 2 to 9998, else ``OverflowError``.
    """

    name: str
    info: ZoneInfo = field(compare=False)  # of two readings of the same rules no two are equal
    tzdata_version: str

    def bounds(self, day: date) -> Window:
        """The span of ``day``. Empty (start = end) for a date that never happened."""
        return Window(self.at(day, time.min), self.at(day + timedelta(days=1), time.min))

    def at(self, day: date, wall: time) -> datetime:
        """The first instant at which the clock shows ``wall`` of ``day`` or later: one instant, always.

        A time that is skipped gives the instant of the jump; of a time that occurs twice, the first.
        """
        return _EPOCH_UTC + timedelta(seconds=_first(self.info, _wall_seconds(day, wall)))

    def scheduled(self, day: date) -> datetime:
        """When the reports of ``day`` are due: 03:00 of the next date. Names of files come from it."""
        return self.at(day + timedelta(days=1), SCHEDULED_TIME)

    def day_of(self, instant: datetime) -> date:
        """The day whose bounds hold ``instant``, which must be aware, else ``ValueError``."""
        if instant.utcoffset() is None:
            raise ValueError(f"{instant!r} has no time zone, so it is no instant")
        day = instant.astimezone(self.info).date()
        # After clocks went back over midnight the wall shows a date that is already over.
        while self.at(day + timedelta(days=1), time.min) <= instant:
            day += timedelta(days=1)
        return day

    def day_starts(self, first: date, last: date) -> list[tuple[date, datetime]]:
        """(day, its start) of every day from ``first`` to ``last`` that happened; both strictly rising.

        With the end of ``last`` as the closing bound this is a partition of all instants between.
        """
        starts = [(day, self.at(day, time.min)) for day in _dates(first, last + timedelta(days=1))]
        return [(day, start) for (day, start), (_, end) in pairwise(starts) if start < end]

    def hours(self, day: date) -> list[tuple[str, datetime, datetime]]:
        """(label, start, end) of the clock hours of ``day``, in order, without a gap.

        label: "00" to "23", what the clock shows. A jump of the clock ends an hour: one that is repeated is there
        twice with the same label, one that is cut short (half-hour changes, jumps at 00:01) is shorter than 60 minutes.
        """
        bounds = self.bounds(day)
        at, end = _instant_seconds(bounds.start), _instant_seconds(bounds.end)
        hours: list[tuple[str, datetime, datetime]] = []
        while at < end:
            offset, until = _offset_at(self.info, at)
            wall = at + offset
            stop = min(at + _HOUR_S - wall % _HOUR_S, until, end)
            label = f"{wall % _DAY_S // _HOUR_S:02d}"
            hours.append((label, _EPOCH_UTC + timedelta(seconds=at), _EPOCH_UTC + timedelta(seconds=stop)))
            at = stop
        return hours


def _dates(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)


def _wall_seconds(day: date, wall: time) -> float:
    """What a clock shows, as if it stood in UTC: seconds since 1970."""
    return (datetime.combine(day, wall.replace(tzinfo=None)) - _EPOCH).total_seconds()


def _instant_seconds(instant: datetime) -> int:
    return int((instant - _EPOCH_UTC).total_seconds())


def _first(info: ZoneInfo, wall_s: float) -> float:
    """The smallest instant whose wall time is ``wall_s`` or later (seconds since 1970)."""
    year = (_EPOCH + timedelta(seconds=wall_s)).year
    changes = _changes(info, year)
    for (since, offset), (until, _) in zip(changes, (*changes[1:], (None, 0)), strict=True):
        candidate = max(since, wall_s - offset)
        if until is None or candidate < until:
            return candidate
    raise AssertionError("the last offset has no end")


def _offset_at(info: ZoneInfo, at_s: int) -> tuple[int, int]:
    """The offset in force at an instant and until when; a day ahead at most when no change is near."""
    changes = _changes(info, (_EPOCH + timedelta(seconds=at_s)).year)
    offset = changes[0][1]
    for since, next_offset in changes:
        if since > at_s:
            return offset, since
        offset = next_offset
    return offset, at_s + _DAY_S


@lru_cache(maxsize=4096)
def _changes(info: ZoneInfo, year: int) -> tuple[tuple[int, int], ...]:
    """(instant, offset from then on) around a year, in seconds; the first entry is where the search began."""
    low = int((datetime(year, 1, 1) - _EPOCH).total_seconds()) - _MARGIN_S  # noqa: DTZ001
    high = int((datetime(year + 1, 1, 1) - _EPOCH).total_seconds()) + _MARGIN_S  # noqa: DTZ001
    offset = _utcoffset(info, low)
    changes = [(low, offset)]
    for end in range(low + _STEP_S, high + _STEP_S, _STEP_S):
        after = _utcoffset(info, end)
        if after != offset:
            changes.append((_bisect(info, end - _STEP_S, end), after))
            offset = after
    return tuple(changes)


def _bisect(info: ZoneInfo, low: int, high: int) -> int:
    """The first second of the offset that is in force at ``high`` but not at ``low``."""
    old = _utcoffset(info, low)
    while high - low > 1:
        middle = (low + high) // 2
        if _utcoffset(info, middle) == old:
            low = middle
        else:
            high = middle
    return high


def _utcoffset(info: ZoneInfo, at_s: int) -> int:
    local = (_EPOCH_UTC + timedelta(seconds=at_s)).astimezone(info)
    offset = local.utcoffset()
    assert offset is not None  # a ZoneInfo always knows
    return int(offset.total_seconds())
