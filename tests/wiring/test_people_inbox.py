"""Folders that bring users and accounts, over a whole Footfall: as jobs, in folders and buckets, told by callback."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import weed
from receivers import Requests, http_server

from footfall.config import load_settings
from footfall.errors import Refused
from footfall.model.authorizations import Authorization
from footfall.model.channels import Channel
from footfall.model.jobs import FileFacts, Job, Run
from footfall.model.policies import Grant, bucket_policy, text, use_of
from footfall.model.remote import Remote
from footfall.model.schedules import Schedule
from footfall.stores.directory import SqlDirectory
from footfall.wiring import Footfall
from footfall.wiring.authorizations import add_authorization
from footfall.wiring.import_undo import undo_import
from footfall.wiring.imports import ledger_of
from footfall.wiring.jobs import add_job, runner_of, slot_of
from footfall.wiring.telling import add_channel, channels_of, outbox_of, send_waiting

KEY = "canary-key-0123456789"
WRITER_ARN = "arn:aws:iam::000000000000:user/writer"
USERS = b"""id,mail,joined,seats,firm
ana,ana@example.com,21/11/2026,3,acme
ben,ben@example.com,soon,4,acme
,nobody@example.com,20/11/2026,1,acme
zoe,zoe@example.com,2/1/2026,5,acme
cem,cem@example.com,2026-11-20,6,acme
"""
MAPPING = {"identifyId": "id", "email": "mail", "signUpDate": "joined", "customAttributes.seats": "seats",
           "accountId": "firm"}  # fmt: skip
ALL = {"entity": "USER", "mapping": MAPPING, "insert_missing": True, "date_format": "dd/MM/yyyy"}


@dataclass
class Turned:
    now: datetime = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Footfall]:
    environment = {"FOOTFALL_TIME_ZONE": "UTC", "FOOTFALL_ALLOW_PRIVATE_ENDPOINTS": "true"}
    with Footfall.open(load_settings(data=tmp_path / "data", environment=environment), clock=Turned()) as hub:
        yield hub


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place" / "current").mkdir(parents=True)
    return tmp_path / "place"


@pytest.fixture
def receiver() -> Iterator[Requests]:
    with http_server() as server:
        yield server


def brought(place: Path, files: dict[str, bytes]) -> None:
    for name, body in {**files, "_SUCCESS": b""}.items():
        (place / "current" / name).write_bytes(body)


def job_of(hub: Footfall, to: Path | str, name: str = "users", authorization: str = "", **options: Any) -> Job:
    now = hub.clock()
    schedule = Schedule("daily", hub.zone, at=time(4))
    return add_job(hub, Job(name, "people_import", str(to), schedule, now, now, options=options,
                            authorization=authorization))  # fmt: skip


def run(hub: Footfall, job: Job) -> Run:
    """Run its newest slot."""
    hub.clock.now += timedelta(hours=1)  # type: ignore[attr-defined]
    return runner_of(hub).run_slot(job.name, slot_of(hub, job, None))


def known(hub: Footfall, entity: str = "user") -> dict[str, dict[str, Any]]:
    directory = SqlDirectory(hub.database, hub.zone, hub.clock)
    found = directory.known(entity, ["ana", "ben", "cem", "zoe", "acme", "bolt"])
    rows = {row[f"{entity}_key"]: json.loads(row["attributes"])
            for row in directory.rows(entity, sorted(found.values())).to_pylist()}  # fmt: skip
    return {id_: rows[key] for id_, key in found.items() if key in rows}


def tree(place: Path) -> list[str]:
    return sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())


def callback(hub: Footfall, receiver: Requests) -> None:
    made = Channel(name="status", kind="callback", url=f"{receiver.url}/status", created_at=hub.clock())
    add_channel(hub, made, {"api_key": KEY})


# --- taking ----------------------------------------------------------------------------------------------------------


def test_good_rows_are_applied_bad_ones_kept_with_line_and_field_and_the_files_moved(hub, place):
    brought(place, {"users.csv": USERS})
    done = run(hub, job_of(hub, place, **ALL))
    assert (done.state, done.files, done.rows, done.error) == ("succeeded", 1, 2, "")
    people = known(hub)
    assert sorted(people) == ["ana", "zoe"]
    assert (people["ana"]["email"], people["ana"]["seats"]) == ("ana@example.com", "3")
    assert [each["signUpDate"] for each in people.values()] == ["2026-11-21T00:00:00.000Z", "2026-01-02T00:00:00.000Z"]
    (one,) = ledger_of(hub).all()
    assert [(bad.line, bad.field, bad.code) for bad in ledger_of(hub).bad_rows(one.id)] == [
        (3, "joined", "bad_type"), (4, "id", "missing_user"), (6, "joined", "bad_type"),
    ]  # fmt: skip
    assert tree(place) == ["processed/_SUCCESS", "processed/users.csv"]


def test_known_users_alone_are_updated_and_a_file_knows_whom_the_one_before_made(hub, place):
    brought(place, {"1.csv": b"id,mail\nana,a@example.com\n", "2.csv": b"id,mail\nana,b@example.com\nzoe,z@x.org\n"})
    job_of(hub, place, "first", entity="USER", mapping={"identifyId": "id"}, insert_missing=True, marker="1.done")
    (place / "current" / "1.done").touch()
    (place / "current" / "2.csv").rename(place / "2.csv")
    run(hub, hub.jobs.get("first"))
    hub.jobs.move("first", "deleted", hub.clock())
    brought(place, {"2.csv": (place / "2.csv").read_bytes()})
    done = run(hub, job_of(hub, place, entity="USER", mapping={"identifyId": "id", "email": "mail"}))
    assert (done.state, done.rows) == ("succeeded", 1)
    assert {id_: told["email"] for id_, told in known(hub).items()} == {"ana": "b@example.com"}


def test_of_two_jobs_on_one_folder_the_later_takes_nothing(hub, place):
    brought(place, {"users.csv": USERS})
    first = job_of(hub, place, "z-first", **ALL)
    hub.clock.now += timedelta(hours=1)
    second = run(hub, job_of(hub, f"{place}/", "a-second", **ALL))
    assert (second.state, second.files, "'z-first'" in second.error) == ("failed", 0, True)
    assert run(hub, first).rows == 2
    assert ledger_of(hub).all(scope="a-second") == []


def test_without_a_mapping_columns_are_called_as_the_fields_and_any_other_is_a_custom_attribute(hub, place):
    brought(place, {"accounts.csv": b"id,name,plan,Health Colour\nacme,Acme,pro,green\n", "more.tsv": b"id\nbolt\n"})
    done = run(hub, job_of(hub, place, entity="ACCOUNT", insert_missing=True))
    assert (done.state, done.rows) == ("succeeded", 2)
    acme = known(hub, "account")["acme"]
    assert (acme["name"], acme["plan"]) == ("Acme", "pro")
    assert "green" in acme.values()


def test_a_folder_that_is_not_ready_is_said_by_a_run_that_succeeded(hub, place):
    (place / "current" / "users.csv").write_bytes(USERS)
    job = job_of(hub, place, **ALL)
    done = run(hub, job)
    assert (done.state, done.files, done.error) == ("succeeded", 0, "")
    assert done.hint == "not ready: current/_SUCCESS is not there, so nothing is taken"
    (place / "current" / "_SUCCESS").write_bytes(b"writing")
    assert "is not empty" in run(hub, job).hint
    assert tree(place) == ["current/_SUCCESS", "current/users.csv"]
    assert hub.jobs.get("users").state != "paused"


def test_a_file_that_cannot_be_read_pauses_the_job_until_somebody_mended_it(hub, place):
    brought(place, {"users.csv": b"who\nana\n", "more.csv": USERS})
    job = job_of(hub, place, **ALL)
    done = run(hub, job)
    assert (done.state, done.rows, hub.jobs.get("users").state) == ("failed", 2, "paused")
    assert "users.csv has no column" in done.error
    assert tree(place) == ["current/_SUCCESS", "current/users.csv", "processed/more.csv"]
    brought(place, {"users.csv": b"id,mail,joined,seats,firm\nben,ben@example.com,,,\n"})
    assert (run(hub, job).state, sorted(known(hub))) == ("succeeded", ["ana", "ben", "zoe"])
    assert tree(place) == ["processed/_SUCCESS", "processed/more.csv", "processed/users.csv"]


def test_what_was_taken_can_be_taken_back(hub, place):
    brought(place, {"users.csv": USERS})
    run(hub, job_of(hub, place, **ALL))
    (one,) = ledger_of(hub).all()
    assert undo_import(hub, one.id)[1] == 2
    assert "email" not in known(hub).get("ana", {})


# --- rehearsing ------------------------------------------------------------------------------------------------------


def rehearsed(hub: Footfall, job: Job) -> list[FileFacts]:
    hub.clock.now += timedelta(hours=1)  # type: ignore[attr-defined]
    return list(runner_of(hub).rehearse(job, slot_of(hub, job, None)))


def test_a_rehearsal_says_what_would_be_taken_and_moved_and_writes_nothing(hub, place):
    (place / "current" / "users.csv").write_bytes(USERS)
    job = job_of(hub, place, **ALL)
    (found,) = rehearsed(hub, job)
    assert (found.key, found.note) == (
        "current/_SUCCESS",
        "not ready: current/_SUCCESS is not there, so nothing is taken",
    )
    brought(place, {})
    before = tree(place)
    file, marker = rehearsed(hub, job)
    assert (file.key, file.rows) == ("current/users.csv", 2)
    assert file.note == "would be moved to processed/users.csv; 3 more rows would be refused"
    assert marker.note == "would be moved to processed/_SUCCESS"
    assert (tree(place), known(hub), ledger_of(hub).all(), hub.sources.all()) == (before, {}, [], [])


def test_a_rehearsal_names_the_file_that_cannot_be_read_and_goes_on(hub, place):
    brought(place, {"1.csv.gz": b"\x1f\x8b cut off", "2.csv": USERS})
    (place / "processed").mkdir()
    (place / "processed" / "2.csv").write_bytes(b"yesterday's")
    bad, good, _ = rehearsed(hub, job_of(hub, place, **ALL))
    assert bad.note.startswith("cannot be read: ")
    assert good.note.startswith("would be moved to processed/2_im")


def test_a_rehearsal_names_the_file_that_lacks_a_column_of_the_mapping(hub, place):
    brought(place, {"1.csv": USERS})
    file, _ = rehearsed(hub, job_of(hub, place, **ALL | {"mapping": {"identifyId": "id", "email": "mial"}}))
    assert file.note == "cannot be read: current/1.csv has no column 'mial'"


# --- a bucket --------------------------------------------------------------------------------------------------------


def test_in_a_bucket_the_permissions_that_are_printed_are_enough_and_the_files_end_in_processed(hub):
    server = weed.server()
    name = server.bucket(f"b-{uuid.uuid4().hex}")
    grant = Grant(place=Remote("s3", name, "px"), use=use_of("people_import"), principal=WRITER_ARN)
    server.client().put_bucket_policy(Bucket=name, Policy=text(bucket_policy(grant, WRITER_ARN)))
    keys = {"access_key_id": weed.WRITER[0], "access_key_secret": weed.WRITER[1]}
    lake = Authorization(name="lake", kind="aws_keys", endpoint_url=server.url, created_at=hub.clock())
    add_authorization(hub, lake, keys)
    job = job_of(hub, f"s3://{name}/px", authorization="lake", **ALL)
    for body in (USERS, USERS + b"ben,ben@example.com,1/1/2026,,\n"):
        for key, content in (("current/", b""), ("current/users.csv", body), ("current/_SUCCESS", b"")):
            server.client().put_object(Bucket=name, Key=f"px/{key}", Body=content)
        assert (run(hub, job).state, hub.jobs.get("users").cause) == ("succeeded", "")
    second = max(ledger_of(hub).all(), key=lambda one: one.applied)
    found = {each["Key"]: each["Size"] for each in server.client().list_objects_v2(Bucket=name)["Contents"]}
    assert found == {
        "px/current/": 0,
        "px/processed/_SUCCESS": 0,
        "px/processed/users.csv": len(USERS),
        f"px/processed/users_{second.id}.csv": second.file.size_bytes,
    }
    assert sorted(known(hub)) == ["ana", "ben", "zoe"]


# --- the callback ----------------------------------------------------------------------------------------------------


def test_each_file_is_told_once_to_the_callback_with_its_key_and_without_data_of_anybody(hub, place, receiver):
    callback(hub, receiver)
    brought(place, {"users.csv": USERS, "wrong.csv": b"who\nana@example.com\n"})
    job = job_of(hub, place, status_channel="status", skip_bad_files=True, **ALL)
    assert run(hub, job).state == "succeeded"
    receiver.statuses = [503, 200]
    send_waiting(hub)
    assert len(outbox_of(hub).all(("waiting",))) == 1
    hub.clock.now += timedelta(minutes=5)
    send_waiting(hub)
    assert {headers["x-api-key"] for _, headers, _ in receiver.got} == {KEY}
    told = {json.loads(body)["file"]: json.loads(body) for _, _, body in receiver.got}
    (one,) = [one for one in ledger_of(hub).all() if one.state == "done"]
    users = told["users.csv"]
    assert {name: users[name] for name in ("type", "job", "object", "moved_to", "import", "status", "rows")} == {
        "type": "footfall.imported", "job": "users", "object": "USER", "moved_to": "processed/users.csv",
        "import": one.id, "status": "partial", "rows": {"read": 5, "applied": 2, "refused": 3},
    }  # fmt: skip
    assert users["errors"] == [
        {"code": "bad_type", "field": "joined", "rows": 2, "first_line": 3},
        {"code": "missing_user", "field": "id", "rows": 1, "first_line": 4},
    ]
    assert (told["wrong.csv"]["status"], told["wrong.csv"]["rows"]["applied"]) == ("failed", 0)
    assert "has no column" in told["wrong.csv"]["error"]
    everything = b"".join(body for _, _, body in receiver.got).decode()
    assert not [word for word in ("@example.com", "soon", "://", str(place)) if word in everything]


def test_a_callback_that_refuses_is_seen_and_undoes_nothing(hub, place, receiver):
    callback(hub, receiver)
    brought(place, {"users.csv": USERS})
    receiver.statuses = [403]
    done = run(hub, job_of(hub, place, status_channel="status", **ALL))
    send_waiting(hub)
    assert done.state == "succeeded"
    assert tree(place) == ["processed/_SUCCESS", "processed/users.csv"]
    (dead,) = outbox_of(hub).all(("dead",))
    assert "403" in dead.error
    assert KEY not in dead.error


def test_a_channel_that_is_gone_costs_no_file(hub, place, receiver):
    callback(hub, receiver)
    brought(place, {"users.csv": USERS})
    job = job_of(hub, place, status_channel="status", **ALL)
    channels_of(hub).delete("status", force=True)
    assert run(hub, job).state == "succeeded"
    assert (tree(place), receiver.got) == (["processed/_SUCCESS", "processed/users.csv"], [])


# --- what could never work -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"entity": "PEOPLE"}, "does not say what its rows are"),
        ({"mapping": {"email": "mail"}}, "no column says which user"),
        ({"mapping": {"identifyId": "id", "favouriteColour": "x"}}, "favouriteColour is no field"),
        ({"mapping": "x"}, "is none|type"),
        ({"date_format": "HH:mm"}, "does not name a day"),
        ({"marker": "../_SUCCESS"}, "cannot be the marker"),
        ({"mapping": {}, "header": False}, "neither a mapping nor a header"),
        ({"status_channel": "nobody"}, "is no channel of kind"),
        ({"prefix": "users_"}, "has no option prefix"),
        ({"insert_missing": "no"}, "insert_missing of job 'users' cannot be 'no'"),
    ],
)
def test_a_job_that_could_never_work_is_refused_when_it_is_made(hub, place, options, said):
    with pytest.raises(Refused, match=said):
        job_of(hub, place, **ALL | options)


def test_a_mail_channel_is_told_no_status(hub, place):
    mail = Channel(name="ops", kind="mail", host="127.0.0.1", sender="h@example.com", created_at=hub.clock())
    add_channel(hub, replace(mail, to=("a@example.com",)), {})
    with pytest.raises(Refused, match="'ops' is no channel of kind callback or webhook"):
        job_of(hub, place, status_channel="ops", **ALL)
