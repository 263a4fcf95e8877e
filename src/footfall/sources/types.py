"""Types of columns, guessed from their first values, in the words of mappings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from footfall.ports import BadRow, RowBatch

STRING: Final = "string"
INT: Final = "int"
NUMBER: Final = "number"
BOOLEAN: Final = "boolean"
DATE: Final = "date"
SET: Final = "set"
MAP: Final = "map"

SHOWN_ROWS: Final = 20
_GUESSED_ROWS: Final = 1_000
# A number with a leading zero is a code: of a place, of an article.
_INT: Final = re.compile(r"[+-]?(?:0|[1-9]\d{0,18})", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_BOOLEAN: Final = re.compile(r"true|false", re.ASCII | re.IGNORECASE)
_DATE: Final = re.compile(
    r"\d{4}-[01]\d-[0-3]\d(?:[T ][0-2]\d:[0-5]\d(?::[0-6]\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_PATTERNS: Final = ((INT, _INT), (NUMBER, _NUMBER), (BOOLEAN, _BOOLEAN), (DATE, _DATE))
_KINDS: Final = {bool: BOOLEAN, int: INT, float: NUMBER, list: SET, dict: MAP}


def text_type(value: str) -> str:
    """What a text is the text of."""
    return next((kind for kind, pattern in _PATTERNS if pattern.fullmatch(value)), STRING)


def value_type(value: Any) -> str:
    """Of a value as JSON has it. A text that is a date is a date; other texts are texts, whatever they look like."""
    if isinstance(value, str):
        return DATE if _DATE.fullmatch(value) else STRING
    return _KINDS.get(type(value), STRING)


def head_of(batches: Iterator[RowBatch]) -> tuple[list[bytes], list[BadRow]]:
    """The first rows of a file, enough to guess from, and the bad ones among them."""
    rows: list[bytes] = []
    bad: list[BadRow] = []
    for batch in batches:
        rows += (row.body for row in batch.rows)
        bad += batch.bad
        if len(rows) + len(bad) >= _GUESSED_ROWS:
            break
    return rows[:_GUESSED_ROWS], bad[:SHOWN_ROWS]


def column_types(rows: Iterable[bytes], names: Sequence[str], *, texts: bool) -> tuple[tuple[str, str], ...]:
    """(name, type) of the columns named, then of others as they come. texts: every value is a text, as in CSV.

    A column without a value is a string; one of whole and other numbers is of numbers; any other mixture is of strings.
    """
    kinds: dict[str, set[str]] = {name: set() for name in names}
    values: Mapping[str, Any]
    for values in map(msgspec.json.decode, rows):
        for name, value in values.items():
            if value is not None and value != "":
                kinds.setdefault(name, set()).add(text_type(value) if texts else value_type(value))
            else:
                kinds.setdefault(name, set())
    return tuple((name, _one(found)) for name, found in kinds.items())


def _one(kinds: set[str]) -> str:
    if len(kinds) == 1:
        return next(iter(kinds))
    return NUMBER if kinds == {INT, NUMBER} else STRING


def looks_like_names(values: Iterable[str]) -> bool:
    """Whether a first row is a header: no name is empty, there twice, a number, a date or a mail address."""
    first = list(values)
    plain = all(value and text_type(value) in (STRING, BOOLEAN) and "@" not in value for value in first)
    return plain and len(set(first)) == len(first)
