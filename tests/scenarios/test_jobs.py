"""Jobs as an operator meets them: made, rehearsed, run by hand and by the server, stopped by a refusal, healed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import weed
from pysequoia import Tsk

DAY = "2026-03-09"
EVENT = {"type": "track", "event": "Report opened", "userId": "ada", "timestamp": f"{DAY}T15:00:00Z"}
REPORTS = "User_Custom_Event_Rollups,Users"


@pytest.fixture
def hub(install):
    hub = install(zone="America/New_York", env={"FOOTFALL_ALLOW_PRIVATE_ENDPOINTS": "true"})
    hub.start()
    assert hub.post("/v1/batch", {"batch": [{**EVENT, "messageId": "t-1"}]})["success"]
    return hub


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def wait_for(what, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.5)
    return found


def test_a_daily_job_is_rehearsed_run_by_hand_and_backfilled_by_the_server(hub, asked, tmp_path):
    out = tmp_path / "out"
    made = asked(hub, "jobs", "add", "daily", "--to", str(out), "--reports", REPORTS, "--label", "For the warehouse")
    assert made["schedule"] == {"kind": "daily", "zone": "America/New_York", "at": "03:00"}
    assert made["state"] == "sleeping"
    assert made["next_run"].endswith(("07:00Z", "08:00Z")), "03:00 in New York"

    # The whole way to nowhere: the files are counted, and neither the place nor the day has changed.
    rehearsed = asked(hub, "jobs", "run", "daily", "--slot", DAY, "--dry-run")
    assert [(f["rows"], f["difference"]) for f in rehearsed] == [(1, "new"), (1, "new")]
    assert not out.exists()
    assert {d["day"]: d["state"] for d in asked(hub, "days", "ls")} == {DAY: "open"}

    run = asked(hub, "jobs", "run", "daily", "--slot", DAY)
    assert (run["id"], run["state"], run["files"], run["rows"]) == (f"daily:{DAY}:1", "succeeded", 2, 2)
    assert run["bytes"] == sum(f["bytes"] for f in rehearsed)
    before = contents(out)
    assert {f["file"] for f in rehearsed} < before.keys()
    assert all(f["difference"] == "same as revision 1" for f in asked(hub, "jobs", "run", "daily", "--slot", DAY,
                                                                        "--dry-run"))  # fmt: skip

    # A late event: the rehearsal tells what would come, the server delivers it as the next revision.
    hub.post("/v1/batch", {"batch": [{**EVENT, "event": "Report closed", "messageId": "t-2"}]})
    [custom, _] = sorted(asked(hub, "jobs", "run", "daily", "--slot", DAY, "--dry-run"), key=lambda f: f["file"])
    assert "_r2" in custom["file"]
    assert custom["difference"].startswith("+1 rows, ")
    assert contents(out) == before
    slots = asked(hub, "jobs", "backfill", "daily", "--from", "2026-03-08", "--until", DAY)["slots"]
    assert slots == ["2026-03-08", DAY]
    runs = wait_for(lambda: [r for r in asked(hub, "runs", "ls", "--job", "daily") if r["state"] == "succeeded"][2:]
                    and asked(hub, "runs", "ls", "--job", "daily"))  # fmt: skip
    assert {r["id"] for r in runs} == {f"daily:{DAY}:1", f"daily:{DAY}:2", "daily:2026-03-08:1"}
    after = contents(out)
    assert {key: text for key, text in after.items() if key in before} == before
    assert sum("_r2" in key for key in after) == 4
    assert "everything is as delivered" in hub.run("verify", str(out)).stdout


def test_every_export_by_hand_encrypts_to_the_keys_in_files(hub, type_in, tmp_path):
    keys = [Tsk.generate(name) for name in ("Warehouse", "Partner")]
    for number, key in enumerate(keys):
        (tmp_path / f"public{number}.asc").write_text(str(key.extract_certificate()))
        (tmp_path / f"private{number}.asc").write_text(str(key))
    given = [word for number in (0, 1) for word in ("--pgp-key", str(tmp_path / f"public{number}.asc"))]
    for words in (("rollups", "--day", DAY, "--reports", REPORTS), ("activity",), ("app-events",), ("audience",)):
        out = tmp_path / words[0]
        ended, _, errors = type_in(hub, "export", *words, "--to", str(out), *given)
        assert ended == 0, (words, errors)
        data = [name for name in contents(out) if not name.endswith(".manifest.json")]
        assert data, words
        assert all(name.endswith(".gz.pgp") for name in data), data
        for number in (0, 1):
            private = str(tmp_path / f"private{number}.asc")
            ended, said, _ = type_in(hub, "verify", str(out), "--pgp-private-key", private)
            assert (ended, "not the text" in said) == (0, False), (words, said)
        ended, _, errors = type_in(hub, "export", *words, "--to", str(out), "--pgp-key", private)
        assert (ended, "is a private key" in errors) == (1, True), (words, errors)


def test_a_refused_key_pauses_the_job_and_it_goes_on_when_the_bucket_lets_it_in(hub, asked, monkeypatch):
    server = weed.server()
    bucket = server.bucket(f"jobs-{time.monotonic_ns()}")
    monkeypatch.setenv("THE_ID", weed.WRITER[0])
    monkeypatch.setenv("THE_SECRET", weed.WRITER[1])
    asked(hub, "authorizations", "add", "writer", "--endpoint-url", server.url, "--region", "us-east-1",
          "--secret", "access_key_id=env:THE_ID", "--secret", "access_key_secret=env:THE_SECRET")  # fmt: skip
    asked(hub, "jobs", "add", "daily", "--to", f"s3://{bucket}/px", "--reports", REPORTS, "--authorization", "writer")
    asked(hub, "jobs", "backfill", "daily", "--from", DAY, "--until", DAY)
    job = wait_for(lambda: (j := asked(hub, "jobs", "show", "daily"))["state"] == "paused" and j)
    assert bucket in job["cause"]
    assert (job["status"], job["waiting"]) == ("refused", [DAY])
    [run] = asked(hub, "runs", "ls")
    shown = asked(hub, "runs", "show", run["id"])
    assert (shown["state"], shown["attempt"], shown["files"], shown["error"]) == ("failed", 1, 0, job["cause"])

    actions = ["s3:PutObject", "s3:GetObject"]
    allow = {"Effect": "Allow", "Principal": "*", "Action": actions, "Resource": f"arn:aws:s3:::{bucket}/*"}
    server.client().put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    assert asked(hub, "jobs", "resume", "daily")["state"] == "runnable"
    wait_for(lambda: asked(hub, "jobs", "show", "daily")["state"] == "sleeping")
    assert server.client().list_objects_v2(Bucket=bucket)["KeyCount"] == 4
    assert asked(hub, "jobs", "show", "daily")["status"] == "authorized"
    assert asked(hub, "runs", "show", f"daily:{DAY}:2")["state"] == "succeeded"


def test_jobs_are_paused_cancelled_retried_and_deleted_without_a_server(install, asked, tmp_path):
    hub = install(zone="America/New_York")
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    asked(hub, "jobs", "add", "daily", "--to", str(blocked / "px"), "--format", "json", "--schedule", "cron",
          "--cron", "0 3 * * *", "--catch-up", "latest")  # fmt: skip
    assert asked(hub, "jobs", "pause", "daily", "--cause", "holidays")["state"] == "paused"
    assert [(j["name"], j["state"], j["next run"]) for j in asked(hub, "jobs", "ls")] == [("daily", "paused", "")]
    failed = asked(hub, "jobs", "run", "daily", "--slot", "20260310T070000Z", code=1)
    assert failed["state"] == "failed"
    assert asked(hub, "runs", "cancel", failed["id"])["id"] == failed["id"]
    assert asked(hub, "jobs", "show", "daily")["gaps"] == [{"slot": "20260310T070000Z", "state": "cancelled"}]
    assert asked(hub, "runs", "retry", failed["id"])["state"] == "waiting"
    blocked.unlink()
    assert asked(hub, "jobs", "run", "daily", "--slot", "20260310T070000Z")["files"] == 22
    assert asked(hub, "jobs", "show", "daily")["cause"] == "holidays"
    assert asked(hub, "jobs", "delete", "daily")["state"] == "deleted"
    assert asked(hub, "jobs", "ls") == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("add", "Daily", "--to", "out"), "cannot be the name", id="name"),
        pytest.param(("add", "d", "--to", "ftp://x/y"), "not a kind of place", id="place"),
        pytest.param(("add", "d", "--to", "out", "--reports", "Nope"), "Nope", id="report"),
        pytest.param(("add", "d", "--to", "out", "--schedule", "cron", "--cron", "0 25 * * *"), "hour", id="cron"),
        pytest.param(("add", "d", "--to", "out", "--end", "2020-01-01"), "never run", id="over"),
        pytest.param(("add", "d", "--to", "out", "--authorization", "none"), "none", id="authorization"),
        pytest.param(("run", "d"), "no job 'd'", id="no job"),
    ],
)
def test_a_mistake_is_named_and_leaves_no_job_behind(install, type_in, asked, arguments, said):
    hub = install()
    code, _, errors = type_in(hub, "jobs", *arguments)
    assert code == 1, errors
    assert said in errors
    assert asked(hub, "jobs", "ls") == []


def test_a_relative_folder_is_that_of_who_typed_it(install, asked, tmp_path, monkeypatch):
    here = install()
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    assert asked(here, "jobs", "add", "daily", "--to", "out", "--reports", "Users")["to"] == f"{tmp_path}/mine/out"
    lake = ("authorizations", "add", "lake", "--kind", "ambient", "--endpoint-url", "https://s3.example.com")
    assert asked(here, *lake, "--ca-bundle", "ca.pem")["ca_bundle"] == f"{tmp_path}/mine/ca.pem"
    assert asked(here, "authorizations", "change", "lake", "--ca-bundle", "")["ca_bundle"] == ""


def test_an_import_is_from_a_place_and_may_be_told_so(install, asked, type_in, tmp_path):
    here = install()
    crm = ("--kind", "import", "--option", "stream=crm", "--option", "file=crm.csv")
    for name, word in (("a", "--from"), ("b", "--to")):
        made = asked(here, "jobs", "add", name, *crm, word, str(tmp_path))
        assert (made["from"], "to" in made) == (str(tmp_path), False)
        assert asked(here, "jobs", "show", name)["from"] == str(tmp_path)
    assert f"\n    to: {tmp_path}\n" in type_in(here, "export-config")[1]
    for wrong in ([*crm], [*crm, "--from", "x", "--to", "y"], ["--from", "x"], []):
        assert type_in(here, "jobs", "add", "c", *wrong)[0] == 2
