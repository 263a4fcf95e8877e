"""Reading delivered text just far enough to check it: how many records, and are they what the manifest says?

Each counter takes the text in pieces of any size and keeps only a line of it. What is written here about the
formats is what a reader may rely on: CSV has one header, JSON one object a line, XML one ``<row>`` a record. Parquet
says itself how many rows it has.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from typing import Final, Protocol
from xml.sax.saxutils import quoteattr

from footfall.errors import Damaged
from footfall.model.parquet_footer import MAGIC, footer_of

LINE_BYTES_MAX: Final = 64 << 20
FOOTER_BYTES_MAX: Final = 32 << 20


class Counter(Protocol):
    """rows: records so far, exact after ``faults`` was called. ``faults`` ends the text and says what is wrong."""

    rows: int

    def feed(self, text: bytes) -> None: ...

    def faults(self) -> list[str]: ...


def counter(
    format: str, report: str, version: str, day: str, columns: Sequence[str], *, header: bool = True
) -> Counter:
    """The counter of a format. Raises ``KeyError`` for one that is not ours.

    columns: of CSV in order; of JSON those a row may have, any if there are none. header: CSV begins with one.
    """
    if format == "csv":
        return _Csv(columns, header)
    if format == "json":
        return _Json(columns)
    if format == "xml":
        return _Xml(report, version, day)
    if format == "parquet":
        return _Parquet(columns)
    raise KeyError(format)


class _Csv:
    """Line ends outside of quotes; a doubled quote inside a field toggles twice, so parity is enough."""

    def __init__(self, columns: Sequence[str], header: bool) -> None:
        self.rows = -1 if header else 0
        self._columns = list(columns) if header else None
        self._quoted = False
        self._header = b""
        self._last = b""

    def feed(self, text: bytes) -> None:
        if self.rows < 0 and len(self._header) < LINE_BYTES_MAX:
            self._header += text
        for place, piece in enumerate(text.split(b'"')):
            if place:
                self._quoted = not self._quoted
            if not self._quoted:
                self.rows += piece.count(b"\n")
        self._last = text[-1:] or self._last

    def faults(self) -> list[str]:
        found = []
        if self._quoted or self._last not in ((b"\n",) if self._columns is not None else (b"\n", b"")):
            found.append("the last record has no end")
        if self._columns is None:
            return found
        try:
            header = next(csv.reader([_first_record(self._header)]), [])
        except csv.Error as error:
            found.append(f"the header is not readable: {error}")
            return found
        if header != self._columns:
            found.append(f"the header is {header[:5]}…, the manifest says {self._columns[:5]}…")
        return found


def _first_record(text: bytes) -> str:
    """Up to the first line end outside of quotes, which may follow line ends inside of them."""
    end = text.find(b"\n")
    while end >= 0 and text.count(b'"', 0, end) % 2:
        end = text.find(b"\n", end + 1)
    return text[: end if end >= 0 else len(text)].decode("utf-8", "replace")


class _Json:
    def __init__(self, columns: Sequence[str]) -> None:
        self.rows = 0
        self._columns = set(columns)
        self._line = b""
        self._faults: list[str] = []

    def feed(self, text: bytes) -> None:
        if self.rows == 0:
            begun, found, _ = text.partition(b"\n")
            if found:
                self._check(self._line + begun)
        self.rows += text.count(b"\n")
        *_, rest = text.rsplit(b"\n", 1)
        self._line = rest if b"\n" in text else (self._line + rest)[:LINE_BYTES_MAX]

    def _check(self, line: bytes) -> None:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            self._faults.append("the first line is not JSON")
            return
        if not isinstance(row, dict):
            self._faults.append("the first line is not an object")
        elif self._columns and (unknown := sorted(set(row) - self._columns)):
            self._faults.append(f"the first row has {unknown[:5]}, which the manifest does not name")

    def faults(self) -> list[str]:
        return self._faults + (["the last line has no end"] if self._line else [])


class _Xml:
    """``<`` stands in no value unescaped, so every ``<row>`` is a record."""

    def __init__(self, report: str, version: str, day: str) -> None:
        self.rows = 0
        values = (("type", report), ("version", version), ("period", day))
        self._root = "<export " + " ".join(f"{name}={quoteattr(value)}" for name, value in values) + ">"
        self._head = b""
        self._tail = b""

    def feed(self, text: bytes) -> None:
        if len(self._head) < 4096:
            self._head += text[:4096]
        joined = self._tail[-4:] + text
        self.rows += joined.count(b"<row>")
        self._tail = (self._tail + text)[-16:]

    def faults(self) -> list[str]:
        found = []
        if self._root.encode() not in self._head:
            found.append(f"the root element is not {self._root}")
        if not self._tail.endswith(b"</export>\n"):
            found.append("the root element has no end")
        return found


class _Parquet:
    """Its footer is at the end, so the last bytes are kept."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.rows = 0
        self._columns = tuple(columns)
        self._head = b""
        self._tail = bytearray()

    def feed(self, text: bytes) -> None:
        if len(self._head) < len(MAGIC):
            self._head += text[: len(MAGIC)]
        self._tail += text
        if len(self._tail) > 2 * FOOTER_BYTES_MAX:
            del self._tail[:-FOOTER_BYTES_MAX]

    def faults(self) -> list[str]:
        try:
            footer = footer_of(bytes(self._tail[-FOOTER_BYTES_MAX:]))
        except Damaged as error:
            return [error.what]
        self.rows = footer.rows
        found = [] if self._head.startswith(MAGIC) else ["it does not begin as a Parquet file does"]
        if footer.columns != self._columns:
            found.append(f"its columns are {footer.columns[:5]}…, the manifest says {self._columns[:5]}…")
        return found
