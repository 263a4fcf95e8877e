"""``days``: which are open, sealed, touched since."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from footfall.cli.options import AsJson, Config, Data, Quiet, Unfinished, opened
from footfall.terminal import Exit, Screen

days = typer.Typer(help="The local days: which are open, sealed, touched since.", no_args_is_help=True)


@days.command("ls")
def days_ls(data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """List the days that hold events or were sealed."""
    screen = Screen(as_json=as_json)
    with opened(screen, data, config) as hub:
        rows = hub.days()
    if not rows:
        screen.warn("No days yet: nothing was settled.")
        raise typer.Exit(Exit.NOTHING_TO_DO)
    screen.table(["day", "events", "revision", "state", "sealed_at"], rows)


@days.command("close")
def days_close(
    day: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"])],
    unfinished: Unfinished = False,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Seal a day: the next revision if anything was learned about it, else nothing to do."""
    screen = Screen(as_json=as_json, quiet=quiet)
    with opened(screen, data, config) as hub, screen.progress() as progress:
        before = hub.ledger.day(day.date()).revision
        hub.settle(progress)
        state = hub.close_day(day.date(), unfinished=unfinished)
    text = f"{state.day} is sealed as revision {state.revision}"
    screen.result({"day": str(state.day), "revision": state.revision, "changed": state.revision != before}, text)
    if state.revision == before:
        raise typer.Exit(Exit.NOTHING_TO_DO)


@days.command("reopen")
def days_reopen(
    day: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"])],
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Let the next close of a sealed day make a new revision, even if no event came late."""
    screen = Screen(as_json=as_json, quiet=quiet)
    with opened(screen, data, config) as hub:
        state = hub.ledger.reopen(day.date())
    screen.result(
        {"day": str(state.day), "revision": state.revision},
        f"{state.day} is open again; its next close is revision {state.revision + 1}",
    )
