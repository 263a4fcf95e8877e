"""Facts as columns, reduced as far as registers allow before anything is done per fact."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from footfall.model.days import Zone

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_HOUR_US: Final = 3_600_000_000


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - _EPOCH_DAY


class Facts:
    """Facts with ``at`` in int64 microseconds, and the local day of each on demand."""

    def __init__(self, facts: pa.Table, zone: Zone) -> None:
        at = facts["at"]
        if pa.types.is_timestamp(at.type):
            at = at.cast(pa.timestamp("us", at.type.tz)).cast(pa.int64())
        self._facts = pa.table(
            {
                "at": at,
                "kind": facts["kind"].cast(pa.string()),
                "user": facts["user"].cast(pa.string()),
                "other": facts["other"].cast(pa.string()),
                "attributes": facts["attributes"].cast(pa.string()),
            }
        )
        self._zone = zone

    def of(self, kind: str) -> pa.Table:
        """(at, user, other, attributes, day) of one kind; day as days since 1970."""
        facts = self._facts.filter(pc.equal(self._facts["kind"], kind)).drop_columns(["kind"])
        return facts.append_column("day", _days(facts["at"], self._zone))


def _days(at: pa.ChunkedArray, zone: Zone) -> pa.ChunkedArray:
    """The local day of each instant, found by its place among the starts of the days."""
    if len(at) == 0:
        return pa.chunked_array([pa.array([], pa.int32())])
    bounds = pc.min_max(at).as_py()
    first = zone.day_of(_EPOCH + timedelta(microseconds=bounds["min"]))
    last = zone.day_of(_EPOCH + timedelta(microseconds=bounds["max"]))
    if first == last:
        return pa.chunked_array([pa.repeat(pa.scalar(day_number(first), pa.int32()), len(at))])
    # Instants of one hour of the clock mostly share their day; hours are few, so these are asked, not the instants.
    # A day may begin within an hour; instants of such an hour are asked one by one.
    hours = pc.unique(pc.divide(at, _HOUR_US))
    starts = {hour: zone.day_of(_EPOCH + timedelta(microseconds=hour * _HOUR_US)) for hour in hours.to_pylist()}
    split = {
        hour
        for hour, day in starts.items()
        if zone.day_of(_EPOCH + timedelta(microseconds=(hour + 1) * _HOUR_US - 1)) != day
    }
    places = pc.index_in(pc.divide(at, _HOUR_US), value_set=hours)
    days = pa.array([day_number(starts[hour]) for hour in hours.to_pylist()], pa.int32()).take(places.combine_chunks())
    if not split:
        return pa.chunked_array([days])
    mixed = pc.is_in(pc.divide(at, _HOUR_US), value_set=pa.array(sorted(split), pa.int64())).combine_chunks()
    exact = [
        day_number(zone.day_of(_EPOCH + timedelta(microseconds=each)))
        for each in at.combine_chunks().filter(mixed).to_pylist()
    ]
    return pa.chunked_array([pc.replace_with_mask(days, mixed, pa.array(exact, pa.int32()))])


def latest_sayings(facts: pa.Table, column: str) -> pa.Table:
    """(text, day, attributes, at, first_at): what was said of whom on which day, when last and when first.

    The same attributes said again on the same day change a register only by their latest instant, and a definition
    only by their earliest.
    """
    grouped = facts.group_by([column, "day", "attributes"]).aggregate([("at", "max"), ("at", "min")])
    return grouped.select([column, "day", "attributes", "at_max", "at_min"]).rename_columns(
        ["text", "day", "attributes", "at", "first_at"]
    )


def earliest(facts: pa.Table, column: str) -> pa.Table:
    """(text, at): each distinct value of ``column`` with its earliest instant."""
    return facts.group_by([column]).aggregate([("at", "min")]).select([column, "at_min"]).rename_columns(["text", "at"])
