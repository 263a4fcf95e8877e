"""Upkeep of jobs: what a runner that died still holds, and what is long over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class JobUpkeep(Protocol):
    """Keeps slots from being held by the dead, and their tables from growing for ever.

    1. A lease is ended early only of a holder that ``gone`` is sure about; its slot is then claimed like one whose
       lease ran out, and the fence keeps out whoever was thought dead and is not.
    2. What is forgotten is over and delivered: never a gap (failed, skipped, cancelled), a slot that waits or runs,
       the last run of any of these, or the newest run of a job. Of a job that was deleted everything may go.
    3. A slot that was forgotten is not planned again.
    """

    def release(self, gone: Callable[[str], bool], now: datetime, *, tries_max: int) -> int:
        """End the leases of holders that are ``gone``; return how many slots that frees.

        tries_max: slots with more tries wait for their lease all the same, so that a delivery which takes its process
        along does not take the next one along at once, again and again.
        """

    def forget(self, before: datetime) -> int:
        """Forget some of what was over before that instant; return how many rows, 0 when there is nothing left."""
