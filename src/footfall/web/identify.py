"""Whose key a request carries."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from footfall.model.api_keys import digest, may, well_formed
from footfall.model.audit import Actor
from footfall.ports import ApiKeys, Clock


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that open the admin port. token: may do everything; empty when there is none."""

    token: str
    api_keys: ApiKeys
    clock: Clock

    def __call__(self, key: str) -> tuple[Actor, str] | None:
        """(who, scope) of a key; None for one that opens nothing. Raises ``Unavailable`` when the store cannot tell."""
        if self.token and hmac.compare_digest(key.encode("utf-8", "replace"), self.token.encode()):
            return Actor("token"), "admin"
        if not well_formed(key):
            return None
        found = self.api_keys.used(digest(key), self.clock())
        return None if found is None else (Actor("key", found.name), found.scope)

    def actor(self, key: str, needed: str) -> Actor | None:
        """Who it is, if the key is good for the scope ``needed``."""
        found = self(key)
        return found[0] if found is not None and may(found[1], needed) else None


def bearer(authorization: str) -> str:
    """The key in the value of an Authorization header; empty if there is none."""
    scheme, _, given = authorization.partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""
