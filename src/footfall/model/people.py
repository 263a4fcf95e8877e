"""What is known about users and accounts: registers that end the same in whatever order they are told.

A *register* keeps one attribute: its value and the instant it was said. The later instant wins; of two values said at
the same instant the one with the larger canonical JSON does. So telling twice, late, or in any order changes nothing.
A *history* keeps, for each local day on which something was said, all registers as of that day's end.

Names: a default attribute (``model.attributes``) has one name however a client spells it; a custom attribute is
compared without regard to case and shown as its earliest use wrote it.
Sources: PX bucket export, "Users" and "Accounts"; PX "Use Custom Event API" (nested values are saved as text).
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast

from footfall.model.attributes import VALUE_CHARACTERS_MAX, custom_type, flattened, named

# (value, at in µs). The value is JSON-shaped.
Register = tuple[object, int]
Registers = dict[str, Register]
Scalar = str | int | float | bool | None

# What every JSON reader and every column of 64 bits can hold; larger whole numbers are kept as text.
_INTEGER_LIMIT: Final = 2**63
# Calls with more names are looked up each time: they are hardly made twice, and some thousand of them are gigabytes.
NAMES_KEPT: Final = 250
_canonical: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode
_AS_THEY_ARE: Final = frozenset({str, bool, float, type(None)})


@dataclass(frozen=True, slots=True, order=True)
class Definition:
    """A custom attribute: how its earliest use spelled and typed it. The smallest of all definitions stands."""

    first_at: int
    api_name: str
    type: str


def canonical_json(value: object) -> str:
    """The one text of a value: sorted keys, no spaces, any Unicode as it is."""
    return _canonical(value)


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """The names in one kind of call; calls of one kind have the same, so these are looked up once, together.

    kept: what each attribute is kept by, ``""`` for what names the entity itself. custom: (place, name, spelling) of
    those that are no default attributes. distinct: none is there twice and none is ``""``.
    """

    kept: tuple[str, ...]
    custom: tuple[tuple[int, str, str], ...]
    distinct: bool

    def registers(self, values: Sequence[Scalar], at: int) -> Registers:
        """The registers of a call. An attribute that it says in two spellings has the larger of the two values."""
        if self.distinct:
            return dict(zip(self.kept, [(value, at) for value in values], strict=True))
        registers: Registers = {}
        for name, value in zip(self.kept, values, strict=True):
            if name:
                tell(registers, name, value, at)
        return registers


def said(entity: str, attributes: Mapping[str, object]) -> tuple[Names, list[Scalar]]:
    """The attributes of a fact: their names, and the value of each.

    entity: ``user`` or ``account``. Lists and objects become JSON text, except those that hold default attributes.
    """
    if dict in map(type, attributes.values()):
        pairs = tuple(flattened(entity, attributes))
        given, values = tuple(name for name, _ in pairs), [value for _, value in pairs]
    else:
        given, values = tuple(attributes), list(attributes.values())
    names = (_known_names if len(given) <= NAMES_KEPT else _names)(entity, given)
    return names, [cast("Scalar", value) if type(value) in _AS_THEY_ARE else _scalar(value) for value in values]


def _names(entity: str, given: tuple[str, ...]) -> Names:
    found = [named(entity, each) for each in given]
    kept = tuple(name for name, _ in found)
    custom = tuple((place, name, spelling) for place, (name, spelling) in enumerate(found) if spelling is not None)
    return Names(kept, custom, "" not in kept and len(set(kept)) == len(kept))


_known_names: Final = lru_cache(maxsize=4096)(_names)


def _scalar(value: object) -> Scalar:
    if isinstance(value, int):
        return value if abs(value) < _INTEGER_LIMIT else str(value)
    return canonical_json(value)


def fits(value: object) -> bool:
    """Whether an attribute may have this value. One that is longer counts as not said."""
    return not isinstance(value, str) or len(value) <= VALUE_CHARACTERS_MAX


def define(definitions: dict[str, Definition], name: str, spelling: str, value: Scalar, at: int) -> bool:
    """Note the use of a custom attribute; True if its definition is new or earlier. Null defines nothing."""
    known = definitions.get(name)
    if value is None or (known is not None and known.first_at < at):
        return False
    found = Definition(at, spelling, custom_type(value))
    if known is not None and known <= found:
        return False
    definitions[name] = found
    return True


def tell(registers: Registers, name: str, value: object, at: int) -> bool:
    """Let one register hear a value; True if it changed."""
    return absorb(registers, {name: (value, at)})


def absorb(registers: Registers, told: Registers) -> bool:
    """Let registers hear other registers; True if any changed."""
    changed = False
    for name, register in told.items():
        known = registers.get(name)
        if known is None or known[1] < register[1] or (known[1] == register[1] and later(register, known)):
            registers[name] = register
            changed = True
    return changed


def later(one: Register, other: Register) -> bool:
    """Whether one of two registers of the same instant takes the other's place."""
    return canonical_json(one[0]) > canonical_json(other[0])


class History:
    """Registers of one user or account by local day, as far as they are needed.

    rows: (day number, registers), days rising. Missing earlier days are allowed if no fact lies before the first row
    that is here, except as the row to start from. hear: how registers hear others; by default the last value is kept.
    """

    def __init__(
        self, rows: list[tuple[int, Registers]], hear: Callable[[Registers, Registers], bool] = absorb
    ) -> None:
        self._hear = hear
        self.days = [day for day, _ in rows]
        self.states = [registers for _, registers in rows]
        self.changed: set[int] = set()

    def tell(self, day: int, told: Registers) -> None:
        """Apply what was said on local ``day`` to that day's end and every later one."""
        place = bisect_right(self.days, day)
        if place == 0 or self.days[place - 1] != day:
            self.days.insert(place, day)
            self.states.insert(place, dict(self.states[place - 1]) if place else {})
            self.changed.add(day)
        else:
            place -= 1
        for later in range(place, len(self.days)):
            if self._hear(self.states[later], told):
                self.changed.add(self.days[later])

    def rows(self) -> Iterator[tuple[int, Registers]]:
        """The rows that changed since the beginning."""
        for day, registers in zip(self.days, self.states, strict=True):
            if day in self.changed:
                yield day, registers


def resolve(merges: Mapping[str, tuple[str, int]]) -> dict[str, str]:
    """Who each merged user finally is: ``{text: (into, at)}`` to ``{text: last one}``.

    In a ring (A is B, later B is A) the earliest merge is void, so that the last one said stands.
    """
    final: dict[str, str] = {}
    void: set[str] = set()
    for start in merges:
        path: list[str] = []
        step = start
        while step in merges and step not in void and step not in final and step not in path:
            path.append(step)
            step = merges[step][0]
        if step in path:
            ring = path[path.index(step) :]
            step = min(ring, key=lambda text: (merges[text][1], text))
            void.add(step)
        last = final.get(step, step)
        final.update((text, last) for text in path if text != last)
    return final
