"""What every engine promises, and what the reports mean."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_day import ACCOUNTS, START, USERS, Facts, counted, facts, peaks
from readers import FORMATS, Row, rows_of, whole
from small_day import DAY, SCHEMA, World, build, day_input, events, small_day

from footfall.engines import counting
from footfall.engines.database import Limits
from footfall.engines.day import DuckDBEngine, OpenedDay
from footfall.errors import Damaged
from footfall.model.reports import CATALOGUE, Report, by_name, catalogue
from footfall.ports import DayInput

FEW = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
COUNTED = [r for r in CATALOGUE if r.relation == "counts"]
PAIRS = [
    ("Account_Event_Rollups", "User_Event_Rollups"),
    ("Account_Custom_Event_Rollups", "User_Custom_Event_Rollups"),
    ("Account_Feature_Match_Rollups", "User_Feature_Rollups"),
    ("Account_InApp_Event_Rollups", "User_Engagement_Rollups"),
    ("Account_Email_Engagement_Rollups", "User_Email_Engagement_Rollups"),
]
OF_SOURCE = {"user": "identifyId", "account": "accountId", "product": "productKey", "environment": "environment"}


@contextmanager
def opened(day: DayInput, folder: Path, limits: Limits | None = None) -> Iterator[OpenedDay]:
    found = DuckDBEngine(folder / "spill", limits).open(day)
    try:
        yield found
    finally:
        found.close()


@contextmanager
def reports_of(made: Facts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenedDay]:
    folder = tmp_path_factory.mktemp("day")
    with opened(made.input(folder), folder) as day:
        yield day


def read(day: OpenedDay, report: Report, version: str = "2.0") -> list[Row]:
    return rows_of("json", day.columns(report, version), whole(day, report, version, FORMATS["json"], DAY))


def digests(day: OpenedDay, name: str = "csv") -> dict[str, str]:
    return {
        report.name: hashlib.sha256(whole(day, report, "2.0", FORMATS[name], DAY)).hexdigest()
        for report in catalogue("2.0")
    }


def summed(rows: list[Row], by: list[str]) -> Counter[tuple[object, ...]]:
    counts: Counter[tuple[object, ...]] = Counter()
    for row in rows:
        counts[tuple(row.get(name) for name in by)] += row["count"]
    return counts


# --- the same input, the same bytes --------------------------------------------------------------


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("expected")
    with opened(small_day(folder), folder) as day:
        return {name: text for each in FORMATS for name, text in keyed(day, each)}


def keyed(day: OpenedDay, format: str) -> list[tuple[str, str]]:
    return [(f"{name}.{format}", digest) for name, digest in digests(day, format).items()]


@pytest.mark.parametrize("seed", range(2))
def test_bytes_depend_on_neither_the_order_of_rows_nor_keys_nor_files_nor_threads(
    seed: int, expected: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "BATCH_ROWS", 3)
    few = Limits(64 + 64 * seed, 1 + seed, views_at_once=1, users_at_once=3, events_at_once=2, texts_at_once=1 + seed)
    rng = random.Random(seed)
    small_day_rows = events()
    first = small_day(tmp_path)
    order = {name: [str(t) for t in table["text"].to_pylist()] for name, table in first.texts.items()}
    for texts in order.values():
        rng.shuffle(texts)
    rng.shuffle(small_day_rows)
    world = World(order)
    folder = tmp_path / "shuffled"
    folder.mkdir()
    shuffled = build(world, small_day_rows, folder, files=1 + seed)
    with opened(shuffled, folder, few) as day:
        assert {name: text for each in FORMATS for name, text in keyed(day, each)} == expected


@given(made=facts(), seed=st.integers(0, 1000))
@settings(FEW, max_examples=5)
def test_bytes_of_any_day_depend_on_its_events_alone(
    made: Facts, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = random.Random(seed)
    rows = list(made.events)
    rng.shuffle(rows)
    order = {"users": rng.sample(USERS, len(USERS)), "accounts": rng.sample(ACCOUNTS, len(ACCOUNTS))}
    folder, other = tmp_path_factory.mktemp("a"), tmp_path_factory.mktemp("b")
    shuffled = Facts(tuple(rows), made.links[::-1], made.members[::-1], made.merges)
    with opened(made.input(folder), folder) as a, opened(shuffled.input(other, order, 3), other, Limits(64, 1)) as b:
        assert digests(a) == digests(b)


PRINT_DIGEST = """
import sys, hashlib, tempfile
from datetime import date
from pathlib import Path
sys.path.insert(0, {support!r})
from readers import FORMATS, whole
from small_day import DAY, small_day
from footfall.engines.day import DuckDBEngine
from footfall.model.reports import catalogue
with tempfile.TemporaryDirectory() as folder:
    day = DuckDBEngine(Path(folder) / "spill").open(small_day(Path(folder)))
    found = hashlib.sha256()
    for report in catalogue("2.0"):
        found.update(whole(day, report, "2.0", FORMATS["csv"], DAY))
    day.close()
print(found.hexdigest())
"""


def test_bytes_depend_on_neither_zone_nor_locale_nor_hash_seed_of_the_process() -> None:
    support = str(Path(__file__).parent.parent / "support")
    surroundings = [
        {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "0"},
        {"TZ": "Asia/Kathmandu", "LC_ALL": "tr_TR.UTF-8", "LANG": "de_DE.UTF-8", "PYTHONHASHSEED": "7"},
    ]
    found = {
        subprocess.run(
            [sys.executable, "-c", PRINT_DIGEST.format(support=support)],
            env={**os.environ, **extra},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for extra in surroundings
    }
    assert len(found) == 1


# --- what the counts mean ------------------------------------------------------------------------


@given(made=facts())
@FEW
def test_counts_are_those_of_a_slow_count(made: Facts, tmp_path_factory: pytest.TempPathFactory) -> None:
    with reports_of(made, tmp_path_factory) as day:
        for report in COUNTED:
            keys = [f for f in report.keys("2.0") if f.source != "day"]
            slow = counted(made, report.words, [f.source for f in keys])
            if report.about == "account":
                account = [f.source for f in keys].index("account")
                slow = Counter({k: n for k, n in slow.items() if k[account] is not None})
            assert summed(read(day, report), [f.name for f in keys]) == slow


@given(made=facts())
@FEW
def test_version_1_is_version_2_with_the_added_keys_summed_away(
    made: Facts, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with reports_of(made, tmp_path_factory) as day:
        for report in COUNTED:
            if "1.0" in report.versions:
                by = [f.name for f in report.keys("1.0")]
                old, new = read(day, report, "1.0"), read(day, report, "2.0")
                assert summed(old, by) == summed(new, by)
                assert len(old) == len(summed(old, by))


@given(made=facts())
@FEW
def test_an_account_is_the_sum_of_its_users(made: Facts, tmp_path_factory: pytest.TempPathFactory) -> None:
    with reports_of(made, tmp_path_factory) as day:
        for account, user in PAIRS:
            by = [f.name for f in by_name(account).keys("2.0")]
            of_users = [r for r in read(day, by_name(user)) if "accountId" in r]
            assert summed(read(day, by_name(account)), by) == summed(of_users, by)


@given(made=facts())
@FEW
def test_concurrent_sessions_are_those_of_a_slow_look_at_every_start(
    made: Facts, tmp_path_factory: pytest.TempPathFactory
) -> None:
    report = by_name("Account_Hourly_Concurrent_Sessions_Rollups")
    with reports_of(made, tmp_path_factory) as day:
        found = {(r["hour"], r["accountId"], r["productKey"], r["environment"]): r["count"] for r in read(day, report)}
    assert found == peaks(made)


@given(made=facts())
@FEW
def test_rows_are_sorted_by_their_keys_as_bytes(made: Facts, tmp_path_factory: pytest.TempPathFactory) -> None:
    with reports_of(made, tmp_path_factory) as day:
        for report in CATALOGUE:
            if report.relation in ("counts", "hours", "view_states"):
                by = [f.name for f in report.order("2.0")]
                rows = read(day, report)
                keys = [tuple(b"" if r.get(n) is None else b"x" + str(r[n]).encode() for n in by) for r in rows]
                assert keys == sorted(keys)


@given(made=facts())
@FEW
def test_every_event_is_reported_or_excluded_for_a_reason(
    made: Facts, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with reports_of(made, tmp_path_factory) as day:
        users = [made.user(e) for e in made.events]
        homeless = [e for e, u in zip(made.events, users, strict=True) if u is not None and made.account(e) is None]
        assert day.excluded() == {"no_user": users.count(None), "no_account": len(homeless)}


# --- what some reports mean ----------------------------------------------------------------------


def test_a_showing_is_judged_by_all_of_its_events_and_keeps_its_last_path(tmp_path: Path) -> None:
    with opened(small_day(tmp_path), tmp_path) as day:
        rows = read(day, by_name("User_Engagement_View_State_Rollups"))
    ada = [r for r in rows if r["identifyId"] == "ada"]
    assert [(r["viewState"], r["count"], r["farthestStepNumber"], r.get("engagementPath")) for r in ada] == [
        ("COMPLETED", 1, 1, "0,1,0"),
        ("VIEWED", 2, 0, None),
    ]


def test_totals_add_up_over_the_days_before(tmp_path: Path) -> None:
    day = small_day(tmp_path)
    engine = DuckDBEngine(tmp_path / "spill")
    for days_ago in (1, 29, 30):
        engine.activity(day, str(tmp_path / f"{days_ago}.activity"))
    earlier = {DAY - timedelta(days=n): str(tmp_path / f"{n}.activity") for n in (1, 29, 30)}
    later = {DAY + timedelta(days=1): str(tmp_path / "1.activity")}
    full = DayInput(**{**{f: getattr(day, f) for f in DayInput.__slots__}, "activity": {**earlier, **later}})
    with opened(full, tmp_path) as found:
        ada = next(r for r in read(found, by_name("Users")) if r["identifyId"] == "ada")
        acme = next(r for r in read(found, by_name("Accounts")) if r["id"] == "acme")
        guide = next(r for r in read(found, by_name("Engagement_Extended_Metadata")) if r["id"] == "e-guide")
    assert (ada["numberOfVisits"], ada["webAppVisits"]) == (4, 4)
    assert (acme["dailyActiveUsers"], acme["monthlyActiveUsers"], acme["totalUsers"]) == (1, 1, 1)
    assert guide["lifetimeViews"] == 4 * 4


def test_a_month_of_activity_is_thirty_days(tmp_path: Path) -> None:
    day = small_day(tmp_path)
    engine = DuckDBEngine(tmp_path / "spill")
    engine.activity(day, str(tmp_path / "file"))
    world = World({"accounts": ["acme"], "users": ["ada"]})
    quiet = {name: getattr(day, name) for name in ("users", "accounts", "texts")}

    def monthly(days_ago: int) -> int:
        empty = day_input(world, [], activity={DAY - timedelta(days=days_ago): str(tmp_path / "file")})
        parts = {**{f: getattr(empty, f) for f in DayInput.__slots__}, **quiet}
        with opened(DayInput(**parts), tmp_path) as found:
            acme = next(r for r in read(found, by_name("Accounts")) if r["id"] == "acme")
        assert acme["dailyActiveUsers"] == 0
        return int(acme["monthlyActiveUsers"])

    assert (monthly(29), monthly(30)) == (1, 0)


# --- days of other kinds, and faults -------------------------------------------------------------


def test_a_day_without_events_still_has_every_report(tmp_path: Path) -> None:
    with opened(day_input(World(), []), tmp_path) as day:
        for report in catalogue("2.0"):
            assert read(day, report) == []
        assert day.excluded() == {"no_user": 0, "no_account": 0}


def test_a_day_that_never_happened_is_an_empty_day(tmp_path: Path) -> None:
    empty = day_input(World(), [], day=date(2011, 12, 30), start=START, end=START)
    with opened(empty, tmp_path) as day:
        assert read(day, by_name("Account_Hourly_Concurrent_Sessions_Rollups")) == []


def test_a_lake_that_knows_more_users_than_the_store_is_damaged(tmp_path: Path) -> None:
    day = small_day(tmp_path)
    texts = {**day.texts, "users": day.texts["users"].slice(1)}
    parts = {**{f: getattr(day, f) for f in DayInput.__slots__}, "texts": texts}
    with pytest.raises(Damaged, match="1 user keys"):
        DuckDBEngine(tmp_path / "spill").open(DayInput(**parts))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    day = day_input(World(), [str(tmp_path / "gone.parquet")])
    with pytest.raises(Exception, match=r"gone\.parquet"):
        DuckDBEngine(tmp_path / "spill").open(day)


def test_a_closed_engine_leaves_nothing_on_disk(tmp_path: Path) -> None:
    engine = DuckDBEngine(tmp_path / "spill")
    engine.open(small_day(tmp_path)).close()
    assert len(list((tmp_path / "spill").iterdir())) == 1
    engine.close()
    assert list((tmp_path / "spill").iterdir()) == []


def test_a_day_sees_nothing_of_the_day_opened_before_it(tmp_path: Path) -> None:
    engine = DuckDBEngine(tmp_path / "spill")
    report = by_name("User_Event_Rollups")
    texts = []
    for day in (small_day(tmp_path), day_input(World(), []), small_day(tmp_path)):
        one = engine.open(day)
        texts.append(b"".join(bytes(text) for _, text in one.render(report, "2.0", FORMATS["csv"])))
        one.close()
    engine.close()
    assert texts[0] == texts[2] != b""
    assert texts[1] == b""


def test_two_reports_can_be_read_at_once(tmp_path: Path) -> None:
    report = by_name("User_Event_Rollups")
    with opened(small_day(tmp_path), tmp_path) as day:
        both = [day.render(report, "2.0", FORMATS["csv"]), day.render(report, "2.0", FORMATS["json"])]
        assert [next(each)[0] for each in both] == [8, 8]


# --- duplicates and activity ---------------------------------------------------------------------


def lake_file(path: Path, rows: list[tuple[int, int, str]]) -> str:
    columns = {f.name: pa.nulls(len(rows), f.type) for f in SCHEMA}
    columns["ingest_seq"] = pa.array([r[0] for r in rows], pa.int64())
    columns["source"] = pa.array([r[1] for r in rows], pa.int32())
    columns["event_id"] = pa.array([r[2] for r in rows], pa.string())
    pq.write_table(pa.table(columns, SCHEMA), path)
    return str(path)


@given(rows=st.lists(st.tuples(st.integers(1, 2), st.sampled_from(["a", "b", "c"])), max_size=30), seed=st.integers())
@FEW
def test_duplicates_are_all_but_the_first_of_a_source_and_id(
    rows: list[tuple[int, str]], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("lake")
    numbered = [(n, *row) for n, row in enumerate(rows, 1)]
    kept = {tuple(row): n for n, *row in reversed(numbered)}
    shuffled = random.Random(seed).sample(numbered, len(numbered))
    files = [lake_file(folder / f"{n}.parquet", shuffled[n::2]) for n in range(2)]
    found = DuckDBEngine(folder / "spill").duplicates(files)
    assert found.to_pylist() == [n for n, *row in numbered if kept[tuple(row)] != n]


def test_activity_says_who_did_what_that_day(tmp_path: Path) -> None:
    day = small_day(tmp_path)
    path = tmp_path / "activity"
    DuckDBEngine(tmp_path / "spill").activity(day, str(path))
    users = dict(zip(*day.texts["users"].to_pydict().values(), strict=True))
    rows = pq.read_table(path).to_pylist()
    found = {users[r["user_key"]]: r for r in rows if r["user_key"] is not None and r["account_key"] is not None}
    assert (found["ada"]["visits"], found["ada"]["web_visits"]) == (1, 1)
    bob = [r for r in rows if r["user_key"] is not None and users[r["user_key"]] == "bob"]
    assert [(r["visits"], r["web_visits"], r["account_key"]) for r in bob] == [(1, 0, None)]
    identified = sum(e.get("visitor") != "v-nobody" for e in events())
    assert sum(r["events"] for r in rows) == identified
    assert [r["views"] for r in rows if r["engagement"] is not None] == [4]


def test_activity_replaces_its_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "activity"
    path.write_bytes(b"old")
    engine = DuckDBEngine(tmp_path / "spill")
    day = small_day(tmp_path)
    broken = {**{f: getattr(day, f) for f in DayInput.__slots__}, "files": [str(tmp_path / "gone.parquet")]}
    with pytest.raises(Exception, match="gone"):
        engine.activity(DayInput(**broken), str(path))
    assert path.read_bytes() == b"old"
    engine.activity(day, str(path))
    first = path.read_bytes()
    engine.activity(day, str(path))
    assert path.read_bytes() == first
