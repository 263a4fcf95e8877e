"""Reading the footer of Parquet files as several writers write them."""

from __future__ import annotations

import io
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from footfall.errors import Damaged
from footfall.model.parquet_footer import footer_of
from footfall.model.records import counter

TABLE = pa.table(
    {
        "id": ["a", None, "ü"],
        "tags": pa.array([["x"], [], None], pa.list_(pa.string())),
        "limits": pa.array([[("k", "v")], [], None], pa.map_(pa.string(), pa.string())),
        "nested": [{"a": {"b": 1}}, None, {"a": None}],
        "vip": [True, False, None],
    }
)


def written(table: pa.Table, **how: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **how)
    return sink.getvalue()


@pytest.mark.parametrize("how", [{}, {"row_group_size": 1}, {"compression": "zstd", "version": "1.0"}], ids=str)
def test_rows_and_columns_are_those_that_were_written(how: dict[str, object]) -> None:
    footer = footer_of(written(TABLE, **how))
    assert (footer.rows, footer.columns) == (3, ("id", "tags", "limits", "nested", "vip"))


def test_files_of_duckdb_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    duckdb.sql(f"COPY (SELECT range AS n, [range] AS l FROM range(5000)) TO '{path}' (ROW_GROUP_SIZE 2048)")
    assert footer_of(path.read_bytes()).rows == 5000
    assert footer_of(path.read_bytes()).columns == ("n", "l")


def test_many_columns_and_an_empty_file_are_read() -> None:
    table = pa.table({f"column {n}": pa.array([], pa.int64()) for n in range(300)})
    assert footer_of(written(table)).rows == 0
    assert footer_of(written(table)).columns == tuple(table.column_names)


@pytest.mark.parametrize("cut", [1, 4, 9, 40])
def test_a_file_that_was_cut_is_damaged(cut: int) -> None:
    with pytest.raises(Damaged):
        footer_of(written(TABLE)[:-cut])


def test_any_damage_of_the_footer_is_told_and_nothing_worse() -> None:
    stored = written(TABLE)
    for place in range(len(stored) - 200, len(stored)):
        broken = stored[:place] + bytes([stored[place] ^ 0x5A]) + stored[place + 1 :]
        try:
            footer_of(broken)
        except Damaged:
            continue


def test_verify_counts_the_rows_of_parquet_in_pieces() -> None:
    stored = written(TABLE)
    rows = counter("parquet", "", "", "", TABLE.column_names)
    for start in range(0, len(stored), 7):
        rows.feed(stored[start : start + 7])
    assert rows.faults() == []
    assert rows.rows == 3
    others = counter("parquet", "", "", "", ["id"])
    others.feed(stored[4:])
    assert len(others.faults()) == 2
