"""``ports.Shaper`` and ``ports.Shape``: every numbered promise, and the instants of events."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from shaping import IMPLEMENTATIONS, RECEIVED, RECEIVED_US, batch, facts, keyed, logged, one, read, track

from footfall.errors import Unavailable
from footfall.model.event import DERIVED, LAKE_COLUMNS
from footfall.ports import Batch, Counts, Derived, Entry, Keys


@pytest.fixture(params=IMPLEMENTATIONS)
def opened(request):
    """Opens shapers that are closed when the test ends."""
    with ExitStack() as stack:
        yield lambda *zone, **settings: stack.enter_context(request.param(*zone, **settings))


@pytest.fixture(scope="module", params=IMPLEMENTATIONS)
def shaper(request):
    """One for all tests: what begins at position 0 makes it forget what it saw before."""
    with request.param() as shaper:
        yield shaper


# --- 1: stored, duplicate or quarantined ---


def test_every_event_ends_in_exactly_one_place(shaper):
    body = batch(track("a"), track("b"), track("a"), {"type": "who"}, track("c", timestamp="yesterday"), track("d"))
    shape = shaper.shape(logged(body, rejected=[(5, "missing_user", "no user")]))
    assert shape.counts == {"app": Counts(received=6, stored=2, duplicate=1, quarantined=3)}
    assert [row["event_id"] for row in read(shape)] == ["a", "b"]
    assert [(row["index"], row["code"]) for row in shape.quarantined.to_pylist()] == [
        (3, "unknown_type"),
        (4, "bad_timestamp"),
        (5, "missing_user"),
    ]


def test_a_quarantined_event_keeps_its_text_and_its_place(shaper):
    (entry,) = logged(b'{"batch": [ {"type":"who", "n": 1.50} ]}', start=77)
    (row,) = shaper.shape([entry]).quarantined.to_pylist()
    assert (row["position"], row["index"], row["source"], row["body"]) == (77, 0, "app", '{"type":"who", "n": 1.50}')
    assert row["received_at"] == RECEIVED
    assert "'who'" in row["message"]


def test_counts_are_per_source(shaper):
    entries = logged(batch(track("a"))) + logged(batch(track("a"), track("a")), start=1000, source="web")
    assert shaper.shape(entries).counts == {"app": Counts(1, 1, 0, 0), "web": Counts(2, 1, 1, 0)}


def test_nothing_in_is_nothing_out(shaper):
    shape = shaper.shape([])
    assert (shape.counts, shape.days) == ({}, {})
    tables = (shape.users, shape.visitors, shape.accounts, shape.terms, shape.facts, shape.quarantined)
    assert [table.num_rows for table in tables] == [0] * 6
    assert shape.rows(keyed(shape), 1).num_rows == 0


def test_a_body_that_cannot_be_taken_apart_is_quarantined_event_by_event(shaper):
    (entry,) = logged(b'{"batch": [')
    broken = Entry(entry.position, entry.next, Batch(RECEIVED_US, "app", "segment", "batch", 3, (), "", "", b"{"))
    shape = shaper.shape([broken, *logged(batch(track("a")), start=entry.next)])
    assert shape.counts == {"app": Counts(received=4, stored=1, quarantined=3)}
    assert {row["code"] for row in shape.quarantined.to_pylist()} == {"unreadable_body"}


# --- 2: duplicates ---


def test_a_retry_counts_once_within_a_range_and_across_ranges(shaper):
    first, retry, later = logged(batch(track("a")), batch(track("a")), batch(track("a"), track("b")))
    assert shaper.shape([first, retry]).counts["app"] == Counts(2, 1, 1, 0)
    assert shaper.shape([later]).counts["app"] == Counts(2, 1, 1, 0)


def test_the_first_received_of_two_is_kept(shaper):
    (row,) = read(shaper.shape(logged(batch(track("a", event="First"), track("a", event="Second")))))
    assert row["name"] == "First"


def test_the_same_id_of_another_source_is_another_event(shaper):
    shaper.shape(logged(batch(track("a"))))
    assert shaper.shape(logged(batch(track("a")), start=500, source="web")).counts["web"].stored == 1


def test_what_was_stored_before_a_restart_is_remembered(opened):
    shaper = opened()
    stored = pa.record_batch([["app", "app"], ["a", "b"]], names=["source", "event_id"])
    shaper.remember([stored])
    assert shaper.shape(logged(batch(track("a"), track("c")))).counts["app"] == Counts(2, 1, 1, 0)


def test_a_range_whose_commit_failed_does_not_meet_itself_when_it_is_shaped_again(shaper):
    shaper.shape(logged(batch(track("z"))))
    entries = logged(batch(track("a"), track("b")), start=400)
    assert shaper.shape(entries).counts["app"].stored == 2
    shaper.shape(logged(batch(track("c")), start=900))
    assert shaper.shape(entries).counts["app"].stored == 2
    assert shaper.shape(logged(batch(track("z"), track("b"), track("c")), start=900)).counts["app"] == Counts(3, 1, 2)


def test_the_window_holds_at_least_as_many_as_it_says_and_lets_the_oldest_go(opened):
    shaper = opened(recent=100)
    for step in range(30):
        shaper.shape(logged(batch(*(track(f"{step}-{n}") for n in range(10))), start=10_000 * step))
    late = batch(*(track(f"{step}-{n}") for step in range(20, 30) for n in range(10)))
    assert shaper.shape(logged(late, start=10**7)).counts["app"].duplicate == 100
    assert shaper.shape(logged(batch(track("0-0")), start=10**8)).counts["app"].stored == 1


def test_events_without_an_id_are_all_kept_and_get_one_that_no_client_can_have(shaper):
    entries = logged(batch(track(None), track(None), track("@log:0-0"), track("@@log:0-0")))
    ids = [row["event_id"] for row in read(shaper.shape(entries))]
    assert ids == ["@log:0-0", "@log:0-1", "@@log:0-0", "@@@log:0-0"]


# --- 5: what is derived ---


class Echo:
    """Of every event called Bought there follows one called Thanked, and a session that all have."""

    def __init__(self):
        self.seen = []

    def derive(self, events, taken):
        self.seen.append((taken.start, taken.end, taken.heard_us, events["event_id"].to_pylist()))
        place = events.schema.get_field_index("session_id")
        events = events.set_column(place, "session_id", pa.array(["s"] * events.num_rows, pa.string()))
        causes = events.filter(pc.equal(events["name"], "Bought"))
        ids = pc.binary_join_element_wise(f"{DERIVED}echo:", causes["event_id"], "")
        added = causes.select(["source", "product", "environment", "channel", "identify_id", "type", "received_us"])
        added = added.append_column("occurred_us", pc.add(causes["occurred_us"], 86_400_000_000))
        added = added.append_column("event_id", ids)
        added = added.append_column("name", pa.array(["Thanked"] * causes.num_rows))
        told = {"at": pc.cast(causes["occurred_us"], pa.timestamp("us", "UTC")), "kind": ["user"] * causes.num_rows}
        told |= {"user": causes["identify_id"], "attributes": ['{"title":"Buyer"}'] * causes.num_rows}
        return Derived(events, added if causes.num_rows else None, pa.table(told))


def test_what_is_derived_is_stored_dated_keyed_and_counted_beside_what_was_received(opened):
    echo = Echo()
    shape = opened(derivations=[echo]).shape(logged(batch(track("a"), track("b", event="Left"), track("a")), start=7))
    assert shape.counts == {"app": Counts(received=3, stored=2, duplicate=1, derived=1)}
    rows = read(shape)
    assert [(row["event_id"], row["name"], row["session_id"]) for row in rows] == [
        ("a", "Bought", "s"), ("b", "Left", "s"), ("@derived:echo:a", "Thanked", None)
    ]  # fmt: skip
    assert [row["user_key"] for row in rows] == ["ada"] * 3
    assert [row["ingest_seq"] for row in rows] == [1, 2, 3]
    assert shape.days == {date(2026, 11, 22): 2, date(2026, 11, 23): 1}
    assert facts(shape) == [("user", "ada", None, {"title": "Buyer"})]
    start, _, heard_us, ids = echo.seen[0]
    assert (start, heard_us, ids) == (7, RECEIVED_US, ["a", "b"])


def test_each_derivation_sees_what_the_one_before_changed_but_not_what_it_added(opened):
    first, second = Echo(), Echo()
    shape = opened(derivations=[first, second]).shape(logged(batch(track("a"))))
    assert second.seen[0][3] == ["a"]
    assert shape.counts["app"] == Counts(1, 1, derived=2)


def test_what_follows_from_somebody_who_is_denied_is_left_out_of_the_derived_rows(opened):
    class Ghost(Echo):
        def derive(self, events, taken):
            found = super().derive(events, taken)
            place = found.added.schema.get_field_index("identify_id")
            gone = pa.array(["bob"] * found.added.num_rows, pa.string())
            return Derived(found.events, found.added.set_column(place, "identify_id", gone))

    shape = opened(derivations=[Ghost(), Echo()], denied=lambda: {"bob": RECEIVED_US}).shape(logged(batch(track("a"))))
    assert shape.counts["app"] == Counts(1, 1, derived=1)
    assert [row["user_key"] for row in read(shape)] == ["ada", "ada"]


@pytest.mark.parametrize("error", [RecursionError("too deep"), pa.ArrowInvalid("no such value"), KeyError("x")])
def test_an_error_that_no_derivation_foresaw_names_the_range_and_is_tried_again(opened, error):
    class Failing(Echo):
        def derive(self, events, taken):
            if not self.seen:
                super().derive(events, taken)
                raise error
            return super().derive(events, taken)

    shaper, entries = opened(derivations=[Failing()]), logged(batch(track("a")), start=7)
    with pytest.raises(Unavailable, match=f"position 7: {type(error).__name__}"):
        shaper.shape(entries)
    assert shaper.shape(entries).counts["app"] == Counts(1, 1, derived=1)


def test_what_a_client_of_the_same_source_sent_itself_is_not_derived_beside_it(opened):
    class Known(Echo):
        def derive(self, events, taken):
            found = super().derive(events, taken)
            ids = pc.replace_substring(found.added["event_id"], f"{DERIVED}echo:", "thanked-")
            place = found.added.schema.get_field_index("event_id")
            return Derived(found.events, found.added.set_column(place, "event_id", ids))

    mine = batch(track("a"), track("b"), track("thanked-a", event="Thanked"))
    entries = logged(mine) + logged(batch(track("thanked-b", event="Thanked")), start=1000, source="other")
    shape = opened(derivations=[Known()]).shape(entries)
    assert [(row["source"], row["event_id"]) for row in read(shape)] == [
        ("app", "a"), ("app", "b"), ("app", "thanked-a"), ("other", "thanked-b"), ("app", "thanked-b"),
    ]  # fmt: skip
    assert shape.counts == {"app": Counts(received=3, stored=3, derived=1), "other": Counts(received=1, stored=1)}


def test_a_client_cannot_send_the_id_of_a_derived_event(shaper):
    (row,) = read(shaper.shape(logged(track("@derived:echo:a"), call="track")))
    assert row["event_id"] == "@@derived:echo:a"


# --- 3: a hostile event keeps to itself ---


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(rb'{"type":"track","event":"\ud800","userId":"u","messageId":"h"}', id="a lone surrogate"),
        pytest.param(b'{"type":"track","event":"\xff","userId":"u","messageId":"h"}', id="bytes that are no UTF-8"),
        pytest.param(b'{"type":"track","event":', id="half an event"),
        pytest.param(b"\x00\x01\x02", id="no JSON at all"),
        pytest.param(b"", id="nothing"),
    ],
)
@pytest.mark.parametrize("copies", [1, 3])
def test_one_unreadable_event_never_takes_its_neighbours_with_it(shaper, text, copies):
    plain = logged(*(batch(*(track(f"m{10 * n + i}") for i in range(10))) for n in range(5)))
    hostile = [
        Entry(10**6 + n, 10**6 + n + 1, Batch(RECEIVED_US, "app", "segment", "track", 1, (), "", "", text))
        for n in range(copies)
    ]
    shape = shaper.shape([*plain, *hostile, *logged(batch(track("last")), start=10**7)])
    assert shape.counts["app"] == Counts(51 + copies, 51, 0, copies)
    assert [row["event_id"] for row in read(shape)] == [*(f"m{n}" for n in range(50)), "last"]
    assert [(row["position"], row["code"]) for row in shape.quarantined.to_pylist()] == [
        (10**6 + n, "unreadable_event") for n in range(copies)
    ]


def test_an_invalid_byte_within_a_batch_takes_only_its_event(shaper):
    text = json.dumps(batch(track("a"), track("b", properties="@"), track("c"))).encode().replace(b"@", b"\xc3\x28")
    shape = shaper.shape(logged_raw(text, 3))
    assert [row["event_id"] for row in read(shape)] == ["a", "c"]
    assert [row["index"] for row in shape.quarantined.to_pylist()] == [1]


def logged_raw(body, count):
    return [Entry(0, len(body), Batch(RECEIVED_US, "app", "segment", "batch", count, (), "", "", body))]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({"context": "text"}, id="context is a text"),
        pytest.param({"context": [1, 2]}, id="context is a list"),
        pytest.param({"properties": "text"}, id="properties is a text"),
        pytest.param({"properties": [1]}, id="properties is a list"),
        pytest.param({"properties": {"a": None}}, id="properties are null"),
        pytest.param({"event": {"a": 1}}, id="event is an object"),
        pytest.param({"event": "x" * 100_000}, id="a long name"),
        pytest.param({"event": "nul\x00 and \U0001f600"}, id="a nul"),
        pytest.param({"properties": {"n": 10**400}}, id="a number beyond any type"),
        pytest.param({"timestamp": 10**30}, id="an instant beyond any type"),
        pytest.param({"timestamp": "infinity"}, id="infinity"),
        pytest.param({"timestamp": "9999-99-99T99:99:99Z"}, id="no date"),
        pytest.param({"sentAt": "9999999-01-01T00:00:00Z"}, id="sent in no year"),
        pytest.param({"timestamp": "-290000-01-01T00:00:00Z", "sentAt": "290000-01-01T00:00:00Z"}, id="overflow"),
        pytest.param({"messageId": {"a": 1}}, id="the id is an object"),
        pytest.param({"type": 5}, id="the type is a number"),
    ],
)
def test_odd_values_are_stored_or_quarantined_and_never_raise(shaper, event):
    shape = shaper.shape(logged(batch(track("odd") | event, track("plain"))))
    counts = shape.counts["app"]
    assert counts.stored + counts.quarantined == counts.received == 2
    assert "plain" in [row["event_id"] for row in read(shape)]


def test_deep_nesting_is_no_matter(shaper):
    body = json.dumps(batch(track("deep", properties="@"), track("plain"))).encode()
    deep = body.replace(b'"@"', b'{"a":' * 400 + b"null" + b"}" * 400)
    assert shaper.shape(logged_raw(deep, 2)).counts["app"].stored == 2


# --- 4: the same again ---


def test_the_same_entries_and_window_give_the_same_shape(opened):
    events = [track(f"m{n}", userId=f"u{n % 7}", anonymousId=f"v{n % 5}", properties={"n": n}) for n in range(20_000)]
    entries = logged(*(batch(*events[n : n + 100]) for n in range(0, len(events), 100)))
    first, second = (opened(**settings).shape(entries) for settings in ({}, {}))
    assert first.rows(keyed(first), 5) == second.rows(keyed(second), 5)
    for name in ("users", "visitors", "accounts", "terms", "facts", "quarantined"):
        assert getattr(first, name) == getattr(second, name)
    assert [row["ingest_seq"] for row in read(first)] == list(range(1, 20_001))
    assert [row["event_id"] for row in read(first)] == [f"m{n}" for n in range(20_000)]


# --- the shape ---


def test_rows_have_the_columns_and_types_of_the_lake(shaper):
    shape = shaper.shape(logged(batch(track())))
    kinds = {
        "date": pa.date32(), "long": pa.int64(), "short": pa.int16(), "integer": pa.int32(),
        "timestamp": pa.timestamp("us", "UTC"), "string": pa.string(),
    }  # fmt: skip
    schema = shape.rows(keyed(shape), 9).schema
    assert [(field.name, field.type) for field in schema] == [(name, kinds[kind]) for name, kind, _ in LAKE_COLUMNS]


def test_a_missing_key_is_an_error_and_not_a_null(shaper):
    shape = shaper.shape(logged(batch(track())))
    keys = keyed(shape)
    with pytest.raises(KeyError, match="ada"):
        shape.rows(Keys(keys.users.slice(0, 0), keys.visitors, keys.accounts, keys.terms), 1)


def test_users_and_accounts_come_with_their_earliest_event(shaper):
    shape = shaper.shape(
        logged(
            batch(
                track("a", timestamp="2026-11-22T11:00:00Z", context={"groupId": "acme"}),
                track("b", timestamp="2026-11-22T09:00:00Z", userId=7),
                track("c", timestamp="2026-11-22T10:00:00Z", context={"groupId": "acme"}),
            )
        )
    )
    assert shape.users.to_pylist() == [
        {"identify_id": "ada", "first_at": datetime(2026, 11, 22, 10, tzinfo=UTC)},
        {"identify_id": "7", "first_at": datetime(2026, 11, 22, 9, tzinfo=UTC)},
    ]
    assert shape.accounts.to_pylist() == [{"account_id": "acme", "first_at": datetime(2026, 11, 22, 10, tzinfo=UTC)}]


# --- time ---


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param("2026-11-22T10:00:00Z", "2026-11-22T10:00:00+00:00", id="Z"),
        pytest.param("2026-11-22T10:00:00.123456789Z", "2026-11-22T10:00:00.123456+00:00", id="nanoseconds"),
        pytest.param("2026-11-22T10:00:00+00:00", "2026-11-22T10:00:00+00:00", id="zero offset"),
        pytest.param("2026-11-22T10:00:00+02:00", "2026-11-22T08:00:00+00:00", id="east"),
        pytest.param("2026-11-22T05:00:00-05:30", "2026-11-22T10:30:00+00:00", id="west with half an hour"),
        pytest.param("2026-11-22T10:00:00.5+0200", "2026-11-22T08:00:00.500000+00:00", id="offset without colon"),
        pytest.param("2026-11-22T10:00:00+02", "2026-11-22T08:00:00+00:00", id="offset of hours"),
        pytest.param("2026-11-22T10:00-02:00", "2026-11-22T12:00:00+00:00", id="no seconds"),
        pytest.param("2026-11-22 10:00:00", "2026-11-22T10:00:00+00:00", id="no offset is UTC"),
        pytest.param("2026-11-22t10:00:00.5z", "2026-11-22T10:00:00.500000+00:00", id="t and z"),
        pytest.param("2026-11-22T10:00:00z", "2026-11-22T10:00:00+00:00", id="z"),
        pytest.param("2026-11-22t10:00:00Z", "2026-11-22T10:00:00+00:00", id="t"),
        pytest.param("2026-11-22t10:00:00+02:00", "2026-11-22T08:00:00+00:00", id="t and an offset"),
        pytest.param("2026-11-22", "2026-11-22T00:00:00+00:00", id="a date"),
        pytest.param(1795341600, "2026-11-22T10:00:00+00:00", id="seconds"),
        pytest.param(1795341600.25, "2026-11-22T10:00:00.250000+00:00", id="seconds with a fraction"),
        pytest.param(1795341600250, "2026-11-22T10:00:00.250000+00:00", id="milliseconds"),
        pytest.param(1795341600250001, "2026-11-22T10:00:00.250001+00:00", id="microseconds"),
        pytest.param("1795341600250", "2026-11-22T10:00:00.250000+00:00", id="milliseconds as text"),
        pytest.param(None, "2026-11-22T12:00:00+00:00", id="none: when it was received"),
    ],
)
def test_an_instant_is_read_as_it_was_meant(shaper, written, meant):
    assert one(shaper, batch(track(timestamp=written)))["occurred_at"] == datetime.fromisoformat(meant)


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-22T10:00:00 Europe/Berlin", "2026-13-01T00:00:00Z", "soon", "infinity", "epoch",
        "2026-11-22T10:00:00+2", "2026-11-22T10:00:00+02:00:00", "2026-11-22Tten", True,
    ],
)  # fmt: skip
def test_an_instant_that_cannot_be_read_is_quarantined(shaper, written):
    shape = shaper.shape(logged(batch(track(timestamp=written))))
    assert [row["code"] for row in shape.quarantined.to_pylist()] == ["bad_timestamp"]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        pytest.param("1989-12-31T23:59:59.999999Z", "time_out_of_range", id="before 1990"),
        pytest.param("1990-01-01T00:00:00Z", None, id="1990"),
        pytest.param("2026-11-23T12:00:00Z", None, id="a day ahead"),
        pytest.param("2026-11-23T12:00:00.000001Z", "time_out_of_range", id="more than a day ahead"),
    ],
)
def test_times_nobody_can_believe_are_quarantined(shaper, written, code):
    shape = shaper.shape(logged(batch(track(timestamp=written))))
    assert [row["code"] for row in shape.quarantined.to_pylist()] == ([code] if code else [])


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(({}, {"sentAt": "2026-11-22T11:00:00Z"}), id="said by the batch"),
        pytest.param(({"sentAt": "2026-11-22T11:00:00Z"}, {}), id="said by the event"),
        pytest.param(({}, {"sentAt": 1795345200000}), id="as a number"),
    ],
)
def test_a_clock_that_is_an_hour_slow_is_corrected(shaper, sent):
    of_event, of_batch = sent
    row = one(shaper, batch(track(timestamp="2026-11-22T10:30:00Z", **of_event), **of_batch))
    assert row["occurred_at"] == datetime(2026, 11, 22, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "written", "day"),
    [
        pytest.param("Europe/Berlin", "2026-11-21T22:59:59.999999Z", date(2026, 11, 21), id="just before midnight"),
        pytest.param("Europe/Berlin", "2026-11-21T23:00:00Z", date(2026, 11, 22), id="midnight"),
        pytest.param("Pacific/Kiritimati", "2026-11-21T10:00:00Z", date(2026, 11, 22), id="14 hours ahead"),
        pytest.param("Pacific/Pago_Pago", "2026-11-22T10:59:59Z", date(2026, 11, 21), id="11 hours behind"),
        pytest.param("Pacific/Apia", "2011-12-30T10:00:00Z", date(2011, 12, 31), id="the date that never happened"),
        pytest.param("America/Havana", "2026-11-01T04:30:00Z", date(2026, 11, 1), id="midnight occurs twice"),
        pytest.param("Africa/Cairo", "2026-04-23T22:00:00Z", date(2026, 4, 24), id="midnight is skipped"),
        pytest.param("Asia/Kathmandu", "1990-01-01T00:00:00Z", date(1990, 1, 1), id="long ago"),
    ],
)
def test_the_day_is_the_local_one(opened, zone, written, day):
    shape = opened(zone).shape(logged(batch(track(timestamp=written), track("now"))))
    assert read(shape)[0]["day"] == day
    assert shape.days[day] >= 1
    assert sum(shape.days.values()) == 2
