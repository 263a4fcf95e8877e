"""How often the store is asked who a write key belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from new_store import open_store

from footfall.errors import Damaged, FootfallError, Refused, Unavailable
from footfall.flows.collect import Doorkeeper
from footfall.ports import Source
from footfall.stores.sources import SqlSources

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


class Door:
    """A doorkeeper over a real store, with a clock that tests turn and a count of what the store was asked."""

    def __init__(self, folder: Path) -> None:
        self.now, self.asked = 0.0, 0
        self.down: FootfallError | None = None
        self._stored = SqlSources(open_store(folder / "store"))
        self.keeper = Doorkeeper(self, lambda: SINCE, lambda: self.now)

    def all(self) -> Sequence[Source]:
        self.asked += 1
        if self.down is not None:
            raise self.down
        return self._stored.all()

    def add(self, key: str) -> None:
        digest = hashlib.sha256(key.encode()).hexdigest()
        self._stored.add(Source(f"of-{key}", digest, SINCE, "default", "Production", "web"))

    def knows(self, key: str) -> bool:
        return self.keeper.source(key) is not None


@pytest.fixture
def door(tmp_path) -> Door:
    return Door(tmp_path)


def test_a_key_that_was_made_a_moment_ago_is_known(door):
    assert not door.knows("new")
    door.add("new")
    door.now += 0.2
    assert door.knows("new")


def test_strangers_make_the_store_answer_ten_times_a_second_at_most(door):
    for _ in range(1_000):
        assert not door.knows("stranger")
        door.now += 0.001
    assert door.asked <= 11


def test_who_is_known_asks_nobody_for_two_seconds(door):
    door.add("known")
    for _ in range(100):
        assert door.knows("known")
        door.now += 0.015
    assert door.asked == 1


def test_while_the_store_does_not_answer_strangers_do_not_wait_for_it(door):
    door.add("known")
    assert door.knows("known")
    door.down = Unavailable("the store does not answer")
    for _ in range(100):
        door.now += 0.05
        assert door.knows("known")
        assert not door.knows("stranger")
    assert door.asked <= 1 + 5 / 2 + 1


FAULTS = [
    pytest.param(Unavailable("the store does not answer"), id="busy"),
    pytest.param(Refused("unable to open database file"), id="no file can be opened"),
    pytest.param(Damaged("the store is malformed"), id="damaged"),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_last_list_holds_for_half_a_minute_whatever_is_wrong_with_the_store_then_nobody_is_let_in(door, fault):
    door.add("known")
    assert door.knows("known")
    door.down = fault
    for _ in range(29):
        door.now += 1.0
        assert door.knows("known")
    for _ in range(3):
        door.now += 1.0
    for _ in range(2):
        with pytest.raises(type(fault)):
            door.knows("known")


@pytest.mark.parametrize("fault", FAULTS)
def test_before_the_store_was_read_once_no_key_is_called_unknown(door, fault):
    door.add("known")
    door.down = fault
    for _ in range(3):
        with pytest.raises(type(fault)):
            door.knows("known")
