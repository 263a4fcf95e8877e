"""Rules of audiences as SQL over ``p``: the columns that the subjects of the rules became. Values are bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from footfall.model.attributes import instant_us
from footfall.model.audience_fields import Fields, typed
from footfall.model.audience_rules import (
    BETWEEN,
    CONTAINS,
    EQUAL,
    EXISTS,
    FIRST,
    LAST,
    LIKE,
    ONE_OF,
    UNEQUAL,
    All,
    Compare,
    Everyone,
    Happened,
    Included,
    Not,
    Rule,
    Some,
    Subject,
    Value,
)
from footfall.model.audience_text import write
from footfall.model.user_fields import LIST

# The texts that LIKE gives a meaning to; a star is any text.
PATTERN: Final = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_", "*": "%"})


@dataclass(slots=True)
class RuleSql:
    """Translates rules.

    fields: that there are. now: of relative instants. columns: the column of each subject that was asked for, filled on
    the way. listed: of them, those whose items are asked for, in a column of their own. members: the column of each
    audience that rules may include. bound: the values of the parameters.
    """

    fields: Fields
    now: datetime
    columns: dict[Subject, str] = field(default_factory=dict)
    listed: dict[Subject, None] = field(default_factory=dict)
    members: Mapping[str, str] = field(default_factory=dict)
    bound: dict[str, Value] = field(default_factory=dict)

    def sql(self, rule: Rule) -> str:
        """A boolean that is never NULL. Raises ``Refused`` for a value that does not fit what it is compared with."""
        match rule:
            case All(rules):
                return f"({' AND '.join(map(self.sql, rules))})"
            case Some(rules):
                return f"({' OR '.join(map(self.sql, rules))})"
            case Not(inner):
                return f"(NOT {self.sql(inner)})"
            case Everyone():
                return "true"
            case Included(audience):
                return f"p.{self.members[audience]}"
            case Compare():
                return self._compare(rule)

    def shown(self, subject: Subject) -> str:
        """SQL for the value of a subject as people are shown it."""
        column = f"p.{self.column(subject)}"
        in_ms = isinstance(subject, Happened) and subject.measure in (FIRST, LAST)
        return f"instant_text({column} * 1000)" if in_ms else column

    def with_items(self, rows: str) -> str:
        """SQL of the same rows with the items of what are lists, each taken apart once for all rules."""
        items = [
            f"CASE WHEN is_list(p.{column}) THEN items_of(p.{column}) END AS {column}_items"
            for column in map(self.column, self.listed)
        ]
        return f"SELECT p.*, {', '.join(items)} FROM ({rows}) p" if items else rows

    def column(self, subject: Subject) -> str:
        """The column of a subject."""
        return self.columns.setdefault(subject, f"s{len(self.columns)}")

    def _compare(self, compare: Compare) -> str:
        kind = self.fields.type_of(compare.subject)
        values = typed(compare, kind, self.now)
        if isinstance(compare.subject, Happened) and compare.subject.measure in (FIRST, LAST):
            values = tuple((instant_us(value) or 0) // 1000 for value in values)
        column, operator = f"p.{self.column(compare.subject)}", compare.operator
        if operator == EXISTS:
            return f"({column} IS NOT NULL)"
        if operator == LIKE:
            values = (str(values[0]).translate(PATTERN),)
        names = [self._bind(value) for value in values]
        if operator in (EQUAL, ONE_OF, UNEQUAL):
            return f"(({column} IN ({', '.join(names)})) IS {'NOT TRUE' if operator == UNEQUAL else 'TRUE'})"
        if operator == BETWEEN:
            return f"(({column} BETWEEN {names[0]} AND {names[1]}) IS TRUE)"
        if operator == LIKE:
            return f"(({column} LIKE {names[0]} ESCAPE '\\') IS TRUE)"
        if operator == CONTAINS:
            items = f"{column}_items"
            self.listed[compare.subject] = None
            text = "false" if kind == LIST else f"contains({column}, {names[0]})"
            within = f"list_contains({items}, {names[0]})"
            return f"((CASE WHEN {items} IS NOT NULL THEN {within} ELSE {text} END) IS TRUE)"
        return f"(({column} {operator} {names[0]}) IS TRUE)"

    def _bind(self, value: Value) -> str:
        name = f"r{len(self.bound)}"
        self.bound[name] = value
        return f"${name}"


def shown(rule: Rule) -> str:
    """What stands for a rule in an explanation: a condition whole, of a joining rule the word."""
    match rule:
        case All():
            return "AND"
        case Some():
            return "OR"
        case Not():
            return "NOT"
        case _:
            return write(rule)


def asked_of(rule: Rule) -> Subject | None:
    """The subject of a condition."""
    return rule.subject if isinstance(rule, Compare) else None
