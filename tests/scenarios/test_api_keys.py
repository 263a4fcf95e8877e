"""API keys and the audit log as an operator meets them at the command line."""

from __future__ import annotations

import json
from functools import partial

import pytest

from footfall.model.api_keys import well_formed


@pytest.fixture
def type_in(install, type_in):
    return partial(type_in, install())


def test_a_key_is_printed_once_listed_without_it_and_revoked(type_in):
    code, out, said = type_in("api-keys", "add", "ci", "--scope", "read", "--expires", "2099-01-31")
    key = out.strip()
    assert (code, well_formed(key)) == (0, True)
    assert "only time" in said
    code, out, _ = type_in("api-keys", "ls", "--json")
    [listed] = json.loads(out)
    assert (listed["name"], listed["state"], listed["expires"]) == ("ci", "active", "2099-01-31 00:00Z")
    assert key not in out
    assert type_in("api-keys", "add", "ci", "--scope", "read")[0] == 1, "the name is taken"
    assert type_in("api-keys", "revoke", "ci")[0] == 0
    assert json.loads(type_in("api-keys", "ls", "--json")[1])[0]["state"] == "revoked"
    code, _, errors = type_in("api-keys", "revoke", "ci")
    assert (code, "footfall api-keys ls" in errors) == (1, True)


@pytest.mark.parametrize("unfit", [["--scope", "root"], ["--scope", "read", "--expires", "2001-01-01"], []])
def test_a_key_that_cannot_be_is_refused(type_in, unfit):
    assert type_in("api-keys", "add", "ci", *unfit)[0] in (1, 2)
    assert json.loads(type_in("api-keys", "ls", "--json")[1]) == []


def test_what_commands_change_is_in_the_audit_log(type_in, tmp_path):
    assert type_in("jobs", "add", "daily", "--to", str(tmp_path / "out"))[0] == 0
    assert type_in("jobs", "pause", "daily", "--cause", "holidays")[0] == 0
    assert type_in("keys", "create", "web")[0] == 0
    assert type_in("days", "close", "2026-01-05")[0] == 0
    changes = json.loads(type_in("audit", "ls", "--json")[1])
    assert [change["action"] for change in changes] == ["day.close", "source.add", "job.pause", "job.add"]
    assert {change["actor"] for change in changes} == {"cli"}
    assert changes[2]["after"] == {"state": "paused", "cause": "holidays"}
    mine = json.loads(type_in("audit", "ls", "--subject", "job daily", "--json")[1])
    assert [change["number"] for change in mine] == [2, 1]
    assert "job.pause" in type_in("audit", "ls", "--limit", "3")[1]
    assert type_in("audit", "check")[0] == 0


def test_an_entry_that_was_altered_is_found(type_in, install):
    type_in("keys", "create", "web")
    type_in("keys", "create", "app")
    import sqlite3

    with sqlite3.connect(install().data / "store.db") as store:
        store.execute("UPDATE audit SET subject = 'source other' WHERE number = 1")
    code, out, errors = type_in("audit", "check", "--json")
    assert (code, json.loads(out)) == (1, {"ok": False, "broken_at": 1})
    assert "Entry 1" in errors
