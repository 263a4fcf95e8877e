"""CSV as in RFC 4180, and as it is found. Reference: docs/reference/import-files.md.

Every value stays the text it is: a type is given to it where the row is mapped. A field that is empty without quotes is
null, ``""`` is an empty text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from footfall.model.imports import ReadOptions
from footfall.ports import Preview, RowBatch
from footfall.sources.csv_exact import ExactRows
from footfall.sources.csv_layout import Layout, layout_of
from footfall.sources.csv_quick import QuickRows
from footfall.sources.held import BLOCK_BYTES, Held
from footfall.sources.text import decoded, with_line_feeds
from footfall.sources.types import SHOWN_ROWS, column_types, head_of, looks_like_names


class CsvReader:
    """``ports.RowReader``."""

    def rows(self, chunks: Iterable[bytes], options: ReadOptions, *, name: str) -> Iterator[RowBatch]:
        """The rows after the header, empty lines left out. Raises ``Refused`` when header and options do not fit."""
        _, pieces = decoded(chunks, options.encoding, name=name, single_bytes=True)
        held = Held(with_line_feeds(pieces))
        layout = layout_of(held, options, name)
        if layout is not None:
            yield from _batches(held, layout, options)

    def preview(self, chunks: Iterable[bytes], options: ReadOptions, *, name: str) -> Preview:
        """What the beginning of the file tells, read as ``rows`` would. header: whether the first row looks like names.

        Types are of what the texts look like.
        """
        encoding, pieces = decoded(chunks, options.encoding, name=name, single_bytes=True)
        held = Held(with_line_feeds(pieces))
        layout = layout_of(held, options, name)
        if layout is None:
            return Preview(encoding, options.delimiter, False, (), (), ())
        rows, bad = head_of(_batches(held, layout, options))
        shown = [layout.names[place] for place in sorted(layout.kept)]
        columns = column_types(rows, shown, texts=True)
        return Preview(encoding, layout.delimiter, looks_like_names(layout.first), columns, rows[:SHOWN_ROWS], bad)


def _batches(held: Held, layout: Layout, options: ReadOptions) -> Iterator[RowBatch]:
    quick, exact = QuickRows(layout, options.thousands), ExactRows(layout, options.thousands)
    number = 0
    while held.fill(BLOCK_BYTES):
        batches = None if exact.by_line else quick.batches(held, number)
        for batch in batches or [exact.batch(held, number)]:
            number += len(batch.rows) + len(batch.bad)
            if batch.rows or batch.bad:
                yield batch
