"""What is kept of a client's network address."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Final

POLICIES: Final = ("truncated", "full", "none")


@lru_cache(maxsize=4096)
def shortened(address: str, policy: str) -> str:
    """The address as kept: whole, its network (/24 of IPv4, /48 of IPv6), or nothing. No address gives nothing.

    An IPv4 address in IPv6 clothes (``::ffff:192.0.2.7``) is treated as IPv4, lest /48 keep none of it or all.
    """
    if policy == "none":
        return ""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    mapped = None if isinstance(parsed, IPv4Address) else parsed.ipv4_mapped
    whole = parsed if mapped is None else mapped
    if policy == "full":
        return str(whole)
    bits = 24 if isinstance(whole, IPv4Address) else 48
    return str(ip_network((whole, bits), strict=False).network_address)
