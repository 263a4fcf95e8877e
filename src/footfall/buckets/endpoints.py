"""Which servers may be talked to on behalf of whoever may write a configuration.

An endpoint that is kept in a configuration must not become a way into the network behind the server (SSRF): it has to
be https, at public addresses only. The check is where the connection is made, once per connection and with the very
address that is then used, so a name that resolves to something else the second time gains nothing. The operator may
allow private endpoints, for servers of one's own.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.awsrequest import AWSHTTPSConnection, AWSHTTPSConnectionPool
from botocore.exceptions import HTTPClientError
from botocore.httpsession import URLLib3Session
from urllib3.exceptions import NewConnectionError
from urllib3.util.connection import create_connection

from footfall.errors import FootfallError, Refused, Unavailable

Resolve = Callable[..., list[Any]]
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
HINT: Final = "Give a public https endpoint, or let the operator set allow_private_endpoints"
# `is_global` says yes to addresses that only carry another one, and to some services of cloud providers.
_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(each)
    for each in (
        "168.63.129.16/32",  # Azure's wire server
        "192.0.0.0/24",  # protocol assignments, Oracle's metadata
        "192.88.99.0/24",  # 6to4 relays
        "::/96",  # IPv4-compatible
        "::ffff:0:0/96",  # IPv4-mapped
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64, local use
        "2001::/23",  # protocol assignments, Teredo among them
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fec0::/10",  # site-local
    )
)


def is_public(address: str) -> bool:
    """Is it an address of the internet proper: not of this machine or network, nor one that wraps such an address?"""
    ip: _Address = ipaddress.ip_address(address.partition("%")[0])
    if not ip.is_global or ip.is_multicast or ip.is_reserved:
        return False
    return not any(ip.version == net.version and ip in net for net in _NOT_PUBLIC)


def check_endpoint(url: str, *, private: bool) -> str:
    """The address as it may be used, without a slash at its end. Nothing is looked up yet.

    private: http, any port and any address will do. Otherwise https on port 443 or one from 1024 on.
    Raises ``Refused``.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused(f"the endpoint is no address: {error}", "Write https://host or https://host:port") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refused(f"the endpoint {url!r} is not the address of a server", "Write https://host or https://host:port")
    if parts.username is not None or parts.query or parts.fragment or any(c.isspace() for c in url):
        raise Refused(
            "the endpoint has a user, a query, a fragment or a space", "Write https://host or https://host:port"
        )
    if not private:
        if parts.scheme != "https":
            raise Refused(f"the endpoint {url} is not https", HINT)
        if port is not None and port != 443 and port < 1024:
            raise Refused(f"the endpoint {url} is on a port of another service", HINT)
    return url.rstrip("/")


def addresses_of(host: str, port: int, *, private: bool, resolve: Resolve | None = None) -> list[str]:
    """Resolve a name, or any way to write an address, and check every address it has.

    Raises ``Refused`` when one is not public and ``private`` is not allowed, ``Unavailable`` when there is none.
    """
    try:
        found = (resolve or socket.getaddrinfo)(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unavailable(f"{host} has no address: {error}", "Check the name and this machine's DNS") from error
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    bad = [] if private else [each for each in addresses if not is_public(each)]
    if bad:
        raise Refused(f"{host} is at {', '.join(bad)}, which is not a public address", HINT)
    return addresses


class _PublicConnection(AWSHTTPSConnection):
    """Resolves, checks, and connects to what was checked; the certificate is still checked for the name."""

    def _new_conn(self) -> socket.socket:
        failed: Exception | None = None
        try:
            addresses = addresses_of(self.host, self.port, private=False)
        except Unavailable as error:
            addresses, failed = [], error
        for address in addresses:
            try:
                return create_connection((address, self.port), self.timeout, socket_options=self.socket_options)
            except OSError as error:
                failed = error
        raise NewConnectionError(self, f"no connection to {self.host}: {failed}") from failed


class _PublicPool(AWSHTTPSConnectionPool):
    ConnectionCls = _PublicConnection


def guard(client: Any, *, verify: str | bool, timeout_s: tuple[float, float], connections: int) -> None:
    """Let a botocore client reach public addresses by https only, directly, and follow nobody elsewhere."""
    session: Any = URLLib3Session(  # type: ignore[no-untyped-call]
        verify=verify, proxies={}, timeout=timeout_s, max_pool_connections=connections
    )
    # There is no pool for http, so nothing can lead to one.
    session._manager.pool_classes_by_scheme = {"https": _PublicPool}
    home = urlsplit(client.meta.endpoint_url)

    def send(request: Any, **_: Any) -> Any:
        target = urlsplit(request.url)
        if (target.scheme, target.netloc) != (home.scheme, home.netloc):
            raise Refused(f"{home.netloc} sends on to {target.netloc}, which is not followed", "Give that endpoint")
        try:
            return session.send(request)
        except HTTPClientError as error:
            # A refusal of ours, wrapped: unwrapped it is not taken for a passing fault and tried again.
            if isinstance(error.__context__, FootfallError):
                raise error.__context__ from None
            raise

    client.meta.events.register_last("before-send", send)
