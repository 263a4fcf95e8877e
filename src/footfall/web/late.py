"""An app that is made when it is first asked for, so that neither start nor memory pay for what nobody uses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, NoMatchFound

App = Callable[[Any, Any, Any], Awaitable[None]]


class Late(BaseRoute):
    """A route to everything below ``prefix``, served by an app whose own routes begin with it too.

    make: imports and builds the app, in a thread, while the event loop goes on. (A ``Mount`` would leave out paths with
    a line end in them, which are then answered by somebody else.)
    """

    def __init__(self, prefix: str, make: Callable[[], App]) -> None:
        self._prefix = prefix + "/"
        self._make = make
        self._making = asyncio.Lock()
        self._app: App | None = None

    def matches(self, scope: Any) -> tuple[Match, dict[str, Any]]:
        mine = scope["type"] == "http" and scope["path"].startswith(self._prefix)
        return (Match.FULL if mine else Match.NONE), {}

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        if self._app is None:
            async with self._making:
                if self._app is None:
                    self._app = await run_in_threadpool(self._make)
        await self._app(scope, receive, send)
