"""Selections as SQL: conditions, orders, and where the next page begins.

Every key that rows are sorted by is without NULL, so that "behind this row" is a comparison of keys one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from footfall.engines.database import literal
from footfall.errors import BadRecord
from footfall.model.selection import Branch, Field, Kind, Order, Term, Value

_NOTHING: Final = {Kind.TEXT: "''", Kind.NUMBER: "0::DOUBLE", Kind.BOOLEAN: "false", Kind.INSTANT: "0::BIGINT"}
_ESCAPED: Final = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_", "*": "%", "?": "_"})


class Columns(Protocol):
    """What the sources of a kind of rows are in SQL."""

    def value(self, field: Field) -> str:
        """SQL of a field's value in its kind: VARCHAR, DOUBLE, BOOLEAN, or BIGINT milliseconds; NULL if not there."""

    def test(self, field: Field, condition: Callable[[str], str]) -> str:
        """SQL that is true where ``condition`` of the value is; NULL or false elsewhere."""


@dataclass(frozen=True, slots=True)
class Key:
    """A sort key. sql: never NULL. kind: of its value."""

    sql: str
    kind: Kind
    descending: bool = False


def answers(branch: Branch, columns: Columns, bounds: Callable[[Branch], Sequence[str]]) -> str:
    """SQL that is true for the rows of a branch, false for all others. bounds: conditions for its instants."""
    parts = [*bounds(branch), *(_term(term, columns) for term in branch.terms)]
    return " AND ".join(parts) or "true"


def _term(term: Term, columns: Columns) -> str:
    negated = term.operator in ("!=", "!~")
    operator = {"!=": "==", "!~": "~"}.get(term.operator, term.operator)
    found = columns.test(term.field, lambda sql: _compared(sql, term.field.kind, operator, term.value))
    return f"{'NOT ' if negated else ''}coalesce({found}, false)"


def _compared(sql: str, kind: Kind, operator: str, value: Value) -> str:
    if kind is not Kind.TEXT:
        return f"{sql} {operator} {written(value)}"
    if operator == "~":
        return f"lower({sql}) LIKE lower({literal(str(value).translate(_ESCAPED))}) ESCAPE '\\'"
    return f"lower({sql}) {operator} lower({written(value)})"


def written(value: Value) -> str:
    """A value as a SQL literal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return literal(value) if isinstance(value, str) else repr(value)


def sort_keys(orders: Sequence[Order], columns: Columns, certain: frozenset[str] = frozenset()) -> list[Key]:
    """Keys for ``orders``. certain: sources that every row has."""
    keys: list[Key] = []
    for order in orders:
        field = order.field
        value = columns.value(field)
        sql = f"lower({value})" if field.kind is Kind.TEXT else value
        if field.source not in certain:
            keys.append(Key(f"({value}) IS NULL", Kind.BOOLEAN))
            sql = f"coalesce({sql}, {_NOTHING[field.kind]})"
        keys.append(Key(sql, field.kind, order.descending))
    return keys


def order_by(keys: Sequence[Key]) -> str:
    return ", ".join(f"{key.sql}{' DESC' if key.descending else ''}" for key in keys)


def behind(keys: Sequence[Key], after: Sequence[Value]) -> str:
    """SQL that is true for rows that come behind the row with these values. Raises ``BadRecord`` if they do not fit."""
    if len(keys) != len(after) or any(not _fits(key.kind, value) for key, value in zip(keys, after, strict=True)):
        raise BadRecord("bad_query", "The scrollId is not one of this list")
    found = ""
    for key, value in reversed(list(zip(keys, after, strict=True))):
        beyond = f"{key.sql} {'<' if key.descending else '>'} {written(value)}"
        found = f"({beyond} OR {key.sql} = {written(value)} AND {found})" if found else beyond
    return found


def _fits(kind: Kind, value: Value) -> bool:
    if isinstance(value, bool) or kind is Kind.BOOLEAN:
        return isinstance(value, bool) and kind is Kind.BOOLEAN
    return isinstance(value, str) == (kind is Kind.TEXT)
