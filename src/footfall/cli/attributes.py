"""``attributes``: what is known of users and accounts, and what becomes of several sayings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer

from footfall.cli.options import Here, command, now
from footfall.terminal import Exit

attributes = typer.Typer(
    help="Attributes of users and accounts: types, merge rules, defaults, who is one person.", no_args_is_help=True
)
Entity = Annotated[str, typer.Option("--of", help="user or account.")]


@command(attributes, "ls")
def attributes_ls(
    here: Here,
    of: Entity = "user",
    everything: Annotated[bool, typer.Option("--all", help="Also default attributes that are not defined.")] = False,
) -> None:
    """List the attributes that are defined or in use."""
    from footfall.model.attribute_definitions import CUSTOM
    from footfall.wiring.profiles import attributes_of

    with here.opened() as hub:
        known = attributes_of(hub)
        defined = {each.name for each in known.defined() if each.entity == of}
        listed = [each for each in known.all(of) if everything or each.origin == CUSTOM or each.name in defined]
    here.screen.table(
        ["name", "type", "origin", "state", "merge", "default", "flags", "label"],
        [
            (each.api_name, each.type, each.origin, each.state, each.merge,
             "" if each.default is None else str(each.default), _flags(each), each.label)
            for each in listed
        ],
    )  # fmt: skip


@dataclass(frozen=True)
class Changes:
    """What ``attributes set`` may say; what is left out stays as it is."""

    type: Annotated[str | None, typer.Option(help="STRING, NUMBER, BOOLEAN, DATE_TIME, SET or MAP.")] = None
    merge: Annotated[str | None, typer.Option(help="last, first, min, max, count or add.")] = None
    state: Annotated[str | None, typer.Option(help="ENABLED, DISABLED or DELETED.")] = None
    default: Annotated[str | None, typer.Option(help="For whoever has no value; empty for none.")] = None
    label: Annotated[str | None, typer.Option(help="Name for people.")] = None
    description: Annotated[str | None, typer.Option(help="What it says.")] = None
    capacity: Annotated[int | None, typer.Option(help="Of a set or map: elements at most.")] = None
    keep_days: Annotated[int | None, typer.Option(help="Of a set or map: days an element is shown; 0 for ever.")] = None
    pii: Annotated[bool | None, typer.Option("--pii/--no-pii", help="Personal data, or not.")] = None
    identifier: Annotated[
        bool | None,
        typer.Option("--identifier/--no-identifier", help="Users who share a value are one person, or not."),
    ] = None
    shared_by_max: Annotated[int | None, typer.Option(help="A value that more users share identifies nobody.")] = None


@command(attributes, "set")
def attributes_set(
    here: Here,
    name: Annotated[str, typer.Argument(help="Name of the attribute, in any spelling.")],
    changes: Changes,
    of: Entity = "user",
) -> None:
    """Define an attribute, or change its definition; what was said is merged anew by its rule."""
    from footfall.errors import Missing
    from footfall.model.attribute_definitions import plain_of, usual
    from footfall.wiring.profiles import attributes_of

    screen = here.screen
    with here.opened() as hub, screen.progress() as progress:
        known = attributes_of(hub)
        try:
            before = known.get(of, name)
        except Missing:
            before = usual(of, name)
        changed = known.define(_changed(before, changes), now(), progress)
        after = known.get(of, name)
    screen.result({**plain_of(after), "changed": changed}, f"{of} attribute '{after.api_name}' is {_told(after)}")
    if not changed:
        raise typer.Exit(Exit.NOTHING_TO_DO)


@command(attributes, "remove")
def attributes_remove(
    here: Here,
    name: Annotated[str, typer.Argument(help="Name of the attribute, in any spelling.")],
    of: Entity = "user",
) -> None:
    """Take a definition away: the attribute is of the type of its earliest use and keeps its last value."""
    from footfall.wiring.profiles import attributes_of

    screen = here.screen
    with here.opened() as hub, screen.progress() as progress:
        attributes_of(hub).remove(of, name, now(), progress)
    screen.result({"entity": of, "api_name": name}, f"{of} attribute '{name}' is not defined any more")


def _changed(before: Any, changes: Changes) -> Any:
    """The definition with what was said; a new type has its own usual merge rule."""
    from footfall.model.attribute_definitions import usual

    given = {name: value for name, value in vars(changes).items() if value is not None}
    renamed = {"pii": "is_pii", "identifier": "is_identifier"}
    given = {renamed.get(name, name): value for name, value in given.items()}
    if given.get("type", before.type) != before.type and "merge" not in given:
        given["merge"] = usual(before.entity, before.api_name, given["type"]).merge
    if "default" in given:
        given["default"] = _typed(given["default"], given.get("type", before.type))
    if given.get("keep_days") == 0:
        given["keep_days"] = None
    return replace(before, **given)


def _typed(text: str, type_: str) -> Any:
    """The default as its type has it; text that does not fit is left for the check to refuse."""
    from footfall.model.attributes import COERCIONS

    if text == "":
        return None
    value = COERCIONS[type_](text) if type_ in ("NUMBER", "BOOLEAN") else text
    return text if value is None else value


def _flags(each: Any) -> str:
    words = [("pii", each.is_pii), (f"identifier ≤{each.shared_by_max}", each.is_identifier)]
    return ", ".join(word for word, holds in words if holds)


def _told(each: Any) -> str:
    return ", ".join(filter(None, (each.type, each.merge, each.state.lower(), _flags(each))))
