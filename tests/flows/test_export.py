"""Delivering a day: what lies in the bucket, in which order it came there, and what a second run does."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from small_hub import SOME, SmallHub, day_of_events, findings, small_hub

from footfall.buckets.local import LocalBucket
from footfall.errors import Conflict
from footfall.model.manifest import Manifest
from footfall.model.reports import catalogue
from footfall.ports import Stored

DAY = date(2026, 11, 20)
NEXT = DAY + timedelta(days=1)
STEM = "GainsightPX_User_Event_Rollups_20261121T080000Z"


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub that knows a day, closed; each test has a copy of its own."""
    folder = tmp_path_factory.mktemp("learned")
    with small_hub(folder / "hub") as hub:
        hub.accept(day_of_events(DAY))
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


def contents(bucket: LocalBucket) -> dict[str, bytes]:
    return {each.key: b"".join(bucket.open(each.key)) for each in bucket.list()}


def manifest(bucket: LocalBucket, stem: str = STEM, format: str = "csv") -> Manifest:
    return Manifest.from_json(b"".join(bucket.open(f"{stem}.{format}.manifest.json")))


class Diary(LocalBucket):
    """A folder that notes what was put; ``fail_at`` breaks the n-th put before or after it is done."""

    def __init__(self, root: Path, fail_at: int = -1, after: bool = False) -> None:
        super().__init__(root)
        self.keys: list[str] = []
        self._fail_at, self._after = fail_at, after

    def put(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> Stored:
        number = len(self.keys)
        self.keys.append(key)
        if number == self._fail_at and not self._after:
            raise ConnectionError
        stored = super().put(key, chunks, content_type=content_type)
        if number == self._fail_at:
            raise ConnectionError
        return stored


def test_every_report_is_a_data_file_and_a_manifest_that_fit(hub: SmallHub, out: LocalBucket) -> None:
    deliveries = hub.export(DAY, out, None)
    assert len(deliveries) == len(catalogue("2.0")) == 22
    assert len(contents(out)) == 44
    assert findings(out) == []


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("format", ["csv", "json", "xml"])
def test_each_version_and_format_can_be_verified(hub: SmallHub, out: LocalBucket, version: str, format: str) -> None:
    deliveries = hub.export(DAY, out, None, version=version, format=format)
    assert {each.report for each in deliveries} == {report.name for report in catalogue(version)}
    assert findings(out) == []


def test_the_names_come_from_the_hour_the_day_was_due(hub: SmallHub, out: LocalBucket) -> None:
    [delivery] = hub.export(DAY, out, ["User_Event_Rollups"])
    assert (delivery.key, delivery.manifest_key) == (f"{STEM}.csv.gz", f"{STEM}.csv.manifest.json")


def test_the_manifest_says_what_was_delivered(hub: SmallHub, out: LocalBucket) -> None:
    state = hub.close_day(DAY)
    hub.export(DAY, out, ["User_Event_Rollups"])
    found = manifest(out)
    stored = contents(out)[f"{STEM}.csv.gz"]
    text = gzip.decompress(stored)
    header, *rows = csv.reader(io.StringIO(text.decode()))
    [file] = found.files
    assert (file.rows, file.size_bytes, file.plain_bytes) == (len(rows), len(stored), len(text))
    assert file.sha256 == hashlib.sha256(stored).hexdigest()
    assert file.plain_sha256 == hashlib.sha256(text).hexdigest()
    assert [name for name, _ in found.columns] == header
    assert found.rows > 0
    assert (found.start, found.end) == (datetime(2026, 11, 20, 5, tzinfo=UTC), datetime(2026, 11, 21, 5, tzinfo=UTC))
    assert found.scheduled_at == datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert (found.log_position, found.sealed_at, found.revision) == (state.position, state.sealed_at, 1)
    assert (found.codec, found.time_zone, found.tzdata_version) == ("gzip", "America/New_York", "2026.6")


def test_events_of_nobody_are_counted_as_excluded(hub: SmallHub, out: LocalBucket) -> None:
    hub.accept([{"type": "page", "anonymousId": "v-1", "messageId": "anon", "timestamp": f"{DAY}T16:00:00Z"}])
    hub.accept([{"type": "page", "userId": "alone", "messageId": "alone", "timestamp": f"{DAY}T16:00:00Z"}])
    hub.settle()
    hub.export(DAY, out)
    users = manifest(out)
    accounts = manifest(out, STEM.replace("User_", "Account_"))
    people = manifest(out, STEM.replace("User_Event_Rollups", "Users"))
    assert dict(users.excluded) == {"no_user": 1}
    assert dict(accounts.excluded) == {"no_user": 1, "no_account": 1}
    assert dict(people.excluded) == {}


def test_each_manifest_comes_after_its_data_file(hub: SmallHub, tmp_path: Path) -> None:
    diary = Diary(tmp_path / "out")
    hub.export(DAY, diary)
    manifests = [key for key in diary.keys if key.endswith(".manifest.json")]
    assert len(manifests) == len(diary.keys) / 2
    for described in manifests:
        data = described.removesuffix(".manifest.json") + ".gz"
        assert diary.keys.index(data) < diary.keys.index(described)


@pytest.mark.parametrize("format", ["csv", "json", "xml"])
def test_a_day_without_events_is_delivered_as_empty(hub: SmallHub, out: LocalBucket, format: str) -> None:
    hub.export(NEXT, out, ["User_Event_Rollups", "Feedback_Responses"], format=format)
    stem = STEM.replace("20261121", "20261122")
    text = gzip.decompress(contents(out)[f"{stem}.{format}.gz"])
    expected = {"csv": text[:5] + b"", "json": b"", "xml": b"<?xml"}[format]
    assert text[:5] == expected
    assert manifest(out, stem, format).rows == 0
    assert findings(out) == []


def test_running_again_writes_the_same_bytes_and_succeeds(hub: SmallHub, out: LocalBucket) -> None:
    first = hub.export(DAY, out)
    before = contents(out)
    hub.now += timedelta(days=3)
    assert hub.export(DAY, out) == first
    assert contents(out) == before


def test_a_folder_that_was_emptied_is_filled_with_the_same_bytes(hub: SmallHub, out: LocalBucket) -> None:
    hub.export(DAY, out)
    before = contents(out)
    for key in before:
        out.delete(key)
    hub.export(DAY, out)
    assert contents(out) == before


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(2 * 3))
def test_a_delivery_that_broke_off_is_finished_by_the_next_run(
    hub: SmallHub, tmp_path: Path, number: int, after: bool
) -> None:
    wanted = SOME[:3]
    whole = LocalBucket(tmp_path / "whole")
    hub.export(DAY, whole, wanted)
    with pytest.raises(ConnectionError):
        hub.export(DAY, Diary(tmp_path / "out", number, after), wanted)
    out = LocalBucket(tmp_path / "out")
    hub.export(DAY, out, wanted)
    assert contents(out) == contents(whole)
    assert findings(out) == []


def test_late_events_are_delivered_as_a_revision_that_names_what_it_replaces(hub: SmallHub, out: LocalBucket) -> None:
    hub.export(DAY, out)
    first = contents(out)
    for revision in (2, 3):
        hub.accept(day_of_events(DAY, users=revision + 2, mark=f"-{revision}"))
        hub.settle()
        assert {each.revision for each in hub.export(DAY, out)} == {revision}
    found = manifest(out, f"{STEM}_r3")
    assert found.revision == 3
    assert found.supersedes is not None
    assert found.supersedes.name == f"{STEM}_r2.csv.manifest.json"
    assert found.supersedes.sha256 == hashlib.sha256(contents(out)[found.supersedes.name]).hexdigest()
    assert first.items() <= contents(out).items(), "what was delivered once stays as it was"
    assert findings(out) == []
    again = contents(out)
    hub.export(DAY, out)
    assert contents(out) == again, "also a later revision is the same on every run"


def test_a_revision_follows_the_last_one_delivered_there(hub: SmallHub, out: LocalBucket, tmp_path: Path) -> None:
    hub.export(DAY, out, ["User_Event_Rollups"])
    for _ in range(2):  # revision 2 goes elsewhere only
        hub.ledger.reopen(DAY)
        hub.export(DAY, LocalBucket(tmp_path / "elsewhere"), ["User_Event_Rollups"])
    hub.export(DAY, out, ["User_Event_Rollups"])
    found = manifest(out, f"{STEM}_r3")
    assert found.supersedes is not None
    assert found.supersedes.name == f"{STEM}.csv.manifest.json"
    assert findings(out) == []
    elsewhere = manifest(LocalBucket(tmp_path / "elsewhere"), f"{STEM}_r2")
    assert elsewhere.supersedes is None


def test_a_crash_between_manifest_and_ledger_does_not_break_the_chain(
    hub: SmallHub, out: LocalBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(hub.ledger, "deliver", dies)
        with pytest.raises(ConnectionError):
            hub.export(DAY, out, ["User_Event_Rollups"])
    hub.accept(day_of_events(DAY, users=5, mark="-late"))
    hub.settle()
    hub.export(DAY, out, ["User_Event_Rollups"])
    found = manifest(out, f"{STEM}_r2")
    assert found.supersedes is not None
    assert found.supersedes.name == f"{STEM}.csv.manifest.json"
    assert findings(out) == []


def test_a_name_taken_by_other_bytes_is_a_conflict_that_says_what_to_do(hub: SmallHub, out: LocalBucket) -> None:
    out.put(f"{STEM}.csv.gz", [b"somebody else's"], content_type="application/gzip")
    with pytest.raises(Conflict, match="footfall days reopen 2026-11-20"):
        hub.export(DAY, out, ["User_Event_Rollups"])


def test_both_versions_fit_into_one_folder_and_stay_where_they_were(hub: SmallHub, out: LocalBucket) -> None:
    for version in ("1.0", "2.0", "1.0", "2.0"):
        hub.export(DAY, out, ["User_Event_Rollups", "User_Engagement_Clicks"], version=version)
    clicks = STEM.replace("User_Event_Rollups", "User_Engagement_Clicks")
    assert manifest(out).version == "1.0"
    assert manifest(out, f"v2.0/{STEM}").version == "2.0"
    assert manifest(out, f"v2.0/{clicks}").version == "2.0", "a report that only 2.0 has lies with the others"

    hub.accept(day_of_events(DAY, users=5, mark="-late"))
    hub.settle()
    for version in ("2.0", "1.0"):
        hub.export(DAY, out, ["User_Event_Rollups"], version=version)
    assert manifest(out, f"{STEM}_r2").version == "1.0"
    assert manifest(out, f"v2.0/{STEM}_r2").version == "2.0"
    assert len(contents(out)) == 10
    assert findings(out) == []


def test_a_manifest_by_an_older_writer_stays_when_the_delivery_is_the_same(
    hub: SmallHub, out: LocalBucket, tmp_path: Path
) -> None:
    hub.export(DAY, out, ["User_Event_Rollups"])
    before = contents(out)
    with small_hub(tmp_path / "restored") as restored:  # knows nothing of the first delivery
        restored.now = hub.now + timedelta(days=1)
        restored.accept(day_of_events(DAY))
        restored.settle()
        [delivery] = restored.export(DAY, out, ["User_Event_Rollups"], writer="footfall newer")
        known = restored.ledger.delivered(out.url, "User_Event_Rollups", "2.0", "csv", DAY)
    assert contents(out) == before
    assert known is not None
    assert known.manifest_sha256 == hashlib.sha256(before[delivery.manifest_key]).hexdigest()


def test_formats_lie_beside_each_other(hub: SmallHub, out: LocalBucket) -> None:
    for each in ("csv", "json", "xml"):
        hub.export(DAY, out, format=each)
    assert findings(out) == []
    assert len(contents(out)) == 3 * 2 * len(SOME)


def test_the_ledger_knows_every_delivery(hub: SmallHub, out: LocalBucket) -> None:
    hub.export(DAY, out)
    for report in SOME:
        known = hub.ledger.delivered(out.url, report, "2.0", "csv", DAY)
        assert known is not None
        assert known.manifest_sha256 == hashlib.sha256(contents(out)[known.manifest_key]).hexdigest()


def test_json_rows_are_those_of_csv(hub: SmallHub, out: LocalBucket) -> None:
    for each in ("csv", "json"):
        hub.export(DAY, out, ["User_Custom_Event_Rollups"], format=each)
    stem = STEM.replace("Event", "Custom_Event")
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(contents(out)[f"{stem}.csv.gz"]).decode())))
    objects = [json.loads(line) for line in gzip.decompress(contents(out)[f"{stem}.json.gz"]).splitlines()]
    assert [{name: str(value) for name, value in row.items()} for row in objects] == [
        {name: value for name, value in row.items() if value != ""} for row in rows
    ]
