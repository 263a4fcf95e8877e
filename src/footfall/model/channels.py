"""Ways to tell people something, and the rules for who is told what.

A channel is what may be shown; its secrets are a mapping of their own that only the vault and the senders hold.
Documented in docs/guide/notifications.md.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import urlsplit

from footfall.errors import Refused

KINDS: Final = {
    "mail": "a mail server, with TLS",
    "webhook": "an address that gets signed JSON",
    "callback": "an address that gets JSON with an API key in a header",
    "apprise": "any service that the library Apprise knows",
}
SECURITY: Final = {"starttls": 587, "tls": 465, "none": 25}
OCCASIONS: Final = {
    "failure": "a run failed; once until the job succeeds again",
    "paused": "a job was paused because something was refused",
    "recovery": "a job that had failed or was paused succeeded",
    "no_data": "a job that usually delivers rows delivered none",
    "unusual": "a run delivered far more or fewer rows than on the same weekday before",
    "done": "a run delivered files",
}
# What a rule tells of when nobody says: whatever needs a person, and its end.
USUAL: Final = ("failure", "paused", "recovery", "no_data", "unusual")
TEST: Final = "test"
# Of a file that a job of kind people_import has taken; told to the job's own channel, whatever the rules are.
IMPORTED: Final = "imported"
STATUS_KINDS: Final = ("callback", "webhook")  # of channels that may be told so
STATUS_CHANNEL: Final = "status_channel"  # option of such a job
# Options of a job: who gets a mail with a link when a run has delivered files, and through which channel.
EMAIL_TO: Final = "email_to"
EMAIL_CHANNEL: Final = "email_channel"
EMAIL_OPTIONS: Final = frozenset({EMAIL_TO, EMAIL_CHANNEL})
ADDRESSES_MAX: Final = 50
ADDRESS: Final = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}"
PATIENCE_MAX: Final = 100
SIGNING_PREFIX: Final = "whsec_"
SIGNING_BYTES: Final = (24, 64)

# By kind: secrets that are needed, and those that may be given beside them.
_SECRETS: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "mail": (frozenset(), frozenset({"user", "password"})),
    "webhook": (frozenset({"signing_secret"}), frozenset()),
    "callback": (frozenset({"api_key"}), frozenset()),
    "apprise": (frozenset({"url"}), frozenset()),
}
SECRETS: Final = ("user", "password", "signing_secret", "api_key", "url")
_SETTINGS: Final = {
    "mail": frozenset({"host", "port", "security", "sender", "to", "ca_bundle"}),
    "webhook": frozenset({"url", "ca_bundle"}),
    "callback": frozenset({"url", "header", "ca_bundle"}),
    "apprise": frozenset[str](),
}
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_PATTERN: Final = re.compile(r"[a-z0-9*][a-z0-9._*-]{0,62}")
_HOST: Final = re.compile(r"[A-Za-z0-9.:_-]{1,253}")
_ADDRESS: Final = re.compile(ADDRESS)
HEADER: Final = r"[A-Za-z][A-Za-z0-9_-]{0,62}"
USUAL_HEADER: Final = "x-api-key"
# They say how the message is to be read, or where it ends.
_OWN_HEADERS: Final = ("host", "connection", "transfer-encoding", "te", "trailer", "upgrade", "expect", "user-agent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One way to tell people, without its secrets. Raises ``Refused`` for what none can be.

    name: what rules call it. kind: one of ``KINDS``.
    host, port, security, sender, to: of a mail server: one of ``SECURITY``, port 0 for its usual one, who mails come
    from, who gets them unless a rule says otherwise. url: of a webhook or a callback. header: that the API key of a
    callback is sent in; ``USUAL_HEADER`` by default. ca_bundle: PEM file of the authorities that certificates are
    checked against; the machine's own by default.
    """

    name: str
    kind: str
    host: str = ""
    port: int = 0
    security: str = ""
    sender: str = ""
    to: tuple[str, ...] = ()
    url: str = ""
    header: str = ""
    ca_bundle: str = ""
    created_at: datetime

    def __post_init__(self) -> None:
        _check_name(self.name, "a channel")
        if self.kind not in KINDS:
            raise Refused(f"{self.kind!r} is no kind of channel", f"Choose one of {', '.join(KINDS)}")
        given = {each.name for each in fields(self) if getattr(self, each.name)} - {"name", "kind", "created_at"}
        excess = sorted(given - _SETTINGS[self.kind])
        if excess:
            hint = f"It takes {', '.join(sorted(_SETTINGS[self.kind])) or 'nothing but its secret'}"
            raise Refused(f"channel '{self.name}' of kind {self.kind} has no use for {', '.join(excess)}", hint)
        if self.kind == "mail":
            self._check_mail()
        elif self.kind in ("webhook", "callback"):
            _check_url(self.url, self.kind)
        name = self.header.lower()
        if self.header and (
            re.fullmatch(HEADER, name) is None or name in _OWN_HEADERS or name.startswith(("content-", "proxy-"))
        ):
            raise Refused(f"{self.header!r} cannot be the header of an API key", f"Use one such as {USUAL_HEADER}")

    def _check_mail(self) -> None:
        if _HOST.fullmatch(self.host) is None:
            raise Refused(f"channel '{self.name}' names no mail server", "Give host, such as smtp.example.com")
        if self.security and self.security not in SECURITY:
            raise Refused(f"security {self.security!r} is not known", f"Choose one of {', '.join(SECURITY)}")
        if not 0 <= self.port <= 65535:
            raise Refused(f"{self.port} is no port", "Use 587 with starttls or 465 with tls")
        check_addresses((self.sender,))
        check_addresses(self.to)

    @property
    def encrypted(self) -> str:
        """How a mail is secured on its way: one of ``SECURITY``."""
        return self.security or "starttls"

    @property
    def mail_port(self) -> int:
        return self.port or SECURITY[self.encrypted]

    @property
    def key_header(self) -> str:
        return self.header or USUAL_HEADER

    def plain(self) -> dict[str, Any]:
        """Name, kind and the settings that are given, as JSON or YAML has them; ``read_channel`` takes it back."""
        given = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "created_at"}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items() if value}


def read_channel(plain: Mapping[str, Any], created_at: datetime) -> Channel:
    """The channel that ``Channel.plain`` describes. Raises ``Refused`` for settings that there are not."""
    known = {each.name for each in fields(Channel)} - {"created_at"}
    _check_known("a channel", plain, known, {"name", "kind"})
    return Channel(**{**plain, "to": tuple(plain.get("to", ()))}, created_at=created_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who is told of what. Raises ``Refused`` for what no rule can be.

    channel: name of one. jobs: names, ``*`` stands for any characters; none means every job. on: of ``OCCASIONS``.
    to: addresses of this rule, for a mail channel; those of the channel by default.
    patience: failures in a row before the first is told; then recovery is told only if they were.
    """

    name: str
    channel: str
    jobs: tuple[str, ...] = ()
    on: tuple[str, ...] = USUAL
    to: tuple[str, ...] = ()
    patience: int = 1

    def __post_init__(self) -> None:
        _check_name(self.name, "a rule")
        for pattern in self.jobs:
            if _PATTERN.fullmatch(pattern) is None:
                raise Refused(f"{pattern!r} names no job", "Give names of jobs; * stands for any characters")
        unknown = [each for each in self.on if each not in OCCASIONS]
        if unknown or not self.on:
            raise Refused(
                f"rule '{self.name}' tells of {', '.join(unknown) or 'nothing'}", f"Choose among {', '.join(OCCASIONS)}"
            )
        if not 1 <= self.patience <= PATIENCE_MAX:
            raise Refused(f"a patience of {self.patience} failures cannot be", f"Use 1 to {PATIENCE_MAX}")
        check_addresses(self.to)

    def concerns(self, job: str) -> bool:
        return not self.jobs or any(fnmatchcase(job, pattern) for pattern in self.jobs)

    def plain(self) -> dict[str, Any]:
        """As JSON or YAML has it; ``read_rule`` takes it back."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


def read_rule(plain: Mapping[str, Any]) -> Rule:
    """The rule that ``Rule.plain`` describes; what is missing takes its default. Raises ``Refused``."""
    _check_known("a rule", plain, {each.name for each in fields(Rule)}, {"name", "channel"})
    given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in plain.items()}
    return Rule(**given)


def check_rule(rule: Rule, channel: Channel) -> None:
    """Refuse a rule that could tell nobody through its channel."""
    if rule.to and channel.kind != "mail":
        raise Refused(
            f"rule '{rule.name}' has addresses, but channel '{channel.name}' is of kind {channel.kind}",
            "Use a mail channel, or leave the addresses out",
        )
    if channel.kind == "mail" and not rule.to and not channel.to:
        raise Refused(
            f"rule '{rule.name}' would tell nobody: neither it nor channel '{channel.name}' has an address",
            "Give addresses to one of them",
        )


def check_status_channel(name: str, channels: Mapping[str, Channel]) -> None:
    """Refuse a name, unless it is empty, that is none of a channel that takes status. channels: by name."""
    if name and (name not in channels or channels[name].kind not in STATUS_KINDS):
        there = [each.name for each in channels.values() if each.kind in STATUS_KINDS]
        hint = f"Choose among {', '.join(there)}" if there else "Add one with `footfall notifications channels add`"
        raise Refused(f"'{name}' is no channel of kind {' or '.join(STATUS_KINDS)}", hint)


def check_secret_names(channel: Channel, given: Iterable[str]) -> None:
    """Refuse names of secrets that this channel lacks or has no use for."""
    names = set(given)
    needed, more = _SECRETS[channel.kind]
    missing, excess = sorted(needed - names), sorted(names - needed - more)
    if missing:
        what = f"channel '{channel.name}' lacks the secret {', '.join(missing)}"
        raise Refused(what, "Give it with --secret, or under secrets")
    if excess:
        takes = ", ".join(sorted(needed | more)) or "none"
        raise Refused(f"channel '{channel.name}' has no use for {', '.join(excess)}", f"This kind takes {takes}")
    if ("user" in names) != ("password" in names):
        raise Refused(f"channel '{channel.name}' has half of a login", "Give user and password")
    if "password" in names and channel.encrypted == "none":
        raise Refused(
            f"channel '{channel.name}' would send a password in the clear", "Use security starttls or tls, or no login"
        )


def check_secrets(channel: Channel, secrets: Mapping[str, str]) -> None:
    """Refuse secrets that this channel lacks or has no use for; a value is never named."""
    check_secret_names(channel, secrets)
    if any(not value.strip() or any(c in value for c in "\r\n\0") for value in secrets.values()):
        raise Refused(f"a secret of channel '{channel.name}' is empty or has more than one line")
    if "signing_secret" in secrets:
        signing_key(secrets["signing_secret"])
    if not all(" " <= character <= "~" for character in secrets.get("api_key", "")):
        raise Refused(f"the api_key of channel '{channel.name}' has characters that no header can have")


def signing_key(secret: str) -> bytes:
    """The key that a webhook is signed with, of ``whsec_`` and base64 of 24 to 64 bytes. Raises ``Refused``."""
    try:
        key = base64.b64decode(secret.removeprefix(SIGNING_PREFIX), validate=True)
    except ValueError:
        key = b""
    low, high = SIGNING_BYTES
    if not secret.startswith(SIGNING_PREFIX) or not low <= len(key) <= high:
        # `from None`: the error above would carry the text.
        raise Refused(
            f"signing_secret is not {SIGNING_PREFIX} and {low} to {high} bytes in base64",
            "Leave it out to have it drawn",
        ) from None
    return key


def check_addresses(addresses: Sequence[str]) -> None:
    """Refuse what is no plain ASCII mail address: nothing in one may end a header or begin another."""
    if len(addresses) > ADDRESSES_MAX:
        raise Refused(f"{len(addresses)} addresses are too many", f"Name at most {ADDRESSES_MAX}, or a mailing list")
    for address in addresses:
        if not isinstance(address, str) or len(address) > 254 or _ADDRESS.fullmatch(address) is None:
            raise Refused("that is no mail address", "Write it as person@example.com, without a name")


def _check_url(url: str, what: str) -> None:
    proof = "signature" if what == "webhook" else "API key"
    hint = f"Write https://host/path; the {proof}, not the address, proves who sends"
    try:
        parts = urlsplit(url)
        fits = url.startswith(("https://", "http://")) and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise Refused(f"the address of the {what} cannot be read: {error}", hint) from error
    # It is shown in lists and kept in the clear, so it must hold no secret.
    if not fits or parts.username is not None or {"?", "#"} & {*url} or not _printable(url):
        raise Refused(f"the address of the {what} has a user, a query, a fragment, or is none", hint)


def _printable(text: str) -> bool:
    return all("!" <= character <= "~" for character in text)


def _check_name(name: str, what: str) -> None:
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise Refused(
            f"{name!r} cannot be the name of {what}", "Use lower-case letters, digits, '.', '_' and '-', at most 63"
        )


def _check_known(what: str, plain: Mapping[str, Any], known: Iterable[str], needed: Iterable[str]) -> None:
    known = sorted(known)
    unknown, missing = sorted(plain.keys() - set(known)), sorted(set(needed) - plain.keys())
    if unknown:
        raise Refused(f"{what} has no setting {', '.join(unknown)}", f"It has {', '.join(known)}")
    if missing:
        raise Refused(f"{what} lacks {', '.join(missing)}")
