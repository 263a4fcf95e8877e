"""A folder of accounts as somebody types it: a channel, a job, a rehearsal, a run, and what became of the rows."""

from __future__ import annotations

import json

from receivers import http_server


def test_accounts_are_taken_out_of_a_folder_by_command_and_the_callback_is_told(install, asked, type_in, tmp_path,
                                                                               monkeypatch):  # fmt: skip
    current = tmp_path / "accounts" / "current"
    current.mkdir(parents=True)
    (current / "accounts.csv").write_text("id,name,renewalDate,seats\nacme,Acme,12/31/2026,7\nbolt,Bolt,never,\n")
    hub = install(zone="UTC", env={"FOOTFALL_ALLOW_PRIVATE_ENDPOINTS": "true"})
    monkeypatch.setenv("STATUS_KEY", "canary")
    with http_server() as server:
        asked(hub, "notifications", "channels", "add", "status", "--kind", "callback", "--url", server.url,
              "--header", "x-status-key", "--secret", "api_key=env:STATUS_KEY")  # fmt: skip
        asked(hub, "attributes", "set", "renewalDate", "--of", "account", "--type", "DATE_TIME")
        asked(hub, "jobs", "add", "accounts", "--kind", "people_import", "--to", str(tmp_path / "accounts"),
              "--schedule", "once", "--option", "entity=ACCOUNT", "--option", "insert_missing=true",
              "--option", "date_format=MM/dd/yyyy", "--option", "status_channel=status")  # fmt: skip
        ended, _, errors = type_in(hub, "jobs", "run", "accounts")
        assert (ended, "not ready: current/_SUCCESS is not there" in errors) == (0, True)

        (current / "_SUCCESS").touch()
        file, marker = asked(hub, "jobs", "run", "accounts", "--dry-run")
        assert (file["file"], file["rows"]) == ("current/accounts.csv", 1)
        assert file["difference"] == "would be moved to processed/accounts.csv; 1 more rows would be refused"
        assert marker["file"] == "current/_SUCCESS"
        done = asked(hub, "jobs", "run", "accounts")
        assert (done["state"], done["files"], done["rows"]) == ("succeeded", 1, 1)
    ((_, headers, body),) = server.got
    assert (headers["x-status-key"], json.loads(body)["status"]) == ("canary", "partial")
    (one,) = asked(hub, "imports", "ls")
    (bad,) = asked(hub, "imports", "bad", one["id"])
    assert (bad["line"], bad["field"]) == (3, "renewalDate")
    assert sorted(path.name for path in (tmp_path / "accounts" / "processed").iterdir()) == ["_SUCCESS", "accounts.csv"]
    assert list(current.iterdir()) == []
    assert [each["state"] for each in asked(hub, "notifications", "ls")] == ["sent"]
