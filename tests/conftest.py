"""A whole Footfall as a child process, as its users run it: only its command line, its ports and its files are used."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from footfall import observe
from footfall.logs.segments import SegmentLog
from footfall.ports import Entry

WRITE_KEY = "wk_scenario_key_0123456789"


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


@dataclass
class Install:
    """A data directory and the commands on it."""

    data: Path
    zone: str = "America/New_York"
    env: dict[str, str] = field(default_factory=dict)
    _server: subprocess.Popen[bytes] | None = None
    port: int = 0

    def environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")}
        return ours | {
            "FOOTFALL_DATA": str(self.data),
            "FOOTFALL_TIME_ZONE": self.zone,
            "FOOTFALL_WRITE_KEY": WRITE_KEY,
            "FOOTFALL_ADMIN_TOKEN": "admin-token-for-scenarios",
        } | self.env  # fmt: skip

    def run(self, *arguments: str, ok: bool = True, timeout_s: float = 280) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "footfall", *arguments],
            env=self.environment(), capture_output=True, text=True, timeout=timeout_s,
        )  # fmt: skip
        if ok:
            assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, port: int | None = None) -> str:
        """Start the server, on the port given or a free one, and return its address once it answers."""
        free, admin = free_ports(2)
        self.port = free if port is None else port
        ports = ["--port", str(self.port), "--admin-port", str(admin)]
        command = [sys.executable, "-m", "footfall", "up", *ports, "--quiet"]
        self._server = subprocess.Popen(command, env=self.environment())
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            assert self._server.poll() is None, f"the server ended with {self._server.returncode}"
            try:
                urllib.request.urlopen(f"{self.url}/healthz", timeout=1).close()
                return self.url
            except OSError:
                time.sleep(0.05)
        raise AssertionError("the server did not answer within 30 s")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait(30)
            self._server = None

    def post(self, path: str, body: object) -> dict[str, object]:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json", "X-Write-Key": WRITE_KEY}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """What a command or a server of one test sets for the program's log is gone at the next."""
    before = observe.LOGGER.handlers[:], observe.LOGGER.propagate, observe.LOGGER.level
    yield
    observe.LOGGER.handlers[:], observe.LOGGER.propagate = before[:2]
    observe.LOGGER.setLevel(before[2])


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Callable[..., Install]]:
    """Make a new install: ``install(zone=…)``; its server, if one was started, is stopped at the end."""
    made: list[Install] = []

    def make(name: str = "data", **settings: object) -> Install:
        made.append(Install(tmp_path / name, **settings))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.stop(signal.SIGKILL)


@dataclass
class Door:
    """A collector over a log in a process of its own (collector_process.py), and the log it leaves behind."""

    folder: Path
    options: dict[str, object] = field(default_factory=dict)
    port: int = 0
    admin_port: int = 0
    process: subprocess.Popen[str] | None = None

    def start(self, *prefix: str) -> Door:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "sources.json").exists():
            self.sources(WKEY=("web", False))
        program = Path(__file__).with_name("collector_process.py")
        command = [*prefix, sys.executable, str(program), str(self.folder), json.dumps(self.options)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the collector ended with {self.process.wait(10)}"
        ports = json.loads(line)
        self.port, self.admin_port = ports["port"], ports["admin_port"]
        return self

    def sources(self, **keys: tuple[str, bool]) -> None:
        """Write key = (name of the source, whether it is revoked)."""
        (self.folder / "sources.json").write_text(json.dumps(keys))

    def request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, *, admin: bool = False
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower case) and body of the answer."""
        line = http.client.HTTPConnection("127.0.0.1", self.admin_port if admin else self.port, timeout=30)
        try:
            line.request(method, path, body, headers or {})
            answer = line.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            line.close()

    def post(self, path: str, value: object, **headers: str) -> tuple[int, dict[str, object]]:
        """Send a value as JSON with the key ``WKEY``; status and answer. A header's ``_`` stands for ``-``."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        status, _, body = self.request("POST", path, json.dumps(value).encode(), {"X-Write-Key": "WKEY", **named})
        return status, json.loads(body)

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Signal the process and return its exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        code = self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None
        return code

    def entries(self) -> list[Entry]:
        """Stop if running, then read everything the log has."""
        if self.process is not None:
            self.stop()
        log = SegmentLog(self.folder / "log")
        try:
            return list(log.read(0, 1 << 40))
        finally:
            log.close()

    def events(self) -> list[dict[str, object]]:
        """The events of all batches in the log, in order, those of single calls too."""
        found: list[dict[str, object]] = []
        for entry in self.entries():
            body = json.loads(entry.batch.body)
            found += body.get("batch", body.get("events", [body])) if isinstance(body, dict) else body
        return found


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Callable[..., Door]]:
    """Start a collector: ``door(log={…}, admission={…}, collect={…})``; killed at the end if it still runs."""
    made: list[Door] = []

    def make(*prefix: str, name: str = "door", **options: object) -> Door:
        made.append(Door(tmp_path / name, options))
        return made[-1].start(*prefix)

    yield make
    for one in made:
        if one.process is not None:
            one.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def standing_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """One collector for all tests of a module that only ask it things."""
    one = Door(tmp_path_factory.mktemp("door")).start()
    yield one
    if one.process is not None:
        one.stop(signal.SIGKILL)
