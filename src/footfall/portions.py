"""Tables in portions that are small enough to be worked on at once, by how many rows they have and how much text.

Engines read some thousand rows at once, however long these are, and may need sixty times the length of the JSON in
them; but never rows of two batches of Arrow, or of two row groups of Parquet. So who makes these decides about memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

# What DuckDB reads at once, and bytes of JSON that may be in it.
ROWS_AT_ONCE: Final = 2_048
JSON_AT_ONCE: Final = 4 << 20
# Rows of a batch: threads share a relation by its batches.
BATCH_ROWS: Final = 8_192


def portions(rows: pa.Table, texts: Sequence[str], rows_max: int, bytes_max: int = JSON_AT_ONCE) -> Iterator[pa.Table]:
    """The same rows in the same order, ``rows_max`` in each but the last, or fewer: cut in half until no portion has
    more than ``bytes_max`` of UTF-8 in its columns ``texts``, or it is one row."""
    for first in range(0, rows.num_rows, rows_max):
        yield from _halved(rows.slice(first, rows_max), texts, bytes_max)


def text_bytes(rows: pa.Table, texts: Sequence[str]) -> int:
    """Bytes of UTF-8 in these columns."""
    return sum(pc.sum(pc.binary_length(rows.column(name))).as_py() or 0 for name in texts)


def in_batches(rows: pa.Table, texts: Sequence[str], rows_max: int = BATCH_ROWS) -> pa.Table:
    """The same rows in batches of which each is a portion."""
    batches = [batch for portion in portions(rows, texts, rows_max) for batch in portion.to_batches()]
    return pa.Table.from_batches(batches, rows.schema)


def _halved(rows: pa.Table, texts: Sequence[str], bytes_max: int) -> Iterator[pa.Table]:
    if rows.num_rows < 2 or text_bytes(rows, texts) <= bytes_max:
        yield rows
        return
    half = rows.num_rows // 2
    yield from _halved(rows.slice(0, half), texts, bytes_max)
    yield from _halved(rows.slice(half), texts, bytes_max)
