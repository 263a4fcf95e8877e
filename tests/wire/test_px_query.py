"""The grammar of the PX dialect's lists: filters, sorting, dates, scrolling."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.errors import BadRecord
from footfall.model.selection import Branch, Field, Kind, Order, Selection, Term
from footfall.wire.px_query import (
    DATE,
    HISTORY_DAYS,
    Scroll,
    read_scroll,
    read_selection,
    within_history,
    write_scroll,
)

NAME, SIZE = Field("name", Kind.TEXT), Field("size", Kind.NUMBER)
FIELDS = {"name": NAME, "size": SIZE, "on": Field("on", Kind.BOOLEAN), "date": DATE, "bag": Field("bag", Kind.OBJECT)}
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def read(*filters: str, sort: str = "") -> Selection:
    return read_selection(filters, sort, FIELDS.get)


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def test_terms_of_one_filter_are_all_needed_and_of_several_filters_any() -> None:
    assert read("name==Bob;size>25", "name~B*").branches == (
        Branch((Term(NAME, "==", "Bob"), Term(SIZE, ">", 25.0))),
        Branch((Term(NAME, "~", "B*"),)),
    )


@pytest.mark.parametrize("operator", ["==", "!=", "<", "<=", ">", ">=", "~", "!~"])
def test_every_operator_is_read_as_it_is_written(operator: str) -> None:
    assert read(f"name{operator}a b").branches[0].terms == (Term(NAME, operator, "a b"),)


def test_one_equals_sign_and_a_last_semicolon_are_taken_as_in_the_vendors_examples() -> None:
    assert read("name=Doe;").branches[0].terms == (Term(NAME, "==", "Doe"),)


def test_a_value_may_hold_operators_and_spaces() -> None:
    assert read("name==a==b<c ~").branches[0].terms == (Term(NAME, "==", "a==b<c ~"),)


def test_a_filter_without_terms_lets_everything_through() -> None:
    assert read("name==x", ";").branches == () == read().branches


@pytest.mark.parametrize(
    "text", ["name", "==x", "nobody==1", "size==much", "size==inf", "on==1", "on<true", "size~1", "bag==1", "name==\0"]
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(BadRecord):
        read(text)


def test_sorting_is_by_each_field_in_turn() -> None:
    assert read(sort="-size; name;+size").orders == (Order(SIZE, True), Order(NAME))
    assert read(sort=" name").orders == (Order(NAME),)  # an unescaped + arrives as a space
    for bad in ("nobody", "-bag"):
        with pytest.raises(BadRecord):
            read(sort=bad)


@given(st.lists(st.text(max_size=40), max_size=3), st.text(max_size=40))
def test_no_text_at_all_ends_in_another_error(filters: list[str], sort: str) -> None:
    with suppress(BadRecord):
        within_history(read(*filters, sort=sort), NOW)


# --- dates -----------------------------------------------------------------------------------------------------------


def bounds(*filters: str) -> list[tuple[datetime | None, datetime | None]]:
    return [(each.start, each.end) for each in within_history(read(*filters), NOW).branches]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("date>=2026-11-01T00:00:00Z;date<=2026-11-02T00:00:00Z", "2026-11-01", "2026-11-02T00:00:00.001"),
        ("date>2026-11-01;date<2026-11-02", "2026-11-01T00:00:00.001", "2026-11-02"),
        ("date==2026-11-20T10:00:00.5Z", "2026-11-20T10:00:00.500", "2026-11-20T10:00:00.501"),
        ("date>=2026-11-20T02:00:00 02:00", "2026-11-20", ""),
        (f"date>={ms(NOW)}", "2026-11-23T12:00", ""),
        ("date>=2026-11-20T00:00:00.0004Z;date<2026-11-21", "2026-11-20T00:00:00.001", "2026-11-21"),
    ],
)
def test_terms_on_the_date_become_bounds_in_whole_milliseconds(text: str, start: str, end: str) -> None:
    wanted = [datetime.fromisoformat(at).replace(tzinfo=UTC) if at else None for at in (start, end)]
    assert bounds(text) == [tuple(wanted)]


def test_without_a_date_a_list_is_about_the_last_day() -> None:
    assert bounds() == [(NOW - DAY, None)] == bounds("name==x")


def test_with_an_end_alone_it_is_about_the_longest_time_before_it() -> None:
    assert bounds("date<2026-11-01") == [
        (datetime(2026, 11, 1, tzinfo=UTC) - HISTORY_DAYS * DAY, datetime(2026, 11, 1, tzinfo=UTC))
    ]


def test_bounds_of_a_whole_request_go_with_those_of_each_filter() -> None:
    start, end = ms(NOW - 3 * DAY), ms(NOW)
    found = within_history(read("name==x;date>=2026-11-22", "name==y"), NOW, start, end)
    late = datetime(2026, 11, 22, tzinfo=UTC)
    after = NOW + timedelta(milliseconds=1)
    assert [(each.start, each.end) for each in found.branches] == [(late, after), (NOW - 3 * DAY, after)]


@pytest.mark.parametrize(
    "filters",
    [
        (f"date>={ms(NOW - (HISTORY_DAYS + 1) * DAY)}",),
        ("date>=0",),
        ("date>=2026-11-01;date<2026-11-02", "date>=2026-01-01;date<2026-01-02"),
    ],
)
def test_more_than_190_days_are_refused_in_the_vendors_words(filters: tuple[str, ...]) -> None:
    with pytest.raises(BadRecord, match=r"^Exceeded date range190days$") as caught:
        bounds(*filters)
    assert caught.value.code == "date_range"


def test_exactly_190_days_are_fine() -> None:
    assert bounds(f"date>={ms(NOW - HISTORY_DAYS * DAY)}") == [(NOW - HISTORY_DAYS * DAY, None)]


@pytest.mark.parametrize("text", ["date>=999999999999999", "date<-999999999999999", "date>=soon", "date==2026-13-01"])
def test_dates_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(BadRecord):
        bounds(text)


# --- scrolling -------------------------------------------------------------------------------------------------------

VALUES = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    st.integers(-(2**62), 2**62),
    st.booleans(),
    st.floats(-(2.0**62), 2.0**62, width=32),
)


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), max_size=3),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.integers(0, 2**52),
    st.lists(VALUES, max_size=5),
)
def test_a_scroll_id_holds_the_whole_request(filters: list[str], sort: str, total: int, after: list[object]) -> None:
    scroll = Scroll("/x", 1_700_000_000_000, 25, tuple(filters), sort, "", "5", total, 77, tuple(after))  # type: ignore[arg-type]
    assert read_scroll(write_scroll(scroll), "/x") == scroll


@given(st.text(max_size=60))
def test_a_scroll_id_that_was_never_given_is_refused(text: str) -> None:
    with pytest.raises(BadRecord):
        read_scroll(text, "/x")


def test_a_scroll_id_of_another_list_is_refused() -> None:
    with pytest.raises(BadRecord):
        read_scroll(write_scroll(Scroll("/y", 0, 25)), "/x")


@pytest.mark.parametrize("after", ["9" * 400, "-" + "9" * 400, "NaN", "Infinity", "1e999", str(1 << 63)])
def test_a_scroll_id_with_a_number_that_cannot_be_is_refused(after: str) -> None:
    text = json.dumps({"of": "/x"})[:-1] + f', "after": [{after}]}}'
    with pytest.raises(BadRecord):
        read_scroll(base64.urlsafe_b64encode(text.encode()).decode(), "/x")
