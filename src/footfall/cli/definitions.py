"""``init``, ``check``, ``plan``, ``apply`` and ``export-config``: definitions as code."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from footfall.cli.options import Here, command, now
from footfall.errors import Refused
from footfall.terminal import Exit, Screen

if TYPE_CHECKING:
    from footfall.config.definition_file import DefinitionFile
    from footfall.flows.apply_definitions import Applied
    from footfall.model.plans import Change, Plan

File = Annotated[Path, typer.Argument(help="The file of definitions.")]
Prune = Annotated[
    bool,
    typer.Option(
        "--prune", help="Delete what is not in a list of the file: jobs, rules, channels, authorizations, sources."
    ),
]
_FILE = Path("footfall.yaml")
_TOLD = {"sources": "Write key", "channels": "Signing secret"}
_SIGNS = {"create": "+", "change": "~", "delete": "-"}


def add_to(app: typer.Typer) -> None:
    """Make the commands part of ``app``."""
    for function, name in (
        (init, "init"), (check, "check"), (plan, "plan"), (apply, "apply"), (export_config, "export-config"),
    ):  # fmt: skip
        command(app, name)(function)


def init(screen: Screen, file: File = _FILE) -> None:
    """Write a commented file of definitions to begin with, and its JSON Schema beside it for editors."""
    from footfall.config.definition_file import SCHEMA_NAME, schema_text
    from footfall.config.starter import STARTER

    _create(file, STARTER)
    schema = file.with_name(SCHEMA_NAME)
    _write(schema, schema_text())
    screen.result({"file": str(file), "schema": str(schema)}, f"Wrote {file} and {schema}; now edit {file}")


def check(screen: Screen, file: File = _FILE) -> None:
    """Check a file of definitions and name every mistake. Opens no data and reads no secret."""
    with _faults_shown(screen):
        found = _read(file)
        found.require_sound()
    count = len(found.resources)
    screen.result({"file": str(file), "resources": count, "faults": []}, f"{file} is sound: {count} resources")


def plan(here: Here, file: File = _FILE, prune: Prune = False) -> None:
    """Say what applying a file would change. Exit code 5 when there is something, 0 when there is nothing."""
    from footfall.wiring.definitions import opened_for, plan_definitions

    with _faults_shown(here.screen):
        found = _read(file)
        found.require_sound()
        with opened_for(found, here.settings(), now, write=False) as hub:
            chosen = plan_definitions(hub, found, _around(file), prune=prune)
    here.screen.result(chosen.plain(), _shown(chosen))
    if chosen.changes:
        raise typer.Exit(Exit.CHANGES_PENDING)


def apply(
    here: Here,
    file: File = _FILE,
    prune: Prune = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Change what the plan says, and nothing else; each resource whole or not at all."""
    from footfall.wiring.definitions import apply_definitions, opened_for, plan_definitions

    screen = here.screen
    with _faults_shown(screen):
        found = _read(file)
        found.require_sound()
        with opened_for(found, here.settings(), now, write=True) as hub:
            around = _around(file)
            chosen = plan_definitions(hub, found, around, prune=prune)
            if chosen.changes and not yes:
                _ask(screen, chosen)
            elif not screen.as_json:
                screen.say(_shown(chosen))
            applied = apply_definitions(
                hub, found, around, chosen, say=lambda change: screen.say(f"done: {_named(change)}")
            )
    _show_applied(screen, found, applied)


def export_config(
    here: Here,
    out: Annotated[Path | None, typer.Option(help="A new file; standard output by default.")] = None,
) -> None:
    """Write everything that is set up here as a file of definitions. Secrets are named, never written."""
    from footfall.wiring.definitions import export_config

    with here.opened() as hub:
        text = export_config(hub)
    if out is None:
        here.screen.result({"text": text}, text.removesuffix("\n"))
        return
    _create(out, text)
    here.screen.result({"file": str(out)}, f"Wrote {out}")


def _read(file: Path) -> DefinitionFile:
    from footfall.config.definition_file import read_definition_file

    return read_definition_file(file)


def _around(file: Path) -> Any:
    from footfall.wiring.surroundings import Surroundings

    return Surroundings(os.environ, file.parent)


@contextmanager
def _faults_shown(screen: Screen) -> Iterator[None]:
    """Print every fault of a file, a line each, and end with exit code 1."""
    from footfall.config.faults import Faulty

    try:
        yield
    except Faulty as faulty:
        if screen.as_json:
            screen.result({"faults": [fault.plain() for fault in faulty.faults]})
        for fault in () if screen.as_json else faulty.faults:
            screen.warn(str(fault))
        raise typer.Exit(Exit.FAILED) from faulty


def _ask(screen: Screen, chosen: Plan) -> None:
    if not sys.stdin.isatty():
        raise Refused("nobody is there to be asked", "Look at `footfall plan`, then say --yes")
    screen.warn(_shown(chosen))
    typer.confirm("Apply this?", abort=True, err=True)


def _shown(chosen: Plan) -> str:
    lines = [line for change in chosen.changes for line in _change_lines(change)]
    if chosen.left:
        names = ", ".join(f"{kind} {name}" for kind, name in chosen.left[:10])
        more = f" and {len(chosen.left) - 10} more" if len(chosen.left) > 10 else ""
        lines.append(f"Left alone, because the file does not name them: {names}{more}")
    counts = [f"{chosen.count(action)} to {action}" for action in _actions()]
    return "\n".join([*lines, ", ".join(counts) if chosen.changes else "Nothing to change"])


def _actions() -> Any:
    from footfall.model.plans import Action

    return tuple(Action)


def _change_lines(change: Change) -> list[str]:
    lines = [f"{_SIGNS[change.action]} {change.kind} {change.name}"]
    for each in change.fields:
        if change.before is None and each.after == change.name and each.field in ("name", "id", "product_key"):
            continue  # the line above says it
        before = "" if change.before is None else f"{_value(each.before)} -> "
        lines.append(f"    {each.field}: {before}{_value(each.after)}")
    return lines


def _value(value: Any) -> str:
    return "(not given)" if value is None else json.dumps(value, ensure_ascii=False)


def _named(change: Change) -> str:
    return f"{change.action} {change.kind} {change.name}"


def _show_applied(screen: Screen, found: DefinitionFile, applied: Applied) -> None:
    told = {
        "done": [change.plain() for change in applied.done],
        "failed": [change.plain() for change in applied.failed],
        "error": "" if applied.error is None else str(applied.error),
        "not_done": [change.plain() for change in applied.rest],
        "write_keys": {name: key for (kind, name), key in applied.told.items() if kind == "sources"},
        "signing_secrets": {name: secret for (kind, name), secret in applied.told.items() if kind == "channels"},
    }
    lines = [f"{_TOLD[kind]} of '{name}', shown this once: {key}" for (kind, name), key in applied.told.items()]
    screen.result(told, "\n".join([*lines, f"{len(applied.done)} changes done"]))
    if applied.error is None:
        return
    for change in applied.failed:
        screen.warn(f"failed: {_named(change)} ({found.where(change.kind, change.name)})")
    screen.warn(f"  {applied.error}")
    for change in applied.rest:
        screen.warn(f"not done: {_named(change)}")
    raise typer.Exit(Exit.PARTIAL if applied.done else Exit.FAILED)


def _create(path: Path, text: str) -> None:
    """Write a new file, never over one that is there."""
    try:
        _write(path, text, mode="x")
    except FileExistsError as error:
        raise Refused(f"{path} is there already", "Name another file, or move that one away") from error


def _write(path: Path, text: str, *, mode: str = "w") -> None:
    try:
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}", "Name a file in a folder that this user may write") from error
