"""Delivering by a template of keys: where files lie, what is in each, and what a manifest says of them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pysequoia
import pytest
from small_hub import CODECS, SmallHub, findings, small_hub

from footfall.buckets.local import LocalBucket
from footfall.codecs.openpgp import OpenPgp
from footfall.codecs.openpgp_keys import check_certificate, check_private_key
from footfall.codecs.plain import Plain
from footfall.errors import Conflict
from footfall.flows.verify import examine
from footfall.model.key_templates import NOTHING
from footfall.model.manifest import Manifest
from footfall.ports import Stored

DAY = date(2026, 11, 20)
EVENTS = "User_Event_Rollups"
CUSTOM = "User_Custom_Event_Rollups"
STEM = f"GainsightPX_{EVENTS}_20261121T080000Z"
DIVIDED = "{report}/{date}/{product}/{environment}/"
PRODUCTS = ("web", "a/b=c", "ünï ☂", "../..")


def events(day: date, products: tuple[str, ...] = PRODUCTS, mark: str = "") -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for number, product in enumerate(products):
        for user in range(3):
            context = {"groupId": "acme", "productKey": product, "environment": f"env-{number % 2}"}
            about = {"userId": f"user-{user}", "timestamp": f"{day}T15:0{user}:00Z", "context": context}
            name = f"{day}-{number}-{user}{mark}"
            found.append({**about, "type": "page", "messageId": f"p{name}"})
            found.append({**about, "type": "track", "event": f"Order {user}", "messageId": f"t{name}"})
    return found


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[SmallHub]:
    with small_hub(tmp_path / "hub") as hub:
        hub.accept(events(DAY))
        hub.settle()
        yield hub


@pytest.fixture
def out(tmp_path: Path) -> LocalBucket:
    return LocalBucket(tmp_path / "out")


class Breaks(LocalBucket):
    """A folder at which the writer dies before it writes a manifest."""

    def put(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> Stored:
        if key.endswith(".manifest.json"):
            raise ConnectionError
        return super().put(key, chunks, content_type=content_type)


def keys(bucket: LocalBucket) -> list[str]:
    return [each.key for each in bucket.list()]


def manifest(bucket: LocalBucket, name: str) -> Manifest:
    return Manifest.from_json(b"".join(bucket.open(name)))


def rows(bucket: LocalBucket, key: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(gzip.decompress(b"".join(bucket.open(key))).decode())))


def test_without_a_template_nothing_is_said_of_keys(hub: SmallHub, out: LocalBucket) -> None:
    hub.export(DAY, out, [EVENTS])
    told = json.loads(b"".join(out.open(f"{STEM}.csv.manifest.json")))
    assert keys(out) == [f"{STEM}.csv.gz", f"{STEM}.csv.manifest.json"]
    assert "key" not in told
    assert "part" not in told["files"][0]


def test_files_lie_where_the_template_says_and_the_manifest_where_it_always_does(
    hub: SmallHub, out: LocalBucket
) -> None:
    [delivery] = hub.export(DAY, out, [EVENTS], key="px/{report}/{date:%Y/%m/%d}")
    assert delivery.key == f"px/{EVENTS}/2026/11/20.csv.gz"
    assert keys(out) == [f"{STEM}.csv.manifest.json", delivery.key]
    found = manifest(out, f"{STEM}.csv.manifest.json")
    assert [file.name for file in found.files] == [delivery.key]
    assert found.key == "px/{report}/{year}/{month}/{day}"
    assert findings(out) == []


def test_a_divided_report_is_a_file_for_each_product_and_environment(hub: SmallHub, out: LocalBucket) -> None:
    [whole] = hub.export(DAY, LocalBucket(Path(out.url).parent / "whole"), [EVENTS])
    parts = hub.export(DAY, out, [EVENTS], key=DIVIDED)
    found = manifest(out, f"{STEM}.csv.manifest.json")
    assert [dict(file.part) for file in found.files] == [
        {"product": "../..", "environment": "env-1"},
        {"product": "a/b=c", "environment": "env-1"},
        {"product": "web", "environment": "env-0"},
        {"product": "ünï ☂", "environment": "env-0"},
    ]
    assert [each.key for each in parts] == [
        f"{EVENTS}/2026-11-20/%2E.%2F../env-1/{STEM}.csv.gz",
        f"{EVENTS}/2026-11-20/a%2Fb%3Dc/env-1/{STEM}.csv.gz",
        f"{EVENTS}/2026-11-20/web/env-0/{STEM}.csv.gz",
        f"{EVENTS}/2026-11-20/ünï ☂/env-0/{STEM}.csv.gz",
    ]
    together = Counter(tuple(row.values()) for each in parts for row in rows(out, each.key))
    assert together == Counter(
        tuple(row.values()) for row in rows(LocalBucket(Path(out.url).parent / "whole"), whole.key)
    )
    for file in found.files:
        told = {(row["productKey"], row["environment"]) for row in rows(out, file.name)}
        assert told == {(dict(file.part)["product"], dict(file.part)["environment"])}
    assert findings(out) == []


def test_custom_events_can_be_divided_by_their_name(hub: SmallHub, out: LocalBucket) -> None:
    parts = hub.export(DAY, out, [CUSTOM, EVENTS], key="{report}/{date}/event={event}/part")
    assert [each.key for each in parts] == [
        *(f"{CUSTOM}/2026-11-20/event=Order {user}/part.csv.gz" for user in range(3)),
        f"{EVENTS}/2026-11-20/event={NOTHING}/part.csv.gz",
    ]
    assert findings(out) == []


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_day_without_events_has_manifests_and_no_parts(hub: SmallHub, out: LocalBucket, format: str) -> None:
    codec = "none" if format == "parquet" else "gzip"
    deliveries = hub.export(DAY + timedelta(days=1), out, [EVENTS, "Users"], key=DIVIDED, format=format, codec=codec)
    users, events = sorted(deliveries, key=lambda each: each.report, reverse=True)
    assert (events.rows, events.size_bytes, events.key) == (0, 0, events.manifest_key)
    assert users.rows == 3
    assert f"/{NOTHING}/{NOTHING}/" in users.key
    found = manifest(out, events.manifest_key)
    assert (found.rows, found.files) == (0, ())
    assert findings(out) == []


def test_running_again_changes_nothing(hub: SmallHub, out: LocalBucket) -> None:
    first = hub.export(DAY, out, None, key=DIVIDED)
    before = {key: b"".join(out.open(key)) for key in keys(out)}
    assert hub.export(DAY, out, None, key=DIVIDED) == first
    assert {key: b"".join(out.open(key)) for key in keys(out)} == before


def test_a_later_revision_has_files_of_its_own_and_supersedes_the_manifest(hub: SmallHub, out: LocalBucket) -> None:
    hub.export(DAY, out, [EVENTS], key=DIVIDED)
    hub.accept(events(DAY, ("late",), "-late"))
    hub.settle()
    again = hub.export(DAY, out, [EVENTS], key=DIVIDED)
    assert len(again) == 5
    assert all(each.key.endswith("_r2.csv.gz") for each in again)
    second = manifest(out, f"{STEM}_r2.csv.manifest.json")
    assert second.supersedes is not None
    assert second.supersedes.name == f"{STEM}.csv.manifest.json"
    assert findings(out) == []


def test_another_template_at_the_same_place_is_a_conflict(hub: SmallHub, out: LocalBucket) -> None:
    hub.export(DAY, out, [EVENTS], key=DIVIDED)
    with pytest.raises(Conflict, match="already there"):
        hub.export(DAY, out, [EVENTS], key="{report}/{date}/")


def test_the_other_version_lies_in_a_folder_of_its_own(hub: SmallHub, out: LocalBucket) -> None:
    hub.export(DAY, out, [EVENTS], key="{report}/{date}")
    [other] = hub.export(DAY, out, [EVENTS], key="{report}/{date}", version="1.0")
    assert other.key == f"v1.0/{EVENTS}/2026-11-20.csv.gz"
    assert findings(out) == []


def test_what_is_missing_or_changed_in_a_part_is_found(hub: SmallHub, out: LocalBucket) -> None:
    first, second, *_ = hub.export(DAY, out, [EVENTS], key=DIVIDED)
    out.delete(first.key)
    (Path(out.url) / second.key).write_bytes(b"something else")
    assert [(each.key, each.severity) for each in findings(out)] == [(first.key, "fault"), (second.key, "fault")]


def test_an_encrypted_report_can_be_divided_and_delivered_again(hub: SmallHub, out: LocalBucket) -> None:
    key = pysequoia.Tsk.generate("Warehouse")
    recipient = check_certificate(bytes(key.extract_certificate()), datetime.now(UTC) + timedelta(hours=1))
    codec = OpenPgp(Plain(), [recipient], check_private_key(bytes(key), None))
    first = hub.export(DAY, out, [EVENTS], key="hive", format="parquet", codec=codec)
    assert all(each.key.endswith(".parquet.pgp") for each in first)
    assert hub.export(DAY, out, [EVENTS], key="hive", format="parquet", codec=codec) == first
    assert len(keys(out)) == len(first) + 1
    assert examine(out, {**CODECS, codec.name: codec}).findings == []


def test_an_encrypted_part_that_lost_its_manifest_is_written_under_another_name(
    hub: SmallHub, out: LocalBucket
) -> None:
    key = pysequoia.Tsk.generate("Warehouse")
    codec = OpenPgp(
        Plain(), [check_certificate(bytes(key.extract_certificate()), datetime.now(UTC) + timedelta(hours=1))]
    )
    with pytest.raises(ConnectionError):
        hub.export(DAY, Breaks(Path(out.url)), [EVENTS], key="hive", format="parquet", codec=codec)
    again = hub.export(DAY, out, [EVENTS], key="hive", format="parquet", codec=codec)
    assert all(each.key.endswith("_a2.parquet.pgp") for each in again)


def test_the_hive_preset_can_be_read_as_a_partitioned_table(hub: SmallHub, out: LocalBucket) -> None:
    hub.accept(events(DAY + timedelta(days=1), ("web",)))
    hub.settle()
    for number in range(2):
        hub.export(DAY + timedelta(days=number), out, [EVENTS], key="hive", format="parquet", codec="none")
    files = f"{Path(out.url)}/report={EVENTS}/**/*.parquet"
    found = duckdb.execute(
        f"""SELECT day, product, environment, revision, sum(count), list(DISTINCT "productKey")
            FROM read_parquet('{files}', hive_partitioning = true) GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    assert found == [
        (DAY, "../..", "env-1", 1, 3, ["../.."]),
        (DAY, "a/b=c", "env-1", 1, 3, ["a/b=c"]),
        (DAY, "web", "env-0", 1, 3, ["web"]),
        (DAY, "ünï ☂", "env-0", 1, 3, ["ünï ☂"]),
        (DAY + timedelta(days=1), "web", "env-0", 1, 3, ["web"]),
    ]
    table = ds.dataset(Path(out.url) / f"report={EVENTS}", format="parquet", partitioning="hive").to_table()
    assert table.num_rows == sum(count for *_, count, _ in found)
    assert set(table["product"].to_pylist()) == set(table["productKey"].to_pylist())


def test_rows_without_a_product_are_null_to_readers_of_hive(hub: SmallHub, out: LocalBucket) -> None:
    [users] = hub.export(DAY, out, ["Users"], key="hive", format="parquet", codec="none")
    found = duckdb.execute(
        f"SELECT DISTINCT product FROM read_parquet('{Path(out.url)}/{users.key}', hive_partitioning = true)"
    ).fetchall()
    assert found == [(None,)]


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_every_report_as_parquet_can_be_verified(hub: SmallHub, out: LocalBucket, version: str) -> None:
    deliveries = hub.export(DAY, out, None, version=version, format="parquet", codec="none")
    assert findings(out) == []
    for each in deliveries:
        found = manifest(out, each.manifest_key)
        file = pq.ParquetFile(Path(out.url) / each.key)
        assert each.key.endswith("Z.parquet")
        assert (file.metadata.num_rows, file.schema_arrow.names) == (found.rows, [name for name, _ in found.columns])
        assert (found.codec, found.format) == ("none", "parquet")
        assert file.schema_arrow.metadata[b"report"].decode() == each.report


def test_a_parquet_file_of_another_report_is_found_out_by_its_footer(hub: SmallHub, out: LocalBucket) -> None:
    first, second = hub.export(DAY, out, [EVENTS, CUSTOM], format="parquet", codec="none")
    told = json.loads(b"".join(out.open(first.manifest_key)))
    stored = b"".join(out.open(second.key))
    other = manifest(out, second.manifest_key).files[0]
    told["files"][0] |= {"bytes": len(stored), "sha256": other.sha256, "plain_bytes": len(stored),
                         "plain_sha256": other.plain_sha256}  # fmt: skip
    (Path(out.url) / first.key).write_bytes(stored)
    (Path(out.url) / first.manifest_key).write_text(json.dumps(told))
    assert any("its columns are" in each.fault for each in findings(out))
