"""Whether this server honours Global Privacy Control, as the specification of GPC has it told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route


def signal_routes(honoured: Callable[[], tuple[bool, date | None]]) -> list[BaseRoute]:
    """``/.well-known/gpc.json``. honoured: whether every source honours the signal, and since when that is said."""

    async def gpc(_: Request) -> Response:
        does, since = await run_in_threadpool(honoured)
        body = {"gpc": does} | ({} if since is None else {"lastUpdate": since.isoformat()})
        return JSONResponse(body, headers={"cache-control": "public, max-age=3600", "access-control-allow-origin": "*"})

    return [Route("/.well-known/gpc.json", gpc)]
