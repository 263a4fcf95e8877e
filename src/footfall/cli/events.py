"""``events``: send them, or watch them arrive."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from footfall.cli.options import Here, command
from footfall.errors import Refused
from footfall.terminal import Exit, Screen

events = typer.Typer(help="Send events, or watch them arrive.", no_args_is_help=True)


@command(events, "send")
def events_send(
    screen: Screen,
    file: Annotated[Path, typer.Argument(help="NDJSON, JSON or CSV; '-' reads standard input.")],
    dialect: Annotated[str, typer.Option(help="native or segment.")] = "native",
    to: Annotated[str, typer.Option(help="Address of the collector.")] = "http://127.0.0.1:8080",
    write_key: Annotated[
        str | None, typer.Option(help="Write key of the source.", envvar="FOOTFALL_WRITE_KEY", show_envvar=True)
    ] = None,
) -> None:
    """Send a file of events to a running collector."""
    from footfall.client import read_requests, send

    if write_key is None:
        raise Refused(
            "no write key", "Pass --write-key, or set FOOTFALL_WRITE_KEY to the key that `footfall up` printed"
        )
    with screen.progress() as progress:
        sent = send(to, write_key, read_requests(file, dialect), progress)
    for place, code, message in sent.rejected[:20]:
        screen.warn(f"{file}: {place}: {code}: {message}")
    screen.result(
        {"accepted": sent.accepted, "rejected": len(sent.rejected)},
        f"{sent.accepted:,} events accepted, {len(sent.rejected):,} rejected",
    )
    if sent.rejected:
        raise typer.Exit(Exit.PARTIAL)


@command(events, "tail")
def events_tail(
    here: Here,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as events arrive.")] = False,
    lines: Annotated[int, typer.Option(help="How many of the newest events to begin with.")] = 10,
) -> None:
    """Print the newest settled events, one line each."""
    with here.opened() as hub:
        for event in hub.tail(lines, follow=follow):
            print(event if here.screen.as_json else _one_line(event), flush=True)


def _one_line(event: str) -> str:
    import json

    e = json.loads(event)
    about = " ".join(str(e[k]) for k in ("name", "detail") if e.get(k) is not None)
    return f"{e['occurred_at']}  {e['source']:<12} {e['type']:<18} {about}  #{e['ingest_seq']}"
