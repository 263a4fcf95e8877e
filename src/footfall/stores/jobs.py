"""``ports.Jobs`` on the control store. Claims are made in one writing transaction, so of two processes one waits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, and_, bindparam, case, delete, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from footfall.errors import Conflict, Missing, Refused
from footfall.model.days import Zone
from footfall.model.instants import from_us, to_us
from footfall.model.jobs import LIVE, LOST_RUN, Job, Run, Verdict, moved
from footfall.model.schedules import Slot, from_plain
from footfall.ports import Claim, Planned
from footfall.stores import schema
from footfall.stores.database import Database
from footfall.stores.job_rows import job_values, planned_of, run_of, run_values, slot_of, slot_values

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

_JOB: Final = schema.job
_SLOT: Final = schema.job_slot
_RUN: Final = schema.job_run
# Scheduled slots in the order they are due, then those that a person asked for.
_ORDER: Final = (_SLOT.c.asked, _SLOT.c.due_at, _SLOT.c.start_at, _SLOT.c.name)
_OPEN: Final = ("waiting", "running")
_ATTEMPT: Final = re.compile("[0-9]{1,9}")
# Of a job in these somebody who asks for a slot gets it; one that is paused waits for its resume.
_WOKEN: Final = ("sleeping", "completed", "killed")


class SqlJobs:
    """See ``ports.Jobs``. zone_of: the zone of a name, for schedules as they are read back."""

    def __init__(self, database: Database, zone_of: Callable[[str], Zone]) -> None:
        self._database = database
        self._zone_of = zone_of

    # --- jobs ------------------------------------------------------------------------------------

    def add(self, job: Job, planned_until: datetime) -> None:
        with self._database.writing() as connection:
            known = connection.execute(select(_JOB.c.state, _JOB.c.fence).where(_JOB.c.name == job.name)).one_or_none()
            if known is not None and known.state != "deleted":
                raise Conflict(f"there is a job '{job.name}'", "Choose another name, or delete that one")
            fence = 0 if known is None else known.fence
            connection.execute(delete(_JOB).where(_JOB.c.name == job.name))
            values = {**job_values(job), "planned_until": to_us(planned_until), "fence": fence}
            connection.execute(_JOB.insert().values(**values))

    def change(self, job: Job) -> Job:
        with self._database.writing() as connection:
            known = self._job(_job_row(connection, job.name))
            if known.state == "deleted":
                raise Refused(f"job '{job.name}' was deleted", "Add it again")
            if known.kind != job.kind:
                raise Refused(
                    f"job '{job.name}' is of kind {known.kind} and stays so", "Add one of another name for that"
                )
            kept = replace(job, state=known.state, cause=known.cause, created_at=known.created_at)
            connection.execute(update(_JOB).where(_JOB.c.name == job.name).values(**job_values(kept)))
            return kept

    def get(self, name: str) -> Job:
        with self._database.reading() as connection:
            return self._job(_job_row(connection, name))

    def all(self) -> Sequence[Job]:
        query = select(_JOB).where(_JOB.c.state != "deleted").order_by(_JOB.c.name)
        with self._database.reading() as connection:
            return [self._job(row) for row in connection.execute(query)]

    def move(self, name: str, state: str, at: datetime, cause: str = "") -> Job:
        with self._database.writing() as connection:
            job = moved(self._job(_job_row(connection, name)), state, at, cause)
            _put_state(connection, job)
            return job

    def _job(self, row: Row[Any]) -> Job:
        return Job(
            name=row.name,
            kind=row.kind,
            url=row.url,
            schedule=from_plain(json.loads(row.schedule), self._zone_of),
            created_at=from_us(row.created_at),
            changed_at=from_us(row.changed_at),
            label=row.label,
            description=row.description,
            authorization=row.authorization,
            options=json.loads(row.options),
            state=row.state,
            catch_up=row.catch_up,
            cause=row.cause,
        )

    # --- slots -----------------------------------------------------------------------------------

    def planned_until(self, name: str) -> datetime:
        with self._database.reading() as connection:
            return from_us(_job_row(connection, name).planned_until)

    def plan(
        self, name: str, waiting: Sequence[Slot], skipped: Sequence[Slot], until: datetime, *, supersede: bool
    ) -> int:
        with self._database.writing() as connection:
            known = _job_row(connection, name)
            new = 0
            for state, some in (("skipped", skipped), ("waiting", waiting)):
                rows = [slot_values(name, slot, state, asked=False) for slot in some]
                if rows:
                    created = connection.execute(insert(_SLOT).on_conflict_do_nothing(), rows).rowcount
                    new += created if state == "waiting" else 0
            if supersede and waiting:
                older = and_(_SLOT.c.job == name, _SLOT.c.state == "waiting", ~_SLOT.c.asked)
                older = and_(older, _SLOT.c.due_at < to_us(max(slot.due for slot in waiting)))
                connection.execute(update(_SLOT).where(older).values(state="skipped"))
            changed = {"planned_until": max(known.planned_until, to_us(until))}
            if new and known.state == "sleeping":
                changed["state"] = "runnable"
            connection.execute(update(_JOB).where(_JOB.c.name == name).values(**changed))
            return new

    def issue(self, name: str, slots: Sequence[Slot], at: datetime) -> Sequence[str]:
        # One that waits already keeps its place in the order.
        asked = case((_SLOT.c.state == "waiting", _SLOT.c.asked), else_=True)
        waiting = {"state": "waiting", "tries": 0, "retry_at": to_us(at)}
        with self._database.writing() as connection:
            known = _job_row(connection, name)
            if known.state == "deleted":
                raise Refused(f"job '{name}' was deleted", "Add it again")
            issued: list[str] = []
            for slot in slots:
                values = slot_values(name, slot, "waiting", asked=True)
                dead = and_(_SLOT.c.name == slot.name, _SLOT.c.state == "running", _SLOT.c.leased_until_at <= to_us(at))
                left = connection.execute(select(_SLOT).where(and_(_SLOT.c.job == name, dead))).one_or_none()
                if left is not None:
                    _end_run(connection, left, to_us(at), "failed", LOST_RUN)
                new = insert(_SLOT).values({**values, **waiting})
                free = or_(_SLOT.c.state != "running", _SLOT.c.leased_until_at <= to_us(at))
                again = {**waiting, "asked": asked}
                if connection.execute(new.on_conflict_do_update(set_=again, where=free)).rowcount:
                    issued.append(slot.name)
            if issued and known.state in _WOKEN:
                connection.execute(update(_JOB).where(_JOB.c.name == name).values(state="runnable"))
            return issued

    def slots(self, name: str, states: Iterable[str] = (), limit: int = 100) -> Sequence[Planned]:
        wanted = tuple(states)
        query = select(_SLOT).where(_SLOT.c.job == name)
        if wanted:
            query = query.where(_SLOT.c.state.in_(wanted))
        query = query.order_by(_SLOT.c.due_at.desc(), _SLOT.c.start_at.desc()).limit(limit)
        with self._database.reading() as connection:
            _job_row(connection, name)
            return [planned_of(row) for row in connection.execute(query)]

    # --- running ---------------------------------------------------------------------------------

    def claim(
        self, now: datetime, until: datetime, holder: str, *, job: str | None = None, slot: str | None = None
    ) -> Claim | None:
        at = to_us(now)
        asked = job is not None and slot is not None
        if not asked:  # look before taking the lock: mostly there is nothing
            with self._database.reading() as connection:
                if connection.execute(_OLDEST, {"at": at}).one_or_none() is None:
                    return None
        with self._database.writing() as connection:
            if asked:
                found = _this(connection, job or "", slot or "", at)
            else:
                candidate = connection.execute(_OLDEST, {"at": at}).one_or_none()
                if candidate is None:
                    return None
                found = candidate
            known = _job_row(connection, found.job)
            mine = and_(_SLOT.c.job == found.job, _SLOT.c.name == found.name)
            if found.state == "running":
                _end_run(connection, found, at, "failed", LOST_RUN)
            claimed = {
                "state": "running",
                "attempts": found.attempts + 1,
                "tries": found.tries + 1,
                "fence": known.fence + 1,
                "retry_at": None,
                "holder": holder,
                "leased_until_at": to_us(until),
            }
            connection.execute(update(_SLOT).where(mine).values(**claimed))
            connection.execute(update(_JOB).where(_JOB.c.name == found.job).values(fence=known.fence + 1))
            run = Run(found.job, found.name, found.attempts + 1, "running", now)
            connection.execute(_RUN.insert().values(run_values(run)))
            return Claim(
                self._job(known), slot_of(found), found.attempts + 1, found.tries + 1, known.fence + 1, until
            )  # fmt: skip

    def extend(self, claim: Claim, until: datetime) -> None:
        with self._database.writing() as connection:
            mine = _held(connection, claim)
            connection.execute(update(_SLOT).where(mine).values(leased_until_at=to_us(until)))

    def finish(self, claim: Claim, run: Run, verdict: Verdict) -> None:
        with self._database.writing() as connection:
            mine = _held(connection, claim)
            ended = {
                "state": verdict.slot_state,
                "holder": "",
                "leased_until_at": None,
                "retry_at": None if verdict.retry_at is None else to_us(verdict.retry_at),
            }
            connection.execute(update(_SLOT).where(mine).values(**ended))
            values = run_values(run)
            this = and_(*(column == values[column.name] for column in _RUN.primary_key))
            connection.execute(update(_RUN).where(this).values(values))
            job = self._job(_job_row(connection, claim.job.name))
            if job.state in LIVE:
                state = verdict.job_state
                if state == "sleeping" and _waits(connection, job.name):
                    state = "runnable"
                _put_state(connection, moved(job, state, run.ended_at or run.begun_at, verdict.cause))

    # --- runs ------------------------------------------------------------------------------------

    def cancel(self, run_id: str, at: datetime) -> Run:
        with self._database.writing() as connection:
            run, slot = _run_and_slot(connection, run_id)
            if slot.attempts != run.attempt or slot.state not in _OPEN:
                raise Refused(f"run {run_id} is over", "See what became of its slot with `footfall runs ls`")
            fence = _job_row(connection, slot.job).fence + 1
            connection.execute(update(_JOB).where(_JOB.c.name == slot.job).values(fence=fence))
            stopped = {"state": "cancelled", "fence": fence, "holder": "", "leased_until_at": None, "retry_at": None}
            this = and_(_SLOT.c.job == slot.job, _SLOT.c.name == slot.name)
            connection.execute(update(_SLOT).where(this).values(**stopped))
            if slot.state == "running":
                _end_run(connection, slot, to_us(at), "cancelled", "cancelled by a person")
            return run_of(connection.execute(select(_RUN).where(_is_run(run_id))).one())

    def retry(self, run_id: str, at: datetime) -> Planned:
        with self._database.writing() as connection:
            _, slot = _run_and_slot(connection, run_id)
            if slot.state in ("running", "succeeded"):
                hint = "Run it again with `footfall jobs run`" if slot.state == "succeeded" else "Wait, or cancel it"
                raise Refused(f"slot {slot.name} of job '{slot.job}' is {slot.state}", hint)
            this = and_(_SLOT.c.job == slot.job, _SLOT.c.name == slot.name)
            asked = case((_SLOT.c.state == "waiting", _SLOT.c.asked), else_=True)
            again = {"state": "waiting", "asked": asked, "retry_at": to_us(at)}
            connection.execute(update(_SLOT).where(this).values(**again))
            asleep = and_(_JOB.c.name == slot.job, _JOB.c.state.in_(_WOKEN))
            connection.execute(update(_JOB).where(asleep).values(state="runnable"))
            return planned_of(connection.execute(select(_SLOT).where(this)).one())

    def runs(self, name: str | None = None, limit: int = 100, *, before: Run | None = None) -> Sequence[Run]:
        query = select(_RUN) if name is None else select(_RUN).where(_RUN.c.job == name)
        if before is not None:
            query = query.where(_follows(before))
        query = query.order_by(_RUN.c.begun_at.desc(), _RUN.c.job, _RUN.c.slot.desc(), _RUN.c.attempt.desc())
        with self._database.reading() as connection:
            if name is not None:
                _job_row(connection, name)
            return [run_of(row) for row in connection.execute(query.limit(limit))]

    def run(self, run_id: str) -> Run:
        with self._database.reading() as connection:
            return run_of(_run_row(connection, run_id))


def _job_row(connection: Connection, name: str) -> Row[Any]:
    row = connection.execute(select(_JOB).where(_JOB.c.name == name)).one_or_none()
    if row is None:
        raise Missing(f"there is no job '{name}'", "List them with `footfall jobs ls`")
    return row


def _put_state(connection: Connection, job: Job) -> None:
    changed = {"state": job.state, "cause": job.cause, "changed_at": to_us(job.changed_at)}
    connection.execute(update(_JOB).where(_JOB.c.name == job.name).values(**changed))


def _waits(connection: Connection, job: str) -> bool:
    query = select(_SLOT.c.name).where(and_(_SLOT.c.job == job, _SLOT.c.state == "waiting")).limit(1)
    return connection.execute(query).first() is not None


def _oldest() -> Any:
    """Of each live job that nobody runs: its first open slot, if it is time for it at ``at``. Of these the one due
    first."""
    at = bindparam("at", type_=BigInteger)
    busy = select(_SLOT.c.job).where(and_(_SLOT.c.state == "running", _SLOT.c.leased_until_at > at))
    rank = func.row_number().over(partition_by=_SLOT.c.job, order_by=_ORDER).label("rank")
    open_ones = and_(_SLOT.c.state.in_(_OPEN), _JOB.c.state.in_(sorted(LIVE)), _SLOT.c.job.not_in(busy))
    heads = select(_SLOT, rank).join(_JOB, _JOB.c.name == _SLOT.c.job).where(open_ones).subquery()
    ready = and_(heads.c.rank == 1, heads.c.due_at <= at, or_(heads.c.retry_at.is_(None), heads.c.retry_at <= at))
    query = select(heads).where(ready).order_by(heads.c.asked, heads.c.due_at, heads.c.start_at, heads.c.job)
    return query.limit(1)


_OLDEST: Final = _oldest()  # built once: it is asked every few seconds


def _this(connection: Connection, job: str, slot: str, at: int) -> Row[Any]:
    known = _job_row(connection, job)
    if known.state == "deleted":
        raise Refused(f"job '{job}' was deleted", "Add it again")
    busy = and_(_SLOT.c.job == job, _SLOT.c.state == "running", _SLOT.c.leased_until_at > at)
    other = connection.execute(select(_SLOT).where(busy).limit(1)).one_or_none()
    if other is not None:
        until = f"{from_us(other.leased_until_at):%Y-%m-%d %H:%M:%S}Z"
        hint = f"Wait for it, or cancel it with `footfall runs cancel {job}:{other.name}:{other.attempts}`"
        raise Conflict(f"slot {other.name} of job '{job}' is run by {other.holder} until {until} at least", hint)
    found = connection.execute(select(_SLOT).where(and_(_SLOT.c.job == job, _SLOT.c.name == slot))).one_or_none()
    if found is None:
        raise Refused(f"job '{job}' has no slot {slot}", "Ask for it with `footfall jobs backfill`")
    if found.state not in _OPEN:
        raise Conflict(f"slot {slot} of job '{job}' is {found.state}", "Ask for it anew")
    return found


def _held(connection: Connection, claim: Claim) -> Any:
    """The condition for the claimed slot. Raises ``Conflict`` if the claim is not in force any more."""
    mine = and_(_SLOT.c.job == claim.job.name, _SLOT.c.name == claim.slot.name)
    query = select(_SLOT.c.name).where(and_(mine, _SLOT.c.fence == claim.fence, _SLOT.c.state == "running"))
    if connection.execute(query).one_or_none() is None:
        raise Conflict(
            f"slot {claim.slot.name} of job '{claim.job.name}' is not ours any more: it was cancelled, or taken over "
            "after the lease ran out"
        )
    return mine


def _end_run(connection: Connection, slot: Row[Any], at: int, state: str, error: str) -> None:
    """End the run that a slot is in, for a reason that is not its own."""
    this = and_(_RUN.c.job == slot.job, _RUN.c.slot == slot.name, _RUN.c.attempt == slot.attempts)
    connection.execute(update(_RUN).where(this).values(state=state, ended_at=at, error=error))


def _follows(run: Run) -> Any:
    """The condition for what comes after ``run``, newest first."""
    older_attempt = and_(_RUN.c.slot == run.slot, _RUN.c.attempt < run.attempt)
    same_job = and_(_RUN.c.job == run.job, or_(_RUN.c.slot < run.slot, older_attempt))
    same_instant = and_(_RUN.c.begun_at == to_us(run.begun_at), or_(_RUN.c.job > run.job, same_job))
    return or_(_RUN.c.begun_at < to_us(run.begun_at), same_instant)


def _is_run(run_id: str) -> Any:
    job, _, rest = run_id.partition(":")
    slot, _, attempt = rest.rpartition(":")
    number = int(attempt) if _ATTEMPT.fullmatch(attempt) else 0  # of which there is none
    return and_(_RUN.c.job == job, _RUN.c.slot == slot, _RUN.c.attempt == number)


def _run_row(connection: Connection, run_id: str) -> Row[Any]:
    row = connection.execute(select(_RUN).where(_is_run(run_id))).one_or_none()
    if row is None:
        raise Missing(f"there is no run {run_id!r}", "List them with `footfall runs ls`")
    return row


def _run_and_slot(connection: Connection, run_id: str) -> tuple[Row[Any], Row[Any]]:
    run = _run_row(connection, run_id)
    slot = connection.execute(select(_SLOT).where(and_(_SLOT.c.job == run.job, _SLOT.c.name == run.slot))).one()
    return run, slot
