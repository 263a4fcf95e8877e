"""Instants as numbers, exact to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.model.instants import from_us, to_us


@settings(deadline=None)
@given(st.datetimes(timezones=st.just(UTC)))
def test_a_number_stands_for_one_instant(at: datetime) -> None:
    assert from_us(to_us(at)) == at


def test_the_number_is_of_the_instant_whatever_the_offset() -> None:
    at = datetime(2026, 3, 29, 2, 30, 0, 1, timezone(timedelta(hours=5, minutes=45)))
    assert to_us(at) == to_us(at.astimezone(UTC)) == 1_774_730_700_000_001


def test_before_1970_numbers_are_negative_and_no_less_exact() -> None:
    assert to_us(datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)) == -1


@pytest.mark.parametrize("at", [-(1 << 62), 1 << 62])
def test_a_number_outside_the_calendar_is_no_instant(at: int) -> None:
    with pytest.raises(OverflowError):
        from_us(at)
