"""Audiences by command and by file, as docs/guide/audiences.md describes them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from footfall.cli import app
from footfall.cli.options import now
from footfall.config import load_settings
from footfall.errors import FootfallError
from footfall.ports import Batch
from footfall.terminal import Exit
from footfall.wiring import Footfall
from footfall.wiring.keys import create_key

PEOPLE = {"ada": ("pro", 7), "bob": ("free", 3), "eve": ("pro", None)}


@dataclass
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


class Shop:
    """A data directory, and commands on it, run in this process: each would else take seconds to start."""

    def run(self, *arguments: str, ok: bool = True) -> Done:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                code = int(app(list(arguments), standalone_mode=False) or 0)
            except FootfallError as error:
                code = Exit.FAILED
                err.write(f"{error.what}\n{error.hint}\n")
        assert not ok or code == 0, err.getvalue()
        return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Three people are known, of whom one bought twice."""
    monkeypatch.setenv("FOOTFALL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("FOOTFALL_TIME_ZONE", "America/New_York")
    events = [
        {"type": "identify", "event_id": f"i-{user}", "identify_id": user, "occurred_at": "2026-11-20T12:00:00Z",
         "user": {"plan": plan} | ({} if score is None else {"score": score})}
        for user, (plan, score) in PEOPLE.items()
    ] + [
        {"type": "custom", "event_id": f"b-{n}", "identify_id": "ada", "event_name": "purchase",
         "occurred_at": f"2026-11-2{n}T12:00:00Z", "attributes": {"amount": 40 + 20 * n}}
        for n in (0, 1)
    ]  # fmt: skip
    with Footfall.open(load_settings(), clock=now) as hub:
        create_key(hub, "web", product_key="default", environment="Production", channel="web")
        received = int(now().timestamp() * 1_000_000)
        hub.log.append(Batch(received, "web", "native", "", len(events), (), "", "", json.dumps(events).encode()))
    return Shop()


def rows(shop: Shop, *arguments: str) -> list[dict[str, object]]:
    return json.loads(shop.run(*arguments, "--json").stdout)


def test_rules_are_tried_kept_counted_explained_and_exported(shop: Shop, tmp_path: Path) -> None:
    at = ("--at", "2026-11-21T20:00:00")
    tried = shop.run("audiences", "count", "--rule", "COUNT(event purchase WITHIN 2d) = 2", *at)
    assert tried.stdout.strip() == "1 of 3 users"
    dear = "COUNT(event purchase WHERE amount >= 50 AND product = default WITHIN 2d) = 1"
    assert shop.run("audiences", "count", "--rule", dear, *at).stdout.strip() == "1 of 3 users"
    shop.run("audiences", "add", "pros", "plan = pro", "--label", "Pros")
    shop.run("audiences", "add", "buyers", "INCLUDE pros AND COUNT(event purchase) > 1")
    assert shop.run("audiences", "add", "pros", "ALL", ok=False).returncode == Exit.FAILED
    shop.run("audiences", "add", "pros", "plan IN (pro, team)", "--replace")
    doubtful = shop.run("audiences", "add", "odd", "nobody_has > 5")
    assert "nobody has nobody_has yet" in doubtful.stderr
    shop.run("audiences", "rm", "odd")
    assert {row["audience"]: row["members"] for row in rows(shop, "audiences", "count")} == {"buyers": 1, "pros": 2}
    assert [row["user"] for row in rows(shop, "audiences", "members", "pros", "--limit", "0")] == ["ada", "eve"]
    why = shop.run("audiences", "explain", "eve", "buyers").stdout.splitlines()
    assert why[0] == "eve is not in buyers"
    assert 'no   COUNT(event "purchase") > 1   found 0' in [line.strip() for line in why]
    shop.run("export", "audience", "--audience", "pros", "--memberships", "--fields", "identifyId",
             "--to", str(tmp_path / "out"))  # fmt: skip
    (file,) = (tmp_path / "out").glob("*.csv.gz")
    with gzip.open(file, "rt") as text:
        assert list(csv.DictReader(text)) == [
            {"identifyId": "ada", "segments": "buyers&pros"},
            {"identifyId": "eve", "segments": "pros"},
        ]
    shop.run("export", "audience", "--audience", "pros", "--fields", "identifyId,email", "--compression", "none",
             "--hide", "identifyId=hash", "--hide", "email=drop", "--to", str(tmp_path / "hidden"))  # fmt: skip
    (file,) = (tmp_path / "hidden").glob("*.csv")
    head, *lines = file.read_text().splitlines()
    assert (head, [line[:5] for line in lines]) == ("identifyId", ["hash_", "hash_"])


def test_lists_are_imported_and_changes_are_told(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "vips.txt").write_text("ada\n\nsomebody\n")
    (tmp_path / "more.csv").write_text("id,score\neve,1\n")
    assert (
        shop.run("audiences", "import-list", "vips", str(tmp_path / "vips.txt")).stdout == "Audience vips: 2 values\n"
    )
    (told,) = rows(shop, "audiences", "look")
    assert (told["members"], told["entered"], told["left"]) == (1, 0, 0)
    shop.run("audiences", "import-list", "vips", str(tmp_path / "more.csv"), "--column", "id", "--keep")
    (told,) = rows(shop, "audiences", "look")
    assert (told["members"], told["entered"], told["left"]) == (2, 1, 0)
    lines = shop.run("events", "tail", "--lines", "5", "--json").stdout.splitlines()
    matches = [event for event in map(json.loads, lines) if event["type"] == "segment_match"]
    assert [(event["source"], event["name"]) for event in matches] == [("audiences", "vips")]
    wrong = shop.run("audiences", "import-list", "vips", str(tmp_path / "more.csv"), "--column", "name", ok=False)
    assert "has no column 'name'" in wrong.stderr
    other = shop.run("audiences", "import-list", "vips", str(tmp_path / "vips.txt"), "--by", "plan", ok=False)
    assert "audience 'vips' is a list by identifyId" in other.stderr
    shop.run("audiences", "import-list", "vips", str(tmp_path / "vips.txt"), "--by", "identifyId")


def test_an_audience_that_is_wrong_says_why(shop: Shop) -> None:
    assert shop.run("audiences", "ls", ok=False).returncode == Exit.NOTHING_TO_DO
    shop.run("audiences", "add", "wrong", "score > many")
    counted = shop.run("audiences", "count", ok=False)
    assert counted.returncode == Exit.PARTIAL
    assert "'many' is no Long" in counted.stdout
    unread = shop.run("audiences", "add", "x", "plan = ", ok=False)
    assert "line 1, column 8" in unread.stderr


FILE = """
audiences:
  - name: buyers
    rule:
      and:
        - include: pros
        - {count: {type: custom, name: purchase}, operator: ">", value: 1}
        - count: {type: custom, days: 9, where: {property: amount, operator: ">", value: 5}}
          operator: ">"
          value: 0
  - name: pros
    rule: plan = pro
    tells: none
  - name: vips
    list_by: email
jobs:
  - name: users
    kind: audience
    to: out
    options: {audience: pros}
"""


def test_a_file_defines_audiences_whatever_their_order(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "footfall.yaml"
    file.write_text(FILE)
    shop.run("apply", str(file), "--yes")
    listed = {row["name"]: row["rule"] for row in rows(shop, "audiences", "ls")}
    assert listed["buyers"] == (
        'AND(INCLUDE pros, COUNT(event "purchase") > 1, COUNT(event WHERE amount > 5 WITHIN 9d) > 0)'
    )
    assert shop.run("plan", str(file)).returncode == Exit.OK
    written = shop.run("export-config").stdout
    assert "rule: plan = " in written
    # What is included goes last.
    file.write_text("audiences: []\njobs: []\n")
    shop.run("apply", str(file), "--prune", "--yes")
    assert shop.run("audiences", "ls", ok=False).returncode == Exit.NOTHING_TO_DO
    file.write_text("audiences:\n  - {name: a, rule: INCLUDE b}\n  - {name: b, rule: INCLUDE a}\n")
    wrong = shop.run("plan", str(file), ok=False)
    assert wrong.returncode == Exit.FAILED
    assert "made of itself" in wrong.stderr + wrong.stdout
