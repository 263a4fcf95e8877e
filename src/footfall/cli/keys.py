"""``keys``: the write keys of sources."""

from __future__ import annotations

from typing import Annotated

import typer

from footfall.cli.options import Here, command, now

keys = typer.Typer(help="Write keys of the sources that may send events.", no_args_is_help=True)


@command(keys, "ls")
def keys_ls(here: Here) -> None:
    """List the sources; their keys cannot be shown again."""
    from footfall.wiring.user_keys import needs_user_hash

    screen = here.screen
    with here.opened() as hub:
        sources = hub.sources.all()
        proven = {each.name for each in sources if needs_user_hash(hub, each.name)}
    screen.table(
        ["source", "product", "environment", "channel", "created", "state", "users"],
        [
            (s.name, s.product_key, s.environment, s.channel, f"{s.created_at:%Y-%m-%d %H:%M}Z",
             "active" if s.revoked_at is None else "revoked", "proven" if s.name in proven else "")
            for s in sources
        ],
    )  # fmt: skip


@command(keys, "create")
def keys_create(
    here: Here,
    name: Annotated[str, typer.Argument(help="Name of the source, e.g. 'web'.")],
    product: Annotated[str, typer.Option(help="Product key of its events, unless they name one.")] = "default",
    environment: Annotated[str, typer.Option(help="Environment of its events.")] = "Production",
    channel: Annotated[str, typer.Option(help="web, server, ios, android or desktop.")] = "server",
) -> None:
    """Make a write key for a source and print it, once."""
    screen = here.screen
    from footfall.wiring.keys import create_key

    with here.opened() as hub:
        key = create_key(hub, name, product_key=product, environment=environment, channel=channel)
    screen.result({"source": name, "write_key": key}, key)
    screen.say(f"This is the only time the key of '{name}' is shown.")


@command(keys, "revoke")
def keys_revoke(here: Here, name: Annotated[str, typer.Argument(help="Name of the source.")]) -> None:
    """Stop accepting a source's key, within five seconds."""
    screen = here.screen
    with here.opened() as hub:
        hub.sources.revoke(name, now())
    screen.result({"source": name, "state": "revoked"}, f"The key of '{name}' is no longer accepted")


@command(keys, "user-hash")
def keys_user_hash(
    here: Here,
    name: Annotated[str, typer.Argument(help="Name of the source.")],
    off: Annotated[bool, typer.Option("--off", help="Take events of users without proof again.")] = False,
) -> None:
    """Take events of a source's users only with their userHash, and print its key, once."""
    from footfall.wiring.user_keys import release_user_hash, require_user_hash

    screen = here.screen
    with here.opened() as hub:
        if off:
            release_user_hash(hub, name)
            screen.result({"source": name, "user_hash": "off"}, f"Users of '{name}' need no userHash any more")
            return
        key = require_user_hash(hub, name)
    screen.result({"source": name, "user_hash_key": key}, key)
    screen.say(
        f"This is the only time this key of '{name}' is shown. An earlier one no longer counts, within two seconds."
    )
