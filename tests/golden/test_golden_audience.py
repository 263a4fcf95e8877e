"""The files of a small audience, byte for byte, one folder per format.

``GOLDEN=rewrite pytest tests/golden`` writes them anew; read the difference before committing it.
"""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from small_audience import AT, DAY, SmallAudience, identified, small_audience

from footfall.model.audience_export import LAYOUTS, AudienceExport

EXPECTED = Path(__file__).parent / "expected" / "audience"
FIELDS = ("aptrinsicId", "identifyId", "email", "anonymousIds", "accountId", "score", "createDate", "numberOfVisits",
          "gender", "plan", "tags", "limits", "vip", "ltv", "since", "note")  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallAudience]:
    with small_audience(tmp_path_factory.mktemp("audience")) as small:
        small.learn(identified(DAY))
        small.memberships = {"ada": ["buyers", "R&D"], "max": ["buyers"]}
        yield small


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_is_what_it_was(small: SmallAudience, layout: str) -> None:
    export = AudienceExport(job=layout, layout=layout, fields=FIELDS, memberships=True)
    files = {file.key.partition("Z")[2].removesuffix(".gz"): b"".join(small.out.open(file.key))
             for file in small.export(export, at=AT + timedelta(hours=LAYOUTS.index(layout)))}  # fmt: skip
    folder = EXPECTED / layout
    for name, stored in files.items():
        text = stored if layout == "parquet" else gzip.decompress(stored)
        path = folder / f"users{name}"
        if os.environ.get("GOLDEN") == "rewrite":
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        if layout == "parquet":  # its bytes are those of one version of the library
            assert pq.read_table(io.BytesIO(text)).equals(pq.read_table(path))
        else:
            assert text == path.read_bytes()
    assert {path.name for path in folder.iterdir()} == {f"users{name}" for name in files}


def test_duckdb_reads_the_parquet_file_in_its_types() -> None:
    relation = duckdb.sql(f"SELECT * FROM '{EXPECTED / 'parquet' / 'users.parquet'}'")
    types = dict(zip(relation.columns, map(str, relation.types), strict=True))
    assert types["score"] == "BIGINT"
    assert types["customAttribute_vip"] == "BOOLEAN"
    assert types["customAttribute_ltv"] == "DOUBLE"
    assert types["createDate"] == "TIMESTAMP WITH TIME ZONE"
    assert types["customAttribute_tags"] == types["segments"] == "VARCHAR[]"
    assert types["customAttribute_limits"] == "MAP(VARCHAR, VARCHAR)"
    assert types["gender"] == "VARCHAR"
    users = relation.project("identifyId").fetchall()
    assert users == sorted(users)


def test_duckdb_joins_the_files_of_multi_csv() -> None:
    folder = EXPECTED / "multi-csv"
    rows = duckdb.sql(
        f"SELECT u.identifyId, t.value FROM '{folder / 'users.csv'}' u "
        f"JOIN '{folder / 'users-customAttribute_5Ftags.csv'}' t USING (join_key) WHERE u.identifyId = 'ada'"
    ).fetchall()
    assert sorted(rows) == [("ada", "50%"), ("ada", "a"), ("ada", "b&c"), ("ada", "x=y")]


def test_an_attribute_without_a_name_is_in_nobodys_way(tmp_path: Path) -> None:
    with small_audience(tmp_path) as small:
        small.learn(identified(DAY, [("ada", {"": "nameless", "plan": "pro", "a'b\"c": 1}, "")]))
        fields = ("identifyId", "customAttribute_plan", "customAttribute_a'b\"c")
        (row,) = small.rows(AudienceExport(job="odd", layout="json", fields=fields))
    assert row == {"identifyId": "ada", "customAttribute_plan": "pro", "customAttribute_a'b\"c": 1}
