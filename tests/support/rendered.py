"""Rows rendered by a format as the engine does it, and texts that formats find hard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date

import duckdb
import pyarrow as pa
from hypothesis import strategies as st
from readers import Row

from footfall.model.columns import BOOLEAN, LONG, OBJECT, STRING
from footfall.ports import Column, Format

DAY = date(2026, 11, 1)
CONNECTION = duckdb.connect()  # opening one costs more than a hundred of the statements tried here
TRICKY = ["", " ", '"', '""', ",", "\n", "\r\n", "\r", "a,b", "\x00", "\x1f", "\ufffe", "\uffff", "]]>", "<&>'", "é",
          "\u2028", "\x85", "🙂", "NULL", "\\N", "\\", "'", "\t x \t"]  # fmt: skip
texts = st.one_of(st.sampled_from(TRICKY), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
ARROW = {STRING: pa.string(), OBJECT: pa.string(), LONG: pa.int64(), BOOLEAN: pa.bool_()}


def written(format: Format, columns: Sequence[Column], rows: Sequence[Row]) -> bytes:
    """The file, its rows rendered in DuckDB as the engine does it."""
    values = {
        f"c{n}": pa.array(
            [json.dumps(v) if c.type == OBJECT and v is not None else v for v in (r.get(c.name) for r in rows)],
            ARROW[c.type],
        )
        for n, c in enumerate(columns)
    }
    kept = {(c.name, c.type) for c in format.columns(columns)}
    fields = [format.field(c, f"t.c{n}") for n, c in enumerate(columns) if (c.name, c.type) in kept]
    connection = CONNECTION.cursor()
    connection.register("t", pa.table({"n": range(len(rows)), **values}))
    body = connection.sql(f"SELECT {format.row(fields)} AS text FROM t ORDER BY n").fetchall()
    connection.close()
    head = format.head(columns, "Some_Report", "2.0", DAY)
    return head + "".join(text for (text,) in body).encode() + format.foot()
