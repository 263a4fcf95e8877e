"""What somebody asks of a list: which rows, in which order, from where on.

A selection is plain data between a dialect that reads it from a request and an engine that answers it. A ``source`` is
the engine's word for what a field is made of; the dialect knows which field of its own means which.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

Value = str | float | bool | int
OPERATORS: Final = ("==", "!=", "<=", ">=", "!~", "<", ">", "~")


class Kind(StrEnum):
    """What a field holds, and so how it is compared.

    INSTANT: whole milliseconds since 1970. OBJECT: cannot be compared.
    """

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    INSTANT = "instant"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a row: where it comes from and what it holds."""

    source: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. operator: of ``OPERATORS``; ``~`` knows ``*`` (any characters) and ``?`` (one).

    Texts are compared without regard to case. A row that has no such field answers ``!=`` and ``!~`` and nothing else.
    """

    field: Field
    operator: str
    value: Value


@dataclass(frozen=True, slots=True)
class Order:
    """One field rows are sorted by. Rows that do not have it come last, either way."""

    field: Field
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Branch:
    """Rows that answer every term and lie between two instants (``start`` included, ``end`` not)."""

    terms: tuple[Term, ...] = ()
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows that answer any of the branches. No branch at all means every row."""

    branches: tuple[Branch, ...] = ()
    orders: tuple[Order, ...] = ()
