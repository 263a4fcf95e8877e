"""Who calls, and whether they may. Every route declares the scope it needs; one that does not is not served."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from starlette.concurrency import run_in_threadpool

from footfall.errors import Refused
from footfall.model.api_keys import may, well_formed
from footfall.model.audit import Actor
from footfall.model.remote import Remote
from footfall.web.api.management import Management
from footfall.web.api.problems import Answered

FAILURES_MAX: Final = 30  # of one address within a minute; then it waits for the next
_MINUTE_S: Final = 60.0
_ADDRESSES_MAX: Final = 10_000
_CHALLENGE: Final = {"www-authenticate": 'Bearer realm="footfall"'}

_bearer = HTTPBearer(
    scheme_name="key", auto_error=False, description="An API key (`footfall api-keys add`), or the admin token."
)


@dataclass(frozen=True, slots=True)
class Desk:
    """A request that was let in. actor: whose it is."""

    management: Management
    actor: Actor
    scope: str

    @property
    def name(self) -> str:
        """Of its key, or ``token``."""
        return self.actor.name or self.actor.kind

    @property
    def caller(self) -> str:
        """What tells it from every other caller."""
        return f"{self.actor.kind} {self.actor.name}"

    def check_place(self, url: str, authorization: str, endpoint_url: object = None) -> None:
        """Refuse a place that this caller may not name.

        Without an authorization the server would use what the machine has, its disk or its own credentials; that is
        for admins, and never at a server that the caller names.
        """
        if endpoint_url and not authorization:
            raise Refused(
                "endpoint_url needs an authorization: the machine's own credentials go to no server named here",
                "Make an authorization with this endpoint_url",
            )
        if not may(self.scope, "admin") and (not authorization or Remote.parse(url) is None):
            raise Answered(403, "Only an admin may name a folder of the server, or a place without authorization")


class Doubts:
    """Counts keys that were wrong, by address. monotonic: seconds that only rise."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def check(self, address: str) -> None:
        """Raises 429 for an address that was wrong too often."""
        began, count = self._failures.get(address, (0.0, 0))
        left = began + _MINUTE_S - self._monotonic()
        if count >= FAILURES_MAX and left > 0:
            wait = {"retry-after": str(int(left) + 1)}
            raise Answered(429, "Too many wrong keys came from this address", "Wait a minute", headers=wait)

    def failed(self, address: str) -> None:
        now = self._monotonic()
        began, count = self._failures.pop(address, (now, 0))
        self._failures[address] = (began, count + 1) if now - began < _MINUTE_S else (now, 1)
        if len(self._failures) > _ADDRESSES_MAX:
            self._failures.popitem(last=False)


async def let_in(request: Request, key: str, needed: str) -> Desk:
    """The caller, if the key is good for ``needed``; from here on changes are in its name. Raises 401, 403 and 429."""
    management: Management = request.app.state.management
    doubts: Doubts = request.app.state.doubts
    client = management.client_of(request.client.host if request.client else "", dict(request.headers.raw))
    if key and not well_formed(key):  # those of ours cannot be guessed; a token that somebody chose can
        doubts.check(client)
    found = await run_in_threadpool(management.identify, key) if key else None
    if found is None:
        if key:
            doubts.failed(client)
        raise Answered(401, "Send an API key as a bearer token", "Make one: footfall api-keys add", headers=_CHALLENGE)
    actor, scope = found
    if not may(scope, needed):
        raise Answered(403, f"This needs a key with the scope {needed}; this one has {scope}")
    management.act_as(Actor(actor.kind, actor.name, management.kept_of(client)))
    return Desk(management, actor, scope)


async def identify(
    request: Request,
    needed: SecurityScopes,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Desk:
    """The caller of a route, which declares the scope it needs."""
    return await let_in(request, credentials.credentials if credentials else "", needed.scopes[0])


def _for(scope: str) -> Any:
    return Security(identify, scopes=[scope])


Reading = Annotated[Desk, _for("read")]
Writing = Annotated[Desk, _for("write")]
Administering = Annotated[Desk, _for("admin")]
