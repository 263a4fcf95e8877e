"""How to get into a place, kept apart from the jobs that go there, and what each kind of it needs.

An authorization is what may be shown; its secrets are a mapping of their own that only stores and bucket clients hold.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from footfall.errors import Refused

KINDS: Final = {
    "aws_keys": "access keys of an AWS user, or of any server that speaks S3",
    "aws_role": "an AWS role to assume, guarded by an ExternalId",
    "ambient": "whatever the machine has: environment, profile, web identity, container",
    "gcs_hmac": "an HMAC key of Google Cloud Storage",
}
ENCRYPTIONS: Final = ("", "sse_s3", "sse_kms", "sse_c")
PGP: Final = ("", "encrypt", "decrypt")
STATUSES: Final = ("authorized", "refused", "untested")
# What belongs together: a new access key must not go on with the session token of the old one.
SECRET_GROUPS: Final = (
    ("access_key_id", "access_key_secret", "session_token"),
    ("sse_c_key",),
    ("pgp_public_key",),
    ("pgp_private_key", "pgp_passphrase"),
)
SECRETS: Final = tuple(name for group in SECRET_GROUPS for name in group)
SECRET_CHARACTERS_MAX: Final = 64 * 1024
SSE_C_KEY_BYTES: Final = 32

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}", re.ASCII)
_REGION: Final = re.compile(r"[a-z0-9-]{0,40}")
_WORD: Final = re.compile(r"[!-~]+")  # a credential goes into HTTP headers: printable ASCII without spaces


class Secrets(Mapping[str, str]):
    """Secrets by name. Printing it, or an error about it, shows the names only."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = dict(values or {})

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._values))})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """A way into places, without its secrets.

    name: what jobs call it; lower-case letters, digits, ``.``, ``_`` and ``-``, at most 63. kind: one of ``KINDS``.
    label, description: for people. region: of the bucket; empty lets the client find it. endpoint_url: another server
    that speaks S3. ca_bundle: PEM file of the authorities that certificates are checked against.
    encryption: on the server, of every object: one of ``ENCRYPTIONS``; kms_key_id only with ``sse_kms``, empty for the
    account's own key. pgp: ``encrypt`` what is exported, or ``decrypt`` what is imported.
    key_id_shown: the last four characters of the access key id. status: what the last test or use ended with.
    """

    name: str
    kind: str
    label: str = ""
    description: str = ""
    region: str = ""
    endpoint_url: str = ""
    ca_bundle: str = ""
    role_arn: str = ""
    encryption: str = ""
    kms_key_id: str = ""
    pgp: str = ""
    key_id_shown: str = ""
    created_at: datetime
    rotated_at: datetime | None = None
    status: str = "untested"
    status_note: str = ""


def check(authorization: Authorization, given: Mapping[str, str], kept: Iterable[str] = ()) -> None:
    """Refuse what could never work, with the setting or secret named, never a secret's value.

    given: secrets that are new. kept: names of those that stay and were checked when they came.
    """
    _check_words(authorization)
    _check_settings(authorization)
    for name, value in given.items():
        _check_secret(name, value)
    names = {*given, *kept}
    needed, allowed = needed_secrets(authorization), allowed_secrets(authorization)
    missing = [name for name in SECRETS if name in needed and name not in names]
    if missing:
        raise Refused(f"authorization '{authorization.name}' lacks {', '.join(missing)}", _NEEDS[authorization.kind])
    excess = sorted(names - allowed)
    if excess:
        raise Refused(
            f"authorization '{authorization.name}' has no use for {', '.join(excess)}",
            f"Leave it out, or choose settings that use it; this kind takes {', '.join(sorted(allowed)) or 'none'}",
        )
    if {"access_key_id", "access_key_secret"} & names and not {"access_key_id", "access_key_secret"} <= names:
        raise Refused(f"authorization '{authorization.name}' has half of an access key", "Give its id and its secret")


def needed_secrets(authorization: Authorization) -> frozenset[str]:
    """Names of the secrets without which this authorization cannot work."""
    needed = {"access_key_id", "access_key_secret"} if authorization.kind in ("aws_keys", "gcs_hmac") else set()
    needed |= {"sse_c_key"} if authorization.encryption == "sse_c" else set()
    needed |= {"encrypt": {"pgp_public_key"}, "decrypt": {"pgp_private_key"}}.get(authorization.pgp, set())
    return frozenset(needed)


def allowed_secrets(authorization: Authorization) -> frozenset[str]:
    """Names of the secrets this authorization has a use for.

    An AWS role may be assumed with keys of one's own; without them the machine's identity assumes it.
    """
    allowed = set(needed_secrets(authorization))
    if authorization.kind in ("aws_keys", "aws_role"):
        allowed |= {"access_key_id", "access_key_secret", "session_token"}
    if authorization.pgp == "decrypt":
        allowed.add("pgp_passphrase")
    return frozenset(allowed)


def replaced(known: Iterable[str], given: Iterable[str]) -> frozenset[str]:
    """Of the ``known`` secrets those that new ones make void: every group of which something is given goes whole."""
    new = set(given)
    touched = {name for group in SECRET_GROUPS if new & set(group) for name in group}
    return frozenset(set(known) & touched)


def shown(access_key_id: str) -> str:
    """What may be shown of an access key id: its last four characters, and nothing of a short one."""
    return access_key_id[-4:] if len(access_key_id) >= 8 else ""


def check_place(authorization: Authorization, url: str) -> None:
    """Refuse an address that this authorization cannot open; ``gs:`` and ``gcs_hmac`` belong together."""
    google, remote = url.startswith("gs:"), url.startswith(("s3:", "gs:"))
    if not remote and not authorization.pgp:
        raise Refused(f"{url} is a folder and needs no authorization", "Leave --authorization out, or give a bucket")
    if remote and google != (authorization.kind == "gcs_hmac"):
        kind = "gcs_hmac" if google else "aws_keys, aws_role or ambient"
        raise Refused(
            f"authorization '{authorization.name}' is of kind {authorization.kind}, which does not open {url}",
            f"Use an authorization of kind {kind}",
        )


_NEEDS: Final = {
    "aws_keys": "Give access_key_id and access_key_secret, and what encryption and pgp need",
    "aws_role": "Give what encryption and pgp need",
    "ambient": "Give what encryption and pgp need",
    "gcs_hmac": "Give the HMAC key's Access ID as access_key_id and its Secret as access_key_secret",
}


def _check_words(authorization: Authorization) -> None:
    if _NAME.fullmatch(authorization.name) is None:
        raise Refused(
            f"{authorization.name!r} cannot name an authorization",
            "Use lower-case letters, digits, '.', '_' and '-', at most 63",
        )
    for setting, value, words in (
        ("kind", authorization.kind, tuple(KINDS)),
        ("encryption", authorization.encryption, ENCRYPTIONS),
        ("pgp", authorization.pgp, PGP),
        ("status", authorization.status, STATUSES),
    ):
        if value not in words:
            raise Refused(f"{setting} {value!r} is not known", f"Choose one of {', '.join(w for w in words if w)}")


def _check_settings(authorization: Authorization) -> None:
    if (authorization.kind == "aws_role") != bool(authorization.role_arn):
        raise Refused(
            f"authorization '{authorization.name}' of kind {authorization.kind} and role_arn do not go together",
            "Give role_arn with kind aws_role, and only there",
        )
    if authorization.role_arn and _ROLE.fullmatch(authorization.role_arn) is None:
        raise Refused(f"{authorization.role_arn!r} is no role", "Write arn:aws:iam::123456789012:role/name")
    if authorization.kind == "gcs_hmac" and authorization.encryption:
        raise Refused(
            "Google's S3 interface takes no encryption of Amazon's",
            "Leave encryption out and set a default key on the bucket",
        )
    if authorization.kms_key_id and authorization.encryption != "sse_kms":
        raise Refused("kms_key_id is for encryption sse_kms only", "Set encryption to sse_kms, or leave the key out")
    if _REGION.fullmatch(authorization.region) is None:
        raise Refused(f"{authorization.region!r} is no region", "Write it as eu-central-1")
    if authorization.endpoint_url:
        _check_endpoint(authorization.endpoint_url)


def _check_endpoint(url: str) -> None:
    hint = "Write https://host or https://host:port"
    try:
        parts = urlsplit(url)
        fits = url.startswith(("https://", "http://")) and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise Refused(f"endpoint_url is no address: {error}", hint) from error
    if parts.username is not None or parts.password is not None:
        # It would be shown, logged and kept in the clear.
        raise Refused("endpoint_url holds a user or a password", f"{hint}; secrets go elsewhere")
    if not fits or parts.path not in ("", "/") or {"?", "#"} & {*url} or len(url.split()) != 1:
        raise Refused(f"endpoint_url {url!r} is not the address of a server", hint)


def _check_secret(name: str, value: str) -> None:
    if name not in SECRETS:
        raise Refused(f"there is no secret {name!r}", f"Choose among {', '.join(SECRETS)}")
    if not value or len(value) > SECRET_CHARACTERS_MAX:
        raise Refused(f"{name} is {'empty' if not value else 'too long'}", "Check where it was read from")
    if name in ("access_key_id", "access_key_secret", "session_token") and _WORD.fullmatch(value) is None:
        raise Refused(f"{name} holds spaces or characters that no key has", "Give the key alone, without quotes")
    if name == "sse_c_key":
        customer_key(value)
    block = {"pgp_public_key": "PUBLIC", "pgp_private_key": "PRIVATE"}.get(name)
    if block is not None and f"-----BEGIN PGP {block} KEY BLOCK-----" not in value:
        raise Refused(
            f"{name} is no armored {block.lower()} key",
            f"Export it with `gpg --armor --export{'' if block == 'PUBLIC' else '-secret-keys'} KEY`",
        )


def customer_key(text: str) -> bytes:
    """The 32 bytes of an SSE-C key written in base64. Raises ``Refused`` for anything else."""
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != SSE_C_KEY_BYTES:
        # `from None`: the error above would carry the text.
        raise Refused(
            f"sse_c_key is not {SSE_C_KEY_BYTES} bytes in base64", "Make one with `openssl rand -base64 32`"
        ) from None
    return key
