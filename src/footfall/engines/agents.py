"""What a client's ``User-Agent`` says of device, platform and browser: the six columns ``lastUserAgentData_*``."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from footfall.model.columns import USER_AGENT_FIELDS

if TYPE_CHECKING:
    from ua_parser import Result

PREFIX: Final = "lastUserAgentData_"
CHARS_MAX: Final = 1_000
_REMEMBERED: Final = 20_000
_UNKNOWN: Final = frozenset({"", "Other", "Generic"})
_encode: Final = msgspec.json.Encoder().encode


def members(text: str) -> str:
    """The members of a JSON object, without its braces: all six columns, null where the text does not say."""
    return _members(text[:CHARS_MAX])


def is_browser(text: str) -> bool:
    """Whether a person looks through it: a program that sends for a server names no operating system."""
    return _is_browser(text[:CHARS_MAX])


@lru_cache(maxsize=_REMEMBERED)
def _members(text: str) -> str:
    said = _said(text)
    return _encode({PREFIX + name: said.get(name) for name in USER_AGENT_FIELDS}).decode()[1:-1]


@lru_cache(maxsize=_REMEMBERED)
def _is_browser(text: str) -> bool:
    said = _said(text)
    return "platformType" in said and "browserType" in said


def _said(text: str) -> dict[str, str]:
    # Late: its patterns take 0.4 s to load, and a server that infers nothing never needs them.
    from ua_parser import parse

    found: Result = parse(text)
    said = {"rawUserAgent": text}
    if found.device is not None and found.device.family not in _UNKNOWN:
        said["device"] = found.device.family
    for kind, one in (("platform", found.os), ("browser", found.user_agent)):
        if one is None or one.family in _UNKNOWN:
            continue
        said[f"{kind}Type"] = one.family
        parts = (one.major, one.minor, one.patch)
        version = ".".join(part for part in parts[: parts.index(None) if None in parts else 3] if part)
        if version:
            said[f"{kind}Version"] = version
    return said
