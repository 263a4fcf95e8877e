"""Erasures: people who are to be nowhere any more, and how far that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from footfall.model.erasures import Erasure


class Erasures(Protocol):
    """What was asked for and what became of it.

    1. An erasure that was asked for goes on after every crash until it has ended.
    2. Nothing of it names anybody once it has ended.
    3. Its receipt is there when it has ended, and never changes.
    """

    def get(self, id: str) -> Erasure:
        """Raises ``Missing``."""

    def all(self, limit: int = 100) -> Sequence[Erasure]:
        """Newest first."""

    def receipt(self, id: str) -> str | None:
        """Signed, JSON text; None until it has ended."""
