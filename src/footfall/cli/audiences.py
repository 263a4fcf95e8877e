"""``audiences``: people chosen by rules or listed; who is in, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from footfall.cli.options import Here, command
from footfall.terminal import Exit

audiences = typer.Typer(help="Audiences: people chosen by rules or listed; who is in, and why.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the audience.")]
Rule = Annotated[str, typer.Option("--rule", help="A rule to try, such as 'AND(plan = pro, visits > 5)'.")]
At = Annotated[datetime | None, typer.Option("--at", help="As of this instant, UTC; now by default.")]
Label = Annotated[str, typer.Option(help="Name for people.")]
Description = Annotated[str, typer.Option(help="What it is for.")]
Tells = Annotated[str, typer.Option(help="What becomes an event: both, enter, exit or none.")]
Backfill = Annotated[bool, typer.Option("--backfill", help="Who is in from the beginning enters, too.")]
Replace = Annotated[bool, typer.Option("--replace", help="Change the one that is there.")]


@command(audiences, "ls")
def audiences_ls(here: Here) -> None:
    """List the audiences, with their rules."""
    from footfall.model.audience_text import write
    from footfall.wiring.membership import audiences_of

    screen = here.screen
    with here.opened() as hub:
        store = audiences_of(hub)
        known = store.all()
        sizes = {each.name: store.count_values(each.name) for each in known if each.listed}
    if not known:
        screen.warn("No audiences yet: `footfall audiences add` makes one.")
        raise typer.Exit(Exit.NOTHING_TO_DO)
    rows = [
        (each.name, each.label, f"{sizes[each.name]:,} of {each.listed}" if each.listed else write(each.rule))
        for each in known
    ]
    screen.table(["name", "label", "rule"], rows)


@command(audiences, "add")
def audiences_add(
    here: Here,
    name: Name,
    rule: Annotated[str, typer.Argument(help="Such as 'AND(plan = pro, last_visit >= now-30d)'.")],
    label: Label = "",
    description: Description = "",
    tells: Tells = "both",
    backfill: Backfill = False,
    replace: Replace = False,
) -> None:
    """Define an audience by a rule."""
    from footfall.model.audience_text import read, write
    from footfall.model.audiences import Audience
    from footfall.wiring.membership import audiences_of, doubts

    made = Audience(name, read(rule), label=label, description=description, tells=tells, backfill=backfill)
    with here.opened() as hub:
        store = audiences_of(hub)
        there = replace and any(each.name == name for each in store.all())
        (store.change if there else store.add)(made, hub.clock())
        doubtful = doubts(hub, made.rule)
    text = write(made.rule)
    here.screen.result({"name": name, "rule": text, "doubts": doubtful}, f"Audience {name}: {text}")
    for doubt in doubtful:
        here.screen.warn(f"Are you sure? {doubt}")


@command(audiences, "rm")
def audiences_rm(here: Here, name: Name) -> None:
    """Delete an audience that no other includes."""
    from footfall.wiring.membership import audiences_of

    with here.opened() as hub:
        audiences_of(hub).delete(name)
    here.screen.result({"name": name}, f"Audience {name} is deleted")


@command(audiences, "import-list")
def audiences_import_list(
    here: Here,
    name: Name,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="One value a line; or CSV with --column.")],
    by: Annotated[str, typer.Option(help="The field whose values these are; identifyId by default.")] = "",
    column: Annotated[str, typer.Option(help="The column of a CSV file with a header that has the values.")] = "",
    keep: Annotated[bool, typer.Option("--keep", help="Add to what the list holds.")] = False,
    label: Label = "",
    description: Description = "",
    tells: Tells = "both",
    backfill: Backfill = False,
) -> None:
    """Make an audience of the people on a list, or replace what it holds."""
    from footfall.errors import Refused
    from footfall.model.audiences import IDENTIFY, Audience
    from footfall.wiring.membership import audiences_of, listed_in

    made = Audience(name, listed=by or IDENTIFY, label=label, description=description, tells=tells, backfill=backfill)
    with here.opened() as hub:
        store, at = audiences_of(hub), hub.clock()
        with hub.database.transaction():
            there = next((each for each in store.all() if each.name == name), None)
            if there is None:
                store.add(made, at)
            elif by and there.listed and by != there.listed:
                raise Refused(f"audience '{name}' is a list by {there.listed}", "Leave out --by, or take another name")
            values = store.put_values(name, listed_in(file, column), at, keep=keep)
    here.screen.result({"name": name, "values": values}, f"Audience {name}: {values:,} values")


@command(audiences, "count")
def audiences_count(
    here: Here,
    names: Annotated[list[str] | None, typer.Argument(help="Names of audiences; all by default.")] = None,
    rule: Rule = "",
    at: At = None,
) -> None:
    """Count who is in now: in the audiences named, in all of them, or whom a rule would choose."""
    from footfall.wiring.membership import Looks

    screen = here.screen
    with here.opened() as hub, screen.progress() as progress:
        hub.settle(progress)
        if rule:
            if names:
                raise typer.BadParameter("give names of audiences, or a rule")
            members, users = Looks(hub).try_rule(_rule(rule), _instant(at))
            screen.result({"members": members, "users": users}, f"{members:,} of {users:,} users")
            return
        counts, faults, users = Looks(hub).count(names or (), _instant(at))
    found = sorted({*counts, *(faults if not names else faults.keys() & set(names))})
    if not found:
        screen.warn("No audiences yet: `footfall audiences add` makes one.")
        raise typer.Exit(Exit.NOTHING_TO_DO)
    rows = [(name, counts.get(name, 0), users, faults.get(name, "")) for name in found]
    screen.table(["audience", "members", "users", "fault"], rows)
    if any(fault for *_, fault in rows):
        raise typer.Exit(Exit.PARTIAL)


@command(audiences, "members")
def audiences_members(
    here: Here,
    name: Annotated[str, typer.Argument(help="Name of the audience.")] = "",
    rule: Rule = "",
    at: At = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0 for all.")] = 100,
) -> None:
    """List who is in, by identify id."""
    from footfall.wiring.membership import Looks

    screen = here.screen
    with here.opened() as hub, screen.progress() as progress:
        hub.settle(progress)
        rows, count = Looks(hub).members(name, limit, _rule(rule), _instant(at))
    screen.table(["user", "account", "id"], rows)
    if len(rows) < count:
        screen.say(f"{len(rows):,} of {count:,}; --limit 0 lists all, an export job delivers them")


@command(audiences, "explain")
def audiences_explain(
    here: Here,
    user: Annotated[str, typer.Argument(help="Identify id of the user.")],
    name: Annotated[str, typer.Argument(help="Name of the audience.")] = "",
    rule: Rule = "",
    at: At = None,
) -> None:
    """Say why a user is in an audience or not: each condition, what was found, and whether it holds."""
    from footfall.wiring.membership import Looks

    with here.opened() as hub, here.screen.progress() as progress:
        hub.settle(progress)
        found = Looks(hub).explain(user, name, _rule(rule), _instant(at))
    verdict = f"{found.identify_id} is {'' if found.member else 'not '}in {name or 'it'}"
    lines = [verdict, *(found.reason.lines() if found.reason is not None else ())]
    here.screen.result(found.to_plain(), "\n".join(lines))


@command(audiences, "look")
def audiences_look(here: Here) -> None:
    """Tell who entered and who left since the last look, as events; a running server does it by itself."""
    from footfall.wiring.membership import look_at_audiences

    screen = here.screen
    with here.opened() as hub, screen.progress() as progress:
        hub.settle(progress)
        moved = look_at_audiences(hub)
        hub.settle(progress)
    if not moved:
        screen.warn("No audiences yet: `footfall audiences add` makes one.")
        raise typer.Exit(Exit.NOTHING_TO_DO)
    rows = [(each.audience, each.members, each.entered, each.left, each.fault) for each in moved]
    screen.table(["audience", "members", "entered", "left", "fault"], rows)
    if any(each.fault for each in moved):
        raise typer.Exit(Exit.PARTIAL)


def _instant(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def _rule(text: str) -> Any:
    """A rule that was given, None if none was."""
    from footfall.model.audience_text import read

    return read(text) if text else None
