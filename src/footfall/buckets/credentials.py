"""Where a client's credentials come from: an access key, the machine, or a role that is assumed and renewed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import botocore.credentials

from footfall.buckets.access import Access

# It stands in the owner's audit trail; STS takes two characters or more.
SESSION_NAME: Final = "footfall"
INSTANCE_ROLE: Final = "iam-role"  # botocore's name of the provider that asks the instance metadata service
MakeSts = Callable[[Any], Any]
_boto: Any = botocore.credentials  # it has no types


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


def install(session: Any, access: Access | None, make_sts: MakeSts) -> None:
    """Make ``session`` sign with what ``access`` says, and with nothing else.

    make_sts: an STS client that signs with the given credentials. Nothing is asked of STS before the first request;
    from then on whoever signs, a part of a long upload too, gets a session that is good for ten minutes at least.
    """
    known = identity(session, access)
    if access is not None and access.role_arn and known is not None:
        known = _assumed(known, access, make_sts)
    session.register_component("credential_provider", _Given(known))


def _assumed(known: Any, access: Access, make_sts: MakeSts) -> Any:
    arguments = {"RoleSessionName": SESSION_NAME}
    if access.external_id:
        arguments["ExternalId"] = access.external_id
    fetcher = _boto.AssumeRoleCredentialFetcher(
        lambda service, **_: make_sts(known), known, access.role_arn, extra_args=arguments, cache={}
    )
    return _boto.DeferredRefreshableCredentials(fetcher.fetch_credentials, "sts-assume-role")
