"""``Idempotency-Key``: what is asked for again is done once, over HTTP, with a whole Footfall behind it."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from hashlib import sha256

import pytest
import served_api
from sqlalchemy import select

from footfall.stores.repeats import SqlRepeats
from footfall.stores.schema import answered_request
from footfall.web.api.app import describe

SLOT = {"slot": "2026-03-09"}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with served_api.served(tmp_path_factory.mktemp("repeats") / "data") as api:
        yield api


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> str:
    return str(tmp_path_factory.mktemp("place") / "out")


def named(key: str) -> dict[str, dict[str, str]]:
    return {"headers": {"idempotency-key": key}}


def test_what_is_made_again_under_its_key_is_answered_the_same_and_made_once(api, place):
    job = {"name": "daily", "to": place}
    first = api.ask("POST", "/api/jobs", job, **named("j-1"))
    again = api.ask("POST", "/api/jobs", job, **named("j-1"))
    assert (first.status, again.status) == (201, 201)
    assert first.text == again.text
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    assert api.ask("POST", "/api/jobs", job).status == 409, "without a key it is there already"
    changes = api.ask("GET", "/api/audit", subject="job daily").body["changes"]
    assert [change["action"] for change in changes] == ["job.add"]


def test_a_key_that_is_shown_once_is_shown_to_who_lost_the_answer(api):
    asked = {"name": "till", "product_key": "shop"}
    keys = [api.ask("POST", "/api/sources", asked, **named("s-1")).body["write_key"] for _ in range(2)]
    assert keys[0] == keys[1]
    assert api.ask("POST", "/api/sources", asked, key=api.key("admin", "other"), **named("s-1")).status == 409
    for path in api.data.rglob("*"):
        assert not path.is_file() or keys[0].encode() not in path.read_bytes(), path
    with api.hub() as hub:
        SqlRepeats(hub.database, hub.vault).forget(served_api.now() + timedelta(days=2))
    assert api.ask("POST", "/api/sources", asked, **named("s-1")).status == 409


def test_what_is_kept_of_a_request_tells_nobody_who_guesses_its_body(api, place):
    body = json.dumps({"name": "guessed", "to": place}).encode()
    kind = {"content-type": "application/json", **named("g-1")["headers"]}
    assert api.ask("POST", "/api/jobs", raw=body, headers=kind).status == 201
    guesses = {sha256(guess).hexdigest() for guess in (body, b"\0" + body)}
    with api.hub() as hub, hub.database.reading() as connection:
        kept = set(connection.execute(select(answered_request.c.request)).scalars())
    assert kept
    assert not kept & guesses


def test_another_request_under_the_same_key_is_refused(api, place):
    assert api.ask("POST", "/api/keys", {"name": "one", "scope": "read"}, **named("k-1")).status == 201
    refused = api.ask("POST", "/api/keys", {"name": "two", "scope": "read"}, **named("k-1"))
    assert (refused.status, refused.body["type"]) == (422, "urn:footfall:refused")
    assert "Idempotency-Key" in refused.body["detail"]
    assert [key["name"] for key in api.ask("GET", "/api/keys").body["keys"] if key["name"] in ("one", "two")] == ["one"]
    job = {"name": "same-key", "to": place}
    assert api.ask("POST", "/api/jobs", job, **named("k-1")).status == 201, "of another route it is another key"


def test_what_was_refused_may_be_mended_under_its_key(api, place):
    assert (
        api.ask("POST", "/api/jobs", {"name": "mended", "to": place, "kind": "nothing"}, **named("m-1")).status == 422
    )
    bad = {"name": "mended", "to": place, "options": {"format": "exe"}}
    assert api.ask("POST", "/api/jobs", bad, **named("m-1")).status == 422
    assert api.ask("POST", "/api/jobs", {"name": "mended", "to": place}, **named("m-1")).status == 201


def test_a_run_that_is_asked_for_again_is_not_run_again(api, place):
    api.ask("POST", "/api/jobs", {"name": "runs", "to": place, "options": {"reports": ["Users"]}})
    for _ in range(2):
        asked = api.ask("POST", "/api/jobs/runs/runs", SLOT, **named("r-1"))
        assert (asked.status, asked.body["slots"]) == (202, ["2026-03-09"])
        for _ in range(300):
            runs = api.ask("GET", "/api/runs", job="runs").body["runs"]
            if runs and all(run["ended_at"] for run in runs):
                break
            threading.Event().wait(0.2)
    assert [run["id"] for run in runs] == ["runs:2026-03-09:1"]
    assert api.ask("POST", "/api/jobs/runs/runs", SLOT, **named("r-2")).body["slots"] == ["2026-03-09"]


def test_of_many_that_come_at_once_one_is_carried_out(api):
    answers = []

    def ask() -> None:
        answers.append(api.ask("POST", "/api/keys", {"name": "at-once", "scope": "read"}, **named("a-1")))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["key"] for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 7


@pytest.mark.parametrize("key", ["", "with space", "x" * 256, "\u00e4"])
def test_a_key_that_is_none_is_refused(api, key):
    assert api.ask("POST", "/api/keys", {"name": "odd", "scope": "read"}, **named(key)).status == 422
    assert "odd" not in [each["name"] for each in api.ask("GET", "/api/keys").body["keys"]]


@pytest.mark.slow
def test_everything_that_makes_or_starts_something_takes_a_key():
    takes = {
        path: "Idempotency-Key" in [each["name"] for each in methods["post"].get("parameters", ())]
        for path, methods in describe().openapi()["paths"].items()
        if "post" in methods
    }
    makes = {path for path in takes if {"201", "202"} & describe().openapi()["paths"][path]["post"]["responses"].keys()}
    assert {path for path, given in takes.items() if given} == makes
    assert len(makes) > 10
