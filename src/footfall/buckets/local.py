"""A folder as a bucket: written beside, synced, linked into place, so that no reader ever sees half a file."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from footfall import disk
from footfall.buckets.keys import check_key
from footfall.buckets.read_back import CHUNK_BYTES, ReadBack
from footfall.errors import Conflict, Damaged, Denied, FootfallError, Refused, Unavailable
from footfall.ports import Stored

_DRAFT_SUFFIX: Final = ".footfall-draft"
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_UNNAMED: Final = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT})


class LocalBucket:
    """See ``Bucket``. Keys are paths under ``root``; a symbolic link below ``root`` is never followed.

    A draft has no name until it is complete (``O_TMPFILE``), so even ``kill -9`` leaves nothing behind; file systems
    without that get a hidden draft file, which ``list`` does not show and which only a kill can leave behind.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._durable: set[tuple[str, ...]] = set()  # folders whose names we know to be on the disk
        self.url = str(self._root)

    def put(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> Stored:
        """See ``Bucket.put``. A folder has no place for ``content_type``."""
        *folders, name = check_key(key)
        with ExitStack() as stack:
            with self._translated(key, writing=True):
                folder = stack.enter_context(self._folder(folders, create=True))
                draft, hidden = _draft(folder, name, stack)
                there = stack.enter_context(ReadBack(draft))
            # Only our own calls are translated: what ``chunks`` raises is not about this place.
            digest, size = hashlib.sha256(), 0
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                with self._translated(key, writing=True):
                    _write(draft, chunk)
                    there.written(size)
            stored = Stored(key, size, digest.hexdigest())
            with self._translated(key, writing=True):
                os.fsync(draft)
                if there.finish() != (stored.sha256, stored.size_bytes):
                    raise Damaged(f"{key}: the disk gave back other bytes than were written", "Check the disk")
                self._publish(folder, draft, hidden, name, stored)
        return stored

    def _publish(self, folder: int, draft: int, hidden: str | None, name: str, stored: Stored) -> None:
        """Give the draft its name unless the name is taken. ``link`` never replaces, ``rename`` would."""
        try:
            if hidden is None:
                os.link(f"/proc/self/fd/{draft}", name, dst_dir_fd=folder, follow_symlinks=True)
            else:
                os.link(hidden, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            there = _open_file(folder, name)
            try:
                digest, size = _digest(there)
            finally:
                os.close(there)
            if (digest, size) != (stored.sha256, stored.size_bytes):
                raise Conflict(f"{self.url}/{stored.key} is already there and holds other bytes") from None
        # Also when it was there: the writer before us may have died between link and fsync.
        os.fsync(folder)

    def open(self, key: str, *, version: str = "") -> Iterator[bytes]:
        """Yield the object in chunks; ``KeyError`` comes at once, not with the first chunk."""
        *folders, name = check_key(key)
        with self._translated(key), self._folder(folders) as folder:
            file = _open_file(folder, name)
        return self._chunks(key, file, version)

    def _chunks(self, key: str, file: int, version: str) -> Iterator[bytes]:
        with self._translated(key), os.fdopen(file, "rb", buffering=0) as reader:
            self._require(key, file, version)
            while chunk := reader.read(CHUNK_BYTES):
                yield chunk
            # Others may write in place, which we never do: only now is it sure that nobody did meanwhile.
            self._require(key, file, version)

    def _require(self, key: str, file: int, version: str) -> None:
        if version and _version(os.fstat(file)) != version:
            raise Conflict(f"{self.url}/{key} changed while it was read", "Read it again when nobody writes to it")

    def stat(self, key: str) -> Stored:
        """See ``Bucket.stat``. A folder keeps no digest, so ``sha256`` is empty."""
        *folders, name = check_key(key)
        with self._translated(key), self._folder(folders) as folder:
            file = _open_file(folder, name)
            try:
                return _stored(key, os.fstat(file))
            finally:
                os.close(file)

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """See ``Bucket.list``. Hidden files and symbolic links are not objects."""
        with self._translated(prefix):
            if self._root.is_dir():
                yield from _walk(self._root, "", prefix)

    def delete(self, key: str, *, version: str = "") -> None:
        """See ``Bucket.delete``. A folder is asked for the version right before."""
        *folders, name = check_key(key)
        with suppress(KeyError), self._translated(key), self._folder(folders) as folder:
            if version:
                file = _open_file(folder, name)
                try:
                    self._require(key, file, version)
                finally:
                    os.close(file)
            os.unlink(name, dir_fd=folder)
            os.fsync(folder)

    @contextmanager
    def _folder(self, names: Sequence[str], *, create: bool = False) -> Iterator[int]:
        """Open the folder ``names`` below the root step by step, so that no step can lead elsewhere."""
        if create and not (() in self._durable and self._root.is_dir()):
            disk.make_folder(self._root)
            self._durable = {()}
        # The root itself may be a link: that is the user's own choice of place.
        folder = os.open(self._root, _DIRECTORY & ~os.O_NOFOLLOW)
        try:
            for depth, name in enumerate(names, 1):
                if create:
                    self._make(name, folder, tuple(names[:depth]))
                inner = os.open(name, _DIRECTORY, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)

    def _make(self, name: str, folder: int, path: tuple[str, ...]) -> None:
        try:
            os.mkdir(name, dir_fd=folder)
        except FileExistsError:
            if path in self._durable:
                return  # else who made it may have died before its sync
        os.fsync(folder)
        self._durable.add(path)

    @contextmanager
    def _translated(self, key: str, *, writing: bool = False) -> Iterator[None]:
        try:
            yield
        except FootfallError:
            raise
        except FileNotFoundError as error:
            if not writing:
                raise KeyError(key) from None
            raise self._error(key, error) from error
        except OSError as error:
            raise self._error(key, error) from error

    def _error(self, key: str, error: OSError) -> FootfallError:
        what = f"{self.url}/{key}: {error.strerror}"
        if error.errno in _NO_ROOM:
            return Unavailable(what, "Free some space on that disk; nothing was left half written", retry_after_s=30)
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EISDIR):
            return Refused(what, "Footfall follows no symbolic links below a destination and writes only plain files")
        if error.errno in (errno.EACCES, errno.EPERM):
            # Also of one file in a folder that is open: whether it may be read says nothing of what is in it, and who
            # leaves out bad files must not go past one that is to be read as soon as somebody permits it.
            return Denied(what, "Let the user that runs Footfall read and write there, or only read to import")
        if error.errno == errno.EROFS:
            return Refused(what, "Name a folder on a file system that can be written to")
        if error.errno == errno.ENOENT:
            return Unavailable(what, "Name a folder that can be made there, and that nobody removes", retry_after_s=30)
        return Unavailable(what, "Check the disk", retry_after_s=30)


def _draft(folder: int, name: str, stack: ExitStack) -> tuple[int, str | None]:
    """A file to write to: (descriptor, its hidden name or None when it has none). ``stack`` takes it away again."""
    unnamed = getattr(os, "O_TMPFILE", None)
    if unnamed is not None and os.path.isdir("/proc/self/fd"):
        try:
            draft = os.open(".", os.O_RDWR | unnamed | os.O_CLOEXEC, 0o644, dir_fd=folder)
        except OSError as error:
            if error.errno not in _NO_UNNAMED:
                raise
        else:
            stack.callback(os.close, draft)
            return draft, None
    hidden = f".{name[:100]}.{secrets.token_hex(8)}{_DRAFT_SUFFIX}"
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    draft = os.open(hidden, flags, 0o644, dir_fd=folder)
    stack.callback(os.close, draft)
    stack.callback(os.unlink, hidden, dir_fd=folder)
    return draft, hidden


def _write(file: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(file, rest) :]


def _digest(file: int) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while chunk := os.pread(file, CHUNK_BYTES, size):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def _open_file(folder: int, name: str) -> int:
    # O_NONBLOCK: opening a named pipe that somebody put there must not wait for a writer.
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    if not os.path.isfile(file):
        os.close(file)
        raise IsADirectoryError(errno.EISDIR, "not a plain file")
    return file


def _walk(folder: Path, path: str, prefix: str) -> Iterator[Stored]:
    """Objects below ``folder`` whose keys (``path`` + name) begin with ``prefix``, in the order of their bytes."""
    names: list[bytes] = []  # and nothing else of them: there may be a million
    with os.scandir(folder) as found:
        for entry in found:
            is_folder = entry.is_dir(follow_symlinks=False)
            if not entry.name.startswith(".") and (is_folder or entry.is_file(follow_symlinks=False)):
                # A folder sorts as its keys do, with the slash: "a.b" < "a/b" < "a0".
                names.append(os.fsencode(entry.name + "/" * is_folder))
    names.sort()
    for name in map(os.fsdecode, names):
        key = path + name
        if name.endswith("/"):
            if key.startswith(prefix) or prefix.startswith(key):
                yield from _walk(folder / name, key, prefix)
        elif key.startswith(prefix):
            yield _stored(key, os.lstat(f"{folder}/{name}"))


def _stored(key: str, found: os.stat_result) -> Stored:
    modified_at = _EPOCH + timedelta(microseconds=found.st_mtime_ns // 1000)
    return Stored(key, found.st_size, version=_version(found), modified_at=modified_at)


def _version(found: os.stat_result) -> str:
    """A file that is replaced is another inode; one that is written in place has another time or size."""
    return f"{found.st_mtime_ns:x}-{found.st_ino:x}-{found.st_size:x}"
