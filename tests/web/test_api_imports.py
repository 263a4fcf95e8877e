"""Imports in the management API: made by a job, looked at, mended, taken back."""

from __future__ import annotations

import pytest
import served_api

DAY = "2026-03-09"
CSV = f"id,at\n1,{DAY}T10:00:00Z\n2,soon\n3,{DAY}T11:00:00Z\n"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with served_api.served(tmp_path_factory.mktemp("imports") / "data") as api:
        yield api


@pytest.fixture(scope="module")
def done(api, tmp_path_factory):
    """An import that a job made."""
    place = tmp_path_factory.mktemp("place")
    (place / "crm.csv").write_text(CSV)
    job = {
        "name": "crm", "kind": "import", "to": str(place), "schedule": {"kind": "once"},
        "options": {"stream": "crm", "file": "crm.csv", "timestamp": "at"},
    }  # fmt: skip
    made = api.ask("POST", "/api/jobs", job)
    assert made.status == 201, made.text
    for _ in range(300):
        found = api.ask("GET", "/api/imports").body["imports"]
        if found and found[0]["state"] == "done":
            return found[0]
        served_api.threading.Event().wait(0.1)
    raise AssertionError(found)


def test_an_import_is_listed_shown_and_its_bad_rows_told(api, done):
    assert (done["stream"], done["by"], done["file"], done["rows"], done["bad"]) == ("crm", "crm", "crm.csv", 2, 1)
    assert api.ask("GET", f"/api/imports/{done['id']}").body == done
    assert api.ask("GET", "/api/imports", stream="other").body == {"imports": []}
    (bad,) = api.ask("GET", f"/api/imports/{done['id']}/bad-rows").body["bad_rows"]
    assert (bad["row"], bad["line"], bad["field"], bad["code"]) == (1, 3, "at", "bad_timestamp")
    assert api.ask("GET", f"/api/imports/{done['id']}/bad-rows", skip=1).body == {"bad_rows": []}
    assert api.ask("GET", f"/api/imports/{done['id']}/bad-rows", key=api.key("read", "curious")).status == 403


def test_an_import_that_is_not_there_is_not_found(api):
    for method, path in (("GET", ""), ("GET", "/bad-rows"), ("POST", "/undo")):
        assert api.ask(method, f"/api/imports/im00{path}").status == 404


def test_a_file_is_looked_at_before_it_is_imported(api, done):
    asked = {"url": done["place"], "file": "crm.csv", "format": "csv"}
    found = api.done(api.ask("POST", "/api/import-previews", asked).body)
    assert [column["name"] for column in found["result"]["columns"]] == ["id", "at"]
    assert api.ask("POST", "/api/import-previews", asked | {"options": {"colour": "blue"}}).status == 422
    assert api.ask("POST", "/api/import-previews", asked, key=api.key("write", "looker")).status == 403
    lost = api.done(api.ask("POST", "/api/import-previews", asked | {"file": "not.csv"}).body)
    assert (lost["state"], "no file not.csv" in lost["error"]) == ("failed", True)


def test_an_import_is_taken_back_in_the_name_of_who_asked(api, done):
    path = f"/api/imports/{done['id']}/undo"
    assert api.ask("POST", path, force="perhaps").status == 422
    assert api.ask("POST", path, key=api.key("read", "reader")).status == 403
    task = api.done(api.ask("POST", path, key=api.key("write", "undoer"), force="true").body)
    assert (task["state"], task["result"]["dropped"]) == ("succeeded", 2)
    assert api.ask("GET", f"/api/imports/{done['id']}").body["state"] == "undone"
    (change,) = api.ask("GET", "/api/audit", subject=f"import {done['id']}").body["changes"]
    assert (change["action"], change["name"]) == ("import.undo", "undoer")
    assert api.done(api.ask("POST", path).body)["state"] == "failed"
