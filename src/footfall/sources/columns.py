"""Rows as JSON out of columns, without a look at each row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

_CONTROL: Final = bytes(set(range(0x20)) - set(b"\t\n\r"))
_SPECIAL: Final = b'"\\\t\n\r' + _CONTROL
_ESCAPES: Final = (("\\", "\\\\"), ('"', '\\"'), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))


class Texts(NamedTuple):
    """A column. word: its name as JSON; values: strings, null where there is none; quote: what stands around them."""

    word: str
    values: Any
    quote: str


def escaped(values: Any) -> Any:
    """Strings as they are within quotes of JSON, just as ``msgspec`` writes them.

    values: a chunked array. None where one of them has a control character other than tab and ends of lines.
    """
    texts = _bytes_of(values)
    if len(texts.translate(None, _SPECIAL)) == len(texts):
        return values
    if len(texts.translate(None, _CONTROL)) != len(texts):
        return None
    for character, escape in _ESCAPES:
        if character.encode() in texts:
            values = pc.replace_substring(values, character, escape)
    return values


def _bytes_of(values: Any) -> bytes:
    """All that the strings are made of, and maybe what is beside them: where a column was cut out of a longer one."""
    buffers = (chunk.buffers()[2] for chunk in values.chunks)
    return b"".join(buffer.to_pybytes() for buffer in buffers if buffer is not None)


def joined(columns: Iterable[Texts]) -> list[bytes]:
    """One object a row, its keys in the order of the columns."""
    pieces: list[Any] = []
    rows = 0
    for place, (word, values, quote) in enumerate(columns):
        rows = len(values)
        head = ("," if place else "{") + word + ":"
        if values.null_count == rows:
            _add(pieces, head + "null")
        elif values.null_count:
            texts = pc.binary_join_element_wise(head + quote, values, quote, "")
            pieces.append(pc.fill_null(texts, head + "null"))
        else:
            _add(pieces, head + quote)
            pieces.append(values)
            _add(pieces, quote)
    _add(pieces, "}")
    if len(pieces) == 1:
        return [pieces[0].encode()] * rows
    return list(pc.binary_join_element_wise(*pieces, "").cast(pa.binary()).to_pylist())


def _add(pieces: list[Any], text: str) -> None:
    """Each piece costs per row, so those that are the same in all rows become one with their neighbours."""
    if pieces and isinstance(pieces[-1], str):
        pieces[-1] += text
    elif text:
        pieces.append(text)
