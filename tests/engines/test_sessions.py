"""Sessions of clients that send none: what is one, what is said of it; ranges and repetitions change nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import pairwise

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torn import BREAKS, torn

from footfall.engines import sessions as engine
from footfall.engines.sessions import SESSION, IdleSessions
from footfall.model.event import EventType
from footfall.ports import LogRange

IDLE = 1800
MINUTE = 60_000_000
START, END = EventType.SESSION_STARTED, EventType.SESSION_ENDED


@dataclass
class Kept:
    """ports.OpenSessions in memory: what every range kept, replayed."""

    ranges: dict[int, pa.Table] = field(default_factory=dict)

    def at(self, position):
        rows: dict[str, dict] = {}
        for start in sorted(start for start in self.ranges if start < position):
            for row in self.ranges[start].to_pylist():
                rows.pop(row["session_id"], None)
                if row.pop("open"):
                    rows[row["session_id"]] = row
        return pa.Table.from_pylist(list(rows.values()), schema=SESSION)


def table(events) -> pa.Table:
    """Events (id, person, minute, minute of receipt or None, more fields) in the shaper's columns."""
    rows = []
    for nth, (event_id, person, at, heard, *more) in enumerate(events):
        row = {"event_id": event_id, "anonymous_id": person, "identify_id": None, "type": EventType.CUSTOM}
        row |= {"occurred_us": int(at * MINUTE), "received_us": int((at if heard is None else heard) * MINUTE)}
        rows.append({**row, "ord": nth, "position": nth, "index": 0, **(more[0] if more else {})})
    texts = ("event_id", "anonymous_id", "identify_id", "account_id", "session_id", "locale", "properties")
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in texts}
    for name, usual in (("source", "app"), ("product", "shop"), ("environment", "Production"), ("channel", "web")):
        columns[name] = pa.array([row.get(name, usual) for row in rows], pa.string()).dictionary_encode()
    kinds = {"type": pa.int16(), "occurred_us": pa.int64(), "received_us": pa.int64(), "session_key": pa.uint64()}
    kinds["position"] = pa.int64()
    columns |= {name: pa.array([row.get(name) for row in rows], kind) for name, kind in kinds.items()}
    return pa.table(columns)


@dataclass
class Settling:
    """Ranges given one after the other; ``rows`` is what a lake would hold."""

    kept: Kept = field(default_factory=Kept)
    position: int = 0
    heard: int = 0
    rows: list[dict] = field(default_factory=list)
    made: IdleSessions | None = None

    def derive(self, events, *, heard: float | None = None):
        if self.made is None:
            self.made = IdleSessions(self.kept, idle_s=IDLE, wanted=lambda source, imported: source != "crm")
        rows = table(events)
        latest = max(rows["received_us"].to_pylist(), default=0) if heard is None else int(heard * MINUTE)
        self.heard = max(self.heard, latest)
        return self.made.derive(rows, LogRange(self.position, self.position + 1, self.heard))

    def settle(self, events, *, heard: float | None = None) -> list[dict]:
        found = self.derive(events, heard=heard)
        if found.sessions is not None:
            self.kept.ranges[self.position] = found.sessions
        self.position += 1
        new = found.events.to_pylist() + (found.added.to_pylist() if found.added is not None else [])
        self.rows += new
        return new

    def sessions(self) -> dict[str, list[str]]:
        """The events of each session, by the id of its first one in time."""
        by_id: dict[str, list] = {}
        for row in self.rows:
            if row["type"] not in (START, END) and row["session_id"] is not None:
                by_id.setdefault(row["session_id"], []).append((row["occurred_us"], row["event_id"]))
        return {min(events)[1]: sorted(event for _, event in events) for events in by_id.values()}

    def of(self, kind) -> list[dict]:
        return [row for row in self.rows if row["type"] == kind]


def test_a_pause_of_more_than_the_idle_time_begins_a_session():
    one = Settling()
    one.settle([("a", "v", 0, None), ("b", "v", 30, None), ("c", "v", 60.1, None), ("d", "w", 60, None)])
    assert one.sessions() == {"a": ["a", "b"], "c": ["c"], "d": ["d"]}
    assert [row["occurred_us"] / MINUTE for row in one.of(START)] == [0, 60.1, 60]


def test_a_session_begins_as_its_first_event_says_and_its_id_follows_from_that():
    said = {"account_id": "acme", "identify_id": "ada", "locale": "de", "properties": json.dumps(
        {"attributes": {"x": 1}, "page": {"url": "https://a/b"}, "user_agent": "UA"})}  # fmt: skip
    first, second = Settling(), Settling()
    (_, _, start) = first.settle([("a", "v", 5, 6, said), ("b", "v", 7, None)])
    second.settle([("a", "v", 5, 6, said)])
    assert start["event_id"] == f"@derived:session-start:{start['session_id']}" == second.of(START)[0]["event_id"]
    assert {name: start[name] for name in ("source", "product", "environment", "channel", "account_id", "locale")} == {
        "source": "app", "product": "shop", "environment": "Production", "channel": "web",
        "account_id": "acme", "locale": "de",
    }  # fmt: skip
    assert (start["identify_id"], start["anonymous_id"]) == ("ada", "v")
    assert (start["occurred_us"], start["received_us"]) == (5 * MINUTE, 6 * MINUTE)
    assert json.loads(start["properties"]) == {"page": {"url": "https://a/b"}, "user_agent": "UA"}


def test_an_ended_session_says_how_long_it_took_and_how_much_was_done():
    one = Settling()
    one.settle([("a", "v", 0, None), ("b", "v", 12.5, None), ("c", "v", 12.75, None)])
    assert one.of(END) == []
    one.settle([("other", "w", 72.75, None)])
    assert one.of(END) == []  # so long an event of it may still come
    one.settle([], heard=72.8)
    (end,) = one.of(END)
    assert json.loads(end["properties"]) == {"duration_s": 765, "event_count": 3}
    assert (end["occurred_us"], end["session_id"]) == (12.75 * MINUTE, one.of(START)[0]["session_id"])
    one.settle([], heard=9999)
    assert len(one.of(END)) == 2


def test_a_late_event_joins_the_session_it_lies_in_and_is_counted():
    one = Settling()
    one.settle([("a", "v", 0, None), ("c", "v", 20, None)])
    one.settle([("b", "v", 10, 45), ("z", "v", -20, 46), ("d", "v", 49, None)])
    one.settle([], heard=999)
    assert one.sessions() == {"z": ["a", "b", "c", "d", "z"]}
    assert [json.loads(row["properties"]) for row in one.of(END)] == [{"duration_s": 69 * 60, "event_count": 5}]
    assert len(one.of(START)) == 1


def test_a_late_event_between_two_sessions_belongs_to_the_earlier_one():
    one = Settling()
    one.settle([("a", "v", 0, None), ("c", "v", 40, None)])
    one.settle([("b", "v", 20, 41), ("d", "v", 40, None)])
    assert one.sessions() == {"a": ["a", "b"], "c": ["c", "d"]}


def test_what_comes_after_a_session_has_ended_begins_another():
    one = Settling()
    one.settle([("a", "v", 0, None)])
    one.settle([("x", "w", 61, None)])
    one.settle([("b", "v", 10, 62)])
    assert one.sessions() == {"a": ["a"], "b": ["b"], "x": ["x"]}


def test_centuries_and_many_people_in_one_range_are_in_order_too(monkeypatch):
    events = [(f"{person}{at}", person, at, 10**8) for at in (10**8 - 1, 5, 0, 10**8) for person in "vwx"]
    one, other = Settling(), Settling()
    one.settle(events)
    monkeypatch.setattr(engine, "_KEYS_MAX", 0)
    other.settle(events)
    assert one.rows == other.rows
    assert one.sessions()["v0"] == ["v0", "v5"]


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"session_id": "theirs"}, id="a client's own session"),
        pytest.param({"source": "crm"}, id="a source that makes none"),
        pytest.param({"type": EventType.IDENTIFY}, id="who somebody is"),
        pytest.param({"type": EventType.EMAIL_EVENT}, id="mail"),
        pytest.param({"anonymous_id": None}, id="nobody"),
    ],
)
def test_what_makes_no_session(more):
    one = Settling()
    (row,) = one.settle([("a", "v", 0, None, more)])
    assert row["session_id"] == more.get("session_id")
    assert one.kept.ranges == {}


def test_a_session_is_of_one_person_source_product_and_environment_and_goes_on_through_a_login():
    one = Settling()
    one.settle([
        ("a", "v", 0, None), ("b", "v", 1, None, {"source": "ios"}), ("c", "v", 2, None, {"product": "blog"}),
        ("d", "v", 3, None, {"environment": "Test"}), ("e", "v", 4, None, {"identify_id": "ada"}),
        ("f", None, 5, None, {"identify_id": "ada"}),
    ])  # fmt: skip
    assert one.sessions() == {"a": ["a", "e"], "b": ["b"], "c": ["c"], "d": ["d"], "f": ["f"]}


def model(events) -> list[list[str]]:
    """Sessions of events that come in order, one after the other."""
    last: dict[str, tuple[float, float, list[str]]] = {}
    sessions = []
    for event_id, person, at, heard in events:
        before = last.get(person)
        if before is None or at - before[0] > IDLE / 60 or heard - before[1] > 2 * IDLE / 60:
            before = (at, heard, [])
            sessions.append(before[2])
        before[2].append(event_id)
        last[person] = (at, heard, before[2])
    return sorted(sorted(ids) for ids in sessions)


STEPS = st.lists(
    st.tuples(
        st.sampled_from("vwx"),
        st.sampled_from([0, 0, 1, 5, 14, 29, 30, 31, 59, 60, 61, 90, 200]),
        st.sampled_from([0, 0, 0, 0, 1, 40, 70]),
        st.booleans(),
    ),
    max_size=12,
)


def in_order(steps):
    """Events whose instants and receipts both rise, and where a range ends."""
    now, heard, events, cuts = 0, 0, [], []
    for nth, (person, wait, lag, cut) in enumerate(steps):
        now += wait
        heard = max(heard, now + lag)
        events.append((f"e{nth:02}", person, now, heard))
        if cut:
            cuts.append(nth + 1)
    return events, [0, *cuts, len(events)]


@settings(max_examples=15, deadline=None)
@given(STEPS)
def test_events_in_order_give_the_sessions_of_the_model_however_the_log_is_cut(steps):
    events, cuts = in_order(steps)
    whole, pieces = Settling(), Settling()
    whole.settle(events)
    for start, end in pairwise(cuts):
        pieces.settle(events[start:end])
    for one in (whole, pieces):
        one.settle([], heard=99_999)
        assert sorted(one.sessions().values()) == model(events)

    def comparable(one):
        said = ({n: value for n, value in row.items() if n != "position" and value is not None} for row in one.rows)
        return sorted(json.dumps(row, sort_keys=True) for row in said)

    assert comparable(whole) == comparable(pieces)


@settings(max_examples=15, deadline=None)
@given(STEPS, st.randoms(use_true_random=False))
def test_whatever_the_order_every_event_has_one_session_that_begins_and_ends_once(steps, random):
    events, cuts = in_order(steps)
    heard = sorted(event[3] for event in events)
    random.shuffle(events)
    events = [(*event[:3], at) for event, at in zip(events, heard, strict=True)]
    one = Settling()
    for start, end in pairwise(cuts):
        if random.random() < 0.5:  # the first try is lost after the store's transaction, and the range was longer
            found = one.derive(events[start : end + 2])
            if found.sessions is not None:
                one.kept.ranges[one.position] = found.sessions
            if random.random() < 0.2:
                one.made = None  # and so was the process
            one.heard = 0
            one.kept.ranges.pop(one.position, None)
        one.settle(events[start:end])
    one.settle([], heard=99_999)
    sessions = one.sessions()
    assert sorted(event for ids in sessions.values() for event in ids) == sorted(event[0] for event in events)
    assert len(one.of(START)) == len(one.of(END)) == len(sessions)
    assert len({row["event_id"] for row in one.rows}) == len(one.rows)
    counted = {row["session_id"]: json.loads(row["properties"])["event_count"] for row in one.of(END)}
    members = [row["session_id"] for row in one.rows if row["type"] == EventType.CUSTOM]
    assert counted == {session: members.count(session) for session in members}


def test_a_fault_within_the_engine_costs_one_range(monkeypatch):
    one, given = Settling(), [("a", "v", 0, None)]
    with monkeypatch.context() as broken:
        broken.setattr(engine, "_SAID", f"SELECT {BREAKS.format('properties')} FROM given")
        one.made = IdleSessions(one.kept, idle_s=IDLE, wanted=lambda source, imported: True)
        with pytest.raises(duckdb.InternalException):
            one.made.derive(torn(table(given), "properties"), LogRange(0, 1, 0))
    one.settle(given)
    assert one.sessions() == {"a": ["a"]}
