"""How dates are written in files: ``strptime`` formats, or letters as PX's settings of imports have them.

Source: PX, S3 account and user import ("Date Format for the dates in the imported files").
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from footfall.errors import Refused

# By letter: what any number of them means, unless a longer run means more.
_LETTERS: Final = {
    "y": "%Y", "yy": "%y", "M": "%m", "MMM": "%b", "MMMM": "%B", "d": "%d", "H": "%H", "h": "%I", "m": "%M", "s": "%S",
    "S": "%f", "a": "%p", "E": "%a", "EEEE": "%A", "X": "%z", "Z": "%z",
}  # fmt: skip
_PIECE: Final = re.compile(r"'(?P<quoted>(?:[^']|'')*)'|(?P<letters>(?P<letter>[A-Za-z])(?P=letter)*)|(?P<other>.)")
_TRIED: Final = datetime(2026, 11, 21, 18, 30, 59, 123456, UTC)
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
    """The instant that a text says in a ``strptime`` format; UTC without an offset. Raises ``ValueError``."""
    at = datetime.strptime(text, format)  # noqa: DTZ007 - made aware at once
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


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
