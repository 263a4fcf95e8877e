"""Rows of files as events."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.errors import BadRecord, Refused
from footfall.model.imports import Columns
from footfall.ports import BadRow, Row
from footfall.wire import native, row_body
from footfall.wire.row_instants import instant
from footfall.wire.rows import EventRows

AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
ORDER = {"id": "7", "when": "2026-11-20 10:00:00", "email": "ana@example.com", "firm": "acme", "plan": "pro", "n": ""}


def event(row: object, columns: Columns = Columns(), number: int = 3) -> dict[str, object]:  # noqa: B008
    body = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    made = events([Row(number, 5, body)], columns)
    if isinstance(made[0], BadRow):
        raise BadRecord(made[0].code, made[0].message, field=made[0].field)
    return made[0]


def events(rows: list[Row], columns: Columns = Columns()) -> list[Any]:  # noqa: B008
    """The events of rows, then the bad rows."""
    body, count, bad = EventRows("im1", "orders", AT, columns).events(rows)
    assert count + len(bad) == len(rows)
    if not count:
        return list(bad)
    made = pa.Table.from_batches([row_body.read(body)])
    text = b"[" + b",".join(row_body.text_of(made, place) for place in range(count)) + b"]"
    reading = native.read(text, "batch")
    assert (reading.count, reading.rejected) == (count, ())
    return [*json.loads(text), *bad]


def test_a_row_that_nobody_asks_anything_of_is_a_platform_event_with_all_it_says():
    assert event(ORDER) == {
        "type": "platform_event", "event_name": "orders", "event_id": "im1-3", "attributes": ORDER,
        "occurred_at": "2026-11-23T09:30:00+00:00",
    }  # fmt: skip


def test_a_row_of_somebody_is_something_that_happened():
    made = event(ORDER, Columns(timestamp="when", identify_id="email", account_id="firm", user={"tier": "plan"}))
    assert made["type"] == "custom"
    assert (made["identify_id"], made["account_id"]) == ("ana@example.com", "acme")
    assert (made["event_name"], made["occurred_at"]) == ("orders", "2026-11-20T10:00:00Z")
    assert made["user"] == {"tier": "pro"}
    assert made["attributes"] == ORDER


def test_a_row_about_a_person_tells_of_the_person_and_the_account():
    made = event(
        ORDER, Columns(identify_id="email", people=True, account_id="firm", account={"plan": "plan", "n": "n"})
    )
    assert made["type"] == "identify"
    assert made["account"] == {"id": "acme", "plan": "pro"}
    assert "event_name" not in made


def test_a_row_whose_user_is_empty_is_nobodys_event_and_no_person():
    assert event({**ORDER, "email": ""}, Columns(identify_id="email"))["type"] == "platform_event"
    assert event({**ORDER, "email": None}, Columns(identify_id="email"))["type"] == "platform_event"
    with pytest.raises(BadRecord) as caught:
        event({**ORDER, "email": ""}, Columns(identify_id="email", people=True))
    assert (caught.value.code, caught.value.field) == ("missing_user", "email")


def test_a_column_may_name_what_happened():
    assert event(ORDER, Columns(event_name="plan"))["event_name"] == "pro"
    assert event(ORDER, Columns(event_name="n"))["event_name"] == "orders"


@pytest.mark.parametrize(
    ("row", "columns", "code", "field"),
    [
        ({"t": "soon"}, Columns(timestamp="t"), "bad_timestamp", "t"),
        ({"t": True}, Columns(timestamp="t"), "bad_timestamp", "t"),
        ({"t": "0001-01-01T00:00:00+05:00"}, Columns(timestamp="t"), "bad_timestamp", "t"),
        ({"u": 1.5}, Columns(identify_id="u"), "bad_type", "u"),
        ({"u": ["a"]}, Columns(identify_id="u"), "bad_type", "u"),
        ({"u": "x" * 513}, Columns(identify_id="u"), "too_long", "u"),
        ({"e": "x" * 513}, Columns(event_name="e"), "too_long", "e"),
        ({"e": "x" * 70_000}, Columns(), "too_large", ""),
    ],
)
def test_a_row_that_no_event_can_be_made_of_names_the_column_at_fault(row, columns, code, field):
    with pytest.raises(BadRecord) as caught:
        event(row, columns)
    assert (caught.value.code, caught.value.field) == (code, field)


def test_a_row_that_is_too_long_does_not_take_its_neighbours_with_it():
    long = Row(1, 2, json.dumps({"u": "x" * 70_000}).encode())
    some = Row(0, 1, json.dumps({"u": "x" * 30_000}, separators=(",", ":")).encode())
    for columns in (Columns(), Columns(event_name="e"), Columns(user={"n": "u"}, identify_id="e")):
        made = events([some, long, some], columns)
        assert [type(each) for each in made] == [dict, dict, BadRow]
        assert (made[2].code, made[2].number) == ("too_large", 1)


def test_a_number_that_nobody_can_hold_does_not_take_its_neighbours_with_it():
    columns = Columns(identify_id="e", user={"n": "u"})
    rows = [Row(0, 1, b'{"e":"a","u":1}'), Row(1, 2, b'{"e":"x","u":1e400}'), Row(2, 3, b'{"e":"b"}')]
    one, two, bad = events(rows, columns)
    assert (one["user"], two["identify_id"], bad.number, bad.code) == ({"n": 1}, "b", 1, "bad_value")
    assert events([Row(0, 1, b'{"e":"a","u":1e400}')])[0]["type"] == "platform_event"
    assert event({"e": "a", "u": 2**80}, columns)["user"] == {"n": 2**80}


def test_a_column_may_be_called_anything():
    awkward = 'a "quoted" \\ name\n'
    assert event({awkward: "u"}, Columns(identify_id=awkward))["identify_id"] == "u"
    assert event({"other": "u"}, Columns(identify_id=awkward))["type"] == "platform_event"


def test_a_stream_needs_a_name():
    with pytest.raises(Refused, match="name of a stream"):
        EventRows("im1", "", AT, Columns())


VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(
    st.dictionaries(st.sampled_from(["u", "t", "e", "a", 'x"y']), VALUES | st.lists(VALUES, max_size=3)),
    st.builds(
        Columns,
        timestamp=st.sampled_from(["", "t"]),
        identify_id=st.sampled_from(["", "u", 'x"y']),
        anonymous_id=st.sampled_from(["", "a"]),
        account_id=st.sampled_from(["", "a"]),
        event_name=st.sampled_from(["", "e"]),
        user=st.dictionaries(st.text(min_size=1, max_size=3), st.sampled_from(["u", "t", "e"]), max_size=2),
    ),
)
def test_every_event_that_is_made_is_one_the_collector_would_take(row, columns):
    body = msgspec.json.encode(row) if _fits(row) else json.dumps(row).encode()
    (alone,) = events([Row(0, 1, body)], columns)
    if isinstance(alone, BadRow):
        assert alone.code in ("bad_timestamp", "bad_type", "too_long", "bad_value")
    good = Row(1, 2, b"{}")
    beside = [made for made in events([good, Row(0, 1, body), good], columns) if made != events([good], columns)[0]]
    assert beside in ([alone], [])


def _fits(row: object) -> bool:
    try:
        msgspec.json.encode(row)
    except (OverflowError, UnicodeEncodeError):
        return False
    return True


@pytest.mark.parametrize(
    ("value", "told", "at"),
    [
        ("2026-11-23T09:30:00Z", "", AT),
        ("2026-11-23T09:30:00", "", AT),
        ("2026-11-23T10:30:00.000+01:00", "", AT),
        ("20261123T093000Z", "", AT),
        ("20261123", "", AT.replace(hour=0, minute=0)),
        ("2026-11-23", "", AT.replace(hour=0, minute=0)),
        (" 1795426200 ", "", AT),
        (1795426200, "", AT),
        (1795426200.0, "", AT),
        (1795426200000, "", AT),
        ("1795426200000000", "", AT),
        (1795426200000000000, "", AT),
        ("Mon, 23 Nov 2026 09:30:00 +0000", "", AT),
        ("23/11/2026 09:30", "%d/%m/%Y %H:%M", AT),
    ],
)
def test_an_instant_is_understood_in_each_of_its_forms(value, told, at):
    assert datetime.fromisoformat(instant(value, told)).astimezone(UTC) == at


@pytest.mark.parametrize("value", ["11/23/2026", "yesterday", "2026-13-01", "1e5", [], {}, True, "2026-11-23T25:00:00"])
def test_what_is_no_instant_is_no_instant(value):
    with pytest.raises(ValueError, match=r"."):
        instant(value)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("0001-01-01T00:00:00+05:00", ""),
        ("00010101T000000+0500", ""),
        ("9999-12-31T23:59:59-05:00", ""),
        ("Fri, 20 Nov 99999999999999 10:00:00 +0000", ""),
        ("Fri, 20 Nov 2026 10:00:00 +99999999999999999999", ""),
        ("01/01/0001 +0500", "%d/%m/%Y %z"),
    ],
)
def test_what_is_before_or_after_all_years_is_no_instant(value, told):
    with pytest.raises(ValueError, match="is no instant"):
        instant(value, told)


@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_empty_field_says_nothing(value):
    assert instant(value) is None
