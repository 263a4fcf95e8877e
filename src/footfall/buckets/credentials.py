"""Where a client's credentials come from: an access key, the machine, or a role that is assumed and renewed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import botocore.credentials

from footfall.buckets.access import Access
from footfall.errors import Refused

# It stands in the owner's audit trail; STS takes two characters or more.
SESSION_NAME: Final = "footfall"
INSTANCE_ROLE: Final = "iam-role"  # botocore's name of the provider that asks the instance metadata service
MakeSts = Callable[[Any], Any]
_boto: Any = botocore.credentials  # it has no types
# What servers say of a session that is over; SeaweedFS forgets its key (4.48).
_OVER: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidToken", "TokenRefreshRequired"}
)
# The answer to a HEAD has no body, so there it is the status. 403 may as well mean that reading is not permitted, so a
# session is only given up for it when it is older than this.
_OVER_AT_HEAD: Final = "400"
_DENIED_AT_HEAD: Final = "403"
_DOUBTED_AFTER_S: Final = 60.0
_ONCE: Final = "footfall-session-renewed"


class _Given:
    """In the place of botocore's chain of providers, so that nothing is found that was not given."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Any:
        return self._credentials


def identity(session: Any, access: Access | None) -> Any:
    """The credentials that are there before any role is assumed; None when the machine has none.

    Without ``access`` the operator's whole chain applies, the instance's role included.
    """
    if access is not None and access.key_id:
        return _boto.Credentials(access.key_id, access.secret, access.session_token or None)
    resolver = _boto.create_credential_resolver(session, region_name=access.region or None if access else None)
    if access is not None:
        resolver.remove(INSTANCE_ROLE)
    return resolver.load_credentials()


class RoleSession:
    """The session of a role: assumed anew ten minutes before its end, and once the server says that it is over.

    A server may end one early: by its own clock, or because somebody withdrew it. fetcher: asks STS, or finds in
    ``cache`` what it asked last. credentials: what to sign with; nothing is asked of STS before the first request.
    """

    def __init__(self, fetcher: Any, cache: dict[str, Any]) -> None:
        self._fetcher, self._cache = fetcher, cache
        self._token, self._over, self._begun = "", False, 0.0
        self._here = threading.local()
        self.credentials = _boto.DeferredRefreshableCredentials(self._fetch, "sts-assume-role", time_fetcher=self._now)

    def watch(self, client: Any) -> None:
        """Send a request of ``client`` again, once, when it was refused because the session is over."""
        client.meta.events.register("before-send.s3", self._sent)
        client.meta.events.register("needs-retry.s3", self._sent_again)

    def _fetch(self) -> dict[str, Any]:
        if self._over:
            self._cache.clear()
        found: dict[str, Any] = self._fetcher.fetch_credentials()
        if datetime.fromisoformat(found["expiry_time"]) <= datetime.now(UTC):
            self._cache.clear()
            raise Refused(f"STS gave a session that ended at {found['expiry_time']}", "Set this machine's clock")
        self._token, self._over, self._begun = str(found["token"]), False, time.monotonic()
        return found

    def _now(self) -> datetime:
        """The time by which the session is judged: long after its end once it was refused."""
        return datetime.max.replace(tzinfo=UTC) if self._over else datetime.now(UTC)

    def _sent(self, request: Any, **_: Any) -> None:
        token = request.headers.get("X-Amz-Security-Token", "")
        self._here.token = token.decode() if isinstance(token, bytes) else token

    def _sent_again(self, response: Any, request_dict: dict[str, Any], operation: Any, **_: Any) -> float | None:
        """Seconds to wait before the request is signed and sent again; None to leave it at the answer."""
        code = "" if response is None else str(response[1].get("Error", {}).get("Code", ""))
        over = code in _OVER or (operation.name == "HeadObject" and self._may_be_over(code))
        if not over or request_dict["context"].get(_ONCE):
            return None
        request_dict["context"][_ONCE] = True
        if self._here.token == self._token:  # else another thread has had it renewed meanwhile
            self._over = True
        return 0.0

    def _may_be_over(self, status: str) -> bool:
        old = time.monotonic() - self._begun > _DOUBTED_AFTER_S
        return status == _OVER_AT_HEAD or (status == _DENIED_AT_HEAD and old)


def install(session: Any, access: Access | None, make_sts: MakeSts) -> RoleSession | None:
    """Make ``session`` sign with what ``access`` says, and with nothing else. Returns the role's session, if any.

    make_sts: an STS client that signs with the given credentials. Nothing is asked of STS before the first request;
    from then on whoever signs, a part of a long upload too, gets a session that is good for ten minutes at least.
    """
    known = identity(session, access)
    role = None
    if access is not None and access.role_arn and known is not None:
        role = _assumed(known, access, make_sts)
    session.register_component("credential_provider", _Given(known if role is None else role.credentials))
    return role


def _assumed(known: Any, access: Access, make_sts: MakeSts) -> RoleSession:
    arguments = {"RoleSessionName": SESSION_NAME}
    if access.external_id:
        arguments["ExternalId"] = access.external_id
    cache: dict[str, Any] = {}
    fetcher = _boto.AssumeRoleCredentialFetcher(
        lambda service, **_: make_sts(known), known, access.role_arn, extra_args=arguments, cache=cache
    )
    return RoleSession(fetcher, cache)
