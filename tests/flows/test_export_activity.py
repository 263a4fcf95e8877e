"""Events since the last run: nothing lost, nothing twice, whatever is asked, broken off or comes late."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_activity import export_activity, export_app_events
from small_hub import SmallHub, day_of_events, findings, small_hub

from footfall.buckets.local import LocalBucket
from footfall.engines import windows as engine_windows
from footfall.engines.fields import Joining
from footfall.errors import Conflict, Damaged, Refused, Unavailable
from footfall.flows.export_activity import WindowDelivery
from footfall.ports import Stored
from footfall.stores.windows import SqlWindows

DAY = date(2026, 11, 20)
FIXED = ["stream", "event_id", "type", "timestamp", "received_at", "identify_id", "anonymous_id", "account_id"]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[SmallHub]:
    with small_hub(tmp_path / "hub") as hub:
        yield hub


@pytest.fixture
def out(tmp_path: Path) -> LocalBucket:
    return LocalBucket(tmp_path / "out")


def track(event_id: str, properties: object = None, **more: object) -> dict[str, object]:
    event = {"type": "track", "event": "Did", "messageId": event_id, "userId": "u", "timestamp": f"{DAY}T15:00:00Z"}
    return {**event, "properties": properties or {}, **more}


def text(bucket: LocalBucket, delivery: WindowDelivery) -> str:
    stored = b"".join(bucket.open(delivery.key))
    return (gzip.decompress(stored) if delivery.key.endswith(".gz") else stored).decode()


def table(bucket: LocalBucket, deliveries: Iterable[WindowDelivery]) -> list[dict[str, str]]:
    return [
        row for each in deliveries for row in csv.DictReader(io.StringIO(text(bucket, each), newline=""), strict=True)
    ]


def settle(hub: SmallHub, events: list[dict[str, object]]) -> None:
    hub.accept(events)
    hub.settle()


# --- windows -----------------------------------------------------------------------------------------------------


def test_two_runs_hold_what_one_run_holds_late_events_included(hub: SmallHub, out: LocalBucket, tmp_path: Path) -> None:
    settle(hub, day_of_events(DAY))
    first = export_activity(hub, out)
    settle(hub, day_of_events(DAY + timedelta(days=1)))
    settle(hub, day_of_events(DAY - timedelta(days=3), mark="-late"))
    hub.now += timedelta(hours=1)
    second = export_activity(hub, out)
    hub.now += timedelta(hours=1)
    assert export_activity(hub, out) == []
    whole = LocalBucket(tmp_path / "whole")
    once = table(whole, export_activity(hub, whole, job="another"))
    assert table(out, first + second) == once
    assert len({row["event_id"] for row in once}) == len(once) == 3 * 21
    assert findings(out) == findings(whole) == []


def test_rows_are_in_the_order_of_arrival_though_files_are_sorted_by_type(
    hub: SmallHub, out: LocalBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("SLICE", 7), ("STRIDE", 7)):
        monkeypatch.setattr(engine_windows, name, value)
    for n in range(10):
        settle(hub, day_of_events(DAY, users=2, mark=f"-{n}"))
    hub.lake.compact(DAY)
    rows = table(out, export_activity(hub, out))
    expected = [event["messageId"] for n in range(10) for event in day_of_events(DAY, users=2, mark=f"-{n}")]
    assert [row["event_id"] for row in rows] == expected


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_the_bytes_do_not_depend_on_how_much_events_have_in_common(
    hub: SmallHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    odd = {"tags": ["a,b", '"'], "deep": {"": "\n", "k.v": ["&"]}, "text": "", "Text": "ü,"}
    contexts: list[object] = [{}, {"plan": 'a"b'}, {"plan": ["x", 1]}]
    settle(hub, day_of_events(DAY))
    hub.accept_native(
        {"type": "custom", "event_id": str(n), "event_name": "Did", "occurred_at": f"{DAY}T15:00:00Z",
         "attributes": [odd, {"plan": "a"}, {}, {"own": n, "mixed": n % 8 or {"k": [n]}}][n % 4],
         "global_context": contexts[n % 3]}
        for n in range(40)
    )  # fmt: skip
    hub.settle()
    made = set()
    for name, value in (("SHARED_MOST", 0.0), ("SHARED_MOST", 1.0), ("SEEN_BYTES", 0)):
        monkeypatch.setattr(engine_windows, name, value)
        out = LocalBucket(tmp_path / f"{name}-{value}")
        (delivered,) = export_activity(hub, out, job=out.url, codec="none", format=format)
        made.add(b"".join(out.open(delivered.key)))
    assert len(made) == 1
    assert "global_context.plan" in str(made)


def test_a_slot_asked_for_again_is_the_same_file_and_no_new_window(hub: SmallHub, out: LocalBucket) -> None:
    settle(hub, day_of_events(DAY))
    first = export_activity(hub, out, mark="2026-11-20")
    settle(hub, day_of_events(DAY + timedelta(days=1)))
    assert export_activity(hub, out, mark="2026-11-20") == first
    hub.now += timedelta(days=1)
    assert [each.from_seq for each in export_activity(hub, out, mark="2026-11-21")] == [first[0].to_seq]


def test_a_slot_without_events_is_a_file_with_a_header_and_a_manifest(hub: SmallHub, out: LocalBucket) -> None:
    (delivered,) = export_activity(hub, out, mark="slot")
    assert (delivered.rows, text(out, delivered)) == (0, ",".join(FIXED) + "\n")
    assert findings(out) == []


class Failing(LocalBucket):
    """A bucket that takes a data file and then is gone."""

    def put(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> Stored:
        if key.endswith(".manifest.json"):
            raise Unavailable("the bucket is gone")
        return super().put(key, chunks, content_type=content_type)


def test_a_window_broken_off_keeps_its_events_and_its_name(hub: SmallHub, out: LocalBucket, tmp_path: Path) -> None:
    settle(hub, day_of_events(DAY))
    with pytest.raises(Unavailable):
        export_activity(hub, Failing(tmp_path / "out"))
    settle(hub, day_of_events(DAY + timedelta(days=1)))
    hub.now += timedelta(hours=1)
    first, second = export_activity(hub, out)
    assert (first.from_seq, first.to_seq, second.from_seq) == (1, 22, 22)
    assert first.key == "lytics-events-20261201T120000000Z.csv.gz"
    assert findings(out) == []


def test_a_file_that_is_there_counts_even_if_its_text_can_no_more_be_made(
    hub: SmallHub, out: LocalBucket, tmp_path: Path
) -> None:
    settle(hub, day_of_events(DAY))
    with pytest.raises(Unavailable):
        export_activity(hub, Failing(tmp_path / "out"))
    before = {each.key: b"".join(out.open(each.key)) for each in out.list()}
    gone = hub.lake.after(0, 3)["ingest_seq"].combine_chunks()
    hub.lake.drop(DAY, gone)  # as closing the day does with late-found duplicates
    (delivered,) = export_activity(hub, out)
    assert {each.key: b"".join(out.open(each.key)) for each in out.list() if each.key in before} == before
    assert (delivered.rows, findings(out)) == (21, [])


def test_a_name_taken_by_other_bytes_is_a_conflict_that_another_name_heals(hub: SmallHub, out: LocalBucket) -> None:
    settle(hub, day_of_events(DAY))
    out.put("lytics-events-20261201T120000000Z.csv.gz", [b"of somebody else"], content_type="text/plain")
    for _ in range(2):
        with pytest.raises(Conflict, match="timestamp"):
            export_activity(hub, out)
    (window,) = SqlWindows(hub.database).all("activity")
    assert (window.written, window.closed) == (None, False)


class Misheard(LocalBucket):
    """A bucket that says it has other bytes than it was given, as many of them."""

    def put(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> Stored:
        return replace(super().put(key, chunks, content_type=content_type), sha256="0" * 64)


@pytest.mark.parametrize("codec", ["none", "gzip"])
def test_bytes_that_the_place_has_otherwise_are_no_delivery(hub: SmallHub, tmp_path: Path, codec: str) -> None:
    settle(hub, [track("1")])
    with pytest.raises(Damaged, match="not what was sent"):
        export_activity(hub, Misheard(tmp_path / "out"), codec=codec)
    (delivered,) = export_activity(hub, LocalBucket(tmp_path / "out"), codec=codec)
    assert (delivered.rows, findings(LocalBucket(tmp_path / "out"))) == (1, [])


# --- columns -----------------------------------------------------------------------------------------------------


def test_columns_are_the_fixed_ones_and_then_the_sorted_union_of_the_files_own_events(
    hub: SmallHub, out: LocalBucket
) -> None:
    settle(hub, [track("1", {"z": 1, "address": {"city": "Bonn", "zip.code": "53"}})])
    (first,) = export_activity(hub, out)
    settle(hub, [track("2", {"a": True}, context={"sessionId": "s", "page": {"url": "http://x"}})])
    hub.now += timedelta(hours=1)
    (second,) = export_activity(hub, out)
    common = ["channel", "environment", "event_name", "product_key"]
    own = ["attributes.address.city", "attributes.address.zip%2Ecode", "attributes.z"]
    assert text(out, first).splitlines()[0] == ",".join(FIXED + sorted(common + own))
    own = ["attributes.a", "page.url", "session_id"]
    assert text(out, second).splitlines()[0] == ",".join(FIXED + sorted(common + own))


def test_the_golden_file(hub: SmallHub, out: LocalBucket) -> None:
    settle(
        hub,
        [
            track("1", {"tags": ["a&b", "c=d", "50%"], "deep": {"list": [1, {"k": "v"}]}, "none": [], "text": ""}),
            track("2", {"mixed": {"k": "v&w", "n": 2}}, userId="ü, \"q\""),
            {"type": "page", "messageId": "3", "anonymousId": "v", "timestamp": f"{DAY}T15:00:00.5Z",
             "properties": {"url": "http://x/\n", "mixed": "plain"}},
        ],
    )  # fmt: skip
    (delivered,) = export_activity(hub, out, codec="none")
    expected = (
        "stream,event_id,type,timestamp,received_at,identify_id,anonymous_id,account_id,attributes.deep.list,"
        "attributes.mixed,attributes.none,attributes.tags,attributes.text,attributes.url,channel,environment,"
        "event_name,page.url,product_key\n"
        "web,1,custom,2026-11-20T15:00:00.000000Z,2026-12-01T12:00:00.000000Z,u,,,"
        '"1&{""k"":""v""}",,,a%26b&c%3Dd&50%25,"",,web,Production,Did,,default\n'
        'web,2,custom,2026-11-20T15:00:00.000000Z,2026-12-01T12:00:00.000000Z,"ü, ""q""",,,'
        ",k=v%26w&n=2,,,,,web,Production,Did,,default\n"
        "web,3,page_view,2026-11-20T15:00:00.500000Z,2026-12-01T12:00:00.000000Z,,v,,"
        ',plain,,,,"http://x/\n",web,Production,,"http://x/\n",default\n'
    )
    assert text(out, delivered) == expected


def test_lists_are_written_as_they_are_when_asked_for_raw_and_by_another_character(
    hub: SmallHub, out: LocalBucket
) -> None:
    settle(hub, [track("1", {"tags": ["a|b", "50%"]})])
    (row,) = table(out, export_activity(hub, out, joining=Joining("|", raw=True)))
    assert row["attributes.tags"] == "a|b|50%"
    hub.now += timedelta(hours=1)
    (row,) = table(out, export_activity(hub, out, job="other", joining=Joining("|")))
    assert row["attributes.tags"] == "a%7Cb|50%25"


def test_names_that_differ_in_case_only_are_columns_of_their_own(hub: SmallHub, out: LocalBucket) -> None:
    settle(hub, [track("1", {"Plan": "A", "plan": "b", "": "none", "in": {"X": {"y": [1]}, "x": 2}})])
    (row,) = table(out, export_activity(hub, out))
    assert {name: value for name, value in row.items() if name.startswith("attributes.")} == {
        "attributes.": "none", "attributes.Plan": "A", "attributes.plan": "b",
        "attributes.in.X.y": "1", "attributes.in.x": "2",
    }  # fmt: skip


def test_where_names_are_data_the_deepest_objects_become_maps(
    hub: SmallHub, out: LocalBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("fields", "observing"):
        monkeypatch.setattr(f"footfall.engines.{module}.COLUMNS_MAX", 5)
    settle(hub, [track(str(n), {"plan": "a", "by_id": {f"id-{n}": n}}) for n in range(6)])
    rows = table(out, export_activity(hub, out))
    assert [row["attributes.by_id"] for row in rows] == [f"id-{n}={n}" for n in range(6)]
    assert {row["attributes.plan"] for row in rows} == {"a"}


# --- what is asked -----------------------------------------------------------------------------------------------


def test_dates_are_start_inclusive_and_end_exclusive(hub: SmallHub, out: LocalBucket) -> None:
    instants = (
        "2026-11-19T23:59:59.999999Z",
        "2026-11-20T00:00:00Z",
        "2026-11-20T23:59:59.999999Z",
        "2026-11-21T00:00:00Z",
    )
    settle(hub, [track(str(n), timestamp=at) for n, at in enumerate(instants)])
    start, end = (datetime(2026, 11, day, tzinfo=UTC) for day in (20, 21))
    assert [row["event_id"] for row in table(out, export_activity(hub, out, start=start, end=end))] == ["1", "2"]


def test_only_the_streams_that_are_asked_for_and_all_when_none_is(hub: SmallHub, out: LocalBucket) -> None:
    settle(hub, [track("1")])
    assert table(out, export_activity(hub, out, sources=["other"])) == []
    hub.now += timedelta(hours=1)
    assert len(table(out, export_activity(hub, out, job="b", sources=["web", "other"]))) == 1


def test_without_headers_the_file_is_rows_only_and_verifies(hub: SmallHub, out: LocalBucket) -> None:
    settle(hub, [track("1")])
    (delivered,) = export_activity(hub, out, header=False)
    assert text(out, delivered).startswith("web,1,custom,")
    assert (delivered.rows, findings(out)) == (1, [])


# --- any Unicode ---------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALAR = TEXT | st.integers(-(2**53), 2**53) | st.booleans()


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    user=TEXT.filter(lambda text: text != ""),
    properties=st.dictionaries(TEXT, SCALAR | st.lists(SCALAR, min_size=1, max_size=3), max_size=4),
)
def test_any_text_parses_back_with_the_csv_module(
    tmp_path_factory: pytest.TempPathFactory, user: str, properties: dict[str, object]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    with small_hub(folder) as hub:
        settle(hub, [track("1", {"kept": 1, **properties}, userId=user)])
        out = LocalBucket(folder / "out")
        (delivered,) = export_activity(hub, out)
        (row,) = table(out, [delivered])
    assert row["identify_id"] == user
    for name, value in properties.items():
        told = row["attributes." + name.replace("%", "%25").replace(".", "%2E")]
        if isinstance(value, list):
            assert [unquote(item) for item in told.split("&")] == [_plain(item) for item in value]
        else:
            assert told == _plain(value)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


# --- app events ----------------------------------------------------------------------------------------------------


def lines(bucket: LocalBucket, deliveries: Iterable[WindowDelivery]) -> list[dict[str, object]]:
    return [json.loads(line) for each in deliveries for line in text(bucket, each).split("\n")[:-1]]


def test_an_app_event_has_the_fields_of_the_document_and_a_client_cannot_replace_one(
    hub: SmallHub, out: LocalBucket
) -> None:
    session, event = "69175e43-25d0-47c7-bdec-224e49753e99", "04368795-905C-4875-a4c8-5b266ec5f438"
    settle(hub, [track(event, {"type": "mine", "plan": "é", "kind": 1}, context={"sessionId": session})])
    (line,) = lines(out, export_app_events(hub, out))
    ids = {name: line.pop(name) for name in ("appId", "branchId", "deployId", "actorId")}
    assert all(len(str(each)) == 36 for each in ids.values())
    schema = "/element/event2/session/on-custom.json"
    assert line == {
        "organizationId": "00000000-0000-0000-0000-000000000003", "eventTime": "2026-11-20T15:00:00.000000Z",
        "sessionId": session, "type": "Did", "sourceRuntime": "WEB", "sourceDetail": "EVENT",
        "appEventSchema": schema, "appEventId": event.lower(), "ipAddresses": [], "billingCode": "Journey",
        "kind": "Session", "defaultMetrics": {schema: {event.lower(): {"count": 1}}}, "eventName": "Did", "plan": "é",
    }  # fmt: skip


def test_the_actor_is_the_id_that_the_users_report_gives(hub: SmallHub, out: LocalBucket) -> None:
    settle(hub, [track("1", userId="who, ever")])
    (line,) = lines(out, export_app_events(hub, out))
    (uid,) = hub.people.users(DAY).read_all()["uid"].to_pylist()
    assert line["actorId"] == uid


def test_a_window_without_events_writes_nothing_and_leaves_no_gap(hub: SmallHub, out: LocalBucket) -> None:
    settle(hub, [track("1")])
    assert export_app_events(hub, out, kinds=["Platform"]) == []
    assert list(out.list()) == []
    (first,) = export_app_events(hub, out, job="b")
    settle(hub, [track("2")])
    (second,) = export_app_events(hub, out, job="b")
    assert first.to_seq == second.from_seq
    assert export_app_events(hub, out, job="b") == []
    assert len(SqlWindows(hub.database).all("b")) == 2
    assert findings(out) == []


def test_after_a_long_pause_there_are_several_files_with_every_event_once(hub: SmallHub, out: LocalBucket) -> None:
    settle(hub, day_of_events(DAY))
    delivered = export_app_events(hub, out, events_max=8)
    assert [each.rows for each in delivered] == [8, 8, 5]
    assert delivered[0].key.startswith("app-events/2026/12/01/12/0000000000000008-")
    assert len({line["appEventId"] for line in lines(out, delivered)}) == 21
    assert findings(out) == []


def test_a_missing_window_and_a_doubled_one_are_found(hub: SmallHub, out: LocalBucket) -> None:
    settle(hub, day_of_events(DAY))
    _, second, third = export_app_events(hub, out, events_max=8)
    for key in (second.key, second.manifest_key):
        out.delete(key)
    assert [(each.severity, each.key) for each in findings(out)] == [("warning", third.manifest_key)]
    manifest = json.loads(b"".join(out.open(third.manifest_key)))
    manifest["window"]["from_seq"] = 1
    out.delete(third.manifest_key)
    out.put(third.manifest_key, [json.dumps(manifest).encode()], content_type="application/json")
    assert ("fault", "its window shares") in [(each.severity, each.fault[:17]) for each in findings(out)]


class WriteOnly(LocalBucket):
    """As the document's own policy has it: PutObject and nothing else."""

    def stat(self, key: str) -> Stored:
        raise Refused(f"may not read {key}")

    def open(self, key: str) -> Iterator[bytes]:
        raise Refused(f"may not read {key}")

    def put(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> Stored:
        taken = key in {each.key for each in self.list()}
        stored = super().put(key, chunks, content_type=content_type)
        if taken:
            raise Conflict(f"{key} is taken")
        return stored


def test_a_place_that_may_only_be_written_to_heals_too(hub: SmallHub, tmp_path: Path) -> None:
    class Breaking(WriteOnly, Failing):
        pass

    settle(hub, day_of_events(DAY))
    with pytest.raises(Unavailable):
        export_app_events(hub, Breaking(tmp_path / "out"))
    (delivered,) = export_app_events(hub, WriteOnly(tmp_path / "out"))
    assert (delivered.rows, findings(LocalBucket(tmp_path / "out"))) == (21, [])
