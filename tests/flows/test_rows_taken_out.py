"""Rows about some people go out of a Parquet file, whoever wrote it."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from footfall.formats.parquet_rows import ParquetRows, without_rows
from footfall.ports import Column

NAMED = {"identifyId": frozenset({"ada"}), "anonymousIds": frozenset({"v1"})}


def left_of(body: bytes, named: dict[str, frozenset[str]]) -> tuple[list[dict[str, Any]], int]:
    pieces, gone = without_rows([body], [("identifyId", "String"), ("anonymousIds", "String")], named)
    return pq.read_table(BytesIO(b"".join(piece for _, piece in pieces))).to_pylist(), gone


@pytest.mark.parametrize("lists", [False, True])
def test_a_visitor_decides_only_of_a_row_that_has_no_id(lists):
    rows = [("ada", "v9"), ("bob", "v1"), (None, "v1"), ("", "v1"), (None, "v9"), (None, None)]
    ids = [each for each, _ in rows]
    visitors = [[v, "v8"] if lists and v else v for _, v in rows]
    kind = pa.list_(pa.string()) if lists else pa.string()
    table = pa.table({"identifyId": pa.array(ids, pa.string()), "anonymousIds": pa.array(visitors, kind)})
    if lists:
        sink = BytesIO()
        pq.write_table(table, sink, row_group_size=2)
        body = sink.getvalue()
    else:
        columns = [Column("identifyId", "String"), Column("anonymousIds", "String")]
        body = b"".join(piece for _, piece in ParquetRows().file(columns, table.to_batches(), {}))
    left, gone = left_of(body, NAMED)
    assert [row["identifyId"] for row in left] == ["bob", None, None]
    assert gone == 3
    left, gone = left_of(body, {"anonymousIds": frozenset({"v1"})})
    assert [row["identifyId"] for row in left] == ["ada", None, None]
    assert gone == 3
