"""What events say of themselves, as the WHERE of a rule asks it: what there is to ask for, and as what values compare.

Nobody declares the types of an event's properties, and clients send numbers as texts. So the value in the rule says how
it is compared: a number with numbers, true and false with booleans, a date with instants, any other text with texts.
What the event has is read that way if it can be; else the comparison does not hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from footfall.errors import Refused
from footfall.model.attributes import instant_us

PROPERTY: Final = "property"
EVENT: Final = "event"
PAGE: Final = ("url", "path", "host", "title", "name", "referrer")
TERMS: Final = ("product", "environment", "channel")
EVENT_FIELDS: Final = (*TERMS, *(f"page.{name}" for name in PAGE))

# A date, with or without a time: what is a date to a property that is compared, too.
INSTANT: Final = r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,6})?)?(Z|[+-]\d\d(:?\d\d)?)?)?"
_INSTANT: Final = re.compile(INSTANT, re.ASCII)
_RELATIVE: Final = re.compile(r"\s*now([+-]\d{1,6}[mhdw])?\s*", re.IGNORECASE | re.ASCII)

DAYS_MAX: Final = 366
CONDITIONS_MAX: Final = 20
PER_RULE_MAX: Final = 20


class Kind(StrEnum):
    """As what a value is compared."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    INSTANT = "date"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Property:
    """What an event says: a property its client gave it or, with ``of`` ``event``, one of ``EVENT_FIELDS``.

    A property is looked for among the ``attributes`` of the event, then among its ``metrics``.
    """

    name: str
    of: str = PROPERTY

    def __post_init__(self) -> None:
        if self.of not in (PROPERTY, EVENT) or (self.of == EVENT and self.name not in EVENT_FIELDS):
            raise Refused(f"events have no field '{self.name}'", f"They have {', '.join(EVENT_FIELDS)}")
        if not self.name or not self.name.isprintable():
            raise Refused(f"{self.name!r} is no name", "A name has one or more characters, all of them printable")


def kind_of(value: str | int | float | bool) -> Kind:
    """As what a value in a rule is compared. A text is an instant if it is a date as ISO 8601 prints it."""
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, int | float):
        return Kind.NUMBER
    return Kind.INSTANT if _INSTANT.fullmatch(value) and instant_us(value) is not None else Kind.TEXT


def is_relative(value: object) -> bool:
    """Does it mean an instant relative to now, ``now-30d``?"""
    return isinstance(value, str) and _RELATIVE.fullmatch(value) is not None
