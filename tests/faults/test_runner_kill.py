"""``kill -9`` on a server in the middle of a delivery: after a restart its slot is delivered soon, and once."""

from __future__ import annotations

import json
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import weed
from fault_proxy import Fault, FaultProxy
from small_hub import findings

from footfall.buckets.places import Access, open_place
from footfall.config import load_zone
from footfall.stores.database import Database
from footfall.stores.jobs import SqlJobs

pytestmark = pytest.mark.slow
DAY = "2026-03-09"
EVENT = {"type": "track", "event": "Report opened", "userId": "ada", "timestamp": f"{DAY}T15:00:00Z"}
REPORTS = "User_Custom_Event_Rollups,Users"


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    proxy = FaultProxy(weed.server().url)
    yield proxy
    proxy.close()


def wait_for(what: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
    return found


@pytest.mark.parametrize("kind", ["hold", "pass"], ids=["in the middle of an upload", "right after one"])
def test_a_slot_whose_server_was_killed_is_delivered_once_and_soon_after_the_restart(
    install, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    bucket = weed.server().bucket(f"b-{uuid.uuid4().hex}")
    hub = install(zone="America/New_York", env={"FOOTFALL_ALLOW_PRIVATE_ENDPOINTS": "true", "THE_ID": weed.ADMIN[0],
                                                "THE_SECRET": weed.ADMIN[1]})  # fmt: skip
    hub.start()
    hub.post("/v1/batch", {"batch": [{**EVENT, "messageId": "t-1"}]})
    hub.run("authorizations", "add", "place", "--endpoint-url", proxy.url, "--region", "us-east-1",
            "--secret", "access_key_id=env:THE_ID", "--secret", "access_key_secret=env:THE_SECRET")  # fmt: skip
    hub.run("jobs", "add", "daily", "--to", f"s3://{bucket}/px", "--reports", REPORTS, "--authorization", "place")

    fault = Fault("^PUT .*Users", kind)
    if kind == "pass":
        fault.act = lambda: hub.stop(signal.SIGKILL)
    proxy.faults = [fault]
    hub.run("jobs", "backfill", "daily", "--from", DAY, "--until", DAY)
    wait_for(lambda: fault.happened)
    if kind == "hold":
        hub.stop(signal.SIGKILL)
        fault.freed.set()
    wait_for(lambda: hub._server is None)

    began = time.monotonic()
    hub.start()
    database = Database.open(hub.data / "store.db")
    try:
        jobs = SqlJobs(database, load_zone)
        wait_for(lambda: any(each.state == "succeeded" for each in jobs.slots("daily")))
        took_s = time.monotonic() - began
        runs = [(run.attempt, run.state) for run in jobs.runs("daily")]
    finally:
        database.close()
    assert took_s < 30, "a lease is five minutes"
    assert runs == [(2, "succeeded"), (1, "failed")]
    stored = weed.server().client().list_objects_v2(Bucket=bucket)
    assert stored["KeyCount"] == 4
    place = open_place(f"s3://{bucket}/px", Access(*weed.ADMIN), endpoint_url=weed.server().url)
    assert findings(place) == []


def test_two_processes_asked_for_the_same_slot_deliver_it_once(install, proxy: FaultProxy) -> None:
    import subprocess
    import sys

    bucket = weed.server().bucket(f"b-{uuid.uuid4().hex}")
    hub = install(zone="America/New_York", env={"FOOTFALL_ALLOW_PRIVATE_ENDPOINTS": "true", "THE_ID": weed.ADMIN[0],
                                                "THE_SECRET": weed.ADMIN[1]})  # fmt: skip
    hub.start()
    hub.post("/v1/batch", {"batch": [{**EVENT, "messageId": "t-1"}]})
    hub.run("authorizations", "add", "place", "--endpoint-url", proxy.url, "--region", "us-east-1",
            "--secret", "access_key_id=env:THE_ID", "--secret", "access_key_secret=env:THE_SECRET")  # fmt: skip
    hub.run("jobs", "add", "daily", "--to", f"s3://{bucket}/px", "--reports", REPORTS, "--authorization", "place")
    held = Fault("^PUT .*Users", "hold")
    proxy.faults = [held]
    command = [sys.executable, "-m", "footfall", "jobs", "run", "daily", "--slot", DAY, "--json"]
    first = subprocess.Popen(command, env=hub.environment(), stdout=subprocess.PIPE, text=True)
    wait_for(lambda: held.happened)
    second = hub.run(*command[3:], ok=False)
    assert second.returncode != 0
    assert "is run by" in second.stderr
    held.freed.set()
    out, _ = first.communicate(timeout=60)
    assert json.loads(out)["state"] == "succeeded"
    puts = [call.partition("?")[0] for call in proxy.calls if call.startswith("PUT")]
    assert len(puts) == len(set(puts)) == 4
