"""Retention: events of days and records of quarantine whose time is over are removed, daily, and never before they
were delivered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from footfall import observe
from footfall.errors import FootfallError
from footfall.stores.erasures import SqlErasures
from footfall.stores.retention import SqlRetention
from footfall.stores.windows import SqlWindows
from footfall.wiring.authorizations import bucket_at

if TYPE_CHECKING:
    from footfall.model.jobs import Job
    from footfall.wiring.hub import Footfall

EVERY_S: Final = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class DayDue:
    """A day whose time is over. waits: why it stays all the same; empty when it goes."""

    day: date
    events: int
    waits: str


@dataclass(frozen=True, slots=True)
class Due:
    """What retention would remove now. quarantined: records."""

    days: Sequence[DayDue]
    quarantined: int

    @property
    def going(self) -> Sequence[DayDue]:
        return [each for each in self.days if not each.waits]


def due_of(hub: Footfall, *, undelivered: bool = False) -> Due:
    """What would be removed now. undelivered: days too that are not closed or not delivered."""
    settings, now = hub.settings, hub.clock()
    store = SqlRetention(hub.database)
    days: list[DayDue] = []
    if settings.keep_events_days:
        first = hub.zone.day_of(now) - timedelta(days=settings.keep_events_days)
        old = {day: events for day, events in hub.lake.days().items() if day < first and events}
        removed, places = store.removed(), _Places(hub)
        for day in sorted(old):
            waits = "" if undelivered or day in removed else places.waits(day)
            days.append(DayDue(day, old[day], waits))
    return Due(days, store.quarantined_before(_before(hub, now)) if settings.keep_quarantine_days else 0)


def remove_due(hub: Footfall, *, undelivered: bool = False) -> Due:
    """Remove what is due, and return what it was. Not beside a server that has the log: it does it by itself.

    A day is remembered as removed before its first event goes, so that a crash leaves no day that looks whole.
    """
    _ = hub.log  # only who settles may rewrite the lake
    due = due_of(hub, undelivered=undelivered)
    store, now = SqlRetention(hub.database), hub.clock()
    for each in due.going:
        with hub.alone(), observe.span("day removed", day=each.day.isoformat()):
            with hub.database.transaction():
                store.remember(each.day, each.events, now)
                hub.note("day.remove", f"day {each.day}", {"events": each.events}, {"events": 0})
            hub.lake.drop(each.day, _seqs(hub, each.day))
    if due.quarantined:
        gone = store.forget_quarantine(_before(hub, now))
        hub.note("quarantine.forget", "quarantine", None, {"records": gone})
    return due


def keep_retention(hub: Footfall) -> bool:
    """For the worker: remove what is due, and the files of what was removed a day ago."""
    due = remove_due(hub)
    hub.lake.vacuum()
    if due.going or due.quarantined:
        observe.happened("retention", days=len(due.going), quarantined=due.quarantined)
    return False


def _before(hub: Footfall, now: datetime) -> datetime:
    return now - timedelta(days=hub.settings.keep_quarantine_days)


def _seqs(hub: Footfall, day: date) -> pa.Array:
    columns = [
        pq.read_table(path, columns=["ingest_seq"], partitioning=None)["ingest_seq"] for path in hub.lake.files(day)
    ]
    chunks = [chunk for column in columns for chunk in column.chunks]
    return pa.chunked_array(chunks, pa.int64()).combine_chunks()


class _Places:
    """What is still to be delivered of days."""

    def __init__(self, hub: Footfall) -> None:
        self._hub = hub
        jobs = [job for job in hub.jobs.all() if job.state not in ("deleted", "killed", "completed")]
        self._rollups = [(job, self._url(job)) for job in jobs if job.kind == "rollups"]
        self._streams = [job for job in jobs if job.kind in ("activity", "app_events")]
        self._delivered = {(each.destination, each.day, each.revision) for each in hub.ledger.deliveries()}
        self._erased = SqlErasures(hub.database, hub.vault).revisions()
        self._windows = SqlWindows(hub.database)

    def waits(self, day: date) -> str:
        """Why a day may not go yet; empty when it may."""
        state = self._hub.ledger.day(day)
        if not state.revision or state.touched:
            return "it is not closed"
        end = self._hub.zone.bounds(day).end
        revisions = self._enough(day, state.revision)
        for job, url in self._rollups:
            # What was before a job began is not its to deliver, unless somebody asks for it.
            if end > job.created_at and not any((url, day, each) in self._delivered for each in revisions):
                return f"job '{job.name}' has not delivered it"
        newest = None
        for job in self._streams:
            newest = self._newest(day) if newest is None else newest
            last = self._windows.last(job.name)
            if last is None or not last.closed or last.to_seq <= newest:
                return f"job '{job.name}' has not delivered its events"
        return ""

    def _enough(self, day: date, newest: int) -> Sequence[int]:
        """The revisions of which one has to be delivered: what erasures made is no debt of jobs whose files held
        nobody."""
        oldest = newest
        while oldest > 1 and (day.isoformat(), oldest) in self._erased:
            oldest -= 1
        return range(oldest, newest + 1)

    def _newest(self, day: date) -> int:
        seqs = _seqs(self._hub, day)
        return int(pc.max(seqs).as_py()) if len(seqs) else 0

    def _url(self, job: Job) -> str:
        try:
            endpoint_url = job.options.get("endpoint_url") or None
            return bucket_at(self._hub, job.url, job.authorization or None, endpoint_url).url
        except FootfallError:
            return job.url
