"""Rows read from bytes, however they are cut; and the same rows written in every format that is read."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from footfall.model.imports import ReadOptions
from footfall.ports import BadRow, Row, RowReader
from footfall.sources.csv_rows import CsvReader
from footfall.sources.json_rows import JsonReader
from footfall.sources.parquet_rows import ParquetReader


class Read(NamedTuple):
    """All of a file. rows and bad: in their order."""

    rows: list[Row]
    bad: list[BadRow]

    @property
    def values(self) -> list[dict[str, Any]]:
        return [json.loads(row.body) for row in self.rows]

    @property
    def lines(self) -> list[int]:
        return [row.line for row in self.rows]

    @property
    def codes(self) -> list[tuple[int, str, str]]:
        """(line, field, code) of the bad rows."""
        return [(row.line, row.field, row.code) for row in self.bad]


def read(reader: RowReader, data: bytes, *, cut: int = 0, seed: int = 0, name: str = "file", **options: Any) -> Read:
    """Read everything, and check numbers and the order of keys.

    cut: the longest piece that the data comes in; 0 for one piece.
    """
    rows: list[Row] = []
    bad: list[BadRow] = []
    for batch in reader.rows(pieces(data, cut, seed), ReadOptions(**options), name=name):
        here = sorted([row.number for row in batch.rows] + [row.number for row in batch.bad])
        assert here == list(range(len(rows) + len(bad), len(rows) + len(bad) + len(here)))
        assert here
        rows += batch.rows
        bad += batch.bad
    for keys in (list(json.loads(row.body)) for row in rows[:1_000]):
        assert keys == sorted(keys)
    return Read(rows, bad)


def pieces(data: bytes, cut: int, seed: int = 0) -> Iterator[bytes]:
    rng = random.Random(seed)
    at = 0
    while at < len(data):
        size = rng.randint(1, cut) if cut else len(data)
        yield data[at : at + size]
        at += size


def written_csv(rows: Sequence[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]) if rows else ["a"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def written_lines(rows: Sequence[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def written_array(rows: Sequence[dict[str, Any]]) -> bytes:
    return json.dumps(rows).encode()


def written_over_lines(rows: Sequence[dict[str, Any]]) -> bytes:
    return json.dumps(rows, indent=2).encode()


def written_parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    table = pa.Table.from_pylist(list(rows)) if rows else pa.table({"a": pa.array([], pa.string())})
    pq.write_table(table, out)
    return out.getvalue()


WRITTEN = {
    "csv": (CsvReader(), written_csv),
    "lines": (JsonReader(), written_lines),
    "array": (JsonReader(), written_array),
    "array over lines": (JsonReader(), written_over_lines),
    "parquet": (ParquetReader(), written_parquet),
}
