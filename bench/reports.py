"""One day to all reports: ours, the straightforward DuckDB script, and one scan into the finest cube of strings."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import duckdb

from bench import report_day
from footfall.codecs.gzip_member import GzipMember
from footfall.engines.day import DuckDBEngine
from footfall.formats.csv_rows import CsvRows
from footfall.model.reports import Report, catalogue

EVENTS: Final = 20_000_000
VERSION: Final = "2.0"
DIMENSIONS: Final = "user_id, account_id, product, environment"


def run(scale: float) -> list[tuple[str, float, str, str]]:
    """Rows of (name, value, unit, note). Every contestant runs in a process of its own, one after the other."""
    events = max(2000, int(EVENTS * scale))
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as folder:
        day = Path(folder) / "day"
        make(day, events)
        ours, shared, naive, cube = (measured(name, day, events) for name in ("ours", "shared", "naive", "cube"))
    note = f"{events:,} events, {ours['rows']:,} rows in 22 files"
    same = f"the {len(_NAIVE)} reports it can say, with all that ours prepares for the others"
    return [
        ("one day to all reports, csv.gz", ours["wall_s"], "s", note),
        ("CPU of it", ours["cpu_s"], "s", ""),
        ("peak memory of it", ours["rss_mb"], "MB", "target: at most 600"),
        ("events per second", events / ours["wall_s"], "events/s", ""),
        ("files", ours["bytes"] / 1e6, "MB", "compressed"),
        ("straightforward DuckDB script", naive["wall_s"], "s", f"{naive['rows']:,} rows, {naive['rss_mb']:.0f} MB"),
        ("ratio to it, same reports", naive["wall_s"] / shared["wall_s"], "x", f"target: at least 7; {same}"),
        ("ratio to it in CPU, same reports", naive["cpu_s"] / shared["cpu_s"], "x", ""),
        ("ratio to it, ours with all 22", naive["wall_s"] / ours["wall_s"], "x", "the script makes 16"),
        ("ratio to it in CPU, ours with all 22", naive["cpu_s"] / ours["cpu_s"], "x", ""),
        ("one DuckDB scan into the finest cube of strings", cube["wall_s"], "s", f"{cube['rss_mb']:.0f} MB"),
        ("all reports per such scan", ours["wall_s"] / cube["wall_s"], "x", "target: at most 1.6"),
    ]


def make(folder: Path, events: int) -> None:
    """Write a day, down to the disk: else the first contestant waits for the writing of it.

    Not in this process: a new one begins with the peak memory of the one that starts it.
    """
    command = [sys.executable, "-m", "bench.reports", "make", str(folder), str(events)]
    subprocess.run(command, check=True)
    os.sync()


def measured(contestant: str, folder: Path, events: int) -> dict[str, Any]:
    """Run one contestant over a day that ``make`` wrote, in a process of its own."""
    command = [sys.executable, "-m", "bench.reports", contestant, str(folder), str(events)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


# --- contestants -------------------------------------------------------------------------------------------------


def ours(made: report_day.Made, out: Path) -> int:
    """Every report of version 2.0 as csv.gz, rows sorted, the same bytes on every run."""
    return _rendered(made, out, lambda report: True)


def shared(made: report_day.Made, out: Path) -> int:
    """Of ours only the reports that the straightforward script makes too, its nearest ones included."""
    names = {_OURS.get(name, name) for name in _NAIVE}
    return _rendered(made, out, lambda report: report in names)


def _rendered(made: report_day.Made, out: Path, wanted: Callable[[str], bool]) -> int:
    rows_format, codec, rows = CsvRows(), GzipMember(), 0
    began = time.perf_counter()
    opened = DuckDBEngine(out / "spill").open(report_day.day_input(made))
    _told("open", began)

    def body(report: Report) -> Iterator[memoryview | bytes]:
        nonlocal rows
        yield rows_format.head(opened.columns(report, VERSION), report.name, VERSION, report_day.DAY)
        for count, text in opened.render(report, VERSION, rows_format):
            rows += count
            yield text

    for report in (r for r in catalogue(VERSION) if wanted(r.name)):
        began = time.perf_counter()
        with (out / f"{report.name}.csv.gz").open("wb") as file:
            for chunk in codec.encode(body(report)):
                file.write(chunk)
        _told(report.name, began)
    opened.close()
    return rows


def naive(made: report_day.Made, out: Path) -> int:
    """What one would write in an afternoon: one GROUP BY and one COPY … gzip per report, over string Parquet.

    It leaves out what it cannot say in one plain statement: view states, peaks of sessions, totals of users.
    """
    connection = duckdb.connect()
    source = f"read_parquet({made.plain})"
    rows = 0
    for name, select in _NAIVE.items():
        began = time.perf_counter()
        copy = f"COPY ({select.format(source=source)}) TO '{out / name}.csv.gz' (HEADER, COMPRESSION gzip)"
        rows += connection.execute(copy).fetchall()[0][0]
        _told(name, began)
    return rows


# Where the catalogue has another name for it.
_OURS: Final = {
    "Account_Engagement_Rollups": "Account_InApp_Event_Rollups",
    "Account_Feature_Rollups": "Account_Feature_Match_Rollups",
    "Account_Hourly_Sessions": "Account_Hourly_Concurrent_Sessions_Rollups",
}


def _counted(who: str, types: str, more: str) -> str:
    keys = f"{who}, product, environment{more}"
    return (
        f"SELECT '2026-11-01' AS date, {keys}, count(*) AS count FROM {{source}} "
        f"WHERE type IN ({types}) GROUP BY {keys}"
    )


_EVENTS: Final = "'FORM_SUBMIT', 'PAGE_VIEW', 'SEGMENT_MATCH', 'SESSION_STARTED'"
_NAIVE: Final = {
    f"{entity}_{name}": _counted(who, types, more)
    for entity, who in (("User", "user_id, account_id"), ("Account", "account_id"))
    for name, types, more in (
        ("Event_Rollups", _EVENTS, ", type"),
        ("Custom_Event_Rollups", "'CUSTOM'", ", name"),
        ("Feature_Rollups", "'FEATURE_MATCH'", ", name"),
        ("Engagement_Rollups", "'ENGAGEMENT_VIEW', 'ENGAGEMENT_CLICK'", ", name, type"),
        ("Email_Engagement_Rollups", "'EMAIL_EVENT'", ", name, detail"),
    )
} | {
    "User_External_Article_View_Rollups": _counted("user_id, account_id", "'ARTICLE_VIEW'", ", name, detail"),
    "User_Engagement_Clicks": "SELECT occurred_at, user_id, product, account_id, environment, name, "
    "properties->>'link_url' AS link_url, step_number FROM {source} WHERE type = 'ENGAGEMENT_CLICK'",
    "Survey_Responses": "SELECT occurred_at, user_id, product, account_id, name, properties->>'score' AS score, "
    "properties->>'comment' AS comment FROM {source} WHERE type = 'SURVEY_RESPONSE'",
    "Multi_Question_Survey_Responses": "SELECT occurred_at, name, product, user_id, account_id, detail, "
    "properties->>'score' AS score FROM {source} WHERE type = 'SURVEY_ANSWER'",
    "Feedback_Responses": "SELECT occurred_at, user_id, product, account_id, properties->>'subject' AS subject "
    "FROM {source} WHERE type = 'FEEDBACK'",
    # Not peaks but sessions per hour: the nearest that one GROUP BY can say.
    "Account_Hourly_Sessions": "SELECT date_trunc('hour', occurred_at) AS hour, account_id, product, environment, "
    "count(DISTINCT session_id) AS count FROM {source} GROUP BY ALL",
}


def cube(made: report_day.Made, out: Path) -> int:
    """One scan of the string Parquet into the finest groups, materialised as Arrow."""
    sql = f"SELECT {DIMENSIONS}, type, name, detail, count(*) AS n FROM read_parquet({made.plain}) GROUP BY ALL"
    return int(duckdb.connect().sql(sql).to_arrow_table().num_rows)


def _told(step: str, began: float) -> None:
    print(f"{time.perf_counter() - began:7.2f} s  {step}", file=sys.stderr)


def _main() -> None:
    contestants: dict[str, Callable[[report_day.Made, Path], int]] = {
        "ours": ours,
        "shared": shared,
        "naive": naive,
        "cube": cube,
    }
    name, folder, events = sys.argv[1:]
    made = report_day.make(Path(folder), int(events))
    if name == "make":
        return
    with tempfile.TemporaryDirectory(prefix="footfall-bench-out-") as out:
        before, began = os.times(), time.perf_counter()
        rows = contestants[name](made, Path(out))
        wall, after = time.perf_counter() - began, os.times()
        size = sum(p.stat().st_size for p in Path(out).glob("*.gz"))
    figures = {
        "wall_s": wall,
        "cpu_s": after.user + after.system - before.user - before.system,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "rows": rows,
        "bytes": size,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    _main()
