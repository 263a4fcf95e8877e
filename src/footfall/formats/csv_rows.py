"""CSV as in RFC 4180, with a header, UTF-8 without a byte order mark, fields quoted only where they must be.

Lines end in LF, not CRLF: every reader of RFC 4180 that we know takes LF, while several loaders of warehouses
(those that split at LF before they parse) keep the CR as part of the last column.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from footfall.formats.expressions import chained, literal
from footfall.model.columns import BOOLEAN, NUMERIC, OBJECT
from footfall.ports import Column

_SPECIAL: Final = (",", '"', "\n", "\r")


class CsvRows:
    """Rows as CSV. A null is nothing between two commas, an empty string is ``""``.

    Columns of type Object are left out: the source documents say of globalContext "not available in CSV".
    """

    name = "csv"

    def columns(self, columns: Sequence[Column]) -> Sequence[Column]:
        return tuple(c for c in columns if c.type != OBJECT)

    def head(self, columns: Sequence[Column], report: str, version: str, day: date) -> bytes:
        return (",".join(_quoted(c.name) for c in self.columns(columns)) + "\n").encode()

    def foot(self) -> bytes:
        return b""

    def field(self, column: Column, sql: str) -> str:
        if column.type in NUMERIC or column.type == BOOLEAN:
            return f"CAST({sql} AS VARCHAR)"
        special = " OR ".join(f"contains({sql}, {_character(c)})" for c in _SPECIAL)
        return f"""CASE WHEN {sql} = '' OR {special} THEN concat('"', replace({sql}, '"', '""'), '"') ELSE {sql} END"""

    opening = ""
    closing = "\n"

    def piece(self, field: str, first: bool) -> str:
        return f"coalesce({field}, '')" if first else f"concat(',', {field})"

    def row(self, fields: Sequence[str]) -> str:
        pieces: list[str] = []
        for place, field in enumerate(fields):
            pieces += [literal(","), field] if place else [field]
        return chained([*pieces, literal("\n")])


def _character(character: str) -> str:
    return f"chr({ord(character)})"


def _quoted(name: str) -> str:
    must = name == "" or any(c in name for c in _SPECIAL)
    return '"' + name.replace('"', '""') + '"' if must else name
