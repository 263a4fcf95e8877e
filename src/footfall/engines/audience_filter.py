"""Conditions of an audience export as SQL. Values are bound, never part of the text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from footfall.model.audience_export import EQUAL, EXISTS, MISSING, ONE_OF, UNEQUAL, Condition, Value
from footfall.model.columns import NUMBER
from footfall.model.user_fields import UserField


def where(conditions: Sequence[Condition], fields: Sequence[UserField], sql_of: Callable[[UserField], str]) -> str:
    """SQL that is true for who meets every condition. fields: of each condition. sql_of: SQL for a field's value."""
    parts = [
        _condition(number, condition, field, sql_of(field))
        for number, (condition, field) in enumerate(zip(conditions, fields, strict=True))
    ]
    return " AND ".join(parts) or "true"


def parameters(conditions: Sequence[Condition], fields: Sequence[UserField]) -> dict[str, Value]:
    """What the parameters of ``where`` are bound to. Raises ``Refused`` for a value that is not of its field's type."""
    return {
        _name(number, place): float(value) if field.type == NUMBER else value
        for number, (condition, field) in enumerate(zip(conditions, fields, strict=True))
        for place, value in enumerate(condition.typed(field))
    }


def _condition(number: int, condition: Condition, field: UserField, sql: str) -> str:
    if condition.operator == EXISTS:
        return f"({sql}) IS NOT NULL"
    if condition.operator == MISSING:
        return f"({sql}) IS NULL"
    # Numbers are kept as text, so that files show them as they were told.
    left = f"try_cast({sql} AS DOUBLE)" if field.type == NUMBER else f"({sql})"
    names = [f"${_name(number, place)}" for place in range(len(condition.values))]
    if condition.operator in (EQUAL, ONE_OF, UNEQUAL):
        return f"({left} IN ({', '.join(names)})) IS {_TRUTH[condition.operator]}"
    return f"({left} {condition.operator} {names[0]}) IS TRUE"


_TRUTH: Final = {EQUAL: "TRUE", ONE_OF: "TRUE", UNEQUAL: "NOT TRUE"}


def _name(number: int, place: int) -> str:
    return f"c{number}_{place}"
