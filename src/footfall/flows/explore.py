"""Look at what is stored, a page at a time.

A page of events in the order of their dates reads the days it needs and no others: days are asked in groups that grow,
from the first one on, until the page is full. What is stored after the first page was asked for is in no later one, so
that pages neither overlap nor leave a gap while events come in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

from footfall.model.days import Zone
from footfall.model.selection import Branch, Value
from footfall.ports import EventPages, EventsWanted, Lake, StoredEvent, Totals

_DATE: Final = "occurred_at"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FoundEvents:
    """A page. after: where it ends. total: events of all pages. upto: ingest_seq that all pages stay below."""

    events: Sequence[StoredEvent]
    after: tuple[Value, ...]
    total: int
    upto: int


@dataclass(frozen=True, slots=True)
class Explore:
    """The use case. zone: that of the lake's days."""

    lake: Lake
    pages: EventPages
    zone: Zone

    def events(self, wanted: EventsWanted, limit: int) -> FoundEvents:
        """The first page. wanted: ``upto`` is ignored. Raises ``BadRecord`` for a selection without bounds of time."""
        fixed = replace(wanted, upto=self.lake.next_seq())
        files = [file for day in self._days(fixed) for file in self.lake.files(day)]
        return self.more(fixed, limit, (), self.pages.count(files, fixed))

    def more(self, wanted: EventsWanted, limit: int, after: tuple[Value, ...], total: int) -> FoundEvents:
        """The page behind ``after``. wanted, total: as of the first page."""
        events: list[StoredEvent] = []
        for days in _groups(self._left(wanted, after), wanted):
            files = [file for day in days for file in self.lake.files(day)]
            page = self.pages.page(files, wanted, limit - len(events), after)
            events += page.events
            after = page.after
            if len(events) == limit:
                break
        return FoundEvents(events, after, total, wanted.upto)

    def totals(self, wanted: EventsWanted) -> Totals:
        """How many events there are now, and of how many users and accounts. wanted: ``upto`` is ignored."""
        fixed = replace(wanted, upto=self.lake.next_seq())
        return self.pages.totals([file for day in self._days(fixed) for file in self.lake.files(day)], fixed)

    def _days(self, wanted: EventsWanted) -> list[date]:
        """Days with events in which the selection may find any."""
        bounds = [self._between(branch) for branch in wanted.selection.branches or (Branch(),)]
        return [day for day in self.lake.days() if any(first <= day <= last for first, last in bounds)]

    def _left(self, wanted: EventsWanted, after: tuple[Value, ...]) -> list[date]:
        """Of the days those that are not wholly before the place where the last page ended."""
        days = self._days(wanted)
        if not after or not _by_date(wanted) or not isinstance(after[0], int):
            return days
        try:
            last = self.zone.day_of(_EPOCH + timedelta(milliseconds=after[0]))
        except OverflowError:
            return days
        return [day for day in days if (day <= last if _newest_first(wanted) else day >= last)]

    def _between(self, branch: Branch) -> tuple[date, date]:
        return self._day(branch.start, date.min), self._day(branch.end, date.max)

    def _day(self, at: datetime | None, otherwise: date) -> date:
        if at is None:
            return otherwise
        try:
            return self.zone.day_of(at)
        except OverflowError:  # in the years 1 and 9999 a day may have no bounds
            return otherwise


def _by_date(wanted: EventsWanted) -> bool:
    orders = wanted.selection.orders
    return not orders or orders[0].field.source == _DATE


def _newest_first(wanted: EventsWanted) -> bool:
    return bool(wanted.selection.orders) and wanted.selection.orders[0].descending


def _groups(days: Sequence[date], wanted: EventsWanted) -> Iterator[Sequence[date]]:
    """The days one after the other, in groups that grow, while the first order is that of the dates; else all."""
    if not _by_date(wanted):
        yield days
        return
    ordered = sorted(days, reverse=_newest_first(wanted))
    first, size = 0, 1
    while first < len(ordered):
        yield ordered[first : first + size]
        first, size = first + size, 2 * size
