"""Encryption at rest, as every request has to ask for it: SSE-S3, SSE-KMS and SSE-C.

Source: Amazon S3 User Guide, "Protecting data with server-side encryption".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from footfall.buckets.access import Access
from footfall.errors import Refused

_ALGORITHM: Final = "AES256"
_KMS: Final = "aws:kms"
_ASKED: Final = {"": "", "sse_s3": _ALGORITHM, "sse_kms": _KMS, "sse_c": f"customer:{_ALGORITHM}"}


@dataclass(frozen=True, slots=True)
class Encryption:
    """What to add to each kind of request, and how to see that it was done.

    kind, kms_key_id, customer_key: as in ``Access``. Botocore adds the digest of the customer's key by itself.
    """

    kind: str = ""
    kms_key_id: str = ""
    customer_key: bytes = b""

    @classmethod
    def of(cls, access: Access, *, google: bool, address: str | None) -> Encryption:
        """Raises ``Refused`` where it cannot work: at Google, and a customer's key over a line that is not secret."""
        if google and access.encryption:
            raise Refused(
                "Google's S3 interface takes no encryption of Amazon's",
                "Leave encryption out; Google encrypts every object, with the bucket's default key if one is set",
            )
        if access.encryption == "sse_c" and address is not None and not address.startswith("https:"):
            raise Refused("SSE-C sends the key with every request, so it needs https", "Give an https endpoint")
        return cls(access.encryption, access.kms_key_id, access.customer_key)

    def create(self) -> dict[str, Any]:
        """For PutObject and CreateMultipartUpload."""
        if self.kind == "sse_s3":
            return {"ServerSideEncryption": _ALGORITHM}
        if self.kind == "sse_kms":
            key = {"SSEKMSKeyId": self.kms_key_id} if self.kms_key_id else {}
            return {"ServerSideEncryption": _KMS, **key}
        return self.key()

    def key(self) -> dict[str, Any]:
        """For UploadPart, CompleteMultipartUpload, GetObject and HeadObject: the customer's key, where there is one."""
        if self.kind != "sse_c":
            return {}
        return {"SSECustomerAlgorithm": _ALGORITHM, "SSECustomerKey": self.customer_key}

    def confirmed(self, answer: Mapping[str, Any]) -> bool:
        """Does a server's answer about an object say that it is encrypted as asked for?"""
        return _ASKED[self.kind] in ("", _said(answer))

    def named(self, answer: Mapping[str, Any]) -> str:
        """The encryption an answer names, for people; empty when it names none."""
        key = str(answer.get("SSEKMSKeyId", ""))
        return f"{_said(answer)} {key}".strip()


NONE: Final = Encryption()


def _said(answer: Mapping[str, Any]) -> str:
    customer = str(answer.get("SSECustomerAlgorithm", ""))
    return f"customer:{customer}" if customer else str(answer.get("ServerSideEncryption", ""))
