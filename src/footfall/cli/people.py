"""``people``: what is known about one person, and why."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from footfall.cli.options import Here, command, now
from footfall.terminal import Exit

if TYPE_CHECKING:
    from footfall.ports import Profile
    from footfall.terminal import Screen

people = typer.Typer(help="What is known about people, and why.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="Identify id, or aptrinsicId.", metavar="ID")]
Day = Annotated[
    datetime | None, typer.Option("--day", formats=["%Y-%m-%d"], help="As of the end of this day; today by default.")
]
Limit = Annotated[int, typer.Option(help="How many at most.")]


@command(people, "show")
def people_show(here: Here, id: Id, day: Day = None) -> None:
    """Show what is known about a person."""
    found = _profile(here, id, day, why=False)
    if here.screen.as_json:
        here.screen.result(_about(found) | {"attributes": dict(found.attributes)})
        return
    _say_about(here.screen, found)
    here.screen.table(["attribute", "value"], [(each.api_name, _text(each.value)) for each in found.held])


@command(people, "explain")
def people_explain(here: Here, id: Id, day: Day = None) -> None:
    """Say why a person is known as that: which event said what, which rule chose, why several users are one person."""
    found = _profile(here, id, day, why=True)
    screen = here.screen
    if screen.as_json:
        screen.result(_about(found) | {"held": [_plain(each) for each in found.held],
                                       "ties": [_plain(each) for each in found.ties]})  # fmt: skip
        return
    _say_about(screen, found)
    screen.table(
        ["attribute", "value", "rule", "said at", "by"],
        [
            (each.api_name, _text(each.value), each.merge,
             f"{each.said_at:%Y-%m-%d %H:%M:%S}Z" if each.said_at else "default", _by(each.sayings))
            for each in found.held
        ],
    )  # fmt: skip
    screen.table(
        ["shared", "value", "outcome", "users", "who"],
        [
            (tie.field, tie.value, tie.outcome, tie.count, ", ".join(who for who, _ in tie.users[:5]))
            for tie in found.ties
        ],
        title="Why these users are one person, or are not",
    )


@command(people, "merges")
def people_merges(here: Here, limit: Limit = 50) -> None:
    """List what joined users lately, or was refused because too many share it; newest first."""
    from footfall.wiring.profiles import profiles_of

    with here.opened() as hub:
        found = profiles_of(hub).joinings(limit)
    _list(here.screen, ["number", "at", "identify_id", "field", "value", "users", "outcome"], [
        (each.number, f"{each.at:%Y-%m-%d %H:%M:%S}Z", each.identify_id, each.field, each.value, each.users,
         each.outcome) for each in found
    ])  # fmt: skip


@command(people, "crowds")
def people_crowds(here: Here, limit: Limit = 50) -> None:
    """List the values that too many users share to identify anybody, largest first."""
    from footfall.wiring.profiles import profiles_of

    with here.opened() as hub:
        found = profiles_of(hub).crowds(limit)
    _list(here.screen, ["field", "value", "users", "limit"],
          [(each["field"], each["value"], each["users"], each["limit"]) for each in found])  # fmt: skip


def _list(screen: Screen, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    if not rows and not screen.as_json:
        screen.warn("None.")
        raise typer.Exit(Exit.NOTHING_TO_DO)
    screen.table(columns, rows)


def _profile(here: Here, asked: str, day: datetime | None, *, why: bool) -> Profile:
    from footfall.wiring.profiles import profiles_of

    with here.opened() as hub:
        return profiles_of(hub).get(asked, day.date() if day else hub.zone.day_of(now()), why=why)


def _about(found: Profile) -> dict[str, Any]:
    return {
        "asked": found.asked,
        "identifyId": found.identify_id,
        "aptrinsicId": found.uid,
        "createDate": _instant(found.created_at),
        "signUpDate": None if found.sign_up_at is None else _instant(found.sign_up_at),
        "lastModifiedDate": _instant(found.modified_at),
        "accountId": found.account_id,
        "isDeleted": found.deleted,
        "users": list(found.users),
        "anonymousIds": list(found.visitors),
    }


def _say_about(screen: Screen, found: Profile) -> None:
    rows = [
        (name, ", ".join(value) if isinstance(value, list) else _text(value)) for name, value in _about(found).items()
    ]
    screen.table(["", found.identify_id], rows)


def _text(value: object) -> str | int | float:
    if value is None or isinstance(value, bool):
        return {None: "", True: "true", False: "false"}[value]
    return value if isinstance(value, int | float) else str(value)


def _by(sayings: Any) -> str:
    told = [f"{source} {event}".strip() for _, source, event, _ in sayings[:2]]
    return "; ".join(told) + (f" and {len(sayings) - 2} more" if len(sayings) > 2 else "")


def _plain(each: Any) -> dict[str, Any]:
    return {
        name: [[_instant(part) if isinstance(part, datetime) else part for part in item] for item in value]
        if isinstance(value, list | tuple)
        else _instant(value)
        if isinstance(value, datetime)
        else value
        for name, value in asdict(each).items()
    }


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
