"""``kill -9`` of a real ``footfall jobs run`` at its calls to a bucket: run again, all is there, right and once.

By turns the call that kills arrives or does not. A sample of the calls is taken; FOOTFALL_KILL_POINTS says how many of
each kind of job, 0 means every one, both ways.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as wall_time
from pathlib import Path
from typing import Any

import pytest
import weed
from fault_proxy import Fault, FaultProxy
from small_hub import day_of_events, findings

from footfall.buckets.places import Access, open_place
from footfall.config import load_settings
from footfall.model.authorizations import Authorization
from footfall.model.jobs import Job
from footfall.model.schedules import Schedule
from footfall.ports import Batch
from footfall.stores.windows import SqlWindows
from footfall.wiring import Footfall
from footfall.wiring.authorizations import add_authorization
from footfall.wiring.jobs import add_job
from footfall.wiring.keys import create_key
from footfall.wiring.sweeping import sweep_places

pytestmark = pytest.mark.slow
DAY = datetime(2026, 3, 9, tzinfo=UTC)
SLOT = f"{DAY:%Y-%m-%d}"
NEXT_DAY = DAY + timedelta(hours=32)
ENVIRONMENT = {"FOOTFALL_TIME_ZONE": "America/New_York", "FOOTFALL_ALLOW_PRIVATE_ENDPOINTS": "true"}
# More than one part, so that a kill may leave an upload behind.
LARGE_BYTES = 9 << 20
# The job that may be killed, its options, and how many points are taken of it.
KINDS: dict[str, tuple[dict[str, Any], int]] = {
    "rollups": ({"reports": ["User_Custom_Event_Rollups", "Users"]}, 5),
    "activity": ({"compression": "none"}, 6),
    "audience": ({"format": "multi-csv"}, 3),
    "app_events": ({"format": "parquet", "key": "hive"}, 3),
}
WAYS = ("reset", "pass")  # the call does not arrive, or does


@dataclass
class Jobs:
    """A data directory with a job of each kind that nobody ran yet; every point takes a copy."""

    data: Path
    proxy: FaultProxy
    bucket: str

    def hub(self, data: Path) -> Footfall:
        settings = load_settings(data=data, environment=ENVIRONMENT)
        return Footfall.open(settings, clock=lambda: datetime.now(UTC))

    def start(self, data: Path, kind: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "footfall", "jobs", "run", kind, "--slot", SLOT, "--json"]
        ours = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")}
        environment = ours | ENVIRONMENT | {"FOOTFALL_DATA": str(data)}
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, data: Path, kind: str) -> dict[str, Any]:
        with self.start(data, kind) as process:
            out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        run: dict[str, Any] = json.loads(out)
        return run

    def stored(self, kind: str) -> dict[str, tuple[int, str]]:
        listed = weed.server().client().list_objects_v2(Bucket=self.bucket, Prefix=f"{kind}/")
        return {each["Key"]: (each["Size"], each["ETag"]) for each in listed.get("Contents", ())}

    def uploads(self) -> list[dict[str, Any]]:
        return list(weed.server().client().list_multipart_uploads(Bucket=self.bucket).get("Uploads", ()))

    def empty(self) -> None:
        client = weed.server().client()
        for kind in KINDS:
            for key in self.stored(kind):
                client.delete_object(Bucket=self.bucket, Key=key)
        for upload in self.uploads():
            client.abort_multipart_upload(Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"])

    def copy(self, place: Path) -> Path:
        self.proxy.faults = []
        self.proxy.calls.clear()
        self.empty()
        shutil.copytree(self.data, place)
        return place


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    proxy = FaultProxy(weed.server().url)
    made = Jobs(tmp_path_factory.mktemp("jobs") / "data", proxy, weed.server().bucket(f"b-{uuid.uuid4().hex}"))
    with Footfall.open(load_settings(data=made.data, environment=ENVIRONMENT), clock=lambda: NEXT_DAY) as hub:
        _fill(hub, made)
    yield made
    proxy.close()


def _fill(hub: Footfall, made: Jobs) -> None:
    create_key(hub, "web", product_key="default", environment="Production", channel="web")
    texts = [{"text": random.Random(number).randbytes(1000).hex()} for number in range(LARGE_BYTES // 2000)]
    large = [
        {"type": "track", "event": "large", "userId": "ada", "messageId": f"large-{number}", "properties": text,
         "timestamp": f"{DAY:%Y-%m-%d}T16:00:00Z"}
        for number, text in enumerate(texts)
    ]  # fmt: skip
    for events in (day_of_events(DAY.date()), large):
        body = json.dumps({"batch": events}).encode()
        at = int((DAY + timedelta(hours=17)).timestamp() * 1_000_000)
        hub.log.append(Batch(at, "web", "segment", "batch", len(events), (), "", "", body))
    hub.settle()
    hub.close_day(DAY.date())  # when it was closed is part of its manifests
    access = Authorization(name="place", kind="aws_keys", region="us-east-1", endpoint_url=made.proxy.url,
                           created_at=DAY)  # fmt: skip
    add_authorization(hub, access, {"access_key_id": weed.ADMIN[0], "access_key_secret": weed.ADMIN[1]})
    for kind, (options, _) in KINDS.items():
        daily = Schedule("daily", hub.zone, at=wall_time(3))
        url = f"s3://{made.bucket}/{kind}"
        add_job(hub, Job(kind, kind, url, daily, DAY, DAY, authorization="place", options=options))


def sampled(calls: Sequence[str], usual: int) -> list[tuple[int, str]]:
    """So many points, and of an upload in parts always one that leaves it behind."""
    points = [(number, way) for number in range(len(calls)) for way in WAYS]
    wanted = int(os.environ.get("FOOTFALL_KILL_POINTS", usual)) or len(points)
    parts = [(number, "pass") for number, call in enumerate(calls) if "partNumber=" in call]
    return sorted({*random.Random(20_261_123).sample(points, min(wanted, len(points))), *parts[-1:]})


def killed(jobs: Jobs, data: Path, kind: str, number: int, way: str) -> None:
    running: list[subprocess.Popen[str]] = []
    started: list[Callable[[], object]] = [lambda: running[0].kill(), lambda: running[0].wait()]
    fault = Fault("", way, skip=number, act=lambda: [do() for do in started])
    jobs.proxy.faults = [fault]
    running.append(jobs.start(data, kind))
    with running[0] as process:
        process.communicate(timeout=120)
    assert process.returncode == -9, f"it ended before its call {number + 1}"
    jobs.proxy.faults = []


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_killed_at_any_call_is_made_good_by_the_next_one(kind: str, jobs: Jobs, tmp_path: Path) -> None:
    jobs.run(jobs.copy(tmp_path / "calm"), kind)
    expected, calls = jobs.stored(kind), list(jobs.proxy.calls)
    assert len(expected) >= 2
    assert any("partNumber=2" in call for call in calls) == (kind == "activity")
    place = open_place(f"s3://{jobs.bucket}/{kind}", Access(*weed.ADMIN), endpoint_url=weed.server().url)
    left_behind = 0
    for number, way in sampled(calls, KINDS[kind][1]):
        where = f"killed at call {number + 1} of {len(calls)} ({way}): {calls[number]}"
        data = jobs.copy(tmp_path / f"{number}-{way}")
        killed(jobs, data, kind, number, way)
        left_behind += len(jobs.uploads())
        assert jobs.stored(kind).items() <= expected.items(), where

        run = jobs.run(data, kind)
        assert (run["state"], run["attempt"]) == ("succeeded", 2), where
        assert jobs.stored(kind) == expected, where
        assert findings(place) == [], where
        with jobs.hub(data) as hub:
            sweep_places(hub, timedelta(0))
            assert jobs.uploads() == [], where
            assert [(each.attempt, each.state) for each in hub.jobs.runs(kind)] == [(2, "succeeded"), (1, "failed")]
            assert [each.state for each in hub.jobs.slots(kind) if each.slot.name == SLOT] == ["succeeded"], where
            assert all(each.closed for each in SqlWindows(hub.database).all(kind)), where
        shutil.rmtree(data)
    assert left_behind or kind != "activity", "no kill left an upload behind: the sweep was not tested"
