"""``export``: files to a folder or a bucket."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from footfall.cli import activity, audience
from footfall.cli.options import Here, Hide, Key, PgpKeys, Unfinished, command
from footfall.terminal import Screen

export = typer.Typer(help="Write files to a folder or a bucket.", no_args_is_help=True)
audience.add_to(export)
activity.add_to(export)


@command(export, "rollups")
def export_rollups(
    here: Here,
    day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The local day.")],
    to: Annotated[str, typer.Option(help="Folder, s3://bucket/folder or gs://bucket/folder.")],
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day of a range.")] = None,
    format: Annotated[str, typer.Option(help="csv, json, xml or parquet.")] = "csv",
    version: Annotated[str, typer.Option(help="1.0 or 2.0.")] = "2.0",
    reports: Annotated[str | None, typer.Option(help="Comma-separated names; all by default.")] = None,
    authorization: Annotated[str | None, typer.Option(help="Name of the authorization to use.")] = None,
    compression: Annotated[str, typer.Option(help="gzip, zstd, zip or none; gzip by default, none for parquet.")] = "",
    pgp_key: PgpKeys = None,
    key: Key = None,
    endpoint_url: Annotated[str | None, typer.Option(help="Another S3-compatible server.")] = None,
    unfinished: Unfinished = False,
    hide: Hide = None,
) -> None:
    """Close the day if it is open, then write its reports: data files first, each manifest last."""
    from footfall.wiring.hiding import read_hide
    from footfall.wiring.rollups import export_rollups as deliver

    screen = here.screen
    last = (until or day).date()
    if last < day.date():
        raise typer.BadParameter(f"--until {last} is before --day {day.date()}")
    names = None if reports is None else [name.strip() for name in reports.split(",") if name.strip()]
    with here.opened() as hub, screen.progress() as progress:
        delivered = deliver(
            hub, day.date(), last, to=to, reports=names, version=version, format=format,
            compression=compression, pgp_keys=pgp_key or (), key=key,
            authorization=authorization, endpoint_url=endpoint_url, own_shell=True,
            unfinished=unfinished, hide=read_hide(hide), progress=progress,
        )  # fmt: skip
    _show_delivered(screen, delivered)


def _show_delivered(screen: Screen, delivered: list[Any]) -> None:
    screen.table(
        ["day", "report", "rev", "rows", "bytes", "file"],
        [(str(d.day), d.report, d.revision, d.rows, d.size_bytes, d.key) for d in delivered],
    )
