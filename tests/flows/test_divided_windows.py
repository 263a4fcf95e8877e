"""A window of events as several files, by the texts that its key names: every event once, whatever breaks off."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from breaking import WriteOnly
from sealing import sealing
from small_activity import export_activity, export_app_events
from small_hub import CODECS, SmallHub, findings, small_hub

from footfall.buckets.local import LocalBucket
from footfall.codecs.plain import Plain
from footfall.engines import dividing
from footfall.engines import windows as engine_windows
from footfall.errors import Conflict, Refused, Unavailable
from footfall.flows.export_activity import WindowDelivery
from footfall.flows.verify import examine
from footfall.model.key_templates import NOTHING
from footfall.ports import Stored
from footfall.stores.windows import SqlWindows

DAY = date(2026, 11, 20)
PRODUCTS = ("web", "a/b=c", "ünï ☂", "../..")
KEY = "{product}/{environment}/{event}/"
ALL = "20261201T120000000Z"
Export = Callable[..., list[WindowDelivery]]
EXPORTS = pytest.mark.parametrize("export", [export_activity, export_app_events])


def events(mark: str = "", products: tuple[str, ...] = PRODUCTS, users: int = 2) -> list[dict[str, object]]:
    """Page views and orders of two products in each of two environments, by turns."""
    found: list[dict[str, object]] = []
    for user in range(users):
        for number, product in enumerate(products):
            context = {"productKey": product, "environment": f"env-{number % 2}"}
            about = {"userId": f"user-{user}", "timestamp": f"{DAY}T15:{user:02d}:00Z", "context": context}
            name, properties = f"{number}-{user}{mark}", {f"of{number}": user}
            found.append({**about, "type": "page", "messageId": f"p{name}"})
            order = {"type": "track", "event": f"Order {user}", "properties": properties}
            found.append({**about, **order, "messageId": f"t{name}"})
    return found


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learned")
    with small_hub(folder / "hub") as hub:
        hub.accept(events())
        hub.settle()
    return folder


@pytest.fixture
def hub(learned: Path, tmp_path: Path) -> Iterator[SmallHub]:
    shutil.copytree(learned, tmp_path, dirs_exist_ok=True)
    with small_hub(tmp_path / "hub") as hub:
        yield hub


@pytest.fixture
def out(tmp_path: Path) -> LocalBucket:
    return LocalBucket(tmp_path / "out")


def rows(bucket: LocalBucket, key: str) -> list[dict[str, str]]:
    text = gzip.decompress(b"".join(bucket.open(key))).decode()
    if ".ndjson" in key:
        return [json.loads(line) for line in text.split("\n")[:-1]]
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def data(bucket: LocalBucket) -> dict[str, bytes]:
    keys = [stored.key for stored in bucket.list() if not stored.key.endswith(".manifest.json")]
    return {key: b"".join(bucket.open(key)) for key in keys}


def told(bucket: LocalBucket) -> dict[str, Any]:
    [manifest] = [stored.key for stored in bucket.list() if stored.key.endswith(".manifest.json")]
    value: dict[str, Any] = json.loads(b"".join(bucket.open(manifest)))
    return value


# --- what is where -----------------------------------------------------------------------------------------------


def test_each_product_environment_and_event_is_a_file_and_their_rows_are_those_of_one_file(
    hub: SmallHub, out: LocalBucket, tmp_path: Path
) -> None:
    whole = LocalBucket(tmp_path / "whole")
    [one] = export_activity(hub, whole, job="whole")
    files = export_activity(hub, out, key=KEY)
    assert len(files) == 4 * 3
    assert [each.key for each in files[:4]] == [
        f"%2E.%2F../env-1/{NOTHING}/lytics-events-{ALL}.csv.gz",
        f"%2E.%2F../env-1/Order 0/lytics-events-{ALL}.csv.gz",
        f"%2E.%2F../env-1/Order 1/lytics-events-{ALL}.csv.gz",
        f"a%2Fb%3Dc/env-1/{NOTHING}/lytics-events-{ALL}.csv.gz",
    ]
    expected = rows(whole, one.key)
    for each in files:
        about = dict(each.part)
        mine = [
            row for row in expected
            if (row["product_key"], row["environment"]) == (about["product"], about["environment"])
            and row["event_name"] == (about["event"] or "")
        ]  # fmt: skip
        assert rows(out, each.key) == mine
        assert each.rows == len(mine) > 0
    assert sum(each.rows for each in files) == one.rows == 16
    assert findings(out) == []


@EXPORTS
def test_one_manifest_names_all_files_of_the_window(hub: SmallHub, out: LocalBucket, export: Export) -> None:
    files = export(hub, out, key="x={product}/")
    manifest = told(out)
    assert (manifest["rows"], manifest["key"]) == (16, "x={product}/")
    assert [file["part"] for file in manifest["files"]] == [{"product": each} for each in sorted(PRODUCTS)]
    assert [file["name"] for file in manifest["files"]] == [each.key for each in files]
    assert {each.manifest_key for each in files} == {each.key for each in out.list()} - data(out).keys()
    assert manifest["window"] == {"from_seq": 1, "to_seq": 17}
    assert findings(out) == []


def test_app_events_of_no_name_of_their_own_are_a_file_too(hub: SmallHub, out: LocalBucket) -> None:
    files = export_app_events(hub, out, key="{event}/{window}")
    assert {each.key: {str(row["type"]) for row in rows(out, each.key)} for each in files} == {
        f"{NOTHING}/0000000001.ndjson.gz": {"page_view"},
        "Order 0/0000000001.ndjson.gz": {"Order 0"},
        "Order 1/0000000001.ndjson.gz": {"Order 1"},
    }


def test_rows_of_a_file_are_in_the_order_of_arrival(
    hub: SmallHub, out: LocalBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("SLICE", 5), ("STRIDE", 3), ("SCAN_FIRST", 10), ("SCAN", 25)):
        monkeypatch.setattr(engine_windows, name, value)
    for n in range(5):
        hub.accept(events(f"-{n}"))
        hub.settle()
    hub.lake.compact(DAY)
    sent = [each for n in ("", *(f"-{n}" for n in range(5))) for each in events(n)]
    for delivered in export_activity(hub, out, key="{product}/"):
        [(_, product)] = delivered.part
        found = [row["event_id"] for row in rows(out, delivered.key)]
        assert found == [each["messageId"] for each in sent if each["context"]["productKey"] == product]  # type: ignore[index]


@EXPORTS
def test_windows_follow_each_other(hub: SmallHub, out: LocalBucket, export: Export) -> None:
    first = export(hub, out, key="{product}/")
    hub.accept(events("-later", ("web",)))
    hub.settle()
    hub.now += timedelta(hours=1)
    [second] = export(hub, out, key="{product}/")
    assert {each.to_seq for each in first} == {second.from_seq}
    assert export(hub, out, key="{product}/") == []
    assert (second.part, second.rows, findings(out)) == ((("product", "web"),), 4, [])


def test_a_slot_without_events_is_a_manifest_that_says_so(hub: SmallHub, out: LocalBucket) -> None:
    asked = {"mark": "slot", "key": "{product}/", "sources": ["nobody"]}
    [delivered] = export_activity(hub, out, **asked)  # type: ignore[arg-type]
    assert (delivered.key, delivered.rows) == (delivered.manifest_key, 0)
    assert ([stored.key for stored in out.list()], told(out)["files"]) == ([delivered.manifest_key], [])
    assert export_activity(hub, out, **asked) == [delivered]  # type: ignore[arg-type]
    assert findings(out) == []


def test_duckdb_reads_a_hive_of_parquet(hub: SmallHub, out: LocalBucket) -> None:
    for export in (export_activity, export_app_events):
        export(hub, out, format="parquet", codec="none", key="report={report}/day={date}/product={product}/")
    for report in ("activity", "app_events"):
        files = f"read_parquet('{out.url}/report={report}/**/*.parquet', hive_partitioning = true)"
        found = duckdb.execute(
            f"SELECT product, day::VARCHAR, count(*) FROM {files} GROUP BY ALL ORDER BY 1"
        ).fetchall()
        assert found == [(product, "2026-12-01", 4) for product in sorted(PRODUCTS)]
    own = duckdb.execute(
        f"SELECT count(*) FROM read_parquet('{out.url}/report=activity/**/*.parquet', hive_partitioning = true) "
        "WHERE product <> product_key"
    ).fetchall()
    assert own == [(0,)]
    assert findings(out) == []


def test_all_files_of_a_window_have_the_same_columns(hub: SmallHub, out: LocalBucket) -> None:
    files = export_activity(hub, out, format="parquet", codec="none", key="{product}/")
    columns = {tuple(pq.read_schema(Path(out.url) / each.key).names) for each in files}
    assert len(columns) == 1
    assert {f"attributes.of{n}" for n in range(4)} <= set(columns.pop())


# --- too many ----------------------------------------------------------------------------------------------------


@EXPORTS
def test_too_many_files_are_refused_with_the_field_to_leave_out(
    hub: SmallHub, out: LocalBucket, monkeypatch: pytest.MonkeyPatch, export: Export
) -> None:
    monkeypatch.setattr(dividing, "FILES_MAX", 4)
    with pytest.raises(Refused, match=r"more than 4 files: .*\{product\} has 4 texts, \{event\} has 3") as refused:
        export(hub, out, key="{product}/{event}/")
    assert "Leave {product} out of the key" in refused.value.hint
    assert list(out.list()) == []
    assert [each.rows for each in export(hub, out, key="{event}/")] == [8, 4, 4]
    assert findings(out) == []


# --- what breaks off ---------------------------------------------------------------------------------------------


class Dies(LocalBucket):
    """The writer is cut off at its nth object; what was put before stays. before: that one is not stored."""

    def __init__(self, root: Path, nth: int, *, before: bool = True) -> None:
        super().__init__(root)
        self.keys: list[str] = []
        self._nth, self._before = nth, before

    def put(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> Stored:
        self.keys.append(key)
        if len(self.keys) != self._nth:
            return super().put(key, chunks, content_type=content_type)
        if self._before:
            raise Unavailable("the line is cut")
        super().put(key, chunks, content_type=content_type)
        raise Unavailable("the answer is lost")


@EXPORTS
@pytest.mark.parametrize("before", [True, False])
def test_wherever_it_breaks_off_the_next_run_gives_the_same_files_once(
    hub: SmallHub, tmp_path: Path, export: Export, before: bool
) -> None:
    reference = LocalBucket(tmp_path / "reference")
    export(hub, reference, key="{product}/", job="reference")
    names = [key.rpartition("/")[0] for key in data(reference)]
    for nth in (1, 3, 5):
        root, job = tmp_path / f"out-{nth}", f"job-{nth}"
        with pytest.raises(Unavailable):
            export(hub, Dies(root, nth, before=before), key="{product}/", job=job)
        again = Dies(root, 0)
        files = export(hub, again, key="{product}/", job=job)
        assert len(again.keys) == 5 - nth + (before or nth == 5), "what is there is not written again"
        assert [each.key.rpartition("/")[0] for each in files] == names
        assert list(data(again).values()) == list(data(reference).values())
        assert findings(again) == []


def test_what_was_written_stays_though_events_were_cleaned_up_since(hub: SmallHub, tmp_path: Path) -> None:
    root = tmp_path / "out"
    with pytest.raises(Unavailable):
        export_activity(hub, Dies(root, 2), key="{product}/")
    stored = hub.lake.after(0, 16)
    column = stored["event_id"].to_pylist()
    gone = [column.index(each["messageId"]) for each in events() if each["context"]["productKey"] == "../.."]  # type: ignore[index]
    hub.lake.drop(DAY, stored["ingest_seq"].take(gone).combine_chunks())
    out = LocalBucket(root)
    before = data(out)
    files = export_activity(hub, out, key="{product}/")
    assert before.items() <= data(out).items()
    assert [dict(each.part)["product"] for each in files] == sorted(PRODUCTS)
    own = [file for file in told(out)["files"] if "columns" in file]
    assert [len(told(out)["columns"]) - len(file["columns"]) for file in own] == [1, 1, 1], "one name is gone"
    assert findings(out) == []


@pytest.mark.parametrize("nth", [2, 5])
def test_a_place_that_may_only_be_written_to_heals_too(hub: SmallHub, tmp_path: Path, nth: int) -> None:
    class Breaking(Dies, WriteOnly):
        pass

    class Once(WriteOnly):
        def put(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> Stored:
            taken = key in {each.key for each in self.list()}
            stored = super().put(key, chunks, content_type=content_type)
            if taken:
                raise Conflict(f"{key} is taken")
            return stored

    with pytest.raises(Unavailable):
        export_app_events(hub, Breaking(tmp_path / "out", nth, before=False), key="{product}/")
    files = export_app_events(hub, Once(tmp_path / "out"), key="{product}/")
    assert [each.rows for each in files] == [4, 4, 4, 4]
    assert findings(LocalBucket(tmp_path / "out")) == []


@pytest.mark.parametrize("before", [True, False])
def test_encrypted_files_are_delivered_once_each(hub: SmallHub, tmp_path: Path, before: bool) -> None:
    codec = sealing()
    for nth in (1, 3, 5):
        root, job = tmp_path / f"out-{nth}", f"job-{nth}"
        with pytest.raises(Unavailable):
            export_activity(hub, Dies(root, nth, before=before), key="{product}/", codec=codec, job=job)
        out = LocalBucket(root)
        left = data(out)
        files = export_activity(hub, out, key="{product}/", codec=codec, job=job)
        assert [each.rows for each in files] == [4, 4, 4, 4]
        assert left.items() <= data(out).items()
        assert data(out).keys() == {each.key for each in files}
        assert examine(out, {**CODECS, codec.name: codec}).findings == []


def test_encrypted_files_that_a_manifest_names_are_found_by_who_forgot_them(
    hub: SmallHub, out: LocalBucket, tmp_path: Path
) -> None:
    codec = sealing(Plain())
    first = export_app_events(hub, out, key="{product}/", codec=codec)
    before = data(out)
    with hub.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM event_window")
    assert export_app_events(hub, out, key="{product}/", codec=codec) == first
    assert data(out) == before


def test_another_key_begins_anew_and_no_file_is_named_twice(hub: SmallHub, tmp_path: Path) -> None:
    root = tmp_path / "out"
    with pytest.raises(Unavailable):
        export_activity(hub, Dies(root, 3), key="{product}/")
    files = export_activity(hub, LocalBucket(root), key="{environment}/")
    assert [each.part for each in files] == [(("environment", "env-0"),), (("environment", "env-1"),)]
    assert sum(each.rows for each in files) == 16
    [window] = SqlWindows(hub.database).all("activity")
    assert window.closed
    assert [file["part"] for file in told(LocalBucket(root))["files"]] == [dict(each.part) for each in files]
    assert findings(LocalBucket(root)) == []
