"""What has to survive a power cut on a local disk: names of folders, contents of files, small files replaced whole.

A name is on the disk when its folder was synced, a content when the file was: the two are separate promises.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

DRAFT: Final = ".part"
# A folder above the data directory may be closed to us, read-only, or of a file system without sync of folders.
_NOT_OURS: Final = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EINVAL)


def sync(path: Path) -> None:
    """Force a file's content, or the names in a folder, to the disk. Raises ``OSError``."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Create a folder and what leads to it, each name durable in its parent. ``mode`` is of the last one.

    The last name is synced also when the folder is there: who made it may have died before its own sync.
    """
    missing = [folder for folder in path.parents if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True, mode=mode)
    for folder in (path, *missing):
        try:
            sync(folder.parent)
        except OSError as error:
            if error.errno not in _NOT_OURS:
                raise


def replace(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Put a whole UTF-8 file in place of ``path``, durable before this returns; readers see the old or the new one."""
    with drafted(path) as draft:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)


def put_in_place(draft: Path, path: Path) -> None:
    """Give a finished file its name, whatever bore it before: content first, then name, both durable."""
    sync(draft)
    draft.replace(path)
    sync(path.parent)


def draft_of(path: Path) -> Path:
    """A new name beside ``path`` for what is to become it. By its end, ``DRAFT``, what is left over is known."""
    return path.with_name(f"{path.name}.{secrets.token_hex(4)}{DRAFT}")


@contextmanager
def drafted(path: Path) -> Iterator[Path]:
    """Yield where to write what is to become ``path``: put in place at the end, removed if it comes to nothing.

    Every draft has a name of its own, so several may be at the same file at once; the last one stays.
    """
    draft = draft_of(path)
    try:
        yield draft
        put_in_place(draft, path)
    finally:
        draft.unlink(missing_ok=True)
