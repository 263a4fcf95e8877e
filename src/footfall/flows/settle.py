"""Take ranges of the log into the lake: exactly once, whatever stops it in between.

One range goes in three steps, each of which may be repeated:

1. One transaction of the control store: keys, people, counters, quarantine, touched days. All are keyed or registers.
2. One commit of the lake, which carries the position after the range. From here on the range is settled.
3. The log may forget the range.

A crash before step 2 repeats the range from the lake's position; one after it does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from footfall.errors import Conflict, Damaged

if TYPE_CHECKING:
    from footfall.model.days import Zone
    from footfall.ports import Clock, Keys, Lake, Ledger, Log, People, Progress, Shape, Shaper, Store

# A command may undo an import meanwhile; then the rows are written once more.
_TRIES = 5
# About 170,000 events. Every range is planned, probes the recent window and is committed once; two are in memory.
RANGE_BYTES = 64 * 1024 * 1024
RECENT_ROWS = 5_000_000


@dataclass(frozen=True, slots=True)
class Route:
    """What settling works on: the way from the log to the lake. store: that of ``people`` and ``ledger``."""

    log: Log
    shaper: Shaper
    lake: Lake
    people: People
    ledger: Ledger
    store: Store
    zone: Zone
    clock: Clock


@dataclass(frozen=True, slots=True)
class Settled:
    """The range [start, end) of the log and where its events went; start = end when there was nothing to do."""

    start: int
    end: int
    received: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0

    def __add__(self, later: Settled) -> Settled:
        return Settled(
            self.start,
            later.end,
            self.received + later.received,
            self.stored + later.stored,
            self.duplicate + later.duplicate,
            self.quarantined + later.quarantined,
        )


def remember(shaper: Shaper, lake: Lake, people: People, *, rows: int = RECENT_ROWS) -> None:
    """Fill the shaper's recent window from the lake. Once, before the first range after a start."""
    terms = people.texts("terms")
    numbers, texts = (terms.column(name).combine_chunks() for name in ("key", "text"))

    def named() -> Iterator[pa.RecordBatch]:
        for batch in lake.recent(rows):
            place = pc.index_in(batch.column("source"), value_set=numbers.cast(batch.column("source").type))
            yield pa.record_batch([texts.take(place), batch.column("event_id")], names=["source", "event_id"])

    shaper.remember(named())


def settle_all(route: Route, *, limit_bytes: int = RANGE_BYTES, progress: Progress | None = None) -> Settled:
    """Settle everything the log holds at the time of the call, in ranges of about ``limit_bytes``.

    While one range is committed the next one is shaped, so two ranges are in memory.
    Raises ``Damaged`` when log and lake are not of one another. After any other error the range can be tried again.
    """
    start, goal = _start(route), route.log.end()
    done = Settled(start, start)
    with ThreadPoolExecutor(1, thread_name_prefix="footfall-shape") as ahead:
        coming = ahead.submit(_take, route, start, limit_bytes)
        while (taken := coming.result()) is not None:
            more = taken.end < goal
            if more:
                coming = ahead.submit(_take, route, taken.end, limit_bytes)
            done += _commit(route, taken)
            if progress is not None:
                progress("settle", done.end - start, max(goal, done.end) - start, "bytes")
            if not more:
                break
    return done


@dataclass(frozen=True, slots=True)
class _Taken:
    start: int
    end: int
    shape: Shape


def _start(route: Route) -> int:
    start, first, end = route.lake.position(), route.log.first(), route.log.end()
    if not first <= start <= end:
        raise Damaged(
            f"the lake is settled up to position {start}, but the log holds {first} to {end}",
            "They are not from the same data directory, or one was restored without the other: restore both",
        )
    return start


def _take(route: Route, start: int, limit_bytes: int) -> _Taken | None:
    entries = list(route.log.read(start, limit_bytes))
    return _Taken(start, entries[-1].next, route.shaper.shape(entries)) if entries else None


def _commit(route: Route, taken: _Taken) -> Settled:
    shape = taken.shape
    with route.store.transaction():
        keys = route.people.keys(shape)
        route.people.learn(shape.facts, route.zone)
        route.ledger.settled(taken.start, taken.end, shape, route.clock())
    _append(route, shape, keys, taken)
    route.log.trim(taken.end)
    counts = shape.counts.values()
    return Settled(
        taken.start,
        taken.end,
        sum(count.received for count in counts),
        sum(count.stored for count in counts),
        sum(count.duplicate for count in counts),
        sum(count.quarantined for count in counts),
    )


def _append(route: Route, shape: Shape, keys: Keys, taken: _Taken) -> None:
    for tries_left in reversed(range(_TRIES)):
        try:
            route.lake.append(shape.rows(keys, route.lake.next_seq()), taken.end)
            break
        except Conflict:
            if not tries_left or route.lake.position() != taken.start:
                raise
