"""What the collector answers, and the headers browsers need.

Statuses are chosen for the clients in the field: most of them drop a batch for good on any 4xx but 408 and 429, and
some send it again for ever, so a batch with bad events in it is 200, with the bad ones named.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

import msgspec

from footfall.model.reading import Rejected

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Reply = tuple[int, bytes, Headers]
"""Status, body (JSON unless a ``content-type`` says otherwise), headers beside those of any answer."""

_DAY_S: Final = b"86400"
_encode: Final = msgspec.json.Encoder().encode
_DONE: Final = _encode({"success": True, "status": 1})
_NO_HEADERS: Final[Headers] = []

PREFLIGHT_HEADERS: Final = (
    b"authorization, content-type, content-encoding, anonymousid, x-write-key, x-retry-count, x-strict-mode"
)


def cors(origin: bytes | None) -> Headers:
    """Let any page read the answer, without credentials: a write key is no secret, and the collector sets no cookie."""
    if origin is None:
        return _NO_HEADERS
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", b"retry-after"),
        (b"vary", b"origin"),
    ]


def done(rejected: Sequence[Rejected], origin: bytes | None, *, strict: bool) -> Reply:
    """Everything that can be used is safe. strict: say 400 when something could not be used; the body is the same."""
    if not rejected:
        return 200, _DONE, cors(origin)
    named = [{"index": index, "code": code, "message": message} for index, code, message in rejected]
    return 400 if strict else 200, _encode({"success": True, "status": 1, "rejected": named}), cors(origin)


def refusal(status: int, code: str, message: str, retry_after_s: int | None, origin: bytes | None) -> Reply:
    """Nothing was stored. code: a short stable word. retry_after_s: whole seconds, for 429 and 503."""
    headers = cors(origin)
    if retry_after_s is not None:
        headers = [*headers, (b"retry-after", str(retry_after_s).encode())]
    return status, _encode({"success": False, "status": 0, "code": code, "message": message}), headers


async def send_preflight(send: Send, origin: bytes | None, method: bytes) -> None:
    headers: Headers = [
        (b"access-control-allow-origin", origin if origin is not None else b"*"),
        (b"access-control-allow-methods", b"GET, POST, OPTIONS" if method in (b"GET", b"POST", b"") else b"POST"),
        (b"access-control-allow-headers", PREFLIGHT_HEADERS),
        (b"access-control-max-age", _DAY_S),
        (b"vary", b"origin"),
        (b"content-length", b"0"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
