"""Servers stricter than the one behind them, as far as a test needs what that one lacks."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

from fault_proxy import FaultProxy, Message, refusal


class RoleFront(FaultProxy):
    """An S3 server with STS whose role asks for an ExternalId, which SeaweedFS cannot check.

    lifetime_s: how long a session says that it lasts; None for what the server behind says. assumed: ExternalIds of
    the calls that were let through.
    """

    def __init__(self, upstream: str, external_id: str, *, expires_at: str = "") -> None:
        self._external_id = external_id
        self._expires_at = expires_at
        self.assumed: list[str] = []
        super().__init__(upstream)

    def refused(self, request: Message) -> bytes | None:
        form = parse_qs(request.body.decode("latin-1")) if request.first_line.startswith("POST / ") else {}
        if form.get("Action") != ["AssumeRole"]:
            return None
        given = form.get("ExternalId", [""])[0]
        if self._external_id and given != self._external_id:
            return refusal(403, "AccessDenied", "not authorized to perform: sts:AssumeRole", wrapped=True)
        self.assumed.append(given)
        return None

    def answered(self, request: Message, answer: Message) -> Message:
        if not self._expires_at or b"<Expiration>" not in answer.body:
            return answer
        body = re.sub(rb"(?<=<Expiration>)[^<]*", self._expires_at.encode(), answer.body)
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
