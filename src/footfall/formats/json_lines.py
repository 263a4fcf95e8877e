"""JSON, one object per line; keys in the order of the columns, nulls omitted, UTF-8 unescaped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date

from footfall.formats.expressions import chained, literal
from footfall.model.columns import BOOLEAN, NUMERIC, OBJECT
from footfall.ports import Column


class JsonLines:
    """Rows as JSON. "For JSON extracts, the null values are omitted" (PX bucket export)."""

    name = "json"

    def columns(self, columns: Sequence[Column]) -> Sequence[Column]:
        return columns

    def head(self, columns: Sequence[Column], report: str, version: str, day: date) -> bytes:
        return b""

    def foot(self) -> bytes:
        return b""

    def field(self, column: Column, sql: str) -> str:
        name = literal(json.dumps(column.name, ensure_ascii=False) + ":")
        if column.type in NUMERIC or column.type in (BOOLEAN, OBJECT):
            return f"{name} || CAST({sql} AS VARCHAR)"
        return f"{name} || CAST(to_json({sql}) AS VARCHAR)"

    opening = "{"
    closing = "}\n"

    def piece(self, field: str, first: bool) -> str:
        return field if first else f"coalesce(',' || {field}, '')"

    def row(self, fields: Sequence[str]) -> str:
        present = [f for f in fields if f != "NULL"]
        inner = f"concat_ws(',', {', '.join(present)})" if present else "''"
        return chained([literal("{"), inner, literal("}\n")])
