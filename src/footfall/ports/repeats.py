"""Requests that may come again: what is done once, and answered the same each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class Repeats(Protocol):
    """What was answered to requests that name themselves, for a day.

    1. Of requests of one ``caller`` with the same ``key`` one is carried out. What it changes and its answer are there
       together or not at all; one that raises is not remembered.
    2. The same ``request`` again gets the same answer. Another one under that key is ``Refused``.
    3. Of several at once one is carried out, and the others wait for its answer.
    4. Answers lie sealed: they may hold what is shown once.
    """

    def once(self, caller: str, key: str, request: str, at: datetime, do: Callable[[], str]) -> tuple[str, bool]:
        """(the answer, whether it is that of an earlier request). do: carries the request out in this thread, inside
        the transaction, and returns its answer. request: what tells it from others."""

    def forget(self, at: datetime) -> int:
        """Forget what is more than a day old at ``at``; return how many."""
