"""What a server tells of people becomes visits, an hourly file and inferred columns of Users; imports do not."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from footfall.config import load_settings
from footfall.flows.collect import Collect, Doorkeeper
from footfall.ports import Batch
from footfall.wire import segment
from footfall.wiring import Footfall
from footfall.wiring.keys import create_key
from footfall.wiring.privacy import put_policy
from footfall.wiring.rollups import export_rollups

DAY = date(2026, 11, 20)
NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
NEXT = datetime(2026, 11, 21, 9, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"
CANADA = '{"continentCode":"NA","countryCode":"CA","countryName":"Canada"}'


@pytest.fixture
def now() -> list[datetime]:
    return [NEXT]


@pytest.fixture
def hub(tmp_path: Path, now: list[datetime]) -> Iterator[Footfall]:
    settings = load_settings(data=tmp_path / "data", environment={"FOOTFALL_SESSIONS_WITHOUT": "billing"})
    with Footfall.open(settings, clock=lambda: now[0]) as hub:
        for name, channel in (("shop", "server"), ("billing", "server"), ("site", "web")):
            create_key(hub, name, product_key="shop", environment="Production", channel=channel)
        yield hub


def track(user: str, minute: int, **context: object) -> dict[str, object]:
    at = (NINE + timedelta(minutes=minute)).isoformat()
    about = {"messageId": f"{user}-{minute}", "timestamp": at, "context": {"groupId": "acme", **context}}
    return {"type": "track", "event": "Bought", "userId": user, **about}


def accept(hub: Footfall, source: str, *events: Mapping[str, object], agent: str = "", place: str = "",
           at: datetime = NINE) -> None:  # fmt: skip
    body = json.dumps({"batch": events}).encode()
    received = int(at.timestamp() * 1_000_000)
    hub.log.append(Batch(received, source, "segment", "batch", len(events), (), "", agent, body, place))


def report(hub: Footfall, folder: Path, name: str) -> list[dict[str, str]]:
    export_rollups(hub, DAY, DAY, to=str(folder), reports=[name], version="2.0", format="csv")
    (path,) = folder.glob(f"*{name}*.csv.gz")
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


def test_events_of_a_server_fill_visits_concurrency_and_what_is_inferred(hub, tmp_path):
    agent, identified = {"userAgent": FIREFOX}, {"type": "identify", "userId": "ada", "messageId": "i"}
    traits = {"traits": {"email": "ada@mail.acme.co.uk"}, "timestamp": NINE.isoformat()}
    accept(hub, "shop", identified | traits, agent="python-requests/2.32", place=CANADA)
    accept(hub, "shop", track("ada", 0, **agent), track("ada", 20), track("ada", 51), track("bob", 10))
    accept(hub, "shop", track("bob", 15), track("bob", 55), agent="python-requests/2.32", place=CANADA)
    accept(hub, "billing", track("ada", 300))
    accept(hub, "old-files", track("ada", 400))
    assert hub.settle()
    assert {name: (each.stored, each.derived) for name, each in hub.ledger.counts().items()} == {
        "shop": (7, 4), "billing": (1, 0), "old-files": (1, 0)
    }  # fmt: skip
    users = {row["identifyId"]: row for row in report(hub, tmp_path / "users", "Users")}
    assert {name: row["numberOfVisits"] for name, row in users.items()} == {"ada": "2", "bob": "2"}
    said = {name: value for name, value in users["ada"].items() if name.startswith("last") and value}
    assert {name: value for name, value in said.items() if "Agent" in name} == {
        "lastUserAgentData_rawUserAgent": FIREFOX,
        "lastUserAgentData_platformType": "Ubuntu",
        "lastUserAgentData_browserType": "Firefox",
        "lastUserAgentData_browserVersion": "131.0",
    }
    assert said["lastInferredOrganization_webDomain"] == "acme.co.uk"
    assert said["lastInferredDataSyncDate"].startswith("2026-11-20T09:00:00")
    assert not [name for name in said if "Location" in name]
    assert not [name for name, value in users["bob"].items() if "Agent" in name and value]
    hours = report(hub, tmp_path / "hours", "Account_Hourly_Concurrent_Sessions_Rollups")
    assert [(row["hour"], row["accountId"], row["count"]) for row in hours] == [("09", "acme", "2")]


def test_a_browser_is_known_by_its_request_and_a_person_by_the_session_it_begins(hub, tmp_path):
    accept(hub, "site", track("ada", 0), agent=FIREFOX, place=CANADA)
    (row,) = report(hub, tmp_path / "users", "Users")
    assert row["lastUserAgentData_browserType"] == "Firefox"
    assert (row["lastInferredLocation_countryCode"], row["lastInferredLocation_countryName"]) == ("CA", "Canada")
    assert (row["webAppVisits"], row["lastSeenDate"][:16]) == ("1", "2026-11-20T09:00")


def test_the_end_of_a_session_is_told_later_and_opens_no_sealed_day_again(hub):
    accept(hub, "shop", track("ada", 0), track("ada", 12))
    hub.settle()
    assert hub.close_day(DAY).revision == 1
    accept(hub, "shop", track("bob", 24 * 60), at=NEXT)
    hub.settle()
    rows = hub.lake.after(0, 100).to_pylist()
    (end,) = (row for row in rows if row["type"] == 2)
    assert end["occurred_at"] == NINE + timedelta(minutes=12)
    assert json.loads(end["properties"]) == {"duration_s": 720, "event_count": 2}
    assert not hub.ledger.day(DAY).touched
    assert hub.close_day(DAY).revision == 1


def test_without_sessions_and_inference_nothing_is_derived(tmp_path):
    off = {"FOOTFALL_SESSION_MINUTES": "0"} | {
        f"FOOTFALL_INFER_{what}": "false" for what in ("AGENTS", "PLACES", "ORGANIZATIONS")
    }
    settings = load_settings(data=tmp_path / "data", environment=off)
    with Footfall.open(settings, clock=lambda: NEXT) as hub:
        create_key(hub, "shop", product_key="shop", environment="Production", channel="server")
        accept(hub, "shop", track("ada", 0, userAgent=FIREFOX))
        hub.settle()
        assert hub.ledger.counts()["shop"].derived == 0
        assert hub.lake.after(0, 9)["session_id"].to_pylist() == [None]
        ((attributes,),) = [batch["attributes"].to_pylist() for batch in hub.people.users(DAY)]
        assert json.loads(attributes) == {}


def test_places_are_of_the_whole_address_which_is_not_kept_and_not_asked_where_a_policy_forbids(hub):
    asked: list[str] = []

    def place(address: str) -> str:
        asked.append(address)
        return CANADA

    key = create_key(hub, "app", product_key="shop", environment="Production", channel="web")
    dialects = {"segment": segment.read}
    keeper = Doorkeeper(hub.sources, hub.clock, lambda: 0.0)
    collect = Collect(hub.log, keeper, dialects, hub.clock, privacy=hub.privacy, place=place)
    reading = collect.read("segment", "batch", json.dumps({"batch": [track("ada", 0)]}).encode())

    def batch() -> Batch | None:
        return collect.batch(collect.source(key), "segment", "batch", reading, "203.0.113.77", "")

    put_policy(hub, "app", {"addresses": "none"})
    assert (batch().address, batch().place, asked) == ("", CANADA, ["203.0.113.77"] * 2)
    put_policy(hub, "app", {"addresses": "none", "inference": False})
    assert (batch().place, len(asked)) == ("", 2)
