"""Deliver the events since the last run: a window is fixed, its file written, its manifest, then it is closed.

What is in a file follows from the window alone, so a delivery that broke off anywhere is finished by running it again.
Before the last byte of a file is handed to the bucket its digests are noted in the ledger: whatever can be seen there
later is known, even if its text could not be made again, because the events were cleaned up or the encryption draws
new keys each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from footfall.errors import Conflict, Damaged, Refused
from footfall.model.files import MANIFEST_SUFFIX
from footfall.model.manifest import BYTES_MAX, DataFile, Fields
from footfall.model.window_manifest import JobManifest, Range
from footfall.model.windows import FIRST_SEQ, Window, Written
from footfall.ports import Bucket, Codec, EventText, Progress, Windows

MANIFEST_TYPE: Final = "application/json"


@dataclass(frozen=True, slots=True)
class WindowJob:
    """What is delivered and how it is called.

    name: in the ledger. kind: as manifests say. format: ``csv`` or ``json``. extension: of the text, without codec.
    stem: key of a window's file without extensions. header: see ``JobManifest``. options: for the manifest.
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


@dataclass(slots=True)
class _Text:
    """Text on its way to the codec, counted and digested as it passes."""

    source: EventText
    progress: Progress | None
    what: str
    rows: int = 0
    size_bytes: int = 0
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[memoryview | bytes]:
        for rows, text in self.source.chunks():
            self.rows += rows
            self._digest.update(text)
            self.size_bytes += memoryview(text).nbytes
            yield text
            if self.progress is not None:
                self.progress(self.what, self.rows, self.source.rows, "rows")


@dataclass(frozen=True, slots=True)
class _Delivery:
    job: WindowJob
    to: Outlet
    windows: Windows
    read: Callable[[Window], EventText]
    progress: Progress | None

    def deliver(self, window: Window) -> WindowDelivery | None:
        """Finish a window; None when it held nothing."""
        if window.written is None or not self._is_there(window.written):
            noted = self._write(window)
            if noted is None:
                self.windows.close(window)
                return None
            window = noted
        written = window.written
        if written is None:
            raise ValueError(f"window {window.number} of {window.job} has no file")
        key, sha256 = self._put_manifest(written, self._manifest(window, written))
        return _known(self.windows.close(window, key, sha256))

    # --- the file ----------------------------------------------------------------------------------------------

    def _is_there(self, written: Written) -> bool:
        """Is the object of an earlier try there, with the bytes that were noted?"""
        bucket = self.to.bucket
        try:
            stored = bucket.stat(written.key)
            if stored.size_bytes != written.file.size_bytes:
                return False
            if stored.sha256:
                return stored.sha256 == written.file.sha256
            digest = hashlib.sha256()
            for chunk in bucket.open(written.key):
                digest.update(chunk)
        except (KeyError, Refused):
            return False
        return digest.hexdigest() == written.file.sha256

    def _write(self, window: Window) -> Window | None:
        """Write the file; the window with what was noted of it, or None when there is nothing to write."""
        text = self.read(window)
        try:
            if not text.rows and not self.job.keep_empty:
                return None
            return self._put(window, text)
        finally:
            text.close()

    def _put(self, window: Window, source: EventText) -> Window:
        codec = self.to.codec
        bare = f"{self.job.stem(window)}.{self.job.extension}"
        key = f"{bare}{codec.extension}"
        text = _Text(source, self.progress, f"window {window.number} of {window.job}")
        columns = tuple((column.name, column.type) for column in source.columns)

        def note(size_bytes: int, sha256: str) -> None:
            name = key.rpartition("/")[2]
            file = DataFile(name, text.rows, size_bytes, sha256, text.size_bytes, text.sha256)
            self.windows.note(window, Written(key, file, columns))

        encoded = codec.encode(text, name=bare.rpartition("/")[2])
        try:
            stored = self.to.bucket.put(key, _noted(encoded, note), content_type=codec.content_type)
        except Conflict as conflict:
            # What was noted is not what is there, unless an earlier try wrote it to a place that we may not read.
            before = window.written
            if before is None or before.key != key or not self.job.unique or self._may_read(key):
                self.windows.note(window, None)
                hint = "Name the files by a finer timestamp, or deliver to another folder"
                raise Conflict(conflict.what, f"{conflict.hint}. {hint}" if conflict.hint else hint) from conflict
            return self.windows.note(window, before)
        known = self.windows.last(window.job)
        if known is None or known.written is None or known.written.file.size_bytes != stored.size_bytes:
            raise Damaged(f"{key} has {stored.size_bytes} bytes, which is not what was sent", "Run it again")
        return known

    def _may_read(self, key: str) -> bool:
        try:
            self.to.bucket.stat(key)
        except Refused:
            return False
        except KeyError:
            pass
        return True

    # --- the manifest ------------------------------------------------------------------------------------------

    def _manifest(self, window: Window, written: Written) -> JobManifest:
        job = self.job
        return JobManifest(
            kind=job.kind,
            job=job.name,
            format=job.format,
            codec=self.to.codec.name,
            at=window.at,
            columns=written.columns,
            files=(written.file,),
            writer=self.to.writer,
            # Windows that held nothing are part of the next that does, so that manifests have no gaps.
            window=Range(self.windows.delivered_to(job.name), window.to_seq),
            header=job.header,
            options=dict(job.options),
        )

    def _put_manifest(self, written: Written, manifest: JobManifest) -> tuple[str, str]:
        """Write the manifest; its key and the SHA-256 of what is there, which may be of an earlier try."""
        bare = written.key[: len(written.key) - len(self.to.codec.extension)]
        key, text, bucket = bare + MANIFEST_SUFFIX, manifest.to_json(), self.to.bucket
        try:
            return key, bucket.put(key, [text], content_type=MANIFEST_TYPE).sha256 or hashlib.sha256(text).hexdigest()
        except Conflict:
            try:
                found = b"".join(_limited(bucket.open(key)))
                if not manifest.same_delivery(JobManifest.from_fields(Fields.of(found))):
                    raise
                return key, hashlib.sha256(found).hexdigest()
            except (Refused, KeyError):
                if not self.job.unique:
                    raise
                return key, hashlib.sha256(text).hexdigest()


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


def _limited(chunks: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > BYTES_MAX:
            raise Damaged(f"the manifest is larger than {BYTES_MAX} bytes")
        yield chunk
