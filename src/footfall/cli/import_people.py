"""``import people``: files about users and accounts."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from footfall.cli.imports import Address, AsCsv, Where, import_
from footfall.cli.options import Here, command
from footfall.errors import Refused
from footfall.terminal import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from footfall.ports import BadRow
    from footfall.terminal import Screen
    from footfall.wiring.import_settings import ImportSettings
    from footfall.wiring.imports import Origin
    from footfall.wiring.people_import import Outlook

__all__ = ["import_", "import_people"]  # the group, with the command in it

SHOWN: Final = 20
LOADED_BEFORE: Final = "the file was loaded before in the same way and is left alone; `imports undo` takes it back"


@command(import_, "people")
def import_people(
    here: Here,
    url: Address,
    entity: Annotated[str, typer.Argument(help="USER or ACCOUNT; by default the one that the mapping has.")] = "",
    *,
    mapping: Annotated[Path, typer.Option(help="JSON: productKey, and the column of each field of USER or ACCOUNT.")],
    insert_missing: Annotated[
        bool, typer.Option("--insert-missing", help="Also those that are not known yet; they are bad rows by default.")
    ] = False,
    date_format: Annotated[
        str, typer.Option(help="Of dates, as MM/dd/yyyy or %m/%d/%Y; milliseconds since 1970 or ISO 8601 by default.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change and write nothing.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Name every row, not just the first twenty.")] = False,
    stream: Annotated[str, typer.Option(help="Source of the events.")] = "people",
    where: Where,
    how: AsCsv,
) -> None:
    """Tell attributes of users or accounts from a file, as PX's Data Loader does; only of those that are known."""
    from footfall.model.import_names import format_of
    from footfall.model.people_loading import loading_of
    from footfall.wiring.import_settings import LOADING, settings_of
    from footfall.wiring.imports import place_and_file
    from footfall.wiring.people_import import look_ahead

    place, file = place_and_file(url)
    if not file:
        raise Refused("the address is a folder", "Name one of its files")
    loading = loading_of(_read(mapping), entity, insert_missing=insert_missing, dates=date_format)
    options = {
        "format": format_of(file) or "csv", "file": file, "stream": stream, LOADING: loading.plain(), **how.plain()
    }  # fmt: skip
    settings = settings_of(options, what="this import")
    origin = where.origin(place)
    shown = None if verbose else SHOWN
    if dry_run:
        with here.opened() as hub:
            _foretell(here.screen, look_ahead(hub, origin, settings), file, shown)
        return
    _load(here, origin, settings, options, shown)


def _load(here: Here, origin: Origin, settings: ImportSettings, options: dict[str, Any], shown: int | None) -> None:
    from itertools import chain, islice

    from footfall.wiring.imports import known_before, ledger_of
    from footfall.wiring.people_import import load_people

    screen = here.screen
    with here.opened() as hub, screen.progress() as progress:
        if known_before(hub, origin, settings):
            screen.say(LOADED_BEFORE)
            raise typer.Exit(Exit.NOTHING_TO_DO)
        imported, inserted = load_people(hub, origin, settings, options, progress)
        ledger = ledger_of(hub)
        bad = list(islice(chain.from_iterable(ledger.bad_rows(each.id) for each in imported), shown))
    if not imported:
        screen.say(LOADED_BEFORE)
        raise typer.Exit(Exit.NOTHING_TO_DO)
    # Another file of that name may have been broken off: it was finished first.
    one, applied, failed = imported[-1], sum(each.applied for each in imported), sum(each.bad for each in imported)
    told = {"file": one.file.key, "import": one.id, "updated": max(0, applied - inserted), "inserted": inserted,
            "failed": failed}  # fmt: skip
    _say_bad(screen, bad, failed)
    screen.result(told | {"bad": [asdict(row) for row in bad]}, _sum(told) + f" ({one.id})")
    if failed:
        raise typer.Exit(Exit.PARTIAL)


def _foretell(screen: Screen, found: Outlook, file: str, shown: int | None) -> None:
    told = {"file": file, "dry_run": True, "updated": found.updated, "inserted": found.inserted,
            "unchanged": found.unchanged, "failed": found.failed}  # fmt: skip
    if not screen.as_json:
        for each in found.changes[:shown]:
            what = ", ".join(f"{name} {_text(old)} → {_text(new)}" for name, (old, new) in each.values.items())
            print(f"line {each.line}: {'insert' if each.made else 'update'} {each.id}: {what}")
    _say_bad(screen, found.bad[:shown], found.failed)
    changes = [{"line": each.line, "id": each.id, "change": "insert" if each.made else "update",
                "values": {name: list(pair) for name, pair in each.values.items()}}
               for each in found.changes[:shown]]  # fmt: skip
    bad = [asdict(row) for row in found.bad[:shown]]
    screen.result(told | {"changes": changes, "bad": bad}, "would be: " + _sum(told))
    if found.failed:
        raise typer.Exit(Exit.PARTIAL)


def _sum(told: dict[str, Any]) -> str:
    counts = [f"{told[name]:,} {name}" for name in ("updated", "inserted", "unchanged", "failed") if name in told]
    return ", ".join(counts)


def _say_bad(screen: Screen, bad: Sequence[BadRow], count: int) -> None:
    for row in bad:
        field = f" {row.field!r}" if row.field else ""
        screen.warn(f"line {row.line}:{field} {row.code}: {row.message}")
    if count > len(bad):
        screen.warn(f"{count - len(bad):,} more rows failed; --verbose names them")


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _read(mapping: Path) -> Any:
    try:
        return json.loads(mapping.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise Refused(f"{mapping} cannot be read: {error.strerror}", "Name a file with the mapping") from error
    except ValueError as error:
        raise Refused(f"{mapping} is no JSON: {error}", "See docs/guide/imports.md for what it has") from error
