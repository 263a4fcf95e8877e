"""The WHERE of rules as SQL over ``d``: what an event says of itself, each property in a column of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from footfall.engines.audience_values import attribute_pointer
from footfall.engines.database import literal
from footfall.engines.rule_sql import PATTERN
from footfall.errors import Refused
from footfall.model.attributes import as_string, instant_us
from footfall.model.audience_rules import (
    BETWEEN,
    CONTAINS,
    EQUAL,
    EXISTS,
    LIKE,
    ONE_OF,
    UNEQUAL,
    All,
    Compare,
    Everyone,
    Included,
    Not,
    Rule,
    Some,
    Value,
    walk,
)
from footfall.model.audience_where import PROPERTY, TERMS, Kind, Property, kind_of

_TYPED: Final = {
    Kind.NUMBER: "said_number({})",
    Kind.BOOLEAN: "said_boolean({})",
    Kind.INSTANT: "said_us({})",
    Kind.TEXT: "{}",
}
_PAGE: Final = ("url", "scheme", "host", "path", "query_string", "hash")
_PARTS: Final = {
    "page.url": (_PAGE, "page_url_of({})"),
    "page.path": (("path", *_PAGE), "page_path_of({0}, page_url_of({1}, {2}, {3}, {4}, {5}, {6}))"),
    "page.host": (("host", *_PAGE), "page_host_of({0}, page_url_of({1}, {2}, {3}, {4}, {5}, {6}))"),
}


class WhereSql:
    """Translates the WHEREs of one day's conditions.

    ``columns`` is SQL of what they ask for, over ``said``: the texts at the ``pointers`` of an event's properties.
    Every property is read once, however many conditions ask for it.
    """

    def __init__(self, wheres: Iterable[Rule]) -> None:
        asked = (each.subject for where in wheres for each in walk(where) if isinstance(each, Compare))
        self._names: dict[Property, str] = {}
        self.pointers: list[str] = []
        self.columns: list[str] = []
        self.joins = ""
        for subject in asked:
            if isinstance(subject, Property) and subject not in self._names:
                self._names[subject] = f"w{len(self._names)}"
                self.columns.append(f"{self._found(subject)} AS {self._names[subject]}")

    def sql(self, where: Rule) -> str:
        """A boolean that is never NULL."""
        match where:
            case All(rules):
                return f"({' AND '.join(map(self.sql, rules))})"
            case Some(rules):
                return f"({' OR '.join(map(self.sql, rules))})"
            case Not(inner):
                return f"(NOT {self.sql(inner)})"
            case Compare(Property() as subject, operator, values):
                return _compared(f"d.{self._names[subject]}", operator, values)
            case Compare() | Everyone() | Included():
                raise Refused("a WHERE asks what an event says of itself", "This is a fault of Footfall; report it")

    def _found(self, subject: Property) -> str:
        if subject.of == PROPERTY:
            name = attribute_pointer(subject.name)
            return f"coalesce({self._at(f'/attributes{name}')}, {self._at(f'/metrics{name}')})"
        if subject.name in TERMS:
            self.joins += f" LEFT JOIN term_texts {subject.name}_t ON {subject.name}_t.key = e.{subject.name}"
            return f"{subject.name}_t.text"
        parts, sql = _PARTS.get(subject.name, ((subject.name.removeprefix("page."),), "{}"))
        texts = [self._at(f"/page/{part}") for part in parts]
        return sql.format(", ".join(texts)) if sql.count("{") == 1 else sql.format(*texts)

    def _at(self, pointer: str) -> str:
        if pointer not in self.pointers:
            self.pointers.append(pointer)
        return f"e.said[{self.pointers.index(pointer) + 1}]"


def _compared(column: str, operator: str, values: Sequence[Value]) -> str:
    if operator == EXISTS:
        return f"({column} IS NOT NULL)"
    if operator == UNEQUAL:
        return f"(NOT {_compared(column, EQUAL, values)})"
    if operator == LIKE:
        pattern = literal(str(as_string(values[0])).translate(PATTERN))
        return f"(({column} LIKE {pattern} ESCAPE '\\') IS TRUE)"
    if operator == CONTAINS:
        asked = literal(str(as_string(values[0])))
        items = f"CASE WHEN is_list({column}) THEN list_contains(items_of({column}), {asked})"
        return f"(({items} ELSE contains({column}, {asked}) END) IS TRUE)"
    if operator in (EQUAL, ONE_OF):
        tests = [f"{_TYPED[kind_of(value)].format(column)} = {_written(value)}" for value in values]
        return f"(({' OR '.join(tests)}) IS TRUE)"
    typed = _TYPED[kind_of(values[0])].format(column)
    if operator == BETWEEN:
        return f"(({typed} BETWEEN {_written(values[0])} AND {_written(values[1])}) IS TRUE)"
    return f"(({typed} {operator} {_written(values[0])}) IS TRUE)"


def _written(value: Value) -> str:
    """A value in the type that it is compared in, as a literal."""
    match kind_of(value):
        case Kind.NUMBER:
            return f"{float(value)!r}::DOUBLE"
        case Kind.BOOLEAN:
            return "true" if value else "false"
        case Kind.INSTANT:
            return str(instant_us(value))
        case Kind.TEXT:
            return literal(str(value))
