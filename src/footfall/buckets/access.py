"""What a bucket client needs to know to get in."""

from __future__ import annotations

from dataclasses import dataclass, field

from footfall.errors import Refused


@dataclass(frozen=True, slots=True)
class Access:
    """How to get into a place. Nothing of it is looked up anywhere else, with one exception: ``ambient``.

    key_id, secret, session_token: an access key, or Google's HMAC key.
    region: of the bucket; empty lets the client find it.
    role_arn, external_id: a role to assume by STS with the key, or with the ambient identity, and renewed as long as
    the client lives.
    ca_bundle: PEM file of the authorities that certificates are checked against; empty for the usual ones.
    encryption: at rest, by the server, of every object: empty, ``sse_s3``, ``sse_kms`` or ``sse_c``.
    kms_key_id: for ``sse_kms``; empty for the account's own key. customer_key: for ``sse_c``, 32 bytes.
    ambient: use the machine's identity: environment, profile, web identity, container. Never the instance's role,
    which would lend whoever may write a configuration the rights of the machine.

    Raises ``Refused`` for what does not go together.
    """

    key_id: str = ""
    secret: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    region: str = ""
    role_arn: str = ""
    external_id: str = field(default="", repr=False)
    ca_bundle: str = ""
    encryption: str = ""
    kms_key_id: str = ""
    customer_key: bytes = field(default=b"", repr=False)
    ambient: bool = False

    def __post_init__(self) -> None:
        if bool(self.key_id) != bool(self.secret):
            raise Refused("half of an access key is given", "Give its id and its secret")
        if not (self.key_id or self.ambient or self.role_arn):
            raise Refused("no access key is given", "Give an access key, a role, or say that the machine's identity is")
        if self.encryption not in ("", "sse_s3", "sse_kms", "sse_c"):
            raise Refused(f"there is no encryption {self.encryption!r}", "Choose sse_s3, sse_kms or sse_c")
        if (self.encryption == "sse_c") != (len(self.customer_key) == 32):
            raise Refused("sse_c and a customer's key of 32 bytes belong together", "Give both, or neither")
