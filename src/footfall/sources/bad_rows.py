"""What is kept of a row that cannot be used."""

from __future__ import annotations

from typing import Final

from footfall.ports import BadRow
from footfall.sources.held import ROW_BYTES_MAX

TEXT_BYTES: Final = 4 << 10


def bad_row(number: int, line: int, code: str, message: str, text: bytes, field: str = "") -> BadRow:
    """text: the row as UTF-8, as far as it is; cut to 4 KB and made printable."""
    shown = text[:TEXT_BYTES].decode("utf-8", "replace").encode()[:TEXT_BYTES].decode("utf-8", "ignore")
    return BadRow(number, line, field, code, message, shown.rstrip("\r\n"))


def row_too_long(number: int, line: int, text: bytes) -> BadRow:
    """text: the beginning of the row."""
    return bad_row(number, line, "row_too_long", f"The row has more than {ROW_BYTES_MAX} bytes", text)
