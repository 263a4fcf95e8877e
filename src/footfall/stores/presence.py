"""Which runners are alive: each holds the lock of a file of its own, and the kernel lets go when the process ends.

So it does not matter how the process ended, who has its number now, or whether the machine was restarted in between.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Final

# Leases are over long before, so nobody asks about so old a file any more.
KEPT_S: Final = 86_400.0


class Presence:
    """A runner that is there, for others of the same data directory to see.

    name: tells it from every other runner there ever was; letters, digits, ``.``, ``_``, ``-`` and ``:``.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self.name = name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._clear()
        path = folder / f".{name}"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.rename(folder / name)  # seen by others only once it is locked

    def __enter__(self) -> Presence:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave; whatever this runner still holds is free for the next one."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def gone(self, name: str) -> bool:
        """Has the runner of that name ended for sure? False for one that is alive, or that nothing is known of."""
        return name != self.name and "/" not in name and _is_free(self._folder / name)

    def _clear(self) -> None:
        old = time.time() - KEPT_S
        for path in self._folder.iterdir():
            try:
                if path.stat().st_mtime < old and _is_free(path):
                    path.unlink()
            except FileNotFoundError:
                continue


def _is_free(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(file)
    return True
