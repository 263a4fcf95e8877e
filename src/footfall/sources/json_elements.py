"""JSON objects that lie in an array, or one after the other over several lines.

Where an object ends is found by its brackets alone; whether it is one is asked afterwards, so a faulty one is skipped
like any other. Only where the brackets do not match, or a text runs over the end of its line, is the end not known:
then reading goes on where a later line begins with ``{`` as far to the left as the faulty object did.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from footfall.errors import BadRecord
from footfall.ports import BadRow, Row, RowBatch
from footfall.sources.bad_rows import TEXT_BYTES, bad_row, row_too_long
from footfall.sources.held import BATCH_BYTES, BLOCK_BYTES, ROW_BYTES_MAX, Held
from footfall.sources.json_objects import Objects, read_rows

_BETWEEN: Final = re.compile(rb"[ \t\r\n,]*+")
_OTHER: Final = re.compile(rb"[^,\n\[\]{]++|\]")
# Up to the next bracket outside of texts; no further than a text that does not end in its line.
_TO_BRACKET: Final = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\\n]++|\\[^\n])*+")*+([\[\]{}])?')
_TO_SIGN: Final = re.compile(rb'[^"\[\]{}]*+(["\[\]{}])')
_TO_QUOTE: Final = re.compile(rb'(?:[^"\\\n]++|\\[^\n])*+(["\n])')
_CLOSING: Final = {b"{": b"}", b"[": b"]"}
_INDENT_MAX: Final = 1_000
BAD_MAX: Final = 1_000  # of one batch


class _TooLong(Exception):
    """There are more bytes than a row may have."""


class _Unfinished(Exception):
    """The file ends. text: what there is of the row."""

    def __init__(self, text: bytes) -> None:
        super().__init__()
        self.text = text


class Broken(Exception):
    """The brackets tell no end of the object. at: where that became clear."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at


def end_of(data: bytes, at: int, limit: int) -> int:
    """Where the object or array that begins at ``at`` ends; 0 if not before ``limit``. Raises ``Broken``."""
    open_ones: list[bytes] = []
    while True:
        found = _TO_BRACKET.match(data, at, limit)
        sign = found[1] if found else None
        if found is None or sign is None:
            end = found.end() if found else at
            # A quote is left where its text does not end: in this line, or in what may be looked at.
            if data.find(b"\n", end, limit) >= 0:
                raise Broken(data.find(b"\n", end, limit))
            return 0
        at = found.end()
        if closing := _CLOSING.get(sign):
            open_ones.append(closing)
        elif open_ones.pop() != sign:
            raise Broken(at)
        if not open_ones:
            return at


class ElementRows:
    """Takes the rows at the front of what is held of one file. in_array: an opening bracket came before them."""

    def __init__(self, objects: Objects, in_array: bool) -> None:
        self._objects = objects
        self._open = in_array
        # How far to the left the row begins, if it begins its line.
        self._indent: int | None = None

    def batch(self, held: Held, number: int) -> RowBatch:
        """Some rows, taken from what is held; none when nothing is left."""
        self._skip_between(held)
        if quick := self._quick(held, number):
            return RowBatch(quick, ())
        rows: list[Row] = []
        bad: list[BadRow] = []
        size = 0
        while size < BATCH_BYTES and len(bad) < BAD_MAX:
            found = self._next(held, number + len(rows) + len(bad))
            if found is None:
                break
            if isinstance(found, BadRow):
                bad.append(found)
            else:
                rows.append(found)
                size += len(found.body)
        return RowBatch(rows, bad)

    def _quick(self, held: Held, number: int) -> Sequence[Row]:
        """The rows of what is held, all at once, if they are without fault; else none."""
        data, at = held.data, held.at
        end = data.rfind(b"},", at, at + ROW_BYTES_MAX) + 1
        read = self._objects.elements(data[at:end]) if self._open and end > at else None
        if read is None:
            return []
        feeds, begin, rows = data.count(b"\n", at, end), held.line, len(read.bodies)
        held.take(end - at)
        return read_rows(number, range(begin, begin + rows) if feeds else [begin] * rows, read)

    def _next(self, held: Held, number: int) -> Row | BadRow | None:
        self._skip_between(held)
        if not held.fill(1):
            return self._at_end(held, number)
        if self._open and held.data.startswith(b"]", held.at):
            self._open = False
            held.take(1)
            return self._after_array(held, number)
        line, text = held.line, b""
        try:
            text = self._text(held)
            return Row(number, line, self._objects.body(text))
        except _TooLong:
            bad = row_too_long(number, line, held.data[held.at : held.at + TEXT_BYTES])
            self._skip_long(held)
            return bad
        except Broken as fault:
            text = held.data[held.at : fault.at]
            held.take(len(text))
            self._skip_broken(held)
            return bad_row(number, line, "invalid_json", "The brackets or quotes of the row do not match", text)
        except _Unfinished as fault:
            return bad_row(number, line, "unexpected_end", "The file ends within the row", fault.text)
        except BadRecord as fault:
            return bad_row(number, line, fault.code, str(fault), text)

    def _text(self, held: Held) -> bytes:
        """Take the row. Raises ``Broken`` or ``_TooLong``, or ``_Unfinished`` after all of it was taken."""
        while True:
            data, at = held.data, held.at
            limit = min(len(data), at + ROW_BYTES_MAX)
            if data.startswith((b"{", b"["), at):
                end = end_of(data, at, limit)
            else:
                other = _OTHER.match(data, at, limit)
                end = other.end() if other and (other.end() < limit or held.ended) else 0
            if end:
                held.take(end - at)
                return data[at:end]
            if limit == at + ROW_BYTES_MAX:
                raise _TooLong
            if held.ended:
                held.take(len(data) - at)
                raise _Unfinished(data[at:])
            held.fill(max(BLOCK_BYTES, min(ROW_BYTES_MAX, 2 * (limit - at))))

    def _skip_between(self, held: Held) -> None:
        """Go to the next row, and see where in its line it begins."""
        while held.fill(1):
            found = _BETWEEN.match(held.data, held.at)
            end = found.end() if found else held.at
            feed = held.data.rfind(b"\n", held.at, end)
            if feed >= 0:
                self._indent = end - feed - 1
            elif end > held.at:
                self._indent = None
            held.take(end - held.at)
            if held.at < len(held.data):
                return

    def _at_end(self, held: Held, number: int) -> BadRow | None:
        if not self._open:
            return None
        self._open = False
        what = "The array is not closed: the file was cut off"
        return bad_row(number, held.line, "unexpected_end", what, b"")

    def _after_array(self, held: Held, number: int) -> BadRow | None:
        self._skip_between(held)
        if not held.fill(TEXT_BYTES):
            return None
        line, begin = held.line, held.data[held.at : held.at + TEXT_BYTES]
        held.skip_all()
        return bad_row(number, line, "invalid_json", "There is more after the end of the array", begin)

    def _skip_broken(self, held: Held) -> None:
        """Go to the next line that begins with ``{`` as far to the left as the row did."""
        if self._indent is None or self._indent > _INDENT_MAX:
            held.skip_all()
            return
        line = re.compile(rb"\n[ \t,]{0,%d}(?=\{)" % self._indent)
        while not (found := line.search(held.data, held.at)):
            if held.ended:
                held.skip_all()
                return
            held.drop(max(0, len(held.data) - held.at - self._indent - 2))
            held.fill(BLOCK_BYTES)
        held.take(found.end() - held.at)

    def _skip_long(self, held: Held) -> None:
        """Go behind the row by its brackets, or to the next comma or line, however far that is."""
        while not held.data.startswith((b"{", b"["), held.at) and held.fill(BLOCK_BYTES):
            other = _OTHER.match(held.data, held.at)
            if other is None:
                return
            held.take(other.end() - held.at)
        depth, within = 0, False
        while held.fill(BLOCK_BYTES):
            data, at = held.data, held.at
            while found := (_TO_QUOTE if within else _TO_SIGN).match(data, at):
                at = found.end()
                if found[1] == b"\n":
                    held.take(at - 1 - held.at)
                    self._skip_broken(held)
                    return
                within = not within if found[1] == b'"' else within
                depth += (found[1] in (b"{", b"[")) - (found[1] in (b"}", b"]"))
                if depth == 0 and not within:
                    held.take(at - held.at)
                    return
            # A backslash belongs to what follows it, unless one before it does to this one.
            text = data[at:]
            slashes = len(text) - len(text.rstrip(b"\\")) if within and not held.ended else 0
            held.take(len(data) - held.at - slashes % 2)
