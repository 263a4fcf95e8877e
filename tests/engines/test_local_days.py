"""The local day of many instants at once is what the zone says of each."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.config import load_zone
from footfall.local_days import local_days
from footfall.model.instants import from_us, to_us

ZONES = [
    "UTC", "Europe/Berlin", "America/Havana", "Africa/Cairo", "Asia/Kathmandu", "Pacific/Apia", "Pacific/Pago_Pago",
    "Pacific/Kiritimati", "Australia/Lord_Howe",
]  # fmt: skip
ANY = st.integers(to_us(datetime(1901, 1, 1, tzinfo=UTC)), to_us(datetime(2100, 1, 1, tzinfo=UTC)))


@settings(deadline=None)
@given(
    st.sampled_from(ZONES).map(load_zone),
    st.lists(st.tuples(ANY, st.lists(st.integers(-90_000_000_000, 90_000_000_000), max_size=5)), max_size=4),
)
def test_each_instant_is_in_the_day_that_the_zone_says(zone, near):
    at = [first + later for first, more in near for later in (0, *more)]
    found = local_days(zone, pa.chunked_array([at[:3], at[3:]], pa.int64()))
    assert found.type == pa.date32()
    assert found.to_pylist() == [zone.day_of(from_us(each)) for each in at]


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("year", [1969, 2011, 2026])
def test_days_change_where_the_zone_says(name, year):
    zone = load_zone(name)
    starts = [to_us(start) for _, start in zone.day_starts(date(year, 1, 1), date(year, 12, 31))]
    at = [edge for start in starts for edge in (start - 1, start)]
    found = local_days(zone, pa.chunked_array([at], pa.int64())).to_pylist()
    assert found == [zone.day_of(from_us(each)) for each in at]
    assert all(before < after for before, after in zip(found[::2], found[1::2], strict=True))
