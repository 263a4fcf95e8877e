"""Which users are one person: those who said the same value of an attribute that identifies.

Everything here is a function of who ever said what, never of the order in which that arrived. Two limits stop runaway
merges: a value that too many users share (a shop's tablet, info@example.com) joins nobody, and a value that would make
a person of too many users is refused as a whole. Both are reported, and both are judged anew as more is known: what
was joined comes apart when a value turns out to be everybody's. docs/decisions/identity-fields.md has the reasons.

Source: Lytics, LQL "BY" (the columns whose values merge records across streams).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

PERSON_MAX: Final = 100
VALUE_CHARACTERS_MAX: Final = 1_000
JOINED, TOO_MANY, TOO_LARGE = "joined", "too many", "too large"
# What programs write for nothing. Everybody shares these: they would be refused too, but only after some were joined.
_NOBODY: Final = re.compile(
    r"(-|0|n/?a|nan|nil|none|null|undefined|unknown|true|false|\[object object\])?", re.IGNORECASE
)
_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True, slots=True)
class Shared:
    """A value and who said it. holders: (user, instant it was first said), by instant; aliases are resolved."""

    field: str
    value: str
    holders: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a shared value: ``joined``, or refused because the person would be ``too large``."""

    shared: Shared
    outcome: str


def compared(value: object) -> Iterator[str]:
    """What a said value is compared as: trimmed, an e-mail address in lower case; of a list each element.

    Nothing for words that stand for nothing, for truths, and for what is longer than ``VALUE_CHARACTERS_MAX``.
    """
    if isinstance(value, str) and value.startswith("["):
        with suppress(ValueError):
            value = json.loads(value)
    for each in value if isinstance(value, list) else (value,):
        if isinstance(each, str | int | float) and not isinstance(each, bool):
            text = str(each).strip()
            text = text.lower() if _ADDRESS.fullmatch(text) else text
            if len(text) <= VALUE_CHARACTERS_MAX and not _NOBODY.fullmatch(text):
                yield text


def judge(shared: Iterable[Shared]) -> list[Verdict]:
    """What becomes of each value that no more users share than may.

    Values that fewer users share go first: they say more about who somebody is.
    """
    people = _People()
    ranked = sorted(shared, key=lambda each: (len(each.holders), each.field, each.value))
    return [Verdict(each, JOINED if people.join([user for user, _ in each.holders]) else TOO_LARGE) for each in ranked]


def persons(verdicts: Iterable[Verdict], age: Callable[[int], tuple[int, str]]) -> dict[int, tuple[int, int]]:
    """Who lives on in whom: ``{user: (the oldest user of the person, instant from which they are one)}``.

    age: (first instant, identify id) of a user; the smallest is the oldest.
    """
    people, since = _People(), dict[int, int]()
    for verdict in verdicts:
        if verdict.outcome == JOINED:
            people.join([user for user, _ in verdict.shared.holders])
            second = verdict.shared.holders[1][1]
            for user, at in verdict.shared.holders:
                joined_at = max(at, second)
                since[user] = min(since.get(user, joined_at), joined_at)
    found: dict[int, tuple[int, int]] = {}
    for users in people.groups():
        oldest = min(users, key=age)
        found.update((user, (oldest, since[user])) for user in users if user != oldest)
    return found


class _People:
    """Users in disjoint groups of at most ``PERSON_MAX``."""

    def __init__(self) -> None:
        self._group: dict[int, list[int]] = {}

    def join(self, users: Sequence[int]) -> bool:
        """Make one group of those of the users; False, and nothing changes, if it were too large."""
        groups = {id(group): group for user in users for group in (self._group.setdefault(user, [user]),)}
        if sum(map(len, groups.values())) > PERSON_MAX:
            return False
        largest = max(groups.values(), key=len)
        for group in groups.values():
            if group is not largest:
                largest.extend(group)
                self._group.update((user, largest) for user in group)
        return True

    def groups(self) -> list[list[int]]:
        """Those of two or more."""
        return [group for group in {id(each): each for each in self._group.values()}.values() if len(group) > 1]
