"""``export audience``: users to a folder or a bucket."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from footfall.cli.options import Here, Hide, Key, PgpKeys, command


def add_to(export: typer.Typer) -> None:
    """Add the command to its group."""
    command(export, "audience")(export_audience)


def export_audience(
    here: Here,
    to: Annotated[str, typer.Option(help="Folder, s3://bucket/folder or gs://bucket/folder.")],
    audience: Annotated[str, typer.Option("--audience", help="Only the members of this audience.")] = "",
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="A condition, such as 'plan = pro' or 'score >= 5'; several must all hold. All users if none."
        ),
    ] = None,
    fields: Annotated[str | None, typer.Option(help="Comma-separated names; all by default.")] = None,
    format: Annotated[str, typer.Option(help="csv, multi-csv, json or parquet.")] = "csv",
    mode: Annotated[
        str,
        typer.Option(help="full; changed: whoever is new or changed since the last run; diff: those and the removed."),
    ] = "full",
    limit: Annotated[int | None, typer.Option(help="At most so many users, a random selection.")] = None,
    seed: Annotated[str, typer.Option(help="Decides the selection; the job's name by default.")] = "",
    memberships: Annotated[bool, typer.Option("--memberships", help="Add the column segments.")] = False,
    join: Annotated[str, typer.Option(help="The character between items of a list in CSV.")] = "&",
    raw: Annotated[bool, typer.Option("--raw", help="Do not encode that character within items.")] = False,
    header: Annotated[bool, typer.Option("--header/--no-header", help="Begin CSV with the names.")] = True,
    kind: Annotated[
        list[str] | None, typer.Option(help="Read a custom attribute as List, Map or String: tags=List.")
    ] = None,
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Users as of its end; today by default.")
    ] = None,
    at: Annotated[datetime | None, typer.Option(help="Instant in the names, UTC; now by default.")] = None,
    job: Annotated[str, typer.Option(help="Whose last run changes are told apart from.")] = "audience",
    compression: Annotated[str, typer.Option(help="gzip, zstd, zip or none; gzip by default, none for parquet.")] = "",
    pgp_key: PgpKeys = None,
    key: Key = None,
    name: Annotated[str, typer.Option(help="File name template.")] = "lytics-users-{TIMESTAMP}",
    timestamp: Annotated[str, typer.Option(help="What {TIMESTAMP} becomes.")] = "YYYYMMDDTHHmmssZ",
    authorization: Annotated[str | None, typer.Option(help="Name of the authorization to use.")] = None,
    endpoint_url: Annotated[str | None, typer.Option(help="Another S3-compatible server.")] = None,
    hide: Hide = None,
) -> None:
    """Write users and what is known about them: data files first, the manifest last."""
    from footfall.model.audience_export import AudienceExport, Condition
    from footfall.wiring.audience import export_by_hand
    from footfall.wiring.hiding import read_hide

    screen = here.screen
    wanted = AudienceExport(
        job=job, audience=audience, fields=_words(fields), conditions=tuple(map(Condition.parse, where or ())),
        limit=limit, seed=seed, memberships=memberships, layout=format, mode=mode, join=join, raw=raw,
        header=header, kinds=_kinds(kind or []), privacy=read_hide(hide),
    )  # fmt: skip
    with here.opened() as hub, screen.progress() as progress:
        instant = hub.clock().replace(microsecond=0) if at is None else _utc(at)
        delivered = export_by_hand(
            hub, wanted, to=to, at=instant, day=None if day is None else day.date(), compression=compression, key=key,
            pgp_keys=tuple(pgp_key or ()), name=name, timestamp=timestamp, authorization=authorization,
            endpoint_url=endpoint_url, own_shell=True, progress=progress,
        )  # fmt: skip
    screen.table(["rows", "bytes", "file"], [(each.rows, each.size_bytes, each.key) for each in delivered])


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def _kinds(given: list[str]) -> dict[str, str]:
    kinds = {}
    for text in given:
        name, found, kind = text.rpartition("=")
        if not found:
            raise typer.BadParameter(f"--kind {text} should look like tags=List")
        kinds[name] = kind
    return kinds


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
