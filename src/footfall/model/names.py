"""Names made from a template: ``lytics-events-{TIMESTAMP}``, and what a timestamp looks like.

A timestamp format is a row of tokens and separators. Tokens are ``YYYY MM DD HH mm ss SSS Z``: ``MM`` is the month,
``mm`` the minute, ``SSS`` milliseconds, ``Z`` the letter that says UTC, which every timestamp is in. Separators are
``-``, ``_``, ``.`` and the ``T`` of ISO 8601. Anything else is refused, so that ``hh`` or ``YY`` is no silent surprise.
Source: Lytics, export to S3 ("{TIMESTAMP} will be replaced with the timestamp at the time of the export";
"MM = month, mm = minute").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from footfall.errors import Refused

DEFAULT_TIMESTAMP: Final = "YYYYMMDDTHHmmssZ"
ACTIVITY_TEMPLATE: Final = "lytics-events-{TIMESTAMP}"
TOKENS: Final = ("YYYY", "MM", "DD", "HH", "mm", "ss", "SSS", "Z")
_SEPARATORS: Final = "-_.T"
_PIECE: Final = re.compile(r"YYYY|MM|DD|HH|mm|SSS|ss|Z|[-_.T]")
# Letters that every bucket, file system and shell takes as they are; the same as of the first part of a report's name.
_TEMPLATE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._{}-]{0,199}")
_HINT: Final = f"Use {', '.join(TOKENS)} and the separators - _ . T; MM is the month, mm the minute"


def stamp(format: str, at: datetime) -> str:
    """``at`` in UTC as ``format`` says. Raises ``Refused`` that names what in the format is no token."""
    at = at.astimezone(UTC)
    values = {
        "YYYY": f"{at.year:04d}", "MM": f"{at.month:02d}", "DD": f"{at.day:02d}", "HH": f"{at.hour:02d}",
        "mm": f"{at.minute:02d}", "ss": f"{at.second:02d}", "SSS": f"{at.microsecond // 1000:03d}", "Z": "Z",
    }  # fmt: skip
    return "".join(values.get(piece, piece) for piece in _pieces(format))


def _pieces(format: str) -> list[str]:
    pieces, at = [], 0
    while at < len(format):
        found = _PIECE.match(format, at)
        # A token that its own letter goes on after, as in YYYYY or mmm, is another token, and none that is known.
        if found is None or (found.group() not in _SEPARATORS and format[found.end() :].startswith(format[at])):
            wrong = re.match(r"([A-Za-z])\1*|.", format[at:], re.DOTALL)
            raise Refused(
                f"{wrong.group() if wrong else format!r} in the timestamp format {format!r} is no token", _HINT
            )
        pieces.append(found.group())
        at = found.end()
    if not pieces:
        raise Refused("the timestamp format is empty", _HINT)
    return pieces


@dataclass(frozen=True, slots=True)
class NameTemplate:
    """How the files of a job are called, without folder and extension.

    template: letters, digits, dot, dash, underscore and, once or more, ``{TIMESTAMP}``; without it the second file
    would have the name of the first. Raises ``Refused`` for anything else.
    """

    template: str = ACTIVITY_TEMPLATE
    timestamp: str = DEFAULT_TIMESTAMP

    def __post_init__(self) -> None:
        _pieces(self.timestamp)
        if "{TIMESTAMP}" not in self.template:
            raise Refused(
                f"the file name template {self.template!r} has no {{TIMESTAMP}}",
                "Every run writes a file of its own, and no file is ever replaced: put {TIMESTAMP} into the template",
            )
        rest = self.template.replace("{TIMESTAMP}", "")
        if _TEMPLATE.fullmatch(self.template.replace("{TIMESTAMP}", "t")) is None or "{" in rest or "}" in rest:
            raise Refused(
                f"the file name template {self.template!r} cannot be a file's name",
                "Use letters, digits, dot, dash, underscore and {TIMESTAMP}",
            )

    def stem(self, at: datetime) -> str:
        """The name at ``at``: ``lytics-events-20261121T080000Z``."""
        return self.template.replace("{TIMESTAMP}", stamp(self.timestamp, at))

    def owns(self, name: str) -> bool:
        """Could it have made ``name``, what follows the stem included?"""
        shape = "".join("Z" if piece == "Z" else rf"\d{{{len(piece)}}}" if piece in TOKENS else re.escape(piece)
                        for piece in _pieces(self.timestamp))  # fmt: skip
        stem = shape.join(map(re.escape, self.template.split("{TIMESTAMP}")))
        return re.fullmatch(rf"{stem}(-[^/]+)?(_a[1-9]\d*)?\.[a-z0-9.]+", name) is not None
