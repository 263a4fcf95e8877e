"""The admin side: whether the server lives and is ready, and the definitions that give names to ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from footfall import observe
from footfall.errors import BadRecord, FootfallError, Unavailable
from footfall.model.audit import Actor
from footfall.web.identify import TooManyGuesses

Who = Callable[[Request], Actor | None]
Define = Callable[[Actor, object], None]
Ready = Callable[[], dict[str, Any]]

_BODY_BYTES_MAX: Final = 16 << 20


def create_admin(*, who: Who, define: Define, ready: Ready, more: Sequence[BaseRoute] = ()) -> Starlette:
    """ASGI app of the admin port.

    who: the actor whose bearer key may change definitions, as ``Keys.bearer``. define: takes plain data as in
    the reference of definitions, and raises ``BadRecord`` (with ``place`` where it has one) when one of them cannot be
    used; then none is. ready: gives details of a server that works (how far it has settled), or raises a
    ``FootfallError`` that says why it cannot. more: routes of other modules on the same port.
    """

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        try:
            state = await run_in_threadpool(ready)
        except FootfallError as error:
            observe.went_wrong("not ready", error)  # who asks needs no key, and the error may name a folder
            message = "The store or the lake cannot be read: see the log of the server"
            return JSONResponse({"status": "not ready", "message": message}, 503, {"retry-after": "5"})
        return JSONResponse({"status": "ok"} | state)

    async def metadata(request: Request) -> Response:
        try:
            actor = await run_in_threadpool(who, request)
            if actor is None:
                challenge = {"www-authenticate": 'Bearer realm="footfall admin"'}
                what = "Send the admin token, or an API key with the scope write, as a bearer token"
                return _refusal(401, "unauthorized", what, headers=challenge)
            body = await _body(request)
            await run_in_threadpool(define, actor, msgspec.json.decode(body))
        except ClientDisconnect:
            return _refusal(400, "incomplete", "The body ended too early")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _refusal(400, "malformed", f"The body is not JSON: {error}")
        except BadRecord as error:
            return _refusal(413 if error.code == "too_large" else 400, error.code, error.what, error)
        except Unavailable as error:
            status, code = (429, "too_many") if isinstance(error, TooManyGuesses) else (503, "unavailable")
            return _refusal(status, code, str(error), headers={"retry-after": str(error.retry_after_s)})
        except FootfallError as error:
            observe.went_wrong("definitions refused", error)
            return _refusal(409, "refused", str(error))
        return JSONResponse({"success": True})

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metadata", metadata, methods=["PUT", "POST"]),
            *more,
        ]
    )


async def _body(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > _BODY_BYTES_MAX:
            raise BadRecord("too_large", f"The body has more than {_BODY_BYTES_MAX} bytes")
    return b"".join(parts)


def _refusal(
    status: int, code: str, message: str, error: BadRecord | None = None, headers: dict[str, str] | None = None
) -> Response:
    """Nothing was changed. ``errors`` names the definition: its kind, its index in the list, and the place in it."""
    named: dict[str, Any] = {"code": code, "message": message}
    place = getattr(error, "place", ())
    if place:
        named["place"] = list(place)
        named |= {"kind": place[0]} | ({"index": place[1]} if len(place) > 1 else {})
    body = {"success": False, "code": code, "message": message, "errors": [named]}
    return JSONResponse(body, status, headers)
