"""The management API as a client meets it, over HTTP, with a whole Footfall behind it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
import served_api
from api_bodies import AUTHORIZATION, JOB, KEY_ID, KEY_SECRET, MAIL

from footfall.config.definition_file import parse_definition_file
from footfall.web.api import paging
from footfall.wiring.definitions import apply_definitions, plan_definitions
from footfall.wiring.surroundings import Surroundings


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


def test_a_folder_relative_to_wherever_the_server_was_started_is_refused_by_the_name_of_its_field(api, place):
    api.ask("POST", "/api/jobs", JOB | {"name": "placed", "to": place})
    for folder in ("out", "./out", "~/out", "file:out", ".."):
        asked = [
            ("POST", "/api/jobs", "to", JOB | {"name": "relative", "to": folder}),
            ("POST", "/api/jobs", "to", {"name": "relative", "to": folder, "kind": "import"}),
            ("PUT", "/api/jobs/placed", "to", {"to": folder}),
            ("POST", "/api/places/check", "url", {"url": folder}),
            ("POST", "/api/places/verify", "url", {"url": folder}),
            ("POST", "/api/import-previews", "url", {"url": folder, "file": "a.csv", "format": "csv"}),
            ("POST", "/api/authorizations", "ca_bundle", AUTHORIZATION | {"ca_bundle": folder}),
            ("POST", "/api/channels", "ca_bundle", MAIL | {"ca_bundle": folder}),
        ]
        for method, path, field, body in asked:
            answer = api.ask(method, path, body)
            assert (answer.status, answer.body["errors"][0]["place"]) == (422, ["body", field]), answer.text
            assert "give an absolute path" in answer.body["errors"][0]["message"]
    assert api.ask("GET", "/api/jobs/placed").body["to"] == place
    assert api.ask("POST", "/api/jobs", JOB | {"name": "whole", "to": f"file://{place}"}).status == 201


def test_a_job_tells_the_file_that_manages_it_until_somebody_changes_it_by_hand_which_the_plan_shows(api, place):
    found = parse_definition_file(f"jobs: [{{name: coded, to: {place}, options: {{reports: [Users]}}}}]")
    around = Surroundings({}, Path())

    def apply() -> list[str]:
        with api.hub() as hub:
            chosen = plan_definitions(hub, found, around, prune=False)
            apply_definitions(hub, found, around, chosen)
            return [field.field for change in chosen.changes for field in change.fields if change.before]

    def managed_by() -> str:
        return api.ask("GET", "/api/jobs/coded").body["managed_by"]

    assert apply() == []
    api.ask("POST", "/api/jobs/coded/pause")
    api.ask("POST", "/api/jobs/coded/resume")
    assert managed_by() == "footfall.yaml", "stopping it is no change of its settings"
    assert api.ask("PUT", "/api/jobs/coded", {"to": place, "label": "mine"}).body["managed_by"] == ""
    assert sorted(apply()) == ["label", "options.reports"]
    assert managed_by() == "footfall.yaml"
    assert api.ask("POST", "/api/jobs", JOB | {"name": "typed", "to": place}).body["managed_by"] == ""
    [newest, *_] = api.ask("GET", "/api/audit", subject="job coded").body["changes"]
    assert (newest["actor"], newest["name"]) == ("cli", "footfall.yaml")


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


def test_a_source_that_needs_proof_of_its_users_shows_the_key_of_it_once(api):
    api.ask("POST", "/api/sources", {"name": "proven", "tag": {"clicks": False}})
    named = {"headers": {"idempotency-key": "proof"}}
    made = api.ask("POST", "/api/sources/proven/user-hash", **named)
    assert made.status == 201
    assert api.ask("POST", "/api/sources/proven/user-hash", **named).body == made.body
    assert api.ask("POST", "/api/sources/proven/user-hash").body["user_hash_key"] != made.body["user_hash_key"]
    [listed] = [each for each in api.ask("GET", "/api/sources").body["sources"] if each["name"] == "proven"]
    assert (listed["user_hash"], listed["tag"]["clicks"], listed["tag"]["forms"]) == (True, False, True)
    assert api.ask("DELETE", "/api/sources/proven/user-hash").body == {"name": "proven", "user_hash": False}
    assert api.ask("POST", "/api/sources/nobody/user-hash").status == 404
    api.ask("DELETE", "/api/sources/proven")


def test_a_source_changes_what_its_events_are_taken_for_and_keeps_its_key(api):
    key = api.ask("POST", "/api/sources", {"name": "till", "product_key": "shop"}).body["write_key"]
    changed = api.ask("PUT", "/api/sources/till", {"product_key": "kiosk", "environment": "Test", "channel": "desktop"})
    assert (changed.status, changed.body["product_key"], changed.body["state"]) == (200, "kiosk", "active")
    with api.hub() as hub:
        source = hub.sources.by_key(key)
    assert (source.product_key, source.environment, source.channel) == ("kiosk", "Test", "desktop")
    api.ask("PUT", "/api/sources/till", {})
    [usual] = [each for each in api.ask("GET", "/api/sources").body["sources"] if each["name"] == "till"]
    assert (usual["product_key"], usual["environment"], usual["channel"]) == ("default", "Production", "server")
    assert api.ask("PUT", "/api/sources/till", {"name": "other"}).status == 422
    api.ask("DELETE", "/api/sources/till")
    for gone in ("till", "nobody"):
        assert api.ask("PUT", f"/api/sources/{gone}", {}).status == 404


def test_a_name_of_a_source_may_hold_what_parts_paths(api):
    for name in ("acme/shop 5%", "acme%2Fshop", "/", "acme/", "shop/user-hash"):
        path = f"/api/sources/{quote(name, safe='')}"
        assert api.ask("POST", "/api/sources", {"name": name}).status == 201
        assert api.ask("PUT", path, {"channel": "ios"}).body["channel"] == "ios"
        assert api.ask("POST", f"{path}/user-hash").body["name"] == name
        assert api.ask("DELETE", f"{path}/user-hash").body == {"name": name, "user_hash": False}
        assert api.ask("PUT", f"/api/privacy/{quote(name, safe='')}", {"addresses": "none"}).body["source"] == name
        assert api.ask("DELETE", f"/api/privacy/{quote(name, safe='')}").status == 200
        assert api.ask("DELETE", path).body == {"name": name, "state": "revoked"}


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
    assert api.ask("GET", "/api/runs", cursor=paging.cursor(1, "pages", "2026-01-01", 10**20)).status == 400


def test_metrics_have_no_names_of_people_and_need_a_key(api):
    assert api.ask("GET", "/metrics", key=None).status == 401
    answer = api.ask("GET", "/metrics", key=api.key("metrics", "prometheus"))
    assert answer.status == 200
    text = answer.text.decode()
    for name in ("footfall_settle_lag_bytes 0", 'footfall_days{state="sealed"}', "process_resident_memory_bytes",
                 'footfall_runs_total{kind="rollups",state="succeeded"}'):  # fmt: skip
        assert name in text
    assert "python_info" not in text


def test_settings_of_jobs_and_authorizations_are_changed_and_secrets_stay(api, place):
    api.ask("POST", "/api/authorizations", AUTHORIZATION | {"name": "moves"})
    settings = {"endpoint_url": "https://s3.example.org", "label": "New"}
    changed = api.ask("PUT", "/api/authorizations/moves", settings)
    assert (changed.status, changed.body["endpoint_url"], changed.body["label"]) == (
        200,
        "https://s3.example.org",
        "New",
    )
    assert changed.body["secrets"] == ["access_key_id", "access_key_secret"]
    assert api.ask("PUT", "/api/authorizations/nobody", settings).status == 404
    api.ask("POST", "/api/jobs", JOB | {"name": "moves", "to": place})
    changed = api.ask("PUT", "/api/jobs/moves", {"to": place, "schedule": {"at": "05:30"}, "label": "Later"})
    assert (changed.body["schedule"]["at"], changed.body["label"]) == ("05:30", "Later")
    assert api.ask("PUT", "/api/jobs/moves", {"to": place, "kind": "activity"}).status == 422
    assert api.ask("PUT", "/api/jobs/nobody", {"to": place}).status == 404


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("rollups", {"reports": 5}),
        ("rollups", {"reports": [[]]}),
        ("rollups", {"format": "exe"}),
        ("activity", {"streams": True}),
        ("activity", {"start": "yesterday"}),
        ("activity", {"start": "0001-01-01"}),
        ("audience", {"limit": "many"}),
        ("audience", {"filter": [None]}),
        ("app_events", {"events_max": {}}),
        ("app_events", {"kinds": 1.5}),
        ("app_events", {"no_such_option": 1}),
        ("activity", {"header": "no"}),
        ("activity", {"raw": 1}),
        ("activity", {"streams": 0}),
        ("activity", {"email_to": 5}),
        ("activity", {"email_channel": ["ops"]}),
        ("app_events", {"events_max": 2.5}),
        ("app_events", {"compression": False}),
        ("audience", {"limit": "5"}),
        ("audience", {"seed": {}}),
        ("audience", {"kinds": {"tags": "list"}}),
        ("import", {"stream": ["crm"], "file": "crm.csv"}),
        ("people_import", {"entity": "USER", "marker": ["a"]}),
        ("rollups", {"reports": []}),
    ],
)
def test_an_option_that_cannot_be_is_refused(api, place, kind, options):
    refused = api.ask("POST", "/api/jobs", {"name": "odd", "to": place, "kind": kind, "options": options})
    assert (refused.status, refused.body["type"]) == (422, "urn:footfall:refused"), refused.text


@pytest.mark.parametrize(
    "days",
    [
        ("1900-01-01", "2026-01-01"),
        ("2026-03-03", "2026-03-01"),
        ("2026-01-01", "2999-01-01"),
        ("0001-01-01", "0001-01-02"),
        ("2001-01-01", "2026-01-01"),
    ],
)
def test_a_backfill_is_bounded(api, place, days):
    schedule = {"kind": "minutes", "every": 5}
    api.ask("POST", "/api/jobs", JOB | {"name": "often", "to": place, "schedule": schedule})
    api.ask("POST", "/api/jobs/often/pause")
    since, until = days
    assert api.ask("POST", "/api/jobs/often/backfill", {"since": since, "until": until}).status == 422
