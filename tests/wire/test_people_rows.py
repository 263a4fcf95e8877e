"""Rows about users and accounts as native events."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from footfall.model.attribute_definitions import usual
from footfall.model.people_loading import PeopleLoading
from footfall.ports import BadRow, Row
from footfall.wire import native
from footfall.wire.people_rows import PeopleRows

AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
TYPES = (usual("user", "tags", "SET"), usual("user", "size", "MAP"), usual("user", "seen", "DATE_TIME"))
COLUMNS = ("email", "firstVisitDate", "globalUnsubscribe", "score", "tags", "size", "seen", "free")


def made(loading: PeopleLoading, *rows: dict[str, Any], known: tuple[str, ...] = ("ana",)) -> list[Any]:
    """The events of rows, then the bad rows."""
    bodies = [json.dumps(row, sort_keys=True, separators=(",", ":")).encode() for row in rows]
    read = [Row(number, number + 2, body) for number, body in enumerate(bodies)]
    text, count, bad = PeopleRows("im1", AT, loading, TYPES, lambda ids: set(known) & set(ids)).events(read)
    if count:
        reading = native.read(text, "batch")
        assert (reading.count, reading.rejected) == (count, ())
    assert count + len(bad) == len(rows)
    return [*json.loads(text), *bad]


def of_user(**more: Any) -> PeopleLoading:
    return PeopleLoading("user", "id", {name: name for name in COLUMNS}, **more)


@pytest.mark.parametrize(
    ("column", "text", "kept"),
    [
        ("firstVisitDate", "1000", "1970-01-01T00:00:01.000Z"),
        ("firstVisitDate", "-1000", "1969-12-31T23:59:59.000Z"),
        ("firstVisitDate", 1795248000123, "2026-11-21T08:00:00.123Z"),
        ("seen", "2026-11-21T09:00:00+01:00", "2026-11-21T08:00:00.000Z"),
        ("globalUnsubscribe", "TRUE", True),
        ("score", "7", 7),
        ("email", 5, "5"),
        ("tags", "a", "a"),
        ("tags", '["a","b"]', ["a", "b"]),
        ("size", '{"shoe":42}', {"shoe": 42}),
        ("free", "1795248000123", "1795248000123"),
    ],
)
def test_a_value_is_made_to_fit_its_attribute(column, text, kept):
    (event,) = made(of_user(), {"id": "ana", column: text})
    assert event["user"] == {column: kept}


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("firstVisitDate", "soon"), ("firstVisitDate", "9" * 30), ("firstVisitDate", True), ("score", "2.5"),
        ("firstVisitDate", "--5"), pytest.param("firstVisitDate", "9" * 5000, id="longer than Python reads"),
        ("globalUnsubscribe", "maybe"), ("tags", '{"a":1}'), ("tags", "[1"), ("size", "[1]"), ("size", "shoe"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_told_by_line_and_column_and_its_neighbour_is_kept(column, text):
    event, bad = made(of_user(), {"id": "ana", column: text}, {"id": "ana", "email": "a@b.c"})
    assert event["user"] == {"email": "a@b.c"}
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.field, bad.code) == (2, column, "bad_type")


def test_a_user_is_written_as_through_the_px_dialect_with_the_row_as_it_came():
    loading = of_user(account="firm", product_key="AP-1")
    alone, belongs = made(loading, {"id": "ana", "email": ""}, {"id": "ana", "firm": 7})
    assert alone == {
        "type": "audit_event", "event_id": "im1-0", "event_name": "px.user.written", "channel": "server",
        "product_key": "AP-1", "occurred_at": "2026-11-23T09:30:00+00:00", "identify_id": "ana", "user": {},
        "attributes": {"email": "", "id": "ana"},
    }  # fmt: skip
    assert (belongs["type"], belongs["account_id"]) == ("group", "7")


def test_an_account_is_written_likewise():
    loading = PeopleLoading("account", "firm", {"plan": "plan"}, insert_missing=True)
    (event,) = made(loading, {"firm": "acme", "plan": "pro"})
    assert (event["type"], event["account_id"], event["account"]) == ("audit_event", "acme", {"plan": "pro"})


def test_who_is_not_known_is_a_bad_row_unless_they_are_to_be_made():
    rows = ({"id": "eve", "email": "e@b.c"}, {"id": "", "email": "x"}, {"id": "x" * 513}, {"id": True})
    assert [bad.code for bad in made(of_user(), *rows)] == ["missing_user", "too_long", "bad_type", "unknown_user"]
    event, *bad = made(of_user(insert_missing=True), *rows)
    assert (event["identify_id"], len(bad)) == ("eve", 3)


def test_a_row_whose_event_would_be_too_large_fails_alone():
    event, bad = made(of_user(), {"id": "ana", "email": "x" * 600_000}, {"id": "ana"})
    assert (event["event_id"], bad.code, bad.number) == ("im1-1", "too_large", 0)


@pytest.mark.parametrize(
    ("text", "kept"),
    [("21/11/2026", "2026-11-21T00:00:00.000Z"), (" 1/2/2026 ", "2026-02-01T00:00:00.000Z")],
)
def test_a_date_is_read_in_the_format_that_is_told(text, kept):
    (event,) = made(of_user(date_format="%d/%m/%Y"), {"id": "ana", "seen": text, "free": text})
    assert event["user"] == {"seen": kept, "free": text}


@pytest.mark.parametrize("text", ["11/21/2026", "2026-11-21", 1795248000123, "0", "99/99/9999"])
def test_a_date_in_another_format_is_a_bad_row_that_names_column_and_format(text):
    (bad,) = made(of_user(date_format="%d/%m/%Y"), {"id": "ana", "seen": text})
    assert (bad.line, bad.field, bad.code) == (2, "seen", "bad_type")
    assert "in the format %d/%m/%Y" in bad.message


def test_without_a_format_of_dates_the_settings_of_an_import_are_what_they_were():
    assert "date_format" not in of_user().plain()
    assert PeopleLoading(**of_user(date_format="%d/%m/%Y").plain()).date_format == "%d/%m/%Y"
