"""The local days: which are open, sealed, touched since."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from footfall.web.api.callers import Reading, Writing
from footfall.web.api.paging import Cursor, Limit, cursor, values
from footfall.web.api.repeats import repeatable
from footfall.web.api.shapes import Day, Flag, Given, Told
from footfall.web.api.strict import section
from footfall.web.api.tasks import TaskOut, task_out

router = section("/api/days", "days")
DayPath = Annotated[Day, Path(description="Local day, such as 2026-11-20.")]


class DayOut(Told):
    """A day with events or a seal. state: open, sealed, or touched since it was sealed. sealed_at: empty while open."""

    day: str
    events: int
    revision: int
    state: str
    sealed_at: str


class Days(Told):
    """next: the cursor of the following page; null on the last one."""

    days: list[DayOut]
    next: str | None


class CloseIn(Given):
    """unfinished: take a day that is not over; what still comes makes its next revision."""

    unfinished: Flag = False


class Reopened(Told):
    day: str
    revision: int
    touched: bool


@router.get("", summary="List the days, newest first")
def list_days(desk: Reading, limit: Limit = 100, cursor: Cursor = "") -> Days:
    before = values(cursor, (str,))
    known = [row for row in reversed(desk.management.days()) if before is None or row[0] < before[0]]
    rows = [
        DayOut(day=day, events=events, revision=revision, state=state, sealed_at=sealed_at)
        for day, events, revision, state, sealed_at in known[:limit]
    ]
    return Days(days=rows, next=_next(rows) if len(known) > limit else None)


@router.post("/{day}/close", status_code=202, summary="Seal a day")
@repeatable
def close_day(desk: Writing, day: DayPath, given: CloseIn | None = None) -> TaskOut:
    """A task: what was accepted is settled first. Its result has the revision, and whether anything changed."""
    unfinished = given is not None and given.unfinished
    return task_out(desk.management.tasks.close_day(day, desk.name, unfinished=unfinished))


@router.post("/{day}/reopen", summary="Let the next close of a day make a new revision")
def reopen_day(desk: Writing, day: DayPath) -> Reopened:
    state = desk.management.ledger.reopen(day)
    return Reopened(day=str(state.day), revision=state.revision, touched=state.touched)


def _next(rows: list[DayOut]) -> str:
    return cursor(rows[-1].day)
