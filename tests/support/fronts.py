"""Servers stricter than the one behind them, as far as a test needs what that one lacks."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

from fault_proxy import FaultProxy, Message, refusal


class RoleFront(FaultProxy):
    """An S3 server with STS whose role asks for an ExternalId, which SeaweedFS cannot check.

    expires_at: when every session says that it ends; empty for what the server behind says. assumed: ExternalIds of
    the calls that were let through. ``withdraw`` ends every session there is, long before the end it told.
    """

    def __init__(self, upstream: str, external_id: str, *, expires_at: str = "") -> None:
        self.external_id = external_id
        self.expires_at = expires_at
        self.assumed: list[str] = []
        self._issued: list[bytes] = []
        self._withdrawn: tuple[bytes, ...] = ()
        super().__init__(upstream)

    def withdraw(self) -> None:
        self._withdrawn = tuple(self._issued)

    def refused(self, request: Message) -> bytes | None:
        if any(b" " + token + b"\r\n" in request.head for token in self._withdrawn):
            return refusal(400, "ExpiredToken", "The provided token has expired.", head=request.is_head)
        form = parse_qs(request.body.decode("latin-1")) if request.first_line.startswith("POST / ") else {}
        if form.get("Action") != ["AssumeRole"]:
            return None
        given = form.get("ExternalId", [""])[0]
        if self.external_id and given != self.external_id:
            return refusal(403, "AccessDenied", "not authorized to perform: sts:AssumeRole", wrapped=True)
        self.assumed.append(given)
        return None

    def answered(self, request: Message, answer: Message) -> Message:
        self._issued += re.findall(rb"<SessionToken>([^<]+)<", answer.body)
        if not self.expires_at or b"<Expiration>" not in answer.body:
            return answer
        body = re.sub(rb"(?<=<Expiration>)[^<]*", self.expires_at.encode(), answer.body)
        length = f"Content-Length: {len(body)}".encode()
        return Message(re.sub(rb"(?i)content-length: *\d+", length, answer.head), body)


class GoogleFront(FaultProxy):
    """Refuses what the S3 interface of Google Cloud Storage refuses, and ignores what it ignores.

    Checksum headers and trailers of Amazon's are not part of what Google signs; ``If-None-Match`` on a create is not
    looked at; several deletes in one call, STS and Amazon's encryption do not exist; ACLs are refused where access is
    uniform, as it is by default; deleting what is not there is a 404.
    """

    def refused(self, request: Message) -> bytes | None:
        names = {line.partition(b":")[0].strip().lower() for line in request.head.split(b"\r\n")[1:]}
        trailers = (b"x-amz-checksum-", b"x-amz-sdk-checksum", b"x-amz-trailer")
        if any(name.startswith(trailers) for name in names) or b"aws-chunked" in request.head.lower():
            return refusal(403, "SignatureDoesNotMatch", "Access denied.")
        if any(name.startswith((b"x-amz-acl", b"x-amz-grant", b"x-goog-acl")) for name in names):
            return refusal(400, "InvalidArgument", "Cannot use ACL API to set object policy.")
        if any(name.startswith(b"x-amz-server-side-encryption") for name in names):
            return refusal(400, "InvalidArgument", "Invalid argument.")
        if request.first_line.startswith("POST") and "?delete" in request.first_line:
            return refusal(501, "NotImplemented", "A header or query you provided is not implemented.")
        if b"action=assumerole" in request.body[:2000].lower():
            return refusal(405, "MethodNotAllowed", "The specified method is not allowed.")
        request.head = re.sub(rb"(?i)\r\nif-none-match:[^\r]*", b"", request.head)
        return None


class SendingOn(FaultProxy):
    """Answers every call with a redirect to ``where``, in all ways S3 knows, and names another region."""

    def __init__(self, upstream: str, where: str) -> None:
        self._where = where
        super().__init__(upstream)

    def refused(self, request: Message) -> bytes | None:
        host = self._where.split("/")[2]
        body = f"<Error><Code>PermanentRedirect</Code><Endpoint>{host}</Endpoint><Bucket>b-b</Bucket></Error>".encode()
        head = (
            f"HTTP/1.1 301 Moved\r\nLocation: {self._where}\r\nx-amz-bucket-region: eu-west-1\r\n"
            f"Content-Type: application/xml\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + (b"" if request.head.startswith(b"HEAD") else body)
