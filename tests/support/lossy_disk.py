"""A disk that loses at a power cut whatever was not synced: a FUSE file system, for tests.

``python lossy_disk.py LIVE MOUNT IMAGES EVERY SEED AT`` mounts LIVE at MOUNT until it is unmounted or killed. Programs
on MOUNT see an ordinary file system. After every EVERY-th change, and after each one that gives or takes a name or a
note which the regular expression AT finds (if it is not empty), it writes into IMAGES what a power cut at that moment
could leave behind, as folders ``<number>-<loss>``, each beside a file ``<number>.notes``:

- ``nothing``: only what was synced; a name counts as synced when its folder was.
- ``names``: that, and every name; the files behind new names may be empty (a journal of metadata does this).
- ``some``: of what was not synced a random part: some names, some sectors of 512 bytes, in any order.

``mkdir`` below ``/.notes`` makes no folder: its name joins the notes of the images after it, so that a test knows what
had been promised before each cut.
"""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from mfusepy import FUSE, FuseOSError, Operations

SECTOR = 512
NOTES = "/.notes"
LOSSES = ("nothing", "names", "some")

Keep = Callable[[], bool]


@dataclass
class File:
    """What the disk holds of a file, and the writes it has not been told to keep: (offset, bytes or None to cut)."""

    synced: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        self.synced, self.pending = self.after(lambda: True), []

    def after(self, keep: Keep) -> bytearray:
        """The content after a cut that kept what ``keep`` said, asked once a sector."""
        content = bytearray(self.synced)
        for offset, data in self.pending:
            if data is None:
                if keep():
                    _cut(content, offset)
                continue
            for start, end in _sectors(offset, offset + len(data)):
                if keep():
                    if len(content) < end:
                        _cut(content, end)
                    content[start:end] = data[start - offset : end - offset]
        return content


@dataclass
class Folder:
    """The names the disk holds of a folder, and the changes it has not been told to keep: (old name, new name, inode).

    A change with both names is a rename, which happens whole or not at all.
    """

    synced: dict[str, int] = field(default_factory=dict)
    pending: list[tuple[str | None, str | None, int]] = field(default_factory=list)

    def sync(self) -> None:
        self.synced, self.pending = self.after(lambda: True), []

    def after(self, keep: Keep) -> dict[str, int]:
        names = dict(self.synced)
        for old, new, inode in self.pending:
            if keep():
                if old is not None and names.get(old) == inode:
                    del names[old]
                if new is not None:
                    names[new] = inode
        return names


def _cut(content: bytearray, length: int) -> None:
    del content[length:]
    content.extend(bytes(length - len(content)))


def _sectors(start: int, end: int) -> list[tuple[int, int]]:
    edges = [start, *range((start // SECTOR + 1) * SECTOR, end, SECTOR), end]
    return list(pairwise(edges))


class LossyDisk(Operations):
    """Passes every call on to ``live`` and remembers, by inode, what a power cut would leave."""

    use_ns = True

    def __init__(self, live: Path, images: Path, every: int, rng: random.Random, at: str) -> None:
        self._live, self._images, self._every, self._rng = os.fspath(live), images, every, rng
        self._at = re.compile(at or "(?!)")
        self._kept = live.parent / f"{live.name}.inodes"  # a link to every file, so that no inode number comes twice
        self._kept.mkdir()
        self._nodes: dict[int, File | Folder] = {}
        self._changes = 0
        self._notes: list[str] = []
        self._adopt(live)

    def _adopt(self, folder: Path) -> None:
        """Everything that is there at the start counts as synced."""
        names = {}
        for entry in folder.iterdir():
            names[entry.name] = inode = entry.lstat().st_ino
            if entry.is_dir():
                self._adopt(entry)
            else:
                self._nodes[inode] = File(bytearray(entry.read_bytes()))
        self._nodes[folder.lstat().st_ino] = Folder(names)

    # --- what a cut leaves ---

    def _changed(self, name: str = "") -> None:
        """name: what was given or taken, if it was a name or a note."""
        self._changes += 1
        if self._changes % self._every == 0 or self._at.search(name):
            for loss in LOSSES:
                self._image(self._images / f"{self._changes:06}-{loss}", loss)
            (self._images / f"{self._changes:06}.notes").write_text("\n".join(self._notes))

    def _image(self, place: Path, loss: str) -> None:
        coin = lambda: self._rng.random() < 0.5  # noqa: E731
        names, data = {
            "nothing": (lambda: False, lambda: False), "names": (lambda: True, lambda: False), "some": (coin, coin)
        }[loss]  # fmt: skip

        def write(inode: int, path: Path) -> None:
            node = self._nodes[inode]
            if isinstance(node, File):
                path.write_bytes(node.after(data))
                return
            path.mkdir()
            for name, child in node.after(names).items():
                write(child, path / name)

        write(os.lstat(self._live).st_ino, place)

    # --- the file system ---

    def _path(self, path: str) -> str:
        return self._live + path

    def _folder(self, path: str) -> tuple[Folder, str]:
        parent, _, name = self._path(path).rpartition("/")
        node = self._nodes[os.lstat(parent).st_ino]
        assert isinstance(node, Folder)
        return node, name

    def _file(self, path: str, handle: int | None = None) -> File:
        node = self._nodes[os.fstat(handle).st_ino if handle else os.lstat(self._path(path)).st_ino]
        assert isinstance(node, File)
        return node

    def _named(self, path: str, old: str | None = None) -> None:
        folder, name = self._folder(path)
        folder.pending.append((old, name, os.lstat(self._path(path)).st_ino))

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        if path == NOTES or path.removeprefix(NOTES + "/") in self._notes:
            path = "/"
        try:
            found = os.lstat(self._path(path))
        except OSError as error:
            raise FuseOSError(error.errno) from error
        plain = ("st_mode", "st_size", "st_uid", "st_gid", "st_nlink", "st_blocks")
        times = ("st_mtime", "st_atime", "st_ctime")
        return {key: getattr(found, key) for key in plain} | {key: getattr(found, f"{key}_ns") for key in times}

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *os.listdir(self._path(path))]

    def statfs(self, path: str) -> dict[str, int]:
        found = os.statvfs(self._live)
        return {key: getattr(found, key) for key in ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail")}

    def create(self, path: str, mode: int, fi: object = None) -> int:
        handle = os.open(self._path(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
        inode = os.fstat(handle).st_ino
        os.link(self._path(path), self._kept / str(inode))
        self._nodes[inode] = File()
        self._named(path)
        self._changed(path)
        return handle

    def open(self, path: str, flags: int) -> int:
        return os.open(self._path(path), os.O_RDWR if flags & os.O_ACCMODE else os.O_RDONLY)

    def release(self, path: str, fh: int) -> int:
        os.close(fh)
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self._file(path, fh).pending.append((offset, bytes(data)))
        written = os.pwrite(fh, data, offset)
        self._changed()
        return written

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        self._file(path, fh).pending.append((length, None))
        os.truncate(self._path(path), length)
        self._changed()
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self._file(path, fh).sync()
        self._changed()
        return 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        node = self._nodes[os.lstat(self._path(path)).st_ino]
        assert isinstance(node, Folder)
        node.sync()
        self._changed()
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        if path.startswith(NOTES + "/"):
            self._notes.append(path.removeprefix(NOTES + "/"))
            self._changed(path)
            return 0
        os.mkdir(self._path(path), mode)
        self._nodes[os.lstat(self._path(path)).st_ino] = Folder()
        self._named(path)
        self._changed(path)
        return 0

    def rmdir(self, path: str) -> int:
        return self._drop(path, os.rmdir)

    def unlink(self, path: str) -> int:
        return self._drop(path, os.unlink)

    def _drop(self, path: str, drop: Callable[[str], None]) -> int:
        folder, name = self._folder(path)
        inode = os.lstat(self._path(path)).st_ino
        drop(self._path(path))
        folder.pending.append((name, None, inode))
        self._changed(path)
        return 0

    def link(self, target: str, source: str) -> int:
        os.link(self._path(source), self._path(target))
        self._named(target)
        self._changed(target)
        return 0

    def rename(self, old: str, new: str) -> int:
        before, name = self._folder(old)
        after, _ = self._folder(new)
        os.rename(self._path(old), self._path(new))
        self._named(new, name if before is after else None)
        if before is not after:
            before.pending.append((name, None, os.lstat(self._path(new)).st_ino))
        self._changed(new)
        return 0

    def chmod(self, path: str, mode: int) -> int:
        os.chmod(self._path(path), mode)
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        os.utime(self._path(path), ns=times)
        return 0

    def access(self, path: str, amode: int) -> int:
        if not os.access(self._path(path), amode):
            raise FuseOSError(errno.EACCES)
        return 0


if __name__ == "__main__":
    live_, mount, images_ = (Path(argument) for argument in sys.argv[1:4])
    shutil.rmtree(images_, ignore_errors=True)
    images_.mkdir()
    disk = LossyDisk(live_, images_, int(sys.argv[4]), random.Random(int(sys.argv[5])), sys.argv[6])
    FUSE(disk, os.fspath(mount), foreground=True, nothreads=True)
