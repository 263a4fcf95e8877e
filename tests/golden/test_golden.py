"""The files of a small day, byte for byte: one per report, version and format.

``GOLDEN=rewrite pytest tests/golden`` writes them anew; read the difference before committing it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from readers import FORMATS, parquet_rows, rows_of, whole, whole_parquet
from small_day import DAY, small_day

from footfall.engines.day import DuckDBEngine, OpenedDay
from footfall.model.reports import CATALOGUE, VERSIONS, Report

EXPECTED = Path(__file__).parent / "expected"
CASES = [
    pytest.param(report, version, id=f"{report.name}-{version}") for report in CATALOGUE for version in report.versions
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenedDay]:
    folder = tmp_path_factory.mktemp("day")
    day = DuckDBEngine(folder / "spill").open(small_day(folder))
    yield day
    day.close()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("report", "version"), CASES)
def test_a_file_is_what_it_was(opened: OpenedDay, report: Report, version: str, name: str) -> None:
    text = whole(opened, report, version, FORMATS[name], DAY)
    path = EXPECTED / version / f"{report.name}.{name}"
    if os.environ.get("GOLDEN") == "rewrite":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    assert text == path.read_bytes()


@pytest.mark.parametrize(("report", "version"), CASES)
def test_the_three_formats_say_the_same(opened: OpenedDay, report: Report, version: str) -> None:
    columns = opened.columns(report, version)
    read = {n: rows_of(n, columns, whole(opened, report, version, f, DAY)) for n, f in FORMATS.items()}
    assert read["json"] == read["xml"]
    assert read["csv"] == [{n: v for n, v in row.items() if n != "globalContext"} for row in read["json"]]
    assert all(None not in row.values() for row in read["json"])


@pytest.mark.parametrize(("report", "version"), CASES)
def test_parquet_says_the_same_in_types(opened: OpenedDay, report: Report, version: str) -> None:
    columns = opened.columns(report, version)
    told = rows_of("json", columns, whole(opened, report, version, FORMATS["json"], DAY))
    data = whole_parquet(opened, report, version)
    assert parquet_rows(columns, data) == told
    assert whole_parquet(opened, report, version) == data


@pytest.mark.parametrize(("report", "version"), CASES)
def test_the_parts_of_a_report_are_all_of_it(opened: OpenedDay, report: Report, version: str) -> None:
    sources = [source for what in ("product", "environment", "event") if (source := report.divider(what, version))]
    if not sources:
        return
    columns = opened.columns(report, version)
    parts = opened.parts(report, version, sources)
    assert len(parts) == len(set(parts)) > 0
    kept = []
    for part in parts:
        text = FORMATS["json"].head(columns, report.name, version, DAY) + b"".join(
            bytes(piece) for _, piece in opened.render(report, version, FORMATS["json"], part)
        )
        rows = rows_of("json", columns, text)
        assert parquet_rows(columns, whole_parquet(opened, report, version, part)) == rows != []
        kept += rows
    everything = rows_of("json", columns, whole(opened, report, version, FORMATS["json"], DAY))
    assert sorted(map(json.dumps, kept)) == sorted(map(json.dumps, everything))


@pytest.mark.parametrize(("report", "version"), CASES)
def test_every_report_of_the_day_has_rows(opened: OpenedDay, report: Report, version: str) -> None:
    assert sum(rows for rows, _ in opened.render(report, version, FORMATS["csv"])) > 0


def test_there_is_no_expected_file_without_a_report() -> None:
    kept = {f"{v}/{r.name}.{n}" for r in CATALOGUE for v in r.versions for n in FORMATS}
    assert {str(p.relative_to(EXPECTED)) for v in VERSIONS for p in (EXPECTED / v).iterdir()} == kept
