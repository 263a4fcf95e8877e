"""Rows of jobs, slots and runs as values, and back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from footfall.model.instants import from_us, to_us
from footfall.model.jobs import Job, Run
from footfall.model.schedules import Slot, to_plain
from footfall.ports import Planned
from footfall.stores import schema

if TYPE_CHECKING:
    from sqlalchemy import Row

_JOB: Final = schema.job
_RUN: Final = schema.job_run


def job_values(job: Job) -> dict[str, Any]:
    """What the row of a job holds, but for the bookkeeping of its slots."""
    values = {name: getattr(job, name) for name in _JOB.c.keys() if hasattr(job, name)}  # noqa: SIM118
    return values | {
        "schedule": json.dumps(to_plain(job.schedule)),
        "options": json.dumps(dict(job.options), ensure_ascii=False),
        "created_at": to_us(job.created_at),
        "changed_at": to_us(job.changed_at),
    }


def slot_values(job: str, slot: Slot, state: str, *, asked: bool) -> dict[str, Any]:
    """The row of a new slot."""
    return {
        "job": job,
        "name": slot.name,
        "start_at": to_us(slot.start),
        "end_at": to_us(slot.end),
        "due_at": to_us(slot.due),
        "day": None if slot.day is None else slot.day.isoformat(),
        "last_day": None if slot.last_day is None else slot.last_day.isoformat(),
        "state": state,
        "asked": asked,
        "attempts": 0,
        "tries": 0,
        "fence": 0,
        "retry_at": None,
        "holder": "",
        "leased_until_at": None,
    }


def slot_of(row: Row[Any]) -> Slot:
    """The slot of a row."""
    day, last_day = (None if each is None else date.fromisoformat(each) for each in (row.day, row.last_day))
    return Slot(from_us(row.start_at), from_us(row.end_at), from_us(row.due_at), day, last_day)


def planned_of(row: Row[Any]) -> Planned:
    """The slot of a row and how it stands."""
    return Planned(
        job=row.job,
        slot=slot_of(row),
        state=row.state,
        asked=row.asked,
        attempts=row.attempts,
        tries=row.tries,
        retry_at=None if row.retry_at is None else from_us(row.retry_at),
        holder=row.holder,
        leased_until=None if row.leased_until_at is None else from_us(row.leased_until_at),
    )


def run_values(run: Run) -> dict[str, Any]:
    """The row of a run."""
    values = {name: getattr(run, name) for name in _RUN.c.keys()}  # noqa: SIM118
    values["begun_at"] = to_us(run.begun_at)
    values["ended_at"] = None if run.ended_at is None else to_us(run.ended_at)
    return values


def run_of(row: Row[Any]) -> Run:
    """The run of a row."""
    run = Run(**row._mapping)
    ended = None if row.ended_at is None else from_us(row.ended_at)
    return replace(run, begun_at=from_us(row.begun_at), ended_at=ended)
