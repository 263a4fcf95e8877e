"""Which local day each of many instants is in."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from footfall.model.days import Zone
from footfall.model.instants import from_us, to_us

_DAY_US: Final = 86_400_000_000
_ONE_DAY: Final = timedelta(days=1)


def local_days(zone: Zone, at_us: pa.ChunkedArray) -> pa.ChunkedArray:
    """The local day of each instant, as date32, by its place among the starts of days, which ``zone`` computes.

    at_us: int64, microseconds since 1970; never null.
    """
    if len(at_us) == 0:
        return pa.chunked_array([], pa.date32())
    bounds = pc.min_max(at_us).as_py()
    first, last = (zone.day_of(from_us(bounds[name])) for name in ("min", "max"))
    if first == last:
        return pa.chunked_array([pa.repeat(pa.scalar(first), len(at_us))])
    # An instant of the UTC date d is in one of the local days d-1, d, d+1. So however many years are spanned, only
    # the starts of days around those that occur are computed. Arrow divides towards zero: before 1970 d is one late.
    dates = pc.unique(pc.divide(at_us, _DAY_US)).to_pylist()
    starts = dict(sorted(start for utc in dates for start in _starts_around(zone, utc)))
    after = pc.search_sorted(pa.array(list(starts), pa.int64()), at_us, side="right")
    return pa.chunked_array([pa.array(list(starts.values()), pa.date32())]).take(pc.subtract(after, 1))


def _starts_around(zone: Zone, utc: int) -> list[tuple[int, date]]:
    middle = date(1970, 1, 1) + timedelta(days=utc)
    return [(to_us(start), day) for day, start in zone.day_starts(middle - 2 * _ONE_DAY, middle + 2 * _ONE_DAY)]
