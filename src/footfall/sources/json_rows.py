"""JSON: an object a line, objects one after the other, or an array of them. Reference: docs/reference/import-files.md.

Values keep their types. Which of the three a file is, its first character and its first line tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from footfall.errors import BadRecord, Refused
from footfall.model.imports import ReadOptions
from footfall.ports import Preview, RowBatch
from footfall.sources.held import BLOCK_BYTES, ROW_BYTES_MAX, Held
from footfall.sources.json_elements import Broken, ElementRows, end_of
from footfall.sources.json_lines import LineRows
from footfall.sources.json_objects import Objects
from footfall.sources.text import SAMPLE_BYTES, decoded
from footfall.sources.types import SHOWN_ROWS, column_types, head_of

_SPACE: Final = re.compile(rb"[ \t\r\n]*+")
_OBJECT_LINE: Final = re.compile(rb"^[ \t]*+\{", re.MULTILINE)


class JsonReader:
    """``ports.RowReader``."""

    def rows(self, chunks: Iterable[bytes], options: ReadOptions, *, name: str) -> Iterator[RowBatch]:
        """The objects of the file. Raises ``Refused`` when there is no object in its first 64 KB."""
        _, pieces = decoded(chunks, options.encoding, name=name)
        yield from _batches(Held(pieces), options, name)

    def preview(self, chunks: Iterable[bytes], options: ReadOptions, *, name: str) -> Preview:
        """What the beginning of the file tells. Columns are the keys of its first rows, sorted."""
        encoding, pieces = decoded(chunks, options.encoding, name=name)
        rows, bad = head_of(_batches(Held(pieces), options, name))
        columns = sorted(column_types(rows, options.fields, texts=False))
        return Preview(encoding, "", True, columns, rows[:SHOWN_ROWS], bad)


def _batches(held: Held, options: ReadOptions, name: str) -> Iterator[RowBatch]:
    objects = Objects(options.fields)
    _skip_space(held)
    if not held.fill(SAMPLE_BYTES):
        return
    taker: LineRows | ElementRows
    if held.data.startswith(b"[", held.at):
        held.take(1)
        taker = ElementRows(objects, in_array=True)
    elif not _OBJECT_LINE.search(held.data[held.at : held.at + SAMPLE_BYTES]):
        what = f"{name}, line {held.line}: there is no JSON object"
        raise Refused(what, "A JSON file has an object in each line, or an array of objects")
    elif _over_lines(held, objects):
        taker = ElementRows(objects, in_array=False)
    else:
        taker = LineRows(objects)
    number, more = 0, True
    while more:
        more = held.fill(BLOCK_BYTES)
        batch = taker.batch(held, number)  # also of nothing: an array may not be closed
        number += len(batch.rows) + len(batch.bad)
        if batch.rows or batch.bad:
            yield batch


def _skip_space(held: Held) -> None:
    while held.fill(1):
        found = _SPACE.match(held.data, held.at)
        held.take(found.end() - held.at if found else 0)
        if held.at < len(held.data):
            return


def _over_lines(held: Held, objects: Objects) -> bool:
    """Whether the first thing is an object that ends in another line than its first."""
    if not held.data.startswith(b"{", held.at):
        return False
    feed = held.data.find(b"\n", held.at)
    try:
        if feed >= 0 and end_of(held.data, held.at, feed):
            return False
        held.fill(ROW_BYTES_MAX)
        end = end_of(held.data, held.at, min(len(held.data), held.at + ROW_BYTES_MAX))
        text = held.data[held.at : end]
        return b"\n" in text and bool(objects.body(text))
    except (Broken, BadRecord):
        return False
