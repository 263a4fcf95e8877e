"""Instants as numbers: microseconds since 1970, as the log, the stores and the engines keep them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_us(at: datetime) -> int:
    """Microseconds since 1970, UTC. ``at`` must be aware."""
    return (at - _EPOCH) // _MICROSECOND


def from_us(at: int) -> datetime:
    """The aware UTC datetime of microseconds since 1970. Raises ``OverflowError`` outside the years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=at)
