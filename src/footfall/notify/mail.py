"""``ports.Messenger`` as mail: plain text and HTML in one, by SMTP with TLS, one mail a connection and recipient."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP as MAIL_POLICY
from email.utils import format_datetime
from typing import Final

import aiosmtplib
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from footfall.errors import Denied, FootfallError, Refused, Unavailable
from footfall.model.channels import Channel
from footfall.model.notices import Notice
from footfall.notify.dialing import Addresses, dial, tls_context
from footfall.notify.texts import html, plain, subject

CALL_TIMEOUT_S: Final = 15.0
TOTAL_TIMEOUT_S: Final = 60.0
_LOGIN: Final = "Check user and password of the channel; some providers want a password for programs"


class Mail:
    """See ``ports.Messenger``. secrets: user and password, or none. addresses: where the server may be connected to."""

    def __init__(
        self,
        channel: Channel,
        secrets: Mapping[str, str],
        *,
        addresses: Addresses,
        total_timeout_s: float = TOTAL_TIMEOUT_S,
    ) -> None:
        self._channel = channel
        self._secrets = secrets
        self._addresses = addresses
        self._total_timeout_s = total_timeout_s

    def send(self, notice: Notice) -> None:
        channel = self._channel
        mail = _mail(channel, notice)
        sock = dial(channel.host, channel.mail_port, self._addresses, CALL_TIMEOUT_S)
        try:
            asyncio.run(asyncio.wait_for(self._deliver(sock, mail, notice.to), self._total_timeout_s))
        except FootfallError:
            raise
        except (SMTPException, OSError, TimeoutError) as error:
            raise _translation(channel, error) from error
        finally:
            sock.close()

    async def _deliver(self, sock: object, mail: EmailMessage, to: str) -> None:
        channel = self._channel
        transport: asyncio.BaseTransport | None = None
        client = aiosmtplib.SMTP(
            hostname=channel.host,
            sock=sock,  # type: ignore[arg-type]  # a socket
            timeout=CALL_TIMEOUT_S,
            use_tls=channel.encrypted == "tls",
            # True means: no mail without it, so nobody on the way can take the offer out.
            start_tls=channel.encrypted == "starttls",
            tls_context=None if channel.encrypted == "none" else tls_context(channel.ca_bundle),
            local_hostname=channel.sender.rpartition("@")[2],
        )
        try:
            await client.connect()
            if "user" in self._secrets:
                await client.login(self._secrets["user"], self._secrets["password"])
            await client.send_message(mail, sender=channel.sender, recipients=[to])
            with suppress(SMTPException, OSError, TimeoutError):  # it is accepted, however they part
                transport = client.transport
                await client.quit()
        finally:
            await _dropped(client.transport or transport)


async def _dropped(transport: asyncio.BaseTransport | None) -> None:
    """End the connection now: TLS would wait for the other side to say goodbye."""
    if isinstance(transport, asyncio.Transport):
        transport.abort()
    for _ in range(3):  # the ends of TLS and of the connection beneath take a turn of the loop each
        await asyncio.sleep(0)


def _mail(channel: Channel, notice: Notice) -> EmailMessage:
    """The mail; its class refuses a line break in any header."""
    mail = EmailMessage(policy=MAIL_POLICY)
    mail["Subject"] = subject(notice)
    mail["From"] = channel.sender
    mail["To"] = notice.to
    mail["Date"] = format_datetime(notice.message.at)
    mail["Message-ID"] = f"<{notice.id}@{channel.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(plain(notice))
    mail.add_alternative(html(notice), subtype="html")
    return mail


def _translation(channel: Channel, error: Exception) -> FootfallError:
    """What the caller should do about it. What the server said is left out: it may repeat what it was sent."""
    server = f"the mail server {channel.host}"
    code = error.code if isinstance(error, SMTPResponseException) else 0
    if isinstance(error, SMTPRecipientsRefused):
        code = error.recipients[0].code
        if code >= 500:
            return Refused(f"{server} does not take mail for this address ({code})", "Correct the address")
        return Unavailable(f"{server} does not take mail for this address now ({code})", retry_after_s=60)
    if isinstance(error, SMTPAuthenticationError) and code >= 500:
        return Denied(f"{server} refuses the login ({code})", _LOGIN)
    if isinstance(error, SMTPNotSupported) or type(error) is SMTPException:  # of the library: no STARTTLS, no login
        return Refused(f"{server} does not offer what is needed: {error.message}", "Choose another security or port")
    if isinstance(error, ssl.SSLCertVerificationError) or isinstance(error.__cause__, ssl.SSLCertVerificationError):
        return Refused(f"the certificate of {server} is not accepted", "Give the channel a ca_bundle")
    if code >= 500:
        return Refused(f"{server} refuses the mail ({code})", "Check sender and permissions at the provider")
    return Unavailable(f"{server} did not take the mail: {code or type(error).__name__}")
