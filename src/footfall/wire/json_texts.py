"""JSON out of columns of texts, without a look at each row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

_CONTROL: Final = bytes(set(range(0x20)) - set(b"\t\n\r"))
_SPECIAL: Final = b'"\\\t\n\r' + _CONTROL
_ESCAPES: Final = (("\\", "\\\\"), ('"', '\\"'), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))


def escaped(values: Any) -> Any:
    """Strings as they are within quotes of JSON, just as ``msgspec`` and the engine of settle write them.

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


def objects(columns: Iterable[tuple[str, Any]], rows: int) -> Any:
    """One JSON object a row of what its fields say, in the order of the columns: a null says nothing.

    columns: (name, chunked array of strings), each name once. Null where a row says nothing at all; None as of
    ``escaped``.
    """
    pieces: list[Any] = ["{"]
    for name, values in columns:
        texts = escaped(values)
        if texts is None:
            return None
        head = msgspec.json.encode(name).decode() + ':"'
        if values.null_count:
            said = pc.binary_join_element_wise("," + head, texts, '"', "")
            pieces.append(pc.fill_null(said, ""))
        else:
            add(pieces, head if pieces == ["{"] else "," + head)
            pieces.append(texts)
            add(pieces, '"')
    add(pieces, "}")
    if len(pieces) == 1:
        return pa.chunked_array([pa.nulls(rows, pa.string())])
    made = pc.binary_join_element_wise(*pieces, "")
    if isinstance(pieces[0], str) and pieces[0] != "{":
        return made
    # Rows begin with a comma then, unless they say nothing.
    made = pc.if_else(pc.equal(pc.binary_length(made), len("{}")), pa.scalar(None, pa.string()), made)
    return pc.binary_replace_slice(made, start=1, stop=2, replacement="")


def add(pieces: list[Any], text: str) -> None:
    """Each piece costs per row, so those that are the same in all rows become one with their neighbours."""
    if pieces and isinstance(pieces[-1], str):
        pieces[-1] += text
    elif text:
        pieces.append(text)


def _bytes_of(values: Any) -> bytes:
    """All that the strings are made of, and maybe what is beside them: where a column was cut out of a longer one."""
    buffers = (chunk.buffers()[2] for chunk in values.chunks)
    return b"".join(buffer.to_pybytes() for buffer in buffers if buffer is not None)
