"""Every kind of export as Parquet and by a template of keys: by hand, as a job, and in a rehearsal."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_hub import findings

from footfall.buckets.local import LocalBucket
from footfall.config import load_settings
from footfall.config.job_options import OPTIONS, fitted
from footfall.config.shapes import Record
from footfall.errors import Refused
from footfall.model.audience_export import AudienceExport
from footfall.model.jobs import Job
from footfall.model.schedules import Schedule
from footfall.ports import Batch
from footfall.wiring import Footfall
from footfall.wiring.activity import Where, export_activity, export_app_events
from footfall.wiring.activity_options import ActivityExport, AppEventStream
from footfall.wiring.audience import export_by_hand
from footfall.wiring.formats import key_of
from footfall.wiring.jobs import add_job, runner_of, slot_of
from footfall.wiring.keys import create_key

DAY = date(2026, 11, 20)
TEXTS = ["", " ", 'a,"b"', "line\nbreak", "\x00\x1f", "é🙂", "\ufffe", "a&b=c%d", "null"]
REPORTS = ["User_Custom_Event_Rollups", "Users"]


def events() -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for number, text in enumerate(TEXTS):
        at, context = f"{DAY}T15:00:0{number}.123456Z", {"productKey": f"p{number % 2}", "sessionId": f"s-{number}"}
        about = {"userId": f"user-{number % 3}", "messageId": f"m-{number}", "timestamp": at, "context": context}
        properties = {"text": text, "count": number, "list": [text, "x"], "deep": {"er": text or None}}
        found.append({**about, "type": "track", "event": f"Order {number % 2}", "properties": properties})
    return found


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Footfall]:
    settings = load_settings(data=tmp_path / "data", environment={"FOOTFALL_TIME_ZONE": "America/New_York"})
    now = [datetime(2026, 11, 20, 12, tzinfo=UTC)]
    with Footfall.open(settings, clock=lambda: now[0]) as hub:
        create_key(hub, "web", product_key="default", environment="Production", channel="web")
        body = json.dumps({"batch": events()}).encode()
        at = int(datetime(2026, 11, 20, 16, tzinfo=UTC).timestamp() * 1_000_000)
        hub.log.append(Batch(at, "web", "segment", "batch", len(TEXTS), (), "", "", body))
        hub.settle()
        now[0] = datetime(2026, 11, 21, 8, tzinfo=UTC)
        yield hub


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def names(out: Path) -> list[str]:
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


def run(hub: Footfall, kind: str, out: Path, **options: Any) -> list[str]:
    """Rehearse and run the slot of the day as a job, and check what lies there; the names of data files."""
    made = datetime(2026, 11, 20, 12, tzinfo=UTC)
    job = Job(kind, kind, str(out), Schedule("daily", hub.zone, at=wall_time(3)), made, made, options=options)
    add_job(hub, job)
    slot = slot_of(hub, hub.jobs.get(kind), "2026-11-20")
    rehearsed = [file.key for file in runner_of(hub).rehearse(hub.jobs.get(kind), slot)]
    assert not out.exists()
    done = runner_of(hub).run_slot(kind, slot)
    assert done.state == "succeeded", done.error
    assert findings(LocalBucket(out)) == []
    found = [name for name in names(out) if not name.endswith(".manifest.json")]
    assert sorted(rehearsed) == found
    return found


def test_activity_as_parquet_says_what_it_says_as_csv(hub: Footfall, out: Path) -> None:
    [text] = export_activity(hub, ActivityExport(), Where(str(out)), job="text")
    [table] = export_activity(hub, ActivityExport(format="parquet"), Where(str(out)), job="table", progress=None)
    assert table.key.endswith(".parquet")
    with gzip.open(out / text.key, "rt", encoding="utf-8", newline="") as file:
        told = list(csv.DictReader(file))
    read = pq.read_table(out / table.key)
    assert read.column_names == list(told[0])
    shown = [{name: _text(name, value) for name, value in row.items()} for row in read.to_pylist()]
    assert shown == told
    assert read.schema.field("timestamp").type == pa.timestamp("us", "UTC")
    assert read["attributes.text"].to_pylist() == TEXTS
    assert read["attributes.deep.er"].to_pylist()[0] is None
    assert findings(LocalBucket(out)) == []


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    return f"{value:%Y-%m-%dT%H:%M:%S.%f}Z" if name in ("timestamp", "received_at") else str(value)


def test_app_events_as_parquet_have_the_fields_of_the_lines(hub: Footfall, out: Path) -> None:
    [text] = export_app_events(hub, AppEventStream(), Where(str(out)), job="text")
    [table] = export_app_events(hub, AppEventStream(format="parquet"), Where(str(out)), job="table")
    with gzip.open(out / text.key, "rt", encoding="utf-8") as file:
        told = [json.loads(line) for line in file.read().split("\n")[:-1]]
    read = pq.read_table(out / table.key)
    assert read.num_rows == len(told) == len(TEXTS)
    for row, line in zip(read.to_pylist(), told, strict=True):
        row["eventTime"] = f"{row['eventTime']:%Y-%m-%dT%H:%M:%S.%f}Z"
        row |= {name: json.loads(row[name]) for name in ("ipAddresses", "defaultMetrics")}
        sent = json.loads(row.pop("properties"))
        assert {name: value for name, value in row.items() if value is not None} | sent == line
    assert findings(LocalBucket(out)) == []


def test_a_file_without_events_has_the_columns_that_every_file_has(hub: Footfall, out: Path) -> None:
    run(hub, "activity", out, format="parquet", streams=["web"], end="2020-01-01")
    [path] = out.glob("*.parquet")
    read = pq.read_table(path)
    assert (read.num_rows, read.column_names[:3]) == (0, ["stream", "event_id", "type"])


def test_jobs_of_every_kind_write_parquet_where_the_template_says(hub: Footfall, out: Path) -> None:
    stamp, hive = "20261121T080000Z", "hive"
    assert run(hub, "rollups", out / "r", format="parquet", key=hive, reports=REPORTS) == [
        *(f"report=User_Custom_Event_Rollups/day=2026-11-20/product=p{n}/environment=Production/revision=1/"
          f"GainsightPX_User_Custom_Event_Rollups_{stamp}.parquet" for n in range(2)),
        "report=Users/day=2026-11-20/product=__HIVE_DEFAULT_PARTITION__/environment=__HIVE_DEFAULT_PARTITION__/"
        f"revision=1/GainsightPX_Users_{stamp}.parquet",
    ]  # fmt: skip
    assert run(hub, "activity", out / "a", format="parquet", key=hive) == [
        f"report=activity/day=2026-11-21/hour=03/lytics-events-{stamp}.parquet"
    ]
    assert run(hub, "audience", out / "u", format="parquet", key="{report}/{job}/{date:%Y/%m}/{TIMESTAMP}") == [
        f"audience/audience/2026/11/{stamp}.parquet"
    ]
    [name] = run(hub, "app_events", out / "e", format="parquet", key="{zone}/{job}/{window}")
    assert name == "America%2FNew_York/app_events/0000000001.parquet"
    assert [each for each in names(out / "a") if each.endswith(".json")] == [
        f"lytics-events-{stamp}.parquet.manifest.json"
    ]


def test_texts_go_where_the_template_says_too(hub: Footfall, out: Path) -> None:
    assert run(hub, "app_events", out, key="hive")[0].startswith(
        "report=app_events/day=2026-11-21/hour=03/00000000000000"
    )
    [told] = export_activity(hub, ActivityExport(key=key_of("{job}/{date}/", "activity")), Where(str(out)), job="other")
    assert told.key == "other/2026-11-21/lytics-events-20261121T080000Z.csv.gz"
    files = export_by_hand(
        hub, AudienceExport(layout="multi-csv"), to=str(out), at=hub.clock(), key="people/{TIMESTAMP}"
    )
    assert next(file.key for file in files) == "people/20261121T080000Z.csv.gz"
    assert findings(LocalBucket(out)) == []


def test_a_job_goes_on_by_the_same_template(hub: Footfall, out: Path) -> None:
    export = ActivityExport(format="parquet", key=key_of("hive", "activity"))
    [first] = export_activity(hub, export, Where(str(out)))
    assert export_activity(hub, export, Where(str(out))) == []
    files = f"read_parquet('{out}/**/*.parquet', hive_partitioning = true)"
    found = duckdb.execute(f"SELECT report, day, hour, count(*) FROM {files} GROUP BY ALL").fetchall()
    assert found == [("activity", DAY + timedelta(days=1), "03", len(TEXTS))]
    assert first.rows == len(TEXTS)


def test_a_definitions_file_knows_every_option_of_a_typed_export() -> None:
    given = {"format": "parquet", "key": "hive"}
    for kind in ("rollups", "activity", "app_events", "audience"):
        record = OPTIONS[kind]
        assert isinstance(record, Record)
        assert fitted(kind, given) == given
        fields = {each.name: each for each in record.fields}
        assert set(given) <= set(fields)
        assert fields["compression"].default is None, "what it is depends on the format"


@pytest.mark.parametrize("compression", ["gzip", "zstd", "zip"])
@pytest.mark.parametrize("kind", ["rollups", "activity", "app_events", "audience"])
def test_nothing_is_put_around_parquet(hub: Footfall, out: Path, kind: str, compression: str) -> None:
    with pytest.raises(Refused, match="compressed inside"):
        run(hub, kind, out, format="parquet", compression=compression)


@pytest.mark.parametrize("kind", ["rollups", "activity", "app_events", "audience"])
def test_a_template_that_cannot_be_is_refused_when_the_job_is_made(hub: Footfall, out: Path, kind: str) -> None:
    with pytest.raises(Refused, match=r"there is no field \{prodct\} \(at character 3\)"):
        run(hub, kind, out, key="a/{prodct}/")
    with pytest.raises(Refused, match="is no format"):
        run(hub, kind, out, format="avro")
    assert hub.jobs.all() == []
