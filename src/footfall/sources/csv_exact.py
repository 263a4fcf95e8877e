"""Rows of CSV one by one: what is wrong with a row is found, named and kept from spoiling the next.

A quote that is not closed would swallow the rest of the file. So where a row turns out to be malformed, or to be longer
than ``ROW_BYTES_MAX``, each of the lines it has taken is read as a row of its own: the faulty one is bad, those after
it are rows again. No part of the text is read more than twice.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from footfall.ports import BadRow, Row, RowBatch
from footfall.sources.bad_rows import bad_row, row_too_long
from footfall.sources.csv_fields import Incomplete, Malformed, unclosed
from footfall.sources.csv_layout import Layout
from footfall.sources.held import BATCH_BYTES, BLOCK_BYTES, ROW_BYTES_MAX, Held

_EMPTY_LINE: Final = re.compile(rb"(?:\r?\n)++")
_THOUSANDS: Final = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", re.ASCII)
_ENCODING_HINT: Final = "Say in which encoding the file is"


class ExactRows:
    """Takes rows of one file from what is held of it. number: of the first row."""

    def __init__(self, layout: Layout, thousands: bool) -> None:
        self._layout = layout
        self._thousands = thousands
        self._columns = tuple(zip(layout.kept_names, layout.kept, strict=True))
        # Up to here each line of what is held is a row of its own.
        self._lines_to = 0

    @property
    def by_line(self) -> bool:
        return self._lines_to > 0

    def batch(self, held: Held, number: int) -> RowBatch:
        """The rows at the front of what is held, at least one unless there is none left, and drop them."""
        rows: list[Row] = []
        bad: list[BadRow] = []
        while not rows and not bad and held.fill(BLOCK_BYTES):
            end = self._some(held, number, rows, bad)
            if end:
                self._drop(held, end)
            elif self._stuck(held):
                bad.append(row_too_long(number, held.line, held.data))
                self._lines_to = 0
                held.skip_line()
        return RowBatch(rows, bad)

    def _drop(self, held: Held, size: int) -> None:
        held.drop(size)
        self._lines_to = max(0, self._lines_to - size)

    def _some(self, held: Held, number: int, rows: list[Row], bad: list[BadRow]) -> int:
        """Add whole rows; return where the first one begins that was not added."""
        data, line, at, size = held.data, held.line, 0, 0
        while at < len(data) and size < BATCH_BYTES:
            if empty := _EMPTY_LINE.match(data, at):
                line += data.count(b"\n", at, empty.end())
                at = empty.end()
                continue
            limit = min(len(data), at + ROW_BYTES_MAX)
            try:
                end, values = self._row(data, at, limit)
                body = self._body(number + len(rows) + len(bad), line, data[at:end], values)
            except Incomplete:
                break
            except Malformed as fault:
                self._lines_to = max(self._lines_to, fault.at)
                end = data.find(b"\n", at, limit) + 1
                if not end:
                    break
                body = self._bad(number + len(rows) + len(bad), line, data[at:end], fault)
            if isinstance(body, BadRow):
                bad.append(body)
            else:
                rows.append(Row(number + len(rows) + len(bad), line, body))
                size += len(body)
            line += data.count(b"\n", at, end)
            at = end
        return at

    def _row(self, data: bytes, at: int, limit: int) -> tuple[int, list[bytes | None]]:
        fields = self._layout.fields
        if at >= self._lines_to:
            return fields.row(data, at, limit)
        end = data.find(b"\n", at, limit) + 1
        if not end:
            raise Incomplete(0, quoted=False)
        try:
            return fields.row(data, at, end)
        except Incomplete as fault:
            raise unclosed(fault.column, end) from None

    def _stuck(self, held: Held) -> bool:
        """More text makes no row of what is at the front. True when it is a line without an end.

        Otherwise more is held, or its lines will be read one by one.
        """
        size = len(held.data)
        if size < ROW_BYTES_MAX and not held.ended:
            held.fill(min(2 * size, ROW_BYTES_MAX) if size >= BLOCK_BYTES else BLOCK_BYTES)
            return False
        if held.data.find(b"\n", 0, ROW_BYTES_MAX) < 0:
            return True
        self._lines_to = min(size, ROW_BYTES_MAX)
        return False

    def _body(self, number: int, line: int, text: bytes, values: list[bytes | None]) -> bytes | BadRow:
        names = self._layout.names
        if len(values) != len(names):
            have, wanted = len(values), len(names)
            if have > wanted:
                what = f"The row has {have} fields, and not {wanted}"
                return bad_row(number, line, "too_many_fields", what, text)
            what = f"The row ends after {have} of {wanted} fields"
            return bad_row(number, line, "too_few_fields", what, text, names[have])
        body: dict[str, str | None] = {}
        for name, place in self._columns:
            value = values[place]
            try:
                body[name] = None if value is None else value.decode()
            except UnicodeDecodeError:
                what = f"The field cannot be decoded. {_ENCODING_HINT}"
                return bad_row(number, line, "bad_encoding", what, text, name)
        if self._thousands:
            body = {name: _without_thousands(value) for name, value in body.items()}
        return msgspec.json.encode(body)

    def _bad(self, number: int, line: int, text: bytes, fault: Malformed) -> BadRow:
        names = self._layout.names
        name = names[fault.column] if fault.column < len(names) else ""
        return bad_row(number, line, fault.code, str(fault), text, name)


def _without_thousands(value: str | None) -> str | None:
    return value.replace(",", "") if value is not None and _THOUSANDS.fullmatch(value) else value
