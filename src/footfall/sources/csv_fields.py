"""The fields of a row of CSV, to the letter of RFC 4180, and what to say when it has none.

Beyond RFC 4180: lines may end in LF alone; a quote within an unquoted field is a character like any other; a field
that is empty without quotes is nothing, one that is empty with them (``""``) is an empty text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import re2

from footfall.errors import BadRecord, Refused

_re2: Any = re2  # it has no types
_QUOTED: Final = re.compile(rb'"(?:[^"]++|"")*+')
_TAB: Final = "t"
_DELIMITER_HINT: Final = "Give one character, for example a comma or a semicolon; t is a tab"


class Incomplete(Exception):
    """The row goes on where the data ends. column: 0-based, the last that was begun; quoted: within quotes."""

    def __init__(self, column: int, quoted: bool) -> None:
        super().__init__()
        self.column = column
        self.quoted = quoted


class Malformed(BadRecord):
    """No rule of CSV makes a row of this. column: 0-based; at: where in the data it became clear."""

    def __init__(self, code: str, what: str, hint: str, *, column: int, at: int) -> None:
        super().__init__(code, what, hint)
        self.column = column
        self.at = at


@dataclass(frozen=True, slots=True)
class Fields:
    """How a row is divided.

    field: one field and what ends it.
    """

    delimiter: bytes
    field: re.Pattern[bytes]

    def row(self, data: bytes, at: int, limit: int) -> tuple[int, list[bytes | None]]:
        """Where the row that begins at ``at`` ends, and its fields.

        limit: nothing from there on is looked at. Raises ``Incomplete`` or ``Malformed``.
        """
        match = self.field.match
        fields: list[bytes | None] = []
        while True:
            found = match(data, at, limit)
            if found is None:
                raise self._fault(data, at, limit, len(fields))
            quoted, plain, end = found.groups()
            if quoted is not None:
                fields.append(quoted.replace(b'""', b'"') if b'"' in quoted else quoted)
            else:
                if end == b"\n" and plain.endswith(b"\r"):
                    plain = plain[:-1]
                fields.append(plain or None)
            at = found.end()
            if end == b"\n":
                return at, fields

    def _fault(self, data: bytes, at: int, limit: int, column: int) -> Exception:
        found = _QUOTED.match(data, at, limit)
        if found is None:
            return Incomplete(column, quoted=False)
        end = found.end()
        after = data[end + 1 : min(limit, end + 1 + max(2, len(self.delimiter)))]
        if end >= limit or b"\r\n".startswith(after) or (after != self.delimiter and self.delimiter.startswith(after)):
            return Incomplete(column, quoted=True)
        hint = "Write a quote within quotes twice"
        return Malformed(
            "text_after_quote", f"Field {column + 1} goes on after its closing quote", hint, column=column, at=end + 1
        )


def unclosed(column: int, at: int) -> Malformed:
    hint = "Close it, or write a quote at the beginning of a field within quotes and twice"
    what = f"Field {column + 1} begins with a quote that is not closed"
    return Malformed("unclosed_quote", what, hint, column=column, at=at)


def fields_of(delimiter: str) -> Fields:
    """Raises ``Refused`` for what cannot divide fields."""
    text = "\t" if delimiter == _TAB else delimiter
    if len(text) != 1 or text in '"\r\n\ufeff' or (not text.isprintable() and ord(text) >= 0x80):
        raise Refused(f"{delimiter!r} cannot be a delimiter", _DELIMITER_HINT)
    try:
        encoded = text.encode()
    except UnicodeEncodeError as error:
        raise Refused(f"{delimiter!r} cannot be a delimiter", _DELIMITER_HINT) from error
    mark = re.escape(encoded)
    if len(encoded) == 1:
        plain = b"[^" + mark + rb"\n]*+"
    else:
        plain = b"(?:(?!" + mark + rb")[^\n])*+"
    field = rb'(?:"((?:[^"]++|"")*+)"(?:\r(?=\n))?|(?!")(' + plain + b"))(" + mark + rb"|\n)"
    return Fields(encoded, re.compile(field))


def whole_rows(delimiter: bytes) -> Callable[[bytes], int]:
    """How many bytes at the front of a text are whole rows none of which needs a second look.

    delimiter: of one byte. RE2 walks through a text once, byte by byte, in a third of the time of ``re``.
    """
    options = _re2.Options()
    options.encoding = _re2.Options.Encoding.LATIN1
    options.never_capture = True
    mark = re.escape(delimiter)
    either = rb'(?:"(?:[^"]|"")*"|[^' + mark + rb'"\r\n]*)'
    match = _re2.compile(b"(?:" + either + b"(?:" + mark + either + rb")*\r?\n)*", options).match

    def size(text: bytes) -> int:
        found = match(text)
        return int(found.end()) if found else 0

    return size
