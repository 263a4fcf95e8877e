"""Derived sessions through settle: the same rows, whatever fails between the store's transaction and the lake's."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from settle_place import NOW, NOW_US, opened

from footfall.engines.sessions import IdleSessions
from footfall.errors import Unavailable
from footfall.ports import Batch, Counts
from footfall.stores.open_sessions import SqlOpenSessions


def sessions(database):
    return [IdleSessions(SqlOpenSessions(database), idle_s=1800, wanted=lambda source, imported: True)]


# (minute, user): three sessions of ada, one of which is cut by ranges, and two of bob; the last event ends the others.
STEPS = [(0, "ada"), (10, "bob"), (25, "ada"), (50, "ada"), (95, "ada"), (100, "bob"), (120, "ada"), (300, "ada")]


def send(place, minute, user):
    at = NOW_US + minute * 60_000_000
    occurred = (NOW + timedelta(minutes=minute)).isoformat()
    event = {"type": "track", "event": "Bought", "userId": user, "messageId": f"{user}{minute}", "timestamp": occurred}
    body = json.dumps({"batch": [event]}).encode()
    place.log.append(Batch(at, "app", "segment", "batch", 1, (), "", "", body))


def stored(place):
    """What is stored, without the order of rows that were derived."""
    columns = ["event_id", "type", "occurred_at", "received_at", "session_id", "session_key", "properties"]
    rows = place.stored().select(columns).to_pylist()
    return sorted(rows, key=lambda row: row["event_id"])


class Fails:
    """A lake whose commit fails at these calls."""

    def __init__(self, lake, *calls):
        self._lake, self._calls, self._n = lake, calls, 0

    def __getattr__(self, name):
        return getattr(self._lake, name)

    def append(self, rows, position):
        self._n += 1
        if self._n in self._calls:
            raise Unavailable("full", "free some room")
        self._lake.append(rows, position)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What one range in one process makes of the steps."""
    with opened(tmp_path_factory.mktemp("whole") / "data", derivations=sessions) as place:
        for minute, user in STEPS:
            send(place, minute, user)
        place.settle()
        return stored(place)


def test_each_session_begins_and_ends_once(expected):
    ids = {row["event_id"]: row["session_id"] for row in expected if not row["event_id"].startswith("@")}
    assert len(set(ids.values())) == 5
    assert ids["ada0"] == ids["ada25"] == ids["ada50"] != ids["ada95"] == ids["ada120"] != ids["ada300"]
    ends = [json.loads(row["properties"]) for row in expected if row["type"] == 2]
    assert sorted((end["duration_s"], end["event_count"]) for end in ends) == [(0, 1), (0, 1), (1500, 2), (3000, 3)]


@pytest.mark.parametrize("failing", [(1,), (2,), (3, 4), (1, 3, 5, 7)])
@pytest.mark.parametrize("restarted", [False, True], ids=["the process goes on", "the process is started anew"])
def test_ranges_that_are_repeated_in_other_pieces_store_the_same(tmp_path, expected, failing, restarted):
    folder = tmp_path / "data"
    with opened(folder, derivations=sessions) as place:
        for minute, user in STEPS:
            send(place, minute, user)
        place.lake = Fails(lake := place.lake, *failing)
        for tries in range(9):
            try:
                place.settle(limit_bytes=10 if tries % 2 else 450)
                break
            except Unavailable:
                if restarted:
                    break
        place.lake = lake
        if not restarted:
            assert stored(place) == expected
    with opened(folder, derivations=sessions) as place:
        place.settle(limit_bytes=600)
        assert stored(place) == expected
        assert place.ledger.counts() == {"app": Counts(8, 8, derived=9)}
        kept = SqlOpenSessions(place.database).at(place.lake.position())
        assert kept["events"].to_pylist() == [1]
