"""Tasks: what was asked for and takes longer than a request."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import JsonValue

from footfall.model.tasks import Task
from footfall.web.api.callers import Reading
from footfall.web.api.shapes import Instant, Told
from footfall.web.api.strict import section

router = section("/api/tasks", "tasks")


class TaskOut(Told):
    """A piece of work. state: waiting, running, succeeded or failed. result: of its kind, when it succeeded."""

    id: str
    kind: str
    subject: str
    by: str
    state: str
    asked_at: Instant
    ended_at: Instant | None
    result: dict[str, JsonValue] | None
    error: str
    hint: str


class Tasks(Told):
    tasks: list[TaskOut]


@router.get("", summary="List the newest tasks")
def list_tasks(desk: Reading) -> Tasks:
    """The last hundred; they are forgotten when the server stops."""
    return Tasks(tasks=[task_out(task) for task in desk.management.tasks.all()])


@router.get("/{id}", summary="Show a task")
def show_task(desk: Reading, id: Annotated[str, Path(max_length=64)]) -> TaskOut:
    return task_out(desk.management.tasks.get(id))


def task_out(task: Task) -> TaskOut:
    """A task as it is answered."""
    return TaskOut(
        id=task.id,
        kind=task.kind,
        subject=task.subject,
        by=task.by,
        state=task.state,
        asked_at=task.asked_at,
        ended_at=task.ended_at,
        result=None if task.result is None else dict(task.result),
        error=task.error,
        hint=task.hint,
    )
