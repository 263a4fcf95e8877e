"""What an export does not say: columns that are dropped, hashed or made coarse, decided per export.

A hash is keyed, and its key is the export's own, so that what two receivers got cannot be joined, unless that is asked
for (``joinable_hash``).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from footfall.errors import Refused

KEEP: Final = "keep"
DROP: Final = "drop"
HASH: Final = "hash"
JOINABLE: Final = "joinable_hash"
COARSEN: Final = "coarsen"
HIDINGS: Final = (KEEP, DROP, HASH, JOINABLE, COARSEN)
PREFIX: Final = "hash_"
HEX_CHARS: Final = 40
TEXT: Final = "String"
# The same expressions serve RE2 (in the engine) and Python.
EMAIL: Final = r"[^@\s]+@([^@\s]+\.[^@\s]+)"
ADDRESS: Final = r"([0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})\.[0-9]{1,3}"
_EMAIL: Final = re.compile(EMAIL, re.ASCII)
_ADDRESS: Final = re.compile(ADDRESS)


@dataclass(frozen=True, slots=True)
class Hiding:
    """rules: (pattern of column names, action), the first that fits decides; ``*`` is any characters, case is none.

    keys: the key of each kind of hash that the rules need.
    """

    rules: tuple[tuple[str, str], ...]
    keys: Mapping[str, bytes]

    def action(self, name: str) -> str:
        """What becomes of a column."""
        folded = name.casefold()
        return next((action for pattern, action in self.rules if fnmatchcase(folded, pattern.casefold())), KEEP)

    def reaches(self, name: str) -> bool:
        """Whether a rule may hide something whose name begins with this one and a dot; anything, if it is empty."""
        inner = f"{name}.".casefold() if name else ""
        for pattern, action in self.rules:
            head, wild, _ = re.sub(r"[?[]", "*", pattern.casefold()).partition("*")
            if action != KEEP and (head.startswith(inner) or (wild and inner.startswith(head))):
                return True
        return False

    def checked(self, name: str, kind: str) -> str:
        """``action``, for a column of that type. Raises ``Refused`` for one that cannot be hashed or made coarse."""
        action = self.action(name)
        if action not in (KEEP, DROP) and kind != TEXT:
            raise Refused(f"the column {name} is a {kind}, no text: it cannot become {action}", "Keep it or drop it")
        return action

    def text(self, action: str, value: str | None) -> str | None:
        """A value of a column that is kept."""
        if value is None or action == KEEP:
            return value
        if action == COARSEN:
            return coarse_text(value)
        return PREFIX + hmac.digest(self.keys[action], value.encode(), "sha256").hex()[:HEX_CHARS]


def coarse_text(value: str) -> str | None:
    """The domain of an e-mail address, the network of an IPv4 address; nothing of any other text."""
    if found := _EMAIL.fullmatch(value):
        return "@" + found[1]
    found = _ADDRESS.fullmatch(value)
    return None if found is None else f"{found[1]}.0"


def read_hiding(given: Mapping[str, str] | None, key: Callable[[str], bytes], export: str) -> Hiding | None:
    """The policy of an export, None for none. key: derives the key of a purpose. export: its name.

    Raises ``Refused`` for an action there is not.
    """
    if not given:
        return None
    for name, action in given.items():
        if action not in HIDINGS:
            raise Refused(f"the column {name} cannot become {action!r}", f"Choose one of {', '.join(HIDINGS)}")
    purposes = {HASH: f"export {export}", JOINABLE: "exports"}
    keys = {action: key(purposes[action]) for action in purposes if action in given.values()}
    return Hiding(tuple(given.items()), keys)
