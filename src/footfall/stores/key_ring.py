"""Where master keys are kept: a file of one's own in the data directory, or what the settings give.

The file is never changed in place and never shorter than what the store needs: its writer holds the store's write lock.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from footfall import disk
from footfall.errors import Damaged, Refused, Unavailable
from footfall.model.master_keys import KEY_BYTES, MasterKeys

FILE_NAME: Final = "master.keys"
_REMARK: Final = (
    "# Master keys of Footfall's secrets, newest first. Who has this file and store.db can read every secret;\n"
    "# without it they are lost. Keep a copy apart from the backups of the data.\n"
)


class KeyRing:
    """The master keys as they are now; read anew at each call, because another process may have changed them.

    path: the file. given: keys from the settings; they go before those of the file, which then only open.
    random: bytes that nobody can guess.
    """

    def __init__(
        self, path: Path, given: MasterKeys | None = None, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._path = path
        self._given = given
        self._random = random

    @property
    def own(self) -> bool:
        """Whether new keys are drawn here. Keys that are given are changed where they are given."""
        return self._given is None

    def keys(self) -> MasterKeys | None:
        """Every key, the one that seals first; None when there is none yet.

        Raises ``Refused`` for a file that others may read, and when one id stands for two keys; ``Damaged`` for a file
        that holds no keys.
        """
        kept = self._read()
        if self._given is None or kept is None:
            return self._given or kept
        if any(kept[key_id] != key for key_id, key in self._given.items() if key_id in kept):
            raise Refused(
                f"FOOTFALL_MASTER_KEYS and {self._path} have different keys of the same id",
                "Give the new key an id that was not used before",
            )
        return MasterKeys({**self._given, **kept})

    def draw(self) -> MasterKeys:
        """Put a new key before the others and return all. Not for given keys."""
        key, kept = self._random(KEY_BYTES), self._read()
        keys = MasterKeys({}).with_newest(key) if kept is None else kept.with_newest(key)
        self._write(keys)
        return keys

    def forget(self, keep: Collection[str]) -> tuple[str, ...]:
        """Remove every key of the file but those to ``keep``; return the ids of the removed."""
        kept = self._read()
        gone = tuple(key_id for key_id in kept or () if key_id not in keep)
        if kept is not None and gone:
            left = {key_id: key for key_id, key in kept.items() if key_id in keep}
            if left:
                self._write(MasterKeys(left))
            else:
                self._path.unlink()
                disk.sync(self._path.parent)
        return gone

    def _read(self) -> MasterKeys | None:
        try:
            with self._path.open("rb") as file:
                if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    raise Refused(f"{self._path} may be read by others", f"Run: chmod 600 {self._path}")
                text = file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"{self._path}: {error.strerror}", "Let this user read it") from error
        try:
            return MasterKeys.read(text.decode())
        except ValueError as error:
            # Without its cause: an error about undecodable bytes carries them.
            why = "it is no text" if isinstance(error, UnicodeDecodeError) else str(error)
            raise Damaged(f"{self._path} holds no master keys: {why}", "Restore it from its copy") from None

    def _write(self, keys: MasterKeys) -> None:
        """Put the whole file in place of the old one, durable before this returns."""
        try:
            disk.replace(self._path, _REMARK + keys.write())
        except OSError as error:
            raise Unavailable(f"{self._path}: {error.strerror}", "Check that the data directory can be written") from (
                error
            )
