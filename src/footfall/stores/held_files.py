"""``ports.HeldFiles`` in a folder of the data directory: written beside, synced, then given its name."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from footfall import disk
from footfall.errors import Conflict, FootfallError, Unavailable

CHUNK_BYTES: Final = 1 << 20
_SUFFIX: Final = ".file"
# Of drafts that are being written here: a process in a container often has the number of the one before it.
_WRITER: Final = f"{os.getpid()}-{os.urandom(4).hex()}"
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)


class FolderHeldFiles:
    """See ``ports.HeldFiles``. folder: made when something is first held; one process at a time holds files in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def hold(self, id: str, size_bytes: int, chunks: Callable[[], Iterable[bytes]]) -> None:
        path = self._path(id)
        with _translated(path):
            if path.exists():
                return
            disk.make_folder(self._folder, 0o700)
            for draft in self._folder.glob(f".*{_SUFFIX}.*"):
                if draft.suffix != f".{_WRITER}":  # of a process that died
                    draft.unlink(missing_ok=True)
            draft = path.with_name(f".{path.name}.{_WRITER}")
            try:
                written = self._write(draft, chunks())
                if written != size_bytes:
                    raise Conflict(
                        f"{written:,} bytes came where {size_bytes:,} were listed", "It is still being written; wait"
                    )
                disk.put_in_place(draft, path)
            finally:
                draft.unlink(missing_ok=True)

    def read(self, id: str) -> Iterator[bytes]:
        path = self._path(id)
        with _translated(path), path.open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def names(self) -> Sequence[str]:
        found = self._folder.glob(f"[!.]*{_SUFFIX}") if self._folder.is_dir() else ()
        return sorted(path.name.removesuffix(_SUFFIX) for path in found)

    def drop(self, id: str) -> None:
        with _translated(self._path(id)), suppress(FileNotFoundError):
            self._path(id).unlink()

    def _write(self, draft: Path, chunks: Iterable[bytes]) -> int:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        written = 0
        with os.fdopen(handle, "wb", buffering=0) as file:
            for chunk in chunks:
                rest = memoryview(chunk)
                while rest:
                    rest = rest[file.write(rest) :]
                written += len(chunk)
        return written

    def _path(self, id: str) -> Path:
        return self._folder / f"{id}{_SUFFIX}"


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except FootfallError:
        raise
    except OSError as error:
        what = f"{path}: {error.strerror}"
        if error.errno in _NO_ROOM:
            hint = "Free some space: a file is held in the data directory while it is imported"
            raise Unavailable(what, hint, retry_after_s=30) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            # Not refused: the file that was to be held is not at fault, and must not be left out as a bad one.
            hint = "Let the user that runs Footfall write in the data directory"
            raise Unavailable(what, hint, retry_after_s=60) from error
        raise Unavailable(what, "Check the disk", retry_after_s=30) from error
