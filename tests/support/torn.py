"""Text that DuckDB takes for text and falls over: a fault within it, after which its connection answers nothing."""

from __future__ import annotations

import pyarrow as pa

BREAKS = "upper({})"  # of such a text


def torn(table: pa.Table, column: str) -> pa.Table:
    """The table with bytes that are no UTF-8 as every text of a column."""
    _, offsets, data = pa.array([b"\xff"] * table.num_rows, pa.binary()).buffers()
    texts = pa.StringArray.from_buffers(table.num_rows, offsets, data)
    return table.set_column(table.schema.get_field_index(column), column, texts)
