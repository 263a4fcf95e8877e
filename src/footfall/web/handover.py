"""Between the event loop and the log's thread: both ways in groups, since each crossing costs a wake-up and the GIL."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from footfall.ports import Batch

Done = Callable[[int | Exception], None]

# Handed over one by one, requests met a log's thread that woke for each, and cost a third more. All at once, the disk
# waits for the loop and the loop for the disk: the same cost, but half as much again at p99.
_GROUP: Final = 8


class Handover:
    """Gives batches to the log, and the log's answers to the event loop. Belongs to the loop that is running.

    submit: as ``Log.submit``.
    """

    def __init__(self, submit: Callable[[Batch, Done], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._submit = submit
        self._leaving: list[tuple[Batch, Done]] = []
        self._arrived: deque[tuple[Done, int | Exception]] = deque()
        self._woken = False

    def give(self, batch: Batch, done: Done) -> None:
        """``done`` is called in the loop, once, with the batch's position or the reason why it is not in the log."""
        if not self._leaving:
            self._loop.call_soon(self._leave)
        self._leaving.append((batch, done))
        if len(self._leaving) == _GROUP:
            self._leave()

    def _leave(self) -> None:
        leaving, self._leaving = self._leaving, []
        for batch, done in leaving:
            self._submit(batch, partial(self._answer, done))

    def _answer(self, done: Done, result: int | Exception) -> None:
        """In any thread."""
        self._arrived.append((done, result))
        # Two threads may both see False; then the loop is woken twice, which costs little and loses nothing.
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._arrive)
            except RuntimeError:  # the loop is closed: nobody waits any more
                self._arrived.clear()

    def _arrive(self) -> None:
        self._woken = False
        while self._arrived:
            done, result = self._arrived.popleft()
            done(result)
