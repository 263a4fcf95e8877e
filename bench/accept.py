"""Accepting over HTTP, durable: batches of 100 events and single events, against a real server process.

The load comes from ``wrk`` when it is installed, else from a generator of our own, which is slower and so makes the
server look slower. Both run on the same cores as the server. A bare uvicorn that answers 200 without looking at its
requests is measured beside it, as what this machine gives at that hour.
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import uvicorn

from footfall.errors import Refused
from footfall.flows.collect import Collect, Doorkeeper
from footfall.logs.segments import SegmentLog
from footfall.model.field_rules import FieldRule
from footfall.model.privacy import Policy, Tokens
from footfall.ports import Batch, Privacy, Source
from footfall.web.app import create_admin, create_collector, listen, serve
from footfall.wire import native, segment
from footfall.wire.private import PrivateBodies

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

    def change(self, name: str, **settings: Any) -> Source:
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


class _OnePolicy:
    """``Privacy`` with one policy, so that the store takes no part."""

    def __init__(self, policy: Policy) -> None:
        self._policy, self._tokens = policy, Tokens(b"k" * 32, "bench")
        self._bodies = PrivateBodies(policy, self.tokens, {})

    def policy(self, source: str) -> Policy:
        return self._policy

    def tokens(self) -> Tokens:
        return self._tokens

    def kept(self, batch: Batch, signal: str = "allow") -> Batch | None:
        made = self._bodies.kept(batch.dialect, batch.call, batch.body, batch.count, batch.rejected)
        return replace(batch, body=made.body, count=made.count, rejected=made.rejected)


def run_server(folder: str, sock: socket.socket, admin: socket.socket, privacy: Privacy | None = None) -> None:
    log = SegmentLog(Path(folder) / "log", backlog_bytes=1 << 40)
    keeper = Doorkeeper(OneSource(), _now, time.monotonic)
    collect = Collect(log, keeper, {"segment": segment.read, "native": native.read}, _now, privacy=privacy)
    try:
        serve(
            create_collector(collect),
            create_admin(who=lambda _: None, define=lambda _, __: None, ready=dict),
            collector_socket=sock,
            admin_socket=admin,
        )
    finally:
        log.close()


_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_RULES: Final = (FieldRule("properties.project", "hash"), FieldRule("traits.**", "drop"))


def run_ruled(folder: str, sock: socket.socket, admin: socket.socket) -> None:
    """The same under a policy that reads every body: two rules for fields."""
    run_server(folder, sock, admin, _OnePolicy(Policy(fields=_RULES)))


def run_private(folder: str, sock: socket.socket, admin: socket.socket) -> None:
    """The same under a policy of these rules, tokens for users, and a choice of parameters of URLs."""
    run_server(folder, sock, admin, _OnePolicy(Policy(identities=("user",), fields=_RULES, query=("utm_*",))))


def run_bare(folder: str, sock: socket.socket, admin: socket.socket) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})

    config = uvicorn.Config(
        app, http="httptools", loop="uvloop", ws="none", lifespan="off", log_config=None, access_log=False,
        proxy_headers=False, server_header=False, timeout_keep_alive=65,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[sock])


Run = Callable[[str, socket.socket, socket.socket], None]


@contextmanager
def running(folder: str, run_it: Run = run_server) -> Iterator[tuple[int, int]]:
    """A server in a process of its own; yields its port and its process id."""
    sock, admin = listen("127.0.0.1", 0), listen("127.0.0.1", 0)
    port = int(sock.getsockname()[1])
    server = multiprocessing.get_context("fork").Process(target=run_it, args=(folder, sock, admin), daemon=True)
    server.start()
    sock.close()
    admin.close()
    assert server.pid is not None
    try:
        yield port, server.pid
    finally:
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
                answer = _answer(line)
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


def _answer(line: socket.socket) -> bytes:
    """One whole answer: uvicorn sends its head and its body apart, and a read may find the first alone."""
    got = b""
    while True:
        got += (some := line.recv(4096))
        head, ended, body = got.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not some or (ended and len(body) >= int(length[1] if length else 0)):
            return got


def _cpu_s(pid: int) -> float:
    """Seconds of processor time of a process, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(scale: float = 1.0) -> list[Row]:
    """Rows of (name, value, unit, note). scale: 1.0 loads each case for 10 s."""
    seconds = max(2, round(10 * scale))
    tool = "wrk" if shutil.which("wrk") else "own generator"
    rows: list[Row] = []
    for name, server, path, body, events in _CASES:
        with tempfile.TemporaryDirectory(prefix="footfall-bench-") as folder, running(folder, server) as (port, pid):
            _own(port, "/v1/track", _ONE, 1)  # the server's first second
            began = _cpu_s(pid)
            load = _wrk(port, path, body, seconds, folder) if tool == "wrk" else _own(port, path, body, seconds)
            per_second, p50, p99, bad = load
            cpu_us = (_cpu_s(pid) - began) / (per_second * seconds) * 1e6
        note = f"{tool}, {_CONNECTIONS} connections, {len(body):,} bytes a request, {bad} not 200"
        rows.append((name, per_second * events, "events/s", note))
        rows.append((f"{name}: p50", p50, "ms", ""))
        rows.append((f"{name}: p99", p99, "ms", ""))
        rows.append((f"{name}: CPU", cpu_us, "us/request", "of the server, all threads"))
    return rows


_ONE: Final = json.dumps(event(1)).encode()
_CASES: Final[tuple[tuple[str, Run, str, bytes, int], ...]] = (
    ("accept, batches of 100", run_server, "/v1/batch", batch(100), 100),
    ("accept under rules for fields, batches of 100", run_ruled, "/v1/batch", batch(100), 100),
    ("accept under these, tokens and URLs, batches of 100", run_private, "/v1/batch", batch(100), 100),
    ("bare uvicorn, batches of 100", run_bare, "/v1/batch", batch(100), 100),
    ("accept, single events", run_server, "/v1/track", _ONE, 1),
    ("bare uvicorn, single events", run_bare, "/v1/track", _ONE, 1),
)


if __name__ == "__main__":
    for row_name, value, unit, note in run(float(os.environ.get("SCALE", "1"))):
        print(f"{row_name:32} {value:12,.1f} {unit:10} {note}")
