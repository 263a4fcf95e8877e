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
from footfall.wiring.imports import FOLDER, ledger_of

if TYPE_CHECKING:
    import pyarrow as pa

    from footfall.wiring.hub import Footfall

_TRIES: Final = 20


def undo_import(hub: Footfall, id: str) -> tuple[FileImport, int]:
    """Drop the events of an import; returns it and how many there were. May be repeated after it broke off.

    What its rows said about people is forgotten, see ``People.forget``. The same file may be imported again.
    Raises ``Refused`` for one that is undone.
    """
    ledger = ledger_of(hub)
    one = ledger.get(id)
    if one.state == "undone":
        raise Refused(f"import {id} is undone already")
    ledger.finish(id, "undoing", hub.clock())
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
