"""Instants as people write them into files: ISO 8601, numbers since 1970, mail dates, or a format that is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN: Final = len("2026-11-23T09:30:00")
_SURE_S: Final = -2_208_988_800  # 1900
# A number below the first is in seconds, then in milliseconds, microseconds, else nanoseconds: to the year 5138.
_UNITS: Final = ((10**11, 1_000_000), (10**14, 1_000), (10**17, 1))


def instant(value: Any, told: str = "") -> str | None:
    """ISO 8601 of what is in a field; None for an empty one. told: a format of ``strptime`` for texts.

    Without an offset it is UTC. Raises ``ValueError`` for what is no instant.
    """
    try:
        return _instant(value, told)
    except OverflowError as error:  # a year, or an offset from the first or the last one, that no clock has
        raise ValueError(f"{str(value)[:100]!r} is no instant") from error


def _instant(value: Any, told: str) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        if value[4:5] == "-" and not told:  # by far the most, and mostly just as they are to be
            at = datetime.fromisoformat(value)
            if len(value) == _PLAIN and at.tzinfo is None:
                return f"{value[:10]}T{value[11:]}Z"
            return (
                value if len(value) == _PLAIN + 1 and (value[10], value[-1]) == ("T", "Z") else _aware(at).isoformat()
            )
        text = value.strip()
        return _written(text, told).isoformat() if text else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{type(value).__name__} is no instant")
    return _counted(value).isoformat()


def _written(text: str, told: str) -> datetime:
    if told:
        return _aware(datetime.strptime(text, told))  # noqa: DTZ007 - made aware at once
    if text.lstrip("-").replace(".", "", 1).isdecimal() and len(text) != 8:
        return _counted(float(text) if "." in text else int(text))
    try:
        return _aware(datetime.fromisoformat(text))
    except ValueError:
        if "," not in text and ":" not in text:
            raise
        return _aware(parsedate_to_datetime(text))


def _counted(number: float) -> datetime:
    size = abs(number)
    for below, microseconds in _UNITS:
        if size < below:
            return _EPOCH + timedelta(microseconds=round(number * microseconds))
    return _EPOCH + timedelta(microseconds=round(number / 1_000))


def _aware(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def instants(values: Any) -> Any | None:
    """``instant`` of a column: a chunked array of texts, null for an empty one.

    None where one of them is not written as most are: ``2026-11-23T09:30:00Z``, all of them, or none of them with a Z.
    """
    empty = pc.equal(values, "")
    if pc.any(empty).as_py():
        values = pc.if_else(empty, pa.scalar(None, pa.string()), values)
    sizes = pc.min_max(pc.binary_length(values)).as_py()
    if sizes["min"] is None:
        return values
    if sizes["min"] != sizes["max"] or sizes["max"] not in (_PLAIN, _PLAIN + 1):
        return None
    zone = "UTC" if sizes["max"] > _PLAIN else None
    try:  # which takes nothing but digits, '-', ':', 'T' or a space, and a zone only if one is told
        at = values.cast(pa.timestamp("s", zone))
    except pa.ArrowInvalid:
        return None
    if pc.min(at.cast(pa.int64())).as_py() < _SURE_S:
        return None
    if sizes["max"] == _PLAIN:
        days, times = (pc.utf8_slice_codeunits(values, begin, end) for begin, end in ((0, 10), (11, _PLAIN)))
        return pc.binary_join_element_wise(days, "T", times, "Z", "")
    usual = pc.and_(pc.equal(pc.utf8_slice_codeunits(values, 10, 11), "T"), pc.ends_with(values, "Z"))
    return values if pc.all(usual).as_py() else None
