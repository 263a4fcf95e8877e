"""Merge rules: what becomes of several sayings of one attribute, whatever their order.

Each rule is a join: commutative, associative and, but for ``count``, idempotent. So a register that has heard the same
sayings is the same, in whatever order, however often, and in however many parts they came.

last   the latest; of two at one instant the larger JSON text
first  the earliest; of two at one instant the smaller JSON text
min    the smallest in the order of the type; of equal ones the earliest
max    the largest in the order of the type; of equal ones the earliest
count  how many sayings there were. Whoever counts tells each saying once: the store knows them by their event ids
add    of a set every element, of a map every key with its last value; at most ``capacity`` of them, those said last

The capacity is order independent because the rank of an element, the instant it was said last, can only rise: one that
was dropped had ``capacity`` others above it, and they stay above it. For the same reason no rule drops by the *first*
saying, and what was said too long ago is left out when it is shown, not when it is kept.

``null`` clears a ``last`` attribute and a key of a map; to the other rules it says nothing. Neither does a value that
does not fit the type, except to ``last``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from footfall.model.attribute_definitions import ADD, COUNT, FIRST, LAST, MAP, MIN, SET, AttributeDefinition
from footfall.model.attributes import as_boolean, as_number, as_string, instant_us
from footfall.model.people import Register, Registers, absorb, canonical_json, later

DAY_US: Final = 86_400_000_000
# The register of no attribute: when anything was said last. Rules forget instants that ``last`` would have kept.
SPOKEN: Final = ""

_Comparable = str | int | float | bool
_ORDERS: Final[Mapping[str, Callable[[object], _Comparable | None]]] = {
    "STRING": as_string,
    "NUMBER": as_number,
    "BOOLEAN": as_boolean,
    "DATE_TIME": instant_us,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """How one attribute merges that does not simply keep its last value."""

    type: str
    merge: str
    capacity: int

    def told(self, value: object, at: int) -> Register | None:
        """The register of one saying; None if it says nothing."""
        if self.merge == ADD:
            state = dict(_elements(value, at)) if self.type == SET else dict(_entries(value, at))
            return (self._held(state), at) if state else None
        if value is None:
            return None
        if self.merge == COUNT:
            return 1, at
        return None if self._order(value) is None else (value, at)

    def join(self, known: Register, told: Register) -> Register:
        """The register that heard what both heard."""
        (mine, mine_at), (other, other_at) = known, told
        if self.merge == COUNT:
            return _whole(mine) + _whole(other), max(mine_at, other_at)
        if self.merge == ADD:
            both = _latest if self.type == SET else _later_values
            return self._held(both(_state(mine), _state(other))), max(mine_at, other_at)
        return told if self._before(told, known) else known

    def shown(self, register: Register, until: int, keep_days: int | None) -> object:
        """The value as of ``until``: of a set a list, of a map an object, both as JSON text; None if there is none."""
        value, _ = register
        if self.merge == COUNT:
            return _whole(value) or None
        if self.merge != ADD:
            return value
        oldest = until - keep_days * DAY_US if keep_days is not None else -(2**63)
        if self.type == SET:
            texts = sorted(text for text, at in _state(value).items() if at >= oldest)
            return f"[{','.join(texts)}]" if texts else None
        entries = {key: each for key, (each, at) in _state(value).items() if each is not None and at >= oldest}
        return canonical_json(entries) if entries else None

    def _held(self, state: dict[str, Any]) -> dict[str, Any]:
        if len(state) <= self.capacity:
            return state
        rank: Callable[[str], tuple[int, str]]
        rank = (lambda key: (state[key], key)) if self.type == SET else (lambda key: (state[key][1], key))
        return {key: state[key] for key in sorted(state, key=rank, reverse=True)[: self.capacity]}

    def _before(self, told: Register, known: Register) -> bool:
        """Whether what is told takes the place of what is known."""
        if self.merge == FIRST:
            return _earlier(told, known)
        new, old = self._order(told[0]), self._order(known[0])
        if new is None or old is None:  # kept under a type that it no longer has, until it is made anew
            return old is None
        if new == old:
            return _earlier(told, known)
        smaller = cast("Any", new) < cast("Any", old)
        return smaller if self.merge == MIN else not smaller

    def _order(self, value: object) -> _Comparable | None:
        return _ORDERS[self.type](value)


def as_set_text(value: object) -> str | None:
    """The JSON text of a list; anything else is the only element of one."""
    decoded = _decoded(value, "[")
    return None if value is None else canonical_json(decoded if isinstance(decoded, list) else [decoded])


def as_map_text(value: object) -> str | None:
    """The JSON text of an object; None for anything else."""
    decoded = _decoded(value, "{")
    return canonical_json(decoded) if isinstance(decoded, dict) else None


Rules = Mapping[str, Rule]
# How sets and maps are shown: as their JSON text, like lists and objects of which nothing is defined.
AS_TEXT: Final[Mapping[str, Callable[[object], str | None]]] = {SET: as_set_text, MAP: as_map_text}


def rule_of(definition: AttributeDefinition) -> Rule | None:
    """The rule of a definition; None for one that keeps its last value, as every attribute does that has no rule."""
    if definition.merge == LAST:
        return None
    return Rule(definition.type, definition.merge, definition.capacity)


def hear(registers: Registers, told: Registers, rules: Rules) -> bool:
    """Let registers hear other registers by the rules; True if any changed. A name without a rule keeps its last."""
    changed = False
    for name, register in told.items():
        known = registers.get(name)
        if known is None:
            joined = register
        elif (rule := rules.get(name)) is not None:
            joined = rule.join(known, register)
        else:
            joined = (
                register if known[1] < register[1] or (known[1] == register[1] and later(register, known)) else known
            )
        if joined is not known:
            registers[name] = joined
            changed |= joined != known
    return changed


def saying(name: str, value: object, at: int, rules: Rules) -> Register | None:
    """The register of one saying by the rule of its attribute."""
    rule = rules.get(name)
    return (value, at) if rule is None else rule.told(value, at)


def since(register: Register, at: int) -> Register | None:
    """What is left of a register when what was said up to ``at`` is forgotten; None if nothing is.

    A count stays whole, and a value that was said before is gone even if it was said again later and had not to move.
    """
    value, said_at = register
    if said_at <= at:
        return None
    if not isinstance(value, dict):
        return register
    return {key: each for key, each in value.items() if (each if isinstance(each, int) else each[1]) > at}, said_at


def _elements(value: object, at: int) -> Iterator[tuple[str, int]]:
    """(JSON text, at) of each element said: those of a list, or the value itself."""
    decoded = _decoded(value, "[")
    for each in decoded if isinstance(decoded, list) else (decoded,):
        if each is not None:
            yield canonical_json(each), at


def _entries(value: object, at: int) -> Iterator[tuple[str, tuple[object, int]]]:
    """(key, (value, at)) of each key said. What is no object says nothing."""
    decoded = _decoded(value, "{")
    if isinstance(decoded, dict):
        for key, each in decoded.items():
            yield str(key), (canonical_json(each) if isinstance(each, list | dict) else each, at)


def _decoded(value: object, opening: str) -> object:
    """Lists and objects are said as their JSON text: see ``people.said``."""
    if isinstance(value, str) and value.startswith(opening):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _earlier(one: Register, other: Register) -> bool:
    if one[1] != other[1]:
        return one[1] < other[1]
    return canonical_json(one[0]) < canonical_json(other[0])


def _latest(mine: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: max(mine.get(key, at), other.get(key, at)) for key, at in {**mine, **other}.items()}


def _later_values(mine: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    joined: Registers = {key: (value, at) for key, (value, at) in mine.items()}
    absorb(joined, {key: (value, at) for key, (value, at) in other.items()})
    return dict(joined)


def _state(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
