"""Exports under a policy of their own: what is dropped is in no byte of them, what is hashed joins only when asked."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime
from datetime import time as wall_time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from footfall.buckets.local import LocalBucket
from footfall.codecs.plain import Plain
from footfall.config import Settings
from footfall.engines.fields import COLUMNS_MAX
from footfall.errors import Refused
from footfall.flows.verify import examine
from footfall.model.audience_export import AudienceExport
from footfall.model.hiding import Hiding, coarse_text
from footfall.model.jobs import Job
from footfall.model.schedules import Schedule
from footfall.ports import Batch
from footfall.wiring import Footfall
from footfall.wiring.activity import Where, export_activity, export_app_events
from footfall.wiring.activity_options import ActivityExport, AppEventStream
from footfall.wiring.audience import export_by_hand
from footfall.wiring.hiding import check_fitting
from footfall.wiring.jobs import add_job, check_options
from footfall.wiring.rollups import export_rollups

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = date(2026, 11, 20)
USERS = [f"canary-{n}-{random.Random(n).randrange(10**9)}" for n in range(8)]
REPORTS = ["Users", "Accounts", "User_Event_Rollups", "User_Custom_Event_Rollups"]


@pytest.fixture(scope="module")
def hub(tmp_path_factory) -> Iterator[Footfall]:
    data = tmp_path_factory.mktemp("hidden") / "data"
    with Footfall.open(Settings(data=data, reserve_bytes=0), clock=lambda: NOW) as hub:
        events = [
            {
                "type": kind, "event_name": "Saved", "event_id": f"{kind}{n}", "occurred_at": "2026-11-20T10:00:00Z",
                "identify_id": who, "account_id": f"acme-{n % 2}", "account": {"id": f"acme-{n % 2}", "name": "Acme"},
                "attributes": {"who": who, "n": n},
                "user": {"email": f"{who}@mail.example", "firstName": f"Name {who}", "plan": "pro"},
            }
            for n, who in enumerate(USERS)
            for kind in ("identify", "custom", "group")
        ]  # fmt: skip
        body = json.dumps(events).encode()
        hub.log.append(Batch(int(NOW.timestamp() * 10**6), "web", "native", "batch", len(events), (), "", "", body))
        yield hub


@pytest.mark.parametrize("name", ["emial", "fristName*", "custom"])
def test_a_name_that_no_column_has_is_refused_before_anything_is_written(hub, tmp_path, name):
    with pytest.raises(Refused, match="no report has a column"):
        exported(hub, tmp_path, "csv", {"email": "drop", name: "drop"})
    assert not list(tmp_path.iterdir())


def test_a_name_that_may_be_a_custom_attributes_is_taken():
    check_fitting({"customAttribute_x": "drop", "*salary": "drop", "EMAIL": "drop", "first*": "drop"},
                  ["email", "firstName"])  # fmt: skip


def exported(hub: Footfall, to: Path, format: str, hide: dict[str, str]) -> dict[str, list[dict[str, object]]]:
    """Rows by report, of files that verify."""
    found = export_rollups(
        hub, DAY, DAY, to=str(to), reports=REPORTS, version="2.0", format=format, compression="none", hide=hide
    )
    assert not [each for each in examine(LocalBucket(to), {"none": Plain()}).findings if each.severity == "fault"]
    rows: dict[str, list[dict[str, object]]] = {}
    for each in found:
        path = to / each.key
        if format == "parquet":
            rows[each.report] = pq.read_table(path).to_pylist()
        elif format == "csv":
            rows[each.report] = list(csv.DictReader(io.StringIO(path.read_text())))
        else:
            rows[each.report] = [json.loads(line) for line in path.read_text().splitlines()]
        manifest = json.loads((to / each.manifest_key).read_text())
        assert manifest.get("privacy", {}) == hide
    return rows


def bytes_of(folder: Path) -> bytes:
    parts = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            parts.append(data)
            if data[:4] == b"PAR1":
                parts.append(json.dumps(pq.read_table(path).to_pylist(), default=str).encode())
                parts.append(str(pq.ParquetFile(path).metadata.to_dict()).encode())
    return b"\n".join(parts)


@pytest.mark.parametrize("format", ["csv", "json", "parquet"])
def test_a_dropped_column_is_in_no_byte_of_an_export(hub, tmp_path, format):
    hide = {"identifyId": "drop", "email": "drop", "firstName": "drop", "aptrinsicId": "drop"}
    rows = exported(hub, tmp_path / "out", format, hide)
    assert len(rows["Users"]) == len(USERS)
    text = bytes_of(tmp_path / "out")
    assert not [who for who in USERS if who.encode() in text]
    assert all(not hide.keys() & row.keys() for each in rows.values() for row in each)


def test_every_format_says_the_same_hash_and_every_export_another_unless_asked(hub, tmp_path):
    said = {}
    for kind in ("csv", "json", "parquet"):
        rows = exported(hub, tmp_path / kind, kind, {"identifyId": "hash", "email": "coarsen"})
        said[kind] = {row["identifyId"] for row in rows["Users"]}
        assert {row["email"] for row in rows["Users"]} == {"@mail.example"}
        assert {row["identifyId"] for row in rows["User_Event_Rollups"]} <= said[kind]
    assert said["csv"] == said["json"] == said["parquet"]
    assert len(said["csv"]) == len(USERS)
    joinable = exported(hub, tmp_path / "joinable", "csv", {"identifyId": "joinable_hash"})
    assert not {row["identifyId"] for row in joinable["Users"]} & said["csv"]
    audience = AudienceExport(fields=("identifyId", "plan"), privacy={"identifyId": "joinable_hash"})
    (file,) = export_by_hand(hub, audience, to=str(tmp_path / "audience"), at=NOW, compression="none")
    found = list(csv.DictReader(io.StringIO((tmp_path / "audience" / file.key).read_text())))
    assert {row["identifyId"] for row in found} == {row["identifyId"] for row in joinable["Users"]}


@pytest.mark.parametrize("layout", ["csv", "json", "parquet"])
def test_a_dropped_field_is_in_no_byte_of_an_audience(hub, tmp_path, layout):
    hide = {"identify*": "drop", "email": "drop", "first*": "drop", "aptrinsicId": "drop"}
    for mode, at in (("full", NOW), ("diff", NOW)):
        audience = AudienceExport(job=f"hidden-{layout}-{mode}", layout=layout, mode=mode, privacy=hide)
        export_by_hand(hub, audience, to=str(tmp_path / mode), at=at, compression="none" if layout != "parquet" else "")
        text = bytes_of(tmp_path / mode)
        assert not [who for who in USERS if who.encode() in text]
        assert b"pro" in text


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_activity_drops_hashes_and_makes_coarse(hub, tmp_path, format):
    hide = {
        "identify_id": "joinable_hash",
        "account_id": "coarsen",
        "*.who": "drop",
    }
    export = ActivityExport(format=format, compression="none", hide=hide)
    to = tmp_path / "out"
    found = export_activity(hub, export, Where(str(to)), job=f"acts-{format}")
    text = bytes_of(to)
    assert not [who for who in USERS if who.encode() in text]
    (path,) = [to / each.key for each in found]
    rows = (
        pq.read_table(path).to_pylist() if format == "parquet" else list(csv.DictReader(io.StringIO(path.read_text())))
    )
    users = exported(hub, tmp_path / "users", "csv", {"identifyId": "joinable_hash"})["Users"]
    assert {row["identify_id"] for row in rows if row["type"] == "custom"} == {row["identifyId"] for row in users}
    assert {row["account_id"] for row in rows} <= {"", None}
    assert json.loads((to / found[0].manifest_key).read_text())["privacy"] == hide
    with pytest.raises(Refused, match="no text"):
        export_activity(hub, ActivityExport(hide={"timestamp": "hash"}), Where(str(to)), job=f"no-{format}")


@pytest.mark.parametrize("format", ["json", "parquet"])
def test_app_events_hide_fields_however_deep_they_stand(hub, tmp_path, format):
    hide = {"who": "drop", "actorId": "hash", "n": "hash", "defaultMetrics": "drop", "plan": "coarsen"}
    to = tmp_path / "out"
    plain = export_app_events(
        hub, AppEventStream(format=format, compression="none"), Where(str(to)), job=f"all-{format}"
    )
    stream = AppEventStream(format=format, compression="none", hide=hide)
    found = export_app_events(hub, stream, Where(str(to)), job=f"some-{format}")

    def rows_of(path):
        if format == "json":
            return [json.loads(line) for line in path.read_text().splitlines()]
        said = ({**row, **json.loads(row["properties"] or "{}")} for row in pq.read_table(path).to_pylist())
        return [{name: each for name, each in row.items() if name != "properties"} for row in said]

    before, after = ([row for each in files for row in rows_of(to / each.key)] for files in (plain, found))
    assert len(before) == len(after) > 0
    assert [row for row in before if row.get("who") in USERS]
    text = b"".join((to / each.key).read_bytes() for each in found)
    assert not [who for who in USERS if who.encode() in text]
    for was, row in zip(before, after, strict=True):
        assert row["actorId"].startswith("hash_")
        assert {**was, "actorId": 0} == {**row, "actorId": 0, **{name: was[name] for name in hide.keys() & was.keys()
                                         if name != "actorId"}}  # fmt: skip
        assert not row.keys() & {"who", "n", "defaultMetrics", "plan"}
    assert json.loads((to / found[0].manifest_key).read_text())["privacy"] == hide
    assert not [finding for finding in examine(LocalBucket(to), {"": Plain()}).findings if "some" in finding.key]


@pytest.mark.parametrize("format", ["json", "parquet"])
def test_no_value_of_a_client_keeps_app_events_from_being_hidden(tmp_path, format):
    odd = {
        "levels": 0, "huge": 0, "long": 123456789012345678901234567890, "list": [{"who": USERS[0], "x": [{"who": 1}]}],
        "who": {"nested": USERS[1]}, "half": "\ud83d", "dots": {"a.b": {"who": USERS[2], "kept": "\u00e9\u2028"}},
    }  # fmt: skip
    event = {"type": "custom", "event_name": "Odd", "event_id": "o1", "occurred_at": "2026-11-20T10:00:00Z",
             "identify_id": "u", "attributes": odd}  # fmt: skip
    body = json.dumps([event]).replace('"levels": 0', f'"levels": {"[" * 900}7{"]" * 900}')
    body = body.replace('"huge": 0', '"huge": 1e400').replace("\\ud83d", "").encode()
    hide = {"who": "drop", "actorId": "hash"}
    with Footfall.open(Settings(data=tmp_path / "data", reserve_bytes=0), clock=lambda: NOW) as hub:
        hub.log.append(Batch(int(NOW.timestamp() * 10**6), "web", "native", "batch", 1, (), "", "", body))
        stream = AppEventStream(kinds=("Platform", "Session"), format=format, compression="none", hide=hide)
        [found] = export_app_events(hub, stream, Where(str(tmp_path / "out")))
    path = tmp_path / "out" / found.key
    text = path.read_text() if format == "json" else pq.read_table(path).to_pylist()[0]["properties"]
    assert not [who for who in USERS if who in text]
    for told in (
        '"long":123456789012345678901234567890',
        '"list":[{"x":[{}]}]',
        '"a.b":{"kept":"\u00e9\u2028"}',
        "1e400",
    ):
        assert told in text
    assert "[" * 900 + "7" in text


def test_what_cannot_be_hidden_that_way_is_refused(hub, tmp_path):
    with pytest.raises(Refused, match="no text"):
        exported(hub, tmp_path / "out", "csv", {"score": "hash"})
    with pytest.raises(Refused, match="become"):
        exported(hub, tmp_path / "out", "csv", {"email": "eat"})
    with pytest.raises(Refused, match="joined"):
        AudienceExport(layout="multi-csv", privacy={"email": "drop"})
    schedule = Schedule("daily", hub.zone, at=wall_time(3))
    job = Job("rolls", "rollups", str(tmp_path), schedule, NOW, NOW, options={"privacy": {"email": "eat"}})
    with pytest.raises(Refused):
        add_job(hub, job)
    check_options(
        hub, Job("rolls", "rollups", str(tmp_path), schedule, NOW, NOW, options={"privacy": {"email": "drop"}})
    )


MANY = {f"n{n}": 1 for n in range(COLUMNS_MAX + 1)}
CONTACT = {"email": "canary@mail.example", "plan": "gold", "more": {"email": "canary@mail.example", "size": 3.50}}


@pytest.mark.parametrize("format", ["csv", "parquet"])
@pytest.mark.parametrize(
    "sent",
    [
        pytest.param([{"contact": CONTACT}], id="columns"),
        pytest.param([{"contact": CONTACT}, {"contact": "none"}], id="sometimes a text"),
        pytest.param([{"contact": CONTACT}, {"contact": [5, [CONTACT]]}], id="sometimes a list"),
        pytest.param([{"contact": [CONTACT, "x"]}], id="always a list"),
        pytest.param([{"contact": CONTACT}, {"contact": MANY}], id="too many names in it"),
        pytest.param([{"contact": CONTACT}, MANY], id="too many names beside it"),
        pytest.param([{"contact": {"email": [CONTACT], "plan": "gold"}}, {"contact": 1}], id="a list of that name"),
    ],
)
def test_what_is_hidden_of_events_stays_so_whatever_columns_clients_bring_about(tmp_path, sent, format):
    def text(hide: dict[str, str]) -> str:
        to = tmp_path / "-".join(hide)
        export_activity(hub, ActivityExport(hide=hide, format=format, header=False), Where(str(to)), job=to.name)
        (path,) = (each for each in to.iterdir() if "manifest" not in each.name)
        if format == "parquet":
            return json.dumps(pq.read_table(path).to_pylist(), default=str)
        return gzip.decompress(path.read_bytes()).decode()

    with Footfall.open(Settings(data=tmp_path / "data", reserve_bytes=0), clock=lambda: NOW) as hub:
        events = [
            {"type": "custom", "event_name": "Saved", "event_id": f"{n}", "occurred_at": "2026-11-20T10:00:00Z",
             "identify_id": "ana", "attributes": attributes}
            for n, attributes in enumerate(sent)
        ]  # fmt: skip
        body = json.dumps(events).encode()
        hub.log.append(Batch(int(NOW.timestamp() * 10**6), "web", "native", "batch", len(events), (), "", "", body))
        assert "canary@mail.example" in text({"attributes.other": "drop"})
        for name in ("attributes.contact.*email", "*Email", "attributes.contact.*"):
            told = text({name: "drop"})
            assert "canary" not in told
            assert ("gold" in told) is (name != "attributes.contact.*")
        coarse = text({"*email": "coarsen"})
        assert "canary" not in coarse


@pytest.mark.parametrize(
    ("text", "kept"),
    [("ana@example.com", "@example.com"), ("192.0.2.77", "192.0.2.0"), ("Ana", None), ("", None), ("a b@c.d", None)],
)
def test_a_coarse_text_tells_a_domain_or_a_network_or_nothing(text, kept):
    assert coarse_text(text) == kept
    assert Hiding((("a", "coarsen"),), {}).text("coarsen", text) == kept
