"""Imports as jobs over a whole Footfall: on a schedule, rehearsed, and opened with a private key."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import weed
from pysequoia import Tsk
from small_imports import Turned, import_job, opened, rows, run_due, sealed_for, settings, silent, stored

from footfall.errors import Damaged, Refused
from footfall.flows import import_files
from footfall.model.authorizations import Authorization
from footfall.model.schedules import Schedule
from footfall.wiring import Footfall, imports
from footfall.wiring.authorizations import add_authorization, bucket_at
from footfall.wiring.import_undo import undo_import
from footfall.wiring.imports import Origin, import_now, ledger_of, preview_told
from footfall.wiring.jobs import resume_job, runner_of, slot_of


@pytest.fixture
def clock() -> Turned:
    return Turned()


@pytest.fixture
def hub(tmp_path: Path, clock: Turned) -> Iterator[Footfall]:
    with opened(tmp_path / "data", clock) as hub:
        yield hub


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


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
