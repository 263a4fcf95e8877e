"""Attributes and people as an operator meets them: events in, definitions by command line and file, files out."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import UTC, datetime
from functools import partial

import pytest

from footfall.config import load_settings
from footfall.ports import Batch
from footfall.wiring import Footfall
from footfall.wiring.keys import create_key

DAY = "2026-03-09"


@pytest.fixture
def hub(install):
    return install(zone="America/New_York")


@pytest.fixture
def type_in(hub, type_in):
    return partial(type_in, hub)


@pytest.fixture
def identify(hub):
    """identify((user, hour, traits), …): identify calls of DAY, accepted and settled."""
    sent = iter(range(1000))

    def identify(*calls: tuple[str, int, dict[str, object]]) -> None:
        settings = load_settings(data=hub.data, environment=hub.environment())
        with Footfall.open(settings, clock=lambda: datetime.now(UTC)) as opened:
            if not opened.sources.all():
                create_key(opened, "web", product_key="default", environment="Production", channel="web")
            events = [
                {"type": "identify", "userId": user, "traits": traits, "messageId": f"m{next(sent)}",
                 "timestamp": f"{DAY}T{hour:02}:00:00Z"}
                for user, hour, traits in calls
            ]  # fmt: skip
            at = int(datetime(2026, 3, 9, 23, tzinfo=UTC).timestamp() * 1_000_000)
            body = json.dumps({"batch": events}).encode()
            opened.log.append(Batch(at, "web", "segment", "batch", len(events), (), "", "", body))
            opened.settle()

    return identify


def users_file(folder):
    [name] = [path for path in folder.iterdir() if path.name.endswith(".csv.gz")]
    return {row["identifyId"]: row for row in csv.DictReader(io.StringIO(gzip.decompress(name.read_bytes()).decode()))}


def test_definitions_show_in_the_files_of_a_day(type_in, identify, tmp_path):
    identify(("ada", 14, {"plan": "free", "tags": ["a"]}), ("ada", 15, {"plan": "pro", "tags": ["b", "c"]}))
    assert type_in("attributes", "set", "plan", "--merge", "first", "--label", "First plan")[0] == 0
    assert type_in("attributes", "set", "tags", "--type", "SET", "--capacity", "2")[0] == 0
    assert type_in("attributes", "set", "seats", "--type", "NUMBER", "--default", "1")[0] == 0
    identify(("ada", 13, {"plan": "trial"}), ("bob", 13, {"seats": 4}))
    code, _, errors = type_in("export", "rollups", "--day", DAY, "--to", str(tmp_path / "out"), "--reports", "Users")
    assert code == 0, errors
    ada, bob = (users_file(tmp_path / "out")[who] for who in ("ada", "bob"))
    shown = [ada[f"customAttribute_{name}"] for name in ("plan", "tags", "seats")]
    assert shown == ["trial", '["b","c"]', "1"]
    assert [bob[f"customAttribute_{name}"] for name in ("plan", "tags", "seats")] == ["", "", "4"]


def test_an_attribute_is_listed_changed_and_removed(type_in, identify):
    identify(("ada", 14, {"plan": "free"}))
    [listed] = json.loads(type_in("attributes", "ls", "--json")[1])
    assert (listed["name"], listed["type"], listed["merge"], listed["origin"]) == ("plan", "STRING", "last", "CUSTOM")
    assert type_in("attributes", "set", "plan", "--merge", "max", "--pii")[0] == 0
    assert type_in("attributes", "set", "PLAN", "--pii")[0] == 4, "it is so already"
    assert type_in("attributes", "set", "plan", "--type", "SET")[0] == 0
    [listed] = json.loads(type_in("attributes", "ls", "--json")[1])
    assert (listed["type"], listed["merge"], listed["flags"]) == ("SET", "add", "pii")
    assert type_in("attributes", "remove", "plan")[0] == 0
    assert type_in("attributes", "remove", "plan")[0] == 1
    listed = json.loads(type_in("attributes", "ls", "--of", "account", "--all", "--json")[1])
    assert [each["name"] for each in listed][:2] == ["name", "plan"]
    changes = json.loads(type_in("audit", "ls", "--json")[1])
    assert [change["action"] for change in changes][:3] == ["attribute.remove", "attribute.define", "attribute.define"]


@pytest.mark.parametrize("unfit", [("title", "--type", "SET"), ("x", "--merge", "sum"), ("x", "--capacity", "3")])
def test_a_definition_that_could_not_work_is_refused_with_a_hint(type_in, unfit):
    code, _, errors = type_in("attributes", "set", *unfit)
    said, hint = errors.splitlines()[-2:]
    assert (code, said.startswith("footfall: user attribute"), hint.startswith("  ")) == (1, True, True)


def test_two_users_with_one_address_are_one_person_and_explain_says_why(type_in, identify):
    assert type_in("attributes", "set", "email", "--identifier", "--pii")[0] == 0
    identify(("ada", 14, {"email": "Ada@example.com"}), ("lovelace", 15, {"email": "ada@example.com", "plan": "pro"}))
    code, out, errors = type_in("people", "show", "lovelace", "--day", DAY, "--json")
    assert code == 0, errors
    shown = json.loads(out)
    assert (shown["identifyId"], shown["users"]) == ("ada", ["ada", "lovelace"])
    told = {name: value for name, value in shown["attributes"].items() if not name.startswith("lastInferred")}
    assert told == {"email": "ada@example.com", "plan": "pro"}
    explained = json.loads(type_in("people", "explain", "ada", "--json")[1])
    assert [(tie["field"], tie["outcome"], tie["count"]) for tie in explained["ties"]] == [("email", "joined", 2)]
    assert "Why these users are one person" in type_in("people", "explain", "ada")[1]
    assert json.loads(type_in("people", "merges", "--json")[1])[0]["identify_id"] == "lovelace"
    assert type_in("people", "crowds")[0] == 4
    code, _, errors = type_in("people", "show", "nobody")
    assert (code, "nobody is known as 'nobody'" in errors) == (1, True)


def test_a_closed_day_stays_as_it_was_delivered_until_it_is_opened_again(type_in, identify, tmp_path):
    out = tmp_path / "out"
    export = ("export", "rollups", "--day", DAY, "--to", str(out), "--reports", "User_Event_Rollups,Users")
    identify(("ada", 14, {"email": "ada@example.com"}), ("lovelace", 15, {"email": "ada@example.com"}))
    assert type_in(*export)[0] == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert type_in("attributes", "set", "email", "--identifier")[0] == 0
    assert type_in("days", "close", DAY)[0] == 4, "nothing was learned about the day"
    type_in(*export)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert type_in("days", "reopen", DAY)[0] == 0
    assert type_in(*export)[0] == 0
    [name] = [path for path in out.iterdir() if path.name.endswith("_r2.csv.gz") and "_Users_" in path.name]
    rows = csv.DictReader(io.StringIO(gzip.decompress(name.read_bytes()).decode()))
    assert {row["identifyId"]: row["isDeleted"] for row in rows} == {"ada": "false", "lovelace": "true"}


def test_attributes_in_a_file_are_planned_applied_and_exported(type_in, identify, tmp_path):
    identify(("ada", 14, {"Plan": "free"}))
    path = tmp_path / "footfall.yaml"
    path.write_text(
        "attributes:\n"
        "  - {entity: user, api_name: plan, merge: first, default: none}\n"
        "  - {entity: account, api_name: seats, type: NUMBER, merge: max}\n"
    )
    assert type_in("plan", str(path))[0] == 5
    assert type_in("apply", str(path), "--yes")[0] == 0
    assert type_in("plan", str(path))[0] == 0
    exported = type_in("export-config")[1]
    assert "api_name: plan" in exported
    path.write_text("attributes:\n  - {entity: user, api_name: PLAN, merge: first, default: none}\n")
    plan = json.loads(type_in("plan", str(path), "--json")[1])
    assert [(each["action"], [field["field"] for field in each["fields"]]) for each in plan["changes"]] == [
        ("change", ["api_name"])
    ]
    assert type_in("apply", str(path), "--yes", "--prune")[0] == 0
    assert [each["name"] for each in json.loads(type_in("attributes", "ls", "--of", "account", "--json")[1])] == []
    path.write_text("attributes:\n  - {entity: user, api_name: plan}\n  - {entity: user, api_name: Plan}\n")
    code, _, errors = type_in("plan", str(path))
    assert (code, "same attribute as 'user plan'" in errors) == (1, True)
