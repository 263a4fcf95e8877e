"""Jobs over a whole Footfall: rehearsals leave no trace, and a retry delivers what is missing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from pathlib import Path

import pytest
from small_hub import day_of_events

from footfall.config import load_settings, load_zone
from footfall.errors import Conflict, Refused
from footfall.model.jobs import Job
from footfall.model.schedules import Schedule
from footfall.ports import Batch
from footfall.wiring import Footfall
from footfall.wiring.jobs import add_job, backfill, next_run, runner_of, slot_of
from footfall.wiring.keys import create_key

DAY = date(2026, 11, 20)
REPORTS = ["User_Event_Rollups", "Users", "Account_Event_Rollups"]


@dataclass
class Turned:
    """A clock that is turned by hand."""

    now: datetime = datetime(2026, 11, 19, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Turned:
    return Turned()


@pytest.fixture
def hub(tmp_path: Path, clock: Turned) -> Iterator[Footfall]:
    settings = load_settings(data=tmp_path / "data", environment={"FOOTFALL_TIME_ZONE": "America/New_York"})
    with Footfall.open(settings, clock=clock) as hub:
        create_key(hub, "web", product_key="default", environment="Production", channel="web")
        for day in (DAY, DAY + timedelta(days=1)):
            body = json.dumps({"batch": day_of_events(day)}).encode()
            at = int(datetime(day.year, day.month, day.day, 16, tzinfo=UTC).timestamp() * 1_000_000)
            hub.log.append(Batch(at, "web", "segment", "batch", 18, (), "", "", body))
        hub.settle()
        yield hub


def daily(hub: Footfall, out: Path, **more) -> Job:
    schedule = more.pop("schedule", Schedule("daily", hub.zone, at=wall_time(3)))
    options = {"reports": REPORTS} | more.pop("options", {})
    made = hub.clock()
    return add_job(hub, Job("daily", "rollups", str(out), schedule, made, made, options=options, **more))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*")}


def test_a_job_delivers_each_day_at_three_in_the_subscriptions_zone(hub, clock, tmp_path):
    job = daily(hub, tmp_path / "out")
    assert next_run(hub, job) == datetime(2026, 11, 20, 8, tzinfo=UTC)
    runner = runner_of(hub)
    clock.now = datetime(2026, 11, 22, 8, tzinfo=UTC)
    while runner.once():
        pass
    assert [(run.slot, run.files) for run in reversed(hub.jobs.runs())] == [
        ("2026-11-19", 3), ("2026-11-20", 3), ("2026-11-21", 3),
    ]  # fmt: skip
    assert len(contents(tmp_path / "out")) == 18
    assert {state.revision for state in hub.ledger.days()} == {1}


def test_a_job_without_a_time_of_day_says_that_it_runs_an_interval_after_it_was_done(hub, clock, tmp_path):
    daily(hub, tmp_path / "out", schedule=Schedule("daily", hub.zone))
    runner = runner_of(hub)
    clock.now += timedelta(days=1, hours=7)  # nobody ran it for seven hours
    assert runner.once()
    assert not runner.once()
    said = next_run(hub, hub.jobs.get("daily"))
    assert said == clock.now + timedelta(days=1)
    clock.now = said - timedelta(seconds=1)
    assert not runner.once()
    clock.now = said
    assert runner.once()


def test_a_rehearsal_leaves_no_trace_in_the_place_or_in_the_store(hub, clock, tmp_path):
    job = daily(hub, tmp_path / "out")
    clock.now = datetime(2026, 11, 22, 8, tzinfo=UTC)
    files = list(runner_of(hub).rehearse(job, slot_of(hub, job, "2026-11-20")))
    assert [(file.note, file.size_bytes > 20) for file in files] == [("new", True)] * 3
    assert not (tmp_path / "out").exists()
    assert hub.ledger.day(DAY).revision == 0
    assert hub.jobs.runs() == []
    assert hub.jobs.slots("daily") == []

    run = runner_of(hub).run_slot("daily", slot_of(hub, job, "2026-11-20"))
    assert (run.files, run.rows, run.bytes) == (3, sum(f.rows for f in files), sum(f.size_bytes for f in files))


def test_a_retry_delivers_the_failed_files_only_and_a_backfill_all_of_them(hub, clock, tmp_path):
    out = tmp_path / "out"
    job = daily(hub, out)
    clock.now = datetime(2026, 11, 21, 8, tzinfo=UTC)
    out.mkdir()
    taken = out / "GainsightPX_Account_Event_Rollups_20261121T080000Z.csv.gz"
    taken.write_bytes(b"other bytes")
    runner = runner_of(hub)
    failed = runner.run_slot("daily", slot_of(hub, job, "2026-11-20"))
    assert (failed.state, failed.files) == ("failed", 2)
    assert taken.name in failed.error

    taken.unlink()
    hub.jobs.retry(failed.id, clock())
    while runner.once():
        pass
    retried = hub.jobs.run("daily:2026-11-20:2")
    assert (retried.state, retried.files) == ("succeeded", 1)
    before = contents(out)

    for path in out.glob("*Users_20261121*"):
        path.unlink()  # somebody lost a file, and knows it
    assert backfill(hub, job, DAY, DAY) == ["2026-11-20"]
    while runner.once():
        pass
    assert hub.jobs.run("daily:2026-11-20:3").files == 3
    assert {name: contents(out)[name] for name in before} == before


def test_a_job_in_another_zone_delivers_the_days_that_end_within_its_slots(hub, clock, tmp_path):
    daily(hub, tmp_path / "out", schedule=Schedule("daily", load_zone("Asia/Tokyo"), at=wall_time(6)))
    clock.now = datetime(2026, 11, 22, 8, tzinfo=UTC)
    runner = runner_of(hub)
    while runner.once():
        pass
    assert hub.jobs.get("daily").state == "sleeping"
    assert {state.day for state in hub.ledger.days() if state.revision} == {date(2026, 11, d) for d in (18, 19, 20)}


def test_the_slot_by_default_is_the_newest_that_is_due(hub, clock, tmp_path):
    job = daily(hub, tmp_path / "out")
    clock.now = datetime(2026, 11, 22, 7, 59, tzinfo=UTC)
    assert slot_of(hub, job, None).name == "2026-11-20"
    clock.now += timedelta(minutes=1)
    assert slot_of(hub, job, None).name == "2026-11-21"
    with pytest.raises(Refused, match="has no slot 'tomorrow'"):
        slot_of(hub, job, "tomorrow")


def test_days_that_are_not_over_are_not_backfilled(hub, clock, tmp_path):
    job = daily(hub, tmp_path / "out")
    clock.now = datetime(2026, 11, 22, 8, tzinfo=UTC)
    with pytest.raises(Refused, match="is not over before"):
        backfill(hub, job, DAY, date(2026, 11, 22))
    assert hub.jobs.slots("daily") == []


def test_an_authorization_that_a_job_uses_is_not_deleted(hub, tmp_path):
    from footfall.model.authorizations import Authorization

    made = hub.clock()
    secrets = {"access_key_id": "AKIA0000000000000000", "access_key_secret": "s" * 40}
    hub.authorizations.add(
        Authorization(name="warehouse", kind="aws_keys", region="us-east-1", created_at=made), secrets
    )
    schedule = Schedule("daily", hub.zone, at=wall_time(3))
    add_job(hub, Job("daily", "rollups", "s3://bucket/px", schedule, made, made, authorization="warehouse"))
    with pytest.raises(Conflict, match="daily"):
        hub.authorizations.delete("warehouse")
    hub.jobs.move("daily", "deleted", made)
    hub.authorizations.delete("warehouse")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"format": "avro"}, "no format", id="format"),
        pytest.param({"version": "3.0"}, "3.0", id="version"),
        pytest.param({"fromat": "csv"}, "no option fromat", id="unknown"),
    ],
)
def test_options_that_a_job_cannot_have_are_refused_when_it_is_made(hub, tmp_path, options, said):
    with pytest.raises(Refused, match=said):
        daily(hub, tmp_path / "out", options=options)
    assert hub.jobs.all() == []


def test_a_schedule_of_minutes_is_planned_within_a_moment_after_a_year_of_sleep(hub, clock, tmp_path):
    daily(hub, tmp_path / "out", schedule=Schedule("minutes", hub.zone, every=30), catch_up="latest")
    clock.now += timedelta(days=365)
    began = time.process_time()
    runner_of(hub).plan()
    assert time.process_time() - began < 60
    waiting = hub.jobs.slots("daily", ["waiting"], 10)
    assert [each.slot.due for each in waiting] == [clock.now]
    assert len(hub.jobs.slots("daily", ["skipped"], 100_000)) == 365 * 48
