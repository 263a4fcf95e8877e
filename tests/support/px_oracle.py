"""What a filter and a sort of the PX dialect mean, worked out on shown records one by one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cmp_to_key
from typing import Any

from footfall.model.selection import Field, Kind

Record = Mapping[str, Any]


def value_of(record: Record, name: str) -> Any:
    found: Any = record
    for step in name.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def answers(record: Record, filters: Sequence[str], kinds: Mapping[str, Kind]) -> bool:
    """``filters`` as in a request; each is terms joined by ``;``."""
    return not filters or any(
        all(_holds(record, term, kinds) for term in text.split(";") if term.strip()) for text in filters
    )


def _holds(record: Record, term: str, kinds: Mapping[str, Kind]) -> bool:
    found = re.fullmatch(r"([\w.]+)(==|!=|<=|>=|!~|<|>|~)(.*)", term)
    assert found is not None
    name, operator, given = found.groups()
    value = value_of(record, name)
    if operator in ("!=", "!~"):
        return not _holds(record, f"{name}{ {'!=': '==', '!~': '~'}[operator] }{given}", kinds)
    if value is None:
        return False
    kind = kinds[name]
    if operator == "~":
        pattern = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in given.lower())
        return re.fullmatch(pattern, value.lower(), re.DOTALL) is not None
    wanted = {
        Kind.TEXT: lambda: given.lower().encode(),
        Kind.NUMBER: lambda: float(given),
        Kind.BOOLEAN: lambda: given == "true",
        Kind.INSTANT: lambda: int(given),
    }[kind]()
    value = value.lower().encode() if kind is Kind.TEXT else value
    return bool(
        {
            "==": lambda: value == wanted,
            "<": lambda: value < wanted,
            "<=": lambda: value <= wanted,
            ">": lambda: value > wanted,
            ">=": lambda: value >= wanted,
        }[operator]()
    )


def ordered(records: Sequence[Record], sort: str) -> list[Record]:
    """Stable: of equals the earlier one comes first; what a record does not have comes last."""
    fields = [(part.lstrip("-"), part.startswith("-")) for part in sort.split(";") if part]

    def compare(one: Record, other: Record) -> int:
        for name, descending in fields:
            a, b = value_of(one, name), value_of(other, name)
            if a is None or b is None:
                if (a is None) != (b is None):
                    return 1 if a is None else -1
                continue
            a, b = (x.lower().encode() if isinstance(x, str) else x for x in (a, b))
            if a != b:
                return (1 if a > b else -1) * (-1 if descending else 1)
        return 0

    return sorted(records, key=cmp_to_key(compare))


def kinds_of(fields: Mapping[str, Field]) -> dict[str, Kind]:
    return {name: field.kind for name, field in fields.items()}
