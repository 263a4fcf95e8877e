"""Registers as files show them: each value under its api name, in its attribute's type."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import select

from footfall.model.attribute_definitions import ADD
from footfall.model.attributes import ATTRIBUTES, COERCIONS, Type
from footfall.model.merging import AS_TEXT, hear
from footfall.model.people import Register, Registers, absorb
from footfall.stores import schema
from footfall.stores.defined import Defined, read_defined

if TYPE_CHECKING:
    from sqlalchemy import Connection


# The Python type whose values an attribute of a type shows unchanged: most values need no coercion.
_AS_IT_IS: Final[dict[str, type]] = {
    Type.STRING: str,
    Type.LONG: int,
    Type.BOOLEAN: bool,
    "STRING": str,
    "NUMBER": int,
    "BOOLEAN": bool,
}
_encode: Final = msgspec.json.Encoder().encode

Coerce = Callable[[object], object]


class Shown:
    """How the registers of users or of accounts are shown as of an instant.

    hear: how registers of the same person hear one another. nothing: what is shown of whom nothing was said.
    """

    def __init__(self, connection: Connection, entity: str, until: int) -> None:
        self._defined = read_defined(connection, entity)
        self._until = until
        found = types_of(connection, entity, self._defined)
        self._ways = {name: self._way(name, api, type_) for name, (api, type_) in found.items()}
        definitions = self._defined.definitions
        self._defaults = {
            found[name][0]: coercion(found[name][1])(each.default)
            for name, each in sorted(definitions.items())
            if each.default is not None and name in found
        }
        self.hear: Callable[[Registers, Registers], bool] = absorb
        if self._defined.rules:
            self.hear = partial(hear, rules=self._defined.rules)
        self.nothing = self.text({})

    def text(self, registers: Registers) -> str:
        """A JSON object. What does not fit its type, null, and what is not enabled is left out."""
        return _encode(self.values(registers)).decode()

    def values(self, registers: Registers) -> dict[str, object]:
        """The same as values by api name."""
        ways, shown = self._ways, dict(self._defaults)
        for name, register in registers.items():
            value = register[0]
            if value is not None and (way := ways.get(name)) is not None:
                api_name, coerce, as_it_is, merged = way
                if merged is not None:
                    value = merged(register)
                typed = value if type(value) is as_it_is else coerce(value)
                if typed is not None:
                    shown[api_name] = typed
        return shown

    def _way(
        self, name: str, api_name: str, type_: str
    ) -> tuple[str, Coerce, type | None, Callable[[Register], object] | None]:
        rule, definition = self._defined.rules.get(name), self._defined.definitions.get(name)
        merged: Callable[[Register], object] | None = None
        if rule is not None and definition is not None:
            merged = partial(rule.shown, until=self._until, keep_days=definition.keep_days)
        as_it_is = str if rule is not None and rule.merge == ADD else _AS_IT_IS.get(type_)
        return api_name, coercion(type_), as_it_is, merged


def coercion(type_: str) -> Coerce:
    """What makes a value one of the type, or None."""
    return AS_TEXT.get(type_) or COERCIONS[type_]


def types_of(connection: Connection, entity: str, defined: Defined) -> dict[str, tuple[str, Any]]:
    """``{name: (api name, type)}`` of every attribute that is shown: default ones, defined ones, and those in use."""
    table = schema.attribute
    query = select(table.c.name, table.c.api_name, table.c.type).where(table.c.entity == entity)
    found: dict[str, tuple[str, Any]] = {name: (name, type_) for name, type_ in ATTRIBUTES[entity].items()}
    found |= {name: (api_name, type_) for name, api_name, type_ in connection.execute(query)}
    for name, each in defined.definitions.items():
        if each.state != "ENABLED":
            found.pop(name, None)
        elif name not in ATTRIBUTES[entity]:
            found[name] = (each.api_name, each.type)
    return found
