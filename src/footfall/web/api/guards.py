"""What every request of the admin port goes through first: bounds on bodies, JSON only, headers for browsers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from footfall.web.api.problems import problem, unforeseen

Message = MutableMapping[str, Any]
ASGIApp = Callable[[Any, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

BODY_BYTES_MAX: Final = 1 << 20
DEFINITIONS_BYTES_MAX: Final = 16 << 20
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
NOTHING: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Guarded:
    """An app behind the guards."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False
        most = DEFINITIONS_BYTES_MAX if scope["path"] == "/api/definitions" else BODY_BYTES_MAX
        arrived = 0

        async def bounded() -> Message:
            nonlocal arrived
            message: Message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > most:
                raise HTTPException(413, _too_long(most))
            return message

        async def covered(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message = {**message, "headers": _headers(message["headers"])}
            await send(message)

        refused = _refusal(scope, most)
        try:
            await (refused or self._app)(scope, bounded, covered)
        except Exception as error:  # here, and not in the server, which would print all of it
            answer = unforeseen(error)
            if not begun:
                await answer(scope, receive, covered)


def _refusal(scope: Any, most: int) -> Response | None:
    """Why this request is not even read."""
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"0")
    if scope["method"] not in _WRITES:
        return None
    if length.isdigit() and int(length) > most:
        return _too_large(most)
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if (length != b"0" or b"transfer-encoding" in headers) and kind != b"application/json":
        # A form or a text could be sent by any page of another site, without being asked first.
        return problem(415, "media_type", "The body must be application/json")
    return None


def _too_large(most: int) -> Response:
    return problem(413, "too_large", _too_long(most))


def _too_long(most: int) -> str:
    return f"The body has more than {most} bytes"


def _headers(given: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    names = {name.lower() for name, _ in given}
    added = [*HEADERS, (b"cache-control", b"no-store"), (b"content-security-policy", NOTHING.encode())]
    return [*given, *((name, value) for name, value in added if name not in names)]
