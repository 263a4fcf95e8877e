"""Rules of features at work: matched when events are settled, and over days that were delivered before."""

from __future__ import annotations

import csv
import gzip
import io
import json
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from footfall.config import load_settings
from footfall.errors import Conflict, Missing, Refused, Unavailable
from footfall.model.event import EventType
from footfall.model.feature_trees import in_order
from footfall.ports import Batch
from footfall.wiring import Footfall
from footfall.wiring.api import define_names
from footfall.wiring.feature_backfill import FOLDER, backfill_features, finish_pending
from footfall.wiring.features import clone_feature
from footfall.wiring.keys import create_key
from footfall.wiring.rollups import export_rollups
from footfall.wiring.workers import Workers

DAY, NEXT = date(2026, 11, 20), date(2026, 11, 21)
REPORTS = ["Features", "User_Feature_Rollups", "Account_Feature_Match_Rollups"]
ORDERS: dict[str, Any] = {"id": "orders", "name": "Orders", "parent_feature_id": "shop", "product_key": "shop",
                          "rules": [{"kind": "URL", "value": "/orders/*"},
                                    {"kind": "CUSTOM_EVENT", "value": "Ordered"}]}  # fmt: skip
SAVE: dict[str, Any] = {"id": "save", "name": "Save", "product_key": "shop",
                        "rules": [{"kind": "ELEMENT", "value": ".bar > button"}]}  # fmt: skip
SHOP: dict[str, Any] = {"id": "shop", "name": "Shop", "type": "MODULE", "product_key": "shop"}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Footfall]:
    settings = load_settings(data=tmp_path / "data", environment={"FOOTFALL_TIME_ZONE": "UTC"})
    with Footfall.open(settings, clock=lambda: datetime(2026, 11, 22, 12, tzinfo=UTC)) as hub:
        create_key(hub, "web", product_key="shop", environment="Production", channel="web")
        yield hub


def send(hub: Footfall, *events: Mapping[str, Any], dialect: str = "native") -> None:
    body = json.dumps({"events" if dialect == "native" else "batch": events}).encode()
    at = int(datetime(2026, 11, 22, 11, tzinfo=UTC).timestamp() * 1_000_000)
    hub.log.append(Batch(at, "web", dialect, "batch", len(events), (), "", "", body))
    hub.settle()


def event(number: int, kind: str, day: date = DAY, **more: Any) -> dict[str, Any]:
    return {"type": kind, "event_id": f"e{number}", "occurred_at": f"{day}T10:00:{number:02d}Z", "session_id": "s1",
            "identify_id": f"user-{number % 2}", "account_id": "acme", **more}  # fmt: skip


def view(number: int, path: str, day: date = DAY) -> dict[str, Any]:
    return event(number, "page_view", day, page={"scheme": "https", "host": "shop.example", "path": path})


def click(number: int, day: date = DAY) -> dict[str, Any]:
    return event(number, "click", day, element={"tag": "button", "path": [{"tag": "div", "classes": ["bar"]}]})


def matches(hub: Footfall) -> list[tuple[str, str]]:
    """(event id, feature) of every match of the lake, by id."""
    texts = hub.people.texts("terms")
    names = dict(zip(texts.column("key").to_pylist(), texts.column("text").to_pylist(), strict=True))
    found = []
    for day in hub.lake.days():
        for file in hub.lake.files(day):
            rows = pq.read_table(file, filters=[("type", "=", int(EventType.FEATURE_MATCH))]).to_pylist()
            found += [(row["event_id"], names[row["name"]]) for row in rows]
    return sorted(found)


def deliver(hub: Footfall, to: Path, day: date = DAY) -> dict[str, list[dict[str, str]]]:
    """The rows of the newest revision of each report."""
    found = {}
    for one in export_rollups(hub, day, day, to=str(to), reports=REPORTS, version="2.0", format="csv"):
        rows = csv.DictReader(io.StringIO(gzip.decompress((to / one.key).read_bytes()).decode()))
        found[one.report] = list(rows)
    return found


def test_events_of_a_tag_and_of_a_server_use_features_as_soon_as_they_are_settled(
    hub: Footfall, tmp_path: Path
) -> None:
    define_names(hub, {"features": [SHOP, ORDERS, SAVE]})
    send(hub, view(1, "/orders/5"), view(2, "/orders"), click(3), event(4, "lead"))
    send(hub, {"type": "track", "event": "Ordered", "messageId": "m1", "userId": "user-1",
               "context": {"sessionId": "s1"}, "timestamp": f"{DAY}T11:00:00Z"}, dialect="segment")  # fmt: skip
    assert matches(hub) == [("e1-orders", "orders"), ("e3-save", "save"), ("m1-orders", "orders")]
    counts = hub.ledger.counts()["web"]
    assert (counts.received, counts.stored, counts.derived) == (5, 5, 3)
    found = deliver(hub, tmp_path / "out")
    used = [(row["identifyId"], row["accountId"], row["featurePath"]) for row in found["User_Feature_Rollups"]]
    assert sorted(used) == [
        ("user-1", "", "Shop -> Orders"), ("user-1", "acme", "Save"), ("user-1", "acme", "Shop -> Orders"),
    ]  # fmt: skip
    assert {row["featureId"]: row["count"] for row in found["Account_Feature_Match_Rollups"]} == {
        "orders": "1",
        "save": "1",
    }
    assert [row["id"] for row in found["Features"]] == ["orders", "save", "shop"]


def test_a_match_that_a_client_sends_itself_is_the_same_match(hub: Footfall, tmp_path: Path) -> None:
    define_names(hub, {"features": [SHOP, ORDERS]})
    own = event(1, "feature_match", event_id="mine", feature_id="orders", source_event_id="e1")
    send(hub, view(1, "/orders/5"))
    send(hub, own)
    send(hub, own | {"event_id": "another"}, view(2, "/orders/6"))
    together = {"feature_id": "orders", "source_event_id": "e3"}
    send(hub, view(3, "/orders/7", NEXT), event(3, "feature_match", NEXT, event_id="third", **together))
    assert matches(hub).count(("e3-orders", "orders")) == 1
    assert [row["count"] for row in deliver(hub, tmp_path / "out")["User_Feature_Rollups"]] == ["1", "1"]
    assert matches(hub) == [("e1-orders", "orders"), ("e2-orders", "orders"), ("e3-orders", "orders")]


def test_rules_change_while_events_come(hub: Footfall) -> None:
    send(hub, view(1, "/orders/1"))
    define_names(hub, {"features": [SHOP, ORDERS]})
    send(hub, view(2, "/orders/2"))
    define_names(hub, {"features": [ORDERS | {"rules": [{"kind": "URL", "value": "/x"}]}]})
    send(hub, view(3, "/orders/3"), view(4, "/x"))
    define_names(hub, {"features": [ORDERS | {"status": "DELETED"}]})
    send(hub, view(5, "/orders/5"))
    assert matches(hub) == [("e2-orders", "orders"), ("e4-orders", "orders")]


def test_new_rules_over_old_days_make_a_revision_and_twice_is_once(hub: Footfall, tmp_path: Path) -> None:
    send(hub, view(1, "/orders/1"), click(2), view(3, "/orders/3", NEXT))
    assert deliver(hub, tmp_path / "out")["User_Feature_Rollups"] == []
    deliver(hub, tmp_path / "out", NEXT)
    define_names(hub, {"features": [SHOP, ORDERS, SAVE]})
    done = backfill_features(hub, "shop", until=DAY)
    assert (done.looked_at, done.added, done.removed, done.days) == (1, 1, 0, (DAY,))
    assert [hub.ledger.day(day).touched for day in (DAY, NEXT)] == [True, False]
    done = backfill_features(hub)
    assert (done.looked_at, done.added, done.days) == (2, 2, (DAY, NEXT))
    assert matches(hub) == [("e1-orders", "orders"), ("e2-save", "save"), ("e3-orders", "orders")]
    rows = deliver(hub, tmp_path / "out")["User_Feature_Rollups"]
    assert {(row["identifyId"], row["accountId"], row["featureId"]) for row in rows} == {
        ("user-1", "acme", "orders"), ("user-0", "acme", "save"),
    }  # fmt: skip
    assert hub.ledger.day(DAY).revision == 2
    files = {path.name: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert backfill_features(hub).added == 0
    deliver(hub, tmp_path / "out")
    assert hub.ledger.day(DAY).revision == 2
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == files


def test_what_settle_matched_and_what_a_backfill_would_is_the_same(hub: Footfall) -> None:
    define_names(hub, {"features": [SHOP, ORDERS, SAVE]})
    send(hub, *(view(n, f"/orders/{n}") for n in range(5)), click(7), event(8, "custom", event_name="Ordered"))
    before = matches(hub)
    assert len(before) == 7
    assert backfill_features(hub, remove=True).days == ()
    assert matches(hub) == before


def test_matches_of_rules_that_are_gone_are_taken_away_only_when_asked(hub: Footfall) -> None:
    define_names(hub, {"features": [SHOP, ORDERS, SAVE]})
    sent = event(9, "feature_match", feature_id="orders", event_id="by-hand")
    send(hub, view(1, "/orders/1"), click(2), sent)
    define_names(hub, {"features": [ORDERS | {"rules": [{"kind": "URL", "value": "/else"}]}, SAVE | {"rules": []}]})
    assert backfill_features(hub).days == ()
    done = backfill_features(hub, "orders", remove=True)
    assert (done.added, done.removed) == (0, 1)
    assert matches(hub) == [("by-hand", "orders"), ("e2-save", "save")]
    assert backfill_features(hub, remove=True).removed == 1
    assert matches(hub) == [("by-hand", "orders")]


def test_a_backfill_that_was_killed_between_rows_and_ledger_leaves_the_day_to_the_next(
    hub: Footfall, tmp_path: Path
) -> None:
    send(hub, view(1, "/orders/1"))
    deliver(hub, tmp_path / "out")
    (hub.settings.data / FOLDER).mkdir()
    (hub.settings.data / FOLDER / str(DAY)).touch()
    assert finish_pending(hub) == [DAY]
    assert hub.ledger.day(DAY).touched
    assert finish_pending(hub) == []


def test_a_server_opens_the_days_of_a_backfill_that_was_killed(hub: Footfall, tmp_path: Path) -> None:
    send(hub, view(1, "/orders/1"))
    deliver(hub, tmp_path / "out")
    (hub.settings.data / FOLDER).mkdir()
    (hub.settings.data / FOLDER / str(DAY)).touch()
    workers = Workers(hub, threading.Event())
    workers.begin(work=False)
    workers.tasks()
    workers.close()
    assert hub.ledger.day(DAY).touched
    assert list((hub.settings.data / FOLDER).iterdir()) == []


def test_a_day_is_open_before_its_first_match_is_added_and_after_an_error(
    hub: Footfall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(hub, view(1, "/orders/1"))
    deliver(hub, tmp_path / "out")
    define_names(hub, {"features": [SHOP, ORDERS]})
    whole = hub.lake.add

    def add(rows: pa.Table) -> None:
        assert hub.ledger.day(DAY).touched
        whole(rows)
        hub.close_day(DAY)
        raise Unavailable("the disk is slow")

    monkeypatch.setattr(hub.lake, "add", add)
    with pytest.raises(Unavailable):
        backfill_features(hub)
    assert hub.ledger.day(DAY).touched
    assert list((hub.settings.data / FOLDER).iterdir()) == []


def test_a_backfill_beside_a_server_is_refused_and_leaves_what_that_one_was_changing(hub: Footfall) -> None:
    define_names(hub, {"features": [SHOP, ORDERS]})
    send(hub, view(1, "/orders/1"))
    (hub.settings.data / FOLDER).mkdir()
    mark = hub.settings.data / FOLDER / str(DAY)
    mark.touch()
    with Footfall.open(hub.settings, clock=hub.clock) as beside, pytest.raises(Conflict) as refused:
        backfill_features(beside)
    assert "POST /api/feature-backfills" in refused.value.hint
    assert mark.exists()


def test_a_backfill_of_nothing_is_refused(hub: Footfall) -> None:
    define_names(hub, {"features": [SHOP]})
    with pytest.raises(Missing, match="no feature 'x'"):
        backfill_features(hub, "x")
    with pytest.raises(Refused, match="has rules"):
        backfill_features(hub, "shop")
    with pytest.raises(Refused, match="is after"):
        backfill_features(hub, since=NEXT, until=DAY)


def test_a_tree_is_copied_with_its_rules(hub: Footfall) -> None:
    define_names(hub, {"features": [SHOP, ORDERS, {"id": "shop-x", "name": "X", "parent_feature_id": "orders"}]})
    made = clone_feature(hub, "shop", "blog", name="Blog", product_key="blog")
    assert [each.id for each in made] == ["blog", "blog-orders", "blog-x"]
    known = hub.catalogue.read()
    assert known.feature_path("blog-x") == "Blog -> Orders -> X"
    assert {each.product_key for each in made} == {"blog"}
    assert made[1].rules == next(each.rules for each in known.features if each.id == "orders")
    assert [(depth, each.id) for depth, each in in_order(known.features)][:3] == [
        (0, "blog"), (1, "blog-orders"), (2, "blog-x"),
    ]  # fmt: skip
    with pytest.raises(Conflict, match="there is a feature 'blog'"):
        clone_feature(hub, "shop", "blog")
