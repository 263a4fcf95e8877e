"""A privacy officer's day: what is held, what would go, erased, and a receipt that anybody can check."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from footfall.config import load_settings
from footfall.ports import Batch
from footfall.wiring import Footfall
from footfall.wiring.keys import create_key

DAY = "2026-03-09"


@pytest.fixture
def hub(install, type_in, tmp_path):
    """ada and bob were there on DAY, and it was delivered."""
    made = install(zone="America/New_York")
    with Footfall.open(load_settings(data=made.data, environment=made.environment()), clock=_now) as opened:
        create_key(opened, "web", product_key="default", environment="Production", channel="web")
        events = [
            {"type": "identify", "userId": who, "traits": {"email": f"{who}@example.com"}, "messageId": f"i-{who}",
             "timestamp": f"{DAY}T14:00:00Z"}
            for who in ("ada", "bob")
        ]  # fmt: skip
        at = int(datetime(2026, 3, 9, 23, tzinfo=UTC).timestamp() * 1_000_000)
        opened.log.append(Batch(at, "web", "segment", "batch", 2, (), "", "", json.dumps({"batch": events}).encode()))
    assert type_in(made, "export", "rollups", "--day", DAY, "--to", str(tmp_path / "out"), "--reports", "Users")[0] == 0
    return made


def _now() -> datetime:
    return datetime.now(UTC)


def test_somebody_is_exported_erased_and_the_receipt_is_checked(hub, type_in, tmp_path):
    out, receipt, leavers = tmp_path / "out", tmp_path / "R.json", tmp_path / "leavers.txt"
    assert type_in(hub, "people", "export", "ada", "--out", str(tmp_path / "ada"))[0] == 0
    assert "ada@example.com" in (tmp_path / "ada" / "profile.json").read_text()
    assert json.loads((tmp_path / "ada" / "events.ndjson").read_text().splitlines()[0])["type"] == "identify"
    assert type_in(hub, "people", "export", "ada", "--out", str(tmp_path / "ada"))[0] == 1, "it is there already"
    leavers.write_text("ada\n\nnobody\n")
    shown = type_in(hub, "people", "erase", "--file", str(leavers), "--dry-run")
    assert (shown[0], "Users of 2026-03-09" in shown[1], len(list(out.iterdir()))) == (0, True, 2)
    code, told, errors = type_in(hub, "people", "erase", "--file", str(leavers), "--receipt", str(receipt), "--json")
    assert code == 0, errors
    assert {name: json.loads(told)[name] for name in ("people", "unknown", "untouched")} == {
        "people": 1, "unknown": 1, "untouched": [],
    }  # fmt: skip
    assert all("_r2." in path.name for path in out.iterdir())
    assert type_in(hub, "verify", str(out))[0] == 0
    assert type_in(hub, "people", "show", "ada")[0] == 1
    assert type_in(hub, "people", "show", "bob")[0] == 0
    code, told, _ = type_in(hub, "people", "receipt", "--verify", str(receipt), "--json")
    assert (code, json.loads(told)["ok"]) == (0, True)
    receipt.write_text(receipt.read_text().replace('"people": 1', '"people": 2'))
    assert type_in(hub, "people", "receipt", "--verify", str(receipt))[0] == 1
    [listed] = json.loads(type_in(hub, "people", "erasures", "--json")[1])
    assert (listed["state"], listed["people"]) == ("done", 1)
    assert type_in(hub, "people", "receipt", listed["id"], "--out", str(receipt))[0] == 0
    assert type_in(hub, "people", "erase", "--listed")[0] == 4, "nobody is back"
    assert type_in(hub, "people", "erase", "--resume")[0] == 4


def test_nobody_and_an_unknown_mode_are_refused(hub, type_in):
    assert type_in(hub, "people", "erase")[0] == 1
    assert type_in(hub, "people", "erase", "ada", "--mode", "hide")[0] == 1


@pytest.mark.parametrize("option", ["--authorization", "--pgp-key", "--pgp-private-key"])
def test_what_a_server_would_not_know_of_is_refused_beside_one_before_anything_is_asked_for(hub, type_in, option):
    with Footfall.open(load_settings(data=hub.data, environment=hub.environment()), clock=_now) as server:
        assert server.log.end() > 0
        code, _, errors = type_in(hub, "people", "erase", "ada", option, "some")
        assert (code, "a server is at work here" in errors) == (1, True), errors
    assert json.loads(type_in(hub, "people", "erasures", "--json")[1]) == []
