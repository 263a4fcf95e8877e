"""Parquet with every type that files have."""

from __future__ import annotations

import io
import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import Read, pieces, read
from rendered import texts

from footfall.errors import Damaged, Refused, Unavailable
from footfall.model.imports import ReadOptions
from footfall.sources import parquet_rows
from footfall.sources.parquet_rows import ParquetReader

AT = datetime(2026, 11, 1, 10, 0, 0, 5)


def made(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def rows(table: pa.Table, **options: Any) -> Read:
    return read(ParquetReader(), made(table), name="some.parquet", **options)


TYPES = [
    pytest.param(pa.int64(), -(2**63), -(2**63), id="long"),
    pytest.param(pa.uint64(), 2**64 - 1, 2**64 - 1, id="unsigned"),
    pytest.param(pa.int8(), 7, 7, id="byte"),
    pytest.param(pa.float64(), 12.0, 12.0, id="double"),
    pytest.param(pa.float64(), float("nan"), None, id="not a number"),
    pytest.param(pa.float64(), float("inf"), None, id="infinity"),
    pytest.param(pa.float16(), 1.5, 1.5, id="half"),
    pytest.param(pa.bool_(), True, True, id="boolean"),
    pytest.param(pa.string(), '"\\\x00\n\té🙂', '"\\\x00\n\té🙂', id="text"),
    pytest.param(pa.string(), "", "", id="empty text"),
    pytest.param(pa.large_string(), "x", "x", id="large text"),
    pytest.param(pa.string_view(), "x", "x", id="text by reference"),
    pytest.param(pa.dictionary(pa.int32(), pa.string()), "x", "x", id="dictionary"),
    pytest.param(pa.binary(), "é".encode(), "é", id="bytes of text"),
    pytest.param(pa.binary(), b"\xff\xfe", "//4=", id="bytes"),
    pytest.param(pa.binary(2), b"\xff\xfe", "//4=", id="bytes of a fixed size"),
    pytest.param(pa.decimal128(30, 2), Decimal("1234567890123456789012345678.50"), None, id="decimal"),
    pytest.param(pa.date32(), date(2026, 11, 1), "2026-11-01", id="date"),
    pytest.param(pa.timestamp("us", "UTC"), AT, "2026-11-01T10:00:00.000005Z", id="instant"),
    pytest.param(pa.timestamp("ms", "Europe/Berlin"), AT.replace(microsecond=0), "2026-11-01T10:00:00Z", id="zoned"),
    pytest.param(pa.timestamp("ns"), AT, "2026-11-01T10:00:00.000005", id="without a zone"),
    pytest.param(pa.time64("us"), time(1, 2, 3), "01:02:03", id="time"),
    pytest.param(pa.duration("s"), timedelta(seconds=90), 90, id="duration"),
    pytest.param(pa.list_(pa.timestamp("ns", "UTC")), [AT, None], ["2026-11-01T10:00:00.000005Z", None], id="list"),
    pytest.param(pa.struct([("y", pa.int32()), ("x", pa.binary())]), {"y": 1, "x": b"z"}, {"x": "z", "y": 1}, id="row"),
    pytest.param(pa.map_(pa.string(), pa.date32()), [("k", date(2026, 1, 1))], {"k": "2026-01-01"}, id="map"),
    pytest.param(pa.map_(pa.int32(), pa.int32()), [(1, 2)], {"1": 2}, id="map of numbers"),
    pytest.param(pa.null(), None, None, id="nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "expected"), TYPES)
def test_every_type_has_its_value_in_json(kind: pa.DataType, value: Any, expected: Any) -> None:
    table = pa.table({"b": pa.array([value, None], kind), "a": pa.array([1, 2])})
    found = rows(table)
    assert not found.bad
    if isinstance(value, Decimal):
        assert found.rows[0].body == b'{"a":1,"b":1234567890123456789012345678.50}'
        return
    assert found.values == [{"a": 1, "b": expected}, {"a": 2, "b": None}]


@given(
    table=st.lists(
        st.tuples(
            st.one_of(st.none(), texts),
            st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
            st.one_of(st.none(), st.floats()),
            st.one_of(st.none(), st.booleans()),
        ),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=100, deadline=None)
def test_rows_made_by_columns_are_those_made_one_by_one(table: list[tuple[Any, ...]]) -> None:
    kinds = [pa.string(), pa.int64(), pa.float64(), pa.bool_()]
    arrays = [pa.array([row[n] for row in table], kind) for n, kind in enumerate(kinds)]
    made_of = pa.table(arrays, names=["a", "é", '"', "\\"]).select(['"', "\\", "a", "é"])
    assert parquet_rows._rows(made_of, 7).rows == parquet_rows._one_by_one(made_of, 7).rows


def test_ten_thousand_columns_come_in_batches_of_bounded_size() -> None:
    names = [f"column_{n}" for n in range(10_000)]
    table = pa.table({name: pa.nulls(45, pa.int8()) for name in names})
    batches = list(ParquetReader().rows([made(table)], ReadOptions(), name="x"))
    assert sum(len(batch.rows) for batch in batches) == 45
    assert len(batches) > 1


def test_rows_have_numbers_and_no_lines() -> None:
    table = pa.table({"a": list(range(10_000))})
    found = read(ParquetReader(), made(table, row_group_size=3_000))
    assert [row.number for row in found.rows] == list(range(10_000))
    assert set(found.lines) == {0}


def test_a_value_that_json_cannot_say_spoils_its_row_only() -> None:
    far = pa.array([0, 2**62, 1], pa.int64()).cast(pa.timestamp("us", "UTC"))
    found = rows(pa.table({"at": far, "b": ["x", "y", "z"]}))
    assert [row["b"] for row in found.values] == ["x", "z"]
    assert [(row.number, row.code) for row in found.bad] == [(1, "unreadable_value")]


def test_a_value_that_json_cannot_say_is_told_with_its_column() -> None:
    far = pa.array([0, 2**62], pa.int64()).cast(pa.timestamp("us", "UTC"))
    text = pa.Array.from_buffers(pa.string(), 2, pa.array([b"x", b"\xff"], pa.binary()).buffers())
    kind = pa.list_(pa.struct([("k", pa.map_(pa.string(), pa.int32()))]))
    nested = pa.array([[], [{"k": [("a", 1), ("a", 2)]}]], kind)
    for name, values in (("signed up", far), ("text", text), ("nested", nested)):
        found = rows(pa.table({"a": [1, 2], name: values, "z": ["x", "y"]}))
        assert found.codes == [(0, name, "unreadable_value")]
        assert len(found.rows) == 1
    assert rows(pa.table({"z": far, "b": text})).bad[0].field == "b"


def test_a_key_that_is_twice_in_a_map_spoils_its_row_only() -> None:
    kind = pa.map_(pa.string(), pa.int32())
    found = rows(pa.table({"m": pa.array([[("a", 1)], [("a", 1), ("a", 2)]], kind)}))
    assert found.values == [{"m": {"a": 1}}]
    assert found.bad[0].number == 1


def test_a_row_of_more_than_a_mebibyte_is_bad() -> None:
    found = rows(pa.table({"a": ["x", "y" * (2 << 20), "z"]}))
    assert [row["a"] for row in found.values] == ["x", "z"]
    assert [row.code for row in found.bad] == ["row_too_long"]


def test_columns_that_are_not_there_or_there_twice_are_refused() -> None:
    with pytest.raises(Refused, match=r"some\.parquet: there is no column 'c'; there are a, b"):
        rows(pa.table({"a": [1], "b": [2]}), fields=("a", "c"))
    twice = pa.table([[1], [2], [3]], names=["a", "b", "a"])
    with pytest.raises(Refused, match="two columns are called 'a'"):
        rows(twice)


def test_what_is_not_whole_is_refused_or_damaged() -> None:
    data = made(pa.table({"a": [f"text {n}" for n in range(5_000)]}), compression="zstd")
    for bad in (data[:-1], data[:1000], b"PAR1", data[: len(data) // 2] + data[-200:]):
        with pytest.raises((Refused, Damaged)):
            read(ParquetReader(), bad)
    flipped = data[:200] + bytes([data[200] ^ 0xFF, data[201] ^ 0xFF]) + data[202:]
    with pytest.raises(Damaged, match="cannot be read from row 1 on"):
        read(ParquetReader(), flipped, name="some.parquet")


def test_a_long_file_waits_in_the_folder_that_was_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_rows, "HELD_BYTES", 1)
    data = made(pa.table({"a": [1, 2]}))
    assert len(read(ParquetReader(tmp_path), data, cut=100).rows) == 2
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Unavailable, match="no room"):
        read(ParquetReader(tmp_path / "missing"), data)


def test_a_preview_shows_nested_columns_too() -> None:
    table = pa.table({"z": [[1]], "a": [{"x": 1}], "n": [1.5], "at": pa.array([AT], pa.timestamp("us"))})
    seen = ParquetReader().preview(pieces(made(table), 100), ReadOptions(), name="x")
    assert list(seen.columns) == [("z", "set"), ("a", "map"), ("n", "number"), ("at", "date")]
    assert json.loads(seen.rows[0])["a"] == {"x": 1}
