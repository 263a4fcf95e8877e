"""``days``: which are open, sealed, touched since."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from footfall.cli.options import Here, Unfinished, command
from footfall.terminal import Exit

days = typer.Typer(help="The local days: which are open, sealed, touched since.", no_args_is_help=True)


@command(days, "ls")
def days_ls(here: Here) -> None:
    """List the days that hold events or were sealed."""
    screen = here.screen
    with here.opened() as hub:
        rows = hub.days()
    if not rows:
        screen.warn("No days yet: nothing was settled.")
        raise typer.Exit(Exit.NOTHING_TO_DO)
    screen.table(["day", "events", "revision", "state", "sealed_at"], rows)


@command(days, "close")
def days_close(
    here: Here,
    day: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"])],
    unfinished: Unfinished = False,
) -> None:
    """Seal a day: the next revision if anything was learned about it, else nothing to do."""
    screen = here.screen
    with here.opened() as hub, screen.progress() as progress:
        before = hub.ledger.day(day.date()).revision
        hub.settle(progress)
        state = hub.close_day(day.date(), unfinished=unfinished)
    text = f"{state.day} is sealed as revision {state.revision}"
    screen.result({"day": str(state.day), "revision": state.revision, "changed": state.revision != before}, text)
    if state.revision == before:
        raise typer.Exit(Exit.NOTHING_TO_DO)


@command(days, "reopen")
def days_reopen(here: Here, day: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"])]) -> None:
    """Let the next close of a sealed day make a new revision, even if no event came late."""
    screen = here.screen
    with here.opened() as hub:
        state = hub.ledger.reopen(day.date())
    screen.result(
        {"day": str(state.day), "revision": state.revision},
        f"{state.day} is open again; its next close is revision {state.revision + 1}",
    )
