"""Deliver the events since the last run: a window is fixed, its files written, its manifest, then it is closed.

What is in a file follows from the window alone, so a delivery that broke off anywhere is finished by running it again.
A window is one file, or, by the key, one for each combination of texts; they are written one after the other. Before
the last byte of each is handed to the bucket it is noted in the ledger: whatever can be seen there later is known, even
if its text could not be made again, because the events were cleaned up or the encryption draws new keys each time.
Where that does not help, a file that is encrypted again has a name of its own, see ``first_free``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from footfall.errors import Conflict, Damaged, Refused, Unavailable
from footfall.model.files import MANIFEST_SUFFIX
from footfall.model.manifest import Columns, DataFile, FilePart, Manifest
from footfall.model.passing import UNCHANGED, Text, first_free, mark_of, noted
from footfall.model.window_manifest import JobManifest, Range, read_manifest
from footfall.model.windows import FIRST_SEQ, Window, Written
from footfall.ports import Bucket, Codec, Column, EventText, Progress, Windows

MANIFEST_TYPE: Final = "application/json"
_HINT: Final = "Name the files by a finer timestamp, or deliver to another folder"


@dataclass(frozen=True, slots=True)
class WindowJob:
    """What is delivered and how it is called.

    name: in the ledger. kind: as manifests say. format: ``csv`` or ``json``. extension: of the text, without codec.
    stem: usual key of a window's file and its manifest, without extensions. keyed: that of each file, where the
    template ``key`` says; then the manifest has its usual name without folders. See ``model.key_templates``.
    header: see ``JobManifest``. options: for the manifest.
    keep_empty: a window without events is a file too. unique: nothing but this job writes keys like its own.
    events_max: of ``ingest_seq`` that one window covers; None for any number.
    privacy: what is hidden, for the manifest.
    """

    name: str
    kind: str
    format: str
    extension: str
    stem: Callable[[Window], str]
    header: bool = True
    options: Mapping[str, str] = field(default_factory=dict)
    keep_empty: bool = False
    unique: bool = False
    events_max: int | None = None
    keyed: Callable[[Window, FilePart], str] | None = None
    key: str = ""
    privacy: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where files go. writer: who writes, for the manifest."""

    bucket: Bucket
    codec: Codec
    writer: str


@dataclass(frozen=True, slots=True)
class WindowDelivery:
    """One file of a window that was delivered, when all of them were.

    key: of the data file; of the manifest if the window was to be divided and has no rows. size_bytes: of the data file
    as stored. part: which events of the window are in it, see ``DataFile``.
    """

    job: str
    number: int
    from_seq: int
    to_seq: int
    rows: int
    size_bytes: int
    key: str
    manifest_key: str
    part: FilePart = ()


def deliver_windows(
    job: WindowJob,
    to: Outlet,
    *,
    windows: Windows,
    read: Callable[[Window], EventText],
    end: int,
    at: datetime,
    mark: str = "",
    progress: Progress | None = None,
) -> Iterator[WindowDelivery]:
    """Yield the files of each window up to ``end`` when its manifest is written and it is closed.

    end: first ingest_seq that is not part of it. at: names the files of a window that is fixed now. mark: one window
    for each, even if it is empty and then asked for again; without one, nothing new means nothing is delivered.
    A window that an earlier run left open is delivered first, as it was fixed then.

    Raises ``Conflict`` when a name is taken by other bytes, and whatever the bucket raises.
    """
    while True:
        last = windows.last(job.name)
        begin = FIRST_SEQ if last is None else last.to_seq
        if (last is None or last.closed) and begin >= end and not mark:
            return
        limit = end if job.events_max is None else min(end, begin + job.events_max)
        window = windows.fix(job.name, limit, at, mark)
        if not window.closed:
            window = _Delivery(job, to, windows, read, progress).deliver(window)
        yield from _known(window)
        if window.mark == mark and (mark or window.to_seq >= end):
            return


def _known(window: Window) -> Iterator[WindowDelivery]:
    """What a closed window was delivered as."""
    written = window.written
    if written is None or not window.manifest_key:
        return
    what = (window.job, window.number, window.from_seq, window.to_seq)
    for file in written.files:
        yield WindowDelivery(*what, file.rows, file.size_bytes, written.key(file), window.manifest_key, file.part)
    if not written.files:
        yield WindowDelivery(*what, 0, 0, window.manifest_key, window.manifest_key)


@dataclass(frozen=True, slots=True)
class _File:
    """A file that is to be written. last: of its window."""

    part: FilePart
    columns: Columns
    last: bool


@dataclass(frozen=True, slots=True)
class _Delivery:
    job: WindowJob
    to: Outlet
    windows: Windows
    read: Callable[[Window], EventText]
    progress: Progress | None

    def deliver(self, window: Window) -> Window:
        """Finish a window and close it."""
        written = self._left(window)
        if written is None or not written.whole:
            written = self._write(window, written)
        if written is None:
            return self.windows.close(replace(window, written=None))
        written, sha256 = self._put_manifest(window, written)
        return self.windows.close(replace(window, written=written), written.manifest_key, sha256)

    # --- the files ---------------------------------------------------------------------------------------------

    def _left(self, window: Window) -> Written | None:
        """The files of an earlier try that are there; where one may not look, those of which the place has said so."""
        written = window.written
        if written is None or written.place != self.to.bucket.url:
            return None
        there = []
        for place, file in enumerate(written.files):
            try:
                kept = self._holds(written, file)
            except Refused:
                kept = place < written.stored
            there += [file] if kept else []
        return written if len(there) == len(written.files) else written.holding(tuple(there)) if there else None

    def _holds(self, written: Written, file: DataFile) -> bool:
        """Are the bytes that were noted there? Raises ``Refused`` where one may not look."""
        bucket, key = self.to.bucket, written.key(file)
        try:
            stored = bucket.stat(key)
            if stored.size_bytes != file.size_bytes:
                return False
            if stored.sha256:
                return stored.sha256 == file.sha256
            digest = hashlib.sha256()
            for chunk in bucket.open(key):
                digest.update(chunk)
        except KeyError:
            return False
        return digest.hexdigest() == file.sha256

    def _write(self, window: Window, left: Written | None) -> Written | None:
        """Write the files that are not there yet, or find those that are delivered already; None when there is nothing
        to write."""
        manifest_key = self._manifest_key(window)
        found = None if self.to.codec.repeatable else self._manifest_there(manifest_key)
        with closing(self.read(window)) as source:
            written = Written(self.to.bucket.url, manifest_key, self._manifest(window, source.columns, ()), whole=False)
            if left is not None and _goes_on(left.manifest, written.manifest):
                written = left
            if not source.rows and not written.files and not self.job.keep_empty:
                return None
            if found is not None:
                return self._delivered_before(window, source, manifest_key, found)
            missing = [part for part in source.parts if part not in {file.part for file in written.files}]
            for nth, part in enumerate(missing, 1):
                file = _File(part, _told(source.columns), last=nth == len(missing))
                written = self._put_file(window, source, file, written)
        return replace(written, whole=True)

    def _put_file(self, window: Window, source: EventText, file: _File, written: Written) -> Written:
        if self.to.codec.repeatable:
            return self._put(window, source, file, written, 1)
        return first_free(
            lambda attempt: self._taken(self._key(window, file.part, attempt)),
            lambda attempt: self._put(window, source, file, written, attempt),
        )

    def _put(self, window: Window, source: EventText, file: _File, before: Written, attempt: int) -> Written:
        codec, key = self.to.codec, self._key(window, file.part, attempt)
        text = self._text(window, source, file.part, before.rows)
        written = before

        def note(size_bytes: int, sha256: str) -> None:
            nonlocal written
            data = text.file(key.removeprefix(before.folder), codec.name, size_bytes, sha256)
            written = before.plus(replace(data, part=file.part), file.columns, whole=file.last)
            self.windows.note(window, written)

        encoded = codec.encode(text, name=_name(self._bare(window, file.part, attempt)))
        try:
            passed = text if codec.name == UNCHANGED else None
            stored = self.to.bucket.put(key, noted(encoded, note, passed=passed), content_type=codec.content_type)
        except Conflict as conflict:
            return self._not_ours(window, file, key, before, conflict)
        data = written.files[-1] if written is not before else None
        if data is None or data.size_bytes != stored.size_bytes or stored.sha256 not in ("", data.sha256):
            raise Damaged(f"{key} has {stored.size_bytes} bytes, which is not what was sent", "Run it again")
        return self._stored(window, written)

    def _stored(self, window: Window, written: Written) -> Written:
        """Note that the place has said that it has all files so far."""
        written = replace(written, stored=len(written.files))
        self.windows.note(window, written)
        return written

    def _not_ours(self, window: Window, file: _File, key: str, before: Written, conflict: Conflict) -> Written:
        """What is there is not what was noted, unless an earlier try wrote it to a place that we may not read."""
        earlier = window.written
        if earlier is not None and earlier.place == before.place and self.to.codec.repeatable and self.job.unique:
            for data in earlier.files:
                if earlier.key(data) == key and not self._may_read(key):
                    return self._stored(window, before.plus(data, earlier.manifest.columns_of(data), whole=file.last))
        self.windows.note(window, before if before.files else None)
        raise _advised(conflict) from conflict

    def _manifest_there(self, key: str) -> Manifest | JobManifest | None:
        try:
            return read_manifest(self.to.bucket.open(key))[0]
        except (KeyError, Refused, Damaged):
            return None

    def _delivered_before(
        self, window: Window, source: EventText, manifest_key: str, found: Manifest | JobManifest
    ) -> Written:
        """The files that ``found`` names, if it describes the texts of this window and they are there."""
        if isinstance(found, JobManifest) and [file.part for file in found.files] == list(source.parts):
            ours = tuple(self._again(window, source, file) for file in found.files)
            if self._manifest(window, source.columns, ours).same_delivery(found):
                return self._named(manifest_key, found)
        taken = Conflict(f"{self.to.bucket.url}/{manifest_key} is already there and describes something else")
        raise _advised(taken)

    def _again(self, window: Window, source: EventText, stored: DataFile) -> DataFile:
        """What a manifest would say of a file, had it been stored as ``stored``."""
        text = self._text(window, source, stored.part, 0)
        for _ in text:
            pass
        ours = text.file(stored.name, self.to.codec.name, stored.size_bytes, stored.sha256)
        return replace(ours, part=stored.part)

    def _named(self, manifest_key: str, found: JobManifest) -> Written:
        """The files that a manifest which is there names. Raises ``Conflict`` when one is gone."""
        written = Written(self.to.bucket.url, manifest_key, found, stored=len(found.files))
        for file in found.files:
            try:
                there = self._holds(written, file)
            except Refused:
                there = True
            if not there:
                what = f"{self.to.bucket.url}/{written.key(file)} is gone, though its manifest is there"
                raise Conflict(what, "Encrypted bytes cannot be made again; deliver to another folder")
        return written

    def _taken(self, key: str) -> bool:
        try:
            self.to.bucket.stat(key)
        except (KeyError, Refused):
            return False
        return True

    def _may_read(self, key: str) -> bool:
        try:
            self.to.bucket.stat(key)
        except Refused:
            return False
        except KeyError:
            pass
        return True

    # --- names and texts ---------------------------------------------------------------------------------------

    def _bare(self, window: Window, part: FilePart, attempt: int) -> str:
        job = self.job
        stem = job.stem(window) if job.keyed is None else job.keyed(window, part)
        return f"{stem}{mark_of(attempt)}.{job.extension}"

    def _key(self, window: Window, part: FilePart, attempt: int) -> str:
        return self._bare(window, part, attempt) + self.to.codec.extension

    def _manifest_key(self, window: Window) -> str:
        stem = self.job.stem(window)
        return f"{stem if self.job.keyed is None else _name(stem)}.{self.job.extension}{MANIFEST_SUFFIX}"

    def _text(self, window: Window, source: EventText, part: FilePart, before: int) -> Text:
        """before: rows of the files before it."""

        def say(rows: int) -> None:
            if self.progress is not None:
                self.progress(f"window {window.number} of {window.job}", before + rows, source.rows, "rows")

        return Text(source.chunks(part), say)

    # --- the manifest ------------------------------------------------------------------------------------------

    def _manifest(self, window: Window, columns: Iterable[Column], files: tuple[DataFile, ...]) -> JobManifest:
        job = self.job
        return JobManifest(
            kind=job.kind,
            job=job.name,
            format=job.format,
            codec=self.to.codec.name,
            at=window.at,
            columns=_told(columns),
            files=files,
            writer=self.to.writer,
            # Windows that held nothing are part of the next that does, so that manifests have no gaps.
            window=Range(self.windows.delivered_to(job.name), window.to_seq),
            header=job.header,
            options=dict(job.options),
            key=job.key,
            privacy=self.job.privacy,
        )

    def _put_manifest(self, window: Window, written: Written) -> tuple[Written, str]:
        """Write the manifest; the files that count and the SHA-256 of what is there, which may be of an earlier try."""
        key, text, bucket = written.manifest_key, written.manifest.to_json(), self.to.bucket
        digest = hashlib.sha256(text).hexdigest()
        try:
            return written, bucket.put(key, [text], content_type=MANIFEST_TYPE).sha256 or digest
        except Conflict as conflict:
            try:
                found, sha256 = read_manifest(bucket.open(key))
            except KeyError as gone:
                what = f"{bucket.url}/{key} was said to be there, and is not"
                raise Unavailable(what, "Check the network and the server") from gone
            except Refused:
                if self.job.unique:
                    return written, digest
            except Damaged:
                pass
            else:
                if isinstance(found, JobManifest):
                    if written.manifest.same_delivery(found):
                        return replace(written, manifest=found), sha256
                    if not self.to.codec.repeatable and written.manifest.same_text(found):
                        return self._named(key, found), sha256
            self.windows.note(window, None)
            raise _advised(conflict) from conflict


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _told(columns: Iterable[Column]) -> Columns:
    return tuple((column.name, column.type) for column in columns)


def _goes_on(left: JobManifest, ours: JobManifest) -> bool:
    """Are files that an earlier try left of the same delivery, whatever columns and writer it had?"""
    same = replace(left, files=(), columns=ours.columns, columns_of_files={})
    return ours.same_delivery(same)


def _advised(conflict: Conflict) -> Conflict:
    """Say what to do about a name that is taken by other bytes."""
    return Conflict(conflict.what, f"{conflict.hint}. {_HINT}" if conflict.hint else _HINT)
