"""The audit log in the management API: every route that changes something leaves an entry, in the name of its key."""

from __future__ import annotations

from dataclasses import replace

import pytest
import served_api
from api_bodies import AUTHORIZATION, JOB, KEY_SECRET, MAIL

from footfall.model.imports import FileVersion
from footfall.model.notices import trial
from footfall.web.api.app import describe
from footfall.wiring.imports import ledger_of
from footfall.wiring.telling import channels_of, outbox_of

SETTINGS = {name: value for name, value in MAIL.items() if name != "name"}
LOGGED = {"id": "logged", "name": "Logged", "rules": [{"kind": "URL", "value": "/logged"}]}
CHANGES = [
    ("PUT", "/api/definitions", {"features": [LOGGED]}),
    ("POST", "/api/authorizations", AUTHORIZATION | {"name": "logged"}),
    ("PUT", "/api/authorizations/{name}", {"endpoint_url": "https://s3.example.net"}),
    ("PUT", "/api/authorizations/{name}/secrets", AUTHORIZATION["secrets"]),
    ("DELETE", "/api/authorizations/{name}", None),
    ("POST", "/api/jobs", JOB | {"name": "logged"}),
    ("PUT", "/api/jobs/{name}", {"label": "changed"}),
    ("POST", "/api/jobs/{name}/pause", None),
    ("POST", "/api/jobs/{name}/resume", None),
    ("POST", "/api/jobs/{name}/backfill", {"since": "2026-03-01", "until": "2026-03-02"}),
    ("POST", "/api/jobs/{name}/runs", {"slot": "2026-03-05"}),
    ("POST", "/api/runs/{id}/cancel", None),
    ("POST", "/api/runs/{id}/retry", None),
    ("DELETE", "/api/jobs/{name}", None),
    ("POST", "/api/days/{day}/close", None),
    ("POST", "/api/days/{day}/reopen", None),
    ("POST", "/api/imports/{id}/undo", None),
    ("PUT", "/api/attributes/{entity}/{name}", {"type": "NUMBER"}),
    ("DELETE", "/api/attributes/{entity}/{name}", None),
    ("POST", "/api/people/erasures", {"ids": ["nobody-here"]}),
    ("POST", "/api/denied", {"identify_id": "nobody-here"}),
    ("POST", "/api/denied/remove", {"identify_id": "nobody-here"}),
    ("POST", "/api/features/{id}/clone", {"new_id": "logged-too"}),
    ("POST", "/api/feature-backfills", {"feature": "logged"}),
    ("PUT", "/api/privacy/{source}", {"addresses": "none"}),
    ("DELETE", "/api/privacy/{source}", None),
    ("POST", "/api/audiences", {"name": "logged", "list_by": "email"}),
    ("PUT", "/api/audiences/{name}", {"list_by": "email", "label": "changed"}),
    ("PUT", "/api/audiences/{name}/values", {"values": ["ada@example.com"]}),
    ("DELETE", "/api/audiences/{name}", None),
    ("POST", "/api/channels", MAIL | {"name": "logged"}),
    ("PUT", "/api/channels/{name}", {**SETTINGS, "host": "smtp2.example.com"}),
    ("PUT", "/api/channels/{name}/secrets", {"user": "hub", "password": KEY_SECRET}),
    ("POST", "/api/rules", {"name": "logged", "channel": "logged"}),
    ("PUT", "/api/rules/{name}", {"channel": "logged", "patience": 2}),
    ("POST", "/api/notices/retry", None),
    ("POST", "/api/notices/{id}/retry", None),
    ("DELETE", "/api/rules/{name}", None),
    ("DELETE", "/api/channels/{name}", None),
    ("POST", "/api/sources", {"name": "logged"}),
    ("PUT", "/api/sources/{name}", {"channel": "ios"}),
    ("POST", "/api/sources/{name}/user-hash", None),
    ("DELETE", "/api/sources/{name}/user-hash", None),
    ("DELETE", "/api/sources/{name}", None),
    ("POST", "/api/keys", {"name": "logged", "scope": "read"}),
    ("DELETE", "/api/keys/{name}", None),
]
# These only look; testing an authorization marks it, as every use of it does.
LOOKING = {
    ("POST", "/api/authorizations/{name}/test"),
    ("POST", "/api/places/check"),
    ("POST", "/api/places/verify"),
    ("POST", "/api/places/policies"),
    ("POST", "/api/jobs/{name}/rehearsals"),
    ("POST", "/api/import-previews"),
    ("POST", "/api/audience-counts"),
    ("POST", "/api/channels/{name}/test"),
    ("POST", "/api/feature-trials"),
}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with served_api.served(tmp_path_factory.mktemp("api") / "data") as api:
        yield api


def test_every_change_is_in_the_audit_log_in_the_name_of_its_key(api, tmp_path):
    key = api.key("admin", "auditor")
    api.ask("POST", "/api/jobs", JOB | {"name": "audited", "to": str(tmp_path / "out")}, key=key)
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


def test_every_route_that_changes_something_leaves_an_entry(api, tmp_path):
    operations = {
        (method.upper(), path)
        for path, methods in describe().openapi()["paths"].items()
        for method in methods
        if method != "get"
    }
    assert {change[:2] for change in CHANGES} == operations - LOOKING
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    for method, path, body in CHANGES:
        given = (
            body | {"to": str(blocked / "x")} if path.startswith("/api/jobs") and body and "since" not in body else body
        )
        if path == "/api/jobs/{name}/runs":
            given = body
        if path.startswith("/api/imports"):
            path = path.replace("{id}", an_import(api))
        if path.startswith("/api/runs"):
            run = wait_for_run(api)
            path = path.replace("{id}", run["id"])
        if path.startswith("/api/notices"):
            path = path.replace("{id}", give_up(api))
        before = api.ask("GET", "/api/audit", limit=1).body["changes"][0]["number"]
        target = path.replace("/features/{id}", "/features/logged").replace("{source}", "logged")
        target = target.replace("{name}", "logged").replace("{entity}", "user").replace("{day}", "2026-01-08")
        answer = api.ask(method, target, given)
        assert answer.status in (200, 201, 202), (method, path, answer.text)
        if "close" in path or "undo" in path or "backfills" in path:
            api.done(answer.body)
        newest = api.ask("GET", "/api/audit").body["changes"]
        mine = [change for change in newest if change["number"] > before and change["actor"] == "token"]
        assert mine, (method, path)
    assert api.ask("GET", "/api/audit/check").body["ok"]


def give_up(api):
    """A notice that nobody took; its id."""
    with api.hub() as hub:
        now, outbox = served_api.now(), outbox_of(hub)
        notice = trial(channels_of(hub).get("logged"), "ops@example.com", now)
        outbox.put([notice], now)
        (posted,) = [each for each in outbox.all() if each.notice.id == notice.id]
        # Whether the server has tried it meanwhile or not: it is over now.
        for attempts in range(posted.attempts + 3):
            outbox.bury(replace(posted, attempts=attempts), "nobody took it")
    return notice.id


def an_import(api):
    """An import of nothing; its id."""
    with api.hub() as hub:
        file = FileVersion("a.csv", "v1", 0)
        begun = {"stream": "logged", "format": "csv", "settings": {}, "at": served_api.now()}
        return ledger_of(hub).begin("@logged", "/nowhere", file, **begun).id


def wait_for_run(api):
    """The newest run of the job ``logged`` that failed: its slot waits to be tried again."""
    for _ in range(300):
        for run in api.ask("GET", "/api/runs", job="logged").body["runs"]:
            if run["ended_at"]:
                return run
        served_api.threading.Event().wait(0.2)
    raise AssertionError("no run ended")
