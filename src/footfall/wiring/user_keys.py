"""The keys with which users of a source are proven (``wire.user_hash``): sealed in the vault, shown once."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from footfall.errors import Missing

if TYPE_CHECKING:
    from footfall.wiring.hub import Footfall

_OWNER: Final = "source"
_FIELD: Final = "user_hash_key"


class UserKeys:
    """What the collector asks for each request; the store is asked at most every ``fresh_s`` seconds for each source.

    monotonic: seconds that only rise. A key that cannot be read raises: who cannot be checked is not trusted.
    """

    def __init__(self, hub: Footfall, monotonic: Callable[[], float], *, fresh_s: float = 2.0) -> None:
        self._hub = hub
        self._monotonic = monotonic
        self._fresh_s = fresh_s
        self._known: dict[str, tuple[float, bytes | None]] = {}

    def key(self, source: str) -> bytes | None:
        """The key of a source; None where users need no proof."""
        now = self._monotonic()
        known = self._known.get(source)
        if known is None or now - known[0] >= self._fresh_s:
            known = self._known[source] = (now, self._read(source))
        return known[1]

    def _read(self, source: str) -> bytes | None:
        return self._hub.vault.get(_OWNER, source)[_FIELD].encode() if needs_user_hash(self._hub, source) else None


def needs_user_hash(hub: Footfall, source: str) -> bool:
    """Whether events of users of a source need their userHash."""
    return bool(hub.vault.fields(_OWNER, source))


def require_user_hash(hub: Footfall, source: str) -> str:
    """From now on take events of users of a source only with their userHash. Returns the new key: one before it ends.

    Raises ``Missing`` when no such source is in force.
    """
    _in_force(hub, source)
    key = secrets.token_urlsafe(32)
    with hub.database.transaction():
        hub.vault.put(_OWNER, source, {_FIELD: key})
        hub.note("source.user_hash", f"source {source}", None, {"user_hash": "required"})
    return key


def release_user_hash(hub: Footfall, source: str) -> None:
    """Take events of users of a source without proof again. Raises ``Missing`` as above."""
    _in_force(hub, source)
    with hub.database.transaction():
        hub.vault.drop(_OWNER, source)
        hub.note("source.user_hash", f"source {source}", {"user_hash": "required"}, None)


def _in_force(hub: Footfall, source: str) -> None:
    if not any(each.name == source and each.revoked_at is None for each in hub.sources.all()):
        raise Missing(f"no source '{source}' has a key in force", "List them with `footfall keys ls`")
