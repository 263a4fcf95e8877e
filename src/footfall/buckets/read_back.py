"""What the disk gives back of a file, digested while the file is still being written."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Final

CHUNK_BYTES: Final = 1 << 20
# Written between two looks; of whole pages. A file that is no longer is looked at once it is written.
STEP_BYTES: Final = 32 << 20


class ReadBack:
    """The SHA-256 of what the disk holds of ``file``, which is only ever appended to.

    A long file is brought to the disk and read back step by step in a thread beside the writer: at its end one step is
    left, not all of it. Leave it before the descriptor is closed.
    """

    def __init__(self, file: int) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._size = 0
        self._asked = 0
        self._thread: ThreadPoolExecutor | None = None
        self._last: Future[None] | None = None

    def __enter__(self) -> ReadBack:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)

    def written(self, size: int) -> None:
        """The file has ``size`` bytes now. Raises what went wrong in an earlier step; waits where the disk is slower
        than the writer."""
        if size - self._asked < STEP_BYTES:
            return
        self._wait()
        self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="read-back")
        self._asked = size - size % CHUNK_BYTES
        self._last = self._thread.submit(self._look, self._asked)

    def finish(self) -> tuple[str, int]:
        """(digest, size) of what the disk holds. Every byte is on the disk already."""
        self._wait()
        self._read(None)
        return self._digest.hexdigest(), self._size

    def _wait(self) -> None:
        if self._last is not None:
            self._last.result()
            self._last = None

    def _look(self, end: int) -> None:
        os.fdatasync(self._file)
        self._read(end)

    def _read(self, end: int | None) -> None:
        """Digest what follows, up to ``end``."""
        # Without this the comparison would be with the page cache, which holds what we wrote in any case.
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file, self._size, 0 if end is None else end - self._size, os.POSIX_FADV_DONTNEED)
        while end is None or self._size < end:
            wanted = CHUNK_BYTES if end is None else min(CHUNK_BYTES, end - self._size)
            chunk = os.pread(self._file, wanted, self._size)
            if not chunk:
                return
            self._digest.update(chunk)
            self._size += len(chunk)
