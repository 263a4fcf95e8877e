"""An HTTP proxy before an S3 server that fails on demand: by kind, at a chosen call.

Requests go through unchanged, ``Host`` included, so signatures stay valid.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

LIMIT: Final = 1 << 20


@dataclass
class Fault:
    """What happens to calls whose ``METHOD path?query`` matches ``call``: the first ``skip`` pass, ``times`` fail.

    kind, before the server sees the call: ``status`` (answer ``status`` and ``code``) | ``reset`` (close) | ``silent``
    (say nothing until the client leaves) | ``cut`` (forward half of the body, then close) | ``flip`` (change one bit
    of the request's body, or, where it has none, of the answer's) | ``twice`` (forward the call twice, pass the second
    answer on) | ``hold`` (wait until ``freed`` is set, then go on) | ``pass`` (go on; for ``act``).
    Afterwards: ``lost`` (close without passing the answer on) | ``mute`` (say nothing until the client leaves) |
    ``short`` (pass half of the answer's body on, then close) | ``garbage`` (200 with a body that is no XML).
    act: called when the fault happens, before anything else.
    """

    call: str
    kind: str
    times: int = 1
    skip: int = 0
    status: int = 503
    code: str = "SlowDown"
    act: Callable[[], object] = field(default=lambda: None, compare=False)
    freed: threading.Event = field(default_factory=threading.Event, compare=False)
    happened: int = 0

    def applies(self, call: str) -> bool:
        if not re.search(self.call, call) or (self.skip == 0 and self.times == 0):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        self.happened += 1
        return True


@dataclass
class Message:
    """A request or an answer: head, with the empty line at its end, and body."""

    head: bytes
    body: bytes

    @property
    def first_line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode("latin-1")

    @property
    def is_head(self) -> bool:
        return self.head.startswith(b"HEAD ")


class FaultProxy:
    """url: where it listens. faults: the first that applies happens. calls: every call that came in.

    most: so many calls were under way at a time.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.faults: list[Fault] = []
        self.calls: list[str] = []
        self.most = 0
        self._under_way = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._port = 0
        self.up()
        self.url = f"http://127.0.0.1:{self._port}"

    def up(self) -> None:
        """Listen, after ``down`` at the same address."""
        listening = asyncio.start_server(self._serve, "127.0.0.1", self._port, limit=LIMIT)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        self._port = self._server.sockets[0].getsockname()[1]

    def down(self) -> None:
        """Nobody is there any more: connections are refused, and those there were are gone."""

        async def stop() -> None:
            self._server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(10)

    def close(self) -> None:
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def refused(self, request: Message) -> bytes | None:
        """An answer in place of the server's, for fronts that are stricter; None to ask the server."""
        return None

    def answered(self, request: Message, answer: Message) -> Message:
        """The server's answer as it is passed on."""
        return answer

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; False when the connection is to be closed."""
        head = await _head(reader)
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        try:
            return await self._treat(head, reader, writer)
        finally:
            self._under_way -= 1

    async def _treat(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        method, path = head.split(b" ", 2)[:2]
        call = f"{method.decode()} {path.decode()}"
        self.calls.append(call)
        fault = next((fault for fault in self.faults if fault.applies(call)), None)
        kind = "" if fault is None else fault.kind
        if fault is not None:
            await asyncio.to_thread(fault.act)
        if kind == "reset":
            return False
        if b"100-continue" in head.lower():
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            head = re.sub(rb"(?i)expect: *100-continue\r\n", b"", head)
        request = Message(head, await _body(reader, head))
        if kind == "silent":
            await reader.read()
            return False
        if fault is not None and kind == "hold":
            await asyncio.to_thread(fault.freed.wait, 60)
        if fault is not None and kind == "status":
            made_up: bytes | None = refusal(fault.status, fault.code, "made up", head=request.is_head)
        else:
            made_up = self.refused(request)
        if made_up is not None:
            writer.write(made_up)
            await writer.drain()
            return False
        return await self._pass_on(request, kind, reader, writer)

    async def _pass_on(
        self, request: Message, kind: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Ask the server and answer with what it said; False when the connection is to be closed."""
        flips = kind == "flip"
        if flips and request.body:
            request.body, flips = _flipped(request.body), False
        if kind == "cut":
            await self._forward(Message(request.head, request.body[: len(request.body) // 2]), answer=False)
            return False
        if kind == "twice":
            await self._forward(request)
        answer = await self._forward(request)
        if kind == "mute":
            await reader.read()
        if kind in ("lost", "mute") or answer is None:
            return False
        answer = self.answered(request, answer)
        if kind == "garbage":
            answer = Message(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", b"<<not & XML>")
            answer.body = b"" if request.first_line.startswith("HEAD") else answer.body
        if flips and answer.body:
            answer.body = _flipped(answer.body)
        body = answer.body[: len(answer.body) // 2] if kind == "short" else answer.body
        writer.write(answer.head + body)
        await writer.drain()
        return kind != "short"

    async def _forward(self, request: Message, *, answer: bool = True) -> Message | None:
        reader, writer = await asyncio.open_connection(*self._upstream, limit=LIMIT)
        try:
            writer.write(request.head + request.body)
            await writer.drain()
            if not answer:
                return None
            head = await _head(reader)
            no_body = request.first_line.startswith("HEAD") or head.split(b" ", 2)[1] in (b"204", b"304")
            return Message(head, b"" if no_body else await _body(reader, head))
        finally:
            writer.transport.abort()


def _flipped(body: bytes) -> bytes:
    """The body with one bit changed, in its middle."""
    at = len(body) // 2
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


async def _head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
        pieces = []
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            pieces += [line, await reader.readexactly(size + 2)]
            if size == 0:
                return b"".join(pieces)
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return await reader.readexactly(int(length[1])) if length else b""


def refusal(status: int, code: str, message: str, *, wrapped: bool = False, head: bool = False) -> bytes:
    """A whole answer that refuses. wrapped: in the form of STS. head: to a HEAD, so without a body."""
    inner = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    body = (f"<ErrorResponse>{inner}</ErrorResponse>" if wrapped else f'<?xml version="1.0"?>{inner}').encode()
    lines = f"HTTP/1.1 {status} X\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
    return lines.encode() + b"Connection: close\r\n\r\n" + (b"" if head else body)
