"""Runs: what became of the slots of jobs."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from footfall.model.instants import from_us, to_us
from footfall.model.jobs import Run
from footfall.web.api.callers import Reading, Writing
from footfall.web.api.paging import Cursor, Limit, cursor, values
from footfall.web.api.problems import Answered
from footfall.web.api.repeats import repeatable
from footfall.web.api.shapes import NAME_PATTERN, Instant, Told
from footfall.web.api.strict import section

router = section("/api/runs", "runs")
RunId = Annotated[str, Path(max_length=200, description="job:slot:attempt")]


class RunOut(Told):
    """One attempt at one slot. error, hint: what went wrong and what to do about it; empty otherwise."""

    id: str
    job: str
    slot: str
    attempt: int
    state: str
    begun_at: Instant
    ended_at: Instant | None
    files: int
    rows: int
    bytes: int
    position: int | None
    error: str
    hint: str


class Runs(Told):
    """next: the cursor of the following page; null on the last one."""

    runs: list[RunOut]
    next: str | None


class SlotState(Told):
    job: str
    slot: str
    state: str


@router.get("", summary="List the newest runs")
def list_runs(
    desk: Reading,
    job: Annotated[str | None, Query(pattern=NAME_PATTERN, description="Only those of this job.")] = None,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Runs:
    found = list(desk.management.jobs.runs(job, limit + 1, before=_before(cursor)))
    return Runs(runs=[run_out(run) for run in found[:limit]], next=_next(found, limit))


@router.get("/{id}", summary="Show a run")
def show_run(desk: Reading, id: RunId) -> RunOut:
    return run_out(desk.management.jobs.run(id))


@router.post("/{id}/retry", status_code=202, summary="Try the slot of a failed run again at once")
@repeatable
def retry_run(desk: Writing, id: RunId) -> SlotState:
    """What it did deliver is left alone."""
    planned = desk.management.jobs.retry(id, desk.management.clock())
    return SlotState(job=planned.job, slot=planned.slot.name, state=planned.state)


@router.post("/{id}/cancel", summary="End a run, or give up a slot that waits to be tried again")
def cancel_run(desk: Writing, id: RunId) -> RunOut:
    """What it delivered stays."""
    return run_out(desk.management.jobs.cancel(id, desk.management.clock()))


def run_out(run: Run) -> RunOut:
    """A run as it is answered."""
    return RunOut(
        id=run.id,
        job=run.job,
        slot=run.slot,
        attempt=run.attempt,
        state=run.state,
        begun_at=run.begun_at,
        ended_at=run.ended_at,
        files=run.files,
        rows=run.rows,
        bytes=run.bytes,
        position=run.position,
        error=run.error,
        hint=run.hint,
    )


def _next(found: list[Run], limit: int) -> str | None:
    if len(found) <= limit:
        return None
    last = found[limit - 1]
    return cursor(to_us(last.begun_at), last.job, last.slot, last.attempt)


def _before(text: str) -> Run | None:
    found = values(text, (int, str, str, int))
    if found is None:
        return None
    at, job, slot, attempt = found
    try:
        return Run(job, slot, attempt, "", from_us(at))
    except OverflowError:
        raise Answered(400, "The cursor is not one of ours", "Begin at the first page, without cursor") from None
