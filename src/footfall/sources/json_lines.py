"""One JSON object a line."""

from __future__ import annotations

from typing import Final

from footfall.errors import BadRecord
from footfall.ports import BadRow, Row, RowBatch
from footfall.sources.bad_rows import TEXT_BYTES, bad_row, row_too_long
from footfall.sources.held import BATCH_BYTES, ROW_BYTES_MAX, Held
from footfall.sources.json_objects import Objects, read_rows

_SPACE: Final = b" \t\r\n"


class LineRows:
    """Takes the rows at the front of what is held of one file."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def batch(self, held: Held, number: int) -> RowBatch:
        """Some rows, dropped from what is held; none only if nothing but empty lines is there."""
        data = held.data[held.at : held.at + ROW_BYTES_MAX]
        end = data.rfind(b"\n") + 1
        if not end:
            return self._long(held, number)
        feeds = data.count(b"\n", 0, end)
        read = self._objects.lines(data[:end], feeds)
        if read is None:
            batch, end = self._one_by_one(held, data[:end], number)
            held.drop(end)
            return batch
        lines = range(held.line, held.line + feeds)
        held.drop(end, feeds)
        return RowBatch(read_rows(number, lines, read), ())

    def _one_by_one(self, held: Held, data: bytes, number: int) -> tuple[RowBatch, int]:
        rows: list[Row] = []
        bad: list[BadRow] = []
        at = size = 0
        line = held.line
        while at < len(data) and size < BATCH_BYTES:
            end = data.find(b"\n", at) + 1
            text = data[at:end].strip(_SPACE)
            if text:
                place = number + len(rows) + len(bad)
                try:
                    rows.append(Row(place, line, self._objects.body(text)))
                    size += len(rows[-1].body)
                except BadRecord as fault:
                    bad.append(bad_row(place, line, fault.code, str(fault), text))
            at, line = end, line + 1
        return RowBatch(rows, bad), at

    def _long(self, held: Held, number: int) -> RowBatch:
        """No line ends in so many bytes as a row may have, if so many are held; else more of it has to be."""
        if len(held.data) - held.at < ROW_BYTES_MAX:
            held.fill(ROW_BYTES_MAX)
            return RowBatch((), ())
        bad = row_too_long(number, held.line, held.data[held.at : held.at + TEXT_BYTES])
        held.skip_line()
        return RowBatch((), [bad])
