"""An app that is made when it is first asked for, so that neither start nor memory pay for what nobody uses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, Mount

App = Callable[[Any, Any, Any], Awaitable[None]]


class Late:
    """make: imports and builds the app, in a thread, while the event loop goes on."""

    def __init__(self, make: Callable[[], App]) -> None:
        self._make = make
        self._making = asyncio.Lock()
        self._app: App | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._app is None:
            async with self._making:
                if self._app is None:
                    self._app = await run_in_threadpool(self._make)
        # Its routes have whole paths, as its description has.
        await self._app({**scope, "root_path": ""}, receive, send)


def late(prefix: str, make: Callable[[], App]) -> BaseRoute:
    """A route to everything below ``prefix``, served by an app whose routes begin with it too."""
    return Mount(prefix, Late(make))
