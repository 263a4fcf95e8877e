"""Real purchases of 23,570 customers over 18 months, counted by Footfall and, independently, by pandas.

The data set is CDNOW_master.txt as PyPI's ``lifetimes`` 0.11.3 ships it; its own terms are not stated there, so it is
fetched when the test runs and never committed.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

ZONE = "America/New_York"
ACCOUNTS = 100
FIRST = "1996-12-31"
# Half a year holds every customer's first purchase; all 18 months (1998-07-01) take a quarter of an hour.
LAST = os.environ.get("CDNOW_LAST", "1997-06-30")
LIMIT_S = 800 if LAST < "1998" else 5000
FILES = "User_Custom_Event_Rollups,Account_Custom_Event_Rollups,Accounts"


@pytest.fixture(scope="session")
def purchases(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """One row per purchase: id, cds, dollars, at (UTC).

    The file knows the day only; the time of day is made from the row's number, spread over 24 hours UTC, so that many
    purchases fall on another local day than their UTC day.
    """
    place = tmp_path_factory.mktemp("cdnow")
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--disable-pip-version-check", "-d", str(place)]
    subprocess.run([*pip, "lifetimes==0.11.3"], check=True, timeout=120)
    wheel = next(place.glob("*.whl"))
    with zipfile.ZipFile(wheel).open("lifetimes/datasets/CDNOW_master.txt") as file:
        rows = pd.read_csv(
            file, sep=r"\s+", header=0, names=["id", "day", "cds", "dollars"], dtype={"id": str, "day": str}
        )
    seconds = (pd.Series(range(len(rows))) * 7919) % 86_400
    rows["at"] = pd.to_datetime(rows["day"], format="%Y%m%d", utc=True) + pd.to_timedelta(seconds, unit="s")
    return rows


def batches(rows: pd.DataFrame, size: int = 1000) -> list[dict[str, object]]:
    events = [
        {
            "type": "track", "event": "Purchase" if r.cds < 5 else "Large purchase", "userId": f"c{r.id}",
            "messageId": f"cdnow-{r.Index}", "timestamp": r.at.isoformat(),
            "properties": {"cds": r.cds, "dollars": r.dollars}, "context": {"groupId": f"a{int(r.id) % ACCOUNTS:02}"},
        }
        for r in rows.itertuples()
    ]  # fmt: skip
    return [{"batch": events[i : i + size]} for i in range(0, len(events), size)]


def read(folder: Path, report: str) -> pd.DataFrame:
    lines = [
        json.loads(line)
        | {"file_day": json.loads((p.parent / (p.name.removesuffix(".gz") + ".manifest.json")).read_bytes())["day"]}
        for p in sorted(folder.glob(f"GainsightPX_{report}_*.json.gz"))
        for line in gzip.decompress(p.read_bytes()).splitlines()
    ]
    return pd.DataFrame(lines)


def as_counts(frame: pd.DataFrame, keys: list[str], count: str = "count") -> dict[tuple[str, ...], int]:
    return {tuple(row[:-1]): int(row[-1]) for row in frame[[*keys, count]].itertuples(index=False)}


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S + 100)
@pytest.mark.parametrize(
    ("last", "known"),
    [
        pytest.param(LAST, ("1997-01-15", "1997-03-31", "1997-06-29"), id="half a year"),
    ],
)
def test_every_rollup_of_cdnow_equals_an_independent_computation(install, purchases, tmp_path, last, known):
    # Given 69,659 real purchases sent through the collector
    assert len(purchases) == 69_659
    hub = install(zone=ZONE)
    hub.start()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda b: hub.post("/v1/batch", b), batches(purchases)))
    assert all(a["success"] and not a.get("rejected") for a in answers)
    hub.stop()

    # When every day is closed and exported
    out = tmp_path / "out"
    hub.run("export", "rollups", "--day", FIRST, "--until", last, "--to", str(out), "--format", "json",
            "--reports", FILES, "--quiet", timeout_s=LIMIT_S)  # fmt: skip

    # Then each file says what pandas says
    p = purchases
    p["date"] = p["at"].dt.tz_convert(ZONE).dt.strftime("%Y-%m-%d")
    p["identifyId"], p["accountId"] = "c" + p["id"], "a" + (p["id"].astype(int) % ACCOUNTS).astype(str).str.zfill(2)
    p["eventName"] = p["cds"].map(lambda n: "Purchase" if n < 5 else "Large purchase")
    closed = p[p["date"].between(FIRST, last)]
    assert len(closed) == len(p) or last < "1998-07-01"
    for report, keys in (
        ("User_Custom_Event_Rollups", ["date", "identifyId", "accountId", "eventName"]),
        ("Account_Custom_Event_Rollups", ["date", "accountId", "eventName"]),
    ):
        expected = closed.groupby(keys).size().reset_index(name="count")
        assert as_counts(read(out, report), keys) == as_counts(expected, keys), report

    accounts = read(out, "Accounts")
    by_day = p.groupby("date")
    for day in known:
        today = accounts[accounts["file_day"] == day]
        trailing = p[p["date"].between(str(date.fromisoformat(day) - timedelta(days=29)), day)]
        assert as_counts(today[today["dailyActiveUsers"] > 0], ["id"], "dailyActiveUsers") == {
            (a,): n for a, n in by_day.get_group(day).groupby("accountId")["identifyId"].nunique().items()
        }
        assert as_counts(today[today["monthlyActiveUsers"] > 0], ["id"], "monthlyActiveUsers") == {
            (a,): n for a, n in trailing.groupby("accountId")["identifyId"].nunique().items()
        }
