"""Who calls, and whether they may. Every route declares the scope it needs; one that does not is not served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from starlette.concurrency import run_in_threadpool

from footfall.errors import Refused
from footfall.model.api_keys import may
from footfall.model.audit import Actor
from footfall.model.remote import Remote
from footfall.web.api.management import Management
from footfall.web.api.problems import Answered
from footfall.web.identify import TooManyGuesses

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


async def let_in(request: Request, key: str, needed: str) -> Desk:
    """The caller, if the key is good for ``needed``; from here on changes are in its name. Raises 401, 403 and 429."""
    management: Management = request.app.state.management
    try:
        found = await run_in_threadpool(management.identify, request, key)
    except TooManyGuesses as error:
        raise Answered(429, error.what, error.hint, headers={"retry-after": str(error.retry_after_s)}) from error
    if found is None:
        raise Answered(401, "Send an API key as a bearer token", "Make one: footfall api-keys add", headers=_CHALLENGE)
    actor, scope = found
    if not may(scope, needed):
        raise Answered(403, f"This needs a key with the scope {needed}; this one has {scope}")
    management.act_as(Actor(actor.kind, actor.name, management.kept_of(request)))
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
