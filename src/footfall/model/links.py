"""Signed links to a file that was delivered: who holds one may ask for that file, and for nothing else, for a while.

A token is ``kid.claims.signature``: the id of the key, the claims as JSON in base64url, and HMAC-SHA-256 over both
(RFC 2104, FIPS 198-1). It is no permission by itself: whoever opens it has to show a key of this Footfall too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from footfall.errors import Refused

TOKEN_CHARACTERS_MAX: Final = 4096
KEY_BYTES: Final = 32
_KID: Final = re.compile(r"k[0-9]{1,9}")
_DOMAIN: Final = b"footfall download link\0"  # the keys sign nothing else, and what they sign means nothing elsewhere


class Expired(Refused):
    """The link was good once."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a link leads to. run: id of the run that delivered it. key: of the file in the job's place. until: UTC.

    place: fingerprint of the address that the job delivered to then, so that a job which was moved or made anew does
    not give out what lies at its new place under the same key.
    """

    run: str
    key: str
    place: str
    until: datetime


def fingerprint(url: str) -> str:
    """16 hexadecimal digits that stand for an address."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def newest(keys: Mapping[str, bytes]) -> str:
    """Id of the key that signs: the one drawn last."""
    return max(keys, key=lambda kid: int(kid[1:]))


def next_id(kids: Mapping[str, object] | frozenset[str]) -> str:
    """The id after all of these: ``k1``, ``k2`` …"""
    return f"k{max((int(kid[1:]) for kid in kids), default=0) + 1}"


def sign(link: Link, keys: Mapping[str, bytes]) -> str:
    """The token of a link, by the newest key; the same link and key give the same token."""
    kid = newest(keys)
    claims = {"run": link.run, "key": link.key, "place": link.place, "until": int(link.until.timestamp())}
    body = f"{kid}.{_encoded(json.dumps(claims, ensure_ascii=True, separators=(',', ':')).encode())}"
    return f"{body}.{_encoded(_signature(body, keys[kid]))}"


def read(token: str, keys: Mapping[str, bytes], now: datetime) -> Link:
    """The link that a token stands for. Raises ``Expired``, or ``Refused`` for any other that this Footfall did not
    sign with a key it still has."""
    bad = Refused("this link is not valid", "Use the link of the message as it is")
    body, _, signature = token.rpartition(".")
    kid, _, claims = body.partition(".")
    if len(token) > TOKEN_CHARACTERS_MAX or not token.isascii() or _KID.fullmatch(kid) is None or kid not in keys:
        raise bad
    if not hmac.compare_digest(signature, _encoded(_signature(body, keys[kid]))):
        raise bad
    found = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    link = Link(found["run"], found["key"], found["place"], datetime.fromtimestamp(found["until"], UTC))
    if now >= link.until:
        raise Expired("this link has expired", "Run the export again, or take the file from where it was delivered")
    return link


def _signature(body: str, key: bytes) -> bytes:
    return hmac.new(key, _DOMAIN + body.encode(), hashlib.sha256).digest()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
