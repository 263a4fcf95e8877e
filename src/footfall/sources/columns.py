"""Rows as JSON out of columns, without a look at each row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from footfall.wire.json_texts import add


class Texts(NamedTuple):
    """A column. word: its name as JSON; values: strings, null where there is none; quote: what stands around them."""

    word: str
    values: Any
    quote: str


def joined(columns: Iterable[Texts]) -> list[bytes]:
    """One object a row, its keys in the order of the columns."""
    pieces: list[Any] = []
    rows = 0
    for place, (word, values, quote) in enumerate(columns):
        rows = len(values)
        head = ("," if place else "{") + word + ":"
        if values.null_count == rows:
            add(pieces, head + "null")
        elif values.null_count:
            texts = pc.binary_join_element_wise(head + quote, values, quote, "")
            pieces.append(pc.fill_null(texts, head + "null"))
        else:
            add(pieces, head + quote)
            pieces.append(values)
            add(pieces, quote)
    add(pieces, "}")
    if len(pieces) == 1:
        return [pieces[0].encode()] * rows
    return list(pc.binary_join_element_wise(*pieces, "").cast(pa.binary()).to_pylist())
