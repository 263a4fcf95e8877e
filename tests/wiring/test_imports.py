"""Imports over a whole Footfall: by hand, as jobs on a schedule, taken back, and opened with a private key."""

from __future__ import annotations

import tempfile
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import weed
from pysequoia import Tsk

from footfall.codecs import openpgp
from footfall.codecs.openpgp import OpenPgp
from footfall.codecs.openpgp_keys import check_certificate
from footfall.codecs.zip_archive import ZipArchive
from footfall.codecs.zstd_frame import ZstdFrame
from footfall.config import load_settings
from footfall.errors import Damaged, Refused
from footfall.flows import import_files
from footfall.model.authorizations import Authorization
from footfall.model.jobs import Job
from footfall.model.schedules import Schedule
from footfall.ports import Batch
from footfall.sources import parquet_rows
from footfall.wiring import Footfall, imports
from footfall.wiring.authorizations import add_authorization, bucket_at
from footfall.wiring.import_bad_rows import bad_rows_of, write_bad_rows
from footfall.wiring.import_settings import settings_of
from footfall.wiring.import_undo import undo_import
from footfall.wiring.imports import (
    Origin,
    import_now,
    known_before,
    ledger_of,
    listed,
    place_and_file,
    preview_of,
    preview_told,
)
from footfall.wiring.jobs import add_job, resume_job, runner_of, slot_of
from footfall.wiring.profiles import profiles_of

DAY = date(2026, 11, 20)


@dataclass
class Turned:
    """A clock that is turned by hand."""

    now: datetime = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Turned:
    return Turned()


@pytest.fixture
def hub(tmp_path: Path, clock: Turned) -> Iterator[Footfall]:
    environment = {"FOOTFALL_TIME_ZONE": "UTC", "FOOTFALL_ALLOW_PRIVATE_ENDPOINTS": "true"}
    with Footfall.open(load_settings(data=tmp_path / "data", environment=environment), clock=clock) as hub:
        yield hub


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def rows(*numbers: int, day: date = DAY) -> bytes:
    return b"id,at,who\n" + b"".join(b"%d,%sT10:00:00Z,user-%d\n" % (n, str(day).encode(), n) for n in numbers)


def silent(step: str, done: int, total: int | None, unit: str) -> None:
    """Nobody watches."""


def settings(file: str = "crm.csv", **more: Any) -> Any:
    return settings_of({"stream": "crm", "format": "csv", "file": file, "timestamp": "at", **more}, what="this import")


def stored(hub: Footfall, day: date = DAY) -> int:
    return hub.lake.days().get(day, 0)


def import_job(hub: Footfall, place: Path | str, **options: Any) -> Job:
    schedule = options.pop("schedule", None) or Schedule("daily", hub.zone, at=wall_time(4))
    authorization = options.pop("authorization", "")
    told = {"stream": "crm", "format": "csv", "timestamp": "at", **options}
    now = hub.clock()
    return add_job(hub, Job("crm", "import", str(place), schedule, now, now, options=told, authorization=authorization))


def run_due(hub: Footfall) -> list[tuple[str, int, int]]:
    """(state, files, rows) of the runs that this look brings, oldest first."""
    before, runner = len(hub.jobs.runs("crm", 1000)), runner_of(hub)
    while runner.once():
        pass
    new = hub.jobs.runs("crm", 1000)[: len(hub.jobs.runs("crm", 1000)) - before]
    return [(run.state, run.files, run.rows) for run in reversed(new)]


# --- by hand -----------------------------------------------------------------------------------------------------


def test_a_file_becomes_events_of_a_stream_that_it_makes_and_is_applied_once(hub, place):
    (place / "crm.csv").write_bytes(rows(1, 2, 3))
    origin = Origin(url=str(place))
    (done,) = import_now(hub, origin, settings(identify_id="who"), silent)
    assert (done.applied, stored(hub)) == (3, 3)
    assert [source.name for source in hub.sources.all()] == ["crm"]
    assert known_before(hub, origin, settings()) == {done.id}
    assert import_now(hub, origin, settings(), silent) == [done]
    assert stored(hub) == 3


def test_an_import_into_another_stream_is_another_import(hub, place):
    (place / "crm.csv").write_bytes(rows(1, 2))
    for stream in ("crm", "other"):
        import_now(hub, Origin(url=str(place)), settings(stream=stream), silent)
    assert {name: each.stored for name, each in hub.ledger.counts().items()} == {"crm": 2, "other": 2}


def test_all_files_of_a_prefix_are_imported_by_one_command_and_new_ones_by_the_next(hub, place):
    for number in (2, 1):
        (place / f"crm_2026110{number}.csv").write_bytes(rows(number))
    chosen = settings("", prefix="crm_")
    done = import_now(hub, Origin(url=str(place)), chosen, silent)
    assert [each.file.key for each in done] == ["crm_20261101.csv", "crm_20261102.csv"]
    (place / "crm_20261103.csv").write_bytes(rows(3))
    assert len(import_now(hub, Origin(url=str(place)), chosen, silent)) == 3
    assert stored(hub) == 3
    with pytest.raises(Refused, match=r"no file in .* matches 'other_'"):
        import_now(hub, Origin(url=str(place)), settings("", prefix="other_"), silent)


def test_a_command_compares_with_what_the_command_before_it_imported(hub, place):
    for body, applied in ((rows(1, 2, 3), 3), (rows(3, 2, 4), 1), (rows(4), 0)):
        (place / "crm.csv").unlink(missing_ok=True)
        (place / "crm.csv").write_bytes(body)
        (done,) = import_now(hub, Origin(url=str(place)), settings(diff=True), silent)
        assert done.applied == applied


def test_bad_rows_and_what_settling_refuses_are_told_together(hub, place):
    (place / "crm.csv").write_bytes(rows(1) + b"2,soon,x\n3,1980-01-01,x\n4\n")
    (done,) = import_now(hub, Origin(url=str(place)), settings(), silent)
    assert (done.applied, done.bad, stored(hub)) == (2, 2, 1)
    assert [(bad.number, bad.code) for bad in bad_rows_of(hub, done.id)] == [
        (1, "bad_timestamp"), (3, "too_few_fields"), (2, "time_out_of_range"),
    ]  # fmt: skip


def test_what_others_send_with_ids_like_those_of_rows_is_no_bad_row(hub, place):
    (place / "crm.csv").write_bytes(rows(1) + b"3,1980-01-01,x\n")
    (done,) = import_now(hub, Origin(url=str(place)), settings(), silent)
    answers: SimpleQueue[int | Exception] = SimpleQueue()
    for number in ("x", "", "²", "9" * 5_000):
        body = f'[{{"event_id":"{done.id}-{number}"}}]'.encode()
        refused = ((0, "bad_id", "it is no id"),)
        hub.log.submit(Batch(1_790_000_000_000_000, "crm", "native", "batch", 1, refused, "", "", body), answers.put)
        assert isinstance(answers.get(), int)
    hub.settle()
    assert hub.ledger.counts()["crm"].quarantined == 5
    assert [(bad.number, bad.code) for bad in bad_rows_of(hub, done.id)] == [(1, "time_out_of_range")]


def test_bad_rows_are_written_as_they_came_and_can_be_mended_and_imported(hub, place):
    body = b'id;at;note\n1;2026-11-20;a\n2;soon;"b;b"\n3\n4;1980-01-01;d\n'
    (place / "crm.csv").write_bytes(body)
    (done,) = import_now(hub, Origin(url=str(place)), settings(delimiter=";"), silent)
    assert write_bad_rows(hub, done.id, place / "bad.csv") == (3, 0)
    assert (place / "bad.csv").read_text() == 'id;at;note\n2;soon;"b;b"\n3\n4;1980-01-01;d\n'
    with pytest.raises(Refused, match="exists"):
        write_bad_rows(hub, done.id, place / "bad.csv")
    mended = (place / "bad.csv").read_text().replace("soon", "2026-11-20").replace("1980", "2026").replace("3\n", "")
    (place / "mended.csv").write_text(mended)
    assert import_now(hub, Origin(url=str(place)), settings("mended.csv", delimiter=";"), silent)[0].bad == 0
    assert sum(hub.lake.days().values()) == 3


def test_bad_rows_of_json_are_written_without_being_read(hub, place):
    deep = '{"a":' + "[" * 1_900 + "]" * 1_900 + "}"
    bad = ['{"a":1,"a":2}', '{"a":1e400}', '{"a":NaN}', '{"a":"\\ud800"}', "null", deep]
    (place / "crm.json").write_text("\n".join([*bad[:3], '{"a":1}', *bad[3:]]))
    (done,) = import_now(
        hub, Origin(url=str(place)), settings_of({"stream": "crm", "file": "crm.json"}, what="this"), silent
    )
    assert write_bad_rows(hub, done.id, place / "bad.json") == (6, 0)
    assert (place / "bad.json").read_text().splitlines() == bad


def test_bad_rows_of_csv_keep_nothing_and_empty_texts_apart_and_what_looks_like_json(hub, place):
    body = b'id,at,note\n1,2026-11-20,\n2,soon,""\n3,soon,\n,soon,"a ""b"",\n"\n{}\n{"x":1}\n'
    (place / "crm.csv").write_bytes(body)
    (done,) = import_now(hub, Origin(url=str(place)), settings(), silent)
    assert write_bad_rows(hub, done.id, place / "bad.csv") == (5, 0)
    assert (place / "bad.csv").read_bytes() == body.replace(b"1,2026-11-20,\n", b"")


def test_a_bad_row_whose_text_was_not_kept_is_not_written_as_an_empty_one(hub, place):
    far = pa.array([0, 2**62], pa.int64()).cast(pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"id": ["1", "2"], "far": far}), place / "crm.parquet")
    told = settings_of({"stream": "crm", "file": "crm.parquet"}, what="this")
    (done,) = import_now(hub, Origin(url=str(place)), told, silent)
    assert write_bad_rows(hub, done.id, place / "bad.json") == (0, 1)
    assert (place / "bad.json").read_text() == ""


def test_a_column_that_is_to_have_a_meaning_has_to_be_there(hub, place):
    (place / "crm.csv").write_bytes(rows(1))
    with pytest.raises(Refused, match=r"crm.csv has no column 'when'\. It has 3 columns; --preview"):
        import_now(hub, Origin(url=str(place)), settings(timestamp="when"), silent)
    with pytest.raises(Refused, match=r"no column 'at'\. It has 1 columns"):
        import_now(hub, Origin(url=str(place)), settings(fields=["id"]), silent)


def test_a_place_is_listed_with_the_prefix_that_each_name_suggests(hub, place):
    (place / "crm_20261101.csv").write_bytes(rows(1))
    (place / "notes.txt").write_bytes(b"")
    (place / "below").mkdir()
    (place / "below" / "x.csv").write_bytes(b"")
    found = listed(hub, Origin(url=str(place)), "csv", 10)
    assert [(name, prefix) for name, _, _, prefix in found] == [
        ("below/", ""), ("crm_20261101.csv", "crm_"), ("notes.txt", ""),
    ]  # fmt: skip


def test_a_preview_shows_a_packed_file_and_imports_nothing(hub, place):
    packed = b"".join(ZipArchive().encode([rows(1, 2)], name="crm.csv"))
    (place / "crm.dat").write_bytes(packed)
    found = preview_of(hub, Origin(url=str(place)), "crm.dat", "csv", settings().read)
    assert [name for name, _ in found.columns] == ["id", "at", "who"]
    assert len(found.rows) == 2
    assert not (hub.settings.data / "log").exists()


@pytest.mark.parametrize("packed", [True, False])
def test_what_is_too_long_for_memory_is_put_into_the_data_directory(hub, place, monkeypatch, packed):
    table, key = pa.table({"id": ["1", "2"], "at": ["2026-11-20", "2026-11-20"]}), Tsk.generate("Importer")
    pq.write_table(table, place / "crm.parquet")
    if packed:
        (place / "crm.parquet").write_bytes(b"".join(sealed_for(key).encode([(place / "crm.parquet").read_bytes()])))
    (place / "key").write_text(str(key))
    origin = Origin(url=str(place), pgp_private_key=place / "key" if packed else None)
    monkeypatch.setattr(openpgp if packed else parquet_rows, "HELD_BYTES", 1)
    monkeypatch.setattr(tempfile, "tempdir", str(place / "full"))
    assert len(preview_of(hub, origin, "crm.parquet", "parquet", settings().read).rows) == 2
    assert import_now(hub, origin, settings("crm.parquet", format="parquet"), silent)[0].applied == 2


@pytest.mark.parametrize(
    ("url", "place", "file"),
    [
        ("s3://bucket/folder/crm_1.csv.gz", "s3://bucket/folder", "crm_1.csv.gz"),
        ("s3://bucket/crm.csv", "s3://bucket", "crm.csv"),
        ("s3://bucket/folder", "s3://bucket/folder", ""),
        ("s3://bucket/folder.d/", "s3://bucket/folder.d/", ""),
        ("gs:bucket", "gs:bucket", ""),
    ],
)
def test_an_address_is_of_a_folder_or_of_a_file_in_it(url, place, file):
    assert place_and_file(url) == (place, file)


def test_a_local_address_is_of_what_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.csv").mkdir()
    assert place_and_file("folder.csv") == (str(tmp_path / "folder.csv"), "")
    assert place_and_file("new.csv") == (str(tmp_path), "new.csv")


# --- taking back -------------------------------------------------------------------------------------------------


def test_an_import_that_is_taken_back_leaves_its_neighbours_and_its_days_get_a_revision(hub, place):
    (place / "crm.csv").write_bytes(rows(1, 2, 3))
    (place / "more.csv").write_bytes(rows(4) + rows(5, day=DAY + timedelta(days=1))[10:])
    (one,) = import_now(hub, Origin(url=str(place)), settings(), silent)
    import_now(hub, Origin(url=str(place)), settings("more.csv"), silent)
    hub.close_day(DAY)
    undone, dropped = undo_import(hub, one.id)
    assert (undone.state, dropped, stored(hub), stored(hub, DAY + timedelta(days=1))) == ("undone", 3, 1, 1)
    assert hub.close_day(DAY).revision == 2
    with pytest.raises(Refused, match="undone already"):
        undo_import(hub, one.id)
    assert hub.audit.changes(subject=f"import {one.id}", limit=1)[0].action == "import.undo"


def test_after_it_was_taken_back_the_same_file_can_be_imported_again(hub, place):
    (place / "crm.csv").write_bytes(rows(1, 2, 3))
    (one,) = import_now(hub, Origin(url=str(place)), settings(), silent)
    undo_import(hub, one.id)
    (again,) = import_now(hub, Origin(url=str(place)), settings(identify_id="who"), silent)
    assert (again.id != one.id, again.generation, stored(hub)) == (True, 2, 3)


def test_what_the_rows_said_about_people_is_taken_back_too(hub, place):
    for name, plan in (("crm.csv", "free"), ("more.csv", "pro")):
        at = "2026-11-20T10:00:00Z" if plan == "free" else "2026-11-21T10:00:00Z"
        (place / name).write_text(f"who,plan,at\nada,{plan},{at}\n")
    how = {"identify_id": "who", "user": {"plan": "plan"}, "timestamp": "at"}
    import_now(hub, Origin(url=str(place)), settings(**how), silent)
    (one,) = import_now(hub, Origin(url=str(place)), settings("more.csv", **how), silent)
    hub.settle()
    assert profiles_of(hub).get("ada", date(2026, 11, 22)).attributes == {"plan": "pro"}
    undo_import(hub, one.id)
    assert profiles_of(hub).get("ada", date(2026, 11, 22)).attributes == {"plan": "free"}


def test_taking_back_the_last_import_compares_the_next_file_with_the_one_before_it(hub, place):
    done = []
    for body in (rows(1, 2), rows(1, 2, 3), rows(2, 3)):
        (place / "crm.csv").unlink(missing_ok=True)
        (place / "crm.csv").write_bytes(body)
        if len(done) == 2:
            undo_import(hub, done[1].id)
        done += import_now(hub, Origin(url=str(place)), settings(diff=True), silent)
    assert [each.applied for each in done] == [2, 1, 1]


# --- as jobs -----------------------------------------------------------------------------------------------------


def test_a_job_takes_each_day_what_is_new_in_its_row(hub, place, clock):
    import_job(hub, place, prefix="crm_", diff=True)
    (place / "crm_20261123.csv").write_bytes(rows(1, 2))
    assert run_due(hub) == [("succeeded", 1, 2)]
    clock.now += timedelta(days=1)
    assert run_due(hub) == [("succeeded", 0, 0)]
    (place / "crm_20261124.csv").write_bytes(rows(2, 3))
    (place / "crm_20261125.csv").write_bytes(rows(3, 4))
    clock.now += timedelta(days=1)
    assert run_due(hub) == [("succeeded", 2, 2)]
    hub.settle()
    assert stored(hub) == 4


def test_a_job_that_stops_is_paused_with_its_cause_and_goes_on_when_it_is_resumed(hub, place, clock):
    import_job(hub, place, prefix="crm_", on_missing="stop")
    run_due(hub)
    clock.now += timedelta(days=1)
    assert run_due(hub) == [("failed", 0, 0)]
    assert (hub.jobs.get("crm").state, "no next file" in hub.jobs.get("crm").cause) == ("paused", True)
    (place / "crm_20261124.csv").write_bytes(rows(1))
    resume_job(hub, "crm")
    assert run_due(hub) == [("succeeded", 1, 1)]


def test_a_job_that_alerts_is_in_fault_until_the_file_is_there(hub, place, clock):
    import_job(hub, place, prefix="crm_", on_missing="alert", grace=0)
    assert run_due(hub) == [("failed", 0, 0)]
    assert hub.jobs.get("crm").state == "fault"
    (place / "crm_20261123.csv").write_bytes(rows(1))
    clock.now += timedelta(hours=1)
    assert run_due(hub) == [("succeeded", 1, 1)]
    assert hub.jobs.get("crm").state == "sleeping"


def test_a_job_that_runs_once_imports_its_file_and_is_completed(hub, place, clock):
    (place / "crm.csv").write_bytes(rows(1, 2))
    import_job(hub, place, file="crm.csv", schedule=Schedule("once", hub.zone, at=None, start=clock.now))
    assert run_due(hub) == [("succeeded", 1, 2)]
    runner_of(hub).plan()
    assert hub.jobs.get("crm").state == "completed"


@pytest.mark.parametrize("options", [{"header": "no"}, {"delimiter": 5}, {"encoding": ["utf-8"]}])
def test_a_preview_is_refused_for_options_that_cannot_be_before_it_is_made(hub, place, options):
    with pytest.raises(Refused, match="of a preview cannot be"):
        preview_told(hub, str(place), "", "crm.csv", "csv", options)


def test_a_rehearsal_counts_rows_and_applies_none(hub, place):
    (place / "crm_20261123.csv").write_bytes(rows(1, 2) + b"3\n")
    job = import_job(hub, place, prefix="crm_")
    files = list(runner_of(hub).rehearse(job, slot_of(hub, job, None)))
    assert [(file.key, file.rows, file.note) for file in files] == [
        ("crm_20261123.csv", 2, "new; 1 more rows cannot be read")
    ]
    assert ledger_of(hub).all() == []
    assert hub.sources.all() == []


def test_a_rehearsal_is_refused_as_the_run_would_be_where_a_column_is_not_there(hub, place):
    (place / "crm_20261123.csv").write_bytes(rows(1))
    job = import_job(hub, place, prefix="crm_", identify_id="whom")
    with pytest.raises(Refused, match=r"crm_20261123\.csv has no column 'whom'"):
        list(runner_of(hub).rehearse(job, slot_of(hub, job, None)))
    assert run_due(hub) == [("failed", 0, 0)]


def test_a_job_whose_file_cannot_be_read_waits_for_a_person_or_leaves_it_out(hub, place):
    (place / "crm_20261123.csv").write_bytes(b"id,at\n1,soon\n")
    import_job(hub, place, prefix="crm_")
    assert run_due(hub) == [("failed", 0, 0)]
    assert hub.jobs.get("crm").state == "paused"
    assert "bad_timestamp in 'at'" in hub.jobs.get("crm").cause
    assert "soon" not in hub.jobs.get("crm").cause


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "neither a file nor a prefix"),
        ({"file": "crm.csv", "stream": ""}, "names no stream"),
        ({"file": "crm.xml", "format": ""}, "names no format"),
        ({"file": "crm.csv", "format": "xml"}, "no format of files"),
        ({"prefix": "(?=a)"}, "is no pattern"),
        ({"prefix": "crm", "file": "crm_20261101.csv"}, "does not match 'crm_20261101.csv' up to its timestamp"),
        ({"prefix": "crm_", "on_missing": "panic"}, "nothing to do when no file comes"),
        ({"file": "crm.csv", "people": True}, "no column says who"),
        ({"file": "crm.csv", "colour": "blue"}, "has no option colour"),
        ({"file": "crm.csv", "grace": "soon"}, "grace of job 'crm' cannot be 'soon'"),
        ({"file": "crm.csv", "grace": -1}, "grace of job 'crm' cannot be -1"),
        ({"file": "crm.csv", "header": "no"}, "header of job 'crm' cannot be 'no'"),
        ({"file": "crm.csv", "diff": "no"}, "diff of job 'crm' cannot be 'no'"),
        ({"file": "crm.csv", "encoding": ["utf-8"]}, "encoding of job 'crm' cannot be"),
        ({"file": "crm.csv", "identify_id": 5}, "identify_id of job 'crm' cannot be 5"),
        ({"file": "crm.csv", "fields": 5}, "of a type it cannot be"),
    ],
)
def test_a_job_that_could_never_run_is_refused_when_it_is_made(hub, place, options, why):
    with pytest.raises(Refused, match=why):
        import_job(hub, place, **options)


def test_a_job_waits_for_settling_rather_than_fill_the_log_that_clients_write_to(hub, place, monkeypatch):
    monkeypatch.setattr(imports, "UNSETTLED_MAX", 0)
    (place / "crm_20261123.csv").write_bytes(rows(*range(100)))
    import_job(hub, place, prefix="crm_")
    assert hub.log.end() == hub.lake.position()
    thread = threading.Thread(target=run_due, args=(hub,))
    thread.start()
    try:
        while hub.log.end() == hub.lake.position():
            thread.join(0.05)
        thread.join(0.5)
        assert thread.is_alive()
    finally:
        hub.settle()
        thread.join(20)
    assert hub.jobs.runs("crm", 1)[0].state == "succeeded"


def test_an_import_that_a_job_still_reads_is_taken_back_with_all_that_it_gave(hub, place, monkeypatch):
    monkeypatch.setattr(imports, "UNSETTLED_MAX", 0)
    monkeypatch.setattr(import_files, "BODIES_AT_ONCE", 1)
    (place / "crm_20261123.csv").write_bytes(rows(*range(100_000)))
    import_job(hub, place, prefix="crm_")
    assert hub.log.end() == hub.lake.position()
    thread = threading.Thread(target=run_due, args=(hub,))
    thread.start()
    try:
        while not any(each.applied for each in ledger_of(hub).all()):
            thread.join(0.05)
        (one,) = ledger_of(hub).all()
        undone, dropped = undo_import(hub, one.id)
    finally:
        hub.settle()
        thread.join(20)
    assert one.applied < dropped < 100_000
    assert (undone.state, stored(hub)) == ("undone", 0)
    assert (hub.jobs.runs("crm", 1)[0].state, ledger_of(hub).get(one.id).state) == ("failed", "undone")


def test_a_job_by_another_process_than_the_one_that_holds_the_log_is_left_to_that_one(hub, place, clock, tmp_path):
    (place / "crm_20261123.csv").write_bytes(rows(1))
    import_job(hub, place, prefix="crm_")
    assert hub.log
    with Footfall.open(hub.settings, clock=clock) as other:
        assert run_due(other) == [("failed", 0, 0)]
        assert "A server that runs there" in other.jobs.runs("crm", 1)[0].hint
    clock.now += timedelta(minutes=1)
    assert run_due(hub) == [("succeeded", 1, 1)]


# --- buckets and keys --------------------------------------------------------------------------------------------


@pytest.fixture
def bucket(hub) -> str:
    """A bucket with an authorization ``drop`` for it."""
    server = weed.server()
    name = server.bucket(f"b-{uuid.uuid4().hex}")
    key = Tsk.generate("Importer")
    add_authorization(
        hub,
        Authorization(name="drop", kind="aws_keys", created_at=hub.clock(), endpoint_url=server.url, pgp="decrypt"),
        {"access_key_id": weed.ADMIN[0], "access_key_secret": weed.ADMIN[1], "pgp_private_key": str(key)},
    )
    hub.sealed = sealed_for(key)
    return f"s3://{name}/drop"


def sealed_for(key: Tsk) -> OpenPgp:
    at = datetime.now(UTC) + timedelta(hours=1)
    return OpenPgp(ZstdFrame(), [check_certificate(bytes(key.extract_certificate()), at)])


def test_a_job_imports_encrypted_files_from_a_bucket_with_the_key_of_its_authorization(hub, bucket):
    place = bucket_at(hub, bucket, "drop")
    place.put("crm_20261123.csv", hub.sealed.encode([rows(1, 2, 3)]), content_type="")
    import_job(hub, bucket, prefix="crm_", authorization="drop")
    assert run_due(hub) == [("succeeded", 1, 3)]
    hub.settle()
    assert stored(hub) == 3


def test_of_an_encrypted_file_that_was_tampered_with_no_row_is_applied(hub, bucket):
    whole = b"".join(hub.sealed.encode([rows(*range(50_000))]))
    broken = whole[:-200] + bytes([whole[-200] ^ 1]) + whole[-199:]
    bucket_at(hub, bucket, "drop").put("crm.csv.pgp", [broken], content_type="")
    with pytest.raises(Damaged):
        import_now(hub, Origin(url=bucket, authorization="drop"), settings("crm.csv.pgp"), silent)
    hub.settle()
    assert stored(hub) == 0


def test_without_the_key_an_encrypted_file_is_refused_with_what_to_do(hub, place):
    (place / "crm.csv.pgp").write_bytes(b"".join(sealed_for(Tsk.generate("Nobody")).encode([rows(1)])))
    with pytest.raises(Refused, match=r"encrypted with OpenPGP\. Use an authorization"):
        import_now(hub, Origin(url=str(place)), settings("crm.csv.pgp"), silent)
