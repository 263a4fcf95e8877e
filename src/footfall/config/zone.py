"""The rules of a time zone, from the PyPI package tzdata and from nowhere else.

Python would rather take the operating system's copy, which differs from machine to machine; a day counted here must be
the day counted there.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

from footfall.errors import Refused
from footfall.model.days import Zone

_LENGTH_MAX: Final = 100  # a file system refuses to look for much longer ones
_NAME: Final = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")


@lru_cache(maxsize=64)
def load_zone(name: str) -> Zone:
    """The zone of an IANA name. Raises ``Refused`` if there is none of that name, upper and lower case included."""
    place = files("tzdata") / "zoneinfo"
    if len(name) <= _LENGTH_MAX and _NAME.fullmatch(name):
        place = place.joinpath(*name.split("/"))
        if place.is_file():
            with place.open("rb") as rules:
                if rules.read(4) == b"TZif":
                    rules.seek(0)
                    return Zone(name, ZoneInfo.from_file(rules, key=name), version("tzdata"))
    raise Refused(f"{name!r} is no time zone", "Use an IANA name such as Europe/Athens or UTC")
