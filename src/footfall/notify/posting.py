"""One HTTP POST, one connection, to an address that was checked, and what the answer means.

The receiver has accepted with any 2xx; what it says beside that is not read. A redirect is a refusal: nobody is
followed to where the rules for endpoints did not look.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Final
from urllib.parse import urlsplit

from footfall.errors import FootfallError, Refused, Unavailable
from footfall.notify.dialing import Addresses, dial, tls_context

CALL_TIMEOUT_S: Final = 10.0
TOTAL_TIMEOUT_S: Final = 30.0
# Not accepted, but perhaps a little later: too early, too many, and whatever the receiver's own faults are.
_PASSING: Final = frozenset({408, 409, 423, 425, 429})
_RETRY_AFTER_MAX_S: Final = 3600
_DIGITS_MAX: Final = 9


class Poster:
    """Sends to one address. what: it is, for messages.

    url: whose address the rules for endpoints have accepted. ca_bundle: see ``Channel``. addresses: where its host may
    be connected to.
    """

    def __init__(
        self, what: str, url: str, ca_bundle: str, *, addresses: Addresses, agent: str, total_timeout_s: float
    ) -> None:
        self._what = what
        self._parts = urlsplit(url)
        self._ca_bundle = ca_bundle
        self._addresses = addresses
        self._agent = agent
        self._total_timeout_s = total_timeout_s

    def post(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Return when JSON was accepted; raises as ``ports.Messenger.send``."""
        host = self._parts.hostname or ""
        usual = {"content-type": "application/json", "user-agent": self._agent, "connection": "close"}
        try:
            with (
                closing(self._connected(host)) as connection,
                closing(self._posted(connection, body, {**usual, **headers})) as answer,
            ):
                status, wait = answer.status, answer.headers.get("retry-after", "")
        except FootfallError:
            raise
        except ssl.SSLCertVerificationError as error:
            raise Refused(
                f"the certificate of {host} is not accepted: {error.verify_message}",
                "Give the receiver a certificate of a known authority, or the channel a ca_bundle",
            ) from error
        except (OSError, HTTPException, ValueError) as error:
            raise Unavailable(f"{host} did not take the {self._what}: {type(error).__name__}") from error
        self._judge(host, status, wait)

    def _connected(self, host: str) -> HTTPConnection:
        secure = self._parts.scheme == "https"
        port = self._parts.port or (443 if secure else 80)
        connection = HTTPConnection(host, port)
        plain = dial(host, port, self._addresses, CALL_TIMEOUT_S)
        try:
            connection.sock = tls_context(self._ca_bundle).wrap_socket(plain, server_hostname=host) if secure else plain
        except BaseException:
            plain.close()
            raise
        return connection

    def _posted(self, connection: HTTPConnection, body: bytes, headers: Mapping[str, str]) -> HTTPResponse:
        """Send, and read the head of the answer; http.client takes at most 100 lines of 64 KiB of it."""
        sock = connection.sock
        # A timeout of the socket counts anew with every byte; this one ends a server that sends one now and then.
        late = threading.Event()
        watch = threading.Timer(self._total_timeout_s, _hang_up, [sock, late])
        watch.daemon = True
        watch.start()
        try:
            path = self._parts.path or "/"
            connection.request("POST", path, body, {"host": self._parts.netloc, **headers})
            answer = connection.getresponse()
            if late.is_set():  # then the head may end where we cut it
                answer.close()
                raise TimeoutError
            return answer
        finally:
            watch.cancel()

    def _judge(self, host: str, status: int, wait: str) -> None:
        """Return if that was an acceptance. wait: seconds that the receiver asks for."""
        if 200 <= status < 300:
            return
        if 300 <= status < 400:
            raise Refused(f"{host} redirects the {self._what}, which is not followed", "Give the address it leads to")
        reason = f"{host} answered {status} {http.client.responses.get(status, '')}".rstrip()
        if status >= 500 or status in _PASSING:
            raise Unavailable(reason, retry_after_s=_asked_s(wait))
        raise Refused(reason, f"Check the address of the {self._what} and the secret its receiver verifies with")


def _asked_s(wait: str) -> int:
    """Seconds to wait by the header of an answer; 1 where it says no number."""
    if not (wait.isascii() and wait.isdigit()):
        return 1
    # Of thousands of digits int() makes no number but an error.
    return min(int(wait), _RETRY_AFTER_MAX_S) if len(wait) <= _DIGITS_MAX else _RETRY_AFTER_MAX_S


def _hang_up(sock: socket.socket, late: threading.Event) -> None:
    late.set()
    # Through the plain socket beneath TLS too: closing politely would wait for the other side.
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        return
