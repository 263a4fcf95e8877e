"""A web site of a test, and a line to the collector that is listened to and can be cut."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Sent:
    """A request that came along the line."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    answer: bytes = b""


@dataclass
class Line:
    """Where pages think the product is. state: ``open``, ``cut`` (nobody answers) or a status that is answered."""

    port: int
    target: int
    state: str = "open"
    sent: list[Sent] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def batches(self) -> list[Any]:
        """Bodies that were accepted."""
        ours = [each for each in list(self.sent) if each.method == "POST" and each.path == "/events"]
        return [json.loads(each.body) for each in ours if b'"success":true' in each.answer]

    def events(self) -> list[dict[str, Any]]:
        """The events of those, in the order of their sending, each once: by its id, as the product does it."""
        found: dict[str, dict[str, Any]] = {}
        for batch in self.batches():
            for event in batch["events"]:
                found.setdefault(event["event_id"], event)
        return list(found.values())

    def types(self) -> list[str]:
        return [event["type"] for event in self.events()]

    def wait(self, ready: Callable[[], object], seconds: float = 20) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := ready()):
            assert time.monotonic() < deadline, f"waited in vain; came: {self.types()}"
            time.sleep(0.05)
        return found

    def one(self, type: str, number: int = 1) -> dict[str, Any]:
        """The n-th event of a type, as soon as it has come."""
        found: list[dict[str, Any]] = self.wait(
            lambda: (each := [event for event in self.events() if event["type"] == type])[number - 1 :] and each
        )
        return found[number - 1]


@dataclass
class Site:
    """Pages by path. Each: HTML or script, and headers beside the type."""

    port: int
    pages: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add(self, path: str, text: str, **headers: str) -> str:
        """Serve ``text`` below ``path``; returns its address. A header's ``_`` stands for ``-``."""
        self.pages[path] = (text, {name.replace("_", "-"): each for name, each in headers.items()})
        return self.url + path


@contextmanager
def line_to(target: int) -> Iterator[Line]:
    """A line to the port of a collector."""

    class Handler(_Quiet):
        def do_GET(self) -> None:
            self._pass("GET")

        def do_POST(self) -> None:
            self._pass("POST")

        def do_OPTIONS(self) -> None:
            self._pass("OPTIONS")

        def _pass(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            given = {name.lower(): each for name, each in self.headers.items()}
            sent = Sent(method, self.path, given, body, 0)
            if method == "POST" and line.state != "open":
                if line.state != "cut":
                    sent.status = int(line.state)
                    self.send_response(sent.status)
                    self.send_header("access-control-allow-origin", "*")
                    self.send_header("access-control-expose-headers", "retry-after")
                    self.send_header("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")  # as some proxies do
                    told = b'{"success": false, "status": 0, "code": "told", "message": "by the test"}'
                    told = b"<p>Log in to our network" if sent.status == 200 else told
                    self.send_header("content-length", str(len(told)))
                    self.end_headers()
                    self.wfile.write(told)
                self.close_connection = True
                line.sent.append(sent)
                return
            onward = http.client.HTTPConnection("127.0.0.1", line.target, timeout=30)
            try:
                onward.request(method, self.path, body or None, {**given, "host": f"127.0.0.1:{line.port}"})
                answer = onward.getresponse()
                text = answer.read()
            finally:
                onward.close()
            sent.status, sent.answer = answer.status, text
            line.sent.append(sent)
            self.send_response(answer.status)
            for name, each in answer.getheaders():
                if name.lower() not in ("connection", "date", "content-length"):
                    self.send_header(name, each)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    with _serving(Handler) as port:
        line = Line(port, target)
        yield line


@contextmanager
def site() -> Iterator[Site]:
    """A web site of its own origin."""

    class Handler(_Quiet):
        def do_GET(self) -> None:
            found = made.pages.get(urlsplit(self.path).path)
            text, headers = found or ("", {})
            self.send_response(200 if found else 204 if self.path == "/favicon.ico" else 404)
            kind = "text/javascript" if urlsplit(self.path).path.endswith(".js") else "text/html"
            for name, each in {
                "content-type": f"{kind}; charset=utf-8",
                "cache-control": "no-cache",
                **headers,
            }.items():
                self.send_header(name, each)
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.do_GET()

    with _serving(Handler) as port:
        made = Site(port)
        yield made


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a browser that hangs up is no error

    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
