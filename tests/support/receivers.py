"""Real servers that notices are sent to: mail with TLS and logins, and HTTP that answers as it is told."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from certificates import Files


@dataclass
class Mailbox:
    """What a mail server got. refuse: what it answers to a recipient instead of taking it (``550 no``)."""

    port: int = 0
    mails: list[tuple[str, list[str], EmailMessage]] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    refuse: str = ""
    secure: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - the server's name for it
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        mail: Any = message_from_bytes(envelope.content, policy=default)
        self.secure.append(server.transport.get_extra_info("ssl_object") is not None)
        self.mails.append((envelope.mail_from or "", list(envelope.rcpt_tos), mail))
        return "250 taken"


@contextmanager
def mail_server(
    tls: Files | None = None, *, implicit: bool = False, login: tuple[str, str] | None = None
) -> Iterator[Mailbox]:
    """An SMTP server on this machine. tls: offers STARTTLS, or speaks TLS from the start when ``implicit``.

    login: the only one that is accepted; then no mail is taken without.
    """
    box = Mailbox()
    context = None
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate, tls.key)

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        box.logins.append((data.login, data.password))
        fits = login is not None and (data.login.decode(), data.password.decode()) == login
        return AuthResult(success=fits, handled=False)

    more: dict[str, Any] = {"ssl_context": context} if implicit else {"tls_context": context}
    if login is not None:
        more |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": not implicit}
    with socket.socket() as probe:  # the controller greets itself on the port it was given, so 0 will not do
        probe.bind(("127.0.0.1", 0))
        box.port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=box.port, **more)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@dataclass
class Requests:
    """What an HTTP server got, and what it answers: statuses in turn, the last one from then on."""

    url: str = ""
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=lambda: [204])
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    dawdle: threading.Event | None = None


@contextmanager
def http_server(tls: Files | None = None) -> Iterator[Requests]:
    """An HTTP server on this machine."""
    requests = Requests()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            requests.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            if requests.dawdle is not None:
                self._dawdle(requests.dawdle)
                return
            status = requests.statuses[0] if len(requests.statuses) == 1 else requests.statuses.pop(0)
            self.send_response(status)
            for name, value in requests.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(requests.body)))
            self.end_headers()
            self.wfile.write(requests.body)

        do_GET = do_POST  # noqa: N815 - the library's name for it

        def _dawdle(self, until: threading.Event) -> None:
            """Answer one byte at a time, for ever."""
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not until.wait(0.05):
                try:
                    self.wfile.write(b"x")
                except OSError:
                    return

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    scheme = "http"
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate, tls.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    requests.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
