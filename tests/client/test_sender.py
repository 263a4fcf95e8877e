"""A sender obeys the collector: it tries again when asked to, with the same bytes, and tells what was refused."""

from __future__ import annotations

import base64
import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest

from footfall.client import Rejected, Request, send
from footfall.errors import Refused, Unavailable


class Seen(NamedTuple):
    path: str
    key: str
    body: bytes


class Scripted(ThreadingHTTPServer):
    """A collector that gives the answers it was told to, in order, then 200. A status of 0 cuts the connection."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: deque[tuple[int, dict[str, str], object]] = deque()
        self.seen: list[Seen] = []
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Scripted

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        key = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
        self.server.seen.append(Seen(self.path, key, body))
        status, headers, answer = self.server.answers.popleft() if self.server.answers else (200, {}, {"success": True})
        if status == 0:
            self.close_connection = True
            return
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(text)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)
        self.close_connection = "Content-Length" in headers

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def collector():
    server = Scripted()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


TWO = [Request("/v1/batch", b'{"batch":[1,2]}', 2), Request("/events", b'{"events":[3]}', 1)]


def test_requests_arrive_in_order_with_the_key_over_one_connection(collector):
    sent = send(collector.url, "WKEY", TWO)
    assert collector.seen == [Seen("/v1/batch", "WKEY:", TWO[0].body), Seen("/events", "WKEY:", TWO[1].body)]
    assert (sent.requests, sent.events, sent.accepted, sent.tries_again) == (2, 3, 3, 0)
    assert collector.connections == 1


def test_a_path_in_the_collectors_address_goes_in_front(collector):
    send(collector.url + "/hub/", "WKEY", TWO[:1])
    assert collector.seen[0].path == "/hub/v1/batch"


@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_is_waited_for_exactly_and_the_same_bytes_go_out_again(collector, status):
    collector.answers += [(status, {"Retry-After": "7"}, {}), (status, {"Retry-After": "3"}, {})]
    waits: list[float] = []
    sent = send(collector.url, "WKEY", TWO[:1], wait=waits.append)
    assert waits == [7, 3]
    assert [s.body for s in collector.seen] == [TWO[0].body] * 3
    assert (sent.accepted, sent.tries_again) == (2, 2)


def test_a_retry_after_of_more_digits_than_python_reads_is_beyond_every_patience(collector):
    collector.answers += [(503, {"Retry-After": "9" * 5000}, {"error": "disk full"})]
    with pytest.raises(Unavailable, match=r"503 .*disk full.* after 0 s of trying") as error:
        send(collector.url, "WKEY", TWO, patience_s=1e9, wait=pytest.fail)
    assert len(collector.seen) == 1
    assert error.value.retry_after_s > 1e9


def test_without_a_retry_after_the_pauses_double_up_to_a_limit(collector):
    collector.answers += [(500, {}, b"")] * 7
    waits: list[float] = []
    send(collector.url, "WKEY", TWO[:1], patience_s=1000, wait=waits.append)
    assert waits == [1, 2, 4, 8, 16, 30, 30]


def test_a_connection_cut_before_the_answer_is_opened_anew_and_the_request_sent_again(collector):
    collector.answers += [(200, {}, {}), (0, {}, {})]
    waits: list[float] = []
    sent = send(collector.url, "WKEY", TWO, wait=waits.append)
    assert [s.path for s in collector.seen] == ["/v1/batch", "/events", "/events"]
    assert (sent.accepted, sent.tries_again, collector.connections) == (3, 1, 2)


def test_an_answer_cut_in_the_middle_is_no_answer(collector):
    collector.answers += [(200, {"Content-Length": "99"}, b"{"), (200, {}, {})]
    waits: list[float] = []
    sent = send(collector.url, "WKEY", TWO[:1], wait=waits.append)
    assert (sent.accepted, sent.tries_again, len(collector.seen)) == (2, 1, 2)


def test_patience_ends_and_says_for_how_long_it_tried(collector):
    collector.answers += [(503, {"Retry-After": "20"}, {"error": "disk full"})] * 9
    waits: list[float] = []
    with pytest.raises(Unavailable, match=r"503 .*disk full.* after 40 s of trying") as error:
        send(collector.url, "WKEY", TWO, patience_s=50, wait=waits.append)
    assert waits == [20, 20]
    assert error.value.retry_after_s == 20


def test_nobody_listening_is_told_with_its_cause(collector):
    nowhere = Scripted()
    nowhere.server_close()
    with pytest.raises(Unavailable, match="no answer") as error:
        send(nowhere.url, "WKEY", TWO, patience_s=0)
    assert isinstance(error.value.__cause__, OSError)


@pytest.mark.parametrize(("status", "hint"), [(400, "dialect"), (401, "write key"), (404, "8080"), (413, "fewer")])
def test_a_refusal_ends_the_sending_at_once_with_what_to_do(collector, status, hint):
    collector.answers += [(status, {}, {"error": "no"})]
    with pytest.raises(Refused, match=str(status)) as error:
        send(collector.url, "WKEY", TWO)
    assert hint in error.value.hint
    assert len(collector.seen) == 1


def test_rejected_events_are_named_by_their_place_in_everything_sent(collector):
    collector.answers += [
        (200, {}, {"success": True, "rejected": [{"index": 1, "code": "missing_user", "message": "who?"}]}),
        (200, {}, {"success": True, "rejected": [{"index": 0, "code": "unknown_type", "message": "what?"}]}),
    ]
    sent = send(collector.url, "WKEY", TWO)
    assert sent.rejected == (Rejected(1, "missing_user", "who?"), Rejected(2, "unknown_type", "what?"))
    assert (sent.events, sent.accepted) == (3, 1)


def test_an_answer_that_is_not_json_rejected_nothing(collector):
    collector.answers += [(200, {}, b"OK")]
    assert send(collector.url, "WKEY", TWO[:1]).accepted == 2


def test_progress_is_told_in_events(collector):
    told: list[tuple[str, int, int | None, str]] = []
    send(collector.url, "WKEY", TWO, lambda *step: told.append(step), total=3)
    assert told == [("send", 2, 3, "events"), ("send", 3, 3, "events")]


@pytest.mark.parametrize(
    "url",
    ["ftp://example", "http://", "http://a:port", "http://a:99999", "http://[a", "http://a b", "http://a/b c"],
)
def test_an_address_that_is_no_http_url_is_refused_before_anything_is_sent(url):
    with pytest.raises(Refused, match="not an http URL"):
        send(url, "WKEY", TWO, wait=lambda pause: pytest.fail("it was tried again"))
