"""``up``, ``demo``, ``verify`` and ``doctor``: the commands that stand alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from footfall import observe
from footfall.cli.options import AsJson, Config, Data, Quiet, now, opened, settings_of
from footfall.terminal import Exit, Screen

if TYPE_CHECKING:
    from footfall.flows.verify import Outcome


def add_to(app: typer.Typer) -> None:
    """Make the commands part of ``app``."""
    for command in (up, demo, verify, doctor):
        app.command()(command)


def up(
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the collector.")] = None,
    admin_port: Annotated[int | None, typer.Option(help="Port of the admin API.")] = None,
) -> None:
    """Run the collector, the admin API and the worker in one process, until SIGTERM."""
    from footfall.wiring import serve

    screen = Screen(as_json=as_json, quiet=quiet)
    observe.configure(as_json=as_json, quiet=quiet)
    from footfall.config import load_settings

    serve(load_settings(config=config, data=data, host=host, port=port, admin_port=admin_port), now, screen.say)


def demo(
    out: Annotated[Path | None, typer.Option(help="Folder for the files (default: ./footfall-demo/out).")] = None,
    format: Annotated[str, typer.Option(help="csv, json or xml.")] = "csv",
    serve: Annotated[bool, typer.Option("--serve", help="Keep the server running afterwards.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Send a bundled shop's half year through the real collector, close its days, write and verify every report."""
    from footfall.demo.run import run_demo

    screen = Screen(as_json=as_json, quiet=quiet)
    observe.configure(as_json=as_json, quiet=True)
    run_demo(screen, out, format=format, keep_serving=serve)


def verify(
    url: Annotated[str, typer.Argument(help="Folder, s3://bucket/folder or gs://bucket/folder.")],
    endpoint_url: Annotated[str | None, typer.Option(help="Another S3-compatible server.")] = None,
    pgp_private_key: Annotated[
        Path | None, typer.Option(help="Check the text of encrypted files too; passphrase in FOOTFALL_PGP_PASSPHRASE.")
    ] = None,
    authorization: Annotated[
        str | None, typer.Option(help="Read by this one, of a data directory; decrypt with its private key.")
    ] = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check delivered files against their manifests. Needs no server, and no data directory without --authorization."""
    from footfall.wiring import verify_authorized, verify_place

    screen = Screen(as_json=as_json, quiet=quiet)
    if authorization is None:
        with screen.progress() as progress:
            outcome = verify_place(url, endpoint_url, progress, pgp_private_key)
    else:
        with opened(screen, data, config) as hub, screen.progress() as progress:
            outcome = verify_authorized(
                hub, authorization, url, progress, endpoint_url=endpoint_url, pgp_private_key=pgp_private_key
            )
    _show(screen, url, outcome)


def _show(screen: Screen, url: str, outcome: Outcome) -> None:
    for finding in outcome.findings:
        screen.warn(f"{finding.severity.upper()} {finding.key}: {finding.fault}")
    screen.result(
        {
            "manifests": outcome.manifests, "files": outcome.files, "rows": outcome.rows, "bytes": outcome.size_bytes,
            "sealed": outcome.sealed,
            "findings": [{"severity": f.severity, "file": f.key, "fault": f.fault} for f in outcome.findings],
        },
        f"{outcome.manifests:,} manifests, {outcome.files:,} files, {outcome.rows:,} rows, "
        f"{outcome.size_bytes:,} bytes: {outcome.verdict}",
    )  # fmt: skip
    if outcome.manifests == 0:
        screen.warn(f"No manifest under {url}: nothing was delivered there, or the address is wrong.")
        raise typer.Exit(Exit.FAILED)
    if outcome.failed:
        raise typer.Exit(Exit.FAILED)


def doctor(data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """Check this machine and the data directory, and say what to change."""
    from footfall.doctor import examine

    screen = Screen(as_json=as_json)
    checks = examine(settings_of(screen, data, config), now())
    screen.table(["check", "ok", "what"], [(c.name, "yes" if c.ok else "NO", c.what) for c in checks])
    if not all(c.ok for c in checks):
        raise typer.Exit(Exit.FAILED)
