"""Rules about fields: dotted paths with wildcards, what happens to what they name, and how that is found quickly.

``traits.email`` is one field, ``traits.*`` every field one level down, ``traits.**`` every field at any depth. A dot
that belongs to a name is written ``\\.``. Names are compared without case; the elements of a list have the path of the
list. A rule that names an object means all that is in it, but for what an earlier rule names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from footfall.errors import Refused
from footfall.model.address import shortened

ACTIONS: Final = ("keep", "drop", "hash", "tokenise", "coarsen")
ROOTS: Final = ("properties", "traits", "context", "event")
_ANY: Final = "*"
_DEEP: Final = "**"
_EMAIL: Final = re.compile(r"[^@\s]++@([^@\s]++)")
_DIGITS: Final = 2  # that a coarse number keeps

GONE: Final = object()
"""What a field becomes that is dropped."""
Change = Callable[[str, Any, str], Any]
"""(action, value, path) -> the value that is kept, or ``GONE``."""
Rule = tuple[tuple[str, ...], str]
"""The parts of a path, and the action."""
States = frozenset[tuple[int, int]]
"""Rules by their numbers, and how many parts of the path of each were come past."""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """path: which fields. action: one of ``ACTIONS``."""

    path: str
    action: str


def segments_of(path: str) -> tuple[str, ...]:
    """The parts of a path. Raises ``Refused`` for one that has empty parts."""
    parts = tuple(part.replace("\\.", ".").casefold() for part in re.split(r"(?<!\\)\.", path))
    if not all(parts):
        raise Refused(f"the path '{path}' has an empty part", "Write it as in traits.email")
    return parts


def escaped(name: str) -> str:
    """A name as one part of a path."""
    return name.replace(".", "\\.")


class Matcher:
    """Where one stands in a tree of fields: which rules may still fit below, and which one fits here.

    action: of the first rule that fits this field; None if none does. below: whether an earlier one may fit something
    in it. Places are made when they are first come to. What is remembered is bounded by the rules alone, whatever
    events say: places at which the same rules may fit are one, and names of which no rule knows are one name.
    """

    __slots__ = ("_known", "_names", "_places", "_rules", "_states", "action", "below")

    def __init__(
        self, rules: Sequence[Rule], states: States, names: frozenset[str], places: dict[States, Matcher]
    ) -> None:
        self._rules, self._states, self._names, self._places = rules, states, names, places
        self._known: dict[str, Matcher | None] = {}
        ended = [rule for rule, at in states if at == len(rules[rule][0])]
        first = min(ended, default=len(rules))
        self.action = rules[first][1] if ended else None
        self.below = any(rule < first and at < len(rules[rule][0]) for rule, at in states)

    @classmethod
    def of(cls, rules: Sequence[FieldRule]) -> Matcher:
        """The place above the roots."""
        read = [(segments_of(rule.path), rule.action) for rule in rules]
        names = frozenset(part for parts, _ in read for part in parts)
        return cls(read, frozenset((index, 0) for index in range(len(read))), names, {})

    def into(self, name: str) -> Matcher | None:
        """The place of a field in this one; None where no rule fits it or anything in it."""
        folded = name.casefold()
        if folded not in self._names:
            folded = ""  # no part of a path is empty
        try:
            return self._known[folded]
        except KeyError:
            found = self._known[folded] = self._step(folded)
            return found

    def _step(self, name: str) -> Matcher | None:
        states = set()
        for rule, at in self._states:
            parts = self._rules[rule][0]
            if at == len(parts):
                states.add((rule, at))  # what is in a named object is named, too
            elif parts[at] == _DEEP:
                states |= {(rule, at), (rule, at + 1)}
            elif parts[at] in (_ANY, name):
                states.add((rule, at + 1))
        return self._place(frozenset(states)) if states else None

    def _place(self, states: States) -> Matcher:
        found = self._places.get(states)
        if found is None:
            found = self._places[states] = Matcher(self._rules, states, self._names, self._places)
        return found


def changed(value: Any, place: Matcher, change: Change, path: str = "") -> Any:
    """A value after the rules, or ``GONE``; objects and lists are changed where they are."""
    if place.action is not None and not place.below:
        return _whole(value, place.action, change, path)
    if isinstance(value, dict):
        for name in list(value):
            into = place.into(name)
            if into is not None:
                kept = changed(value[name], into, change, f"{path}.{name}" if path else name)
                if kept is GONE:
                    del value[name]
                else:
                    value[name] = kept
        return value
    if isinstance(value, list):
        value[:] = [kept for each in value if (kept := changed(each, place, change, path)) is not GONE]
        return value
    return value if place.action is None else _whole(value, place.action, change, path)


def _whole(value: Any, action: str, change: Change, path: str) -> Any:
    if action == "keep":
        return value
    if action == "drop":
        return GONE
    if isinstance(value, dict):
        kept = {name: _whole(each, action, change, f"{path}.{name}") for name, each in value.items()}
        return {name: each for name, each in kept.items() if each is not GONE}
    if isinstance(value, list):
        return [kept for each in value if (kept := _whole(each, action, change, path)) is not GONE]
    return value if value is None else change(action, value, path)


def coarse(value: Any) -> Any:
    """A value that says less: the network of an address, the domain of an e-mail, the day of an instant, the host of a
    URL, two digits of a number, a truth as it is. Any other text is ``GONE``: what it says cannot be told."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _rounded(value)
    text = str(value).strip()
    if (found := _EMAIL.fullmatch(text)) and "." in found[1][1:-1]:
        return "@" + found[1].casefold()
    try:
        ip_address(text)
        return shortened(text, "truncated")
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).date().isoformat()
    except ValueError:
        pass
    if "://" in text:
        try:
            parts = urlsplit(text)
            return f"{parts.scheme}://{parts.hostname}" if parts.hostname else GONE
        except ValueError:
            return GONE
    return GONE


def _rounded(value: float) -> float:
    if value != value or value in (float("inf"), float("-inf")):
        return value
    rounded = float(f"{value:.{_DIGITS - 1}e}")
    return int(rounded) if isinstance(value, int) else rounded
