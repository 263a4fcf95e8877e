"""Imports: the same rows as CSV.gz, NDJSON.gz and Parquet, read alone and into the lake, beside DuckDB and dlt.

Rows have ten columns (CSV), or six and an object of four (JSON). Every contestant runs in a process of its own, on a
file in a folder. DuckDB loads into a table of its own with the schema given, dlt into its DuckDB destination as its
documentation shows it; dlt gets only the first rows, and is left out where it cannot be installed. ``SCALE=10`` makes
20 M rows, 2 GB of CSV.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

from isal import igzip

from bench.processes import Spent, measured

Line = tuple[str, float, str, str]

ROWS: Final = 2_000_000
DLT_ROWS: Final = 40_000  # at about a thousand a second more would say nothing else
DLT: Final = "dlt[duckdb]==1.31.0"
FILES: Final = {"csv": "orders.csv.gz", "json": "orders.ndjson.gz", "parquet": "orders.parquet"}
TEXT_BYTES: Final = 1_500  # of a row, as files, in the log, in the lake and in DuckDB

# What one would write by hand with dlt: a generator of rows and a pipeline.
DLT_PROGRAM: Final = """
import csv, gzip, itertools, json, sys
import dlt
path, count, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
def rows():
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        found = csv.DictReader(text) if path.endswith(".csv.gz") else map(json.loads, text)
        yield from itertools.islice(found, count)
pipeline = dlt.pipeline("orders", pipelines_dir=folder, destination=dlt.destinations.duckdb(folder + "/orders.duckdb"))
pipeline.run(dlt.resource(rows, name="orders"))
"""


def run(scale: float) -> list[Line]:
    """Rows of (name, value, unit, note)."""
    rows = max(5_000, int(ROWS * scale))
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        folder = Path(name)
        needed, free = TEXT_BYTES * rows, shutil.disk_usage(folder).free
        if free < needed:
            raise RuntimeError(f"imports needs {needed / 1e9:.0f} GB of free disk, there are {free / 1e9:.0f}")
        measured([sys.executable, "-m", "bench.imports", "make", name, str(rows)])
        lines: list[Line] = []
        for kind, named in FILES.items():
            spent = _contestant("read", kind, str(folder / named))
            lines += [_told(f"reader of {named}", spent, rows, f"{rows:,} rows, unpacked and read, on one core")]
        duck: dict[str, Spent] = {}
        for kind in ("csv", "json"):
            file = folder / FILES[kind]
            ours = _ours(folder, kind, file)
            duck[kind] = _contestant("duck", kind, str(file), str(folder / f"{kind}.duckdb"))
            ratio = duck[kind].wall_s / ours.wall_s
            lines += [_told(f"import {file.name}, into the lake", ours, rows, f"{ratio:.2f} of DuckDB; target 0.6")]
            lines += [_told(f"DuckDB read of {file.name}, into a table", duck[kind], rows, "its types given")]
        return lines + _dlt(folder, rows)


def _told(what: str, spent: Spent, rows: int, note: str) -> Line:
    return what, rows / spent.wall_s, "rows/s", f"{spent.cpu_s:.1f} s CPU, {spent.rss_mb:.0f} MB, {note}"


def _contestant(name: str, *arguments: str) -> Spent:
    return measured([sys.executable, "-m", "bench.imports", name, *arguments])


def _ours(folder: Path, format: str, file: Path) -> Spent:
    """The command, with its ledger, its log and its lake."""
    command = [sys.executable, "-m", "footfall", "import", format, str(file), "--data", str(folder / f"hub-{format}"),
               "--identify-id", "user", "--timestamp", "at", "--quiet"]  # fmt: skip
    return measured(command)


def _dlt(folder: Path, rows: int) -> list[Line]:
    home = folder / "dlt"
    venv.create(home, with_pip=True)
    python = str(home / "bin" / "python")
    done = subprocess.run([python, "-m", "pip", "install", "-q", DLT], stdout=sys.stderr, check=False)
    if done.returncode:
        return []
    program, count = folder / "with_dlt.py", min(DLT_ROWS, rows)
    program.write_text(DLT_PROGRAM, "utf-8")
    lines = []
    for kind in ("csv", "json"):
        place = folder / f"dlt-{kind}"
        place.mkdir()
        quiet = {"RUNTIME__DLTHUB_TELEMETRY": "false", "HOME": str(place)}
        spent = measured([python, str(program), str(folder / FILES[kind]), str(count), str(place)], quiet)
        lines += [_told(f"dlt, {FILES[kind]}, into DuckDB", spent, count, f"{DLT}, the first {count:,} rows")]
    return lines


# --- contestants ---------------------------------------------------------------------------------


def read(format: str, path: str) -> None:
    """Read every row and keep none."""
    from footfall.codecs.gzip_member import GzipMember
    from footfall.model.imports import ReadOptions
    from footfall.ports import RowReader
    from footfall.sources.csv_rows import CsvReader
    from footfall.sources.json_rows import JsonReader
    from footfall.sources.parquet_rows import ParquetReader

    readers: dict[str, RowReader] = {"csv": CsvReader(), "json": JsonReader(), "parquet": ParquetReader()}
    with Path(path).open("rb") as file:
        chunks = iter(lambda: file.read(1 << 20), b"")
        text = GzipMember().decode(chunks) if path.endswith(".gz") else chunks
        for batch in readers[format].rows(text, ReadOptions(), name=path):
            if batch.bad:
                raise RuntimeError(f"{path}: {batch.bad[0]}")


def duck(format: str, path: str, database: str) -> None:
    """What one would write by hand: one CREATE TABLE with the columns known."""
    import duckdb

    connection = duckdb.connect(database)
    connection.sql("SET threads = 2; SET preserve_insertion_order = false")
    if format == "csv":
        columns = dict.fromkeys(_row(0, Random(0)), "VARCHAR")
        connection.sql(f"CREATE TABLE orders AS FROM read_csv('{path}', header = true, columns = {columns})")
    else:
        item = "STRUCT(price DOUBLE, currency VARCHAR, sku VARCHAR, gift BOOLEAN)"
        columns = dict.fromkeys(("id", "user", "at", "kind", "note"), "VARCHAR") | {"item": item}
        columns["quantity"] = "BIGINT"
        connection.sql(
            f"CREATE TABLE orders AS FROM read_json('{path}', format = 'newline_delimited', columns = {columns})"
        )


# --- the rows ------------------------------------------------------------------------------------


def _row(number: int, rng: Random) -> dict[str, Any]:
    second = number % 86_400
    return {
        "id": f"o-{number:09}",
        "user": f"user-{rng.randrange(100_000)}",
        "at": f"2026-11-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z",
        "kind": rng.choice(("order", "return", "refund")),
        "note": rng.choice(("", "left at the door, rang twice", 'called "urgent"', "Grüße aus Köln")),
        "quantity": rng.randrange(1, 9),
        "price": rng.randrange(100, 99_999) / 100,
        "currency": "EUR",
        "sku": f"sku-{rng.randrange(5_000)}",
        "gift": rng.random() < 0.1,
    }


def _nested(row: dict[str, Any]) -> dict[str, Any]:
    item = {name: row[name] for name in ("price", "currency", "sku", "gift")}
    return {name: value for name, value in row.items() if name not in item} | {"item": item}


def make(folder: str, count: str) -> None:
    """Write the files. A number of rows is made, and they are repeated with other ids."""
    rng, rows, place = Random(7), int(count), Path(folder)
    made = [_row(number, rng) for number in range(min(rows, 200_000))]
    _make_csv(place / FILES["csv"], made, rows)
    _make_json(place / FILES["json"], made, rows)
    _make_parquet(place / FILES["parquet"], made, rows)


def _id(number: int) -> str:
    return f"o-{number:09}"


def _make_csv(file: Path, made: list[dict[str, Any]], rows: int) -> None:
    rests = [_csv_line(list(row.values())[1:]) for row in made]
    with igzip.open(file, "wt", 1, encoding="utf-8", newline="") as text:
        text.write(_csv_line(list(made[0])))
        text.writelines(f"{_id(number)},{rests[number % len(rests)]}" for number in range(rows))


def _csv_line(values: list[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()


def _make_json(file: Path, made: list[dict[str, Any]], rows: int) -> None:
    texts = (json.dumps(_nested(row), ensure_ascii=False, separators=(",", ":")) for row in made)
    rests = [text.partition(",")[2] + "\n" for text in texts]
    with igzip.open(file, "wt", 1, encoding="utf-8", newline="") as lines:
        lines.writelines(f'{{"id":"{_id(number)}",{rests[number % len(rests)]}' for number in range(rows))


def _make_parquet(file: Path, made: list[dict[str, Any]], rows: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(made)
    with pq.ParquetWriter(file, table.schema) as parquet:
        for start in range(0, rows, len(made)):
            some = table.slice(0, rows - start)
            ids = pa.array([_id(start + number) for number in range(len(some))])
            parquet.write_table(some.set_column(0, "id", ids))


if __name__ == "__main__":
    _CONTESTANTS: dict[str, Callable[..., None]] = {"make": make, "read": read, "duck": duck}
    _CONTESTANTS[sys.argv[1]](*sys.argv[2:])
