"""The demo's files hold what a plain count of the shop's rows gives, and verify until somebody touches them."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest

from footfall.demo import shop
from footfall.demo.run import run_demo
from footfall.errors import Refused
from footfall.terminal import Screen

DAYS = 14


def local_days(rows) -> pd.Series:
    at = pd.to_datetime(pd.Series([r.timestamp for r in rows])).dt.tz_localize("UTC")
    return at.dt.tz_convert(shop.TIME_ZONE).dt.strftime("%Y-%m-%d")


@pytest.fixture(scope="module")
def rows():
    """The sessions of the last three weeks: a week more than is delivered."""
    every = list(shop.rows())
    late = {r.session_id for r in every if r.timestamp >= "2024-06-09"}
    return [r for r in every if r.session_id in late]


@pytest.fixture(scope="module")
def frame(rows):
    frame = pd.DataFrame(rows).assign(day=local_days(rows), account=[r.account_id for r in rows])
    return frame[frame.day.isin(sorted(set(frame.day))[-DAYS:])]


@pytest.fixture(scope="module")
def out(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    run_demo(Screen(quiet=True), None, format="csv", keep_serving=False, folder=folder, rows=rows)
    return folder / "out"


def delivered(out, report: str, *keys: str) -> dict[tuple[str, ...], int]:
    files = sorted(out.glob(f"GainsightPX_{report}_2024*.csv.gz"))
    assert len(files) == DAYS
    table = pd.concat([pd.read_csv(path) for path in files])
    return table.set_index(list(keys))["count"].to_dict()


def test_every_report_of_every_day_has_its_file_and_its_manifest(out):
    assert len(list(out.glob("*.csv.gz"))) == len(list(out.glob("*.manifest.json"))) == 22 * DAYS


def test_actions_are_counted_as_a_plain_count_counts_them(out, frame):
    counted = frame[frame.event.isin(shop.ACTIONS)]
    for who, column, report in (
        ("identifyId", "user_id", "User_Custom_Event_Rollups"),
        ("accountId", "account", "Account_Custom_Event_Rollups"),
    ):
        expected = counted.groupby(["day", column, "event"]).size().to_dict()
        assert delivered(out, report, "date", who, "eventName") == expected


def test_features_are_counted_as_a_plain_count_counts_them(out, frame):
    counted = frame[frame.event.isin(shop.FEATURES)].assign(feature=frame.event.map(shop.FEATURES))
    for who, column, report in (
        ("identifyId", "user_id", "User_Feature_Rollups"),
        ("accountId", "account", "Account_Feature_Match_Rollups"),
    ):
        expected = counted.groupby(["day", column, "feature"]).size().to_dict()
        assert delivered(out, report, "date", who, "featureId") == expected


def test_pages_and_sessions_are_counted_as_a_plain_count_counts_them(out, rows, frame):
    pages = frame[frame.event.isin(shop.PAGES)].groupby(["day", "user_id"]).size()
    starts = pd.DataFrame(rows).assign(day=local_days(rows)).drop_duplicates("session_id")
    starts = starts[starts.day.isin(set(frame.day))].groupby(["day", "user_id"]).size()
    expected = {(*key, "PAGE_VIEW"): n for key, n in pages.items()}
    expected |= {(*key, "SESSION_INITIALIZED"): n for key, n in starts.items()}
    assert delivered(out, "User_Event_Rollups", "date", "identifyId", "type") == expected


def verify(out):
    command = [sys.executable, "-m", "footfall", "verify", str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_was_delivered_verifies_and_one_flipped_bit_is_found_by_name(out):
    assert verify(out).returncode == 0
    victim = sorted(out.glob("*.csv.gz"))[100]
    whole = victim.read_bytes()
    victim.write_bytes(whole[:20] + bytes([whole[20] ^ 1]) + whole[21:])
    try:
        done = verify(out)
    finally:
        victim.write_bytes(whole)
    assert done.returncode == 1
    assert victim.name in done.stdout + done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("FAULT")]) == 1


@pytest.mark.slow
def test_a_second_demo_writes_the_same_bytes_and_leaves_other_files_alone(rows, tmp_path):
    day = [r for r in rows if r.timestamp.startswith("2024-06-2")]
    (tmp_path / "precious").write_text("mine")
    texts = []
    for folder in ("one", "two"):
        run_demo(
            Screen(quiet=True), tmp_path, format="csv", keep_serving=False, folder=tmp_path / folder, rows=day[:200]
        )
        texts.append({p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()})
    assert texts[0] == texts[1]
    assert texts[0]["precious"] == b"mine"


def test_a_file_is_no_place_for_the_demo(tmp_path):
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(Refused, match="not a folder"):
        run_demo(
            Screen(quiet=True),
            tmp_path / "precious",
            format="csv",
            keep_serving=False,
            folder=tmp_path / "demo",
            rows=[],
        )
