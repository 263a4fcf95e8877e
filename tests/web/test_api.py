"""The management API as a client meets it, over HTTP, with a whole Footfall behind it."""

from __future__ import annotations

import pytest
import served_api

JOB = {"name": "daily", "to": "", "options": {"reports": ["Users"], "format": "csv"}}
KEY_ID, KEY_SECRET = "AKIAEXAMPLE000001234", "a-canary-secret-that-must-not-show"
AUTHORIZATION = {
    "name": "lake",
    "endpoint_url": "https://s3.example.com",
    "secrets": {"access_key_id": KEY_ID, "access_key_secret": KEY_SECRET},
}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with served_api.served(tmp_path_factory.mktemp("api") / "data") as api:
        yield api


@pytest.fixture
def place(tmp_path):
    return str(tmp_path / "out")


def test_a_job_is_made_shown_paused_resumed_and_deleted(api, place):
    made = api.ask("POST", "/api/jobs", JOB | {"to": place})
    assert made.status == 201, made.text
    assert made.body["schedule"] == {"kind": "daily", "zone": "UTC", "at": "03:00"}
    assert made.body["next_run"].endswith("T03:00:00Z")
    assert [job["name"] for job in api.ask("GET", "/api/jobs").body["jobs"]] == ["daily"]
    assert api.ask("POST", "/api/jobs", JOB | {"to": place}).status == 409
    paused = api.ask("POST", "/api/jobs/daily/pause", {"cause": "holidays"}).body
    assert (paused["state"], paused["cause"], paused["next_run"]) == ("paused", "holidays", None)
    assert api.ask("POST", "/api/jobs/daily/resume").body["state"] == "sleeping"
    assert api.ask("DELETE", "/api/jobs/daily").body["state"] == "deleted"
    assert api.ask("GET", "/api/jobs").body == {"jobs": []}


def test_a_slot_is_run_by_the_server_and_its_run_can_be_seen(api, place):
    api.ask("POST", "/api/jobs", JOB | {"name": "slots", "to": place})
    asked = api.ask("POST", "/api/jobs/slots/runs", {"slot": "2026-03-09"})
    assert (asked.status, asked.body["slots"]) == (202, ["2026-03-09"])
    for _ in range(300):
        runs = api.ask("GET", "/api/runs", job="slots").body["runs"]
        if runs and runs[0]["ended_at"]:
            break
        served_api.threading.Event().wait(0.2)
    assert [(run["id"], run["state"], run["files"]) for run in runs] == [("slots:2026-03-09:1", "succeeded", 1)]
    assert api.ask("GET", "/api/runs/slots:2026-03-09:1").body == runs[0]
    assert api.ask("POST", "/api/runs/slots:2026-03-09:1/cancel").status == 422
    [slot] = api.ask("GET", "/api/jobs/slots/slots", state="succeeded").body["slots"]
    assert (slot["slot"], slot["attempts"]) == ("2026-03-09", 1)
    assert api.ask("GET", "/api/jobs/slots/gaps").body == {"slots": []}


def test_a_backfill_and_a_run_are_not_doubled_when_they_are_asked_for_again(api, place):
    api.ask("POST", "/api/jobs", JOB | {"name": "again", "to": place})
    api.ask("POST", "/api/jobs/again/pause")
    for _ in range(2):
        asked = api.ask("POST", "/api/jobs/again/backfill", {"since": "2026-03-01", "until": "2026-03-03"})
        assert (asked.status, asked.body["slots"]) == (202, ["2026-03-01", "2026-03-02", "2026-03-03"])
    assert len(api.ask("GET", "/api/jobs/again/slots").body["slots"]) == 3
    floating = {"kind": "daily", "at": "after"}
    api.ask("POST", "/api/jobs", JOB | {"name": "floats", "to": place, "schedule": floating})
    api.ask("POST", "/api/jobs/floats/pause")
    first, second = (api.ask("POST", "/api/jobs/floats/runs").body["slots"] for _ in range(2))
    assert first == second


def test_a_rehearsal_goes_the_whole_way_and_writes_nothing(api, place, tmp_path):
    api.ask("POST", "/api/jobs", JOB | {"name": "rehearsed", "to": place})
    task = api.ask("POST", "/api/jobs/rehearsed/rehearsals", {"slot": "2026-03-09"})
    assert task.status == 202
    done = api.done(task.body)
    assert (done["state"], [f["difference"] for f in done["result"]["files"]]) == ("succeeded", ["new"])
    assert not (tmp_path / "out").exists()


def test_an_authorization_is_added_tested_rotated_and_deleted_and_its_secrets_never_come_back(api):
    answers = [
        api.ask("POST", "/api/authorizations", AUTHORIZATION),
        api.ask("GET", "/api/authorizations"),
        api.ask("PUT", "/api/authorizations/lake/secrets", AUTHORIZATION["secrets"]),
        api.ask("POST", "/api/authorizations", AUTHORIZATION),
        api.ask("POST", "/api/authorizations/lake/test", {"url": "s3://bucket/x"}),
        api.ask("GET", "/api/authorizations/lake"),
        api.ask("GET", "/api/audit"),
        api.ask("DELETE", "/api/authorizations/lake"),
    ]
    assert [answer.status for answer in answers] == [201, 200, 200, 409, 202, 200, 200, 200]
    assert answers[0].body["key_id_shown"] == "1234"
    assert answers[5].body["secrets"] == ["access_key_id", "access_key_secret"]
    everything = b"".join(answer.text for answer in answers)
    assert KEY_SECRET.encode() not in everything
    assert KEY_ID.encode() not in everything


@pytest.mark.parametrize(
    "secrets",
    [
        {"access_key_id": KEY_ID, "access_key_secret": f"{KEY_SECRET} with a space"},
        {"access_key_id": KEY_ID, KEY_SECRET: "x"},
        {"access_key_id": KEY_ID, "access_key_secret": [KEY_SECRET]},
        {"access_key_id": KEY_ID, "sse_c_key": KEY_SECRET, "access_key_secret": "x"},
        KEY_SECRET,
    ],
)
def test_a_secret_that_is_refused_is_not_repeated(api, secrets):
    refused = api.ask("POST", "/api/authorizations", AUTHORIZATION | {"name": "bad", "secrets": secrets})
    assert refused.status == 422
    assert KEY_SECRET.encode() not in refused.text


def test_days_are_listed_closed_and_reopened(api):
    assert api.ask("POST", "/api/days/2026-01-05/close").status == 202
    task = api.done(api.ask("POST", "/api/days/2026-01-06/close").body)
    assert task["result"] == {"day": "2026-01-06", "revision": 1, "changed": True}
    assert api.ask("POST", "/api/days/2026-01-06/reopen").body["touched"] is True
    first = api.ask("GET", "/api/days", limit=1).body
    rest = api.ask("GET", "/api/days", cursor=first["next"]).body
    days = [day["day"] for day in first["days"] + rest["days"]]
    assert days == sorted(days, reverse=True)
    assert {"2026-01-05", "2026-01-06"} <= set(days)
    assert api.ask("POST", "/api/days/2999-01-01/close").status == 422


def test_a_source_shows_its_key_once(api):
    made = api.ask("POST", "/api/sources", {"name": "shop"})
    assert made.status == 201
    key = made.body["write_key"]
    listed = api.ask("GET", "/api/sources")
    assert {source["name"]: source["state"] for source in listed.body["sources"]}["shop"] == "active"
    assert key.encode() not in listed.text + api.ask("GET", "/api/audit").text
    assert api.ask("DELETE", "/api/sources/shop").body == {"name": "shop", "state": "revoked"}
    assert api.ask("DELETE", "/api/sources/none").status == 404


def test_definitions_are_written_by_whole_or_not_at_all(api):
    put = api.ask("PUT", "/api/definitions", {"features": [{"id": "f1", "name": "Export"}]})
    assert (put.status, put.body["definitions"]["features"]) == (200, 1)
    assert api.ask("GET", "/api/definitions").body["features"] == [{"id": "f1", "name": "Export"}]
    bad = api.ask("PUT", "/api/definitions", {"features": [{"id": "f2", "name": "New"}, {"name": "no id"}]})
    assert (bad.status, bad.body["errors"][0]["place"]) == (422, ["features", 1])
    assert len(api.ask("GET", "/api/definitions").body["features"]) == 1


def test_the_least_to_be_granted_is_written_with_the_external_id(api):
    policies = api.ask("POST", "/api/places/policies", {"url": "s3://bucket/px"}).body["policies"]
    external = api.ask("GET", "/api/deployment").body["subscription_id"]
    assert external in str(policies["trust_policy"])
    assert "s3:PutObject" in str(policies["role_policy"])
    assert api.ask("POST", "/api/places/policies", {"url": "/tmp/x"}).status == 422


def test_a_place_is_checked_and_verified_by_tasks(api, place):
    checked = api.done(api.ask("POST", "/api/places/check", {"url": place}).body)
    assert (checked["state"], checked["result"]["ok"]) == ("succeeded", True), checked
    verified = api.done(api.ask("POST", "/api/places/verify", {"url": place}).body)
    assert (verified["state"], verified["result"]["ok"], verified["result"]["manifests"]) == ("succeeded", False, 0)


def test_a_page_of_runs_follows_the_one_before(api, place):
    api.ask("POST", "/api/jobs", JOB | {"name": "pages", "to": place})
    from datetime import UTC, datetime

    from footfall.model.jobs import Run
    from footfall.stores.job_rows import run_values
    from footfall.stores.schema import job_run

    begun = datetime(2026, 1, 1, tzinfo=UTC)
    wanted = [Run("pages", f"2026-01-{day:02d}", attempt, "failed", begun) for day in range(1, 8) for attempt in (1, 2)]
    with api.hub() as hub, hub.database.writing() as connection:
        connection.execute(job_run.insert(), [run_values(run) for run in wanted])
    seen, cursor = [], ""
    while cursor is not None:
        page = api.ask("GET", "/api/runs", job="pages", limit=3, cursor=cursor).body
        seen += [run["id"] for run in page["runs"]]
        cursor = page["next"]
    assert seen == [run.id for run in reversed(wanted)]
    assert api.ask("GET", "/api/runs", cursor="bm9uc2Vuc2U").status == 400


def test_every_change_is_in_the_audit_log_in_the_name_of_its_key(api, place):
    key = api.key("admin", "auditor")
    api.ask("POST", "/api/jobs", JOB | {"name": "audited", "to": place}, key=key)
    api.ask("POST", "/api/jobs/audited/pause", key=key)
    with api.hub() as hub:
        hub.jobs.move("audited", "deleted", served_api.now())
    changes = api.ask("GET", "/api/audit", subject="job audited").body["changes"]
    assert [(c["action"], c["actor"], c["name"], c["address"]) for c in changes] == [
        ("job.delete", "cli", "", ""),
        ("job.pause", "key", "auditor", "127.0.0.0"),
        ("job.add", "key", "auditor", "127.0.0.0"),
    ]
    assert (changes[1]["before"], changes[1]["after"]["state"]) == ({"state": "sleeping", "cause": ""}, "paused")
    assert api.ask("GET", "/api/audit/check").body == {"ok": True, "broken_at": None}


def test_metrics_have_no_names_of_people_and_need_a_key(api):
    assert api.ask("GET", "/metrics", key=None).status == 401
    answer = api.ask("GET", "/metrics", key=api.key("metrics", "prometheus"))
    assert answer.status == 200
    text = answer.text.decode()
    for name in ("footfall_settle_lag_bytes 0", 'footfall_days{state="sealed"}', "process_resident_memory_bytes",
                 'footfall_runs_total{kind="rollups",state="succeeded"}'):  # fmt: skip
        assert name in text
    assert "python_info" not in text
