"""How dialects other than JSON in a body are spoken over HTTP: what is unwrapped, what is checked, how it is answered.

What such a request says is read by its module in ``wire``; here is only what headers and raw bytes decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from footfall.model.reading import Rejected
from footfall.web.replies import Reply, cors, done, refusal
from footfall.wire import cloudevents, otlp, sendgrid
from footfall.wire.body import text_of, unpacked

Headers = Mapping[bytes, bytes]


class Manner:
    """What is usual; a dialect overrides what it does otherwise."""

    def text(self, headers: Headers, body: bytes, bytes_max: int) -> bytes:
        """The body as the dialect's ``read`` takes it. Raises ``BadRecord``, ``too_large`` among others."""
        return text_of(body, bytes_max)

    def distrust(self, headers: Headers, body: bytes, source: str) -> str | None:
        """Why nothing of a request is stored, although its write key is that of ``source``; None when it may be."""
        return None

    def done(self, rejected: Sequence[Rejected], headers: Headers) -> Reply:
        return done(rejected, headers.get(b"origin"), strict=headers.get(b"x-strict-mode") == b"1")

    def refusal(self, status: int, code: str, message: str, retry_after_s: int | None, headers: Headers) -> Reply:
        return refusal(status, code, message, retry_after_s, headers.get(b"origin"))


USUAL = Manner()


class SendGrid(Manner):
    """Webhooks that SendGrid signed.

    keys: source -> public key. A source without one is believed for its write key alone. now_s: seconds since 1970.
    """

    def __init__(self, keys: Mapping[str, str], now_s: Callable[[], float]) -> None:
        self._keys = keys
        self._now_s = now_s

    def distrust(self, headers: Headers, body: bytes, source: str) -> str | None:
        key = self._keys.get(source)
        if key is None:
            return None
        signature, timestamp = headers.get(sendgrid.SIGNATURE), headers.get(sendgrid.TIMESTAMP)
        if signature is None or timestamp is None:
            return "The request is not signed"
        if not sendgrid.signed(key, signature, timestamp, body, self._now_s()):
            return "The signature is not SendGrid's, or older than a day"
        return None


class CloudEvents(Manner):
    """Of the three ways of CloudEvents over HTTP, that with the attributes in headers."""

    def text(self, headers: Headers, body: bytes, bytes_max: int) -> bytes:
        if not cloudevents.is_in_one(headers):
            return text_of(body, bytes_max)
        if headers.get(b"content-encoding", b"").strip().lower() == b"gzip":  # data of an event may itself be gzip
            body = unpacked(body, bytes_max)
        return cloudevents.in_one(headers, body)


class Otlp(Manner):
    """OTLP over HTTP: protobuf or JSON, each answered in its own kind, refusals as ``google.rpc.Status``."""

    def text(self, headers: Headers, body: bytes, bytes_max: int) -> bytes:
        return otlp.text_of(unpacked(body, bytes_max), headers.get(b"content-type", b""))

    def done(self, rejected: Sequence[Rejected], headers: Headers) -> Reply:
        if _is_json(headers):
            count, message = otlp.partly(rejected)
            partial = {"partialSuccess": {"rejectedLogRecords": str(count), "errorMessage": message}} if count else {}
            return 200, _encode(partial), cors(headers.get(b"origin"))
        return 200, otlp.answer_in_protobuf(rejected), [*cors(headers.get(b"origin")), _PROTOBUF]

    def refusal(self, status: int, code: str, message: str, retry_after_s: int | None, headers: Headers) -> Reply:
        number, text = _RPC_CODES.get(status, _INVALID), f"{code}: {message}"
        said = [*cors(headers.get(b"origin"))]
        if retry_after_s is not None:
            said.append((b"retry-after", str(retry_after_s).encode()))
        if _is_json(headers):
            return status, _encode({"code": number, "message": text}), said
        return status, otlp.status_in_protobuf(number, text), [*said, _PROTOBUF]


_encode: Final = msgspec.json.Encoder().encode
_PROTOBUF: Final = (b"content-type", b"application/x-protobuf")
_INVALID: Final = 3
_RPC_CODES: Final = {401: 16, 429: 8, 500: 13, 503: 14}


def _is_json(headers: Headers) -> bool:
    return b"json" in headers.get(b"content-type", b"")
