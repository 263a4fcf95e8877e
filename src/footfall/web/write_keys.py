"""Where clients put their write key: Basic user, ``X-Write-Key``, query; else it is in the body."""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qs

_QUERY_NAMES: Final = ("writeKey", "write_key", "api_key")


def key_of(headers: dict[bytes, bytes], query: bytes) -> str:
    """The write key outside the body; empty when there is none, and the body has to say."""
    authorization = headers.get(b"authorization")
    if authorization is not None and (key := _authorized(authorization)):
        return key
    if (given := headers.get(b"x-write-key")) is not None:
        return _text(given.partition(b":")[0])  # Jitsu writes "key:secret"
    if query:
        fields = parse_qs(query.decode("latin-1"))
        for name in _QUERY_NAMES:
            if name in fields:
                return fields[name][0]
    return ""


@lru_cache(maxsize=1024)
def _authorized(value: bytes) -> str:
    scheme, _, rest = value.partition(b" ")
    if scheme.lower() == b"bearer":
        return _text(rest.strip())
    if scheme.lower() != b"basic":
        return ""
    try:
        return _text(base64.b64decode(rest.strip(), validate=False).partition(b":")[0])
    except binascii.Error:
        return ""


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
