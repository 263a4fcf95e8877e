"""The audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from footfall.model.audit import Actor, Change, Facts


class Audit(Protocol):
    """What people, and the server on its own, changed; entries are only ever added.

    1. ``append`` inside a transaction of the store is there if and only if the transaction is.
    2. Numbers rise by one without gaps, whoever appends.
    3. Each entry's digest covers the one before: after an entry was altered or one in between removed, ``check``
       gives the number from which the chain does not hold.
    """

    def append(
        self, at: datetime, actor: Actor, action: str, subject: str, before: Facts | None, after: Facts | None
    ) -> Change: ...

    def changes(
        self, *, before: int | None = None, subject: str | None = None, actions: Sequence[str] = (), limit: int = 100
    ) -> Sequence[Change]:
        """The newest changes, newest first; those with numbers below ``before``, of that subject, of these actions."""

    def check(self) -> int | None:
        """The number of the first entry that is missing or was altered; None while all is as it was written."""
