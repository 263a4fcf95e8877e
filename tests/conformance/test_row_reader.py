"""``ports.RowReader``, over every format that is read."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import WRITTEN, pieces, read, written_csv, written_lines
from rendered import texts

from footfall.errors import Refused
from footfall.model.imports import ReadOptions
from footfall.sources.csv_rows import CsvReader
from footfall.sources.json_rows import JsonReader

FORMATS = sorted(WRITTEN)
TEXTS = [name for name in FORMATS if name != "parquet"]
names = st.sampled_from(["a", "b c", "ü", "", "z", "name", "\"'", ","])
values = texts.filter(lambda text: text != "" and "\r" not in text)


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, str]]:
    columns = draw(st.lists(names.filter(bool), min_size=2, max_size=5, unique=True))
    return [{name: draw(values) for name in columns} for _ in range(draw(st.integers(1, 6)))]


@pytest.mark.parametrize("name", FORMATS)
@given(table=tables(), cut=st.integers(1, 40))
@settings(max_examples=80, deadline=None)
def test_rows_are_read_as_they_were_written_however_the_bytes_are_cut(
    name: str, table: list[dict[str, str]], cut: int
) -> None:
    reader, writer = WRITTEN[name]
    data = writer(table)
    found = read(reader, data)
    assert found.values == table
    assert not found.bad
    assert read(reader, data, cut=cut, seed=cut) == found


@pytest.mark.parametrize("name", FORMATS)
@given(table=tables(), data=st.data())
@settings(max_examples=40, deadline=None)
def test_equal_rows_are_equal_bytes_in_whatever_order_their_columns_come(
    name: str, table: list[dict[str, str]], data: st.DataObject
) -> None:
    reader, writer = WRITTEN[name]
    order = data.draw(st.permutations(list(table[0])))
    moved = [{name: row[name] for name in order} for row in table]
    bodies = [[row.body for row in read(reader, writer(each)).rows] for each in (table, moved)]
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize("name", FORMATS)
def test_only_the_chosen_fields_are_kept(name: str) -> None:
    reader, writer = WRITTEN[name]
    table = [{"b": str(n), "a": "x", "c": "y"} for n in range(3)]
    assert read(reader, writer(table), fields=("c", "b")).values == [{"b": str(n), "c": "y"} for n in range(3)]


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_without_rows_gives_none(name: str) -> None:
    reader, writer = WRITTEN[name]
    assert read(reader, writer([])) == ([], [])


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("blank", [b"", b"\n", b"\r\n", "\ufeff".encode()])
def test_an_empty_file_of_text_gives_no_rows(name: str, blank: bytes) -> None:
    assert read(WRITTEN[name][0], blank) == ([], [])


def outcome(name: str, data: bytes, cut: int = 0) -> Any:
    try:
        return read(WRITTEN[name][0], data, cut=cut)
    except Refused as refused:
        return str(refused)


@pytest.mark.parametrize("name", TEXTS)
@given(data=st.binary(max_size=300), cut=st.integers(1, 50))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_rows_bad_rows_or_refused_however_they_are_cut(name: str, data: bytes, cut: int) -> None:
    assert outcome(name, data) == outcome(name, data, cut)


@given(data=st.binary(max_size=400))
@settings(max_examples=100, deadline=None)
def test_any_bytes_that_begin_like_parquet_are_refused(data: bytes) -> None:
    for head in (b"", b"PAR1", b"PAR1\x15"):
        with pytest.raises(Refused):
            read(WRITTEN["parquet"][0], head + data + b"PAR1" * bool(head))


SOUP = ['{"a":1}', '{"a":"x"}', '"', "{", "}", "[", "]", ",", ";", "\n", "\r\n", "\r", " ", "a", '""', '","', "\x00",
        "\\", "é", "a,b\n", "1,2\n", '{"a":1,"a":2}\n', "},\n  {", '"\n']  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
@given(parts=st.lists(st.sampled_from(SOUP), max_size=30), cut=st.integers(1, 20))
@settings(max_examples=300, deadline=None)
def test_any_mixture_of_signs_gives_the_same_however_it_is_cut(name: str, parts: list[str], cut: int) -> None:
    head = {"csv": "a,b\n", "lines": '{"a":1}\n'}.get(name, "[")
    data = (head + "".join(parts)).encode()
    assert outcome(name, data) == outcome(name, data, cut)


@pytest.mark.parametrize("name", FORMATS)
def test_a_preview_shows_columns_types_and_the_first_rows(name: str) -> None:
    reader, writer = WRITTEN[name]
    table = [{"id": str(n), "at": f"2026-11-{n % 30 + 1:02}", "note": "é"} for n in range(2_000)]
    seen = reader.preview(pieces(writer(table), 700), ReadOptions(), name="file")
    kind = "int" if name == "csv" else "string"
    columns = [("id", kind), ("at", "date"), ("note", "string")]
    assert list(seen.columns) == (columns if name in ("csv", "parquet") else sorted(columns))
    assert [json.loads(body) for body in seen.rows] == table[:20]
    assert seen.header
    assert not seen.bad


def test_a_preview_reads_no_more_than_it_needs() -> None:
    taken = 0

    def counted(data: bytes) -> Iterator[bytes]:
        nonlocal taken
        for piece in pieces(data, 1 << 14):
            taken += len(piece)
            yield piece

    table = [{"id": str(n), "note": "x" * 50} for n in range(100_000)]
    for reader, data in ((CsvReader(), written_csv(table)), (JsonReader(), written_lines(table))):
        taken = 0
        assert len(reader.preview(counted(data), ReadOptions(), name="file").rows) == 20
        assert taken < len(data) / 5


LONG = 24 << 20  # bytes of the row in the middle


@pytest.mark.parametrize(
    ("name", "head", "part", "tail"),
    [
        pytest.param("csv", b"a,b\n1,2\n3,", b"x", b"\n5,6\n", id="csv"),
        pytest.param("csv", b'a,b\n1,2\n3,"', b"x", b'"\n5,6\n', id="csv, quoted"),
        pytest.param("csv", b"a,b\n1,2\n", b"x" * 31 + b",", b"\n5,6\n", id="csv, of many fields"),
        pytest.param("lines", b'{"a":1}\n{"a":"', b"x", b'"}\n{"a":2}\n', id="lines"),
        pytest.param("array", b'[{"a":1},{"a":"', b"x", b'"},{"a":2}]', id="array"),
        pytest.param(
            "array", b'[{"a":1},{"a":[', b'"}' + b" " * 200 + b'\\"",', b'{}]},{"a":2}]', id="array, of many values"
        ),
        pytest.param("array", b'[{"a":1},"', b"x", b'",{"a":2}]', id="array, of a text"),
        pytest.param("array", b'[{"a":1},{"a":"', b'\\"}]}', b'"},{"a":2}]', id="array, of backslashes"),
        pytest.param("array", b'[{"a":1},\n{"a":[1', b" ", b',"x\n{"a":2}]', id="array, broken at its end"),
        pytest.param("array", b'[{"a":1},', b" ", b'nothing,{"a":2}]', id="array, of space"),
    ],
)
def test_a_row_of_any_length_takes_bounded_memory_and_spoils_no_other(
    name: str, head: bytes, part: bytes, tail: bytes
) -> None:
    data = memoryview(head + part * (LONG // len(part)) + tail)
    chunks = (bytes(data[at : at + 99_991]) for at in range(0, len(data), 99_991))
    tracemalloc.start()
    try:
        batches = list(WRITTEN[name][0].rows(chunks, ReadOptions(), name="file"))
        assert tracemalloc.get_traced_memory()[1] < LONG / 3
    finally:
        tracemalloc.stop()
    assert [row.number for batch in batches for row in batch.rows] == [0, 2]
    (bad,) = (bad for batch in batches for bad in batch.bad)
    assert bad.number == 1
    assert len(bad.text.encode()) <= 4096
