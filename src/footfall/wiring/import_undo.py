"""Taking an import back: its events leave the lake, and days that were closed with them get another revision."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Final

from footfall.engines.import_events import events_of
from footfall.errors import Conflict, Refused
from footfall.model.imports import FileImport
from footfall.stores.held_files import FolderHeldFiles
from footfall.stores.row_snapshots import FolderSnapshots
from footfall.wiring.imports import BY_COMMAND, FOLDER, job_settings, ledger_of

if TYPE_CHECKING:
    import pyarrow as pa

    from footfall.model.jobs import Job
    from footfall.ports import Imports
    from footfall.wiring.hub import Footfall

_TRIES: Final = 20
_LOOKS: Final = 150
_LOOK_EVERY_S: Final = 0.2
_NAMED: Final = 20


def undo_import(hub: Footfall, id: str, *, force: bool = False) -> tuple[FileImport, int]:
    """Drop the events of an import; returns it and how many there were. May be repeated after it broke off.

    What its rows said about people is forgotten, see ``People.forget``. The same file may be imported again.
    Waits while a job reads it. Raises ``Refused`` for one that is undone, and for one with rows that later imports left
    out, unless ``force``; ``Conflict`` when the job does not stop.
    """
    ledger = ledger_of(hub)
    one = ledger.get(id)
    if one.state == "undone":
        raise Refused(f"import {id} is undone already")
    if one.state != "undoing" and not force:
        _require_last(ledger, one)
    ledger.finish(id, "undoing", hub.clock())
    if one.state in ("reading", "undoing"):
        _wait_for_readers(hub, one)
    hub.settle()
    dropped = 0
    for day, found in _events(hub, one):
        _drop(hub, day, found)
        hub.ledger.reopen(day)
        dropped += len(found)
    hub.people.forget(one.stream, f"{one.id}-")
    FolderHeldFiles(hub.settings.data / FOLDER).drop(id)
    _step_back(hub, one)
    hub.note("import.undo", f"import {id}", {"state": one.state}, {"state": "undone", "events": dropped})
    return ledger.finish(id, "undone", hub.clock()), dropped


def _require_last(ledger: Imports, one: FileImport) -> None:
    """Raises ``Refused`` when rows of it are in the lake for later files, too, which it would take along."""
    direct = ledger.left_out(one)
    if not direct:
        return
    later = list(direct)
    for each in later:  # which grows: each was compared with one import alone, so none comes twice
        later += ledger.left_out(each)
    first = later[::-1]
    named = ", ".join(f"{each.id} ({each.file.key})" for each in first[:_NAMED])
    more = f" and {len(first) - _NAMED:,} older ones" if len(first) > _NAMED else ""
    raise Refused(
        f"rows of {one.file.key} stand unchanged in {len(direct):,} later import{'s' if len(direct) > 1 else ''}, "
        "and would be gone from there, too",
        f"Take back first, in this order: {named}{more}; or use force, and these rows are gone",
    )


def _wait_for_readers(hub: Footfall, one: FileImport) -> None:
    """Let whoever reads the file notice: what it has given to the log by then is taken back too."""
    readers = [
        job.name for job in hub.jobs.all() if job.kind in ("import", "people_import") and one.scope in _scopes(job)
    ]
    for _ in range(_LOOKS):
        if not any(hub.jobs.slots(name, ("running",), 1) for name in readers):
            return
        hub.settle()  # a job waits for it when the log is full
        time.sleep(_LOOK_EVERY_S)
    raise Conflict(
        f"import {one.id} is still being read by {', '.join(readers)}", "Pause the job, then undo the import again"
    )


def _scopes(job: Job) -> tuple[str, ...]:
    return (job.name, job_settings(job).by_command) if job.options.get(BY_COMMAND) else (job.name,)


def _events(hub: Footfall, one: FileImport) -> Iterator[tuple[date, pa.Array]]:
    terms = hub.people.texts("terms")
    numbers = dict(zip(*(terms.column(name).to_pylist() for name in ("text", "key")), strict=True))
    if one.stream not in numbers:
        return
    for day in list(hub.lake.days()):
        found = events_of(
            hub.lake.files(day), numbers[one.stream], f"{one.id}-",
            temp_directory=hub.settings.data / "spill", threads=hub.settings.threads,
        )  # fmt: skip
        if len(found):
            yield day, found


def _drop(hub: Footfall, day: date, found: pa.Array) -> None:
    """A server settles meanwhile: whoever commits second has to try again."""
    for tries_left in reversed(range(_TRIES)):
        try:
            hub.lake.drop(day, found)
            return
        except Conflict:
            if not tries_left:
                raise
            time.sleep(0.2)


def _step_back(hub: Footfall, one: FileImport) -> None:
    """The next file is compared with the one before this."""
    ledger = ledger_of(hub)
    cursor = ledger.cursor(one.scope)
    if cursor.snapshot == one.id:
        ledger.move(replace(cursor, snapshot=cursor.before, before=""))
    elif cursor.before == one.id:
        ledger.move(replace(cursor, before=""))
    FolderSnapshots(hub.settings.data / FOLDER).drop(one.id)
