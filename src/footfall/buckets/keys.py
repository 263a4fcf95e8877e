"""Which names an object may have: those that mean the same in every bucket and cannot leave a folder."""

from __future__ import annotations

from typing import Final

from footfall.errors import Refused

KEY_BYTES_MAX: Final = 1024


def check_key(key: str) -> list[str]:
    """The segments of ``key``. Raises ``Refused`` that says what is wrong with it.

    No empty, ``.`` or ``..`` segment and no hidden one; no backslash, control character or lone surrogate; at most
    1024 bytes of UTF-8 (the limit of S3) and 255 per segment (the limit of file systems).
    """
    fault = _fault(key)
    if fault:
        raise Refused(f"{key!r} cannot name an object: {fault}")
    return key.split("/")


def _fault(key: str) -> str:
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "it is not Unicode text"
    segments = key.split("/")
    if size > KEY_BYTES_MAX or any(len(segment.encode()) > 255 for segment in segments):
        return "it is too long"
    if any(segment == "" for segment in segments):
        return "it has an empty part"
    if any(segment.startswith(".") for segment in segments):
        return "a part begins with a dot"
    if any(char == "\\" or ord(char) < 32 or ord(char) == 127 for char in key):
        return "it has a backslash or a control character"
    return ""
