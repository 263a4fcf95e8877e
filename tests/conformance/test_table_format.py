"""What every format with types promises, for any value that a column can hold."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readers import FORMATS, rows_of
from rendered import texts, written

from footfall.errors import Damaged
from footfall.formats import parquet_rows
from footfall.formats.parquet_rows import ParquetRows
from footfall.model.columns import BOOLEAN, INT, LOCAL_DAY, LONG, MOMENT, NUMBER, OBJECT, STRING
from footfall.model.parquet_footer import footer_of
from footfall.model.records import counter
from footfall.ports import Column

FORMAT = ParquetRows()
MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))
KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    STRING: (pa.string(), texts),
    OBJECT: (pa.string(), st.dictionaries(texts, st.integers(), max_size=2).map(json.dumps)),
    LONG: (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    INT: (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    NUMBER: (pa.float64(), st.floats(allow_nan=False)),
    BOOLEAN: (pa.bool_(), st.booleans()),
    LOCAL_DAY: (pa.date32(), st.dates()),
    MOMENT: (pa.timestamp("us"), MOMENTS),
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Column], pa.Table]:
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=5))
    columns = [Column(f"{draw(texts)}{n}", kind) for n, kind in enumerate(kinds)]
    rows = draw(st.integers(0, 6))
    values = []
    for kind in kinds:
        arrow, strategy = KINDS[kind]
        drawn = [draw(st.one_of(st.none(), strategy)) for _ in range(rows)]
        plain = [v.replace(tzinfo=None) if kind == MOMENT and v else v for v in drawn]
        values.append(pa.array(plain, arrow))
    return columns, pa.table(values, names=[f"c{n}" for n in range(len(kinds))])


def made(columns: list[Column], table: pa.Table, cut: int = 1_000) -> bytes:
    return b"".join(piece for _, piece in FORMAT.file(columns, table.to_batches(cut), {"report": "Some"}))


def values(column: pa.ChunkedArray, kind: str) -> list[Any]:
    return [v.replace(tzinfo=UTC) if kind == MOMENT and v else v for v in column.to_pylist()]


@given(table=tables())
@settings(max_examples=150, deadline=None)
def test_every_value_comes_back_to_every_reader(table: tuple[list[Column], pa.Table]) -> None:
    columns, rows = table
    read = pq.read_table(io.BytesIO(made(columns, rows)))
    assert read.column_names == [c.name for c in columns]
    for n, column in enumerate(columns):
        assert read.column(n).to_pylist() == values(rows.column(n), column.type)
        assert read.schema.field(n).metadata == {b"type": column.type.encode()}


@given(table=tables(), cut=st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_the_same_rows_are_the_same_file_however_they_come(table: tuple[list[Column], pa.Table], cut: int) -> None:
    columns, rows = table
    assert made(columns, rows) == made(columns, rows, cut) == made(columns, rows)


@given(rows=st.lists(st.fixed_dictionaries({"a": st.one_of(st.none(), texts), "b": texts}), max_size=5))
@settings(max_examples=100, deadline=None)
def test_texts_are_those_of_the_other_formats(rows: list[dict[str, str | None]]) -> None:
    columns = [Column("a", STRING), Column("b", STRING)]
    present = [{name: text for name, text in row.items() if text is not None} for row in rows]
    table = pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in ("a", "b")})
    read = pq.read_table(io.BytesIO(made(columns, table))).to_pylist()
    told = [{name: text for name, text in row.items() if text is not None} for row in read]
    for name, each in FORMATS.items():
        assert rows_of(name, columns, written(each, columns, present)) == told


def test_the_footer_says_rows_and_columns_without_the_rest_being_read() -> None:
    columns = [Column("a", STRING), Column("ü", LONG)]
    data = made(columns, pa.table({"a": ["x"] * 7, "b": range(7)}))
    footer = footer_of(data[-2_000:])
    assert (footer.rows, footer.columns) == (7, ("a", "ü"))
    count = counter("parquet", "", "", "", ["a", "ü"])
    count.feed(data)
    assert (count.faults(), count.rows) == ([], 7)


def test_row_groups_are_bounded_by_rows_and_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_rows, "GROUP_ROWS", 100)
    monkeypatch.setattr(parquet_rows, "GROUP_BYTES", 10_000)
    texts = ["x"] * 250 + ["y" * 1_000] * 25
    files = {cut: made([Column("a", STRING)], pa.table({"a": texts}), cut) for cut in (1, 7, 300)}
    assert len(set(files.values())) == 1
    file = pq.ParquetFile(io.BytesIO(files[7]))
    groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert groups == [100, 100, 60, 10, 5]


def test_a_file_without_rows_has_its_columns() -> None:
    columns = [Column("a", STRING), Column("b", STRING, MOMENT)]
    data = made(columns, pa.table({"a": pa.array([], pa.string()), "b": pa.array([], pa.string())}))
    read = pq.read_table(io.BytesIO(data))
    assert read.num_rows == 0
    assert read.schema.types == [pa.string(), pa.timestamp("us", "UTC")]


def test_instants_and_numbers_may_come_as_their_texts() -> None:
    columns = [Column("at", STRING, MOMENT), Column("n", LONG)]
    table = pa.table({"at": ["2026-11-20T15:00:00.123456Z", None], "n": ["7", None]})
    at = datetime(2026, 11, 20, 15, tzinfo=UTC) + timedelta(microseconds=123_456)
    assert pq.read_table(io.BytesIO(made(columns, table))).to_pylist() == [{"at": at, "n": 7}, {"at": None, "n": None}]


def test_types_and_compression_are_what_other_programs_see(tmp_path: Any) -> None:
    columns = [
        Column("day", LOCAL_DAY),
        Column("at", MOMENT),
        Column("n", LONG),
        Column("x", NUMBER),
        Column("b", BOOLEAN),
    ]
    row = [[date(2026, 11, 20)], [datetime(2026, 11, 20, 15)], [1], [0.5], [True]]
    path = tmp_path / "one.parquet"
    path.write_bytes(made(columns, pa.table([pa.array(each) for each in row], names=list("abcde"))))
    told = duckdb.execute(f"DESCRIBE FROM read_parquet('{path}')").fetchall()
    assert [kind for _, kind, *_ in told] == ["DATE", "TIMESTAMP WITH TIME ZONE", "BIGINT", "DOUBLE", "BOOLEAN"]
    found = duckdb.execute(f"SELECT DISTINCT compression FROM parquet_metadata('{path}')").fetchall()
    assert found == [("ZSTD",)]


def test_rows_that_do_not_have_the_columns_are_no_file() -> None:
    with pytest.raises(Damaged, match="1 columns were given for 2"):
        made([Column("a", STRING), Column("b", STRING)], pa.table({"a": ["x"]}))
