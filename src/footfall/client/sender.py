"""Deliver requests to a collector, in order, over one kept-alive connection.

A request that was perhaps accepted is sent again unchanged: its events carry ids, so the collector counts them once.
"""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from footfall.errors import Refused, Unavailable
from footfall.ports import Progress

TIMEOUT_S: Final = 60.0
PAUSE_S_MAX: Final = 30
_DIGITS_MAX: Final = 12
TRY_AGAIN: Final = frozenset({408, 429, 500, 502, 503, 504})
HINTS: Final = {
    400: "The body is not what this path reads; is --dialect right?",
    401: "Is the write key right? `footfall keys create` makes one",
    403: "Is the write key right? `footfall keys create` makes one",
    404: "Is the URL the collector's (port 8080 unless set), not the admin's?",
    413: "Send fewer events in one request",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request: the collector's path, the JSON body, and how many events the body holds."""

    path: str
    body: bytes
    events: int


class Rejected(NamedTuple):
    """One event the collector would not take. place: 0-based over everything sent."""

    place: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of it all. accepted + rejected = events. tries_again: requests sent more than once."""

    requests: int
    events: int
    rejected: tuple[Rejected, ...]
    tries_again: int

    @property
    def accepted(self) -> int:
        return self.events - len(self.rejected)


@dataclass(slots=True)
class _Line:
    """One connection, opened when needed, opened anew after any fault."""

    base_url: str
    write_key: str
    _connection: http.client.HTTPConnection | None = None

    def post(self, request: Request) -> tuple[int, str | None, bytes]:
        """Return status, Retry-After and body of the answer. Raises ``OSError`` or ``HTTPException``, and ``Refused``
        for an address that is none."""
        key = base64.b64encode(f"{self.write_key}:".encode()).decode("ascii")
        headers = {"Authorization": f"Basic {key}", "Content-Type": "application/json"}
        try:
            if self._connection is None:
                self._connection = self._open()
            self._connection.request("POST", self._prefix() + request.path, request.body, headers)
            answer = self._connection.getresponse()
            return answer.status, answer.getheader("Retry-After"), answer.read()
        except http.client.InvalidURL as fault:
            self.close()
            raise self._no_url() from fault
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> http.client.HTTPConnection:
        try:
            parts = urlsplit(self.base_url)
            host, port = parts.hostname, parts.port
        except ValueError as fault:
            raise self._no_url() from fault
        if parts.scheme not in ("http", "https") or host is None:
            raise self._no_url()
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return kind(host, port, timeout=TIMEOUT_S)

    def _no_url(self) -> Refused:
        return Refused(f"{self.base_url} is not an http URL", "Give the collector's, as in http://127.0.0.1:8080")

    def _prefix(self) -> str:
        return urlsplit(self.base_url).path.rstrip("/")


def _rejections(body: bytes, first: int) -> list[Rejected]:
    """Read ``rejected`` of an answer; an answer without it, or that is not JSON, rejected nothing."""
    try:
        answer = json.loads(body)
    except ValueError:
        return []
    named = answer.get("rejected") if isinstance(answer, dict) else None
    return [
        Rejected(first + int(r.get("index", 0)), str(r.get("code", "")), str(r.get("message", ""))) for r in named or ()
    ]


def _pause(retry_after: str | None, attempt: int) -> int:
    """Whole seconds to wait: what the collector asked for, else 1, 2, 4 … up to PAUSE_S_MAX."""
    if retry_after is not None and retry_after.isascii() and retry_after.isdigit():
        # Of thousands of digits int() makes no number but an error; of so many it is beyond every patience.
        return int(retry_after[:_DIGITS_MAX])
    return min(PAUSE_S_MAX, 1 << min(attempt, 10))


def _deliver(line: _Line, request: Request, patience_s: float, wait: Callable[[float], None]) -> tuple[bytes, int]:
    """Send until accepted; return the answer's body and how many times it had to be sent again."""
    waited = 0.0
    attempt = 0
    while True:
        cause: Exception | None = None
        retry_after = None
        try:
            status, retry_after, body = line.post(request)
        except (OSError, http.client.HTTPException) as fault:
            cause, what = fault, f"no answer ({type(fault).__name__}: {fault})"
        else:
            if status < 300:
                return body, attempt
            what = f"{status} {body[:200].decode('utf-8', 'replace').strip()}"
            if status not in TRY_AGAIN:
                raise Refused(f"{line.base_url}{request.path} refused: {what}", HINTS.get(status, ""))
        pause = _pause(retry_after, attempt)
        if waited + pause > patience_s:
            raise Unavailable(
                f"{line.base_url}{request.path}: {what}, after {waited:.0f} s of trying",
                "Nothing acknowledged is lost, and sending the same again counts nothing twice",
                retry_after_s=pause,
            ) from cause
        wait(pause)
        waited += pause
        attempt += 1


def send(
    base_url: str,
    write_key: str,
    requests: Iterable[Request],
    progress: Progress | None = None,
    *,
    total: int | None = None,
    patience_s: float = 60.0,
    wait: Callable[[float], None] = time.sleep,
) -> Sent:
    """Send ``requests`` in order and wait for each answer.

    base_url: the collector, with or without a path in front of its own. total: events in all, when known, for progress.
    patience_s: how long one request may be tried again for 408, 429, 5xx and broken connections (same body, so the same
    ids; a whole Retry-After is obeyed) before ``Unavailable``. Any other refusal raises ``Refused`` at once.
    """
    line = _Line(base_url, write_key)
    count = events = tries_again = 0
    rejected: list[Rejected] = []
    try:
        for request in requests:
            body, again = _deliver(line, request, patience_s, wait)
            rejected += _rejections(body, events)
            count += 1
            events += request.events
            tries_again += again
            if progress is not None:
                progress("send", events, total, "events")
    finally:
        line.close()
    return Sent(count, events, tuple(rejected), tries_again)
