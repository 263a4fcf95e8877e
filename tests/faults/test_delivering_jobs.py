"""Jobs that deliver to a real server which fails: caught up in order, once, and without hammering."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import weed
from fault_proxy import Fault, FaultProxy
from small_hub import day_of_events, findings

from footfall.buckets.places import Access, open_place
from footfall.config import load_settings
from footfall.flows.run_jobs import LEASE, Runner
from footfall.model.authorizations import Authorization
from footfall.model.jobs import Job
from footfall.model.schedules import Schedule
from footfall.ports import Batch
from footfall.wiring import Footfall
from footfall.wiring.authorizations import add_authorization
from footfall.wiring.jobs import add_job, runner_of, slot_of
from footfall.wiring.keys import create_key

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FIRST = date(2026, 11, 19)
BEGAN = datetime(2026, 11, 19, 12, tzinfo=UTC)
REPORTS = ["User_Event_Rollups", "Users"]


@dataclass
class Turned:
    """A clock that is turned by hand; whoever asks it is a moment later than who asked before."""

    now: datetime = BEGAN

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now


@dataclass
class Hub:
    """A Footfall whose jobs deliver through a proxy that can fail, by a clock that is turned by hand."""

    real: Footfall
    clock: Turned
    proxy: FaultProxy
    bucket: str

    def add(self, name: str = "daily", kind: str = "rollups", key: tuple[str, str] = weed.ADMIN, **more: Any) -> Job:
        if name not in {each.name for each in self.real.authorizations.all()}:
            made = Authorization(
                name=name, kind="aws_keys", region="us-east-1", endpoint_url=self.proxy.url, created_at=self.clock()
            )
            add_authorization(self.real, made, {"access_key_id": key[0], "access_key_secret": key[1]})
        schedule = more.pop("schedule", Schedule("daily", self.real.zone, at=wall_time(3)))
        options = {"reports": REPORTS} if kind == "rollups" else {}
        job = Job(name, kind, f"s3://{self.bucket}/{name}", schedule, self.clock(), self.clock(),
                  authorization=name, options=options, **more)  # fmt: skip
        return add_job(self.real, job)

    def runner(self) -> Runner:
        return runner_of(self.real)

    def pass_time(self, length: timedelta, step: timedelta = 20 * MINUTE) -> None:
        runner, end = self.runner(), self.clock.now + length
        while self.clock.now < end:
            while runner.once():
                pass
            self.clock.now = min(self.clock.now + step, end)

    def delivered(self, name: str = "daily") -> list[str]:
        """Slots that were delivered, in the order in which they were."""
        runs = [each for each in self.real.jobs.runs(name, 10_000) if each.state == "succeeded"]
        return [each.slot for each in sorted(runs, key=lambda run: run.begun_at)]

    def stored(self, name: str = "daily") -> dict[str, str]:
        listed = weed.server().client().list_objects_v2(Bucket=self.bucket, Prefix=f"{name}/")
        return {each["Key"]: each["ETag"] for each in listed.get("Contents", ())}

    def sound(self, name: str = "daily") -> None:
        place = open_place(f"s3://{self.bucket}/{name}", Access(*weed.ADMIN), endpoint_url=weed.server().url)
        assert findings(place) == []


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr("footfall.buckets.clients.TRIES", 2)


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    proxy = FaultProxy(weed.server().url)
    yield proxy
    proxy.close()


@pytest.fixture
def hub(tmp_path: Path, proxy: FaultProxy) -> Iterator[Hub]:
    settings = load_settings(
        data=tmp_path / "data",
        environment={"FOOTFALL_TIME_ZONE": "America/New_York", "FOOTFALL_ALLOW_PRIVATE_ENDPOINTS": "true"},
    )
    clock = Turned()
    with Footfall.open(settings, clock=clock) as real:
        create_key(real, "web", product_key="default", environment="Production", channel="web")
        for number in range(3):
            day = FIRST + number * DAY
            body = json.dumps({"batch": day_of_events(day)}).encode()
            at = int(datetime(day.year, day.month, day.day, 16, tzinfo=UTC).timestamp() * 1_000_000)
            real.log.append(Batch(at, "web", "segment", "batch", 18, (), "", "", body))
        real.settle()
        yield Hub(real, clock, proxy, weed.server().bucket(f"b-{uuid.uuid4().hex}"))


def days(count: int) -> list[str]:
    return [str(FIRST + number * DAY) for number in range(count)]


DOWN = Fault("", "reset", 1_000_000)


# --- the place is down -----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("outage", "answers"),
    [
        pytest.param(25 * HOUR, True, id="25 hours"),
        pytest.param(8 * DAY, False, id="nobody is there for 8 days"),
    ],
)
def test_a_bucket_that_is_down_loses_nothing_and_is_caught_up_with_in_order_without_a_crowd(
    hub: Hub, outage: timedelta, answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every attempt counts a day; with an hour, as tests/flows has it, this would take minutes.
    pause = 12 * HOUR
    monkeypatch.setattr("footfall.model.jobs.PAUSE_MAX", pause)
    names = ["a", "b", "events"]
    for name in names:
        hub.add(name, kind="activity" if name == "events" else "rollups")
    hub.pass_time(DAY)
    before = {name: hub.delivered(name) for name in names}
    assert {slots[-1] for slots in before.values()} == set(days(1))

    hub.proxy.calls.clear()
    if answers:
        hub.proxy.faults = [DOWN]
    else:
        hub.proxy.down()
    hub.pass_time(outage, step=4 * HOUR if outage > 2 * DAY else HOUR)
    attempts = len([run for run in hub.real.jobs.runs(limit=10_000) if run.state == "failed"])
    most = len(names) * (outage / pause * 4 / 3 + 12)
    assert len(names) <= attempts <= most, "one in each pause, after some sooner tries"
    assert len(hub.proxy.calls) <= 2 * attempts, "and one call, tried twice, an attempt: slots behind it wait"
    assert {hub.real.jobs.get(name).state for name in names} == {"fault"}
    assert not any(each.state in ("failed", "skipped") for name in names for each in hub.real.jobs.slots(name))

    hub.proxy.calls.clear()
    hub.proxy.faults = []
    if not answers:
        hub.proxy.up()
    hub.proxy.most = 0
    hub.pass_time(pause + HOUR, step=4 * HOUR)  # the pause that is under way may be as long
    expected = days(len(hub.real.jobs.slots("a", limit=100)))
    assert len(expected) > outage // DAY
    puts = [call.partition("?")[0] for call in hub.proxy.calls if call.startswith("PUT")]
    assert len(puts) == len(set(puts)) == (len(expected) - 1) * (4 + 4 + 2), "each file was sent once"
    for name in names:
        assert hub.delivered(name) == before[name] + expected[1:]
        hub.sound(name)
    assert hub.proxy.most == 1, "calls at a time when it is back"


# --- the credentials are refused -------------------------------------------------------------------------------------


def allow(bucket: str, *actions: str) -> None:
    statement = {"Effect": "Allow", "Principal": "*", "Action": list(actions), "Resource": f"arn:aws:s3:::{bucket}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    weed.server().client().put_bucket_policy(Bucket=bucket, Policy=policy)


@pytest.mark.slow
def test_a_policy_that_is_lost_in_the_middle_pauses_the_job_and_it_resumes_with_what_is_missing(hub: Hub) -> None:
    allow(hub.bucket, "s3:PutObject", "s3:GetObject")
    hub.add(key=weed.WRITER)
    hub.pass_time(DAY)
    before = hub.stored()
    assert len(before) == 4

    # Of the second day the first report is delivered; then the owner takes the right away.
    lost = Fault("^PUT .*Users", "pass", act=lambda: weed.server().client().delete_bucket_policy(Bucket=hub.bucket))
    hub.proxy.faults = [lost]
    hub.pass_time(DAY)
    assert lost.happened
    calls = len(hub.proxy.calls)
    hub.pass_time(2 * DAY)
    assert len(hub.proxy.calls) == calls, "it asks no second time"
    job = hub.real.jobs.get("daily")
    assert job.state == "paused"
    assert "403" in job.cause
    assert hub.real.authorizations.get("daily").status == "refused"
    [failed] = [run for run in hub.real.jobs.runs("daily") if run.state == "failed"]
    assert (failed.slot, failed.attempt, failed.files) == (days(2)[1], 1, 1)
    assert "s3:PutObject" in failed.hint or "s3:GetObject" in failed.hint

    allow(hub.bucket, "s3:PutObject", "s3:GetObject")
    hub.real.jobs.move("daily", "runnable", hub.clock())
    hub.proxy.calls.clear()
    hub.pass_time(HOUR)
    assert hub.delivered() == days(4)
    first_puts = [call for call in hub.proxy.calls if call.startswith("PUT")][:2]
    assert all("Users" in call for call in first_puts), "what was delivered of that day is left alone"
    assert hub.stored().items() >= before.items()
    hub.sound()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "code"), [(403, "InvalidAccessKeyId"), (403, "ExpiredToken"), (403, "SignatureDoesNotMatch")]
)
def test_a_key_that_is_withdrawn_is_tried_once_and_rotating_it_heals(hub: Hub, status: int, code: str) -> None:
    hub.add()
    hub.add("often", kind="app_events", schedule=Schedule("hourly", hub.real.zone, every=6))
    hub.proxy.faults = [Fault("", "status", 1_000_000, 0, status, code)]
    hub.pass_time(3 * DAY)
    for name in ("daily", "often"):
        assert len(hub.real.jobs.runs(name)) == 1
        calls = [call for call in hub.proxy.calls if f"/{name}/" in call]
        assert len(calls) == 2, "the name is looked at, then written; not once more in three days"
        job = hub.real.jobs.get(name)
        assert (job.state, f"{status} {code}" in job.cause) == ("paused", True)
        assert hub.real.authorizations.get(name).status == "refused"
    hub.proxy.faults = []
    for name in ("daily", "often"):
        hub.real.jobs.move(name, "runnable", hub.clock())
    hub.pass_time(HOUR)
    assert hub.delivered() == days(3)
    assert len(hub.stored("often")) == 2, "the events waited, and came in one file"
    hub.sound()
    hub.sound("often")


@pytest.mark.slow
def test_a_bucket_that_was_deleted_and_made_again_gets_the_day_that_was_under_way_whole(hub: Hub) -> None:
    def gone() -> None:
        client = weed.server().client()
        for key in hub.stored():
            client.delete_object(Bucket=hub.bucket, Key=key)
        client.delete_bucket(Bucket=hub.bucket)

    hub.add()
    hub.proxy.faults = [Fault("^PUT .*Users", "pass", act=gone)]
    hub.pass_time(2 * DAY)
    job = hub.real.jobs.get("daily")
    assert (job.state, "NoSuchBucket" in job.cause) == ("paused", True)
    weed.server().bucket(hub.bucket)
    hub.real.jobs.move("daily", "runnable", hub.clock())
    hub.pass_time(HOUR)
    assert hub.delivered() == days(2)
    assert len(hub.stored()) == 8, "the file that was delivered before is there again"
    hub.sound()


# --- several runners -------------------------------------------------------------------------------------------------


def test_a_runner_that_was_taken_for_dead_and_comes_back_changes_nothing(hub: Hub) -> None:
    """It hangs in the middle of an upload for longer than its lease; another one delivers meanwhile."""
    hub.add()
    hub.clock.now += DAY
    held = Fault("^PUT .*Users", "hold")
    hub.proxy.faults = [held]
    ended: list[bool] = []
    first = threading.Thread(target=lambda: ended.append(hub.runner().once()))
    first.start()
    while not held.happened:
        first.join(0.02)
    assert not hub.runner().once(), "its lease is not over"
    hub.clock.now += LEASE + MINUTE
    assert hub.runner().once()
    delivered = hub.stored()
    assert len(delivered) == 4
    held.freed.set()
    first.join(60)
    assert ended == [True]
    assert hub.stored() == delivered
    assert [(run.attempt, run.state) for run in hub.real.jobs.runs("daily")] == [(2, "succeeded"), (1, "failed")]
    assert {each.state for each in hub.real.jobs.slots("daily")} == {"succeeded"}
    hub.sound()


@pytest.mark.slow
def test_runners_that_race_deliver_each_slot_once(hub: Hub) -> None:
    for name in ("a", "b"):
        hub.add(name)
    hub.clock.now += 3 * DAY
    barrier = threading.Barrier(3)
    failed: list[BaseException] = []

    def race() -> None:
        runner = hub.runner()
        barrier.wait()
        try:
            while runner.once():
                pass
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=race) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failed == []
    while hub.runner().once():
        pass
    for name in ("a", "b"):
        assert hub.delivered(name) == days(3)
        assert {run.attempt for run in hub.real.jobs.runs(name)} == {1}
        hub.sound(name)


# --- retries ---------------------------------------------------------------------------------------------------------


def test_a_retry_sends_the_failed_file_only(hub: Hub) -> None:
    hub.add()
    hub.clock.now += DAY
    hub.proxy.faults = [Fault("^PUT .*Users", "status", 99, 0, 403, "AccessDenied")]
    failed = hub.runner().run_slot("daily", slot_of(hub.real, hub.real.jobs.get("daily"), days(1)[0]))
    assert (failed.state, failed.files) == ("failed", 1)
    hub.proxy.faults = []
    hub.proxy.calls.clear()
    hub.real.jobs.move("daily", "runnable", hub.clock())
    hub.real.jobs.retry(failed.id, hub.clock())
    assert hub.runner().once()
    puts = [call.partition("?")[0].rpartition("/")[2] for call in hub.proxy.calls if call.startswith("PUT")]
    assert len(puts) == 2
    assert all("Users" in name for name in puts)
    hub.sound()


def test_what_is_missed_is_shown_as_a_gap_and_stays_one_however_much_is_forgotten(hub: Hub) -> None:
    from footfall.wiring.jobs import forget_old_runs

    hub.add(catch_up="latest")
    hub.clock.now += 5 * DAY
    hub.pass_time(HOUR)
    gaps = {each.slot.name for each in hub.real.jobs.slots("daily", ("skipped",))}
    assert gaps == set(days(4))
    hub.clock.now += 900 * DAY
    while forget_old_runs(hub.real):
        pass
    assert {each.slot.name for each in hub.real.jobs.slots("daily", ("skipped",))} == gaps
    assert len(hub.real.jobs.runs("daily")) == 1
