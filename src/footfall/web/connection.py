"""Connections of both ports: uvicorn's, but a client that dawdles is cut, and there is an end to how many there are.

uvicorn waits for ever for the rest of a request; some hundred clients that send a byte now and then would hold it.
Posts of events do not go through ASGI: a message, a task and a timer for each of them cost more than the work itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from footfall.web.collect import WAYS, Collector, Post
from footfall.web.replies import Reply

CONNECTIONS_MAX: Final = 8_000
PATIENCE_S: Final = 10.0
BYTES_PER_S_MIN: Final = 16 << 10  # a slow but honest uplink earns time as its bytes arrive
KEEP_ALIVE_S: Final = 65.0  # longer than the minute after which most load balancers let go

_BUSY: Final = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Connection(HttpToolsProtocol):
    """One client's connection.

    since: when we began to wait for the client: to send, to go on sending, or to send again; None while it waits for
    us. patience_s: how long we wait, beside what it earns.
    """

    since: float | None = None
    patience_s = PATIENCE_S
    arrived_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.since = self.loop.time()
        if len(self.connections) > CONNECTIONS_MAX:
            transport.write(_BUSY)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        under_way: object = self.cycle
        if isinstance(under_way, Post):
            under_way.gone()
            self.cycle = None  # type: ignore[assignment]
        super().connection_lost(exc)

    def dawdles(self, now: float) -> bool:
        return self.since is not None and now - self.since > self.patience_s + self.arrived_bytes / BYTES_PER_S_MIN

    # --- a request arrives -------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self.arrived_bytes += len(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        # uvicorn's scope is made when it is known to be needed: it is a tenth of the cost of a post.
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self.since = self.loop.time()
        self.patience_s = PATIENCE_S
        self.arrived_bytes = 0

    def on_headers_complete(self) -> None:
        parser = self.parser
        if parser.get_method() == b"POST" and isinstance(self.app, Collector):
            target = httptools.parse_url(self.url)
            way = WAYS.get(target.path)
            if way is not None:
                client = self.client[0] if self.client else ""
                keep_alive = parser.get_http_version() != "1.0" and parser.should_keep_alive()
                self._next(
                    Post(self.app, self, way, dict(self.headers), target.query or b"", client, keep_alive=keep_alive)
                )
                return
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers  # the scope holds this very list
        super().on_headers_complete()

    def _next(self, post: Post) -> None:
        earlier, self.cycle = self.cycle, cast(RequestResponseCycle, post)
        if earlier is None or earlier.response_complete:
            post.begin()
        else:  # sent before the answer to the one before, and answered after it
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        under_way: object = self.cycle
        if isinstance(under_way, Post):
            under_way.feed(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self.since = None
        under_way: object = self.cycle
        if isinstance(under_way, Post):
            under_way.end()
        else:
            super().on_message_complete()

    # --- a request is answered ---------------------------------------------------------------------

    def go_on(self) -> None:
        self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def answer(self, post: Post, reply: Reply) -> None:
        """One write, where ASGI's two messages become two."""
        if self.transport.is_closing():
            return
        status, body, headers = reply
        parts = [STATUS_LINE[status], b"content-length: %d\r\n" % len(body)]
        if not headers or all(name != b"content-type" for name, _ in headers):
            parts.append(b"content-type: application/json\r\n")
        parts += [b"%s: %s\r\n" % header for header in self.server_state.default_headers]
        parts += [b"%s: %s\r\n" % header for header in headers]
        parts.append(b"\r\n" if post.keep_alive else b"connection: close\r\n\r\n")
        parts.append(body)
        self.transport.write(b"".join(parts))
        if not post.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """As uvicorn's, without its timer for each answer: ``cut_dawdlers`` ends connections that idle."""
        if self.transport.is_closing():
            return
        if not self.flow.write_paused:
            self.flow.resume_reading()
        if self.pipeline:
            # Not at once: of a thousand requests sent in one go each would be answered from within the one before.
            self.loop.call_soon(self._start_asgi_task, *self.pipeline.pop())
        elif self.since is None:
            self.since = self.loop.time()
            self.patience_s = KEEP_ALIVE_S

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if self.transport.is_closing():
            return
        if isinstance(cycle, Post):
            cycle.begin()
        else:
            super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        """A client that does not read its answers sends no more requests: they would pile up here."""
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.flow.resume_reading()


async def cut_dawdlers(connections: Iterable[Any], every_s: float = 1.0) -> None:
    """Close, for ever and ever, the connections whose client lets us wait too long."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(every_s)
        now = loop.time()
        for connection in list(connections):
            if isinstance(connection, Connection) and connection.dawdles(now):
                connection.transport.abort()
