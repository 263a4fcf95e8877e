"""Import files: hold them, read their rows, give each row that is new to the log, remember how far it came.

A file goes in steps, each of which may be repeated:

1. It gets an id that follows from where it is and which bytes it has, and is held here whole under that version.
2. It is decoded to its end, so that a cut or forged file is known before its first row is applied.
3. Its rows become events with the ids ``{import}-{row}``. They are appended to the log, then the ledger is moved on.
4. The import is done, the job's cursor and snapshot move with it in one transaction, and the file is let go.

A crash between the append and the ledger sends some rows again: under the same ids, so settling drops them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import nsmallest
from queue import SimpleQueue
from typing import Any, Final

from footfall import observe
from footfall.errors import Conflict, Damaged, Refused, Unavailable
from footfall.model.blaming import NO_FILES_FAULT, of_every_file
from footfall.model.import_names import FileRow, base_of, coming, literal_start, position_of
from footfall.model.imports import COMPARED, SENT, Cursor, FileImport, FileVersion, ReadOptions, require_columns
from footfall.model.instants import to_us
from footfall.model.reading import EVENTS_MAX
from footfall.ports import (
    BadRow,
    Batch,
    Bucket,
    Clock,
    Comparison,
    HeldFiles,
    Imports,
    LazyRows,
    Log,
    Row,
    RowEvents,
    RowReader,
    Snapshots,
    Stored,
)

BODY_BYTES: Final = 2 << 20
ROWS_AT_ONCE: Final = 32_768  # that are one body, where rows go to the log as columns, and that are remembered at once
# Given to the log at once and remembered at once: more bodies wait for one disk sync, and one commit counts for all.
BODIES_AT_ONCE: Final = 8
FIRST_ROWS: Final = 1_000  # if none of so many can be used, it is the delimiter, the header or the format that is wrong
UNKNOWN: Final = ("unknown_user", "unknown_account")
FILES_AT_ONCE: Final = 50_000  # of a row, some 30 MB
LOOKED_AT: Final = 1_000  # of the newest imports of a scope


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be imported. scope: see ``FileImport``. settings: kept with each import; how its file is read.

    compare: only rows that the file before in the row did not have.
    skip_bad_files: a file of a row that cannot be read at all is left out instead of ending the run.
    """

    scope: str
    stream: str
    format: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    compare: bool = False
    skip_bad_files: bool = False


@dataclass(frozen=True, slots=True)
class Desk:
    """What importing works with.

    decode: the bytes of a file of that name as they were before compression and encryption; nothing of what is
    encrypted before all of it is proved. meaning: how the file of an import is read, and what becomes of its rows.
    beat: called every few seconds; raises when the work is to end. moved: told how far an import has come.
    """

    bucket: Bucket
    held: HeldFiles
    ledger: Imports
    snapshots: Snapshots
    reader: RowReader
    decode: Callable[[str, Iterable[bytes]], Iterator[bytes]]
    meaning: Callable[[FileImport], tuple[ReadOptions, RowEvents]]
    log: Log
    clock: Clock
    beat: Callable[[], None]
    moved: Callable[[FileImport], None]


# --- which files ---------------------------------------------------------------------------------


def version_of(stored: Stored) -> FileVersion:
    """What was listed, as the ledger knows it."""
    return FileVersion(stored.key, stored.version, stored.size_bytes, stored.modified_at)


def one_file(bucket: Bucket, key: str) -> FileVersion:
    """A file by its name, for which nothing need be listed. Raises ``Refused`` when it is not there."""
    try:
        return version_of(bucket.stat(key))
    except KeyError:
        raise Refused(f"there is no file {key} in {bucket.url}", "Correct its name; it is case-sensitive") from None


def files_after(bucket: Bucket, row: FileRow, cursor: Cursor) -> Iterator[tuple[datetime, FileVersion]]:
    """The files of a row that are coming, by timestamp and then by name. So many are in memory at once and no more: for
    those after them the place is listed again, so what came meanwhile and is later has its turn."""
    while True:
        listed = map(version_of, bucket.list(literal_start(row.pattern)))
        some = nsmallest(FILES_AT_ONCE, coming(listed, row, cursor), key=lambda each: (each[0], each[1].key))
        yield from some
        if len(some) < FILES_AT_ONCE:
            return
        at, last = some[-1]
        cursor = replace(cursor, at=at, key=last.key)


def import_row(desk: Desk, plan: Plan, row: FileRow) -> Iterator[FileImport]:
    """Apply the files of a row that are new, each when the one before it is done.

    When there is none: ``wait`` ends quietly, ``alert`` raises ``Unavailable`` so that it is tried again and told,
    ``stop`` raises ``Refused``, which a person has to answer by resuming; the last two after ``grace`` checks.
    """
    for one in half_applied(desk, plan):
        at = position_of(base_of(one.file.key), row.matches, row.format)
        cursor = desk.ledger.cursor(row.job)
        if at is not None and (cursor.at is None or (at, one.file.key) > (cursor.at, cursor.key)):
            cursor = replace(cursor, at=at, key=one.file.key, missed=0)
        yield from _unless_bad(desk, plan, one.file, cursor)
    cursor = desk.ledger.cursor(row.job)
    came = False
    for at, file in files_after(desk.bucket, row, cursor):
        came = True
        desk.beat()
        cursor = replace(desk.ledger.cursor(row.job), at=at, key=file.key, missed=0)
        yield from _unless_bad(desk, plan, file, cursor)
    if not came:
        _missing(desk, row, cursor)


def _unless_bad(desk: Desk, plan: Plan, file: FileVersion, cursor: Cursor) -> Iterator[FileImport]:
    """Apply a file, or go on without it where that is wanted."""
    try:
        yield import_file(desk, plan, file, cursor=cursor)
    except NO_FILES_FAULT:
        raise
    except (Damaged, Refused) as error:
        if not plan.skip_bad_files:
            raise
        observe.went_wrong("file left out", error, key=file.key, job=cursor.job)
        desk.ledger.move(cursor)


def import_changed(desk: Desk, plan: Plan, job: str, key: str, *, on_missing: str = "wait") -> Iterator[FileImport]:
    """Apply a file that is written anew under one name, when it is another than last time."""
    for one in half_applied(desk, plan, key):
        yield from _unless_bad(desk, plan, one.file, replace(desk.ledger.cursor(job), key=key, missed=0))
    cursor = desk.ledger.cursor(job)
    try:
        file = version_of(desk.bucket.stat(key))
    except KeyError:
        _missing(desk, FileRow(job, key, lambda name: False, plan.format, on_missing=on_missing), cursor)
        return
    known = desk.ledger.known(plan.scope, desk.bucket.url, file)
    if known is None or known.state not in ("done", "undone", "undoing"):
        yield import_file(desk, plan, file, cursor=replace(cursor, key=key, missed=0))


def _missing(desk: Desk, row: FileRow, cursor: Cursor) -> None:
    missed = cursor.missed + 1
    what = f"no next file for {row.pattern!r} in {desk.bucket.url}"
    if row.on_missing == "wait" or missed <= row.grace:
        observe.happened("no next file", job=row.job, missed=missed)
        desk.ledger.move(replace(cursor, missed=missed))
    elif row.on_missing == "alert":
        raise Unavailable(what, "It is looked for again; see why it was not delivered", retry_after_s=300)
    else:
        desk.ledger.move(replace(cursor, missed=0))
        last = f" after {cursor.key}" if cursor.key else ""
        raise Refused(f"stopped: {what}{last}", "Resume the job when it is there: it goes on after the last one")


def half_applied(desk: Desk, plan: Plan, key: str = "") -> Sequence[FileImport]:
    """What broke off after its first row and is held here still, oldest first.

    It is finished before anything else is begun: there may be another file under its name by now, and what was applied
    of the one before must not stand beside it as a part. key: only of this file.
    """
    held = desk.held.names()  # few, where imports are as many as files ever were
    found = [one for one in desk.ledger.all(scope=plan.scope, ids=held, limit=len(held)) if one.is_applied]
    here = [one for one in found if one.place == desk.bucket.url and one.state in ("reading", "failed")]
    return [one for one in reversed(here) if key in ("", one.file.key)]


def tidy(desk: Desk, scope: str) -> None:
    """Let go of what nobody needs any more: files of imports that are over, rows that no file is compared with."""
    cursor = desk.ledger.cursor(scope)
    mine = desk.ledger.all(scope=scope, limit=LOOKED_AT)
    over = {one.id for one in mine if one.state in ("done", "undone") or (one.state == "failed" and not one.is_applied)}
    for name in over.intersection(desk.held.names()):
        desk.held.drop(name)
    for name in {one.id for one in mine}.intersection(desk.snapshots.names()) - {cursor.snapshot, cursor.before}:
        desk.snapshots.drop(name)


# --- one file ------------------------------------------------------------------------------------


def import_file(desk: Desk, plan: Plan, file: FileVersion, *, cursor: Cursor | None = None) -> FileImport:
    """Apply one file, or what is missing of it; one that is done is left alone.

    cursor: the job's after this file, but for snapshots. Raises ``Conflict`` when the file is another by now,
    ``Damaged`` and ``Refused`` when it cannot be read; it is remembered as failed, and goes on where it was when it is
    tried again.
    """
    begun = desk.ledger.begin(
        plan.scope, desk.bucket.url, file,
        stream=plan.stream, format=plan.format, settings=plan.settings, at=desk.clock(),
    )  # fmt: skip
    if begun.state == "done":
        return begun
    known = Cursor("") if cursor is None else desk.ledger.cursor(cursor.job)
    try:
        state = _apply(desk, begun, known.snapshot if plan.compare else None)
    except (Refused, Damaged) as error:
        failed = desk.ledger.finish(begun.id, "failed", desk.clock(), error=str(error))
        if (plan.skip_bad_files and not isinstance(error, NO_FILES_FAULT)) or not failed.is_applied:
            desk.held.drop(failed.id)
        elif isinstance(error, Damaged):
            hint = f"`footfall imports undo {failed.id}` takes its rows back; then the mended file is read"
            raise Damaged(error.what, f"{error.hint}. {hint}" if error.hint else hint) from error
        raise
    if cursor is not None:
        # Without a comparison nobody knows the rows of this file: the next one is compared with none.
        now = (state.id, known.snapshot) if plan.compare else ("", "")
        cursor = replace(cursor, snapshot=now[0], before=now[1])
    done = desk.ledger.finish(state.id, "done", desk.clock(), cursor=cursor)
    desk.held.drop(state.id)
    if cursor is not None:
        for gone in {known.snapshot, known.before} - {cursor.snapshot, cursor.before, ""}:
            desk.snapshots.drop(gone)
    observe.happened("file imported", id=done.id, key=file.key, applied=done.applied, bad=done.bad)
    return done


def _apply(desk: Desk, begun: FileImport, snapshot: str | None) -> FileImport:
    """Hold, look at and read a file. snapshot: rows to compare with, empty where none are; None: do not."""
    _hold(desk, begun)
    begun = _looked_at(desk, begun)
    if snapshot is None:
        return _Reading(desk, begun, None).apply()
    if begun.settings.get(COMPARED, "") != snapshot:
        begun = desk.ledger.describe(begun.id, {COMPARED: snapshot})
    with closing(desk.snapshots.compare(begun.id, snapshot)) as rows:
        state = _Reading(desk, begun, rows).apply()
        rows.keep()
    return state


def _hold(desk: Desk, begun: FileImport) -> None:
    """Have the whole file here, and know that it can be decoded to its end."""
    file = begun.file

    def chunks() -> Iterator[bytes]:
        for chunk in desk.bucket.open(file.key, version=file.version):
            desk.beat()
            yield chunk

    try:
        desk.held.hold(begun.id, file.size_bytes, chunks)
    except (KeyError, Conflict) as error:
        what = str(error) if isinstance(error, Conflict) else f"{file.key} is not there any more"
        rows = f"; {begun.next_row:,} rows of it were applied" if begun.next_row else ""
        desk.ledger.finish(begun.id, "failed", desk.clock(), error=f"{what}{rows}")
        raise Conflict(what, "It is read at the next run as it is then") from error
    if not begun.is_applied:
        for _ in desk.decode(file.key, desk.held.read(begun.id)):
            desk.beat()


def _looked_at(desk: Desk, begun: FileImport) -> FileImport:
    """Remember the columns of a file, as they are called there, and what is between them.

    Raises ``Refused`` when one that has a meaning is not among them. Of JSON only all of its rows would tell.
    """
    if begun.is_applied or begun.format == "json":
        return begun
    file, (options, events) = begun.file, of_every_file(desk.meaning, begun)
    text = desk.decode(file.key, desk.held.read(begun.id))
    found = desk.reader.preview(text, replace(options, fields=()), name=file.key)
    names = [name for name, _ in found.columns]
    require_columns(file.key, names, options.fields, events.columns)
    return desk.ledger.describe(begun.id, {"columns": names, "delimiter": found.delimiter})


class _Reading:
    """The rows of one import on their way into the log."""

    def __init__(self, desk: Desk, begun: FileImport, compared: Comparison | None) -> None:
        self._desk, self._state, self._compared = desk, begun, compared
        self._options, self._events = of_every_file(desk.meaning, begun)
        self._takes_batches = compared is None and self._events.dialect != "native"
        self._next_row = begun.next_row
        self._begin()

    def _begin(self) -> None:
        self._rows: list[Row] = []
        self._bodies: list[tuple[bytes, int]] = []
        self._bad: list[BadRow] = []
        self._size = self._applied = self._unchanged = 0

    def apply(self) -> FileImport:
        key, first = self._state.file.key, self._state.next_row
        text = self._desk.decode(key, self._desk.held.read(self._state.id))
        for batch in self._desk.reader.rows(text, self._options, name=key):
            self._desk.beat()
            rows, whole = batch.rows, self._takes_batches and len(batch.rows) <= ROWS_AT_ONCE
            if whole and isinstance(rows, LazyRows) and rows.first >= first:
                self._make(rows)
            else:
                self._take_each(rows, first)
            self._bad += (row for row in batch.bad if row.number >= first)
            self._next_row = max(self._next_row, batch.end)
            self._require_some_good(least=FIRST_ROWS)
            many = len(self._bodies) >= BODIES_AT_ONCE or self._applied >= ROWS_AT_ONCE
            if many or len(self._bad) >= EVENTS_MAX:
                self._hand_over()
        self._make()
        self._require_some_good(least=1)
        self._hand_over()
        return self._state

    def _take_each(self, rows: Sequence[Row], first: int) -> None:
        for row in rows:
            # Also those that were applied before a restart: the next file is compared with all of them.
            if self._compared is not None and not self._compared.is_new(row.body):
                self._unchanged += row.number >= first
            elif row.number >= first:
                self._rows.append(row)
                self._size += len(row.body)
                if len(self._rows) == EVENTS_MAX or self._size > BODY_BYTES:
                    self._make()

    def _make(self, more: Sequence[Row] = ()) -> None:
        """Make a body of the rows taken, and another one of more."""
        for rows in (self._rows, more):
            if rows:
                body, count, bad = of_every_file(self._events.events, rows)
                self._bodies += [(body, count)] if count else []
                self._bad += bad
                self._applied += count
        self._rows, self._size = [], 0

    def _require_some_good(self, *, least: int) -> None:
        """Raises ``Refused`` when there are ``least`` rows, or more, and not one can be used."""
        if len(self._bad) < least or self._state.is_applied or self._applied or self._unchanged:
            return
        self._make()
        # Whoever is not known yet is no sign that the file is read wrongly.
        if not self._applied and not any(bad.code in UNKNOWN for bad in self._bad):
            first = min(self._bad, key=lambda bad: bad.number)
            where = f"line {first.line}" if first.line else f"row {first.number + 1}"
            raise Refused(  # without the message, which has what stands in the row
                f"not one of the {len(self._bad):,} rows read of {self._state.file.key} can be used; "
                f"{where}: {first.code}" + (f" in {first.field!r}" if first.field else ""),
                "Look at it with --preview: is it the delimiter, the header, a column's name or the format?",
            )

    def _hand_over(self) -> None:
        """Append what there is, then move the ledger on."""
        if self._next_row <= self._state.next_row:
            return
        self._make()
        if self._bodies and not self._state.is_applied:
            self._state = self._desk.ledger.describe(self._state.id, {SENT: True})
        _append(self._desk, self._state, self._events.dialect, self._bodies)
        told = {"applied": self._applied, "unchanged": self._unchanged}
        bad = sorted(self._bad, key=lambda row: row.number)
        self._state = self._desk.ledger.advance(self._state, self._next_row, **told, bad=bad)
        self._desk.moved(self._state)
        self._begin()


def _append(desk: Desk, state: FileImport, dialect: str, bodies: Sequence[tuple[bytes, int]]) -> None:
    """Give bodies to the log all at once, so that one sync of the disk does for them; wait for the last."""
    received = to_us(desk.clock())
    answers: SimpleQueue[int | Exception] = SimpleQueue()
    for body, count in bodies:
        desk.log.submit(Batch(received, state.stream, dialect, "batch", count, (), "", "", body), answers.put)
    for answer in [answers.get() for _ in bodies]:
        if isinstance(answer, Refused):  # by the log: no fault of the file, which goes on when it is opened anew
            raise Unavailable(answer.what, answer.hint, retry_after_s=60) from answer
        if isinstance(answer, Exception):
            raise answer
