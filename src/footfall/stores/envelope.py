"""One secret, sealed: AES-256-GCM, the id of its key in front, and what it belongs to as associated data.

Layout: version (1 byte), length of the key id (1), key id, nonce (12), ciphertext and tag (16). The first three are
authenticated too, so no byte of it can be changed, and a sealed text opens nowhere but in its own place.
NIST SP 800-38D allows 2**32 messages with random nonces under one key.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from footfall.errors import Damaged
from footfall.model.master_keys import MasterKeys

VERSION: Final = 1
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
_KEY_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,32}")


@dataclass(frozen=True, slots=True)
class Place:
    """What a secret is: the table and name of what it belongs to, and which of its secrets."""

    table: str
    name: str
    field: str

    def __str__(self) -> str:
        return f"{self.field} of {self.table} '{self.name}'"


class Envelope:
    """Seals and opens the secrets of one tenant. Without state but the tenant; the keys come with each call.

    tenant: id of the subscription; what another one sealed does not open. random: bytes that nobody can guess.
    """

    def __init__(self, tenant: str, random: Callable[[int], bytes] = os.urandom) -> None:
        self._tenant = tenant
        self._random = random

    def seal(self, place: Place, value: str, keys: MasterKeys) -> bytes:
        """Seal ``value`` for ``place`` with the newest of ``keys``."""
        key_id = keys.newest.encode()
        header = bytes([VERSION, len(key_id)]) + key_id
        nonce = self._random(NONCE_BYTES)
        return header + nonce + AESGCM(keys[keys.newest]).encrypt(nonce, value.encode(), self._about(place, header))

    def open(self, place: Place, sealed: bytes, keys: Mapping[str, bytes]) -> str:
        """What was sealed for ``place``. Raises ``Damaged``, which names the place and nothing of the value."""
        key_id = key_id_of(sealed)
        if key_id is None:
            raise Damaged(f"{place} cannot be opened: its bytes are not what was stored", _AGAIN)
        if key_id not in keys:
            raise Damaged(
                f"{place} cannot be opened: its master key is missing",
                f"Restore master key {key_id} (master.keys, or FOOTFALL_MASTER_KEYS), or give the secret anew",
            )
        header, rest = sealed[: 2 + len(key_id)], sealed[2 + len(key_id) :]
        nonce, text = rest[:NONCE_BYTES], rest[NONCE_BYTES:]
        try:
            return AESGCM(keys[key_id]).decrypt(nonce, text, self._about(place, header)).decode()
        except InvalidTag as error:
            what = f"{place} cannot be opened: its bytes or its master key are not those of then"
            raise Damaged(what, _AGAIN) from error

    def _about(self, place: Place, header: bytes) -> bytes:
        # Each part with its length: ("a", "bc") must not look like ("ab", "c").
        parts = (b"footfall secret", self._tenant.encode(), *map(str.encode, (place.table, place.name, place.field)))
        return header + b"".join(len(part).to_bytes(4) + part for part in parts)


_AGAIN: Final = "Restore store.db and master.keys from the same backup, or give the secret anew"


def key_id_of(sealed: bytes) -> str | None:
    """Id of the key that sealed it; None for bytes that cannot be a sealed secret."""
    if len(sealed) < 2 or sealed[0] != VERSION:
        return None
    key_id = sealed[2 : 2 + sealed[1]]
    whole = len(sealed) >= 2 + sealed[1] + NONCE_BYTES + TAG_BYTES
    return key_id.decode() if whole and _KEY_ID.fullmatch(key_id) else None
