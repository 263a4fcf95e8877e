"""``ports.Removals`` and ``ports.Directory``: every numbered promise, over every implementation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from small_hub import SmallHub, small_hub

from footfall.engines.shaping import DuckShaper
from footfall.model.attribute_definitions import usual
from footfall.ports import Batch, Directory, Removals
from footfall.stores.attributes import SqlAttributes
from footfall.stores.directory import SqlDirectory
from footfall.stores.removals import SqlRemovals

BEGIN = datetime(2026, 11, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class World:
    """A store that people are told about by events, and a clock that is set."""

    def __init__(self, hub: SmallHub) -> None:
        self.hub = hub
        hub.now = BEGIN
        self.removals: Removals = SqlRemovals(hub.database)
        self.directory: Directory = SqlDirectory(hub.database, hub.zone, lambda: hub.now)
        hub.shaper = DuckShaper(  # type: ignore[misc]
            hub.zone, lambda _: ("default", "Production", "web"), temp_directory=hub.books.activity_dir.parent / "s",
            recent=10_000, denied=self.removals.denied,
        )  # fmt: skip
        self._count = 0

    def tell(self, id: str, at: datetime, account: str = "", **user: Any) -> None:
        """An identify call of that instant, received now."""
        self._count += 1
        event: dict[str, Any] = {"type": "identify", "identify_id": id, "occurred_at": at.isoformat(), "user": user}
        event |= {"account_id": account, "account": {"id": account, "name": account}} if account else {}
        body = json.dumps([event | {"event_id": f"n{self._count}"}]).encode()
        received = int(self.hub.now.timestamp() * 1_000_000)
        self.hub.log.append(Batch(received, "web", "native", "batch", 1, (), "", "", body))
        self.hub.settle()

    def identify_by(self, name: str) -> None:
        """Users who say the same value of this attribute are one person."""
        SqlAttributes(self.hub.database, self.hub.zone).define(usual("user", name, is_identifier=True), BEGIN)

    def remove(self, id: str, at: datetime, entity: str = "user", *, hard: bool = False) -> None:
        key = self.directory.find(entity, id)
        assert key is not None
        self.removals.remove(entity, key, at, hard=hard)

    def seen(self, entity: str = "user") -> dict[str, dict[str, Any]]:
        """Attributes of everybody who is there, by id; each way of asking says the same."""
        keys = list(self.directory.keys(entity, 0, 1_000))
        rows = self.directory.rows(entity, keys).to_pylist()
        assert self.directory.count(entity) == len(keys) == len(rows)
        assert self.directory.all(entity).read_all().to_pylist() == rows
        found = {row["identify_id" if entity == "user" else "account_id"]: row for row in rows}
        assert {name: self.directory.find(entity, name) for name in found} == {
            name: row[f"{entity}_key"] for name, row in found.items()
        }
        asked = [*found, "nobody"]
        assert self.directory.known(entity, asked) == {name: row[f"{entity}_key"] for name, row in found.items()}
        assert list(self.directory.alike(entity, [name.upper() for name in asked])) == keys
        return {name: json.loads(row["attributes"]) for name, row in found.items()}

    def exported(self, entity: str = "user") -> Mapping[str, Any]:
        """Rows of ``People`` as of today, by id."""
        day = self.hub.zone.day_of(self.hub.now)
        reader = self.hub.people.users(day) if entity == "user" else self.hub.people.accounts(day)
        return {row["identify_id" if entity == "user" else "account_id"]: row for row in reader.read_all().to_pylist()}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with small_hub(tmp_path, "Europe/Helsinki") as hub:
        yield World(hub)


def test_keys_are_given_in_pages(world: World) -> None:
    for n in range(5):
        world.tell(f"u{n}", BEGIN, "acme", n=n)
    first = world.directory.keys("user", 0, 2)
    second = world.directory.keys("user", first[-1], 2)
    last = world.directory.keys("user", second[-1], 2)
    assert [*first, *second, *last] == list(world.directory.keys("user", 0, 100))
    assert len(last) == 1
    assert world.directory.users_of(list(world.directory.keys("account", 0, 9))) == {
        world.directory.find("account", "acme"): 5
    }


def test_who_is_deleted_is_in_no_list_and_deleted_in_exports(world: World) -> None:
    world.tell("a", BEGIN, "acme", plan="pro")
    world.tell("b", BEGIN, "acme")
    world.remove("a", BEGIN + DAY)
    world.hub.now = BEGIN + 2 * DAY
    assert list(world.seen()) == ["b"]
    assert world.directory.find("user", "a") is None
    assert {name: row["deleted"] for name, row in world.exported().items()} == {"a": True, "b": False}
    assert world.exported()["a"]["modified_at"] == BEGIN + DAY
    before = world.hub.people.users(world.hub.zone.day_of(BEGIN)).read_all().to_pylist()
    assert [row["deleted"] for row in before] == [False, False]
    assert list(world.directory.users_of([world.directory.find("account", "acme") or 0]).values()) == [1]


def test_who_turned_out_to_be_another_is_known_as_that_one(world: World) -> None:
    world.identify_by("mail")
    world.tell("old", BEGIN, mail="x@example.com")
    world.tell("other", BEGIN, mail="y@example.com")
    world.tell("new", BEGIN + timedelta(hours=1), mail="x@example.com", plan="pro")
    world.hub.now = BEGIN + DAY
    assert world.seen() == {"old": {"mail": "x@example.com", "plan": "pro"}, "other": {"mail": "y@example.com"}}
    assert world.directory.find("user", "new") is None
    assert world.directory.known("user", ["new"]) == {"new": world.directory.find("user", "old")}
    assert list(world.directory.alike("user", ["NEW"])) == []


@pytest.mark.parametrize(("days", "hard", "known"), [(6.9, False, True), (7.1, False, False), (1, True, False)])
def test_what_is_told_later_revives_within_seven_days_and_else_begins_anew(
    world: World, days: float, hard: bool, known: bool
) -> None:
    world.tell("a", BEGIN, "acme", plan="pro", seats=1)
    world.remove("a", BEGIN, hard=hard)
    back = world.hub.now = BEGIN + days * DAY
    world.tell("a", back, seats=2)
    assert world.seen() == {"a": {"plan": "pro", "seats": 2} if known else {"seats": 2}}
    row = world.exported()["a"]
    assert not row["deleted"]
    assert row["created_at"] == (BEGIN if known else back)
    assert row["sign_up_at"] == (BEGIN if known else back)


def test_what_happened_before_the_delete_revives_nobody_however_late_it_comes(world: World) -> None:
    world.tell("a", BEGIN, plan="pro")
    world.remove("a", BEGIN + DAY)
    world.hub.now = BEGIN + 2 * DAY
    world.tell("a", BEGIN + DAY - timedelta(seconds=1), plan="late")
    assert world.seen() == {}
    world.tell("a", BEGIN + DAY + timedelta(seconds=1))
    assert world.seen() == {"a": {"plan": "late"}}


def test_the_order_in_which_things_are_told_does_not_matter(world: World) -> None:
    world.tell("a", BEGIN, plan="pro")
    world.remove("a", BEGIN)
    world.hub.now = BEGIN + 20 * DAY
    world.tell("a", BEGIN + 10 * DAY, seats=2)
    assert world.seen() == {"a": {"seats": 2}}
    world.tell("a", BEGIN + 3 * DAY)  # so they came back in time after all
    assert world.seen() == {"a": {"plan": "pro", "seats": 2}}


def test_deleting_an_account_deletes_the_users_that_belong_to_it(world: World) -> None:
    world.tell("a", BEGIN, "acme")
    world.tell("b", BEGIN, "acme")
    world.tell("b", BEGIN + timedelta(hours=1), "beta")
    world.remove("acme", BEGIN + timedelta(hours=2), "account")
    world.hub.now = BEGIN + DAY
    assert list(world.seen()) == ["b"]
    assert list(world.seen("account")) == ["beta"]
    assert {name: row["deleted"] for name, row in world.exported("account").items()} == {"acme": True, "beta": False}


def test_deleting_an_account_deletes_whom_it_shows_and_no_others(world: World) -> None:
    world.identify_by("mail")
    hour = timedelta(hours=1)
    world.tell("moved", BEGIN, "acme", mail="x@example.com")
    world.tell("again", BEGIN + hour, "beta", mail="x@example.com")  # the same person, who is in beta now
    world.tell("joined", BEGIN, mail="y@example.com")
    world.tell("second", BEGIN + hour, "acme", mail="y@example.com")  # the same person, who is in acme now
    world.tell("stays", BEGIN, "gamma")
    world.hub.now = BEGIN + 2 * hour
    keys = {name: world.directory.find("account", name) or 0 for name in ("acme", "beta", "gamma")}
    users = world.directory.users_of(list(keys.values()))
    assert users == {keys["acme"]: 1, keys["beta"]: 1, keys["gamma"]: 1}
    world.remove("acme", BEGIN + 3 * hour, "account")
    world.hub.now = BEGIN + 4 * hour
    assert list(world.seen()) == ["moved", "stays"]
    assert world.directory.users_of(list(keys.values())) == {keys["beta"]: 1, keys["gamma"]: 1}


@pytest.mark.parametrize(("days", "known"), [(1, True), (20, False)])
def test_of_a_deleted_person_each_user_comes_back_by_themselves_and_then_they_are_one(
    world: World, days: float, known: bool
) -> None:
    world.identify_by("mail")
    world.tell("old", BEGIN, mail="x@example.com", plan="pro")
    world.tell("new", BEGIN + timedelta(hours=1), mail="x@example.com", seats=1)
    world.hub.now = BEGIN + timedelta(hours=2)
    assert list(world.seen()) == ["old"]
    world.remove("old", world.hub.now)
    assert world.seen() == {}
    world.hub.now += days * DAY
    world.tell("new", world.hub.now, title="back")
    before = {"mail": "x@example.com", "seats": 1} if known else {}
    assert world.seen() == {"new": before | {"title": "back"}}
    world.hub.now += timedelta(hours=1)
    world.tell("old", world.hub.now, phone="1")
    if known:
        assert world.seen() == {"old": before | {"plan": "pro", "title": "back", "phone": "1"}}
    else:
        assert world.seen() == {"new": {"title": "back"}, "old": {"phone": "1"}}


def test_events_of_a_denied_user_are_quarantined_without_their_text(world: World) -> None:
    world.tell("a", BEGIN, plan="pro")
    world.removals.deny("a", world.hub.now, denied=True)
    world.removals.deny("a", world.hub.now + DAY, denied=True)  # is so already
    assert world.removals.denied() == {"a": int(BEGIN.timestamp() * 1_000_000)}
    world.hub.now += timedelta(hours=1)
    world.tell("a", world.hub.now, plan="secret")
    world.tell("b", world.hub.now)
    assert world.seen() == {"a": {"plan": "pro"}, "b": {}}
    (counts,) = world.hub.ledger.counts().values()
    assert (counts.received, counts.stored, counts.quarantined) == (3, 2, 1)
    (row,) = world.hub.ledger.quarantined().to_pylist()
    assert (row["code"], row["body"]) == ("denied_user", "")
    world.removals.deny("a", world.hub.now, denied=False)
    world.tell("a", world.hub.now, plan="free")
    assert world.seen()["a"] == {"plan": "free"}


def test_what_was_received_before_the_denial_is_stored(world: World) -> None:
    world.removals.deny("a", world.hub.now + timedelta(seconds=1), denied=True)
    world.tell("a", BEGIN, plan="pro")
    assert world.seen() == {"a": {"plan": "pro"}}
