"""What importing works with, of real parts, over a ``SmallHub``; and a crash at any of its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from small_hub import SmallHub

from footfall.buckets.local import LocalBucket
from footfall.flows.import_files import Desk, Plan
from footfall.model.imports import FileImport, ReadOptions
from footfall.ports import Bucket, RowEvents
from footfall.sources.csv_rows import CsvReader
from footfall.stores.held_files import FolderHeldFiles
from footfall.stores.imports import SqlImports
from footfall.stores.row_snapshots import FolderSnapshots
from footfall.wire.rows import NativeRows
from footfall.wiring.import_codecs import unpacked
from footfall.wiring.import_settings import meaning_of


class Crash(BaseException):
    """The process died."""


@dataclass
class Falling:
    """Stands before another part and dies at the ``at``-th call of any part, before it or after it was made.

    at: 0 for never. calls: so far.
    """

    at: int = 0
    after: bool = False
    calls: int = 0
    names: list[str] = field(default_factory=list)

    def watch(self, part: Any) -> Any:
        return _Watched(part, self)

    def step(self, name: str, call: Callable[[], Any]) -> Any:
        self.calls += 1
        self.names.append(name)
        if self.calls == self.at and not self.after:
            raise Crash(name)
        result = call()
        if self.calls == self.at:
            raise Crash(name)
        return result


class _Watched:
    def __init__(self, part: Any, falling: Falling) -> None:
        self._part, self._falling = part, falling

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            result = self._falling.step(name, partial(found, *args, **kwargs))
            return _Watched(result, self._falling) if name == "compare" else result

        return call


def meaning(one: FileImport) -> tuple[ReadOptions, RowEvents]:
    read, columns = meaning_of(one.settings)
    return read, NativeRows(one.id, one.stream, one.began_at, columns)


def desk_of(hub: SmallHub, folder: Path, bucket: Bucket | None = None, falling: Falling | None = None) -> Desk:
    watch = (falling or Falling()).watch
    place = bucket or LocalBucket(folder / "place")
    held = folder / "imports"
    return Desk(
        bucket=watch(place),
        held=watch(FolderHeldFiles(held)),
        ledger=watch(SqlImports(hub.database)),
        snapshots=watch(FolderSnapshots(held)),
        reader=CsvReader(),
        decode=unpacked,
        meaning=meaning,
        log=watch(hub.log),
        clock=lambda: hub.now,
        beat=lambda: None,
        room=lambda: None,
    )


def plan_of(settings: Mapping[str, Any] | None = None, **more: Any) -> Plan:
    return replace(Plan("job", "crm", "csv", settings or {}), **more)


def imported(hub: SmallHub, stream: str = "crm") -> list[tuple[str, str]]:
    """(event id, properties) of every event of a stream in the lake."""
    hub.settle()
    terms = dict(zip(*(c.to_pylist() for c in hub.people.texts("terms").columns), strict=True))
    rows = hub.lake.after(0, 1_000_000).to_pylist()
    return [(row["event_id"], row["properties"]) for row in rows if terms[row["source"]] == stream]
