"""Files about users and accounts, as PX's Data Loader takes them."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
import weed

USERS = """id,mail,state,joined,points,seats,firm
ana,ana@example.com,CA,1795248000123,7,3,acme
zoe,zoe@example.com,NY,2026-11-21T08:00:00Z,8,4,acme
ben,ben@example.com,TX,soon,9,5,acme
,nobody@example.com,TX,,1,5,acme
ben,,WA,,many,6,
"""
MAPPING = {
    "productKey": "AP-1",
    "fieldMapping": {
        "USER": {
            "identifyId": "id", "email": "mail", "location.stateCode": "state", "signUpDate": "joined",
            "score": "points", "customAttributes.seats": "seats", "accountId": "firm",
        },
        "ACCOUNT": {"id": "firm", "plan": "state", "numberOfEmployees": "seats"},
    },
}  # fmt: skip


@pytest.fixture
def mapping(tmp_path) -> str:
    path = tmp_path / "M.json"
    path.write_text(json.dumps(MAPPING))
    return str(path)


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "users.csv"
    path.write_text(USERS)
    return path


@pytest.fixture
def hub(install, asked, tmp_path) -> Any:
    """Ana and Ben are known, and that the attribute ``seats`` is a number."""
    hub = install(zone="UTC")
    known = tmp_path / "known.csv"
    known.write_text("who,city\nana,Oslo\nben,Bonn\n")
    asked(hub, "import", "csv", str(known), "--people", "--identify-id", "who", "--user", "city")
    asked(hub, "attributes", "set", "seats", "--type", "NUMBER")
    return hub


def attributes(asked, hub, id: str) -> dict[str, Any]:
    return asked(hub, "people", "show", id)["attributes"]


def test_only_who_is_known_is_updated_and_each_row_that_fails_is_named_by_its_line(hub, asked, file, mapping):
    done = asked(hub, "import", "people", str(file), "user", "--mapping", mapping, code=3)
    assert (done["updated"], done["inserted"], done["failed"]) == (1, 0, 4)
    assert [(row["line"], row["field"], row["code"]) for row in done["bad"]] == [
        (3, "id", "unknown_user"), (4, "joined", "bad_type"), (5, "id", "missing_user"), (6, "points", "bad_type"),
    ]  # fmt: skip
    ana = attributes(asked, hub, "ana")
    assert (ana["email"], ana["location_stateCode"], ana["score"], ana["seats"]) == ("ana@example.com", "CA", 7, 3)
    assert ana["signUpDate"] == "2026-11-21T08:00:00.123Z"
    assert "location_stateCode" not in attributes(asked, hub, "ben")
    asked(hub, "import", "people", str(file), "USER", "--mapping", mapping, code=4)


def test_a_dry_run_tells_what_would_change_and_writes_nothing(hub, asked, file, mapping):
    words = ("import", "people", str(file), "USER", "--mapping", mapping, "--insert-missing")
    told = asked(hub, *words, "--dry-run", code=3)
    assert (told["updated"], told["inserted"], told["unchanged"], told["failed"]) == (1, 1, 0, 3)
    ana, zoe = told["changes"]
    assert (ana["change"], ana["line"], ana["values"]["seats"]) == ("update", 2, [None, 3])
    assert ana["values"]["accountId"] == [None, "acme"]
    assert (zoe["change"], zoe["id"]) == ("insert", "zoe")
    assert "email" not in attributes(asked, hub, "ana")
    assert len(asked(hub, "imports", "ls")) == 1

    done = asked(hub, *words, code=3)
    assert (done["updated"], done["inserted"], done["failed"]) == (1, 1, 3)
    assert attributes(asked, hub, "zoe")["score"] == 8
    again = asked(hub, *words, "--dry-run", code=3)
    assert (again["updated"], again["inserted"], again["unchanged"]) == (0, 0, 2)

    assert asked(hub, "imports", "undo", done["import"])["dropped"] == 2
    assert "email" not in attributes(asked, hub, "ana")


def test_a_dry_run_is_refused_as_loading_is_where_a_column_is_not_there(hub, asked, file, tmp_path):
    mapping = tmp_path / "typo.json"
    mapping.write_text(
        json.dumps({"productKey": "AP-TEST-2", "fieldMapping": {"USER": {"identifyId": "id", "email": "mial"}}})
    )
    words = ("import", "people", str(file), "USER", "--mapping", str(mapping))
    refused = asked(hub, *words, code=1)
    assert "no column 'mial'" in refused
    assert asked(hub, *words, "--dry-run", code=1) == refused


def test_accounts_are_loaded_from_a_bucket(hub, asked, mapping, monkeypatch):
    server = weed.server()
    bucket = server.bucket(f"b-{uuid.uuid4().hex}")
    text = "firm,state,seats\nacme,pro,12\nbolt,free,2.5\n"
    server.client().put_object(Bucket=bucket, Key="in/accounts.csv", Body=text.encode())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", weed.ADMIN[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", weed.ADMIN[1])
    words = ("import", "people", f"s3://{bucket}/in/accounts.csv", "ACCOUNT", "--mapping", mapping,
             "--endpoint-url", server.url)  # fmt: skip
    done = asked(hub, *words, "--insert-missing", code=3)
    assert (done["updated"], done["inserted"], done["failed"]) == (0, 1, 1)
    assert (done["bad"][0]["line"], done["bad"][0]["field"]) == (3, "seats")
    told = asked(hub, *words, "--dry-run", code=3)
    assert (told["unchanged"], told["failed"]) == (1, 1)


def test_a_file_in_which_nobody_is_known_fails_row_by_row(hub, asked, tmp_path, mapping):
    file = tmp_path / "users.csv"
    file.write_text("id,mail,state,joined,points,seats,firm\n" + "x,,,,,,\n" * 3)
    done = asked(hub, "import", "people", str(file), "USER", "--mapping", mapping, code=3)
    assert (done["updated"], done["failed"]) == (0, 3)


def test_a_row_about_a_user_who_was_merged_updates_the_one_they_live_on_in(hub, asked, tmp_path, mapping):
    asked(hub, "attributes", "set", "city", "--identifier")
    same = tmp_path / "same.csv"
    same.write_text("who,city\ncem,Oslo\n")
    asked(hub, "import", "csv", str(same), "--people", "--identify-id", "who", "--user", "city")
    file = tmp_path / "one.csv"
    file.write_text("id,mail,state,joined,points,seats,firm\ncem,cem@example.com,,,,,\n")
    tried = asked(hub, "import", "people", str(file), "USER", "--mapping", mapping, "--dry-run")
    assert (tried["updated"], tried["inserted"], tried["failed"]) == (1, 0, 0)
    done = asked(hub, "import", "people", str(file), "USER", "--mapping", mapping)
    assert (done["updated"], done["inserted"], done["failed"]) == (1, 0, 0)
    assert attributes(asked, hub, "ana")["email"] == "cem@example.com"


def test_beside_a_running_server_the_server_loads(hub, asked, file, mapping):
    hub.start()
    done = asked(hub, "import", "people", str(file), "USER", "--mapping", mapping, code=3)
    assert (done["updated"], done["failed"]) == (1, 4)
    assert attributes(asked, hub, "ana")["score"] == 7


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ([], "no fieldMapping"),
        ({"fieldMapping": {"USER": {"email": "mail"}}}, "no column says which user"),
        ({"fieldMapping": {"USER": {"identifyId": "id", "favouriteColour": "x"}}}, "customAttributes.favouriteColour"),
        ({"fieldMapping": {"USER": {"identifyId": "id", "createDate": "x"}}}, "cannot be set by anybody"),
        ({"fieldMapping": {"USER": {"identifyId": "id", "role": "x", "userRole": "y"}}}, "are the same attribute"),
        ({"fieldMapping": {"USER": {}, "ACCOUNT": {}}}, "say what the rows are"),
        ({"fieldMapping": {"USER": {"identifyId": "nope"}}}, "no column 'nope'"),
    ],
)
def test_a_mapping_that_could_not_work_is_refused_before_anything_is_written(install, asked, file, tmp_path, mapping,
                                                                            said):  # fmt: skip
    path = tmp_path / "M.json"
    path.write_text(json.dumps(mapping))
    hub = install(zone="UTC")
    assert said in asked(hub, "import", "people", str(file), "--mapping", str(path), code=1)
