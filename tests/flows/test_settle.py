"""``flows/settle``: what the door accepted is stored, a duplicate or in quarantine, once, whatever fails in between."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from settle_place import NOW, ZONE, opened

from footfall.errors import BadRecord, Damaged, Unavailable
from footfall.lakes.parts import TABLE_SCHEMA
from footfall.model.attribute_definitions import usual
from footfall.ports import Counts
from footfall.stores.attributes import SqlAttributes


@pytest.fixture
def place(tmp_path):
    with opened(tmp_path / "data") as place:
        yield place


def track(event_id, **fields):
    return {"type": "track", "event": "Bought", "userId": "ada", "messageId": event_id, **fields}


def identify(event_id):
    return {"type": "identify", "userId": "ada", "messageId": event_id, "traits": {"calls": 1}}


def batch(*ids):
    return {"batch": [track(event_id) for event_id in ids]}


def test_what_was_sent_is_stored_once_and_the_log_forgets_it(place):
    place.send(batch("a", "b"))
    place.send(batch("b", "c"))
    done = place.settle()
    assert (done.received, done.stored, done.duplicate, done.quarantined) == (4, 3, 1, 0)
    assert place.ids() == ["a", "b", "c"]
    assert place.lake.position() == place.log.end() == done.end
    assert place.ledger.counts() == {"app": Counts(4, 3, 1, 0)}


def test_nothing_new_is_nothing_done(place):
    place.send(batch("a"))
    first = place.settle()
    again = place.settle()
    assert (again.start, again.end, again.received) == (first.end, first.end, 0)


def test_many_small_ranges_end_as_one_large_one(place):
    for n in range(10):
        place.send(batch(f"{n}a", f"{n}b", "same"))
    steps = []
    done = place.settle(limit_bytes=300, progress=lambda *step: steps.append(step))
    assert (done.received, done.stored, done.duplicate) == (30, 21, 9)
    assert place.stored()["ingest_seq"].to_pylist() == list(range(1, 22))
    assert steps[-1] == ("settle", done.end, done.end, "bytes")
    assert len(steps) > 2


def test_people_are_known_after_settling(place):
    place.send(
        {
            "batch": [
                {"type": "identify", "userId": "ada", "anonymousId": "v", "messageId": "i", "traits": {"email": "a@x"}},
                {"type": "group", "userId": "ada", "groupId": "acme", "messageId": "g", "traits": {"name": "Acme"}},
            ]
        }
    )
    place.settle()
    (user,) = place.people.users(NOW.date()).read_all().to_pylist()
    assert (user["identify_id"], json.loads(user["attributes"])["email"]) == ("ada", "a@x")
    assert place.people.links().num_rows == 1
    assert place.people.members().num_rows == 1


def test_a_retry_after_a_restart_counts_once(tmp_path):
    with opened(tmp_path / "data") as place:
        place.send(batch("a", "b"))
        place.settle()
    with opened(tmp_path / "data") as place:
        place.send(batch("b", "c"))
        done = place.settle()
        assert (done.stored, done.duplicate) == (1, 1)
        assert place.ids() == ["a", "b", "c"]


@dataclass
class FailsAt:
    """A part of the place whose method raises at its n-th call, and then works."""

    part: object
    method: str
    left: int

    def __getattr__(self, name):
        found = getattr(self.part, name)
        if name != self.method:
            return found

        def call(*values):
            self.left -= 1
            if self.left == 0:
                raise Unavailable("the disk is full")
            return found(*values)

        return call


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize(
    ("name", "method"),
    [
        pytest.param("people", "keys", id="before the store"),
        pytest.param("ledger", "settled", id="in the store"),
        pytest.param("lake", "append", id="between store and lake"),
        pytest.param("log", "trim", id="after the lake"),
    ],
)
def test_after_a_failure_the_same_process_goes_on_and_counts_once(place, name, method, call):
    for n in range(4):
        place.send(batch(f"{n}a", f"{n}b", "same"))
    whole = getattr(place, name)
    setattr(place, name, FailsAt(whole, method, call))
    with pytest.raises(Unavailable):
        place.settle(limit_bytes=300)
    setattr(place, name, whole)
    place.settle(limit_bytes=300)
    assert sorted(place.ids()) == sorted([f"{n}{c}" for n in range(4) for c in "ab"] + ["same"])
    assert place.ledger.counts() == {"app": Counts(12, 9, 3, 0)}
    assert place.stored()["ingest_seq"].to_pylist() == list(range(1, 10))


@pytest.mark.parametrize(
    ("name", "method"),
    [pytest.param("ledger", "settled", id="in the store"), pytest.param("lake", "append", id="after")],
)
def test_what_is_counted_of_a_user_is_counted_once_whatever_fails(place, name, method):
    SqlAttributes(place.database, ZONE).define(usual("user", "calls", "NUMBER", merge="count"), NOW)
    for n in range(3):
        place.send({"batch": [identify(f"{n}a"), identify("same")]})
    whole = getattr(place, name)
    setattr(place, name, FailsAt(whole, method, 2))
    with pytest.raises(Unavailable):
        place.settle(limit_bytes=100)
    setattr(place, name, whole)
    place.settle(limit_bytes=100)
    (ada,) = place.people.users(NOW.date()).read_all().to_pylist()
    assert json.loads(ada["attributes"]) == {"calls": 4}


def test_a_lake_that_is_not_of_this_log_is_damage_and_nothing_is_lost(tmp_path):
    with opened(tmp_path / "data") as place:
        place.send(batch("a"))
        place.settle()
        lake = place.lake
    with opened(tmp_path / "other") as place:
        place.send(batch("x"))
        place.lake = lake
        lake.append(TABLE_SCHEMA.empty_table(), place.log.end() + 10_000)
        with pytest.raises(Damaged, match="restored"):
            place.settle()


# --- any input ---

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
INSTANTS = st.one_of(
    st.datetimes(datetime(1960, 1, 1), datetime(2040, 1, 1), timezones=st.timezones()).map(lambda at: at.isoformat()),
    st.integers(-(10**20), 10**20),
    st.text(max_size=12),
)
SEGMENT = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["track", "page", "screen", "identify", "group", "alias", "other"]),
        "event": st.text(max_size=6),
        "userId": st.text(max_size=4) | st.integers(),
        "anonymousId": st.text(max_size=4) | st.none(),
        "messageId": st.sampled_from(["m1", "m2", "m3", "@log:0-0", ""]) | st.text(max_size=6),
        "groupId": st.text(max_size=3),
        "previousId": st.text(max_size=3),
        "timestamp": INSTANTS,
        "sentAt": INSTANTS,
        "traits": JSON,
        "properties": JSON,
        "context": JSON | st.fixed_dictionaries({"page": JSON, "traits": JSON, "groupId": JSON, "sessionId": JSON}),
    },
)
NATIVE = st.fixed_dictionaries(
    {"type": st.sampled_from(["custom", "identify", "page_view", "engagement_view", "group", "alias", "nothing"])},
    optional={
        "event_id": st.sampled_from(["n1", "n2", "n3"]) | st.text(max_size=6),
        "identify_id": st.text(max_size=4) | st.integers(-(2**63), 2**63 - 1),
        "anonymous_id": st.text(max_size=4),
        "event_name": st.text(max_size=6),
        "engagement_id": st.text(max_size=6),
        "view_state": st.sampled_from(["VIEWED", "COMPLETED", "odd"]),
        "previous_id": st.text(max_size=3),
        "account": JSON | st.fixed_dictionaries({"id": st.text(max_size=3), "name": JSON}),
        "occurred_at": INSTANTS,
        "user": JSON,
        "attributes": JSON,
        "metrics": JSON,
        "page": JSON,
        "score": st.integers() | st.floats(allow_nan=False),
        "step_number": st.integers(),
        "labels": JSON,
        "answers": JSON,
        "global_context": JSON,
    },
)
BODIES = st.lists(
    st.tuples(st.just("segment"), st.lists(SEGMENT, max_size=5))
    | st.tuples(st.just("native"), st.lists(NATIVE, max_size=5)),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def long_lived(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("any") / "data") as place:
        yield place, iter(range(1_000_000))


@settings(max_examples=40, deadline=None)
@given(bodies=BODIES)
def test_every_event_that_passed_the_door_is_stored_or_a_duplicate_or_quarantined(long_lived, bodies):
    place, numbers = long_lived
    source = f"source {next(numbers)}"  # ids of one example are not those of another
    before = set(place.stored()["ingest_seq"].to_pylist())
    received, good_ids, refused = 0, [], 0
    for dialect, events in bodies:
        body = {"batch" if dialect == "segment" else "events": events}
        try:
            reading = place.send(json.dumps(body).encode(), dialect=dialect, source=source)
        except BadRecord:
            continue
        received += reading.count
        refused += len(reading.rejected)
        bad = {index for index, *_ in reading.rejected}
        field = "messageId" if dialect == "segment" else "event_id"
        good_ids += [event.get(field) for index, event in enumerate(events) if index not in bad]
    place.settle()
    counts = place.ledger.counts().get(source, Counts())
    assert counts.received == received
    assert counts.stored + counts.duplicate + counts.quarantined == received
    assert counts.quarantined >= refused
    stored = place.stored()
    new = [row for row in stored.to_pylist() if row["ingest_seq"] not in before]
    assert len(new) == counts.stored
    assert len({row["event_id"] for row in new}) == len(new)
    sent = {_as_stored(event_id) for event_id in good_ids if event_id not in (None, "")}
    own = [row["event_id"] for row in new if not row["event_id"].startswith("@log:")]
    assert set(own) <= sent


def _as_stored(event_id):
    return "@" + event_id if str(event_id).startswith("@log:") else str(event_id)
