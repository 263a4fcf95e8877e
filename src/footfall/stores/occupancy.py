"""Who works in a data directory: everybody holds a lock of one file, and the kernel lets go when the process ends.

So whoever finds nobody else there knows that what is half-written was left by processes that died.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from footfall.errors import Unavailable

FILE_NAME: Final = "in-use.lock"


class Occupancy:
    """A stay in a data directory, until it is closed or the process ends, however it ends.

    sweep: called first if nobody else is there; whoever comes meanwhile waits until it is done. A file system that has
    no locks is never swept: nobody could tell whether they are alone. Raises ``Unavailable``.
    """

    def __init__(self, folder: Path, sweep: Callable[[], None]) -> None:
        path = folder / FILE_NAME
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            hint = "Let the user that runs Footfall write in the data directory, and make room there"
            raise Unavailable(f"{path}: {error.strerror}", hint) from error
        try:
            if self._alone():
                sweep()
            with suppress(OSError):
                fcntl.flock(self._file, fcntl.LOCK_SH)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _alone(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
