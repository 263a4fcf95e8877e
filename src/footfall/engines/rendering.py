"""A report's rows, as text or as values: relation, look-ups and order become one statement; its result is the body."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa

from footfall.engines import snapshots
from footfall.engines.audience_values import as_type, attribute_name
from footfall.engines.database import Database, literal, query, text_literal
from footfall.engines.dimensions import DIMENSION_OF, place
from footfall.engines.ranges import EVENT_ROWS, Slice, slices
from footfall.model.columns import LOCAL_DAY, MOMENT, NUMBER, OBJECT, Field
from footfall.model.report import Part
from footfall.model.reports import Report
from footfall.ports import Column, Format

# Rows per batch. 50,000 and 200,000 take the same time; fewer take less memory.
BATCH_ROWS: Final = 50_000

# Relations that are snapshots carry their own texts: whom they are about need not occur in the day's events.
_SNAPSHOT_TEXTS: Final = {
    "users": {"user": "r.identify_id", "account": "r.account_id"},
    "accounts": {"account": "r.account_id"},
}
# Rows of values per batch; a row may be as large as an event.
_VALUES_ROWS: Final = 10_000
# Texts of the relations as values of other types; what is no such value is null.
_TYPED: Final = {
    NUMBER: "try_cast({c} AS DOUBLE)",
    MOMENT: "try_cast(rtrim({c}, 'Z') AS TIMESTAMP)",
    LOCAL_DAY: "CAST({c} AS DATE)",
    OBJECT: "CAST({c} AS VARCHAR)",
}


@dataclass(slots=True)
class Joins:
    """The look-ups of one report: the dimensions joined, each by a key column of the relation."""

    joined: list[tuple[str, str]] = field(default_factory=list)

    def column(self, dimension: str, key: str, name: str) -> str:
        """SQL for a column of the dimension."""
        if (dimension, key) not in self.joined:
            self.joined.append((dimension, key))
        return f"d{self.joined.index((dimension, key))}.{name}"

    def sql(self) -> str:
        return " ".join(
            f"LEFT JOIN {dimension} d{number} ON d{number}.key = r.{key}"
            for number, (dimension, key) in enumerate(self.joined)
        )


def render(database: Database, rows: Rows, format: Format, date: str) -> Iterator[tuple[int, memoryview]]:
    """Yield (rows, text) of a report's body, in its order. date: the day as printed."""
    for part in slices(database, rows.report):
        for batch in database.stream(
            statement(database, rows, format, date, part), BATCH_ROWS, f"render {rows.report.name}"
        ):
            if batch.num_rows:
                yield batch.num_rows, text_of(batch.column(0))


def values(database: Database, rows: Rows, date: str) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a report in its order, a column per field: ``c0``, ``c1`` … in the type that is ``typed``."""
    for part in slices(database, rows.report):
        joins, relation, found = _read(database, rows, part)
        shown = [literal(date) if sql is None else sql for sql in found]
        named = enumerate(zip(rows.fields, shown, strict=True))
        picked = ", ".join(f"{typed(f, sql)} AS c{n}" for n, (f, sql) in named)
        sql = _ordered(f"SELECT {picked}", joins, relation, rows)
        for batch in database.stream(sql, _VALUES_ROWS, f"read {rows.report.name}"):
            if batch.num_rows:
                yield batch


def parts(database: Database, rows: Rows, sources: Sequence[str]) -> set[tuple[str | None, ...]]:
    """The different texts that the rows have in these columns together; an empty one counts as none."""
    found: set[tuple[str | None, ...]] = set()
    for part in slices(database, rows.report):
        joins, relation, _ = _read(database, rows, part)
        picked = ", ".join(f"nullif({joins.column(*DIMENSION_OF[source], 'text')}, '') AS c{n}"
                           for n, source in enumerate(sources))  # fmt: skip
        sql = f"SELECT DISTINCT {picked} FROM ({relation}) r {joins.sql()}"
        for batch in database.stream(sql, BATCH_ROWS, f"divide {rows.report.name}"):
            found.update(zip(*(column.to_pylist() for column in batch.columns), strict=True))
    return found


def typed(f: Field, sql: str) -> str:
    """SQL for a value in the type that a file with types gives it."""
    return _TYPED.get(f.typed or f.type, "{c}").replace("{c}", sql)


def is_text(sql: str, value: str | None) -> str:
    """SQL that is true where the text is ``value``; an empty one counts as none."""
    if value is None:
        return f"nullif({sql}, '') IS NULL"
    return f"{sql} = {text_literal(value)}"


def text_of(column: pa.Array) -> memoryview:
    """The bytes of a string column, one value after the other: the buffer itself, not a copy."""
    if column.null_count or column.type not in (pa.string(), pa.large_string()):
        raise TypeError(f"row text must be strings without nulls, not {column.type}")
    _, offsets, data = column.buffers()
    places = memoryview(offsets).cast("q" if column.type == pa.large_string() else "i")
    first, last = places[column.offset], places[column.offset + len(column)]
    return memoryview(data)[first:last] if data is not None else memoryview(b"")


@dataclass(frozen=True, slots=True)
class Rows:
    """What is asked: the columns of one version of a report, without those the format leaves out.

    only: rows with these texts in these columns, by source; see ``is_text``.
    """

    report: Report
    version: str
    fields: Sequence[Field]
    only: Part = ()


def statement(database: Database, rows: Rows, format: Format, date: str, part: Slice) -> str:
    """The one statement that makes a report's rows, or this slice of them, as text, in order."""
    joins, relation, found = _read(database, rows, part)
    texts = []
    for f, sql in zip(rows.fields, found, strict=True):
        column = Column(f.name, f.type)
        if sql is None:
            texts.append(literal(constant(database, format.field(column, literal(date)))))
        else:
            texts.append("NULL" if sql == "NULL" else format.field(column, sql))
    return _ordered(f"SELECT {format.row(texts)} AS text", joins, relation, rows)


def _read(database: Database, rows: Rows, part: Slice) -> tuple[Joins, str, list[str | None]]:
    """What is to be joined, the relation, and SQL for the value of each field, None for the day."""
    joins = Joins()
    relation, attributes = _relation(database, rows, part)
    found: list[str | None] = []
    for f in rows.fields:
        if f.source == "day":
            found.append(None)
        else:
            own = _value(f, rows.report, attributes)
            found.append(joins.column(*place(f)) if own is None else own)
    return joins, relation, found


def _ordered(select: str, joins: Joins, relation: str, rows: Rows) -> str:
    """The statement, its rows in the order of the report. The order must be the outermost thing: DuckDB keeps no order
    through a join."""
    order = ", ".join(f"{sql} NULLS FIRST" for sql in _order(joins, rows))
    kept = [is_text(joins.column(*DIMENSION_OF[source], "text"), value) for source, value in rows.only]
    where = f"WHERE {' AND '.join(kept)} " if kept else ""
    return f"{select} FROM ({relation}) r {joins.sql()} {where}ORDER BY {order}"


def _relation(database: Database, rows: Rows, part: Slice) -> tuple[str, dict[str, str]]:
    """The rows of a report in keys and values, unordered; and for a snapshot, the column of each attribute."""
    report = rows.report
    sql = query(f"rows_{report.relation}")
    for mark, text in part.items():
        sql = sql.replace(mark, text)
    if report.relation not in _SNAPSHOT_TEXTS:
        return sql, {}
    present = snapshots.present_attributes(database, report.relation)
    wanted = [f for f in rows.fields if snapshots.is_attribute(f)]
    there = [f for f in wanted if present is None or attribute_name(f.source) in present]
    columns = dict.fromkeys((f.source for f in wanted), "NULL") | {f.source: f"r.a{n}" for n, f in enumerate(there, 1)}
    picked = "".join(f", {as_type(f.type, f'said[{n}]')} AS a{n}" for n, f in enumerate(there, 1))
    # One reading of the JSON serves all of them: each one's own would keep what it read in memory.
    said = f"(SELECT *, {snapshots.attributes_sql(there)} AS said FROM ({sql}))" if there else f"({sql})"
    return f"SELECT * EXCLUDE (attributes{', said' if there else ''}){picked} FROM {said}", columns


def _value(f: Field, report: Report, attributes: dict[str, str]) -> str | None:
    """SQL for a value that the row itself holds; None if it is looked up by key."""
    if f.source.startswith("value."):
        return f'r."{f.source.removeprefix("value.")}"'
    if f.source in attributes:
        return attributes[f.source]
    return _SNAPSHOT_TEXTS.get(report.relation, {}).get(f.source)


def constant(database: Database, sql: str) -> str:
    """The value of a constant expression, so that it is not computed per row."""
    return str(database.one(f"SELECT {sql}", "render a constant")[0])


def _rank(joins: Joins, source: str) -> str:
    """SQL for what sorts rows by the text of ``source``."""
    return joins.column(*DIMENSION_OF[source], "rank")


def _order(joins: Joins, rows: Rows) -> Iterator[str]:
    report = rows.report
    # Rows of events are sorted by instant, then user, then every other column.
    if report.relation in EVENT_ROWS:
        yield from ("r.at_us", _rank(joins, "user"))
        if report.relation == "survey_answers":
            yield from ("r.question", "r.choice")
        # Rows that are equal in all of them are equal, so their order does not matter.
        latest = report.columns(report.versions[-1])
        yield from (_value(f, report, {}) or _rank(joins, f.source) for f in latest if f.key or "value." in f.source)
        return
    for f in report.order(rows.version):
        if f.source != "day":
            yield _value(f, report, {}) or _rank(joins, f.source)
