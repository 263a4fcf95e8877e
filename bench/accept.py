"""Accepting over HTTP, durable: batches of 100 events and single events, against a real server process.

The load comes from ``wrk`` when it is installed, else from a generator of our own, which is slower and so makes the
server look slower. Both run on the same cores as the server.
"""

from __future__ import annotations

import base64
import hashlib
import json
import multiprocessing
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from footfall.errors import Refused
from footfall.flows.collect import Collect, Doorkeeper
from footfall.logs.segments import SegmentLog
from footfall.ports import Source
from footfall.web.app import create_admin, create_collector, listen, serve
from footfall.wire import native, segment

Row = tuple[str, float, str, str]

KEY = "bench"
_CONNECTIONS = 32
_LUA = """
local f = io.open("{body}", "rb"); local body = f:read("*a"); f:close()
wrk.method = "POST"; wrk.body = body
wrk.headers["Content-Type"] = "application/json"; wrk.headers["Authorization"] = "Basic {auth}"
local bad = 0
function response(status) if status ~= 200 then bad = bad + 1 end end
function done(summary, latency)
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), summary.errors.status))
end
"""


class OneSource:
    """``Sources`` with a single key, so that the store takes no part in what is measured."""

    def __init__(self) -> None:
        digest = hashlib.sha256(KEY.encode()).hexdigest()
        self._source = Source("bench", digest, datetime(2026, 1, 1, tzinfo=UTC), "default", "Production", "server")

    def by_key(self, write_key: str) -> Source | None:
        return self._source if write_key == KEY else None

    def all(self) -> Sequence[Source]:
        return (self._source,)

    def add(self, source: Source) -> None:
        raise Refused("The bench has one source")

    def revoke(self, name: str, at: datetime) -> None:
        raise Refused("The bench keeps its source")


def event(number: int) -> dict[str, Any]:
    """A track call as PyPI segment-analytics-python writes it: about 360 bytes."""
    return {
        "integrations": {},
        "anonymousId": None,
        "properties": {"format": "csv", "rows": number, "project": f"project-{number % 97}"},
        "timestamp": "2026-11-22T11:18:14.814+00:00",
        "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
        "userId": f"user-{number % 10_000}",
        "type": "track",
        "event": "Report Exported",
        "messageId": f"{number:08x}-1fdb-489a-8ff3-a057e0cfa121",
    }


def batch(size: int) -> bytes:
    return json.dumps({"batch": [event(n) for n in range(size)], "sentAt": "2026-11-22T11:18:15.318+00:00"}).encode()


def _now() -> datetime:
    return datetime.now(UTC)


def run_server(folder: str, sock: socket.socket, admin: socket.socket) -> None:
    log = SegmentLog(Path(folder) / "log", backlog_bytes=1 << 40)
    keeper = Doorkeeper(OneSource(), _now, time.monotonic)
    collect = Collect(log, keeper, {"segment": segment.read, "native": native.read}, _now)
    try:
        serve(
            create_collector(collect),
            create_admin(token="", define=lambda _: None, ready=lambda: None),
            collector_socket=sock,
            admin_socket=admin,
        )
    finally:
        log.close()


@contextmanager
def running(folder: str) -> Iterator[int]:
    """A server in a process of its own; yields its port."""
    sock, admin = listen("127.0.0.1", 0), listen("127.0.0.1", 0)
    port = int(sock.getsockname()[1])
    server = multiprocessing.get_context("fork").Process(target=run_server, args=(folder, sock, admin), daemon=True)
    server.start()
    sock.close()
    admin.close()
    try:
        yield port
    finally:
        assert server.pid is not None
        os.kill(server.pid, signal.SIGTERM)
        server.join(20)


def _wrk(port: int, path: str, body: bytes, seconds: int, folder: str) -> tuple[float, float, float, int]:
    """Requests per second, p50 and p99 in ms, answers that were not 200."""
    (Path(folder) / "body").write_bytes(body)
    script = Path(folder) / "post.lua"
    auth = base64.b64encode(f"{KEY}:".encode()).decode()
    script.write_text(_LUA.format(body=Path(folder) / "body", auth=auth))
    done = subprocess.run(
        ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}{path}"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", done.stdout)
    assert found is not None, done.stdout
    requests, took_us, p50_us, p99_us, bad = map(int, found.groups())
    return requests / (took_us / 1e6), p50_us / 1e3, p99_us / 1e3, bad


def _own(port: int, path: str, body: bytes, seconds: int) -> tuple[float, float, float, int]:
    """The same without wrk: blocking sockets in a few threads, each waiting for its answer."""
    auth = base64.b64encode(f"{KEY}:".encode()).decode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Basic {auth}\r\ncontent-length: {len(body)}\r\n\r\n"
    request = head.encode() + body
    took: list[float] = []
    bad: list[bytes] = []
    until = time.monotonic() + seconds

    def one() -> None:
        with socket.create_connection(("127.0.0.1", port)) as line:
            while (began := time.monotonic()) < until:
                line.sendall(request)
                answer = line.recv(4096)
                took.append(time.monotonic() - began)
                if not answer.startswith(b"HTTP/1.1 200"):
                    bad.append(answer)

    threads = [threading.Thread(target=one) for _ in range(_CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took.sort()
    return len(took) / seconds, took[len(took) // 2] * 1e3, took[int(len(took) * 0.99)] * 1e3, len(bad)


def run(scale: float = 1.0) -> list[Row]:
    """Rows of (name, value, unit, note). scale: 1.0 loads each case for 10 s."""
    seconds = max(2, round(10 * scale))
    tool = "wrk" if shutil.which("wrk") else "own generator"
    rows: list[Row] = []
    for name, path, body, events in (
        ("accept, batches of 100", "/v1/batch", batch(100), 100),
        ("accept, single events", "/v1/track", json.dumps(event(1)).encode(), 1),
    ):
        with tempfile.TemporaryDirectory(prefix="footfall-bench-") as folder, running(folder) as port:
            _own(port, "/v1/track", json.dumps(event(0)).encode(), 1)  # the server's first second
            load = _wrk(port, path, body, seconds, folder) if tool == "wrk" else _own(port, path, body, seconds)
            per_second, p50, p99, bad = load
        note = f"{tool}, {_CONNECTIONS} connections, {len(body):,} bytes a request, {bad} not 200"
        rows.append((name, per_second * events, "events/s", note))
        rows.append((f"{name}: p50", p50, "ms", ""))
        rows.append((f"{name}: p99", p99, "ms", ""))
    return rows


if __name__ == "__main__":
    for row_name, value, unit, note in run(float(os.environ.get("SCALE", "1"))):
        print(f"{row_name:32} {value:12,.1f} {unit:10} {note}")
