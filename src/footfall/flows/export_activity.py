"""Deliver the events since the last run: a window is fixed, its file written, its manifest, then it is closed.

What is in a file follows from the window alone, so a delivery that broke off anywhere is finished by running it again.
Before the last byte of a file is handed to the bucket its manifest is noted in the ledger: whatever can be seen there
later is known, even if its text could not be made again, because the events were cleaned up or the encryption draws
new keys each time. Where that does not help, a file that is encrypted again has a name of its own, see ``first_free``.
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
from footfall.model.manifest import DataFile
from footfall.model.passing import Text, first_free, mark_of
from footfall.model.window_manifest import JobManifest, Range, read_manifest
from footfall.model.windows import FIRST_SEQ, Window, Written
from footfall.ports import Bucket, Codec, Column, EventText, Progress, Windows

MANIFEST_TYPE: Final = "application/json"
_HINT: Final = "Name the files by a finer timestamp, or deliver to another folder"


@dataclass(frozen=True, slots=True)
class WindowJob:
    """What is delivered and how it is called.

    name: in the ledger. kind: as manifests say. format: ``csv`` or ``json``. extension: of the text, without codec.
    stem: key of a window's file without extensions. apart: key of its manifest without extensions, where it is not
    beside the file; then the file lies below the manifest's folder, where ``key`` says, see ``model.key_templates``.
    header: see ``JobManifest``. options: for the manifest.
    keep_empty: a window without events is a file too. unique: nothing but this job writes keys like its own.
    events_max: of ``ingest_seq`` that one window covers; None for any number.
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
    apart: Callable[[Window], str] | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where files go. writer: who writes, for the manifest."""

    bucket: Bucket
    codec: Codec
    writer: str


@dataclass(frozen=True, slots=True)
class WindowDelivery:
    """One window that was delivered. key: of the data file; size_bytes: of it as stored."""

    job: str
    number: int
    from_seq: int
    to_seq: int
    rows: int
    size_bytes: int
    key: str
    manifest_key: str


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
    """Yield each window up to ``end`` when its manifest is written and it is closed.

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
        if window.closed:
            delivered = _known(window)
        else:
            delivered = _Delivery(job, to, windows, read, progress).deliver(window)
        if delivered is not None:
            yield delivered
        if window.mark == mark and (mark or window.to_seq >= end):
            return


def _known(window: Window) -> WindowDelivery | None:
    """What a closed window was delivered as."""
    written = window.written
    if written is None or not window.manifest_key:
        return None
    return WindowDelivery(
        window.job, window.number, window.from_seq, window.to_seq, written.file.rows, written.file.size_bytes,
        written.key, window.manifest_key,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Delivery:
    job: WindowJob
    to: Outlet
    windows: Windows
    read: Callable[[Window], EventText]
    progress: Progress | None

    def deliver(self, window: Window) -> WindowDelivery | None:
        """Finish a window; None when it held nothing."""
        written = self._left(window) or self._write(window)
        if written is None:
            self.windows.close(replace(window, written=None))
            return None
        written, sha256 = self._put_manifest(window, written)
        return _known(self.windows.close(replace(window, written=written), written.manifest_key, sha256))

    # --- the file ----------------------------------------------------------------------------------------------

    def _left(self, window: Window) -> Written | None:
        """The file of an earlier try, if it is there; where one may not look, if the place has said so."""
        written = window.written
        if written is None or written.place != self.to.bucket.url:
            return None
        try:
            return written if self._holds(written) else None
        except Refused:
            return written if written.stored else None

    def _holds(self, written: Written) -> bool:
        """Are the bytes that were noted there? Raises ``Refused`` where one may not look."""
        bucket, file = self.to.bucket, written.file
        try:
            stored = bucket.stat(written.key)
            if stored.size_bytes != file.size_bytes:
                return False
            if stored.sha256:
                return stored.sha256 == file.sha256
            digest = hashlib.sha256()
            for chunk in bucket.open(written.key):
                digest.update(chunk)
        except KeyError:
            return False
        return digest.hexdigest() == file.sha256

    def _write(self, window: Window) -> Written | None:
        """Write the file, or find the one that is delivered already; None when there is nothing to write."""
        if self.to.codec.repeatable:
            return self._put(window, 1)
        manifest_key = self._manifest_key(window)
        try:
            found, _ = read_manifest(self.to.bucket.open(manifest_key))
        except (KeyError, Refused, Damaged):
            return first_free(lambda attempt: self._taken(window, attempt), lambda attempt: self._put(window, attempt))
        return self._delivered_before(window, manifest_key, found)

    def _put(self, window: Window, attempt: int) -> Written | None:
        codec, key = self.to.codec, self._key(window, attempt)
        written: Written | None = None
        with closing(self.read(window)) as source:
            if not source.rows and not self.job.keep_empty:
                return None
            text = self._text(window, source)

            def note(size_bytes: int, sha256: str) -> None:
                nonlocal written
                below = key.removeprefix(_folder(self._manifest_key(window)))
                file = text.file(below, codec.name, size_bytes, sha256)
                manifest = self._manifest(window, source.columns, file)
                written = Written(self.to.bucket.url, key, self._manifest_key(window), manifest)
                self.windows.note(window, written)

            encoded = codec.encode(text, name=_name(self._bare(window, attempt)))
            try:
                stored = self.to.bucket.put(key, _noted(encoded, note), content_type=codec.content_type)
            except Conflict as conflict:
                return self._not_ours(window, key, conflict)
        if written is None or written.file.size_bytes != stored.size_bytes:
            raise Damaged(f"{key} has {stored.size_bytes} bytes, which is not what was sent", "Run it again")
        return self.windows.note(window, replace(written, stored=True)).written

    def _not_ours(self, window: Window, key: str, conflict: Conflict) -> Written | None:
        """What is there is not what was noted, unless an earlier try wrote it to a place that we may not read."""
        before = window.written
        same = before is not None and (before.place, before.key) == (self.to.bucket.url, key)
        if same and self.to.codec.repeatable and self.job.unique and not self._may_read(key):
            return self.windows.note(window, before).written
        self.windows.note(window, None)
        raise _advised(conflict) from conflict

    def _delivered_before(self, window: Window, manifest_key: str, found: object) -> Written | None:
        """The file that ``found`` names, if it describes the text of this window and the file is there."""
        with closing(self.read(window)) as source:
            if not source.rows and not self.job.keep_empty:
                return None
            text = self._text(window, source)
            for _ in text:
                pass
            if isinstance(found, JobManifest) and len(found.files) == 1:
                [file] = found.files
                ours = text.file(file.name, self.to.codec.name, file.size_bytes, file.sha256)
                if self._manifest(window, source.columns, ours).same_delivery(found):
                    return self._named(manifest_key, found)
        taken = Conflict(f"{self.to.bucket.url}/{manifest_key} is already there and describes something else")
        raise _advised(taken)

    def _named(self, manifest_key: str, found: JobManifest) -> Written:
        """The file that a manifest which is there names. Raises ``Conflict`` when it is gone."""
        written = Written(
            self.to.bucket.url, _folder(manifest_key) + found.files[0].name, manifest_key, found, stored=True
        )
        try:
            there = self._holds(written)
        except Refused:
            there = True
        if not there:
            what = f"{self.to.bucket.url}/{written.key} is gone, though its manifest is there"
            raise Conflict(what, "Encrypted bytes cannot be made again; deliver to another folder")
        return written

    def _taken(self, window: Window, attempt: int) -> bool:
        try:
            self.to.bucket.stat(self._key(window, attempt))
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

    def _bare(self, window: Window, attempt: int = 1) -> str:
        return f"{self.job.stem(window)}{mark_of(attempt)}.{self.job.extension}"

    def _key(self, window: Window, attempt: int) -> str:
        return self._bare(window, attempt) + self.to.codec.extension

    def _manifest_key(self, window: Window) -> str:
        stem = self.job.apart or self.job.stem
        return f"{stem(window)}.{self.job.extension}{MANIFEST_SUFFIX}"

    def _text(self, window: Window, source: EventText) -> Text:
        def say(rows: int) -> None:
            if self.progress is not None:
                self.progress(f"window {window.number} of {window.job}", rows, source.rows, "rows")

        return Text(source.chunks(), say)

    # --- the manifest ------------------------------------------------------------------------------------------

    def _manifest(self, window: Window, columns: Iterable[Column], file: DataFile) -> JobManifest:
        job = self.job
        return JobManifest(
            kind=job.kind,
            job=job.name,
            format=job.format,
            codec=self.to.codec.name,
            at=window.at,
            columns=tuple((column.name, column.type) for column in columns),
            files=(file,),
            writer=self.to.writer,
            # Windows that held nothing are part of the next that does, so that manifests have no gaps.
            window=Range(self.windows.delivered_to(job.name), window.to_seq),
            header=job.header,
            options=dict(job.options),
            key=job.key,
        )

    def _put_manifest(self, window: Window, written: Written) -> tuple[Written, str]:
        """Write the manifest; the file that counts and the SHA-256 of what is there, which may be of an earlier try."""
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


def _folder(key: str) -> str:
    return key[: key.rfind("/") + 1]


def _advised(conflict: Conflict) -> Conflict:
    """Say what to do about a name that is taken by other bytes."""
    return Conflict(conflict.what, f"{conflict.hint}. {_HINT}" if conflict.hint else _HINT)


def _noted(chunks: Iterable[bytes], note: Callable[[int, str], None]) -> Iterator[bytes]:
    """The chunks; before the last one is given, ``note`` is told the size and SHA-256 of them all.

    A bucket shows an object only when it has all of it, so what was noted comes before what can be seen.
    """
    digest, size = hashlib.sha256(), 0
    held: bytes | None = None
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        if held is not None:
            yield held
        held = chunk
    note(size, digest.hexdigest())
    if held is not None:
        yield held
