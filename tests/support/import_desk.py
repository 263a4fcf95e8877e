"""What importing works with, of real parts, over a ``SmallHub``; and a crash at any of its steps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from new_store import open_store
from small_hub import SmallHub

from footfall.buckets.local import LocalBucket
from footfall.config.patterns import whole_match
from footfall.flows.import_files import Desk, Plan
from footfall.logs.segments import SegmentLog
from footfall.model.import_names import FileRow
from footfall.model.imports import FileImport, ReadOptions
from footfall.ports import Preview, RowBatch, RowEvents, RowReader
from footfall.sources.csv_rows import CsvReader
from footfall.stores.held_files import FolderHeldFiles
from footfall.stores.imports import SqlImports
from footfall.stores.row_snapshots import FolderSnapshots
from footfall.wire.rows import EventRows
from footfall.wiring.import_codecs import unpacked
from footfall.wiring.import_settings import meaning_of


class Crash(BaseException):
    """The process died."""


@dataclass
class Falling:
    """Dies right before the ``at``-th call of any part that is watched; 0 for never. calls: so far."""

    at: int = 0
    calls: int = 0
    names: list[str] = field(default_factory=list)

    def watch(self, part: Any) -> Any:
        return _Watched(part, self)

    def step(self, name: str, call: Callable[[], Any]) -> Any:
        self.calls += 1
        self.names.append(name)
        if self.calls == self.at:
            raise Crash(name)
        return call()


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

        return found if name == "is_new" else call


class RowByRow:
    """A reader whose batches are of one row each, so that there are many steps to die at."""

    def __init__(self, reader: RowReader) -> None:
        self._reader = reader

    def rows(self, chunks: Iterable[bytes], options: ReadOptions, *, name: str) -> Iterator[RowBatch]:
        for batch in self._reader.rows(chunks, options, name=name):
            good = [(row.number, RowBatch([row], [])) for row in batch.rows]
            bad = [(row.number, RowBatch([], [row])) for row in batch.bad]
            yield from (one for _, one in sorted(good + bad, key=lambda each: each[0]))

    def preview(self, chunks: Iterable[bytes], options: ReadOptions, *, name: str) -> Preview:
        return self._reader.preview(chunks, options, name=name)


class LogAndStore:
    """What is left of a hub where nothing is settled; opening it takes no time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.now = datetime(2026, 12, 1, 12, tzinfo=UTC)
        self.database = open_store(folder / "store.db")
        self.log = SegmentLog(folder / "log", reserve_bytes=0)

    def __enter__(self) -> LogAndStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.log.close()
        self.database.close()


def meaning(one: FileImport) -> tuple[ReadOptions, RowEvents]:
    read, columns = meaning_of(one.settings)
    return read, EventRows(one.id, one.stream, one.began_at, columns)


def desk_of(hub: SmallHub | LogAndStore, folder: Path, falling: Falling | None = None) -> Desk:
    watch = (falling or Falling()).watch
    place = LocalBucket(folder / "place")
    held = folder / "imports"
    return Desk(
        bucket=watch(place),
        held=watch(FolderHeldFiles(held)),
        ledger=watch(SqlImports(hub.database)),
        snapshots=watch(FolderSnapshots(held)),
        reader=RowByRow(CsvReader()) if falling else CsvReader(),
        decode=unpacked,
        meaning=meaning,
        log=watch(hub.log),
        clock=lambda: hub.now,
        beat=lambda: None,
        moved=lambda one: None,
    )


def plan_of(settings: Mapping[str, Any] | None = None, **more: Any) -> Plan:
    return replace(Plan("job", "crm", "csv", settings or {}), **more)


def imported(hub: SmallHub, stream: str = "crm") -> list[tuple[str, str]]:
    """(event id, properties) of every event of a stream in the lake."""
    hub.settle()
    terms = dict(zip(*(c.to_pylist() for c in hub.people.texts("terms").columns), strict=True))
    rows = hub.lake.after(0, 1_000_000).to_pylist()
    return [(row["event_id"], row["properties"]) for row in rows if terms[row["source"]] == stream]


def row(on_missing: str = "wait", **more: object) -> FileRow:
    """The files whose names begin with ``crm_`` and an instant."""
    return replace(FileRow("job", "crm_", whole_match("crm_"), "csv", on_missing=on_missing), **more)


def ids(hub: SmallHub) -> list[str]:
    """The field ``id`` of all rows that were imported."""
    return sorted(json.loads(properties)["attributes"]["id"] for _, properties in imported(hub))


def write(place: Path, *names: str) -> None:
    """Files of one row each, whose ``id`` is the name of its file."""
    for name in names:
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(b"id\n%s\n" % name.encode())
