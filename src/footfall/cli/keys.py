"""``keys``: the write keys of sources."""

from __future__ import annotations

from typing import Annotated

import typer

from footfall.cli.options import AsJson, Config, Data, now, opened
from footfall.terminal import Screen

keys = typer.Typer(help="Write keys of the sources that may send events.", no_args_is_help=True)


@keys.command("ls")
def keys_ls(data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """List the sources; their keys cannot be shown again."""
    screen = Screen(as_json=as_json)
    with opened(screen, data, config) as hub:
        sources = hub.sources.all()
    screen.table(
        ["source", "product", "environment", "channel", "created", "state"],
        [
            (s.name, s.product_key, s.environment, s.channel, f"{s.created_at:%Y-%m-%d %H:%M}Z",
             "active" if s.revoked_at is None else "revoked")
            for s in sources
        ],
    )  # fmt: skip


@keys.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="Name of the source, e.g. 'web'.")],
    product: Annotated[str, typer.Option(help="Product key of its events, unless they name one.")] = "default",
    environment: Annotated[str, typer.Option(help="Environment of its events.")] = "Production",
    channel: Annotated[str, typer.Option(help="web, server, ios, android or desktop.")] = "server",
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a write key for a source and print it, once."""
    screen = Screen(as_json=as_json)
    from footfall.wiring.keys import create_key

    with opened(screen, data, config) as hub:
        key = create_key(hub, name, product_key=product, environment=environment, channel=channel)
    screen.result({"source": name, "write_key": key}, key)
    screen.say(f"This is the only time the key of '{name}' is shown.")


@keys.command("revoke")
def keys_revoke(
    name: Annotated[str, typer.Argument(help="Name of the source.")],
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Stop accepting a source's key, within five seconds."""
    screen = Screen(as_json=as_json)
    with opened(screen, data, config) as hub:
        hub.sources.revoke(name, now())
    screen.result({"source": name, "state": "revoked"}, f"The key of '{name}' is no longer accepted")
