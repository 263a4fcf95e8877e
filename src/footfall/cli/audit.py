"""``audit``: who changed what."""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING, Annotated, Any

import typer

from footfall.cli.options import Here, command
from footfall.terminal import Exit

if TYPE_CHECKING:
    from footfall.model.audit import Change

audit = typer.Typer(help="Who changed what, and when.", no_args_is_help=True)


@command(audit, "ls")
def audit_ls(
    here: Here,
    subject: Annotated[str | None, typer.Option(help="Only changes of this, such as 'job daily'.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest.")] = 50,
) -> None:
    """List the newest changes."""
    screen = here.screen
    with here.opened() as hub:
        found = hub.audit.changes(subject=subject, limit=limit)
    if screen.as_json:
        screen.result([_described(change) for change in found])
        return
    screen.table(
        ["number", "at", "who", "action", "subject", "from", "to"],
        [
            (change.number, f"{change.at:%Y-%m-%d %H:%M:%S}Z", _who(change), change.action, change.subject,
             _text(change.before), _text(change.after))
            for change in found
        ],
    )  # fmt: skip


@command(audit, "check")
def audit_check(here: Here) -> None:
    """Check that no entry was altered and none is missing in between."""
    screen = here.screen
    with here.opened() as hub:
        broken = hub.audit.check()
    whole = "Every entry is as it was written"
    screen.result({"ok": broken is None, "broken_at": broken}, whole if broken is None else None)
    if broken is not None:
        screen.warn(f"Entry {broken} is missing or was altered, or one before it was removed")
        raise typer.Exit(Exit.FAILED)


def _described(change: Change) -> dict[str, Any]:
    return {
        "number": change.number, "at": f"{change.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "actor": change.actor.kind, "name": change.actor.name, "address": change.actor.address,
        "action": change.action, "subject": change.subject, "before": change.before, "after": change.after,
    }  # fmt: skip


def _who(change: Change) -> str:
    return " ".join(each for each in (change.actor.kind, change.actor.name, change.actor.address) if each)


def _text(facts: Any) -> str:
    return "" if facts is None else json.dumps(facts, ensure_ascii=False)
