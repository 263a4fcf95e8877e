"""What the collector answers, as ASGI messages made once, and the headers browsers need.

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

_JSON: Final = (b"content-type", b"application/json")
_NO_HEADERS: Final[Headers] = []
_DAY_S: Final = b"86400"
_encode: Final = msgspec.json.Encoder().encode

# Name of the extension by which our server takes a whole answer at once; another ASGI server lacks it, and works.
REPLY: Final = "footfall.reply"
_DONE: Final = _encode({"success": True, "status": 1})

PREFLIGHT_HEADERS: Final = (
    b"authorization, content-type, content-encoding, anonymousid, x-write-key, x-retry-count, x-strict-mode"
)


def cors(origin: bytes | None) -> Headers:
    """Let any page read the answer, without credentials: a write key is no secret, and the collector sets no cookie."""
    if origin is None:
        return []
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", b"retry-after"),
        (b"vary", b"origin"),
    ]


async def send_json(send: Send, status: int, value: object, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
    body = _encode(value)
    start = [_JSON, (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


async def send_done(
    scope: Message, send: Send, rejected: Sequence[Rejected], origin: bytes | None, *, strict: bool
) -> None:
    """Everything that can be used is safe. strict: say 400 when something could not be used; the body is the same."""
    headers = cors(origin) if origin is not None else _NO_HEADERS
    if rejected:
        named = [{"index": index, "code": code, "message": message} for index, code, message in rejected]
        value = {"success": True, "status": 1, "rejected": named}
        await send_json(send, 400 if strict else 200, value, headers)
    elif (extensions := scope.get("extensions")) and REPLY in extensions:
        extensions[REPLY](_DONE, headers)
    else:
        start = [_JSON, (b"content-length", str(len(_DONE)).encode()), *headers]
        await send({"type": "http.response.start", "status": 200, "headers": start})
        await send({"type": "http.response.body", "body": _DONE})


async def send_refusal(
    send: Send, status: int, code: str, message: str, origin: bytes | None, *, retry_after_s: int | None = None
) -> None:
    """Nothing was stored. code: a short stable word. retry_after_s: whole seconds, for 429 and 503.

    The connection stays open and the rest of a body is dropped as it arrives: closed at once, a client that is still
    sending would see a reset instead of the reason.
    """
    headers = cors(origin)
    if retry_after_s is not None:
        headers.append((b"retry-after", str(retry_after_s).encode()))
    await send_json(send, status, {"success": False, "status": 0, "code": code, "message": message}, headers)


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
