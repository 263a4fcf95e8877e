"""How dates are written: formats of ``strptime``, and the letters of PX's settings."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from footfall.errors import Refused
from footfall.model.date_formats import date_format, read_date


@pytest.mark.parametrize(
    ("told", "text", "meant"),
    [
        ("MM/dd/yyyy", "11/21/2026", datetime(2026, 11, 21, tzinfo=UTC)),
        ("d.M.yy", "1.2.26", datetime(2026, 2, 1, tzinfo=UTC)),
        ("yyyy-MM-dd'T'HH:mm:ss.SSSX", "2026-11-21T09:00:00.120+01:00", datetime(2026, 11, 21, 8, 0, 0, 120_000, UTC)),
        ("yyyy-MM-dd HH:mm:ssZ", "2026-11-21 08:00:00Z", datetime(2026, 11, 21, 8, tzinfo=UTC)),
        ("MMM d, yyyy hh:mm a", "Nov 21, 2026 01:05 PM", datetime(2026, 11, 21, 13, 5, tzinfo=UTC)),
        ("yyyyMMdd", "20261121", datetime(2026, 11, 21, tzinfo=UTC)),
        ("%d/%m/%Y", "21/11/2026", datetime(2026, 11, 21, tzinfo=UTC)),
        ("dd 'o''clock' MM yyyy", "21 o'clock 11 2026", datetime(2026, 11, 21, tzinfo=UTC)),
    ],
)
def test_a_date_is_read_as_its_format_says(told, text, meant):
    assert read_date(text, date_format(told)) == meant


def test_no_format_is_none():
    assert date_format("") == ""


@pytest.mark.parametrize("told", ["HH:mm", "yyyy-MM", "%q", "dd/MM", "jjjj-MM-tt", "%", "yyyy-MM-dd %"])
def test_a_format_by_which_no_day_could_be_read_is_refused(told):
    with pytest.raises(Refused, match="format"):
        date_format(told)


@pytest.mark.parametrize(
    ("format", "good", "bad"),
    [
        ("ddMMyyyy", "01022026", "1022026"),
        ("yyyyMMdd", "20260111", "2026111"),
        ("MMddyy HH:mm", "020126 9:05", "20126 9:05"),
        ("yyyyMMdd'T'HHmmss", "20260111T090500", "20260111T9500"),
        ("%Y%m%d", "20260111", "202611 1"),
    ],
)
def test_digits_that_stand_together_are_never_guessed_apart(format, good, bad):
    assert read_date(good, date_format(format)).year == 2026
    with pytest.raises(ValueError, match=r"digits|does not match"):
        read_date(bad, date_format(format))
