"""The hot path of the collector: one POST of events from its headers to its answer.

There is no task, no future and no ASGI message on it. A connection tells a ``Post`` what arrives, the log's word comes
as a call, and the answer goes out in one write.

Admission is decided before a body is read: what is in flight is bounded in requests and in bytes, and beyond that the
answer is 429 at once, so that memory does not grow with the crowd.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

from footfall import observe
from footfall.errors import BadRecord, FootfallError, Unavailable
from footfall.flows.collect import Collect
from footfall.model.reading import BODY_BYTES_MAX, Rejected
from footfall.ports import Source
from footfall.web.handover import Handover
from footfall.web.manners import USUAL, Manner
from footfall.web.replies import Message, Receive, Reply, Send, send_preflight
from footfall.web.write_keys import key_of

ASGIApp = Callable[[Message, Receive, Send], Awaitable[None]]
Way = tuple[str, str]

_SINGLE: Final = ("track", "identify", "page", "screen", "group", "alias")


def _ways() -> dict[bytes, Way]:
    """Path -> (dialect, call)."""
    ways = {"/v1/batch": "batch", "/v1/b": "batch", "/v1/import": "batch", "/beacon/v1/batch": "batch"}
    for call in _SINGLE:
        ways |= {f"/v1/{call}": call, f"/v1/{call[0]}": call, f"/api/s/{call}": call}
    known = {path: ("segment", call) for path, call in ways.items()} | {"/events": ("native", "batch")}
    known |= dict.fromkeys(("/batch", "/e", "/capture", "/i/v0/e"), ("posthog", "batch"))
    known["/hooks/sendgrid"] = ("sendgrid", "batch")
    known |= {"/cloudevents": ("cloudevents", "batch"), "/v1/logs": ("otlp", "batch")}
    return {(path + slash).encode(): way for path, way in known.items() for slash in ("", "/")}


WAYS: Final = _ways()
assert WAYS[b"/v1/a"] == ("segment", "alias")  # the six calls have six first letters


@dataclass(frozen=True, slots=True)
class Admission:
    """How much may be in flight at once. bytes_max counts bodies as announced, or as arrived and decompressed."""

    requests_max: int = 2_000
    bytes_max: int = 256 << 20
    body_bytes_max: int = BODY_BYTES_MAX
    trusted_proxies: frozenset[str] = frozenset()


class Line(Protocol):
    """What a post asks of its connection."""

    def go_on(self) -> None:
        """Tell a client that asked first (``Expect: 100-continue``) to send its body."""

    def answer(self, post: Post, reply: Reply) -> None:
        """Answer, unless the client is gone, and turn to the next request."""


class Refusal(Exception):
    """The answer is already known. Ends the handling of one request, never leaves this module."""

    def __init__(self, status: int, code: str, message: str, retry_after_s: int | None = None) -> None:
        self.reply = (status, code, message, retry_after_s)


class Collector:
    """Makes posts, bounds them together, and is the ASGI app of all other requests: CORS preflights and ``rest``.

    manners: of dialects that are spoken in another way than is usual.
    """

    def __init__(
        self, collect: Collect, admission: Admission, rest: ASGIApp, manners: Mapping[str, Manner] | None = None
    ) -> None:
        self.collect = collect
        self.manners = manners or {}
        self.admission = admission
        self.requests = 0  # in flight, as are the bytes
        self.bytes = 0
        self._rest = rest

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            asked = dict(scope["headers"])
            await send_preflight(send, asked.get(b"origin"), asked.get(b"access-control-request-method", b""))
            return
        await self._rest(scope, receive, send)

    @cached_property
    def handover(self) -> Handover:
        """To the log. Asked for in the loop that serves."""
        return Handover(self.collect.submit)

    def source(self, key: str) -> Source:
        try:
            source = self.collect.source(key)
        except FootfallError as error:
            observe.went_wrong("write keys cannot be read", error)
            raise Refusal(503, "unavailable", "Write keys cannot be checked now", 5) from error
        if source is None:
            raise Refusal(401, "unknown_key", "The write key is unknown or revoked" if key else "No write key given")
        return source


class Post:
    """One request of events under way.

    Its connection calls ``begin`` when the requests before it are answered, ``feed`` and ``end`` as the body arrives,
    before that or after, and ``gone`` when the client is. client: address of the other end. ``response_complete``,
    ``disconnected`` and ``keep_alive`` are what uvicorn's connection knows of its own cycles.
    """

    __slots__ = (
        "_begun", "_body", "_call", "_client", "_collector", "_dialect", "_headers", "_held", "_line", "_manner",
        "_query", "_rejected", "_size", "_source", "_whole", "disconnected", "keep_alive", "response_complete",
    )  # fmt: skip

    def __init__(
        self, collector: Collector, line: Line, way: Way, headers: dict[bytes, bytes], query: bytes, client: str,
        *, keep_alive: bool,
    ) -> None:  # fmt: skip
        self.keep_alive = keep_alive
        self.response_complete = self.disconnected = self._begun = self._whole = False
        self._collector = collector
        self._line = line
        self._dialect, self._call = way
        self._manner = collector.manners.get(self._dialect, USUAL)
        self._headers = headers
        self._query = query
        self._client = client
        self._body: list[bytes] = []
        self._size = 0
        self._held: int | None = None
        self._source: Source | None = None
        self._rejected: tuple[Rejected, ...] = ()

    # --- as it arrives -----------------------------------------------------------------------------

    def begin(self) -> None:
        if self.response_complete:
            return
        self._begun = True
        try:
            self._admit()
            key = key_of(self._headers, self._query)
            if key:  # before the body is read: strangers cost little
                self._source = self._collector.source(key)
        except Exception as error:
            self._refuse(error)
            return
        if self._whole:
            self._take()
        elif self._headers.get(b"expect", b"").lower() == b"100-continue":
            self._line.go_on()

    def feed(self, data: bytes) -> None:
        if self.response_complete:  # what comes after a refusal is dropped
            return
        self._body.append(data)
        self._size += len(data)
        if self._held is not None and self._size > self._held:  # no length was announced
            try:
                self._hold(self._size)
            except Refusal as refused:
                self._refuse(refused)

    def end(self) -> None:
        self._whole = True
        if self._begun and not self.response_complete:
            self._take()

    def gone(self) -> None:
        """The client left. What is whole is taken all the same."""
        self.disconnected = True
        if not self._whole:
            self.response_complete = True
            self._release()

    # --- admission ---------------------------------------------------------------------------------

    def _admit(self) -> None:
        collector = self._collector
        announced = int(self._headers.get(b"content-length", b"0"))
        if announced <= collector.admission.body_bytes_max and collector.requests >= collector.admission.requests_max:
            raise Refusal(429, "overloaded", "Too many requests at once", 1)
        collector.requests += 1
        self._held = 0
        self._hold(max(announced, self._size))

    def _hold(self, size: int) -> None:
        """Let ``size`` bytes of this request count as in flight."""
        collector, held = self._collector, self._held or 0
        if size > collector.admission.body_bytes_max:
            raise Refusal(413, "too_large", f"The body has more than {collector.admission.body_bytes_max} bytes")
        if collector.bytes + size - held > collector.admission.bytes_max:
            raise Refusal(429, "overloaded", "Too many bytes at once", 1)
        collector.bytes += size - held
        self._held = size

    def _release(self) -> None:
        self._body = []
        if self._held is not None:
            self._collector.requests -= 1
            self._collector.bytes -= self._held
            self._held = None

    # --- as it is answered -------------------------------------------------------------------------

    def _take(self) -> None:
        try:
            self._accept()
        except Exception as error:
            self._refuse(error)

    def _accept(self) -> None:
        collector, headers = self._collector, self._headers
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        text = self._manner.text(headers, body, collector.admission.body_bytes_max)
        if len(text) > (self._held or 0):  # it was compressed
            self._hold(len(text))
        if self._dialect == "native" and b"ndjson" in headers.get(b"content-type", b""):
            self._call = "ndjson"
        reading = collector.collect.read(self._dialect, self._call, text)
        source = self._source or collector.source(reading.write_key)
        if (why := self._manner.distrust(headers, body, source.name)) is not None:
            raise Refusal(401, "bad_signature", why)
        reading = collector.collect.proven(source, reading.dialect or self._dialect, self._call, reading)
        self._rejected = reading.rejected
        if not reading.count:
            self._kept(0)
            return
        address = client_address(self._client, headers, collector.admission.trusted_proxies)
        agent = headers.get(b"user-agent", b"").decode("utf-8", "replace")
        # A body that was translated is of another dialect; the call then says of which it was.
        way = (reading.dialect, self._dialect) if reading.dialect else (self._dialect, self._call)
        batch = collector.collect.batch(
            source, *way, reading, address, agent,
            gpc=headers.get(b"sec-gpc") == b"1", dnt=headers.get(b"dnt") == b"1",
        )  # fmt: skip
        if batch is None:
            self._kept(0)
            return
        collector.handover.give(batch, self._kept)

    def _kept(self, result: int | Exception) -> None:
        """The log's word."""
        if isinstance(result, FootfallError):
            self._refuse(Refusal(503, "unavailable", result.what, _wait_s(result)))
            return
        if isinstance(result, Exception):
            self._refuse(result)
            return
        self._answer(self._manner.done(self._rejected, self._headers))

    def _refuse(self, error: Exception) -> None:
        """Nothing was stored.

        The connection stays open and the rest of a body is dropped as it arrives: closed at once, a client that is
        still sending would see a reset instead of the reason.
        """
        if isinstance(error, Refusal):
            why = error.reply
        elif isinstance(error, BadRecord):
            why = (413 if error.code == "too_large" else 400, error.code, error.what, None)
        elif isinstance(error, FootfallError):
            # What it says may name places of the server.
            observe.went_wrong("events cannot be checked", error)
            why = (503, "unavailable", "Events cannot be checked now", _wait_s(error))
        else:
            observe.went_wrong("a request failed", error)
            why = (500, "internal", "A fault of the collector", None)
        self._answer(self._manner.refusal(*why, self._headers))

    def _answer(self, reply: Reply) -> None:
        self.response_complete = True
        self._release()
        self._line.answer(self, reply)


def _wait_s(error: FootfallError) -> int:
    return max(1, error.retry_after_s) if isinstance(error, Unavailable) else 30


def client_address(client: str, headers: dict[bytes, bytes], trusted: frozenset[str]) -> str:
    """The address of the client: of the peer, or, when the peer is a trusted proxy, the nearest that is not one."""
    address = client
    if address in trusted:
        for hop in reversed(headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")):
            if not hop.strip():
                break
            address = hop.strip()
            if address not in trusted:
                break
    return address
