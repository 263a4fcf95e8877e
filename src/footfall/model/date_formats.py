"""How dates are written in files: ``strptime`` formats, or letters as PX's settings of imports have them.

Source: PX, S3 account and user import ("Date Format for the dates in the imported files").
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from footfall.errors import Refused

# By letter: what any number of them means, unless a longer run means more.
_LETTERS: Final = {
    "y": "%Y", "yy": "%y", "M": "%m", "MMM": "%b", "MMMM": "%B", "d": "%d", "H": "%H", "h": "%I", "m": "%M", "s": "%S",
    "S": "%f", "a": "%p", "E": "%a", "EEEE": "%A", "X": "%z", "Z": "%z",
}  # fmt: skip
_PIECE: Final = re.compile(r"'(?P<quoted>(?:[^']|'')*)'|(?P<letters>(?P<letter>[A-Za-z])(?P=letter)*)|(?P<other>.)")
_TRIED: Final = datetime(2026, 11, 21, 18, 30, 59, 123456, UTC)
# How many digits each has where nothing stands between it and the next.
_DIGITS: Final = {"%Y": "4", "%j": "3", "%f": "1,6"} | dict.fromkeys(("%y", "%m", "%d", "%H", "%I", "%M", "%S"), "2")
_DIRECTIVE: Final = re.compile(r"(%.)", re.DOTALL)
_HINT: Final = "Write it as MM/dd/yyyy or yyyy-MM-dd'T'HH:mm:ss, or as %m/%d/%Y"


def date_format(told: str) -> str:
    """The ``strptime`` format that is meant; empty for none.

    Raises ``Refused`` for one by which no day could be read.
    """
    if not told:
        return ""
    found = told if "%" in told else "".join(_piece(told, each) for each in _PIECE.finditer(told))
    try:
        read = datetime.strptime(_TRIED.strftime(found), found)  # noqa: DTZ007 - only its date is looked at
    except ValueError as error:
        raise Refused(f"{told!r} is no format of dates", _HINT) from error
    if read.date() != _TRIED.date():
        raise Refused(f"a date in the format {told!r} does not name a day", _HINT)
    return found


def read_date(text: str, format: str) -> datetime:
    """The instant that a text says in a ``strptime`` format; UTC without an offset.

    Raises ``ValueError``, too, where digits that stand together are too few: ``1022026`` is no ``ddMMyyyy``, which
    ``strptime`` takes for the 10th.
    """
    widths = _widths(format)
    if widths is not None and widths.fullmatch(text) is None:
        raise ValueError(f"{text!r} has not the digits of {format}")
    at = datetime.strptime(text, format)  # noqa: DTZ007 - made aware at once
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


@lru_cache(maxsize=64)
def _widths(format: str) -> re.Pattern[str] | None:
    """What a text has to look like in a format that has digits side by side; None for any other."""
    pieces = _DIRECTIVE.split(format)  # a text, a directive, a text …
    runs = [
        place
        for place in range(1, len(pieces), 2)
        if pieces[place] in _DIGITS
        and any(
            pieces[other] in _DIGITS and not pieces[(place + other) // 2]
            for other in (place - 2, place + 2)
            if 0 < other < len(pieces)
        )
    ]
    if not runs:
        return None
    found = [f"[0-9]{{{_DIGITS[piece]}}}" if place in runs else ".*" if place % 2 else _literal(piece)
             for place, piece in enumerate(pieces)]  # fmt: skip
    return re.compile("".join(found), re.IGNORECASE | re.DOTALL)


def _literal(text: str) -> str:
    return r"\s+".join(map(re.escape, re.split(r"\s+", text)))


def _piece(told: str, found: re.Match[str]) -> str:
    if found["quoted"] is not None:
        return found["quoted"].replace("''", "'") or "'"
    letters = found["letters"]
    if letters is None:
        return found["other"]
    meant = _LETTERS.get(letters) or _LETTERS.get(letters[0])
    if meant is None:
        raise Refused(f"the letter {letters[0]} of the format {told!r} means nothing here", _HINT)
    return meant
