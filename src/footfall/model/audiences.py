"""Audiences: people chosen by a rule, or listed by somebody; who enters and who leaves.

Sources: PX "Segments" (rules, imported lists, external segments; a match is a SEGMENT event); Lytics audiences
(triggers on enter and exit, with or without those who are in from the beginning).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from footfall.errors import Refused
from footfall.model.audience_rules import DEPTH_MAX, Everyone, Rule, check, included
from footfall.model.audience_text import TEXT_MAX, write

ENTER: Final = "enter"
EXIT: Final = "exit"
BOTH: Final = "both"
NONE: Final = "none"
TOLD: Final = (BOTH, ENTER, EXIT, NONE)
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
IDENTIFY: Final = "identifyId"
# The source of the events that tell of entering and leaving, in the log and in exports.
SOURCE: Final = "audiences"
AUDIENCES_MAX: Final = 1000

# What is remembered of each member: who, since when in µs, and what changed at the last look.
MEMBERSHIP_COLUMNS: Final = ("user_key", "since_us", "change")
STAYED, ENTERED, LEFT = 0, 1, 2
CHANGES: Final = {ENTERED: ENTER, LEFT: EXIT}


@dataclass(frozen=True, slots=True)
class Audience:
    """A definition.

    rule: who is in; of a list it is ignored. listed: the field whose values were imported, empty for an audience with a
    rule. tells: which changes become ``segment_match`` events. backfill: those who are in at the first look enter, too.
    """

    name: str
    rule: Rule = field(default_factory=Everyone)
    listed: str = ""
    label: str = ""
    description: str = ""
    tells: str = BOTH
    backfill: bool = False
    created_at: datetime | None = None
    changed_at: datetime | None = None

    def __post_init__(self) -> None:
        if NAME.fullmatch(self.name) is None:
            raise Refused(f"'{self.name}' is no name", "Use up to 63 lower-case letters, digits, '.', '_' and '-'")
        if self.tells not in TOLD:
            raise Refused(f"'{self.tells}' is nothing to tell", f"Choose one of {', '.join(TOLD)}")
        check(self.rule)
        # It is kept as its one text, which may be longer than the text or the tree that it came from.
        if (length := len(write(self.rule))) > TEXT_MAX:
            raise Refused(f"a rule of {length:,} characters, written out", f"At most {TEXT_MAX:,}: make a list of them")

    @property
    def needs(self) -> frozenset[str]:
        """The audiences it is made of."""
        return frozenset() if self.listed else included(self.rule)

    def tells_of(self, change: int) -> bool:
        """Does it become an event that somebody ``ENTERED`` or ``LEFT``?"""
        return self.tells in (BOTH, CHANGES.get(change))


def evaluable(audiences: Sequence[Audience]) -> tuple[list[Audience], dict[str, str]]:
    """The audiences, each after those it is made of, else by name; and of those that cannot be, what is wrong.

    An audience that includes itself, by whatever way, one that is not there, or more than ``DEPTH_MAX`` of them one
    within another, cannot be evaluated.
    """
    known = {audience.name: audience for audience in audiences}
    needs = {name: sorted(audience.needs) for name, audience in known.items()}
    # Of those that cannot be evaluated it is 0.
    levels: dict[str, int] = {}
    faults: dict[str, str] = {}
    causes: dict[str, str] = {}
    for first in sorted(known):
        # Those being looked at, each included by the one before it, with what is left to look at: they may be many.
        way = {first: iter(needs[first])}
        while way and first not in levels:
            name = next(reversed(way))
            inner = next((each for each in way[name] if each in known and each not in levels and each not in way), None)
            if inner is not None:
                way[inner] = iter(needs[inner])
                continue
            level = 1 + max((levels.get(needed, 0) for needed in needs[name]), default=0)
            cause = _cause(needs[name], list(way), known)
            lost = next((needed for needed in needs[name] if needed in faults), "")
            if not cause and not lost and level > DEPTH_MAX:
                cause = f"it is made of audiences more than {DEPTH_MAX} deep"
            if cause or lost:
                causes[name] = cause or causes[lost]
                faults[name] = cause or f"it includes '{lost}': {causes[lost]}"
                level = 0
            levels[name] = level
            del way[name]
    return [known[name] for name, level in levels.items() if level], faults


def _cause(needs: Sequence[str], way: Sequence[str], known: Mapping[str, Audience]) -> str:
    """What is wrong with the includes of the last one on the way, apart from faults of those it includes."""
    for needed in needs:
        if needed in way:
            return f"it is made of itself: {' includes '.join((*way[way.index(needed) :], needed))}"
        if needed not in known:
            return f"it includes '{needed}', which is not there"
    return ""


def check_together(audiences: Sequence[Audience]) -> None:
    """Raises ``Refused`` if one of them cannot be evaluated because of those it includes."""
    _, faults = evaluable(audiences)
    for name, fault in sorted(faults.items()):
        raise Refused(
            f"audience '{name}': {fault}", f"Include audiences that are there, none in a ring, {DEPTH_MAX} deep"
        )


def users_of(audiences: Mapping[str, Audience], name: str) -> list[str]:
    """The audiences that are made of this one, directly."""
    return sorted(each.name for each in audiences.values() if name in each.needs)
