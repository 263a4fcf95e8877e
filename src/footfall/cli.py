"""Arguments in, one flow called, the result printed; exit codes come from errors.

Heavy libraries are imported inside the commands, so that ``footfall --help`` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from footfall import __version__, observe
from footfall.errors import FootfallError, Refused
from footfall.terminal import Exit, Screen

if TYPE_CHECKING:
    from footfall.wiring import Footfall

app = typer.Typer(
    name="footfall",
    help="Collects product usage, counts it per local day, delivers it sealed and verifiable.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
events = typer.Typer(help="Send events, or watch them arrive.", no_args_is_help=True)
export = typer.Typer(help="Write files to a folder or a bucket.", no_args_is_help=True)
days = typer.Typer(help="The local days: which are open, sealed, touched since.", no_args_is_help=True)
keys = typer.Typer(help="Write keys of the sources that may send events.", no_args_is_help=True)
app.add_typer(events, name="events")
app.add_typer(export, name="export")
app.add_typer(days, name="days")
app.add_typer(keys, name="keys")

Data = Annotated[Path | None, typer.Option("--data", help="Data directory (default: ./footfall-data).")]
Config = Annotated[Path | None, typer.Option("--config", help="Server settings, a TOML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON value.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but the result.")]
Unfinished = Annotated[
    bool, typer.Option("--unfinished", help="Take a day that is not over; what still comes makes its next revision.")
]

DEMO_DATA = Path("footfall-demo") / "data"


def _now() -> datetime:
    return datetime.now(UTC)


def _settings(screen: Screen, data: Path | None, config: Path | None, **flags: Any) -> Any:
    from footfall.config import load_settings

    settings = load_settings(config=config, data=data, **flags)
    if not settings.given("data") and not settings.data.exists() and DEMO_DATA.exists():
        screen.warn(f"No data in {settings.data}; using the demo's in {DEMO_DATA} (say --data to choose).")
        settings = load_settings(config=config, data=DEMO_DATA, **flags)
    return settings


@contextmanager
def _opened(screen: Screen, data: Path | None, config: Path | None) -> Iterator[Footfall]:
    from footfall.wiring import Footfall

    with Footfall.open(_settings(screen, data, config), clock=_now) as hub:
        yield hub


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(f"footfall {__version__}")
        raise typer.Exit


@app.command()
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

    serve(load_settings(config=config, data=data, host=host, port=port, admin_port=admin_port), _now, screen.say)


@app.command()
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


@events.command("send")
def events_send(
    file: Annotated[Path, typer.Argument(help="NDJSON, JSON or CSV; '-' reads standard input.")],
    dialect: Annotated[str, typer.Option(help="native or segment.")] = "native",
    to: Annotated[str, typer.Option(help="Address of the collector.")] = "http://127.0.0.1:8080",
    write_key: Annotated[
        str | None, typer.Option(help="Write key of the source.", envvar="FOOTFALL_WRITE_KEY", show_envvar=True)
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Send a file of events to a running collector."""
    from footfall.client import read_requests, send

    screen = Screen(as_json=as_json, quiet=quiet)
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


@events.command("tail")
def events_tail(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as events arrive.")] = False,
    lines: Annotated[int, typer.Option(help="How many of the newest events to begin with.")] = 10,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Print the newest settled events, one line each."""
    with _opened(Screen(as_json=as_json), data, config) as hub:
        for event in hub.tail(lines, follow=follow):
            print(event if as_json else _one_line(event), flush=True)


def _one_line(event: str) -> str:
    import json

    e = json.loads(event)
    about = " ".join(str(e[k]) for k in ("name", "detail") if e.get(k) is not None)
    return f"{e['occurred_at']}  {e['source']:<12} {e['type']:<18} {about}  #{e['ingest_seq']}"


@export.command("rollups")
def export_rollups(
    day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The local day.")],
    to: Annotated[str, typer.Option(help="Folder, s3://bucket/folder or gs://bucket/folder.")],
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day of a range.")] = None,
    format: Annotated[str, typer.Option(help="csv, json or xml.")] = "csv",
    version: Annotated[str, typer.Option(help="1.0 or 2.0.")] = "2.0",
    reports: Annotated[str | None, typer.Option(help="Comma-separated names; all by default.")] = None,
    endpoint_url: Annotated[str | None, typer.Option(help="Another S3-compatible server.")] = None,
    unfinished: Unfinished = False,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Close the day if it is open, then write its reports: data files first, each manifest last."""
    screen = Screen(as_json=as_json, quiet=quiet)
    last = (until or day).date()
    if last < day.date():
        raise typer.BadParameter(f"--until {last} is before --day {day.date()}")
    names = None if reports is None else [name.strip() for name in reports.split(",") if name.strip()]
    with _opened(screen, data, config) as hub, screen.progress() as progress:
        delivered = hub.export_rollups(
            day.date(), last, to=to, reports=names, version=version, format=format,
            endpoint_url=endpoint_url, unfinished=unfinished, progress=progress,
        )  # fmt: skip
    _show_delivered(screen, delivered)


def _show_delivered(screen: Screen, delivered: list[Any]) -> None:
    screen.table(
        ["day", "report", "rev", "rows", "bytes", "file"],
        [(str(d.day), d.report, d.revision, d.rows, d.size_bytes, d.key) for d in delivered],
    )


@days.command("ls")
def days_ls(data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """List the days that hold events or were sealed."""
    screen = Screen(as_json=as_json)
    with _opened(screen, data, config) as hub:
        rows = hub.days()
    if not rows:
        screen.warn("No days yet: nothing was settled.")
        raise typer.Exit(Exit.NOTHING_TO_DO)
    screen.table(["day", "events", "revision", "state", "sealed_at"], rows)


@days.command("close")
def days_close(
    day: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"])],
    unfinished: Unfinished = False,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Seal a day: the next revision if anything was learned about it, else nothing to do."""
    screen = Screen(as_json=as_json, quiet=quiet)
    with _opened(screen, data, config) as hub, screen.progress() as progress:
        before = hub.ledger.day(day.date()).revision
        hub.settle(progress)
        state = hub.close_day(day.date(), unfinished=unfinished)
    text = f"{state.day} is sealed as revision {state.revision}"
    screen.result({"day": str(state.day), "revision": state.revision, "changed": state.revision != before}, text)
    if state.revision == before:
        raise typer.Exit(Exit.NOTHING_TO_DO)


@days.command("reopen")
def days_reopen(
    day: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"])],
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Let the next close of a sealed day make a new revision, even if no event came late."""
    screen = Screen(as_json=as_json, quiet=quiet)
    with _opened(screen, data, config) as hub:
        state = hub.ledger.reopen(day.date())
    screen.result(
        {"day": str(state.day), "revision": state.revision},
        f"{state.day} is open again; its next close is revision {state.revision + 1}",
    )


@app.command()
def verify(
    url: Annotated[str, typer.Argument(help="Folder, s3://bucket/folder or gs://bucket/folder.")],
    endpoint_url: Annotated[str | None, typer.Option(help="Another S3-compatible server.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check delivered files against their manifests. Needs no server and no data directory."""
    from footfall.wiring import verify_place

    screen = Screen(as_json=as_json, quiet=quiet)
    with screen.progress() as progress:
        outcome = verify_place(url, endpoint_url, progress)
    for finding in outcome.findings:
        screen.warn(f"{finding.severity.upper()} {finding.key}: {finding.fault}")
    screen.result(
        {
            "manifests": outcome.manifests, "files": outcome.files, "rows": outcome.rows, "bytes": outcome.size_bytes,
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


@app.command()
def doctor(data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """Check this machine and the data directory, and say what to change."""
    from footfall.doctor import examine

    screen = Screen(as_json=as_json)
    checks = examine(_settings(screen, data, config), _now())
    screen.table(["check", "ok", "what"], [(c.name, "yes" if c.ok else "NO", c.what) for c in checks])
    if not all(c.ok for c in checks):
        raise typer.Exit(Exit.FAILED)


@keys.command("ls")
def keys_ls(data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """List the sources; their keys cannot be shown again."""
    screen = Screen(as_json=as_json)
    with _opened(screen, data, config) as hub:
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
    with _opened(screen, data, config) as hub:
        key = hub.create_key(name, product_key=product, environment=environment, channel=channel)
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
    with _opened(screen, data, config) as hub:
        hub.sources.revoke(name, _now())
    screen.result({"source": name, "state": "revoked"}, f"The key of '{name}' is no longer accepted")


def main() -> None:
    """Run the command line; exit codes as in ``terminal.Exit``."""
    try:
        app(standalone_mode=True)
    except FootfallError as error:
        print(f"footfall: {error.what}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        sys.exit(Exit.FAILED)
    except KeyboardInterrupt:
        sys.exit(130)
