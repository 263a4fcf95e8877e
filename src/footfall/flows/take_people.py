"""Take files about users or accounts out of ``current/``, apply them, and move them to ``processed/``.

Nothing is taken before the marker, an empty file, is there. Then, for each file, steps of which each may be repeated:

1. It is applied as any import: once, on where it was after a crash (see the ``apply`` that is passed in).
2. A name in ``processed/`` is chosen that nothing has, and remembered with the import before anything is written.
3. It is copied there, and the copy compared with it.
4. What became of it is told.
5. It is deleted from ``current/``, if it is still the same one.

When every file is moved the marker follows. A crash anywhere leaves the file where it was, or there and here: the next
run goes on with the step that was missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from footfall import observe
from footfall.errors import Conflict, Damaged, Denied, Refused
from footfall.model.blaming import NO_FILES_FAULT
from footfall.model.imports import FileImport, FileVersion, import_id
from footfall.model.people_inbox import CURRENT, MOVED_TO, Marker, Taken, is_data, processed_key
from footfall.ports import Bucket, Imports, Stored

_TYPES = {True: "text/csv", False: "application/octet-stream"}


class Dated:
    """See ``Bucket``. A version tells a file that was put there again from the one before, though its bytes are the
    same: what was known of somebody may have changed in between, so it has to be applied again.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.url = bucket.url
        self.put = bucket.put

    def open(self, key: str, *, version: str = "") -> Iterator[bytes]:
        return self._bucket.open(key, version=version.partition(" ")[0])

    def stat(self, key: str) -> Stored:
        return _dated(self._bucket.stat(key))

    def list(self, prefix: str = "") -> Iterator[Stored]:
        return map(_dated, self._bucket.list(prefix))

    def delete(self, key: str, *, version: str = "") -> None:
        try:
            if version and self.stat(key).version != version:
                raise Conflict(f"{self.url}/{key} is another by now")
        except KeyError:
            return
        self._bucket.delete(key, version=version.partition(" ")[0])


def _dated(stored: Stored) -> Stored:
    """To the second: places that list finer instants tell no finer ones of a single object."""
    at = stored.modified_at
    return stored if at is None else replace(stored, version=f"{stored.version} {int(at.timestamp())}")


class _Replaced(Exception):
    """The file is another by now, or gone."""


class _NameTaken(Conflict):
    """Another file has the name already."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """What taking works with.

    bucket: the folder that has ``current/``, ``Dated``. scope: see ``FileImport``. marker: its name in ``current/``.
    unfinished: imports that broke off after their first row, oldest first. apply: applies a file once, or the rest of
    it; raises as ``flows.import_files.import_file``. tell: remembers what is to be told about a file, once however
    often it is called. beat: called every few seconds; raises when the work is to end.
    skip_bad_files: a file that cannot be read at all is moved like the others instead of stopping the job.
    """

    bucket: Bucket
    ledger: Imports
    scope: str
    marker: str
    unfinished: Callable[[], Sequence[FileImport]]
    apply: Callable[[FileVersion], FileImport]
    tell: Callable[[Taken], None]
    beat: Callable[[], None]
    skip_bad_files: bool = False


def marker_of(bucket: Bucket, name: str) -> Marker:
    """How the marker stands."""
    key = CURRENT + name
    try:
        stored = bucket.stat(key)
    except KeyError:
        return Marker(key, "missing")
    return Marker(key, "not_empty" if stored.size_bytes else "ready", stored.version)


def waiting_files(bucket: Bucket, marker: str) -> tuple[list[FileVersion], list[str]]:
    """(files that are to be taken, by name; keys of what else lies in ``current/``)."""
    found, others = [], []
    for stored in bucket.list(CURRENT):
        if is_data(stored.key, marker):
            found.append(FileVersion(stored.key, stored.version, stored.size_bytes, stored.modified_at))
        elif stored.key != CURRENT + marker:
            others.append(stored.key)
    return found, others


def take_people(inbox: Inbox) -> Iterator[Taken | Marker]:
    """Take what is there; tells each file when it is where it belongs, or the marker when there is none to be taken.

    A file that cannot be read stays in ``current/`` with the marker; the others are taken, then the first such error is
    raised. Raises ``Conflict`` when a file is another by now: it is taken by the next run.
    """
    for one in inbox.unfinished():
        yield _take(inbox, one.file)
    marker = marker_of(inbox.bucket, inbox.marker)
    if marker.state != "ready":
        observe.happened("folder not ready", job=inbox.scope, marker=marker.state)
        yield marker
        return
    failures: list[Damaged | Refused] = []
    files, others = waiting_files(inbox.bucket, inbox.marker)
    for file in files:
        inbox.beat()
        try:
            taken = _take(inbox, file)
        except NO_FILES_FAULT:
            raise
        except (Damaged, Refused) as error:
            left = _left_out(inbox, file, error)
            if left is None:
                failures.append(error)
                continue
            taken = left
        yield taken
    if others:
        observe.happened("what is no CSV stays in current/", job=inbox.scope, files=len(others))
    if failures:
        raise failures[0]
    later = {file.key for file in files}.intersection(file.key for file in waiting_files(inbox.bucket, inbox.marker)[0])
    if later:
        raise Conflict(f"{min(later)} was replaced while it was taken", "It is taken as it is then by the next run")
    _move_marker(inbox, marker)


def _take(inbox: Inbox, file: FileVersion) -> Taken:
    one = inbox.apply(file)
    moved_to = _copied(inbox, one)
    taken = Taken(file, one, moved_to)
    inbox.tell(taken)
    if moved_to:
        inbox.bucket.delete(file.key, version=file.version)
    observe.happened("file taken", job=inbox.scope, key=file.key, moved_to=moved_to)
    return taken


def _left_out(inbox: Inbox, file: FileVersion, error: Damaged | Refused) -> Taken | None:
    """Tell of a file that cannot be read; move it, too, where that is wanted. None when it stays."""
    one = inbox.ledger.known(inbox.scope, inbox.bucket.url, file)
    if one is not None and one.state != "failed":
        raise error  # it was applied: what went wrong is the moving
    failed = Taken(file, one, error=error.what.replace(f"{inbox.bucket.url}/", ""))
    if not inbox.skip_bad_files:
        inbox.tell(failed)
        return None
    observe.went_wrong("file left out", error, key=file.key, job=inbox.scope)
    own = one.id if one is not None else import_id(inbox.scope, inbox.bucket.url, file, 1)
    moved_to = ""
    for key in (processed_key(file.key), processed_key(file.key, own)):
        try:
            moved_to = _copy(inbox, file, key)
        except _NameTaken:
            continue
        except Denied:
            raise
        except (Damaged, Refused) as unmoved:
            observe.went_wrong("file cannot be moved", unmoved, key=file.key, job=inbox.scope)
            inbox.tell(failed)
            return None
        break
    taken = replace(failed, moved_to=moved_to)
    inbox.tell(taken)
    if moved_to:
        inbox.bucket.delete(file.key, version=file.version)
    return taken


def _copied(inbox: Inbox, one: FileImport) -> str:
    """Copy the file of an import; returns its key, or nothing when it is not there any more."""
    key = str(one.settings.get(MOVED_TO, ""))
    if not key:
        key = processed_key(one.file.key)
        if _is_there(inbox.bucket, key):
            key = processed_key(one.file.key, one.id)
        inbox.ledger.describe(one.id, {MOVED_TO: key})
    try:
        return _copy(inbox, one.file, key)
    except _NameTaken:  # somebody put a file there meanwhile
        other = processed_key(one.file.key, one.id)
        if key == other:
            raise
        inbox.ledger.describe(one.id, {MOVED_TO: other})
        return _copy(inbox, one.file, other)


def _copy(inbox: Inbox, file: FileVersion, key: str) -> str:
    """Returns the key when the copy is there and was compared, nothing when the file is another by now, or gone."""

    def read() -> Iterator[bytes]:
        try:
            yield from inbox.bucket.open(file.key, version=file.version)
        except (KeyError, Conflict) as error:
            raise _Replaced from error

    def chunks() -> Iterator[bytes]:
        for chunk in read():
            inbox.beat()  # a Conflict of it is about the slot, not the file
            yield chunk

    try:
        stored = inbox.bucket.put(key, chunks(), content_type=_TYPES[key.endswith(".csv")])
    except _Replaced:
        observe.happened("a file was replaced or taken away before it was moved", key=file.key, job=inbox.scope)
        return ""
    except Conflict as error:
        if _is_there(inbox.bucket, key):
            raise _NameTaken(error.what, error.hint) from error
        raise  # the slot is somebody else's
    there = inbox.bucket.stat(key)
    same = there.size_bytes == stored.size_bytes == file.size_bytes and there.sha256 in ("", stored.sha256)
    if not same:
        raise Damaged(f"{key} is not what {file.key} is", f"Look at both; {file.key} was left where it is")
    return key


def _move_marker(inbox: Inbox, marker: Marker) -> None:
    """Last of all. One that was written anew meanwhile says that there is more, and stays for the next run."""
    key = processed_key(marker.key)
    try:
        inbox.bucket.put(key, [b""], content_type=_TYPES[False])
    except Conflict:  # what is called so there is no marker
        inbox.bucket.put(processed_key(marker.key, "empty"), [b""], content_type=_TYPES[False])
    try:
        inbox.bucket.delete(marker.key, version=marker.version)
    except Conflict:
        observe.happened("a marker came while files were taken", job=inbox.scope)


def _is_there(bucket: Bucket, key: str) -> bool:
    try:
        bucket.stat(key)
    except KeyError:
        return False
    return True
