"""Counted reports as text, without a join and without sorting text.

The cube in ranks is grouped and sorted as small integers. A row's text is then gathered: a fragment for each integer,
made once per dimension and format, taken by rank and laid side by side by Arrow. Measured against joining fragments and
sorting rows of text in SQL: a third of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from footfall.engines import cube
from footfall.engines.database import Database, literal, query
from footfall.engines.dimensions import DIMENSION_OF, lookup
from footfall.engines.rendering import Rows, constant, text_of
from footfall.model.columns import Field
from footfall.ports import Column, Format

# Small batches stay in the processor's cache while their rows are put together.
BATCH_ROWS: Final = 16_384
_COUNT: Final = "value.count"


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the row's text: SQL over ``column`` of the sorted rows. dimension: where the column's ranks lead."""

    column: str
    dimension: str
    sql: str


@dataclass(slots=True)
class Fragments:
    """The texts of dimensions by rank, made so far; place 0 is the text of null."""

    database: Database
    _made: dict[tuple[str, str], pa.Array] = field(default_factory=dict)

    def of(self, dimension: str, sql: str) -> pa.Array:
        wanted = (dimension, sql)
        if wanted not in self._made:
            rows = f"SELECT {sql} AS fragment FROM ({dimension}) ORDER BY rank"
            batches = list(self.database.stream(rows, 1_000_000, "make fragments"))
            self._made[wanted] = pa.concat_arrays([b.column(0) for b in batches])
        return self._made[wanted]


def serves(rows: Rows) -> bool:
    """Whether every column of the report is a count, the day, or a text of one key."""
    return rows.report.relation in ("counts", "hours") and not any(f.source.startswith("article.") for f in rows.fields)


def render(
    database: Database, fragments: Fragments, rows: Rows, format: Format, date: str
) -> Iterator[tuple[int, memoryview]]:
    """Yield (rows, text) of a counted report's body, in its order."""
    pieces = list(_pieces(database, rows, format, date))
    arrays = [None if p.column == _COUNT else fragments.of(p.dimension, p.sql) for p in pieces]
    columns = list(dict.fromkeys(p.column for p in pieces if p.column != _COUNT))
    count = next(p.sql for p in pieces if p.column == _COUNT)
    order = ", ".join(DIMENSION_OF[f.source][1] for f in rows.report.keys(rows.version) if f.source != "day")
    sql = f"SELECT {', '.join(columns)}, {count} AS counted FROM ({_grouped(rows)}) ORDER BY {order}"
    for batch in database.stream(sql, BATCH_ROWS, f"render {rows.report.name}"):
        if batch.num_rows:
            texts = [
                batch.column("counted") if array is None else array.take(batch.column(p.column))
                for p, array in zip(pieces, arrays, strict=True)
            ]
            yield batch.num_rows, text_of(pc.binary_join_element_wise(*texts, ""))


def _grouped(rows: Rows) -> str:
    report = rows.report
    if report.relation == "hours":
        return query("rows_hours")
    needed = " AND account_key > 0" if report.about == "account" else ""
    where = f"WHERE event IN ({', '.join(str(int(t)) for t in report.words)}) AND user_key > 0{needed}"
    keys = ", ".join(DIMENSION_OF[f.source][1] for f in report.keys(rows.version) if f.source != "day")
    if cube.is_finest(report, rows.version):
        return f"SELECT {keys}, n FROM ranked {where}"
    return f"SELECT {keys}, sum(n)::BIGINT AS n FROM ranked {where} GROUP BY ALL"


def _pieces(database: Database, rows: Rows, format: Format, date: str) -> Iterator[_Piece]:
    """The parts of the row. What is the same in every row is joined to the part that follows, or to the last."""
    constant_text = format.opening
    parts: list[tuple[Field, str]] = []
    before: list[str] = []
    for place, f in enumerate(rows.fields):
        column = Column(f.name, f.type)
        if f.source == "day":
            constant_text += constant(database, format.piece(format.field(column, literal(date)), place == 0))
            continue
        value = "n" if f.source == _COUNT else "text"
        parts.append((f, format.piece(format.field(column, value), place == 0)))
        before.append(constant_text)
        constant_text = ""
    for number, ((f, sql), lead) in enumerate(zip(parts, before, strict=True)):
        tail = constant_text + format.closing if number == len(parts) - 1 else ""
        around = f"concat({literal(lead)}, {sql}, {literal(tail)})" if lead or tail else sql
        if f.source == _COUNT:
            yield _Piece(_COUNT, "", around)
        else:
            yield _Piece(*_texts(f), around)


def _texts(f: Field) -> tuple[str, str]:
    """(column of the ranked cube, SQL for its (rank, text) with the row of null)."""
    if f.source not in DIMENSION_OF:
        kind, _, fact = f.source.partition(".")
        return "name", lookup(kind, fact)
    dimension, column = DIMENSION_OF[f.source]
    return column, f"SELECT 0 AS rank, NULL AS text UNION ALL SELECT rank, text FROM {dimension}"
