"""``people deny``: users whose events are not taken any more."""

from __future__ import annotations

from typing import Annotated

import typer

from footfall.cli.options import Here, command
from footfall.terminal import Exit

deny = typer.Typer(help="Users whose events are not taken any more.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="Identify id.", metavar="ID")]


def add_to(people: typer.Typer) -> None:
    """Add the group to ``people``."""
    people.add_typer(deny, name="deny")


@command(deny, "ls")
def deny_ls(here: Here) -> None:
    """List who is denied, with the id as it is kept."""
    from footfall.wiring.denying import denied_users

    with here.opened() as hub:
        found = denied_users(hub)
    if not found and not here.screen.as_json:
        here.screen.warn("Nobody is denied.")
        raise typer.Exit(Exit.NOTHING_TO_DO)
    here.screen.table(["id", "since"], [(who, f"{at:%Y-%m-%d %H:%M:%S}Z") for who, at in found])


@command(deny, "add")
def deny_add(here: Here, id: Id) -> None:
    """Take no events of a user from now on; those that are stored stay."""
    from footfall.wiring.denying import deny_user

    with here.opened() as hub:
        uid = deny_user(hub, id)
    here.screen.result({"user": uid, "denied": True}, "Events of this user are not taken any more")


@command(deny, "rm")
def deny_rm(here: Here, id: Id) -> None:
    """Take events of a user again."""
    from footfall.wiring.denying import allow_user

    with here.opened() as hub:
        uid = allow_user(hub, id)
    here.screen.result({"user": uid, "denied": False}, "Events of this user are taken again")
