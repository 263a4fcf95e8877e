"""``api-keys``: who may use the management API, and for what."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from footfall.cli.options import Here, command, now

api_keys = typer.Typer(help="Keys of the management API.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name of the key: who uses it, or what for.")]


@command(api_keys, "ls")
def api_keys_ls(here: Here) -> None:
    """List the keys; they cannot be shown again."""
    screen = here.screen
    with here.opened() as hub:
        found = hub.api_keys.all()
        at = hub.clock()
    if not found and not screen.as_json:
        screen.warn("No API keys yet: add one with `footfall api-keys add`.")
    screen.table(
        ["name", "scope", "state", "created", "expires", "last used"],
        [
            (key.name, key.scope, key.state(at), _at(key.created_at), _at(key.expires_at), _at(key.used_at))
            for key in found
        ],
    )


@command(api_keys, "add")
def api_keys_add(
    here: Here,
    name: Name,
    scope: Annotated[str, typer.Option(help="metrics, read, write or admin; each may do what those before it may.")],
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"], help="When it is over, UTC.")
    ] = None,
) -> None:
    """Make a key and print it, once."""
    from footfall.wiring.keys import create_api_key

    screen = here.screen
    over = None if expires is None else expires.replace(tzinfo=UTC)
    with here.opened() as hub:
        made, key = create_api_key(hub, name, scope, over)
    told = {"name": made.name, "scope": made.scope, "expires_at": _at(made.expires_at), "key": key}
    screen.result(told, key)
    screen.say(f"This is the only time the key '{name}' is shown.")


@command(api_keys, "revoke")
def api_keys_revoke(here: Here, name: Name) -> None:
    """End a key, at once."""
    screen = here.screen
    with here.opened() as hub:
        hub.api_keys.revoke(name, now())
    screen.result({"name": name, "state": "revoked"}, f"The key '{name}' is no longer accepted")


def _at(instant: datetime | None) -> str:
    return "" if instant is None else f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}Z"
