"""``ports.Repeats`` over every implementation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from new_store import open_store

from footfall.errors import Refused, Unavailable
from footfall.model.channels import Channel
from footfall.ports import Channels, Repeats, Vault
from footfall.stores.channels import SqlChannels
from footfall.stores.envelope import Envelope
from footfall.stores.key_ring import KeyRing
from footfall.stores.repeats import OWNER, SqlRepeats
from footfall.stores.vault import SqlVault

AT = datetime(2026, 11, 21, 8, tzinfo=UTC)
DAY = timedelta(days=1)
CANARY = "ff_wk_canary-that-was-shown-once"


@dataclass(frozen=True)
class Kept:
    repeats: Repeats
    channels: Channels
    vault: Vault


@contextmanager
def sqlite(place: Path) -> Iterator[Kept]:
    database = open_store(place / "store.db")
    vault = SqlVault(database, Envelope("tenant"), KeyRing(place / "master.keys"))
    try:
        yield Kept(SqlRepeats(database, vault), SqlChannels(database, vault), vault)
    finally:
        database.close()


@pytest.fixture(params=[pytest.param(sqlite, id="sqlite")])
def opened(request) -> Callable[[Path], object]:
    return request.param


@pytest.fixture
def kept(opened, tmp_path) -> Iterator[Kept]:
    with opened(tmp_path) as kept:
        yield kept


def channel(name: str) -> Channel:
    return Channel(name=name, kind="apprise", created_at=AT)


class Shop:
    """Makes a channel and says how many there are."""

    def __init__(self, kept: Kept) -> None:
        self.kept, self.times = kept, 0

    def __call__(self) -> str:
        self.times += 1
        self.kept.channels.add(channel(f"c{self.times}"), {"url": "x://y"})
        return f'{{"made": {self.times}}}'


def test_the_same_request_is_carried_out_once_and_answered_the_same(kept, opened, tmp_path):
    shop = Shop(kept)
    assert kept.repeats.once("key a", "k1", "r", AT, shop) == ('{"made": 1}', False)
    assert kept.repeats.once("key a", "k1", "r", AT + DAY, shop) == ('{"made": 1}', True)
    with opened(tmp_path) as again:
        assert again.repeats.once("key a", "k1", "r", AT, Shop(again)) == ('{"made": 1}', True)
    assert len(kept.channels.all()) == 1


def test_another_caller_or_another_key_is_another_request(kept):
    shop = Shop(kept)
    for caller, key in (("key a", "k1"), ("key b", "k1"), ("key a", "k2"), ("key", "ak1")):
        assert kept.repeats.once(caller, key, "r", AT, shop)[1] is False
    assert shop.times == 4


def test_another_request_under_the_same_key_is_refused(kept):
    shop = Shop(kept)
    kept.repeats.once("key a", "k1", "r", AT, shop)
    with pytest.raises(Refused, match="another request"):
        kept.repeats.once("key a", "k1", "s", AT, shop)
    assert shop.times == 1


def test_what_fails_changes_nothing_and_may_be_tried_again(kept):
    def fails() -> str:
        kept.channels.add(channel("half"), {"url": "x://y"})
        raise Unavailable("the disk is full")

    with pytest.raises(Unavailable):
        kept.repeats.once("key a", "k1", "r", AT, fails)
    assert kept.channels.all() == []
    assert kept.repeats.once("key a", "k1", "other", AT, Shop(kept))[1] is False


def test_of_several_at_once_one_is_carried_out_and_all_are_answered_by_it(kept):
    shop, answers = Shop(kept), []
    threads = [
        threading.Thread(target=lambda: answers.append(kept.repeats.once("key a", "k1", "r", AT, shop)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [('{"made": 1}', False), *[('{"made": 1}', True)] * 5]


def test_a_key_is_good_for_a_day_and_then_its_answer_is_gone(kept):
    shop = Shop(kept)
    kept.repeats.once("key a", "k1", "r", AT, shop)
    assert kept.repeats.forget(AT + DAY) == 0
    assert kept.repeats.once("key a", "k1", "other", AT + DAY + timedelta(seconds=1), shop) == ('{"made": 2}', False)
    assert kept.repeats.forget(AT + 3 * DAY) == 1
    assert kept.repeats.forget(AT + 3 * DAY) == 0


def test_an_answer_lies_sealed_and_leaves_nothing_in_the_vault(kept, tmp_path):
    kept.repeats.once("key a", "k-canary", "r", AT, lambda: CANARY)
    for path in tmp_path.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert b"canary" not in data
    names = [name for name in _names(tmp_path) if name]
    assert len(names) == 1
    assert kept.vault.fields(OWNER, names[0])
    kept.repeats.forget(AT + 2 * DAY)
    assert kept.vault.fields(OWNER, names[0]) == frozenset()


def _names(place: Path) -> list[str]:
    import sqlite3

    with sqlite3.connect(place / "store.db") as store:
        found = [row[0] for row in store.execute("SELECT name FROM secret WHERE owner = ?", (OWNER,))]
    store.close()
    return found
