"""Every kind of job encrypts to the key of its authorization; gpg reads every file, and ``verify`` every text."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pysequoia
import pytest
from gpg import PASSPHRASE, Gpg, needs_gpg
from small_hub import day_of_events

from footfall.buckets.local import LocalBucket
from footfall.config import load_settings
from footfall.errors import Denied, Refused
from footfall.model.authorizations import Authorization
from footfall.model.jobs import Job
from footfall.model.schedules import Schedule
from footfall.ports import Batch, Stored
from footfall.wiring import Footfall, verify_authorized, verify_place
from footfall.wiring.authorizations import add_authorization, bucket_at
from footfall.wiring.jobs import add_job, deliverers, runner_of, slot_of
from footfall.wiring.keys import create_key

DAY = date(2026, 11, 20)
AT = datetime(2026, 11, 21, 8, tzinfo=UTC)
KINDS = {"rsa@pgp": ("rsa3072", "rsa3072"), "curve@pgp": ("ed25519", "cv25519")}
# Of every kind of job what it may look like inside.
JOBS = {
    "reports": ("rollups", {"reports": ["Users", "User_Event_Rollups"]}),
    "events": ("activity", {"compression": "zip"}),
    "bare": ("activity", {"header": False, "compression": "none", "name": "bare-{TIMESTAMP}"}),
    "stream": ("app_events", {"compression": "none"}),
    "people": ("audience", {"format": "multi-csv", "compression": "zip", "fields": ["identifyId", "anonymousIds"]}),
    "lake": ("rollups", {"format": "parquet", "reports": ["Users"], "key": "hive"}),
    "event-table": ("activity", {"format": "parquet", "key": "hive"}),
    "stream-table": ("app_events", {"format": "parquet"}),
    "table": ("audience", {"format": "parquet", "name": "table-{TIMESTAMP}"}),
}
# Users, events of activity, events of the stream.
ROWS = {"lake": 3, "event-table": 21, "table": 3}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Footfall]:
    settings = load_settings(data=tmp_path / "data", environment={"FOOTFALL_TIME_ZONE": "America/New_York",
                             "FOOTFALL_SESSION_MINUTES": "0"})  # fmt: skip
    now = [AT - timedelta(days=1)]
    with Footfall.open(settings, clock=lambda: now[0]) as hub:
        create_key(hub, "web", product_key="default", environment="Production", channel="web")
        body = json.dumps({"batch": day_of_events(DAY)}).encode()
        at = int(datetime(2026, 11, 20, 16, tzinfo=UTC).timestamp() * 1_000_000)
        hub.log.append(Batch(at, "web", "segment", "batch", 18, (), "", "", body))
        hub.settle()
        now[0] = AT
        yield hub


@pytest.fixture(scope="module")
def gpg() -> Iterator[Gpg]:
    program = Gpg()
    for name, kinds in KINDS.items():
        program.make(name, *kinds)
    yield program
    program.close()


def authorization(hub: Footfall, name: str, **settings: str) -> None:
    secrets = {key: settings.pop(key) for key in list(settings) if key in ("pgp_public_key", "pgp_private_key",
                                                                          "pgp_passphrase")}  # fmt: skip
    made = datetime.now(UTC)  # gpg makes keys now
    add_authorization(hub, Authorization(name=name, kind="ambient", created_at=made, **settings), secrets)


def run(hub: Footfall, name: str, to: Path, **more: str) -> list[str]:
    kind, options = JOBS[name]
    schedule = Schedule("daily", hub.zone, at=datetime.min.time().replace(hour=3))
    made = AT - timedelta(days=2)
    job = add_job(hub, Job(name, kind, str(to), schedule, made, made, options=options, **more))
    done = runner_of(hub).run_slot(name, slot_of(hub, job, DAY.isoformat()))
    assert done.state == "succeeded", done.error
    return sorted(str(path.relative_to(to)) for path in to.rglob("*") if path.is_file())


@needs_gpg
@pytest.mark.parametrize("name", KINDS)
def test_gpg_reads_every_file_of_every_kind_of_job(hub: Footfall, gpg: Gpg, tmp_path: Path, name: str) -> None:
    assert {kind for kind, _ in JOBS.values()} == set(deliverers(hub)) - {"import", "people_import"}
    now = datetime.now(UTC) + timedelta(hours=1)
    hub.clock = lambda: now
    authorization(hub, "sealed", pgp="encrypt", pgp_public_key=gpg.public(name).decode())
    authorization(
        hub, "opened", pgp="decrypt", pgp_private_key=gpg.private(name).decode(), pgp_passphrase=PASSPHRASE
    )  # fmt: skip
    texts: dict[str, bytes] = {}
    for job in JOBS:
        to = tmp_path / "out" / job
        for path in run(hub, job, to, authorization="sealed"):
            stored = (to / path).read_bytes()
            if path.endswith(".manifest.json"):
                manifest = json.loads(stored)
                assert manifest["codec"].endswith("+openpgp")
                assert {file["plain_sha256"] for file in manifest["files"]} == {None}
            else:
                assert path.endswith(".pgp")
                texts[f"{job}/{path.rpartition('/')[2]}"] = gpg.decrypt(stored)
        sealed = verify_place(str(to), None, silent)
        checked = verify_authorized(hub, "opened", str(to), silent)
        assert (sealed.findings, sealed.sealed) == ([], sealed.files)
        assert (checked.findings, checked.sealed, checked.files) == ([], 0, sealed.files)
    read(texts)


def read(texts: dict[str, bytes]) -> None:
    """Each text is what a reader without encryption would have got."""
    ids = [event["messageId"] for event in day_of_events(DAY)]
    by_job = {job: [texts[key] for key in sorted(texts) if key.startswith(f"{job}/")] for job in JOBS}
    assert [text[:2] for text in by_job["reports"]] == [b"\x1f\x8b"] * 2
    [events] = [unzipped(text) for text in by_job["events"]]
    [(name, table)] = events.items()
    assert (name.endswith(".csv"), [row["event_id"] for row in rows(table)]) == (True, ids)
    assert by_job["bare"][0].startswith(b"web,")
    assert all(json.loads(line)["kind"] == "Session" for line in by_job["stream"][0].splitlines())
    parts = [next(iter(unzipped(text).values())) for text in by_job["people"]]
    assert sorted(len(rows(part)) for part in parts) == [0, 3]
    events_of_stream = len(by_job["stream"][0].splitlines())
    for job, expected in (ROWS | {"stream-table": events_of_stream}).items():
        assert sum(pq.read_table(io.BytesIO(text)).num_rows for text in by_job[job]) == expected, job


def unzipped(stored: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(stored)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def rows(table: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.decode(), newline="")))


def silent(step: str, done: int, total: int | None, unit: str) -> None:
    pass


@pytest.mark.parametrize("name", JOBS)
def test_a_job_that_could_not_write_its_files_is_refused_when_it_is_made(hub: Footfall, name: str) -> None:
    kind, options = JOBS[name]
    schedule = Schedule("daily", hub.zone, at=datetime.min.time().replace(hour=3))
    with pytest.raises(Refused):
        add_job(hub, Job(name, kind, "out", schedule, AT, AT, options=options | {"compression": "rar"}))
    key = pysequoia.Tsk.generate("Warehouse")
    made = hub.clock
    hub.clock = lambda: datetime.now(UTC) + timedelta(hours=1)
    authorization(hub, "sealed", pgp="encrypt", pgp_public_key=str(key.extract_certificate()))
    hub.clock = made  # at which the key was not valid yet
    with pytest.raises(Refused, match="not valid before"):
        add_job(hub, Job(name, kind, "out", schedule, AT, AT, options=options, authorization="sealed"))
    assert hub.jobs.all() == []


# --- servers that somebody names -----------------------------------------------------------------

ELSEWHERE = "https://s3.elsewhere.example"


@pytest.mark.parametrize("name", JOBS)
def test_a_job_at_another_server_needs_an_authorization_for_it(hub: Footfall, tmp_path: Path, name: str) -> None:
    kind, options = JOBS[name]
    schedule = Schedule("daily", hub.zone, at=datetime.min.time().replace(hour=3))
    job = Job(name, kind, "s3://bucket/f", schedule, AT, AT, options=options | {"endpoint_url": ELSEWHERE})
    with pytest.raises(Refused, match="without an authorization"):
        add_job(hub, job)
    assert hub.jobs.all() == []
    # One that was made before there was this rule does not run.
    hub.jobs.add(job, AT - timedelta(days=2))
    done = runner_of(hub).run_slot(name, slot_of(hub, job, DAY.isoformat()))
    assert "without an authorization" in done.error
    assert hub.jobs.get(name).state == "paused"


def test_the_servers_of_an_authorization_and_of_a_person_at_the_machine_are_taken(hub: Footfall) -> None:
    hub.authorizations.add(
        Authorization(name="theirs", kind="ambient", endpoint_url=ELSEWHERE, created_at=AT), {}
    )  # fmt: skip
    assert bucket_at(hub, "s3://bucket/f", "theirs", ELSEWHERE).url
    assert bucket_at(hub, "s3://bucket/f", None, "http://127.0.0.1:9", own_shell=True).url
    with pytest.raises(Refused, match="not for"):
        bucket_at(hub, "s3://bucket/f", "theirs", "https://other.example", own_shell=True)
    with pytest.raises(Refused, match="without an authorization"):
        bucket_at(hub, "s3://bucket/f", None, ELSEWHERE)


def test_a_folder_that_is_closed_says_nothing_of_the_authorization_that_encrypts(hub, tmp_path, monkeypatch):
    def denied(*_: object, **__: object) -> Stored:
        raise Denied("out/a: Permission denied")

    key = pysequoia.Tsk.generate("Ours")
    hub.clock = lambda: datetime.now(UTC) + timedelta(hours=1)
    authorization(hub, "ours", pgp="encrypt", pgp_public_key=str(key.extract_certificate()))
    monkeypatch.setattr(LocalBucket, "put", denied)
    with pytest.raises(AssertionError, match="Permission denied"):
        run(hub, "reports", tmp_path / "out", authorization="ours")
    assert hub.jobs.get("reports").state == "paused"
    assert hub.authorizations.get("ours").status == "untested"
