"""Clients of S3 and STS for an ``Access``: timeouts, retries, certificates, addresses and credentials in one place."""

from __future__ import annotations

import os
from typing import Any, Final
from urllib.parse import urlsplit

import botocore.config
import botocore.session
from botocore.exceptions import BotoCoreError

from footfall.buckets.access import Access
from footfall.buckets.credentials import identity, install
from footfall.buckets.endpoints import guard
from footfall.errors import Denied, Refused

CONNECT_TIMEOUT_S: Final = 10
READ_TIMEOUT_S: Final = 60
TRIES: Final = 5
CONNECTIONS: Final = 8
NO_CREDENTIALS: Final = "there are no credentials"
GIVE: Final = "Give an access key by the environment, a profile, or an authorization"
# They have no types.
_Config: Any = botocore.config.Config
_Session: Any = botocore.session.Session


class Clients:
    """Makes the clients for one place; nothing is sent until one of them is used.

    endpoint_url: the S3 server where it is not Amazon's. region: what to sign with when nobody says otherwise.
    guarded: only public addresses may be reached, see ``endpoints``. Amazon's own addresses need no guard.
    Raises ``Refused`` for a profile, a region or a bundle that cannot be used.
    """

    def __init__(self, access: Access | None, endpoint_url: str | None, *, region: str = "", guarded: bool) -> None:
        self._access = access
        self._endpoint_url = endpoint_url
        self._guarded = guarded and endpoint_url is not None
        self._verify: str | None = _bundle(access)
        try:
            self._session = _Session()
            given = (access.region if access else "") or region or self._session.get_config_variable("region")
            # Servers of one's own rarely have regions, but a signature names one.
            self._region = given or (None if endpoint_url is None else "us-east-1")
            self._role = install(self._session, access, self.sts)
        except (BotoCoreError, ValueError) as error:
            raise Refused(f"no S3 client: {error}", "Correct the address, the region or the profile") from error

    def s3(self) -> Any:
        """A client of the S3 server."""
        client = self._client("s3", self._endpoint_url, self._region)
        if self._role is not None:
            self._role.watch(client)
        return client

    def sts(self, credentials: Any) -> Any:
        """A client of STS that signs with ``credentials``.

        S3-compatible servers answer STS at their own address; Amazon's, private ones of a VPC too, have their own.
        """
        own = self._endpoint_url
        address = None if own is None or _amazons(own) else own
        frozen = credentials.get_frozen_credentials()
        keys = {
            "aws_access_key_id": frozen.access_key,
            "aws_secret_access_key": frozen.secret_key,
            "aws_session_token": frozen.token,
        }
        return self._client("sts", address, self._region or "us-east-1", **keys)

    def credentials(self) -> Any:
        """What requests are signed with now; assumes the role if there is one."""
        found = self._session.get_credentials()
        if found is None:
            raise Denied(NO_CREDENTIALS, GIVE)
        return found.get_frozen_credentials()

    def _client(self, service: str, address: str | None, region: str | None, **keys: Any) -> Any:
        config = _Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": TRIES},
            # We send checksums of our own where they are taken. botocore's defaults put them into trailers, which
            # Google and others refuse or, worse, store as part of the object.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if self._endpoint_url else "auto"},
            max_pool_connections=CONNECTIONS,
        )
        try:
            client = self._session.create_client(
                service, endpoint_url=address, region_name=region, config=config, verify=self._verify, **keys
            )
        except (BotoCoreError, ValueError) as error:
            raise Refused(f"no S3 client: {error}", "Correct the address, the region or the profile") from error
        if self._guarded and address is not None:
            guard(client, verify=self._verify or _usual_bundle(self._session),
                  timeout_s=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S), connections=CONNECTIONS)  # fmt: skip
        return client

    def identity(self) -> Any:
        """The credentials before a role is assumed. Raises ``Denied`` when there are none."""
        found = identity(self._session, self._access)
        if found is None:
            raise Denied(NO_CREDENTIALS, GIVE)
        return found


def _bundle(access: Access | None) -> str | None:
    if access is None or not access.ca_bundle:
        return None
    if not os.path.isfile(access.ca_bundle):
        raise Refused(f"there is no file {access.ca_bundle} of certificate authorities", "Correct ca_bundle")
    return access.ca_bundle


def _usual_bundle(session: Any) -> str | bool:
    found = session.get_config_variable("ca_bundle")
    return str(found) if found else True


def _amazons(endpoint_url: str) -> bool:
    host = urlsplit(endpoint_url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
