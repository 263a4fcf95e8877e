"""Watch who enters audiences and who leaves: look at everybody, compare with the last look, tell the log.

Each audience is a step of its own: what changed is written down, then told as ``segment_match`` events, then it is the
state of the last look. A look that broke off is finished before the next one begins, with the same events, whose ids
say which look they are of; so each change is in the lake once. Source: PX "Segments" (a match is a SEGMENT event).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from footfall.model.audiences import CHANGES, ENTERED, LEFT, MEMBERSHIP_COLUMNS, SOURCE, STAYED, Audience
from footfall.model.event import EventType
from footfall.model.instants import to_us
from footfall.ports import Batch, Log, Membership, MembershipStates, OpenMemberships

_HOUR_S: Final = 3600.0
# Of one batch of the log.
_EVENTS: Final = 1000


@dataclass(frozen=True, slots=True)
class Watch:
    """What watching works on.

    names: user keys in, their identify ids out as (key, text). merges: as ``People`` gives them. open: a look at
    everybody.
    """

    log: Log
    states: MembershipStates
    names: Callable[[pa.Array], pa.Table]
    merges: Callable[[], pa.Table]
    open: Callable[[Sequence[Audience]], AbstractContextManager[OpenMemberships]]


@dataclass(frozen=True, slots=True)
class Moved:
    """What a look found of one audience. fault: why it could not be evaluated; then nothing changes."""

    audience: str
    members: int
    entered: int = 0
    left: int = 0
    fault: str = ""


def watch_audiences(watch: Watch, audiences: Sequence[Audience], now: datetime) -> list[Moved]:
    """Look once; what changed is in the log when this returns, and settled with everything else.

    now: of the look, and of its events. At the first look at an audience nobody enters, unless it has ``backfill``.
    """
    by_name = {audience.name: audience for audience in audiences}
    watch.states.keep(by_name)
    for name in watch.states.waiting():
        _tell(watch, by_name[name])
    moved = []
    with watch.open(audiences) as opened:
        for audience in audiences:
            if audience.name in opened.faults:
                moved.append(Moved(audience.name, 0, fault=opened.faults[audience.name]))
                continue
            moved.append(_compare(watch, audience, opened.keys(audience.name), now))
    return moved


def _compare(watch: Watch, audience: Audience, keys: pa.Array, now: datetime) -> Moved:
    before = watch.states.read(audience.name)
    known = None if before is None else as_merged(before.rows, _final(watch.merges(), keys))
    rows = compared(known, keys, now, backfill=audience.backfill)
    changes = rows["change"]
    entered, left = (int(pc.sum(pc.equal(changes, each)).as_py() or 0) for each in (ENTERED, LEFT))
    if before is None or entered or left:
        watch.states.prepare(audience.name, Membership(now, rows))
        _tell(watch, audience)
    return Moved(audience.name, len(keys), entered, left)


def compared(before: pa.Table | None, keys: pa.Array, now: datetime, *, backfill: bool = False) -> pa.Table:
    """Who is in now, since when, and who left. before: of the last look, None if there was none; keys: rising."""
    now_us = to_us(now)
    first = before is None
    known = _table([], [], []) if before is None else before
    place = pc.index_in(keys, value_set=known["user_key"].combine_chunks())
    since = pc.fill_null(known["since_us"].take(place), now_us)
    new = ENTERED if backfill or not first else STAYED
    change = pc.if_else(pc.is_null(place), pa.scalar(new, pa.int8()), pa.scalar(STAYED, pa.int8()))
    left = known.filter(pc.invert(pc.is_in(known["user_key"], value_set=keys)))
    here = pa.table([keys, since, change], names=list(MEMBERSHIP_COLUMNS))
    gone = _table(left["user_key"], pa.array([now_us] * left.num_rows, pa.int64()), [LEFT] * left.num_rows)
    return pa.concat_tables([here, gone.cast(here.schema)])


def _final(merges: pa.Table, keys: pa.Array) -> pa.Table:
    """Without those who are shown by themselves again, because the user that they were merged into was deleted."""
    return merges.filter(pc.invert(pc.is_in(merges["user_key"], value_set=keys)))


def as_merged(rows: pa.Table, merges: pa.Table) -> pa.Table:
    """The same members where some turned out to be one person, who is in since the first of them was."""
    place = pc.index_in(rows["user_key"], value_set=merges["user_key"].combine_chunks())
    keys = pc.coalesce(merges["into_key"].combine_chunks().take(place.combine_chunks()), rows["user_key"])
    if place.null_count == rows.num_rows:
        return rows
    found = pa.table([keys, rows["since_us"]], names=["user_key", "since_us"]).group_by("user_key")
    since = found.aggregate([("since_us", "min")]).sort_by("user_key")
    return _table(since["user_key"], since["since_us_min"], [STAYED] * since.num_rows)


def _table(keys: object, since: object, change: object) -> pa.Table:
    kinds = (pa.int32(), pa.int64(), pa.int8())
    columns = [
        each if isinstance(each, pa.Array | pa.ChunkedArray) else pa.array(each, kind)
        for each, kind in zip((keys, since, change), kinds, strict=True)
    ]
    return pa.table(columns, names=list(MEMBERSHIP_COLUMNS))


def _tell(watch: Watch, audience: Audience) -> None:
    """Tell what is prepared of an audience, and make it the state of the last look."""
    found = watch.states.read_next(audience.name)
    told = [change for change in (ENTERED, LEFT) if audience.tells_of(change)]
    rows = found.rows.filter(pc.is_in(found.rows["change"], value_set=pa.array(told, pa.int8())))
    for start in range(0, rows.num_rows, _EVENTS):
        events = list(_events(watch, audience.name, found.looked_at, rows.slice(start, _EVENTS)))
        watch.log.append(_batch(events, found.looked_at))
    watch.states.commit(audience.name)


def _events(watch: Watch, name: str, at: datetime, rows: pa.Table) -> Iterator[Mapping[str, object]]:
    texts = watch.names(rows["user_key"].combine_chunks())
    ids = dict(zip(texts["key"].to_pylist(), texts["text"].to_pylist(), strict=True))
    look = to_us(at)
    for key, change in zip(rows["user_key"].to_pylist(), rows["change"].to_pylist(), strict=True):
        if key in ids:  # else erased since
            yield {
                "type": EventType.SEGMENT_MATCH.word,
                "event_id": f"{name}-{look}-{key}",
                "occurred_at": at.isoformat(),
                "identify_id": ids[key],
                "audience_id": name,
                "attributes": {"change": CHANGES[change]},
            }


def _batch(events: Sequence[Mapping[str, object]], at: datetime) -> Batch:
    return Batch(
        received_at=to_us(at),
        source=SOURCE,
        dialect="native",
        call="",
        count=len(events),
        rejected=(),
        address="",
        user_agent="",
        body=json.dumps(events, ensure_ascii=False).encode(),
    )


class Watching:
    """When to look: after something changed, or an hour passed, for rules that ask how long ago something was.

    A look that takes long is made less often: looking takes at most a tenth of the time. look: at everybody. mark:
    differs when events were settled or audiences changed. monotonic: seconds that only rise.
    """

    def __init__(
        self, look: Callable[[], object], mark: Callable[[], object], monotonic: Callable[[], float], every_s: float
    ) -> None:
        self._look, self._mark, self._monotonic, self._every_s = look, mark, monotonic, every_s
        self._seen: object = None
        self._looked_at = self._due_at = monotonic()

    def __call__(self) -> bool:
        """Look, if it is time."""
        now, mark = self._monotonic(), self._mark()
        if now < self._due_at or (mark == self._seen and now - self._looked_at < _HOUR_S):
            return False
        self._look()
        took = self._monotonic() - now
        self._seen, self._looked_at = mark, now
        self._due_at = now + max(self._every_s, 10 * took)
        return False
