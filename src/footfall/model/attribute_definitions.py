"""What an attribute is defined to be: its type, whether it is shown, its default, and what becomes of several sayings.

Nothing has to be defined: an attribute that is only ever said is of the type of its earliest use and keeps its last
value. A definition says more. docs/guide/people.md is this module in prose.

Sources: PX REST API, "Attribute model" (apiName, type, state, origin, defaultValue); Lytics "User fields" and LQL
(merge operators, is_identifier, is_pii, capacity, keep_days).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from footfall.errors import Refused
from footfall.model.attributes import ATTRIBUTES, COERCIONS, CUSTOM_TYPES, Type, Typed, named

ENTITIES: Final = ("user", "account")
SET: Final = "SET"
MAP: Final = "MAP"
TYPES: Final = (*CUSTOM_TYPES, SET, MAP)
STATES: Final = ("ENABLED", "DISABLED", "DELETED")
LAST, FIRST, MIN, MAX, COUNT, ADD = "last", "first", "min", "max", "count", "add"
# What may become of several sayings, by type; the first is usual.
MERGES: Final = {
    "STRING": (LAST, FIRST, MIN, MAX),
    "NUMBER": (LAST, FIRST, MIN, MAX, COUNT),
    "BOOLEAN": (LAST, FIRST, MIN, MAX),
    "DATE_TIME": (LAST, FIRST, MIN, MAX),
    SET: (ADD, LAST),
    MAP: (ADD, LAST),
}
DEFAULT, CUSTOM = "DEFAULT", "CUSTOM"
CAPACITY: Final = 100
CAPACITY_MAX: Final = 10_000
KEEP_DAYS_MAX: Final = 36_500
SHARED_BY: Final = 5
SHARED_BY_MAX: Final = 1_000
NAME_CHARACTERS_MAX: Final = 200
_PRINTED: Final = {Type.STRING: "STRING", Type.LONG: "NUMBER", Type.BOOLEAN: "BOOLEAN", Type.DATE: "DATE_TIME"}
_IDENTIFYING: Final = frozenset({"STRING", "NUMBER", SET})


@dataclass(frozen=True, slots=True)
class AttributeDefinition:
    """One attribute of users or of accounts.

    api_name: as files and the API spell it. merge: what becomes of several sayings; see ``model.merging``.
    state: what is not ENABLED is kept and not shown. default: shown for who has no value; of a scalar type.
    capacity: how many elements a set, or keys a map, holds at most. keep_days: how long each is shown after it was said
    last; None: for ever. is_pii: personal data. is_identifier: users who share a value are one person, unless more than
    ``shared_by_max`` share it.
    """

    entity: str
    api_name: str
    type: str
    merge: str = LAST
    state: str = "ENABLED"
    label: str = ""
    description: str = ""
    default: Typed | None = None
    capacity: int = CAPACITY
    keep_days: int | None = None
    is_pii: bool = False
    is_identifier: bool = False
    shared_by_max: int = SHARED_BY

    @property
    def name(self) -> str:
        """What it is kept by: the same for every spelling."""
        return named(self.entity, self.api_name)[0]

    @property
    def origin(self) -> str:
        """DEFAULT for a column of the source documents, CUSTOM for any other."""
        return DEFAULT if self.name in ATTRIBUTES[self.entity] else CUSTOM


def usual(entity: str, api_name: str, type: str = "", **more: Any) -> AttributeDefinition:
    """The definition of an attribute of which only ``more`` is said.

    A default attribute is of its own type, any other one is text unless ``type`` says so; sayings merge as is usual for
    the type. Raises ``Refused`` for an entity that is none.
    """
    if entity not in ENTITIES:
        raise Refused(f"'{entity}' has no attributes", f"Use {' or '.join(ENTITIES)}")
    name = named(entity, api_name)[0]
    own = ATTRIBUTES[entity].get(name)
    found = type or (_PRINTED[own] if own is not None else "STRING")
    given = {"merge": MERGES.get(found, (LAST,))[0]} | {each: value for each, value in more.items() if value != ""}
    return AttributeDefinition(entity, api_name if own is None else name, found, **given)


def check(definition: AttributeDefinition) -> None:
    """Raises ``Refused``, with what to write instead, for a definition that could not work."""
    about = f"{definition.entity} attribute '{definition.api_name}'"
    if not 0 < len(definition.api_name) <= NAME_CHARACTERS_MAX or not definition.name:
        raise Refused(f"{about} cannot be set by anybody", "docs/reference/attributes.md has the names that are taken")
    own = ATTRIBUTES[definition.entity].get(definition.name)
    if own is not None and definition.type != _PRINTED[own]:
        raise Refused(f"{about} is a default attribute of type {_PRINTED[own]}", "Leave its type out")
    for word, value, choices in (
        ("type", definition.type, TYPES),
        ("state", definition.state, STATES),
        ("merge rule", definition.merge, MERGES.get(definition.type, ())),
    ):
        if value not in choices:
            raise Refused(f"{about} cannot have the {word} '{value}'", f"Use one of {', '.join(choices)}")
    _check_numbers(about, definition)
    if definition.default is not None and (
        not isinstance(definition.default, str | int | float)
        or definition.type not in CUSTOM_TYPES
        or COERCIONS[definition.type](definition.default) is None
    ):
        raise Refused(f"{definition.default!r} is no {definition.type}", f"Give {about} a default of its type, or none")
    if definition.is_identifier and (definition.entity != "user" or definition.type not in _IDENTIFYING):
        raise Refused(
            f"{about} cannot identify a person", "Identifiers are attributes of users, of type STRING, NUMBER or SET"
        )


def _check_numbers(about: str, definition: AttributeDefinition) -> None:
    if definition.merge != ADD and (definition.capacity != CAPACITY or definition.keep_days is not None):
        raise Refused(f"{about} keeps one value", "capacity and keep_days are for sets and maps that are added to")
    for word, value, low, high in (
        ("capacity", definition.capacity, 1, CAPACITY_MAX),
        ("keep_days", definition.keep_days, 1, KEEP_DAYS_MAX),
        ("shared_by_max", definition.shared_by_max, 2, SHARED_BY_MAX),
    ):
        if value is not None and not low <= value <= high:
            raise Refused(f"{about} cannot have {word} {value}", f"Use a whole number from {low} to {high}")


def plain_of(definition: AttributeDefinition) -> dict[str, Any]:
    """The definition as ``footfall.yaml`` has it: without what is usual."""
    plain: dict[str, Any] = {"entity": definition.entity, "api_name": definition.api_name, "type": definition.type}
    expected = usual(definition.entity, definition.api_name, definition.type)
    for name in _MORE:
        value = getattr(definition, name)
        if value != getattr(expected, name) or type(value) is not type(getattr(expected, name)):
            plain[name] = value
    return plain


def of_plain(plain: Mapping[str, Any]) -> AttributeDefinition:
    """The definition that ``footfall.yaml`` or the API says. Raises ``Refused`` for one that could not work."""
    given = {"entity": "user"} | {name: value for name, value in plain.items() if value is not None}
    definition = usual(**given)
    check(definition)
    return definition


_MORE: Final = tuple(each.name for each in fields(AttributeDefinition))[3:]
