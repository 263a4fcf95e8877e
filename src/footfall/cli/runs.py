"""``runs``: what became of the slots of jobs."""

from __future__ import annotations

from typing import Annotated

import typer

from footfall.cli.jobs import run_described, show_run
from footfall.cli.options import Here, command, now

runs = typer.Typer(help="What became of the slots of jobs.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="Id of the run: job:slot:attempt.")]


@command(runs, "ls")
def runs_ls(
    here: Here,
    job: Annotated[str | None, typer.Option(help="Only those of this job.")] = None,
    limit: Annotated[int, typer.Option(help="How many of the newest.")] = 50,
) -> None:
    """List the newest runs."""
    screen = here.screen
    with here.opened() as hub:
        found = hub.jobs.runs(job, limit)
    screen.table(
        ["id", "state", "begun", "files", "rows", "bytes", "error"],
        [
            (run.id, run.state, f"{run.begun_at:%Y-%m-%d %H:%M:%S}Z", run.files, run.rows, run.bytes, run.error)
            for run in found
        ],
    )


@command(runs, "show")
def runs_show(here: Here, id: Id) -> None:
    """Show one run: what it delivered, or what went wrong and what to do about it."""
    screen = here.screen
    with here.opened() as hub:
        run = hub.jobs.run(id)
    told = run_described(run)
    screen.result(told, "\n".join(f"{key:<10} {value}" for key, value in told.items() if value not in ("", None)))


@command(runs, "retry")
def runs_retry(here: Here, id: Id) -> None:
    """Let the slot of a run that failed be tried again at once; what it did deliver is left alone."""
    screen = here.screen
    with here.opened() as hub:
        planned = hub.jobs.retry(id, now())
    screen.result(
        {"job": planned.job, "slot": planned.slot.name, "state": planned.state},
        f"Slot {planned.slot.name} of job '{planned.job}' waits to be run",
    )


@command(runs, "cancel")
def runs_cancel(here: Here, id: Id) -> None:
    """End a run, or give up a slot that waits to be tried again. What it delivered stays."""
    screen = here.screen
    with here.opened() as hub:
        run = hub.jobs.cancel(id, now())
    show_run(screen, run)
