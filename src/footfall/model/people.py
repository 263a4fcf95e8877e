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
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

from footfall.model.attributes import custom_type, flattened, named

# JSON-shaped on purpose, [value, at in µs]: it is stored as it is.
Register = tuple[object, int]
Registers = dict[str, Register]
Scalar = str | int | float | bool | None

# What every JSON reader and every column of 64 bits can hold; larger whole numbers are kept as text.
_INTEGER_LIMIT: Final = 2**63
_AS_THEY_ARE: Final = frozenset({str, bool, float, type(None)})


@dataclass(frozen=True, slots=True, order=True)
class Definition:
    """A custom attribute: how its earliest use spelled and typed it. The smallest of all definitions stands."""

    first_at: int
    api_name: str
    type: str


def canonical_json(value: object) -> str:
    """The one text of a value: sorted keys, no spaces, any Unicode as it is."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def said(entity: str, attributes: Mapping[str, object]) -> Iterator[tuple[str, str | None, Scalar]]:
    """(name, spelling, value) of the attributes of a fact; spelling is None for a default attribute.

    entity: ``user`` or ``account``. What names the entity itself is left out. Lists and objects become JSON text,
    except those that hold default attributes.
    """
    pairs: Iterable[tuple[str, object]] = attributes.items()
    if dict in map(type, attributes.values()):
        pairs = flattened(entity, attributes)
    for given, value in pairs:
        name, spelling = named(entity, given)
        if name:
            yield name, spelling, cast("Scalar", value) if type(value) in _AS_THEY_ARE else _scalar(value)


def _scalar(value: object) -> Scalar:
    if isinstance(value, int):
        return value if abs(value) < _INTEGER_LIMIT else str(value)
    return canonical_json(value)


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
    for name, (value, at) in told.items():
        known = registers.get(name)
        if known is None or known[1] < at or (known[1] == at and canonical_json(known[0]) < canonical_json(value)):
            registers[name] = (value, at)
            changed = True
    return changed


class History:
    """Registers of one user or account by local day, as far as they are needed.

    rows: (day number, registers), days rising. Missing earlier days are allowed if no fact lies before the first row
    that is here, except as the row to start from.
    """

    def __init__(self, rows: list[tuple[int, Registers]]) -> None:
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
            if absorb(self.states[later], told):
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
