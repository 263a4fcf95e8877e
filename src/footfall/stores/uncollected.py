"""Work that makes millions of small objects and no cycles of them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final


class _Rest:
    """How many are at such work, and whether the collector was on when the first of them began."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._depth = 0
        self._was_on = False

    def begin(self) -> None:
        with self._lock:
            if self._depth == 0:
                self._was_on = gc.isenabled()
                gc.disable()
            self._depth += 1

    def end(self) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0 and self._was_on:
                gc.enable()


_REST: Final = _Rest()


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing is looked through for garbage meanwhile, in any thread: that would take a quarter of the work's time.

    Objects go when nobody refers to them any more, as always; cycles wait. So the work should end within seconds.
    Threads may be in it at once; the collector is as it was before when the last one leaves.
    """
    _REST.begin()
    try:
        yield
    finally:
        _REST.end()
