"""What of an event may be kept: the policy of a source, decided before anything is stored.

One policy is that of the deployment (``DEFAULT``); a source's own says what is different there. Tokens are keyed
digests (HMAC-SHA-256): the same person gives the same token in one deployment and another one in every other, and
without the key nobody can find out by trying whom a token stands for. They are pseudonyms and still personal data.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, Final

from footfall.errors import Refused
from footfall.model.address import POLICIES as ADDRESSES
from footfall.model.field_rules import ACTIONS, ROOTS, FieldRule, segments_of

DEFAULT: Final = "*"
"""The name under which the policy of the deployment is kept."""
USER: Final = "user"
ACCOUNT: Final = "account"
EMAIL: Final = "email"
KINDS: Final = (USER, ACCOUNT, EMAIL)
SIGNALS: Final = ("drop", "anonymise", "allow")
CONSENT: Final = ("ignored", "recorded", "required")
PURPOSE: Final = "analytics"
TOKEN_PREFIX: Final = "anon_"  # noqa: S105 - no password
HIDDEN: Final = "not shown: the privacy policy of the source lets no text of it be kept"
MASKED_URL: Final = "masked-url"
_TOKEN: Final = re.compile(r"(?:anon|hash|tok)_[0-9a-f]{40}")
_REMEMBERED: Final = 100_000
_TOKEN_CHARS: Final = 40  # 160 bits


@dataclass(frozen=True, slots=True)
class Policy:
    """What is kept of what a source sends.

    addresses: of clients: ``full``, ``truncated`` or ``none``. inference: whether agents, places and organisations
    may be inferred. identities: kinds whose ids become tokens: ``user`` (visitors and earlier ids too), ``account``,
    ``email`` (addresses anywhere in an event). fields: rules, the first that fits decides. sensitive: the action for
    attributes that are defined as sensitive. query: names of URL parameters that are kept, None for all; mask_query:
    kept without their values. exclude_urls: what happened there is not stored; mask_urls: is stored without saying
    where. gpc, dnt: what ``Sec-GPC: 1`` and ``DNT: 1`` mean; gpc_reason: why GPC may be ignored. consent:
    ``ignored``; ``recorded``: who denied is treated as ``without_consent`` says; ``required``: so is who said
    nothing. purpose: that is asked of consent that is given by purpose.
    """

    addresses: str = "truncated"
    inference: bool = True
    identities: tuple[str, ...] = ()
    fields: tuple[FieldRule, ...] = ()
    sensitive: str = "keep"
    query: tuple[str, ...] | None = None
    mask_query: tuple[str, ...] = ()
    exclude_urls: tuple[str, ...] = ()
    mask_urls: tuple[str, ...] = ()
    gpc: str = "anonymise"
    gpc_reason: str = ""
    dnt: str = "allow"
    consent: str = "ignored"
    without_consent: str = "drop"
    purpose: str = PURPOSE

    @property
    def reads_bodies(self) -> bool:
        """Whether what events say has to be looked at."""
        named = self.identities or self.fields or self.mask_query or self.exclude_urls or self.mask_urls
        return bool(named) or self.sensitive != "keep" or self.query is not None or self.consent != "ignored"

    @property
    def makes_tokens(self) -> bool:
        """Whether tokens of it are meant to last."""
        actions = {rule.action for rule in self.fields} | {self.sensitive}
        return bool(self.identities) or bool(actions & {"hash", "tokenise"})

    def anonymous(self) -> Policy:
        """The policy for those who do not want to be known: no ids, no address, nothing inferred."""
        return replace(self, addresses="none", inference=False, identities=KINDS)

    def signalled(self, *, gpc: bool, dnt: bool) -> str:
        """``drop``, ``anonymise`` or ``allow``: the strictest of what a client's headers mean here."""
        meant = {self.gpc if gpc else "allow", self.dnt if dnt else "allow"}
        return next(each for each in SIGNALS if each in meant)


def read_policy(plain: Mapping[str, Any], base: Policy) -> Policy:
    """A policy as it is written: what it does not say is as in ``base``. Raises ``Refused`` for what cannot be."""
    known = {each.name for each in fields(Policy)}
    for name in plain:
        if name not in known:
            raise Refused(f"a privacy policy has no field '{name}'", f"It may have {', '.join(sorted(known))}")
    given: dict[str, Any] = {name: value for name, value in plain.items() if value is not None}
    for name in ("identities", "query", "mask_query", "exclude_urls", "mask_urls"):
        if name in given:
            given[name] = tuple(given[name])
    if "fields" in given:
        given["fields"] = tuple(FieldRule(str(each["path"]), str(each["action"])) for each in given["fields"])
    policy = replace(base, **given)
    _check(policy)
    return policy


def _check(policy: Policy) -> None:
    words = {
        "addresses": ADDRESSES, "sensitive": ACTIONS, "gpc": SIGNALS, "dnt": SIGNALS, "consent": CONSENT,
        "without_consent": SIGNALS[:2],
    }  # fmt: skip
    for name, allowed in words.items():
        if getattr(policy, name) not in allowed:
            raise Refused(f"'{name}' is one of {', '.join(allowed)}", f"It is {getattr(policy, name)!r}")
    for kind in policy.identities:
        if kind not in KINDS:
            raise Refused(f"identities are {', '.join(KINDS)}", f"There is no {kind!r}")
    for rule in policy.fields:
        if rule.action not in ACTIONS:
            raise Refused(f"what happens to a field is one of {', '.join(ACTIONS)}", f"Not {rule.action!r}")
        if segments_of(rule.path)[0] not in (*ROOTS, "*", "**"):
            raise Refused(f"the path '{rule.path}' begins with no root", f"Begin with {', '.join(ROOTS)}, * or **")
    if policy.gpc == "allow" and not policy.gpc_reason.strip():
        raise Refused("to ignore Global Privacy Control needs a reason", "Say it in 'gpc_reason'")


class Tokens:
    """Makes tokens. key: at least 32 bytes that nobody can guess, kept apart from the data. tenant: the subscription.

    Kinds are apart: an account named like a user has another token.
    """

    def __init__(self, key: bytes, tenant: str) -> None:
        if len(key) < 32:
            raise ValueError("a key has at least 32 bytes")
        self._key = key
        self._tenant = tenant.encode()
        self._of_kind: dict[str, bytes] = {}
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._token)

    @property
    def mark(self) -> str:
        """Tells this key from others, and nothing about it."""
        return self.digest("mark", "")

    def token(self, kind: str, value: str | int, prefix: str = TOKEN_PREFIX) -> str:
        """What stands for a value. A token stands for itself, so what passes twice is changed once."""
        text = value if type(value) is str else str(value)
        return self._remembered(kind, text, prefix)

    def key(self, kind: str) -> bytes:
        """The key of a kind."""
        found = self._of_kind.get(kind)
        if found is None:
            domain = b"footfall privacy 1\0" + self._tenant + b"\0" + kind.encode()
            found = self._of_kind[kind] = hmac.digest(self._key, domain, "sha256")
        return found

    def digest(self, kind: str, text: str) -> str:
        """40 hexadecimal digits of a text, as it is."""
        return self._hex(kind, text.encode("utf-8", "surrogatepass"))

    def _token(self, kind: str, text: str, prefix: str) -> str:
        if _TOKEN.fullmatch(text) or not text:
            return text
        return prefix + self._hex(kind, normalised(text).encode("utf-8", "surrogatepass"))

    def _hex(self, kind: str, text: bytes) -> str:
        return hmac.digest(self.key(kind), text, "sha256").hex()[:_TOKEN_CHARS]


def normalised(text: str) -> str:
    """An identity without what people write in several ways: compatibility forms, case, space around it."""
    if text.isascii():
        return text.strip().lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).strip()
