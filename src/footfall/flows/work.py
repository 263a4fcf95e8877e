"""The worker of a running server: settle every few seconds, close each day at its hour, never give up.

What it does is passed in as calls, so that this file holds only the rhythm: when something is due, how long to wait
after a failure, and that one failing duty never stops the other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from footfall import observe
from footfall.errors import FootfallError, Unavailable
from footfall.model.days import Zone
from footfall.ports import Clock, DayState, Lake, Ledger

WAIT_MAX_S = 60.0


def due_days(stored: Iterable[date], states: Sequence[DayState], zone: Zone, now: datetime) -> list[date]:
    """Days to close at ``now``, oldest first: over, past their hour, and never sealed or touched since.

    stored: days that hold events. Days between the first of them and today count too, so that an empty day is sealed
    and delivered as empty: absence always means failure.
    """
    known: Mapping[date, DayState] = {state.day: state for state in states}
    first = min((*stored, *known), default=None)
    if first is None:
        return []
    due: list[date] = []
    day = first
    while zone.scheduled(day) <= now:
        state = known.get(day)
        if state is None or state.revision == 0 or state.touched:
            due.append(day)
        day += timedelta(days=1)
    return due


def latest_slot(zone: Zone, now: datetime) -> tuple[date, datetime]:
    """The newest day whose hour has come at ``now``, and that hour."""
    day = zone.day_of(now)
    while zone.scheduled(day) > now:
        day -= timedelta(days=1)
    return day, zone.scheduled(day)


class Closing:
    """Closes what is due once a day, at the hour of the day before; what comes late waits for the next hour.

    So a history that is being imported makes one revision of each of its days, not one every few seconds. An hour that
    passed while nobody was there is made up for at once. A day that cannot be closed keeps no other from it; such days,
    and only they, are tried again at the next call.
    """

    def __init__(self, lake: Lake, ledger: Ledger, zone: Zone, clock: Clock, close: Callable[[date], object]) -> None:
        self._lake = lake
        self._ledger = ledger
        self._zone = zone
        self._clock = clock
        self._close = close
        newest, slot = latest_slot(zone, clock())
        missed = bool(lake.days()) and ledger.day(newest).revision == 0
        self._looked_at: datetime | None = None if missed else slot
        self._due: dict[date, None] = {}

    def __call__(self) -> bool:
        """Close what is due, if an hour has come since the last time. Raises what went wrong with the first of them."""
        now = self._clock()
        _, slot = latest_slot(self._zone, now)
        if self._looked_at is None or slot > self._looked_at:
            self._due = dict.fromkeys(due_days(self._lake.days(), self._ledger.days(), self._zone, now))
            self._looked_at = slot
        failed: list[FootfallError] = []
        for day in list(self._due):
            try:
                self._close(day)
            except FootfallError as error:
                failed.append(error)
                observe.went_wrong("day not closed", error, day=day.isoformat())
            else:
                del self._due[day]
        if failed:
            raise failed[0]
        return False


@dataclass
class Duty:
    """One thing to do again and again. ``run`` returns True when it should be called again at once.

    every_s: pause between two calls that found nothing to do. After a failure the pause doubles up to a minute. Of an
    error that nobody foresaw only kind and place are told: its text may hold what people sent.
    """

    name: str
    run: Callable[[], bool]
    every_s: float
    _failures: int = 0

    def once(self) -> float:
        """Run and return the seconds to wait until the next call."""
        try:
            again = self.run()
        except FootfallError as error:
            self._failures += 1
            observe.went_wrong(f"{self.name} failed", error, failures=self._failures)
            return self._pause(error.retry_after_s if isinstance(error, Unavailable) else self.every_s)
        except Exception as error:  # whatever it is, the other duties of this worker must go on
            self._failures += 1
            kind, at = type(error).__name__, observe.where(error)
            observe.went_wrong(f"{self.name} failed", kind=kind, at=at, failures=self._failures)
            return self._pause(self.every_s)
        self._failures = 0
        return 0.0 if again else self.every_s

    def _pause(self, wait_s: float) -> float:
        return float(min(WAIT_MAX_S, wait_s * 2 ** min(self._failures, 6)))


class Worker:
    """Runs duties in turn on one thread until it is told to stop.

    monotonic: seconds that only rise. By a clock that somebody sets back nothing would be settled until it has come
    again to where it was.
    """

    def __init__(self, duties: Sequence[Duty], monotonic: Callable[[], float]) -> None:
        self._duties = duties
        self._monotonic = monotonic
        self._stop = threading.Event()

    def stop(self) -> None:
        self._stop.set()

    def run(self) -> None:
        """Return after ``stop``."""
        next_at = dict.fromkeys((duty.name for duty in self._duties), self._monotonic())
        while not self._stop.is_set():
            for duty in self._duties:
                if self._stop.is_set():
                    return
                if self._monotonic() >= next_at[duty.name]:
                    wait_s = duty.once()
                    next_at[duty.name] = self._monotonic() + wait_s
            soonest = min(next_at.values())
            self._stop.wait(max(0.0, min(1.0, soonest - self._monotonic())))
