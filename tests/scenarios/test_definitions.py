"""Definitions as code, as an operator uses them: a file is begun, checked, planned, applied, written back."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from footfall.cli import main

CANARY = "canary-5c1d-never-to-be-seen"
OTHER = "canary-90aa-never-to-be-seen"
WHOLE = """\
subscription:
  time_zone: Europe/Athens
products:
  - {product_key: shop, name: The shop}
features:
  - {id: pay, name: Pay by card, parent_feature_id: checkout}   # before its parent
  - {id: checkout, name: Checkout, type: MODULE}
sources:
  - name: web
    product_key: shop
    channel: web
authorizations:
  - name: warehouse
    region: eu-central-1
    secrets:
      access_key_id: ${env:THE_ID}
      access_key_secret: ${file:secret.txt}
jobs:
  - name: daily
    to: s3://my-bucket/px
    authorization: warehouse
    options: {format: json}
  - name: activity
    kind: activity
    to: out
    schedule: {kind: hourly, every: 6}
    options: {streams: [web]}
    paused: true
"""


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Operator:
    """A person in a folder of their own, with a file of definitions."""

    folder: Path
    machine: pytest.MonkeyPatch
    read: Callable[[], tuple[str, str]]

    def writes(self, text: str) -> None:
        (self.folder / "footfall.yaml").write_text(text, "utf-8")

    def has(self, key: str = "AKIACANARY0000WXYZ", secret: str = CANARY) -> None:
        self.machine.setenv("THE_ID", key)
        (self.folder / "secret.txt").write_text(f"{secret}\n")

    def types(self, *arguments: str, code: int = 0, data: str = "data") -> Answer:
        self.machine.setenv("FOOTFALL_DATA", data)
        self.machine.setattr(sys, "argv", ["footfall", *arguments])
        self.machine.setattr(sys, "stdin", io.StringIO())
        with pytest.raises(SystemExit) as ended:
            main()
        answer = Answer(int(ended.value.code or 0), *self.read())
        assert answer.code == code, answer
        assert CANARY not in answer.out + answer.err
        assert OTHER not in answer.out + answer.err
        return answer

    def sees(self, *arguments: str, code: int = 0, data: str = "data"):
        return json.loads(self.types(*arguments, "--json", code=code, data=data).out)


@pytest.fixture
def operator(tmp_path, monkeypatch, capsys):
    for name in [name for name in os.environ if name.startswith(("AWS_", "FOOTFALL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    one = Operator(tmp_path, monkeypatch, capsys.readouterr)
    one.has()
    return one


def changes(plan) -> list[tuple[str, str, str]]:
    return [(each["action"], each["kind"], each["name"]) for each in plan["changes"]]


def fields(plan) -> dict[str, tuple[object, object]]:
    return {each["field"]: (each["before"], each["after"]) for change in plan["changes"] for each in change["fields"]}


def test_a_file_is_begun_and_changes_nothing_until_it_says_something(operator):
    operator.types("init")
    begun = (operator.folder / "footfall.yaml").read_text()
    assert begun.startswith("# yaml-language-server: $schema=footfall.schema.json\n")
    assert json.loads((operator.folder / "footfall.schema.json").read_text())["title"] == "footfall.yaml"
    operator.types("check")
    assert operator.sees("plan") == {"changes": [], "left": []}
    assert "is there already" in operator.types("init", code=1).err
    assert (operator.folder / "footfall.yaml").read_text() == begun


def test_a_plan_touches_nothing_and_applying_it_is_done_once(operator):
    operator.writes(WHOLE)
    planned = operator.sees("plan", code=5)
    assert changes(planned) == [
        ("create", "products", "shop"), ("create", "features", "pay"), ("create", "features", "checkout"),
        ("create", "sources", "web"), ("create", "authorizations", "warehouse"),
        ("create", "jobs", "daily"), ("create", "jobs", "activity"),
    ]  # fmt: skip
    assert not (operator.folder / "data").exists()

    applied = operator.sees("apply", "--yes")
    assert changes({"changes": applied["done"]}) == changes(planned)
    assert list(applied["write_keys"]) == ["web"]
    assert operator.sees("plan") == {"changes": [], "left": []}
    again = operator.sees("apply", "--yes")
    assert (again["done"], again["write_keys"]) == ([], {})

    jobs = {job["name"]: job for job in operator.sees("jobs", "ls")}
    assert jobs["daily"]["schedule"] == "every day at 03:00 Europe/Athens"
    assert jobs["activity"]["state"] == "paused"
    assert operator.sees("authorizations", "show", "warehouse")["key_id_shown"] == "WXYZ"
    assert (operator.folder / "footfall.yaml").read_text() == WHOLE


def test_a_change_is_planned_field_by_field_and_made(operator):
    operator.writes(WHOLE)
    operator.types("apply", "--yes")
    changed = WHOLE.replace("format: json", "format: xml").replace("channel: web", "channel: ios")
    changed = changed.replace("name: Checkout", "name: Till").replace("region: eu-central-1", "region: eu-west-1")
    operator.writes(changed.replace("paused: true", "paused: false").replace("every: 6", "every: 1"))
    planned = operator.sees("plan", code=5)
    assert fields(planned) == {
        "name": ("Checkout", "Till"), "channel": ("web", "ios"), "region": ("eu-central-1", "eu-west-1"),
        "options.format": ("json", "xml"), "schedule.every": (6, None), "paused": (True, False),
    }  # fmt: skip
    operator.types("apply", "--yes")
    assert operator.sees("plan")["changes"] == []
    assert operator.sees("jobs", "show", "activity")["state"] == "runnable"  # as `jobs resume` would leave it
    assert operator.sees("keys", "ls")[0]["channel"] == "ios"


def test_a_secret_that_changed_is_seen_and_is_shown_nowhere(operator):
    operator.writes(WHOLE)
    operator.types("apply", "--yes")
    operator.has(secret=OTHER)
    assert fields(operator.sees("plan", code=5)) == {
        "secrets.access_key_secret": ("(another value)", "${file:secret.txt}")
    }
    operator.types("plan", code=5)
    operator.types("apply", "--yes")
    assert operator.sees("plan")["changes"] == []
    stored = b"".join(path.read_bytes() for path in (operator.folder / "data").rglob("*") if path.is_file())
    assert CANARY.encode() not in stored
    assert OTHER.encode() not in stored


def test_a_secret_that_is_not_there_is_named_with_its_place(operator):
    operator.writes(WHOLE)
    operator.machine.delenv("THE_ID")
    said = operator.types("plan", code=1).err
    assert said == (
        "footfall.yaml:16:7: authorizations[0].secrets.access_key_id: the variable THE_ID is not set. "
        "Export it, or name another source\n"
    )


def test_what_a_file_does_not_name_stays_until_it_is_pruned(operator):
    operator.writes(WHOLE)
    operator.types("apply", "--yes")
    operator.writes("jobs: []\nsources: []\nfeatures: []\n")
    kept = operator.sees("plan")
    assert kept["changes"] == []
    assert {(each["kind"], each["name"]) for each in kept["left"]} == {
        ("features", "checkout"), ("features", "pay"), ("sources", "web"), ("jobs", "activity"), ("jobs", "daily"),
    }  # fmt: skip
    pruned = operator.sees("plan", "--prune", code=5)
    assert changes(pruned) == [
        ("delete", "jobs", "activity"),
        ("delete", "jobs", "daily"),
        ("delete", "sources", "web"),
    ]
    operator.types("apply", "--prune", "--yes")
    assert operator.sees("jobs", "ls") == []
    assert operator.sees("keys", "ls")[0]["state"] == "revoked"
    assert operator.sees("authorizations", "ls")[0]["name"] == "warehouse"  # the file has no list of them


def test_what_is_set_up_by_hand_becomes_a_file_that_sets_it_up_again(operator):
    operator.writes(WHOLE)
    operator.types("apply", "--yes")
    operator.types(
        "jobs", "add", "weekly", "--to", "out", "--kind", "audience", "--schedule", "weekly", "--at", "after",
        "--zone", "Asia/Tokyo", "--option", 'filter=["plan = pro"]', "--option", "limit=5", "--label", "no: really",
    )  # fmt: skip
    operator.types("jobs", "pause", "daily")
    operator.types("export-config", "--out", "written.yaml")
    first = (operator.folder / "written.yaml").read_bytes()
    assert "is there already" in operator.types("export-config", "--out", "written.yaml", code=1).err
    operator.machine.setenv("WAREHOUSE_ACCESS_KEY_ID", "AKIACANARY0000WXYZ")
    operator.machine.setenv("WAREHOUSE_ACCESS_KEY_SECRET", CANARY)

    assert operator.sees("plan", "written.yaml")["changes"] == []
    operator.types("apply", "written.yaml", "--yes", data="elsewhere")
    operator.types("export-config", "--out", "again.yaml", data="elsewhere")
    assert (operator.folder / "again.yaml").read_bytes() == first
    assert (operator.folder / "elsewhere/subscription.json").read_bytes() == (
        operator.folder / "data/subscription.json"
    ).read_bytes()


def test_a_failure_in_the_middle_says_what_is_done_and_what_is_not(operator):
    operator.writes(WHOLE.replace("options: {format: json}", "schedule: {end: 2020-01-01}"))
    answer = operator.types("apply", "--yes", code=3)
    assert "done: create authorizations warehouse" in answer.err
    assert "failed: create jobs daily (footfall.yaml:19:5)" in answer.err
    assert "not done: create jobs activity" in answer.err
    assert "Write key of 'web'" in answer.out
    operator.writes(WHOLE)
    assert changes(operator.sees("plan", code=5)) == [("create", "jobs", "daily"), ("create", "jobs", "activity")]


def test_nobody_at_a_terminal_is_not_asked(operator):
    operator.writes(WHOLE)
    assert "--yes" in operator.types("apply", code=1).err
    assert operator.sees("plan", code=5)["changes"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(
            "authorization: warehouse",
            "authorization: nowhere",
            ":19:5: jobs[0]: there is no authorization",
            id="access",
        ),
        pytest.param("streams: [web]", "streams: [app]", ":23:5: jobs[1]: there is no stream 'app'", id="stream"),
        pytest.param(
            "checkout}", "nothing}", ":6:34: features[0].parent_feature_id: no feature has the id", id="parent"
        ),
        pytest.param("s3://my-bucket", "gs://my-bucket", ":19:5: jobs[0]: authorization 'warehouse' is of", id="place"),
        pytest.param("Europe/Athens", "Europe/Atlantis", ":2:3: subscription.time_zone: 'Europe/Atl", id="no zone"),
    ],
)
def test_what_does_not_fit_is_named_before_anything_is_done(operator, old, new, said):
    operator.writes(WHOLE.replace(old, new))
    operator.types("check")
    assert operator.types("apply", "--yes", code=1).err.startswith(f"footfall.yaml{said}")
    assert operator.sees("jobs", "ls") == []


def test_the_data_of_another_subscription_is_left_alone(operator):
    operator.writes(WHOLE)
    operator.types("apply", "--yes")
    operator.writes(WHOLE.replace("Europe/Athens", "Asia/Tokyo"))
    said = operator.types("apply", "--yes", code=1).err
    assert said.startswith(
        "footfall.yaml:2:3: subscription.time_zone: the data in data was collected with Europe/Athens"
    )


def test_a_job_keeps_its_kind(operator):
    operator.writes(WHOLE)
    operator.types("apply", "--yes")
    operator.writes(WHOLE.replace("    options: {format: json}\n", "    kind: app_events\n"))
    assert "it is of kind rollups and stays so" in operator.types("plan", code=1).err


TOLD = """\
channels:
  - name: ops
    host: smtp.example.com
    sender: hub@example.com
    to: [ops@example.com]
    secrets: {user: "${env:THE_ID}", password: "${file:secret.txt}"}
  - {name: pager, kind: webhook, url: https://hooks.example.com/footfall}
rules:
  - {name: everything, channel: ops}
jobs:
  - {name: users, kind: audience, to: out, options: {email_to: [ana@example.com]}}
"""


def test_who_is_told_is_defined_and_a_drawn_signing_secret_is_shown_once(operator):
    operator.writes(TOLD)
    applied = operator.sees("apply", "--yes")
    assert applied["signing_secrets"]["pager"].startswith("whsec_")
    assert applied["write_keys"] == {}
    assert operator.sees("apply", "--yes")["done"] == []
    operator.has(secret=OTHER)
    plan = operator.sees("plan", code=5)
    assert fields(plan) == {"secrets.password": ("(another value)", "${file:secret.txt}")}
    operator.types("apply", "--yes")
    assert operator.sees("plan")["changes"] == []
    written = operator.types("export-config").out
    assert "signing_secret: ${env:PAGER_SIGNING_SECRET}" in written
    assert "password: ${env:OPS_PASSWORD}" in written


def test_an_address_moves_from_a_channel_to_a_rule_and_back_in_one_go(operator):
    operator.writes(TOLD)
    operator.types("apply", "--yes")
    moved = TOLD.replace("    to: [ops@example.com]\n", "").replace(
        "channel: ops}", "channel: ops, to: [b@example.com]}"
    )
    for text in (moved, TOLD):
        operator.writes(text)
        operator.types("apply", "--yes")
        assert operator.sees("plan")["changes"] == []


def test_what_is_left_out_is_pruned_with_what_it_uses(operator):
    operator.writes(TOLD)
    operator.types("apply", "--yes")
    operator.writes("channels: []\nrules: []\njobs: []\n")
    assert changes(operator.sees("plan", "--prune", code=5)) == [
        ("delete", "jobs", "users"), ("delete", "rules", "everything"), ("delete", "channels", "ops"),
        ("delete", "channels", "pager"),
    ]  # fmt: skip
    operator.types("apply", "--prune", "--yes")
    assert operator.sees("notifications", "channels", "ls") == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("channel: ops}", "channel: nobody}", "9:5: rules[0]: there is no channel", id="no channel"),
        pytest.param(
            "channel: ops}",
            "channel: pager, to: [a@b.example]}",
            "9:5: rules[0]: rule 'everything' has ad",
            id="to a hook",
        ),
        pytest.param("    to: [ops@example.com]\n", "", "8:5: rules[0]: rule 'everything' would tell", id="nobody"),
        pytest.param("https://hooks", "http://hooks", "7:5: channels[1]: the endpoint", id="in the clear"),
        pytest.param("${env:THE_ID}", "${env:NO_SUCH}", "6:15: channels[0].secrets.user: the vari", id="no secret"),
        pytest.param('user: "${env:THE_ID}", ', "", "2:5: channels[0]: channel 'ops' has half of a login", id="half"),
        pytest.param(
            "kind: webhook, url: https://hooks.example.com/footfall",
            "kind: apprise",
            "7:5: channels[1]: channel 'pager' lacks the secret url",
            id="no address",
        ),
        pytest.param(
            "ana@example.com]",
            "ana@example.com], email_channel: pager",
            "11:5: jobs[0]: job 'users' has email_to",
            id="mail through a webhook",
        ),
    ],
)
def test_who_could_not_be_told_is_named_before_anything_is_done(operator, old, new, said):
    operator.writes(TOLD.replace(old, new))
    assert f"footfall.yaml:{said}" in operator.types("plan", code=1).err
    assert not (operator.folder / "data").exists()


def test_a_channel_keeps_its_kind(operator):
    operator.writes(TOLD)
    operator.types("apply", "--yes")
    operator.writes("channels:\n  - {name: pager, kind: mail, host: a, sender: a@example.com}\n")
    assert "it is of kind webhook and stays so" in operator.types("plan", code=1).err
