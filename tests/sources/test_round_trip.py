"""What was exported is imported as it was, and exported again it is the same bytes.

Known differences, in docs/reference/import-files.md: CSV has only texts, and JSON leaves out what is null.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pyarrow as pa
import pysequoia
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import pieces, read
from rendered import texts, written

from footfall.codecs.gzip_member import GzipMember
from footfall.codecs.openpgp import OpenPgp
from footfall.codecs.openpgp_keys import check_certificate, check_private_key
from footfall.codecs.plain import Plain
from footfall.codecs.zip_archive import ZipArchive
from footfall.codecs.zstd_frame import ZstdFrame
from footfall.errors import Damaged
from footfall.formats.csv_rows import CsvRows
from footfall.formats.json_lines import JsonLines
from footfall.formats.parquet_rows import ParquetRows
from footfall.model.columns import BOOLEAN, LONG, OBJECT, STRING
from footfall.model.imports import ReadOptions
from footfall.ports import Codec, Column
from footfall.sources.csv_rows import CsvReader
from footfall.sources.json_rows import JsonReader
from footfall.sources.parquet_rows import ParquetReader

OPTIONS = ReadOptions()
Table = list[dict[str, Any]]
ARROW = {STRING: pa.string(), OBJECT: pa.string(), LONG: pa.int64(), BOOLEAN: pa.bool_()}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    STRING: texts,
    LONG: st.integers(-(2**63), 2**63 - 1),
    BOOLEAN: st.booleans(),
    OBJECT: st.dictionaries(texts.filter(lambda text: "\x00" not in text), st.integers(), max_size=3).map(
        lambda found: dict(sorted(found.items()))
    ),
}
NAMES = ["plain", "a b", "ü", "<&>\"'", ",", "\n\t\r", '"', "1"]


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Column], Table]:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=5, unique=True))
    columns = [Column(name, draw(st.sampled_from(list(VALUES)))) for name in names]
    count = draw(st.integers(0, 5))
    return columns, [{c.name: draw(st.one_of(st.none(), VALUES[c.type])) for c in columns} for _ in range(count)]


def parquet(columns: Sequence[Column], table: Table) -> bytes:
    def value(column: Column, row: dict[str, Any]) -> Any:
        found = row.get(column.name)
        return json.dumps(found) if isinstance(found, dict) else found

    arrays = [pa.array([value(c, row) for row in table], ARROW[c.type]) for c in columns]
    batch = pa.table(arrays, names=[f"c{n}" for n in range(len(columns))])
    return b"".join(piece for _, piece in ParquetRows().file(columns, [batch], {}))


def as_csv(columns: Sequence[Column], row: dict[str, Any]) -> dict[str, Any]:
    """All that CSV has of a row: texts."""
    named = {c.name: row[c.name] for c in columns if c.type != OBJECT}
    return {n: v if v is None or isinstance(v, str) else json.dumps(v) for n, v in named.items()}


def as_json(columns: Sequence[Column], row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def as_parquet(columns: Sequence[Column], row: dict[str, Any]) -> dict[str, Any]:
    return {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()}


WAYS: dict[str, tuple[Any, Callable[..., bytes], Callable[..., dict[str, Any]]]] = {
    "csv": (CsvReader(), lambda columns, table: written(CsvRows(), columns, table), as_csv),
    "json": (JsonReader(), lambda columns, table: written(JsonLines(), columns, table), as_json),
    "parquet": (ParquetReader(), parquet, as_parquet),
}


@cache
def encrypted() -> Codec:
    key = pysequoia.Tsk.generate("Somebody", profile=pysequoia.Profile.RFC9580)
    recipient = check_certificate(bytes(key.extract_certificate()), datetime.now(UTC) + timedelta(hours=1))
    return OpenPgp(GzipMember(), [recipient], check_private_key(bytes(key), None))


CODECS: dict[str, Callable[[], Codec]] = {
    "none": Plain, "gzip": GzipMember, "zstd": ZstdFrame, "zip": ZipArchive, "openpgp": encrypted,
}  # fmt: skip


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("way", WAYS)
@given(drawn=tables(), cut=st.integers(1, 100))
@settings(max_examples=20, deadline=None)
def test_what_was_exported_is_imported_and_exported_again_the_same(
    way: str, codec: str, drawn: tuple[list[Column], Table], cut: int
) -> None:
    columns, table = drawn
    reader, write, expected = WAYS[way]
    if way == "csv" and sum(c.type != OBJECT for c in columns) < 2:
        return  # a line with nothing on it is no row
    data = write(columns, table)
    packed = CODECS[codec]()
    stored = b"".join(packed.encode([data], name="rows"))
    found = read(reader, b"".join(packed.decode(pieces(stored, cut))), cut=cut)
    assert not found.bad
    assert found.values == [expected(columns, row) for row in table]
    again = found.values
    if way == "csv":
        columns = [Column(c.name, STRING) for c in columns if c.type != OBJECT]
    assert write(columns, again) == data


@pytest.mark.parametrize("way", WAYS)
def test_what_was_encrypted_is_imported_as_it_was(way: str) -> None:
    columns = [Column("id", LONG), Column("name", STRING), Column("on", BOOLEAN)]
    table = [{"id": n, "name": f"é {n}", "on": n % 2 == 0} for n in range(3_000)]
    reader, write, expected = WAYS[way]
    stored = b"".join(encrypted().encode([write(columns, table)], name="rows"))
    batches = list(reader.rows(encrypted().decode(pieces(stored, 5_000)), OPTIONS, name="rows"))
    values = [json.loads(row.body) for batch in batches for row in batch.rows]
    assert values == [expected(columns, row) for row in table]
    with pytest.raises(Damaged):
        next(reader.rows(encrypted().decode([stored[:-40] + bytes(40)]), OPTIONS, name="rows"))
