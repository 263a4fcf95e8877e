"""The hot path of the collector: a bare ASGI callable, since a request object costs more than reading the events.

Admission is decided before a body is read: what is in flight is bounded in requests and in bytes, and beyond that the
answer is 429 at once, so that memory does not grow with the crowd.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from footfall import observe
from footfall.errors import BadRecord, FootfallError, Unavailable
from footfall.flows.collect import Collect
from footfall.model.reading import BODY_BYTES_MAX, Reading
from footfall.ports import Source
from footfall.web.answers import Answers
from footfall.web.replies import Message, Receive, Send, send_done, send_preflight, send_refusal
from footfall.web.write_keys import key_of
from footfall.wire.body import text_of

ASGIApp = Callable[[Message, Receive, Send], Awaitable[None]]

_SINGLE: Final = ("track", "identify", "page", "screen", "group", "alias")


def _ways() -> dict[str, tuple[str, str]]:
    """Path -> (dialect, call)."""
    ways = {"/v1/batch": "batch", "/v1/b": "batch", "/v1/import": "batch", "/beacon/v1/batch": "batch"}
    for call in _SINGLE:
        ways |= {f"/v1/{call}": call, f"/v1/{call[0]}": call, f"/api/s/{call}": call}
    segment = {path: ("segment", call) for path, call in ways.items()}
    with_slash = {f"{path}/": way for path, way in segment.items()}
    return {**segment, **with_slash, "/events": ("native", "batch"), "/events/": ("native", "batch")}


WAYS: Final = _ways()
assert WAYS["/v1/a"] == ("segment", "alias")  # the six calls have six first letters


@dataclass(frozen=True, slots=True)
class Admission:
    """How much may be in flight at once. bytes_max counts bodies as announced, or as arrived and decompressed."""

    requests_max: int = 2_000
    bytes_max: int = 256 << 20
    body_bytes_max: int = BODY_BYTES_MAX
    trusted_proxies: frozenset[str] = frozenset()


class _Refused(Exception):
    """The answer is already known. Ends the handling of one request, never leaves this module."""

    def __init__(self, status: int, code: str, message: str, retry_after_s: int | None = None) -> None:
        self.reply = (status, code, message, retry_after_s)


class _Gone(Exception):
    """The client went away before its body was whole."""


class Collector:
    """ASGI: POSTs of events are handled here, CORS preflights too, all else by ``rest``."""

    def __init__(self, collect: Collect, admission: Admission, rest: ASGIApp) -> None:
        self._collect = collect
        self._admission = admission
        self._rest = rest
        self._requests = 0
        self._bytes = 0
        self._answers: Answers | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            method = scope["method"]
            if method == "POST":
                way = WAYS.get(scope["path"])
                if way is not None:
                    await self._post(way, scope, receive, send)
                    return
            elif method == "OPTIONS":
                asked = dict(scope["headers"])
                await send_preflight(send, asked.get(b"origin"), asked.get(b"access-control-request-method", b""))
                return
        await self._rest(scope, receive, send)

    async def _post(self, way: tuple[str, str], scope: Message, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        origin = headers.get(b"origin")
        held = _Held()
        try:
            self._admit(headers, held)
            reading = await self._accept(way, headers, scope, receive, held)
        except _Gone:
            # Nobody reads this, but a server that gets no answer from its app calls that a fault.
            await send_refusal(send, 400, "incomplete", "The body ended too early", origin)
        except _Refused as refused:
            status, code, message, retry_after_s = refused.reply
            await send_refusal(send, status, code, message, origin, retry_after_s=retry_after_s)
        else:
            strict = headers.get(b"x-strict-mode") == b"1"
            await send_done(scope, send, reading.rejected, origin, strict=strict)
        finally:
            self._requests -= held.requests
            self._bytes -= held.bytes

    async def _accept(
        self, way: tuple[str, str], headers: dict[bytes, bytes], scope: Message, receive: Receive, held: _Held
    ) -> Reading:
        dialect, call = way
        key = key_of(headers, scope["query_string"])
        source = self._source(key) if key else None  # before the body is read: strangers cost little
        body = await self._body(receive, held)
        if dialect == "native" and b"ndjson" in headers.get(b"content-type", b""):
            call = "ndjson"
        try:
            text = text_of(body, self._admission.body_bytes_max)
            self._hold(held, len(text) - len(body))
            reading = self._collect.read(dialect, call, text)
        except BadRecord as bad:
            raise _Refused(413 if bad.code == "too_large" else 400, bad.code, bad.what) from bad
        if source is None:
            source = self._source(reading.write_key)
        if reading.count:
            await self._log(source, dialect, call, reading, headers, scope)
        return reading

    async def _log(
        self,
        source: Source,
        dialect: str,
        call: str,
        reading: Reading,
        headers: dict[bytes, bytes],
        scope: Message,
    ) -> None:
        if self._answers is None:
            self._answers = Answers()
        safe, done = self._answers.expect()
        agent = headers.get(b"user-agent", b"").decode("utf-8", "replace")
        self._collect.accept(
            source, dialect, call, reading, client_address(scope, headers, self._admission.trusted_proxies), agent, done
        )
        try:
            await safe
        except Unavailable as wait:
            raise _Refused(503, "unavailable", wait.what, max(1, wait.retry_after_s)) from wait
        except FootfallError as fault:
            raise _Refused(503, "unavailable", fault.what, 30) from fault

    def _source(self, key: str) -> Source:
        try:
            source = self._collect.source(key)
        except FootfallError as error:
            observe.went_wrong("write keys cannot be read", error)
            raise _Refused(503, "unavailable", "Write keys cannot be checked now", 5) from error
        if source is None:
            raise _Refused(401, "unknown_key", "The write key is unknown or revoked" if key else "No write key given")
        return source

    # --- admission -------------------------------------------------------------------------------

    def _admit(self, headers: dict[bytes, bytes], held: _Held) -> None:
        announced = int(headers.get(b"content-length", b"0"))
        if announced > self._admission.body_bytes_max:
            raise _too_large(self._admission.body_bytes_max)
        if self._requests >= self._admission.requests_max:
            raise _Refused(429, "overloaded", "Too many requests at once", 1)
        self._requests += 1
        held.requests = 1
        self._hold(held, announced)

    def _hold(self, held: _Held, size: int) -> None:
        if size > 0 and self._bytes + size > self._admission.bytes_max:
            raise _Refused(429, "overloaded", "Too many bytes at once", 1)
        self._bytes += size
        held.bytes += size

    async def _body(self, receive: Receive, held: _Held) -> bytes:
        message = await receive()
        if message["type"] != "http.request":
            raise _Gone
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False) and len(body) <= held.bytes:
            return body
        parts, size = [body], len(body)
        while message.get("more_body", False):
            if size > held.bytes:  # no length was announced
                self._hold(held, size - held.bytes)
            message = await receive()
            if message["type"] != "http.request":
                raise _Gone
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._admission.body_bytes_max:
                raise _too_large(self._admission.body_bytes_max)
        if size > held.bytes:
            self._hold(held, size - held.bytes)
        return b"".join(parts)


@dataclass(slots=True)
class _Held:
    """What one request has in flight, to be given back when it ends."""

    requests: int = 0
    bytes: int = 0


def _too_large(bytes_max: int) -> _Refused:
    return _Refused(413, "too_large", f"The body has more than {bytes_max} bytes")


def client_address(scope: Message, headers: dict[bytes, bytes], trusted: frozenset[str]) -> str:
    """The address of the client: of the peer, or, when the peer is a trusted proxy, the nearest that is not one."""
    client = scope.get("client")
    address: str = client[0] if client else ""
    if address in trusted:
        for hop in reversed(headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")):
            if not hop.strip():
                break
            address = hop.strip()
            if address not in trusted:
                break
    return address
