"""A connection to a server that somebody named in a configuration: where to is decided by the rules for endpoints."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

from footfall.errors import Refused, Unavailable

# The addresses of a name that may be connected to. Raises ``Refused`` when one of them may not, ``Unavailable`` when
# there is none.
Addresses = Callable[[str, int], Sequence[str]]


def dial(host: str, port: int, addresses: Addresses, timeout_s: float) -> socket.socket:
    """Connect to the very address that was checked, so that a name cannot mean another one the second time."""
    failed: OSError | None = None
    for address in addresses(host, port):
        try:
            return socket.create_connection((address, port), timeout_s)
        except OSError as error:
            failed = error
    raise Unavailable(
        f"no connection to {host}:{port}: {failed}", "Check the host, the port and the network"
    ) from failed


def tls_context(ca_bundle: str) -> ssl.SSLContext:
    """TLS 1.2 or later, with certificates checked; against the authorities in ``ca_bundle`` if it is given."""
    try:
        context = ssl.create_default_context(cafile=ca_bundle or None)
    except (OSError, ssl.SSLError) as error:
        raise Refused(
            f"the authorities in {Path(ca_bundle).name} cannot be read: {error}", "Give a PEM file"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
