"""Users and accounts that were deleted, and users whose events are ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


class Removals(Protocol):
    """Deleting, taking back by telling something anew, and denying.

    1. Who is deleted is in no ``Directory``, and ``People`` shows it as deleted, from that instant on.
    2. What is told about it later, by instant and not by arrival, ends that. Within ``REVIVAL`` after a delete that
       is not ``hard`` everything known before is known again; else it begins anew.
    3. Deleting an account deletes the users that belong to it at that instant. A user is deleted with those merged
       into it; each of them is brought back by what is told about it, and they are one again when both are.
    4. Events of a denied user that are received from then on are quarantined, without their text.
    """

    def remove(self, entity: str, key: int, at: datetime, *, hard: bool) -> Sequence[str]:
        """Delete a user or account. Returns the opaque ids of the users that are deleted now, that of ``key`` first."""

    def told(self, entity: str, id: str, at: datetime) -> None:
        """Something was told about an identify id or account id at an instant, if nothing that ``People`` learned."""

    def deny(self, identify_id: str, at: datetime, *, denied: bool) -> None: ...

    def denied(self) -> Mapping[str, int]:
        """Since when each denied user is, in microseconds since 1970."""
