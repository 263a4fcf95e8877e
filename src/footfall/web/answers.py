"""Answers of the log's thread on their way into the event loop: one wake-up for all of a group commit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

Done = Callable[[int | Exception], None]


class Answers:
    """Futures that another thread resolves. Belongs to the running event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready: deque[tuple[asyncio.Future[int], int | Exception]] = deque()
        self._woken = False

    def expect(self) -> tuple[asyncio.Future[int], Done]:
        """A future, and the function that resolves it from any thread, once."""
        future: asyncio.Future[int] = self._loop.create_future()

        def done(result: int | Exception) -> None:
            self._ready.append((future, result))
            # Two threads may both see False; then the loop is woken twice, which costs little and loses nothing.
            if not self._woken:
                self._woken = True
                try:
                    self._loop.call_soon_threadsafe(self._deliver)
                except RuntimeError:  # the loop is closed: nobody waits any more
                    self._ready.clear()

        return future, done

    def _deliver(self) -> None:
        self._woken = False
        while self._ready:
            future, result = self._ready.popleft()
            if future.done():  # its request was cancelled; the log has the batch all the same
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
