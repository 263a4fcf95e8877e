"""Is a number of rows unusual? Compared with the slots of the same weekday in the weeks before, by the median.

The median and the median absolute deviation (MAD) are not moved by a few bad weeks, as a mean would be. All of it is
a function of the counts: nothing is drawn and no clock is read. Figures and reasons: docs/guide/notifications.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from typing import Final

from footfall.model.schedules import Schedule, Slot

WEEKS: Final = 8
WEEKS_MIN: Final = 4  # with fewer there is no opinion
OUTLIER: Final = 6.0  # times the MAD; of normal noise about four standard deviations
SHARE: Final = 0.25  # of the median: smaller changes are nobody's business
NOISE: Final = 4.0  # times the square root of the median: what counting alone makes vary
ROWS_MIN: Final = 10.0
DATA_SHARE: Final = 0.75  # of the slots compared: so many with rows, and a slot without any is missing data
_WEEK: Final = timedelta(days=7)
_DAY: Final = timedelta(days=1)
_NEAR: Final = timedelta(minutes=90)  # a change of the clock moves a slot by an hour


@dataclass(frozen=True, slots=True)
class Counted:
    """A slot that was delivered whole, at the first try: when it was due and how many rows it had."""

    due: datetime
    rows: int


@dataclass(frozen=True, slots=True)
class Opinion:
    """What is thought of a number of rows. word: ``no_data``, ``unusual``, or empty for nothing to tell.

    usual: the median of the slots compared; low, high: what would not have been told; slots: how many there were.
    """

    word: str = ""
    usual: int = 0
    low: int = 0
    high: int = 0
    slots: int = 0


NO_OPINION: Final = Opinion()


def alike(schedule: Schedule, slot: Slot) -> list[tuple[datetime, datetime]]:
    """Spans [from, until) of instants, newest first; the slots of this job that were due in them are compared.

    A slot of a day or less is compared with those due on the same weekday at the same time, give or take 90 minutes,
    of the eight weeks before; a longer one holds every weekday alike and is compared with its eight predecessors.
    """
    length = slot.end - slot.start
    if schedule.kind in ("weekly", "monthly") or length > 2 * _DAY:
        return [(slot.due - (WEEKS + 1) * max(length, _WEEK), slot.due)]
    near = _DAY / 2 if schedule.floating else _NEAR
    middles = [slot.due - week * _WEEK for week in range(1, WEEKS + 1)]
    return [(middle - near, middle + near) for middle in middles]


def opinion(rows: int, before: Sequence[Counted]) -> Opinion:
    """What to think of ``rows``, beside those that were counted ``before``; nothing with too little history.

    Too little: slots of fewer than four different days.
    """
    from statistics import median  # takes 30 ms to load, for which no start should wait

    if len({counted.due.date() for counted in before}) < WEEKS_MIN:
        return NO_OPINION
    counts = [counted.rows for counted in before]
    usual = median(counts)
    spread = median(abs(count - usual) for count in counts)
    band = max(OUTLIER * spread, SHARE * usual, NOISE * sqrt(usual), ROWS_MIN)
    low, high = max(0, round(usual - band)), round(usual + band)
    word = "" if low <= rows <= high else "unusual"
    if rows == 0:
        with_rows = sum(1 for count in counts if count)
        word = "no_data" if with_rows >= DATA_SHARE * len(counts) else ""
    return Opinion(word, round(usual), low, high, len(counts))
