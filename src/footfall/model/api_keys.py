"""Keys of the management API: what each may do, how they are written, and what is kept of them.

``ff_<scope>_<30 characters><6 characters>``: 176 random bits in base 62, and a checksum, so that scanners of source
code find keys without false alarms and a mistyped key is known as such without asking the store.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final
from zlib import crc32

from footfall.errors import Refused

# Each may do what the ones before it may.
SCOPES: Final = {
    "metrics": "read /metrics",
    "read": "look at everything but API keys and the audit log; no answer ever holds a secret",
    "write": "make, change, run and delete jobs and rules; close and reopen days; define metadata; test authorizations",
    "admin": "everything: authorizations, channels, write keys, API keys, the audit log, places without authorization",
}
RANDOM_BYTES: Final = 22

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_CHARACTERS: Final = 30
_SUM_CHARACTERS: Final = 6
_KEY: Final = re.compile(rf"(ff_({'|'.join(SCOPES)})_[0-9A-Za-z]{{30}})([0-9A-Za-z]{{6}})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is known of a key. Raises ``Refused`` for what no key can be.

    name: lower-case letters, digits, ``.``, ``_`` and ``-``, at most 63. scope: one of ``SCOPES``.
    key_sha256: all that is kept of the key itself. expires_at: None for one that does not.
    used_at: when it was last used, give or take a minute.
    """

    name: str
    scope: str
    key_sha256: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    used_at: datetime | None = None

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise Refused(
                f"{self.name!r} cannot be the name of a key",
                "Use lower-case letters, digits, '.', '_' and '-', at most 63",
            )
        if self.scope not in SCOPES:
            raise Refused(f"{self.scope!r} is no scope", f"Choose one of {', '.join(SCOPES)}")
        if self.expires_at is not None and self.expires_at <= self.created_at:
            raise Refused(f"key '{self.name}' would be over before it is made", "Give a later instant")

    def state(self, now: datetime) -> str:
        """``active``, ``expired`` or ``revoked`` at ``now``."""
        if self.revoked_at is not None and self.revoked_at <= now:
            return "revoked"
        return "active" if self.expires_at is None or now < self.expires_at else "expired"


def may(scope: str, needed: str) -> bool:
    """Whether a key of ``scope`` may do what ``needed`` is declared for. Unknown scopes may nothing."""
    ranks = {name: rank for rank, name in enumerate(SCOPES)}
    return scope in ranks and needed in ranks and ranks[scope] >= ranks[needed]


def make_key(scope: str, draw: Callable[[int], bytes]) -> str:
    """A new key. draw: gives so many bytes that nobody can guess."""
    random = _base62(int.from_bytes(draw(RANDOM_BYTES)), _RANDOM_CHARACTERS)
    body = f"ff_{scope}_{random}"
    return body + _checksum(body)


def well_formed(key: str) -> bool:
    """Whether this can be a key at all; says nothing about whether it is one."""
    found = _KEY.fullmatch(key)
    return found is not None and _checksum(found[1]) == found[3]


def digest(key: str) -> str:
    """What is kept of a key. A fast hash is enough for what nobody could have chosen or can guess."""
    return sha256(key.encode()).hexdigest()


def _checksum(body: str) -> str:
    return _base62(crc32(body.encode()), _SUM_CHARACTERS)


def _base62(number: int, width: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    return digits.rjust(width, _DIGITS[0])
