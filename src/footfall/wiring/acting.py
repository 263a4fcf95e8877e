"""Who acts: the command line, the server, or a caller of the API; the audit log has every change in its name."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

from footfall.model.audit import Actor, Facts, changed
from footfall.ports import Audit, Clock

# Of a request, and so of the thread that works for it: a server has many callers at a time.
_CALLER: Final[ContextVar[Actor | None]] = ContextVar("caller", default=None)


def act_as(actor: Actor) -> None:
    """From now on, what this task or thread changes is in the name of ``actor``."""
    _CALLER.set(actor)


class Notes:
    """Notes changes in the audit log. actor: who acts when nobody called us."""

    def __init__(self, audit: Audit, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self.actor = Actor("cli")

    def __call__(self, action: str, subject: str, before: Facts | None, after: Facts | None) -> None:
        """Append one change; of what there was before and after, only what differs."""
        self._audit.append(self._clock(), _CALLER.get() or self.actor, action, subject, *changed(before, after))
