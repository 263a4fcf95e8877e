"""``ports.Snapshots``: the digests of a file's rows in a table on the disk.

A table has a power of two slots of 16 bytes, at most two thirds of them taken; a digest lies in the first free slot
from where its own first bits point to. It is mapped, not read, so the memory it takes is the system's to take back.
"""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Final

from footfall import disk
from footfall.errors import Damaged, Unavailable

DIGEST_BYTES: Final = 16
_FIRST_SLOTS: Final = 1 << 12
_FREE: Final = bytes(DIGEST_BYTES)
_SUFFIX: Final = ".rows"


class FolderSnapshots:
    """See ``ports.Snapshots``. folder: made when something is first compared.

    That two rows have one digest of 128 bits happens once in 10^20 comparisons of files of 10 million rows.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def compare(self, id: str, before: str) -> _Comparison:
        with _translated(self._folder):
            disk.make_folder(self._folder, 0o700)
            old = None
            if before:
                path = self._path(before)
                if not path.exists():
                    raise Damaged(
                        f"{path}: the rows of the file before are not there",
                        "Import the next file without diff, then with it again",
                    )
                old = _Table.open(path)
            draft = self._folder / f".{id}{_SUFFIX}"
            return _Comparison(_Table.new(draft), old, self._path(id))

    def drop(self, id: str) -> None:
        with _translated(self._folder):
            self._path(id).unlink(missing_ok=True)

    def names(self) -> Sequence[str]:
        found = self._folder.glob(f"[!.]*{_SUFFIX}") if self._folder.is_dir() else ()
        return sorted(path.name.removesuffix(_SUFFIX) for path in found)

    def _path(self, id: str) -> Path:
        return self._folder / f"{id}{_SUFFIX}"


class _Comparison:
    """See ``ports.Comparison``."""

    def __init__(self, new: _Table, old: _Table | None, path: Path) -> None:
        self._new, self._old, self._path = new, old, path

    def is_new(self, body: bytes) -> bool:
        digest = blake2b(body, digest_size=DIGEST_BYTES).digest()
        return self._new.add(digest) and not (self._old is not None and digest in self._old)

    def keep(self) -> None:
        with _translated(self._path):
            self._new.flush()
            disk.put_in_place(self._new.path, self._path)

    def close(self) -> None:
        self._new.close()
        self._new.path.unlink(missing_ok=True)
        if self._old is not None:
            self._old.close()


class _Table:
    """A set of digests in a file."""

    def __init__(self, path: Path, slots: int, taken: int) -> None:
        self.path = path
        self._slots, self._taken = slots, taken
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._map = mmap.mmap(handle, slots * DIGEST_BYTES)
        finally:
            os.close(handle)

    @classmethod
    def new(cls, path: Path) -> _Table:
        _make(path, _FIRST_SLOTS)
        return cls(path, _FIRST_SLOTS, 0)

    @classmethod
    def open(cls, path: Path) -> _Table:
        """For looking up; what was counted is of no use for that."""
        return cls(path, path.stat().st_size // DIGEST_BYTES, 0)

    def __contains__(self, digest: bytes) -> bool:
        return self._map[(at := self._find(digest)) : at + DIGEST_BYTES] != _FREE

    def add(self, digest: bytes) -> bool:
        """False when it was there."""
        at = self._find(digest)
        if self._map[at : at + DIGEST_BYTES] != _FREE:
            return False
        self._map[at : at + DIGEST_BYTES] = digest
        self._taken += 1
        if self._taken * 3 > self._slots * 2:
            self._grow()
        return True

    def _find(self, digest: bytes) -> int:
        """Where it is, or the free slot where it would be."""
        table, last = self._map, self._slots - 1
        slot = int.from_bytes(digest[:8], "little") & last
        while (found := table[slot * DIGEST_BYTES : (slot + 1) * DIGEST_BYTES]) != digest and found != _FREE:
            slot = (slot + 1) & last
        return slot * DIGEST_BYTES

    def _grow(self) -> None:
        beside = self.path.with_name(f"{self.path.name}.grown")
        _make(beside, self._slots * 4)
        grown = _Table(beside, self._slots * 4, 0)
        for digest in self._digests():
            at = grown._find(digest)
            grown._map[at : at + DIGEST_BYTES] = digest
        beside.replace(self.path)
        self._map.close()
        self._map, self._slots = grown._map, grown._slots

    def _digests(self) -> Iterator[bytes]:
        for at in range(0, self._slots * DIGEST_BYTES, DIGEST_BYTES):
            digest = self._map[at : at + DIGEST_BYTES]
            if digest != _FREE:
                yield digest

    def flush(self) -> None:
        self._map.flush()

    def close(self) -> None:
        self._map.close()


def _make(path: Path, slots: int) -> None:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        # Reserved, not just long: a write into a hole of a full disk would kill the process with a signal.
        os.posix_fallocate(handle, 0, slots * DIGEST_BYTES)
    finally:
        os.close(handle)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "Free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "Check the disk"
        raise Unavailable(f"{path}: {error.strerror}", hint, retry_after_s=30) from error
