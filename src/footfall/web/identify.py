"""Whose key a request carries, and how often somebody may be wrong about it."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from starlette.requests import Request

from footfall.errors import Unavailable
from footfall.model.api_keys import digest, may, well_formed
from footfall.model.audit import Actor
from footfall.ports import ApiKeys, Clock
from footfall.web.collect import client_address

FAILURES_MAX: Final = 30  # of one address within a minute; then it waits for the next
_MINUTE_S: Final = 60.0
_ADDRESSES_MAX: Final = 10_000


class TooManyGuesses(Unavailable):
    """Too many wrong keys came from one address."""


class Doubts:
    """Counts keys that were wrong, by address. Threads may share it. monotonic: seconds that only rise."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = Lock()
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def check(self, address: str) -> None:
        """Raises ``TooManyGuesses`` for an address that was wrong too often."""
        with self._lock:
            began, count = self._failures.get(address, (0.0, 0))
        left = began + _MINUTE_S - self._monotonic()
        if count >= FAILURES_MAX and left > 0:
            what = "Too many wrong keys came from this address"
            raise TooManyGuesses(what, "Wait a minute", retry_after_s=int(left) + 1)

    def failed(self, address: str) -> None:
        now = self._monotonic()
        with self._lock:
            began, count = self._failures.pop(address, (now, 0))
            self._failures[address] = (began, count + 1) if now - began < _MINUTE_S else (now, 1)
            if len(self._failures) > _ADDRESSES_MAX:
                self._failures.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that open the admin port. token: may do everything; empty when there is none.

    trusted_proxies: whose word about the address of a client counts.
    """

    token: str
    api_keys: ApiKeys
    clock: Clock
    doubts: Doubts
    trusted_proxies: frozenset[str]

    def __call__(self, key: str) -> tuple[Actor, str] | None:
        """(who, scope) of a key; None for one that opens nothing. Raises ``Unavailable`` when the store cannot tell."""
        if self.token and hmac.compare_digest(key.encode("utf-8", "replace"), self.token.encode()):
            return Actor("token"), "admin"
        if not well_formed(key):
            return None
        found = self.api_keys.used(digest(key), self.clock())
        return None if found is None else (Actor("key", found.name), found.scope)

    def caller(self, request: Request, key: str) -> tuple[Actor, str] | None:
        """As when called, for the key that a request carries. Raises ``TooManyGuesses`` as well."""
        client = self.client(request)
        if key and not well_formed(key):  # those of ours cannot be guessed; a token that somebody chose can
            self.doubts.check(client)
        found = self(key) if key else None
        if key and found is None:
            self.doubts.failed(client)
        return found

    def client(self, request: Request) -> str:
        """The address of the client."""
        peer = request.client.host if request.client else ""
        return client_address(peer, dict(request.headers.raw), self.trusted_proxies)

    def bearer(self, request: Request, needed: str) -> Actor | None:
        """Who sent a request, if its bearer key is good for the scope ``needed``. Raises as ``caller``."""
        return _good(self.caller(request, bearer(request.headers.get("authorization", ""))), needed)

    def actor(self, key: str, needed: str) -> Actor | None:
        """Who it is, if the key is good for the scope ``needed``."""
        return _good(self(key), needed)


def _good(found: tuple[Actor, str] | None, needed: str) -> Actor | None:
    return found[0] if found is not None and may(found[1], needed) else None


def bearer(authorization: str) -> str:
    """The key in the value of an Authorization header; empty if there is none."""
    scheme, _, given = authorization.partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""
