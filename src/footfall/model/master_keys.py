"""The keys that secrets are sealed with, as people and files write them: ``id:base64,id:base64``, newest first."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Final

KEY_BYTES: Final = 32
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,32}")


class MasterKeys(Mapping[str, bytes]):
    """Keys of AES-256 by their ids, newest first: that one seals, all of them open. Printing it shows ids only."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """Raises ``ValueError`` for an unfit id or length; its text holds no key."""
        for key_id, key in keys.items():
            if _ID.fullmatch(key_id) is None:
                raise ValueError("the id of a key is 1 to 32 letters, digits, '.', '_' or '-'")
            if len(key) != KEY_BYTES:
                raise ValueError(f"the key {key_id} has {len(key)} bytes instead of {KEY_BYTES}")
        self._keys = dict(keys)

    @classmethod
    def read(cls, text: str) -> MasterKeys:
        """Keys parted by commas or line ends; a line that begins with ``#`` is a remark. Raises ``ValueError``."""
        lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
        keys: dict[str, bytes] = {}
        for each in filter(None, (part.strip() for line in lines for part in line.split(","))):
            key_id, colon, encoded = each.partition(":")
            if not colon:
                raise ValueError("every key is written id:base64")
            try:
                key = base64.b64decode(encoded.strip(), validate=True)
            except ValueError:
                key = b""
            if key_id.strip() in keys:
                raise ValueError("two keys have the same id")
            keys[key_id.strip()] = key
        if not keys:
            raise ValueError("it holds no key")
        return cls(keys)

    def write(self) -> str:
        """The text that ``read`` takes, one key a line."""
        return "".join(f"{key_id}:{base64.b64encode(key).decode()}\n" for key_id, key in self._keys.items())

    @property
    def newest(self) -> str:
        """Id of the key that seals."""
        return next(iter(self._keys))

    def with_newest(self, key: bytes) -> MasterKeys:
        """These keys behind a new one, whose id follows from it."""
        return MasterKeys({named(key): key} | self._keys)

    def __getitem__(self, key_id: str) -> bytes:
        return self._keys[key_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"MasterKeys({', '.join(self._keys)})"


def named(key: bytes) -> str:
    """An id for a key that was drawn: two keys never get the same one, and it tells nothing of the key."""
    return f"k{sha256(b'footfall master key' + key).hexdigest()[:12]}"
