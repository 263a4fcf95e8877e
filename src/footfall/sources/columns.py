"""Rows as JSON out of columns, without a look at each row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

_SPECIAL: Final = '["\\\\\\x00-\\x1f]'
_CONTROL: Final = "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f]"
_ESCAPES: Final = (("\\", "\\\\"), ('"', '\\"'), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))


class Texts(NamedTuple):
    """A column. word: its name as JSON; values: strings, null where there is none; quote: what stands around them."""

    word: str
    values: Any
    quote: str


def escaped(values: Any) -> Any:
    """Strings as they are within quotes of JSON, just as ``msgspec`` writes them.

    None where one of them has a control character other than tab and ends of lines.
    """
    if not pc.any(pc.match_substring_regex(values, _SPECIAL)).as_py():
        return values
    if pc.any(pc.match_substring_regex(values, _CONTROL)).as_py():
        return None
    for character, escape in _ESCAPES:
        values = pc.replace_substring(values, character, escape)
    return values


def joined(columns: Iterable[Texts]) -> list[bytes]:
    """One object a row, its keys in the order of the columns."""
    pieces: list[Any] = []
    for place, (word, values, quote) in enumerate(columns):
        head = ("," if place else "{") + word + ":"
        if values.null_count:
            texts = pc.binary_join_element_wise(head + quote, values, quote, "")
            pieces.append(pc.fill_null(texts, head + "null"))
        else:
            pieces += [head + quote, values, quote]
    bodies = pc.binary_join_element_wise(*pieces, "}", "")
    return list(bodies.cast(pa.binary()).to_pylist())
