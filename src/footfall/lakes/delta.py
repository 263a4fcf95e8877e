"""The lake as a Delta table on a local disk, partitioned by local day.

Footfall writes the Parquet files itself and commits them through ``deltalake``: so it decides layout and statistics,
and has data files, commit and folders synced before ``append`` returns. See docs/reference/lake.md.
"""

from __future__ import annotations

import json
import os
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from errno import EDQUOT, ENOSPC
from pathlib import Path
from threading import RLock
from typing import Any, Final
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction

from footfall import disk
from footfall.errors import Conflict, Damaged, Unavailable
from footfall.lakes.durable import make_folders, repair, sync, sync_commits
from footfall.lakes.erasing import Owners, events_of, rewrite, rows_of
from footfall.lakes.parts import STATISTICS, TABLE_SCHEMA, Part, rewrite_day, write_days
from footfall.model.erasures import Subjects
from footfall.model.event import LAKE_COLUMNS
from footfall.ports import Clock, Span

POSITION_APP = "footfall-settle"
SEQUENCE_APP = "footfall-sequence"
CHECKPOINT_EVERY = 50
KEEP = timedelta(days=1)
# Between a file and the commit that names it; far more than it takes.
_COMMITTED_WITHIN: Final = timedelta(hours=1)
FIRST_SEQ = 1
# A library's own checkpoint would not be synced; see DeltaLake._checkpoint.
_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
_SETTINGS = {
    "delta.dataSkippingStatsColumns": ",".join(STATISTICS),
    "delta.logRetentionDuration": "interval 1 days",
    "delta.deletedFileRetentionDuration": "interval 1 days",
}


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    day: date
    rows: int
    first_seq: int
    last_seq: int


class DeltaLake:
    """ports.Lake in a local folder. One process writes; any number may read. Threads may share it.

    keep: how long a file that is in the table no more stays on the disk for readers that listed it.
    """

    def __init__(self, root: Path, *, clock: Clock, keep: timedelta = KEEP) -> None:
        self._root = root.resolve()
        self._log = self._root / "_delta_log"
        self._clock = clock
        self._keep = keep
        self._lock = RLock()
        self._listed: tuple[int, tuple[_File, ...]] = (-1, ())
        with self._translated("open"):
            disk.make_folder(self._root)
            if self._log.exists():
                self.repaired = repair(self._log)
            else:
                self.repaired = []
            self._table = DeltaTable.create(
                self._root, TABLE_SCHEMA, mode="ignore", partition_by=["day"], configuration=_SETTINGS
            )
            sync([self._root])
            self._synced = sync_commits(self._log, -1)
        self.vacuum()

    def append(self, rows: pa.Table, position: int) -> None:
        with self._lock, self._translated("append"):
            self._table.update_incremental()
            current = self._version(POSITION_APP, 0)
            if position <= current:
                raise Conflict(f"the lake {self._root} is at position {current}, not before {position}")
            self._append(rows, f"{position:020d}", [Transaction(POSITION_APP, position)])

    def add(self, rows: pa.Table) -> None:
        with self._lock, self._translated("add"):
            self._table.update_incremental()
            if rows.num_rows:
                self._append(rows, _name("added", self._table.version() + 1), [])

    def _append(self, rows: pa.Table, name: str, marks: list[Transaction]) -> None:
        next_seq = self._version(SEQUENCE_APP, FIRST_SEQ)
        if rows.num_rows:
            bounds = pc.min_max(rows.column("ingest_seq")).as_py()
            if bounds["min"] < next_seq:
                raise Conflict(f"ingest_seq {bounds['min']} of the lake {self._root} was given to another event")
            next_seq = bounds["max"] + 1
        days = rows.column("day").unique().to_pylist()
        self._make_days(days)
        parts = write_days(self._root, rows, name)
        sync(self._folder(day) for day in days)
        self._commit([_add(part) for part in parts], [*marks, Transaction(SEQUENCE_APP, next_seq)])

    def position(self) -> int:
        with self._lock, self._translated("read the position"):
            self._table.update_incremental()
            return self._version(POSITION_APP, 0)

    def next_seq(self) -> int:
        with self._lock, self._translated("read the sequence"):
            self._table.update_incremental()
            return self._version(SEQUENCE_APP, FIRST_SEQ)

    def days(self) -> Mapping[date, int]:
        counts: dict[date, int] = {}
        for file in self._files():
            counts[file.day] = counts.get(file.day, 0) + file.rows
        return dict(sorted(counts.items()))

    def files(self, day: date) -> Sequence[str]:
        return sorted(str(self._root / file.path) for file in self._files() if file.day == day)

    def crowded(self, files: int) -> Sequence[date]:
        counts = Counter(file.day for file in self._files())
        return sorted(day for day, count in counts.items() if count > files)

    def recent(self, rows: int) -> Iterator[pa.RecordBatch]:
        since = self.next_seq() - rows
        wanted = sorted((file for file in self._files() if file.last_seq >= since), key=lambda file: file.last_seq)
        for file in wanted:
            with self._translated("read the latest events"), pq.ParquetFile(self._root / file.path) as parquet:
                for batch in parquet.iter_batches(columns=["source", "event_id", "ingest_seq"]):
                    late = batch.filter(pc.greater_equal(batch.column("ingest_seq"), since))
                    yield late.select(["source", "event_id"])

    def after(self, ingest_seq: int, limit: int) -> pa.Table:
        wanted = sorted((file for file in self._files() if file.last_seq > ingest_seq), key=lambda file: file.first_seq)
        found: list[pa.Table] = []
        rows, highest = 0, ingest_seq
        for file in wanted:
            # Files of one commit cover the same numbers for other days, so only a later commit may be left unread.
            if rows >= limit and file.first_seq > highest:
                break
            with self._translated("read events"):
                table = pq.read_table(self._root / file.path, filters=[("ingest_seq", ">", ingest_seq)])
            found.append(table)
            rows += table.num_rows
            highest = max((pc.max(t.column("ingest_seq")).as_py() or 0) for t in found)
        names = [column for column, _, _ in LAKE_COLUMNS if column != "day"]
        if not found:
            return pa.table({name: [] for name in names})
        return pa.concat_tables([t.select(names) for t in found]).sort_by("ingest_seq").slice(0, limit)

    def spans(self, from_seq: int, to_seq: int) -> Sequence[Span]:
        found = (file for file in self._files() if file.first_seq < to_seq and file.last_seq >= from_seq)
        spans = (Span(str(self._root / file.path), file.first_seq, file.last_seq) for file in found)
        return sorted(spans, key=lambda span: (span.first_seq, span.path))

    def drop(self, day: date, ingest_seqs: pa.Array) -> None:
        if len(ingest_seqs):
            self._rewrite(day, ingest_seqs.cast(pa.int64()))

    def compact(self, day: date) -> None:
        if len(self.files(day)) > 1:
            self._rewrite(day, None)

    def rows_of(self, subjects: Subjects) -> Mapping[date, pa.Array]:
        """The ingest_seq of every event of these people, by day; only the columns that tell are read."""
        owners, found = Owners(subjects), dict[date, list[pa.Array]]()
        with self._translated("look for events"):
            days = {file.path: file.day for file in self._files()}
            for path, seqs in rows_of(self._root, sorted(days), owners).items():
                found.setdefault(days[path], []).append(seqs)
        return {day: pa.concat_arrays(parts) for day, parts in sorted(found.items())}

    def events_of(self, subjects: Subjects) -> Iterator[pa.Table]:
        """Every event of these people, in the columns of a file, a row group at a time."""
        with self._translated("read events"):
            yield from events_of(self._root, sorted(file.path for file in self._files()), Owners(subjects))

    def erase(self, day: date, subjects: Subjects, *, anonymous: bool) -> int:
        """Take the events of these people out of a day, or all that names them out of these events; returns how many
        there were. Only files that hold one are written anew, in one commit; every other row stays as it is."""
        with self._lock, self._translated(f"erase from {day}"):
            self._table.update_incremental()
            owners = Owners(subjects)
            files = {file.path: file for file in self._files() if file.day == day}
            held = [files[path] for path in rows_of(self._root, sorted(files), owners)]
            stem, count = _name("erased", self._table.version() + 1), 0
            parts: list[Part] = []
            for number, file in enumerate(held):
                name = f"{stem}-{number:04d}"
                part, theirs = rewrite(self._root, day, file.path, name, owners, anonymous=anonymous)
                count += theirs
                parts += [] if part is None else [part]
            if held:
                sync(self._root / part.path for part in parts)
                sync([self._folder(day)])
                at = int(self._clock().timestamp() * 1000)
                removed = [RemoveAction(file.path, True, at, partition_values={"day": str(day)}) for file in held]
                self._commit([*removed, *map(_add, parts)], [])
            return count

    def purge(self) -> int:
        """Delete at once what is in the table no more, whoever may still read it, and the older commits that tell of
        it; return how many files that was. Files that it never named stay for an hour: somebody may be about to commit
        them."""
        with self._lock, self._translated("purge"):
            self._table.update_incremental()
            self._checkpoint()
            version = self._table.version()
            older = [path for path in self._log.glob("*") if path.name[:20].isdigit() and int(path.name[:20]) < version]
            live, removed = {file.path for file in self._files()}, _removed(self._log.glob("*.json"))
            oldest = (self._clock() - _COMMITTED_WITHIN).timestamp()
            gone = [
                path
                for path in self._root.glob("day=*/*.parquet")
                if (name := str(path.relative_to(self._root))) not in live
                and (name in removed or path.stat().st_mtime < oldest)
            ]
            for path in older:
                path.unlink()
            for path in gone:
                path.unlink()
            sync({self._log, *(path.parent for path in gone)})
            self._table = DeltaTable(self._root)
            self._listed = (-1, ())
            return len(gone) + len(older)

    def vacuum(self) -> int:
        """Delete files that are not in the table and were not for ``keep``; return how many."""
        with self._lock, self._translated("vacuum"):
            oldest = (self._clock() - self._keep).timestamp()
            live = {file.path for file in self._files()}
            gone = [
                path
                for path in self._root.glob("day=*/*.parquet")
                if str(path.relative_to(self._root)) not in live and path.stat().st_mtime < oldest
            ]
            for path in gone:
                path.unlink()
            return len(gone)

    def _rewrite(self, day: date, without: pa.Array | None) -> None:
        with self._lock, self._translated(f"rewrite {day}"):
            self._table.update_incremental()
            old = sorted((file for file in self._files() if file.day == day), key=lambda file: file.first_seq)
            name = _name("rewritten", self._table.version() + 1)
            parts = rewrite_day(self._root, day, [file.path for file in old], name, without)
            sync([self._folder(day)] if parts else [])
            at = self._clock()
            milliseconds = int(at.timestamp() * 1000)
            changed = without is not None
            removed = [
                RemoveAction(file.path, changed, milliseconds, partition_values={"day": str(day)}) for file in old
            ]
            # From now on, not from when it was written, a file waits for those who still read it.
            for file in old:
                os.utime(self._root / file.path, (at.timestamp(), at.timestamp()))
            self._commit([*removed, *(_add(part, changed) for part in parts)], [])
            self.vacuum()

    def _commit(self, actions: list[AddAction | RemoveAction], marks: list[Transaction]) -> None:
        self._table.create_write_transaction(
            actions,
            "append",
            self._table.schema(),
            ["day"],
            commit_properties=CommitProperties(app_transactions=marks, max_commit_retries=0),
            post_commithook_properties=_NO_HOOKS,
        )
        self._synced = sync_commits(self._log, self._synced)
        self._table.update_incremental()
        if self._table.version() % CHECKPOINT_EVERY == 0:
            self._checkpoint()

    def _checkpoint(self) -> None:
        """Sum up the log, and only when that is on the disk forget commits older than a day."""
        self._table.create_checkpoint()
        sync([*self._log.glob(f"{self._table.version():020d}.checkpoint*.parquet"), self._log / "_last_checkpoint"])
        sync([self._log])
        self._table.cleanup_metadata()

    def _files(self) -> tuple[_File, ...]:
        with self._lock, self._translated("list the files"):
            self._table.update_incremental()
            version = self._table.version()
            if self._listed[0] != version:
                actions = pa.table(self._table.get_add_actions(flatten=True)).to_pylist()
                self._listed = (version, tuple(_file(action) for action in actions))
            return self._listed[1]

    def _version(self, app: str, default: int) -> int:
        found = self._table.transaction_version(app)
        return default if found is None else int(found)

    def _folder(self, day: date) -> Path:
        return self._root / f"day={day}"

    def _make_days(self, days: Sequence[date]) -> None:
        make_folders(folder for folder in map(self._folder, days) if not folder.exists())

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        what = f"{doing}: lake {self._root}"
        try:
            yield
        except CommitFailedError as error:
            raise Conflict(f"{what}: {error}", "Only one process may write a lake: stop the other one") from error
        except DeltaError as error:
            raise Damaged(f"{what}: {error}", "Run `footfall doctor`") from error
        except OSError as error:
            hint = "Free some space" if error.errno in (ENOSPC, EDQUOT) else "Check the disk"
            raise Unavailable(f"{what}: {error}", hint, retry_after_s=10) from error


def _removed(commits: Iterable[Path]) -> set[str]:
    """What these commits took out of the table."""
    lines = (json.loads(line) for path in commits for line in path.read_text().splitlines())
    return {unquote(line["remove"]["path"]) for line in lines if "remove" in line}


def _name(what: str, version: int) -> str:
    """Of files that another process cannot be writing, too: the one of both that commits second leaves its own."""
    return f"{what}-{version:020d}-{secrets.token_hex(4)}"


def _add(part: Part, changed: bool = True) -> AddAction:
    return AddAction(part.path, part.size_bytes, {"day": str(part.day)}, 0, changed, part.statistics)


def _file(action: Mapping[str, Any]) -> _File:
    return _File(
        path=action["path"],
        day=action["partition.day"],
        rows=action["num_records"],
        first_seq=action["min.ingest_seq"],
        last_seq=action["max.ingest_seq"],
    )
