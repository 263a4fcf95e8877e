"""Why somebody is in an audience or not: the rule again, with what held and what was found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reason:
    """A condition, or the word that joins parts; and whether it holds.

    asked: it is a condition on a value, which was ``found``; None for a value that is not there. Of a count of events
    that a WHERE chooses, the part says how many there are without it.
    """

    rule: str
    holds: bool
    parts: tuple[Reason, ...] = ()
    asked: bool = False
    found: object = None

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        plain: dict[str, Any] = {"rule": self.rule, "holds": self.holds}
        if self.asked:
            plain["found"] = self.found
        return plain | ({"parts": [part.to_plain() for part in self.parts]} if self.parts else {})

    def lines(self, depth: int = 0) -> Iterator[str]:
        """One line for each rule, parts indented below their whole."""
        found = "" if not self.asked else f"   found {'nothing' if self.found is None else repr(self.found)}"
        yield f"{'  ' * depth}{'yes' if self.holds else 'no '}  {self.rule}{found}"
        for part in self.parts:
            yield from part.lines(depth + 1)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether somebody is in an audience, and why. known: there is such a user, not merged into another."""

    audience: str
    identify_id: str
    known: bool
    member: bool
    reason: Reason | None = None

    def to_plain(self) -> dict[str, Any]:
        plain: dict[str, Any] = {
            "audience": self.audience,
            "user": self.identify_id,
            "known": self.known,
            "member": self.member,
        }
        return plain | ({} if self.reason is None else {"reason": self.reason.to_plain()})
