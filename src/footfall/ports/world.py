"""The world: time, and somebody who watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime


class Clock(Protocol):
    """Now, UTC and aware. Passed in, so that a day can be lived in a test."""

    def __call__(self) -> datetime: ...


class Progress(Protocol):
    """Told how far long work has come: a step's name, what is done, of how much (None when nobody knows)."""

    def __call__(self, step: str, done: int, total: int | None, unit: str) -> None: ...
