"""A whole Footfall with its admin port, in this process: the management API over real HTTP."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from footfall.config import load_settings
from footfall.wiring import Footfall, serve

TOKEN = "admin-token-of-tests"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Answer:
    """One answer: body is parsed when it is JSON."""

    status: int
    headers: dict[str, str]
    text: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.text)


@dataclass
class Api:
    """A running server. said: every line it printed. default: the key that is sent."""

    data: Path
    port: int
    collector_port: int
    said: list[str]
    default: str = TOKEN

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = "default",
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        **query: str | int,
    ) -> Answer:
        """Send a request; body as JSON, raw as it is."""
        sent = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        given = self.default if key == "default" else key
        named = {} if given is None else {"authorization": f"Bearer {given}"}
        named |= {"content-type": "application/json"} if sent and raw is None else {}
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            target = path + (f"?{urlencode(query)}" if query else "")
            line.request(method, target, sent or None, named | (headers or {}))
            answer = line.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            line.close()

    def key(self, scope: str, name: str = "") -> str:
        """A new key with this scope."""
        made = self.ask("POST", "/api/keys", {"name": name or f"{scope}-{threading.get_ident()}", "scope": scope})
        assert made.status == 201, made.text
        return str(made.body["key"])

    def done(self, task: Any) -> Any:
        """The task when it has ended."""
        for _ in range(600):
            found = self.ask("GET", f"/api/tasks/{task['id']}").body
            if found["ended_at"] is not None:
                return found
            threading.Event().wait(0.1)
        raise AssertionError(f"the task did not end: {found}")

    @contextmanager
    def hub(self) -> Iterator[Footfall]:
        """The same data directory, as a command beside the server sees it."""
        with Footfall.open(load_settings(data=self.data, environment={}), clock=now) as hub:
            yield hub


@contextmanager
def served(folder: Path, **environment: str) -> Iterator[Api]:
    """Run a server on free ports until the block ends."""
    stop, ready, said = threading.Event(), threading.Event(), []
    given = {"FOOTFALL_ADMIN_TOKEN": TOKEN, "FOOTFALL_PORT": "0", "FOOTFALL_ADMIN_PORT": "0"} | environment
    settings = load_settings(data=folder, environment=given)
    failure: list[BaseException] = []

    def say(line: str) -> None:
        said.append(line)
        ready.set()

    def run() -> None:
        try:
            serve(settings, now, say, stop=stop)
        except BaseException as error:
            failure.append(error)
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(60)
        assert not failure, failure
        ports = json.loads((folder / "server.json").read_text())
        yield Api(folder, *(int(ports[name].rpartition(":")[2]) for name in ("admin", "collector")), said)
    finally:
        stop.set()
        thread.join(30)
    assert not failure, failure
