"""Keys of the management API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from footfall.model.api_keys import ApiKey


class ApiKeys(Protocol):
    """Who may use the management API, and for what.

    1. A key is nowhere: its SHA-256 is kept, and ``used`` finds it by that alone.
    2. Of a name at most one key is in force. Revoking it, or its expiry, makes room for the next; a key that was
       revoked is never in force again.
    3. From the moment ``revoke`` returns, ``used`` gives None for the key, in every process.
    4. ``used_at`` is at most a minute behind and costs at most one write a minute.
    """

    def all(self) -> Sequence[ApiKey]:
        """Every key ever added, by name and time."""

    def add(self, key: ApiKey) -> None:
        """Raises ``Conflict`` when the name has a key in force."""

    def used(self, key_sha256: str, now: datetime) -> ApiKey | None:
        """The key in force with that digest, noted as used; None if there is none."""

    def revoke(self, name: str, at: datetime) -> ApiKey:
        """End the key of that name. Raises ``Missing`` when none is in force."""
