"""Files behind signed links: only for who holds the link and a key, for as long as it says, and nothing leaks."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
import uvicorn
from starlette.applications import Starlette

from footfall.errors import Damaged, Denied, Unavailable
from footfall.model.links import Link, read, sign
from footfall.web.app import listen
from footfall.web.downloads import WRONG_KEYS_MAX, WRONG_KEYS_WITHIN_S, Download, Downloads

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
LIFETIME = timedelta(days=7)
KEYS = {"k1": b"1" * 32}
LINK = Link("users:2026-11-20:1", 'users/<b>é" list.csv.gz', "0" * 16, NOW + LIFETIME)
TOKEN = sign(LINK, KEYS)
KEY = "the-admin-token"
TEXT = b"identifyId\n" + b"x" * 3_000_000


@dataclass
class Desk:
    """The app on a real port, with a clock and a monotonic that are turned by hand."""

    port: int = 0
    now: datetime = NOW
    seconds: float = 0.0
    fails: Exception | None = None
    lost: Exception | None = None
    fetched: list[Link] = field(default_factory=list)
    text: bytes = TEXT
    cut: int | None = None

    def look(self, token: str) -> Link:
        if self.lost is not None:
            raise self.lost
        return read(token, KEYS, self.now)

    def fetch(self, link: Link) -> Download:
        if self.fails is not None:
            raise self.fails
        self.fetched.append(link)
        return Download(link.key.rpartition("/")[2], len(self.text), self.chunks())

    def chunks(self) -> Iterator[bytes]:
        for at in range(0, len(self.text), 1 << 20):
            if self.cut is not None and at >= self.cut:
                raise Damaged("torn")
            yield self.text[at : at + (1 << 20)]

    def ask(self, method: str = "GET", token: str = TOKEN, body: str = "", **headers: str):
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            line.request(method, f"/downloads/{token}", body.encode(), headers)
            answer = line.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            line.close()

    def form(self, key: str, token: str = TOKEN):
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return self.ask("POST", token, urlencode({"key": key}), **kind)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    app = Downloads(desk.look, desk.fetch, lambda given: given == KEY, lambda: desk.seconds)
    sock = listen("127.0.0.1", 0)
    desk.port = sock.getsockname()[1]
    config = uvicorn.Config(Starlette(routes=app.routes()), log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield desk
    finally:
        server.should_exit = True
        thread.join(10)
        sock.close()


def test_the_link_alone_opens_a_page_that_asks_for_a_key(desk):
    status, headers, body = desk.ask()
    page = body.decode()
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert '<form method="post">' in page
    assert 'type="password"' in page
    assert "&lt;b&gt;é&quot; list.csv.gz" in page
    assert "2026-11-28 08:00 UTC" in page
    assert desk.fetched == []


def test_with_the_key_in_the_form_it_gives_the_file(desk):
    status, headers, body = desk.form(KEY)
    assert (status, body) == (200, TEXT)
    assert headers["content-length"] == str(len(TEXT))
    assert headers["content-disposition"] == (
        "attachment; filename=\"<b>__ list.csv.gz\"; filename*=UTF-8''%3Cb%3E%C3%A9%22%20list.csv.gz"
    )
    assert desk.fetched == [LINK]


def test_with_the_key_as_bearer_programs_get_the_file_at_once(desk):
    assert desk.ask(Authorization=f"Bearer {KEY}")[::2] == (200, TEXT)


@pytest.mark.parametrize("way", ["form", "bearer"])
@pytest.mark.parametrize("key", ["", "wrong", KEY[:-1], KEY + "x"])
def test_without_a_good_key_there_is_no_file(desk, way, key):
    status, _, body = desk.form(key) if way == "form" else desk.ask(Authorization=f"Bearer {key}")
    assert status == 401
    assert b"identifyId" not in body
    assert desk.fetched == []


def test_without_the_link_a_key_opens_nothing(desk):
    for token in ("x", "k1.x.y", TOKEN[:-1], TOKEN + "A", sign(LINK, {"k1": b"2" * 32})):
        assert desk.ask(token=token)[0] == 404
        assert desk.form(KEY, token)[0] == 404
    assert desk.fetched == []


def test_after_it_expired_a_link_opens_nothing(desk):
    desk.now = NOW + LIFETIME
    assert desk.ask()[0] == 410
    assert desk.form(KEY)[0] == 410
    assert desk.fetched == []


@pytest.mark.parametrize("ask", ["page", "file", "wrong key", "bad token"])
def test_no_answer_is_kept_framed_guessed_or_told_to_others(desk, ask):
    _, headers, _ = {
        "page": desk.ask, "file": lambda: desk.form(KEY), "wrong key": lambda: desk.form("wrong"),
        "bad token": lambda: desk.ask(token="x"),
    }[ask]()  # fmt: skip
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'; form-action 'self'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in headers


def test_twenty_wrong_keys_close_the_door_for_a_minute_to_all_keys(desk):
    for _ in range(WRONG_KEYS_MAX):
        assert desk.form("wrong")[0] == 401
    assert desk.form(KEY)[0] == 429
    desk.seconds += WRONG_KEYS_WITHIN_S
    assert desk.form(KEY)[0] == 200


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyError("gone"), 404), (Denied("may not read"), 409), (Unavailable("down"), 503), (Damaged("torn"), 500)],
)
def test_a_file_that_cannot_be_had_is_said_in_words(desk, error, status):
    desk.fails = error
    assert desk.form(KEY)[0] == status


def test_an_empty_file_is_a_file(desk):
    desk.text = b""
    assert desk.form(KEY)[::2] == (200, b"")


def test_a_file_that_breaks_off_is_not_taken_for_whole(desk):
    desk.cut = 1 << 20
    with pytest.raises(http.client.IncompleteRead):
        desk.form(KEY)


def test_a_form_of_any_size_is_cut_off(desk):
    assert desk.form("x" * 10_000)[0] == 413
    assert desk.ask("POST", body="\udcff".encode("utf-8", "surrogateescape").decode("latin-1"))[0] == 401


def test_while_links_cannot_be_checked_who_has_one_learns_nothing_of_the_server(desk):
    desk.lost = Unavailable("/srv/footfall/master.keys: Permission denied", "Let this user read it")
    status, _, body = desk.ask()
    assert (status, b"/srv" in body) == (503, False)
