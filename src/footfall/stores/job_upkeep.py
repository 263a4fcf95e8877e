"""``ports.JobUpkeep`` on the control store: leases of the dead end at once, and what is long over is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, delete, exists, func, not_, or_, select, tuple_, update

from footfall.model.instants import to_us
from footfall.stores import schema
from footfall.stores.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection

_JOB: Final = schema.job
_SLOT: Final = schema.job_slot
_RUN: Final = schema.job_run
# So long and no longer may others wait for the store.
AT_ONCE: Final = 500


class SqlJobUpkeep:
    """See ``ports.JobUpkeep``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def release(self, gone: Callable[[str], bool], now: datetime, *, tries_max: int) -> int:
        at = to_us(now)
        held = and_(_SLOT.c.state == "running", _SLOT.c.leased_until_at > at, _SLOT.c.tries <= tries_max)
        with self._database.reading() as connection:  # look before taking the lock: mostly there is nothing
            holders = connection.execute(select(_SLOT.c.holder).where(held).distinct()).scalars().all()
        dead = [holder for holder in holders if gone(holder)]
        if not dead:
            return 0
        theirs = and_(held, _SLOT.c.holder.in_(dead))
        with self._database.writing() as connection:
            return connection.execute(update(_SLOT).where(theirs).values(leased_until_at=at)).rowcount

    def forget(self, before: datetime) -> int:
        at = to_us(before)
        with self._database.writing() as connection:
            return _forget_runs(connection, at) + _forget_slots(connection, at)


def _deleted(at: int) -> Any:
    """Jobs that were deleted before ``at``: nobody misses what they left out."""
    return select(_JOB.c.name).where(and_(_JOB.c.state == "deleted", _JOB.c.changed_at < at))


def _forget_runs(connection: Connection, at: int) -> int:
    """Runs that ended before ``at``, but for the newest of a job, and the last of a slot that is not delivered."""
    newest = select(_RUN.c.job, func.max(_RUN.c.begun_at)).where(_RUN.c.job.not_in(_deleted(at))).group_by(_RUN.c.job)
    slot = and_(_SLOT.c.job == _RUN.c.job, _SLOT.c.name == _RUN.c.slot)
    over = or_(_SLOT.c.state == "succeeded", _RUN.c.attempt < _SLOT.c.attempts, _RUN.c.job.in_(_deleted(at)))
    key = (_RUN.c.job, _RUN.c.slot, _RUN.c.attempt)
    query = (
        select(*key)
        .join(_SLOT, slot)
        .where(and_(_RUN.c.ended_at < at, over, tuple_(_RUN.c.job, _RUN.c.begun_at).not_in(newest)))
        .order_by(_RUN.c.begun_at)
        .limit(AT_ONCE)
    )
    old = [tuple(row) for row in connection.execute(query)]
    if old:
        connection.execute(delete(_RUN).where(tuple_(*key).in_(old)))
    return len(old)


def _forget_slots(connection: Connection, at: int) -> int:
    """Delivered slots that were due before ``at`` and have no run left; of deleted jobs all of them."""
    run = exists().where(and_(_RUN.c.job == _SLOT.c.job, _RUN.c.slot == _SLOT.c.name))
    over = or_(_SLOT.c.state == "succeeded", _SLOT.c.job.in_(_deleted(at)))
    key = (_SLOT.c.job, _SLOT.c.name)
    query = select(*key).where(and_(_SLOT.c.due_at < at, over, not_(run))).limit(AT_ONCE)
    old = [tuple(row) for row in connection.execute(query)]
    if old:
        connection.execute(delete(_SLOT).where(tuple_(*key).in_(old)))
    return len(old)
