"""``export activity`` and ``export app-events``: events since the last run, to a folder or a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from footfall.cli.options import Here, Hide, Key, PgpKeys, command
from footfall.terminal import Exit, Screen

if TYPE_CHECKING:
    from footfall.flows.export_activity import WindowDelivery

To = Annotated[str, typer.Option(help="Folder, s3://bucket/folder or gs://bucket/folder.")]
Compression = Annotated[str, typer.Option(help="gzip, zstd, zip or none; gzip by default, none for parquet.")]
AuthorizationName = Annotated[str | None, typer.Option(help="Name of the authorization to use.")]
EndpointUrl = Annotated[str | None, typer.Option(help="Another S3-compatible server.")]


def add_to(export: typer.Typer) -> None:
    """Add the commands to their group."""
    command(export, "activity")(export_activity)
    command(export, "app-events")(export_app_events)


def export_activity(
    here: Here,
    to: To,
    stream: Annotated[list[str] | None, typer.Option(help="A source; may be repeated. All by default.")] = None,
    start: Annotated[str | None, typer.Option(help="Events from this date or instant on.")] = None,
    end: Annotated[str | None, typer.Option(help="Events before this date or instant.")] = None,
    header: Annotated[bool, typer.Option("--header/--no-header", help="Begin with the names of the columns.")] = True,
    job: Annotated[str, typer.Option(help="Whose last run it goes on from.")] = "activity",
    format: Annotated[str, typer.Option(help="csv or parquet.")] = "csv",
    compression: Compression = "",
    pgp_key: PgpKeys = None,
    key: Key = None,
    name: Annotated[str, typer.Option(help="File name template.")] = "lytics-events-{TIMESTAMP}",
    timestamp: Annotated[str, typer.Option(help="What {TIMESTAMP} becomes.")] = "YYYYMMDDTHHmmssZ",
    join: Annotated[str, typer.Option(help="The character between items of a list.")] = "&",
    raw: Annotated[bool, typer.Option("--raw", help="Do not encode that character within items.")] = False,
    authorization: AuthorizationName = None,
    endpoint_url: EndpointUrl = None,
    hide: Hide = None,
) -> None:
    """Write the raw events since the last run as CSV, with the union of their fields."""
    from footfall.model.names import NameTemplate
    from footfall.wiring import activity, activity_options
    from footfall.wiring.formats import key_of
    from footfall.wiring.hiding import read_hide

    screen = here.screen
    with here.opened() as hub, screen.progress() as progress:
        export = activity_options.ActivityExport(
            streams=activity_options.checked_streams(hub, stream or ()),
            start=activity_options.instant_of(hub, start),
            end=activity_options.instant_of(hub, end),
            header=header,
            names=NameTemplate(name, timestamp),
            joining=activity_options.joining_of(join, raw=raw),
            format=format,
            compression=compression,
            key=key_of(key, "activity"),
            hide=read_hide(hide),
        )
        where = activity.Where(to, authorization, endpoint_url, own_shell=True, pgp_keys=tuple(pgp_key or ()))
        delivered = activity.export_activity(hub, export, where, job=job, progress=progress)
    _show(screen, delivered)


def export_app_events(
    here: Here,
    to: To,
    kind: Annotated[list[str] | None, typer.Option(help="Session, Platform or Audit; may be repeated.")] = None,
    billing_code: Annotated[str, typer.Option(help="The field billingCode of every event.")] = "Journey",
    job: Annotated[str, typer.Option(help="Whose last run it goes on from.")] = "app-events",
    format: Annotated[str, typer.Option(help="json or parquet.")] = "json",
    compression: Compression = "",
    pgp_key: PgpKeys = None,
    key: Key = None,
    authorization: AuthorizationName = None,
    endpoint_url: EndpointUrl = None,
    hide: Hide = None,
) -> None:
    """Write the app events since the last run, one JSON object a line."""
    from footfall.wiring import activity, activity_options
    from footfall.wiring.formats import key_of
    from footfall.wiring.hiding import read_hide

    screen = here.screen
    stream = activity_options.AppEventStream(
        tuple(kind or ("Session",)),
        billing_code,
        format=format,
        compression=compression,
        key=key_of(key, "app_events"),
        hide=read_hide(hide),
    )
    with here.opened() as hub, screen.progress() as progress:
        where = activity.Where(to, authorization, endpoint_url, own_shell=True, pgp_keys=tuple(pgp_key or ()))
        delivered = activity.export_app_events(hub, stream, where, job=job, progress=progress)
    _show(screen, delivered)


def _show(screen: Screen, delivered: list[WindowDelivery]) -> None:
    screen.table(
        ["window", "events", "rows", "bytes", "file"],
        [(d.number, f"{d.from_seq}-{d.to_seq - 1}", d.rows, d.size_bytes, d.key) for d in delivered],
    )
    if not delivered:
        screen.warn("Nothing came since the last run.")
        raise typer.Exit(Exit.NOTHING_TO_DO)
