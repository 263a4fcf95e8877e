"""Rows of CSV by the block, where all of them are without fault: parsed and made JSON in columns, by Arrow.

What this gives is what ``csv_exact`` gives, or nothing; where there is the least doubt, it leaves the block to that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from footfall.ports import Row, RowBatch, TextRows
from footfall.sources.columns import Texts, joined
from footfall.sources.csv_fields import whole_rows
from footfall.sources.csv_layout import Layout
from footfall.sources.good_rows import good_rows
from footfall.sources.held import BATCH_BYTES, ROW_BYTES_MAX, Held
from footfall.wire.json_texts import escaped

# Each column of a block costs as much as some hundred of its fields.
_COLUMNS_MAX: Final = 256
_BLOCK_MIN: Final = 4 << 10
# What JSON escapes, but for tab, quote and backslash; ends of lines are looked at by their number.
_CONTROLS: Final = bytes(set(range(0x20)) - set(b"\t\n\r"))
_MARK: Final = b"\xef\xbb\xbf"


class QuickRows:
    """Takes the rows at the front of what is held of one file."""

    def __init__(self, layout: Layout, thousands: bool) -> None:
        self._fields = layout.fields
        self._able = len(layout.fields.delimiter) == 1 and len(layout.names) <= _COLUMNS_MAX and not thousands
        self._whole_rows = whole_rows(self._fields.delimiter) if self._able else None
        names = [f"c{place}" for place in range(len(layout.names))]
        kept = [names[place] for place in layout.kept]
        self._read = pacsv.ReadOptions(column_names=names, use_threads=False, block_size=2 * ROW_BYTES_MAX)
        self._convert = pacsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=kept,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        self._names, self._words = layout.kept_names, layout.words()
        self._rows_max = max(1, BATCH_BYTES // layout.body_bytes)

    def batches(self, held: Held, number: int) -> Iterator[RowBatch] | None:
        """Whole rows, dropped from what is held; None when they need a closer look."""
        data = held.data[:ROW_BYTES_MAX]
        end = self._faultless(data)
        if end < min(_BLOCK_MIN, len(data)):
            return None
        block = data[:end]
        feeds = block.count(b"\n")
        table = self._parsed(block)
        lines = None if table is None else self._lines(table, held.line, feeds)
        if lines is None:
            return None
        special = table.num_rows != feeds or b"\\" in block or b'""' in block or b"\t" in block
        held.drop(end, feeds)
        return self._made(table, number, lines, special)

    def _made(self, table: Any, number: int, lines: Sequence[int], special: bool) -> Iterator[RowBatch]:
        named = table.rename_columns(self._names)
        for at in range(0, table.num_rows, self._rows_max):
            some = slice(at, at + self._rows_max)
            made = partial(self._rows, table.slice(at, self._rows_max), number + at, lines[some], special)
            yield RowBatch(TextRows(number + at, named.slice(at, self._rows_max), made), ())

    def _lines(self, table: Any, line: int, feeds: int) -> Sequence[int] | None:
        """Of each row. None where there are empty lines, or fields of several lines that nobody wants to know."""
        if table.num_rows == feeds:
            return range(line, line + feeds)
        within: Any = pa.repeat(pa.scalar(1, pa.int32()), table.num_rows)
        for values in table.columns:
            within = pc.add(within, pc.fill_null(pc.count_substring(values, "\n"), 0))
        ends = pc.cumulative_sum(within).to_pylist()
        return [line, *(line + end for end in ends[:-1])] if ends and ends[-1] == feeds else None

    def _faultless(self, data: bytes) -> int:
        """How much of the data is whole rows in which every quote, CR and other control character is in its place."""
        if self._whole_rows is None or data.startswith(_MARK) or len(data.translate(None, _CONTROLS)) != len(data):
            return 0
        if b"\r" in data and data.count(b"\r") != data.count(b"\r\n") + data.endswith(b"\r"):
            return 0
        if b'"' not in data:
            return data.rfind(b"\n") + 1
        return self._whole_rows(data)

    def _parsed(self, block: bytes) -> Any:
        quotes = '"' if b'"' in block else False
        options = pacsv.ParseOptions(
            delimiter=self._fields.delimiter.decode(), quote_char=quotes, newlines_in_values=bool(quotes)
        )
        try:
            return pacsv.read_csv(pa.BufferReader(block), self._read, options, self._convert).combine_chunks()
        except pa.ArrowInvalid:  # ragged, or not UTF-8
            return None

    def _rows(self, table: Any, number: int, lines: Sequence[int], special: bool) -> list[Row]:
        columns = (escaped(values) if special else values for values in table.columns)
        bodies = joined(Texts(word, values, '"') for word, values in zip(self._words, columns, strict=True))
        return good_rows(number, lines, bodies)
