"""``import``: files from a folder or a bucket; ``imports``: what became of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from footfall.cli.options import Here, command
from footfall.errors import Refused
from footfall.terminal import Exit, Screen

if TYPE_CHECKING:
    from footfall.model.imports import FileImport
    from footfall.wiring.imports import Origin

import_ = typer.Typer(help="Read files from a folder or a bucket: their rows become events.", no_args_is_help=True)
imports = typer.Typer(help="What was imported, what could not be, and how to take it back.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(metavar="URL", help="A file or a folder here, s3://bucket/… or gs://bucket/….")]
Id = Annotated[str, typer.Argument(help="Of the import; see `imports ls`.")]


@dataclass(frozen=True, kw_only=True)
class Where:
    """How to get at the files."""

    authorization: Annotated[str, typer.Option(help="Name of the authorization to use.")] = ""
    endpoint_url: Annotated[str, typer.Option(help="Another S3-compatible server.")] = ""
    pgp_private_key: Annotated[
        Path | None, typer.Option(help="OpenPGP key that opens the files; its passphrase: FOOTFALL_PGP_PASSPHRASE.")
    ] = None

    def origin(self, url: str) -> Origin:
        from footfall.wiring.imports import Origin

        return Origin(url=url, own_shell=True, **{each.name: getattr(self, each.name) for each in fields(self)})


@dataclass(frozen=True, kw_only=True)
class Which:
    """Which files, and where their events belong."""

    stream: Annotated[str, typer.Option(help="Stream of the events; by default what the file's name begins with.")] = ""
    prefix: Annotated[str, typer.Option(help="RE2 pattern of names up to the timestamp: all files of that row.")] = ""
    diff: Annotated[bool, typer.Option("--diff", help="Only rows that the import before did not have.")] = False
    preview: Annotated[bool, typer.Option("--preview", help="Show the first rows and import nothing.")] = False
    list_: Annotated[bool, typer.Option("--list", help="List the files there and import nothing.")] = False


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What the columns mean."""

    fields: Annotated[str | None, typer.Option(help="Columns to keep, with commas between; all by default.")] = None
    timestamp: Annotated[str, typer.Option(help="Column of when it happened; the time of the import by default.")] = ""
    timestamp_format: Annotated[str, typer.Option(help="As strptime has it, such as %d/%m/%Y %H:%M.")] = ""
    identify_id: Annotated[str, typer.Option(help="Column of the user.")] = ""
    anonymous_id: Annotated[str, typer.Option(help="Column of the visitor.")] = ""
    account_id: Annotated[str, typer.Option(help="Column of the account.")] = ""
    event_name: Annotated[str, typer.Option(help="Column of what happened; the stream's name by default.")] = ""
    user: Annotated[str | None, typer.Option(help="Attributes of the user: NAME=COLUMN or COLUMN, with commas.")] = None
    account: Annotated[str | None, typer.Option(help="Attributes of the account, likewise.")] = None
    people: Annotated[bool, typer.Option("--people", help="Rows are about people; nothing happened.")] = False

    def plain(self) -> dict[str, Any]:
        """As the options of a job."""
        return {name: value for name, value in asdict(self).items() if value not in ("", None, False)}


@dataclass(frozen=True, kw_only=True)
class AsCsv:
    """How CSV is written."""

    delimiter: Annotated[str, typer.Option(help="Between fields; t is a tab, auto finds it.")] = ","
    encoding: Annotated[str, typer.Option(help="Of the text; found by default.")] = ""
    header: Annotated[bool, typer.Option(help="The first row has the names of the columns.")] = True
    thousands: Annotated[bool, typer.Option("--thousands", help="10,000 is ten thousand.")] = False

    def plain(self) -> dict[str, Any]:
        """As the options of a job."""
        delimiter = "" if self.delimiter == "auto" else self.delimiter
        told = {**asdict(self), "delimiter": delimiter}
        usual = {"delimiter": ",", "encoding": "", "header": True, "thousands": False}
        return {name: value for name, value in told.items() if value != usual[name]}


@command(import_, "csv")
def import_csv(here: Here, url: Address, *, where: Where, which: Which, meaning: Meaning, how: AsCsv) -> None:
    """Import a CSV file, or with --prefix all files of a row, packed and encrypted or not. Each is applied once."""
    _import(here, url, "csv", where, which, meaning.plain() | how.plain())


@command(import_, "json")
def import_json(here: Here, url: Address, *, where: Where, which: Which, meaning: Meaning) -> None:
    """Import a file of JSON: an object a line, or an array of objects."""
    _import(here, url, "json", where, which, meaning.plain())


@command(import_, "parquet")
def import_parquet(here: Here, url: Address, *, where: Where, which: Which, meaning: Meaning) -> None:
    """Import a Parquet file."""
    _import(here, url, "parquet", where, which, meaning.plain())


@command(imports, "ls")
def imports_ls(
    here: Here,
    stream: Annotated[str, typer.Option(help="Only of this stream.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest.")] = 50,
) -> None:
    """List the newest imports."""
    from footfall.wiring.imports import ledger_of

    with here.opened() as hub:
        found = ledger_of(hub).all(stream=stream, limit=limit)
    here.screen.table(
        ["id", "began", "stream", "file", "state", "rows", "unchanged", "bad"],
        [
            (each.id, f"{each.began_at:%Y-%m-%d %H:%M:%S}Z", each.stream, each.file.key, each.state, each.applied,
             each.unchanged, each.bad)
            for each in found
        ],
    )  # fmt: skip


@command(imports, "show")
def imports_show(here: Here, id: Id) -> None:
    """Show one import: its file, how it was read, how far it came."""
    from footfall.wiring.imports import ledger_of

    with here.opened() as hub:
        told = described(ledger_of(hub).get(id))
    text = "\n".join(f"{name:<12} {_text(value)}" for name, value in told.items() if value not in ("", None, {}))
    here.screen.result(told, text)


@command(imports, "bad")
def imports_bad(
    here: Here,
    id: Id,
    to: Annotated[Path | None, typer.Option(help="Write them into this file, to be mended and imported.")] = None,
) -> None:
    """Show the rows that could not be used: where they are, what is wrong, and their text."""
    from footfall.wiring.import_bad_rows import bad_rows_of, write_bad_rows

    with here.opened() as hub:
        if to is not None:
            written, cut = write_bad_rows(hub, id, to)
            here.screen.result({"file": str(to), "rows": written, "cut": cut}, f"{written:,} rows in {to}")
            if cut:
                here.screen.warn(f"{cut:,} more are not there: their text was not kept whole")
            return
        rows = list(bad_rows_of(hub, id))
    shown = None if here.screen.as_json else 80
    here.screen.table(
        ["row", "line", "field", "code", "message", "text"],
        [(r.number, r.line, r.field, r.code, r.message, r.text[:shown]) for r in rows],
    )


@command(imports, "undo")
def imports_undo(
    here: Here,
    id: Id,
    force: Annotated[bool, typer.Option("--force", help="Also with rows that later imports left out.")] = False,
) -> None:
    """Take the events of an import back. Days that were closed with them get another revision at their next close."""
    from footfall.wiring.import_undo import undo_import

    with here.opened() as hub:
        one, dropped = undo_import(hub, id, force=force)
    here.screen.result(
        described(one) | {"dropped": dropped}, f"{dropped:,} events of {one.file.key} were taken back ({id})"
    )


def described(one: FileImport) -> dict[str, Any]:
    """An import as JSON has it."""
    ended = one.ended_at
    return {
        "id": one.id, "state": one.state, "stream": one.stream, "place": one.place, "file": one.file.key,
        "version": one.file.version, "bytes": one.file.size_bytes, "format": one.format, "by": one.scope,
        "generation": one.generation, "settings": dict(one.settings),
        "began_at": f"{one.began_at:%Y-%m-%dT%H:%M:%SZ}", "ended_at": ended and f"{ended:%Y-%m-%dT%H:%M:%SZ}",
        "next_row": one.next_row, "rows": one.applied, "unchanged": one.unchanged, "bad": one.bad, "error": one.error,
    }  # fmt: skip


def _import(here: Here, url: str, format: str, where: Where, which: Which, told: dict[str, Any]) -> None:
    from footfall.wiring.import_handover import import_anyhow
    from footfall.wiring.import_settings import settings_of
    from footfall.wiring.imports import known_before, place_and_file

    place, file = place_and_file(url)
    origin, screen = where.origin(place), here.screen
    if which.list_ or not (file or which.prefix):
        _list(here, origin, format, asked=which.list_)
        return
    if which.preview:
        _preview(here, origin, format, file, told)
        return
    stream = which.stream or _stream_of(file, which.prefix)
    chosen = {"format": format, "file": file, "prefix": which.prefix, "stream": stream, "diff": which.diff}
    options = chosen | told
    settings = settings_of(options, what="this import")
    with here.opened() as hub, screen.progress() as progress:
        before = known_before(hub, origin, settings)
        done = import_anyhow(hub, origin, settings, options, progress)
    _show(screen, [each for each in done if each.id not in before], len(before))


def _show(screen: Screen, done: list[FileImport], before: int) -> None:
    if screen.as_json:
        screen.result([described(each) for each in done])
    elif done:
        screen.table(
            ["id", "stream", "file", "rows", "unchanged", "bad"],
            [(each.id, each.stream, each.file.key, each.applied, each.unchanged, each.bad) for each in done],
        )
    if before:
        screen.say(f"{before:,} files were imported before and are left alone; `imports undo` takes one back")
    bad = [each for each in done if each.bad]
    for each in bad:
        screen.warn(f"{each.bad:,} rows of {each.file.key} could not be used: see `footfall imports bad {each.id}`")
    if bad:
        raise typer.Exit(Exit.PARTIAL)
    if not done:
        raise typer.Exit(Exit.NOTHING_TO_DO)


def _list(here: Here, origin: Origin, format: str, *, asked: bool) -> None:
    from footfall.wiring.imports import listed

    with here.opened() as hub:
        rows = listed(hub, origin, format, 1_000)
    here.screen.table(["file", "bytes", "modified", "prefix"], rows)
    if not asked:
        raise Refused("the address is a folder", "Name one of its files, or say which with --prefix")


def _preview(here: Here, origin: Origin, format: str, file: str, told: dict[str, Any]) -> None:
    from footfall.wiring.import_settings import meaning_of
    from footfall.wiring.imports import preview_of, previewed

    if not file:
        raise Refused("a preview is of one file", "Name it in the address")
    with here.opened() as hub:
        found = preview_of(hub, origin, file, format, meaning_of(told)[0])
    if here.screen.as_json:
        here.screen.result(previewed(found))
        return
    here.screen.say(f"encoding {found.encoding}, delimiter {found.delimiter!r}, header {found.header}")
    here.screen.table(["column", "type"], list(found.columns))
    for row in found.rows:
        print(row.decode())
    for bad in found.bad:
        where = (f"line {bad.line}" if bad.line else f"row {bad.number}") + (f", {bad.field}" if bad.field else "")
        here.screen.warn(f"{where}: {bad.code}: {bad.message}")


def _stream_of(file: str, prefix: str) -> str:
    """What a name begins with: ``orders`` of ``orders_20261121.csv.gz``."""
    from footfall.model.import_names import format_of, literal_start, suggested_prefix

    begin = suggested_prefix(file, format_of(file) or "csv") if file else prefix
    return literal_start(begin).strip("-_. ") if begin else file.partition(".")[0]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
