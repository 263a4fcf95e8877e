"""``ports.Messenger`` over every implementation, against real servers: mail, webhook and Apprise."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import certificates
import pytest
from receivers import Mailbox, Requests, http_server, mail_server

from footfall.buckets.endpoints import addresses_of
from footfall.errors import Denied, Refused, Unavailable
from footfall.model.channels import Channel
from footfall.model.notices import Message, Notice
from footfall.notify.callback import Callback
from footfall.notify.mail import Mail
from footfall.notify.services import Services
from footfall.notify.webhook import Webhook
from footfall.ports import Messenger

# Apprise imports it for Python 3.12 and older.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

AT = datetime(2026, 11, 21, 8, 0, 1, tzinfo=UTC)
SIGNING = "whsec_Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5ISE="
PASSWORD = "canary-password-0123456789"
PRIVATE = partial(addresses_of, private=True)
PUBLIC = partial(addresses_of, private=False)
MESSAGE = Message(
    occasion="failure", at=AT, what="The bucket is down", hint="Wait", job="daily", kind="rollups", slot="2026-11-20",
    run="daily:2026-11-20:1", start=AT, end=AT,
)  # fmt: skip
NOTICE = Notice("msg_0123456789abcdef", "ops", "ops@example.com", MESSAGE)


@pytest.fixture(scope="session")
def tls(tmp_path_factory) -> certificates.Files:
    return certificates.make(tmp_path_factory.mktemp("tls"))


@dataclass
class Post:
    """One way to tell people, and the server at the other end.

    texts: everything that arrived, as text. ids: of what arrived. fail, refuse: make the server answer that it cannot
    now, or never will. down: a messenger of the same kind to a port where nobody listens.
    """

    messenger: Messenger
    texts: Callable[[], Sequence[str]]
    fail: Callable[[], None]
    refuse: Callable[[], None]
    down: Messenger
    secrets: Sequence[str]


def mail_channel(port: int, ca: Path | str = "", security: str = "starttls") -> Channel:
    return Channel(
        name="ops", kind="mail", host="127.0.0.1", port=port, security=security, sender="hub@example.com",
        to=("ops@example.com",), ca_bundle=str(ca), created_at=AT,
    )  # fmt: skip


def webhook_channel(url: str, ca: Path | str = "") -> Channel:
    return Channel(name="ops", kind="webhook", url=url, ca_bundle=str(ca), created_at=AT)


def webhook(channel: Channel, *secrets: str, addresses=PRIVATE, **more) -> Webhook:
    return Webhook(channel, secrets or (SIGNING,), addresses=addresses, clock=lambda: AT, agent="footfall/test", **more)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def by_mail(stack: ExitStack, tls: certificates.Files) -> Post:
    box = stack.enter_context(mail_server(tls, login=("hub", PASSWORD)))
    secrets = {"user": "hub", "password": PASSWORD}

    def answer(text: str) -> None:
        box.refuse = text

    return Post(
        Mail(mail_channel(box.port, tls.authority), secrets, addresses=PRIVATE),
        lambda: [mail.as_string() + "".join(p.get_content() for p in mail.iter_parts()) for _, _, mail in box.mails],
        lambda: answer("451 busy"),
        lambda: answer("550 nobody here"),
        Mail(mail_channel(free_port(), tls.authority), secrets, addresses=PRIVATE),
        (PASSWORD,),
    )


def by_webhook(stack: ExitStack, tls: certificates.Files) -> Post:
    server = stack.enter_context(http_server(tls))

    def answer(status: int) -> None:
        server.statuses = [status]

    return Post(
        webhook(webhook_channel(f"{server.url}/hook", tls.authority)),
        lambda: [f"{headers}{body.decode()}" for _, headers, body in server.got],
        lambda: answer(503),
        lambda: answer(404),
        webhook(webhook_channel(f"https://127.0.0.1:{free_port()}/hook", tls.authority)),
        (SIGNING,),
    )


def callback(channel: Channel, *, addresses=PRIVATE) -> Callback:
    return Callback(replace(channel, kind="callback"), PASSWORD, addresses=addresses, agent="footfall/test")


def by_callback(stack: ExitStack, tls: certificates.Files) -> Post:
    server = stack.enter_context(http_server(tls))

    def answer(status: int) -> None:
        server.statuses = [status]

    return Post(
        callback(webhook_channel(f"{server.url}/status", tls.authority)),
        lambda: [f"{headers}{body.decode()}" for _, headers, body in server.got],
        lambda: answer(503),
        lambda: answer(403),
        callback(webhook_channel(f"https://127.0.0.1:{free_port()}/status", tls.authority)),
        (PASSWORD,),
    )


def by_apprise(stack: ExitStack, tls: certificates.Files) -> Post:
    server = stack.enter_context(http_server())

    def answer(status: int) -> None:
        server.statuses = [status]

    host = server.url.partition("://")[2]
    return Post(
        Services(f"json://hub:{PASSWORD}@{host}/hook"),
        lambda: [f"{headers}{body.decode()}" for _, headers, body in server.got],
        lambda: answer(503),
        lambda: answer(503),
        Services(f"json://hub:{PASSWORD}@127.0.0.1:{free_port()}/hook"),
        (PASSWORD,),
    )


WAYS = (by_mail, by_webhook, by_callback, by_apprise)


@pytest.fixture(params=[pytest.param(each, id=each.__name__[3:]) for each in WAYS])
def post(request, tls) -> Iterator[Post]:
    with ExitStack() as stack:
        yield request.param(stack, tls)


# --- every way --------------------------------------------------------------------------------------------------------


def test_what_was_sent_has_arrived_when_send_returns(post):
    post.messenger.send(NOTICE)
    (text,) = post.texts()
    for said in ("The bucket is down", "Wait", "2026-11-20", "daily:2026-11-20:1"):
        assert said in text


def test_the_same_notice_carries_the_same_id_each_time(post):
    post.messenger.send(NOTICE)
    post.messenger.send(NOTICE)
    assert [NOTICE.id in text for text in post.texts()] == [True, True]


def test_a_server_that_cannot_take_it_now_makes_it_wait(post):
    post.fail()
    with pytest.raises(Unavailable):
        post.messenger.send(NOTICE)


def test_a_server_that_never_will_is_said_to_a_person(post):
    post.refuse()
    with pytest.raises((Refused, Unavailable)):  # Apprise does not tell the two apart
        post.messenger.send(NOTICE)


def test_a_server_that_is_not_there_makes_it_wait_and_names_no_secret(post):
    with pytest.raises(Unavailable) as raised:
        post.down.send(NOTICE)
    assert not any(secret in str(raised.value) for secret in post.secrets)


def test_words_of_a_notice_cannot_become_a_header(post):
    forged = replace(NOTICE, message=replace(MESSAGE, label="x\r\nBcc: all@example.com\r\n\r\nforged"))
    try:
        post.messenger.send(forged)
    except (Refused, ValueError):
        return
    (text,) = post.texts()
    head = text.partition("\n\n")[0]
    assert "\nBcc:" not in head


# --- mail -------------------------------------------------------------------------------------------------------------


def sent(box: Mailbox, channel: Channel, secrets=(), notice: Notice = NOTICE):
    Mail(channel, dict(secrets), addresses=PRIVATE).send(notice)
    return box.mails[-1]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_goes_through_tls_to_one_recipient_in_text_and_html(tls, security):
    with mail_server(tls, implicit=security == "tls") as box:
        sender, to, mail = sent(box, mail_channel(box.port, tls.authority, security))
        assert (sender, to) == ("hub@example.com", ["ops@example.com"])
        assert box.secure == [True]
    assert mail["Subject"] == "Footfall: daily fails (2026-11-20)"
    assert mail["Message-ID"] == "<msg_0123456789abcdef@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    text, html = mail.iter_parts()
    assert [part.get_content_type() for part in (text, html)] == ["text/plain", "text/html"]
    assert "2026-11-21 08:00:01 UTC" in text.get_content()
    assert "<strong>The bucket is down.</strong>" in html.get_content()


@pytest.mark.parametrize("secrets", [{}, {"user": "hub", "password": PASSWORD}], ids=["mail", "login"])
def test_no_mail_and_no_password_goes_to_a_server_that_takes_starttls_out(tls, secrets):
    with mail_server() as box:  # offers no STARTTLS, as if somebody on the way had removed it
        channel = mail_channel(box.port, tls.authority)
        with pytest.raises(Refused, match="does not offer"):
            sent(box, channel, secrets)
        assert (box.mails, box.logins) == ([], [])


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_no_mail_goes_to_a_server_whose_certificate_is_not_known(tls, security):
    with mail_server(tls, implicit=security == "tls") as box:
        with pytest.raises(Refused, match="certificate"):
            sent(box, mail_channel(box.port, security=security))
        assert box.mails == []


def test_a_login_that_is_refused_names_neither_user_nor_password(tls):
    with mail_server(tls, login=("hub", "another")) as box:
        with pytest.raises(Denied, match="refuses the login") as raised:
            sent(box, mail_channel(box.port, tls.authority), {"user": "hub-canary", "password": PASSWORD})
        assert box.mails == []
    assert PASSWORD not in str(raised.value)
    assert "hub-canary" not in str(raised.value)


def test_a_mail_server_that_says_nothing_is_left_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        channel = mail_channel(silent.getsockname()[1], security="none")
        began = time.monotonic()
        with pytest.raises(Unavailable):
            Mail(channel, {}, addresses=PRIVATE, total_timeout_s=0.5).send(NOTICE)
        assert time.monotonic() - began < 10


def test_html_shows_what_it_is_given_and_runs_none_of_it(tls):
    hostile = replace(MESSAGE, what="<script>alert(1)</script>", label='"><img src=x>')
    with mail_server(tls) as box:
        _, _, mail = sent(box, mail_channel(box.port, tls.authority), notice=replace(NOTICE, message=hostile))
    html = list(mail.iter_parts())[1].get_content()
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html


# --- webhook ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Requests]:
    with http_server() as server:
        yield server


def test_a_webhook_is_json_with_type_timestamp_and_data(server):
    webhook(webhook_channel(f"{server.url}/hook")).send(NOTICE)
    ((path, headers, body),) = server.got
    plain = json.loads(body)
    assert path == "/hook"
    assert (headers["content-type"], headers["user-agent"]) == ("application/json", "footfall/test")
    assert (plain["type"], plain["timestamp"]) == ("footfall.failure", "2026-11-21T08:00:01+00:00")
    assert (plain["data"]["job"], plain["data"]["slot"], plain["data"]["links"]) == ("daily", "2026-11-20", [])


def test_a_webhook_has_the_facts_among_its_data(server):
    told = replace(NOTICE, message=replace(MESSAGE, occasion="imported", facts={"rows": {"read": 3}}))
    webhook(webhook_channel(f"{server.url}/hook")).send(told)
    assert json.loads(server.got[0][2])["data"]["facts"] == {"rows": {"read": 3}}


def test_a_redirect_is_not_followed(server):
    with http_server() as elsewhere:
        server.statuses, server.headers = [307], {"location": f"{elsewhere.url}/inside"}
        with pytest.raises(Refused, match="redirects"):
            webhook(webhook_channel(server.url)).send(NOTICE)
        assert elsewhere.got == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1", "2130706433"])
def test_nothing_is_sent_into_the_network_behind_the_hub(server, host):
    port = server.url.rpartition(":")[2]
    messenger = webhook(webhook_channel(f"https://{host}:{port}/"), addresses=PUBLIC)
    with pytest.raises(Refused, match="not a public address"):
        messenger.send(NOTICE)
    mail = replace(mail_channel(int(port)), host=host.strip("[]"))
    with pytest.raises(Refused, match="not a public address"):
        Mail(mail, {}, addresses=PUBLIC).send(NOTICE)
    assert server.got == []


def test_the_address_that_was_checked_is_the_one_that_is_used(server):
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    port = server.url.rpartition(":")[2]
    webhook(webhook_channel(f"http://receiver.example:{port}/"), addresses=resolve).send(NOTICE)
    assert asked == ["receiver.example"]
    assert server.got[0][1]["host"] == f"receiver.example:{port}"


def test_an_answer_without_end_is_left_in_time(server):
    server.dawdle = threading.Event()
    began = time.monotonic()
    try:
        with pytest.raises(Unavailable):
            webhook(webhook_channel(server.url), total_timeout_s=0.5).send(NOTICE)
        assert time.monotonic() - began < 10
    finally:
        server.dawdle.set()


def test_an_answer_of_any_size_costs_nothing(server):
    server.statuses, server.body = [200], b"x" * 20_000_000
    webhook(webhook_channel(server.url)).send(NOTICE)


@pytest.mark.parametrize(("said", "wait_s"), [
    ("120", 120), ("9" * 9, 3600), pytest.param("9" * 5000, 3600, id="longer than Python reads"),
    ("-1", 1), ("Fri, 20 Nov 2026 08:00:00 GMT", 1),
])  # fmt: skip
def test_a_receiver_says_how_long_to_wait(server, said, wait_s):
    server.statuses, server.headers = [429], {"retry-after": said}
    with pytest.raises(Unavailable) as raised:
        webhook(webhook_channel(server.url)).send(NOTICE)
    assert raised.value.retry_after_s == wait_s


def test_a_receiver_whose_certificate_is_not_known_gets_nothing(tls):
    with http_server(tls) as server:
        with pytest.raises(Refused, match="certificate"):
            webhook(webhook_channel(server.url)).send(NOTICE)
        assert server.got == []


# --- callback ---------------------------------------------------------------------------------------------------------


def test_a_callback_is_the_facts_alone_with_the_key_in_its_header(server):
    told = replace(NOTICE, message=replace(MESSAGE, occasion="imported", facts={"job": "daily", "rows": {"read": 3}}))
    callback(replace(webhook_channel(f"{server.url}/status"), kind="callback", header="x-status-key")).send(told)
    ((path, headers, body),) = server.got
    assert (path, headers["x-status-key"], headers["content-type"]) == ("/status", PASSWORD, "application/json")
    assert json.loads(body) == {"id": NOTICE.id, "job": "daily", "rows": {"read": 3}}


def test_a_callback_without_facts_tells_what_a_webhook_would(server):
    callback(webhook_channel(server.url)).send(NOTICE)
    ((_, headers, body),) = server.got
    assert headers["x-api-key"] == PASSWORD
    assert (json.loads(body)["type"], json.loads(body)["id"]) == ("footfall.failure", NOTICE.id)


def test_no_key_goes_to_an_address_that_is_not_public_or_after_a_redirect(server):
    port = server.url.rpartition(":")[2]
    with pytest.raises(Refused, match="not a public address"):
        callback(webhook_channel(f"https://127.0.0.1:{port}/"), addresses=PUBLIC).send(NOTICE)
    assert server.got == []
    with http_server() as elsewhere:
        server.statuses, server.headers = [308], {"location": elsewhere.url}
        with pytest.raises(Refused, match="redirects the callback"):
            callback(webhook_channel(server.url)).send(NOTICE)
        assert elsewhere.got == []


# --- Apprise ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["syslog://", "dbus://", "nonsense", "nonsense://x"])
def test_apprise_does_not_act_on_this_machine_or_guess(url):
    with pytest.raises(Refused):
        Services(url)


def test_apprise_follows_no_redirect(server):
    with http_server() as elsewhere:
        server.statuses, server.headers = [307], {"location": f"{elsewhere.url}/inside"}
        with pytest.raises(Unavailable):
            Services(f"json://{server.url.partition('://')[2]}/hook").send(NOTICE)
        assert elsewhere.got == []
