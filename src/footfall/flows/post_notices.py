"""Send what waits in the outbox: each until it is accepted, at longer and longer pauses, for a day at most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Final

from footfall import observe
from footfall.errors import FootfallError, Unavailable
from footfall.model.notices import TRIED_FOR, Message, Notice, pause
from footfall.ports import Clock, Messenger, Outbox, Posted

# Longer than any messenger takes: who claimed a notice and was not heard of by then has died.
LEASE: Final = timedelta(minutes=3)
KEPT_FOR: Final = timedelta(days=30)

# The messenger of a channel by its name. Raises ``Refused`` for one that there is not any more.
Reach = Callable[[str], Messenger]
# (name, address) of the links that a message asks for.
Links = Callable[[Message], tuple[tuple[str, str], ...]]


class Postman:
    """Sends one notice at a time. random: for the pauses, so that what failed together is not tried together."""

    def __init__(self, outbox: Outbox, reach: Reach, links: Links, clock: Clock, random: Random) -> None:
        self._outbox = outbox
        self._reach = reach
        self._links = links
        self._clock = clock
        self._random = random

    def once(self) -> bool:
        """Send the notice that waits longest; True when there was one. What was over long ago is forgotten."""
        now = self._clock()
        posted = self._outbox.claim(now, now + LEASE)
        if posted is None:
            self._outbox.prune(now - KEPT_FOR)
            return False
        self._send(posted)
        return True

    def _send(self, posted: Posted) -> None:
        details = {"notice": posted.notice.id, "channel": posted.notice.channel, "attempt": posted.attempts}
        try:
            self._reach(posted.notice.channel).send(self._linked(posted.notice))
        except Unavailable as error:
            self._put_off(posted, error, details)
        except FootfallError as error:
            self._outbox.bury(posted, str(error))
            observe.went_wrong("notice given up", error, **details)
        except Exception as error:  # one notice that cannot be sent must not hold up the others
            self._outbox.bury(posted, type(error).__name__)
            observe.went_wrong("notice given up", error, **details)
        else:
            self._outbox.sent(posted, self._clock())
            observe.happened("notice sent", **details)

    def _put_off(self, posted: Posted, error: Unavailable, details: dict[str, object]) -> None:
        now = self._clock()
        again = now + pause(posted.attempts, error.retry_after_s, self._random.random())
        if again < posted.put_at + TRIED_FOR:
            self._outbox.put_off(posted, again, str(error))
            observe.went_wrong("notice put off", error, **details)
        else:
            self._outbox.bury(posted, f"given up after {posted.attempts} attempts: {error}")
            observe.went_wrong("notice given up", error, **details)

    def _linked(self, notice: Notice) -> Notice:
        return replace(notice, links=self._links(notice.message))
