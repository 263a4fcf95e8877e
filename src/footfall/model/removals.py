"""What becomes of somebody who was deleted, when something is told about them again.

Source: PX REST API 0.1.6, "Delete user": within seven days the record is revived with its history, later a new one
begins; a hard delete is never revived.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

REVIVAL_US: Final = 7 * 86_400_000_000


@dataclass(frozen=True, slots=True)
class Removal:
    """One delete, in microseconds since 1970. revived_at: the first thing told about an instant after it."""

    at: int
    hard: bool
    revived_at: int | None = None


@dataclass(frozen=True, slots=True)
class Fate:
    """Somebody who was deleted at least once, as of an instant.

    deleted: is so. at: when that last changed. forgotten: what was told up to this instant is not known any more; the
    record began anew at ``born_at``. Both are None while nothing is forgotten.
    """

    deleted: bool
    at: int
    forgotten: int | None = None
    born_at: int | None = None

    def hides(self, at: int) -> bool:
        """Whether what was said at an instant is not known any more, or nothing is."""
        return self.deleted or (self.forgotten is not None and at <= self.forgotten)


def fate(removals: Iterable[Removal], until: int) -> Fate | None:
    """The fate as of the end of ``until``; None for who was never deleted before."""
    found: Fate | None = None
    for removal in sorted(removals, key=lambda each: each.at):
        if removal.at >= until:
            break
        forgotten, born_at = (None, None) if found is None else (found.forgotten, found.born_at)
        if removal.revived_at is None or removal.revived_at >= until:
            found = Fate(True, removal.at, forgotten, born_at)
            continue
        if removal.hard or removal.revived_at - removal.at > REVIVAL_US:
            forgotten, born_at = removal.at, removal.revived_at
        found = Fate(False, removal.revived_at, forgotten, born_at)
    return found
