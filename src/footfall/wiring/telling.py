"""Telling people over a data directory: channels, what is sent through them, and the links in it."""

from __future__ import annotations

import base64
import secrets as chance
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from random import SystemRandom
from typing import TYPE_CHECKING, Final

from footfall import __version__
from footfall.errors import Refused
from footfall.flows.post_notices import Postman
from footfall.flows.tell import Teller, email_of
from footfall.model import links
from footfall.model.channels import (
    SIGNING_PREFIX,
    STATUS_CHANNEL,
    Channel,
    check_rule,
    check_secrets,
    check_status_channel,
)
from footfall.model.jobs import LOST_RUN, Attempt
from footfall.model.notices import Message, recipients, trial
from footfall.stores.channels import BEFORE, SqlChannels
from footfall.stores.outbox import SqlOutbox

if TYPE_CHECKING:
    from footfall.model.jobs import Job
    from footfall.notify.dialing import Addresses
    from footfall.ports import Claim, Messenger
    from footfall.web.downloads import Download
    from footfall.wiring.hub import Footfall

_LINK_OWNER: Final = ("download_link", "hub")
_AGENT: Final = f"footfall/{__version__}"


def channels_of(hub: Footfall) -> SqlChannels:
    """The channels and rules of this data directory."""
    return SqlChannels(hub.database, hub.vault, hub.note)


def outbox_of(hub: Footfall) -> SqlOutbox:
    """What is to be told, of this data directory."""
    return SqlOutbox(hub.database, hub.note)


def teller_of(hub: Footfall) -> Teller:
    """Who is told of every run that ended."""
    return Teller(channels_of(hub), outbox_of(hub), partial(_whole, hub), hub.database.savepoint)


def postman_of(hub: Footfall) -> Postman:
    """Who sends what waits."""
    return Postman(
        outbox_of(hub), partial(messenger_of, hub), partial(links_of, hub), hub.clock, SystemRandom()
    )  # fmt: skip


def send_without_server(hub: Footfall) -> None:
    """Send what is due now, unless a server runs here that does; what fails waits for the next time."""
    if not (hub.settings.data / "server.json").exists():
        send_waiting(hub)


def send_waiting(hub: Footfall) -> None:
    """Send what is due now."""
    postman = postman_of(hub)
    while postman.once():
        pass


def _whole(hub: Footfall, claim: Claim) -> bool:
    """Did no earlier attempt, since the slot was asked for, deliver a part of it? One that was killed may have."""
    first = claim.attempt - claim.tries + 1
    before = [hub.jobs.run(f"{claim.job.name}:{claim.slot.name}:{n}") for n in range(first, claim.attempt)]
    return all(run.state == "failed" and run.files == 0 and run.error != LOST_RUN for run in before)


# --- channels ------------------------------------------------------------------------------------


def add_channel(hub: Footfall, channel: Channel, given: Mapping[str, str]) -> str:
    """Keep a new channel; return the signing secret that was drawn for a webhook that came without, else nothing.

    Raises ``Refused`` for what may not be reached, and as ``ports.Channels.add``.
    """
    drawn = _drawn(channel, given)
    whole = {**given, "signing_secret": drawn} if drawn else dict(given)
    check_secrets(channel, whole)
    check_reach(hub, channel, whole)
    channels_of(hub).add(channel, whole)
    return drawn


def change_channel(
    hub: Footfall, channel: Channel, given: Mapping[str, str] | None = None, *, alone: bool = True
) -> None:
    """Give a channel other settings and, unless None, other secrets. Raises as ``ports.Channels.change``.

    Also ``Refused`` for what may not be reached, and for a channel through which a rule would tell nobody any more.
    alone: without it the rules are changed too, and ``check_rules`` comes after that.
    """
    store = channels_of(hub)
    with hub.database.transaction():
        store.change(channel, given)
        check_reach(hub, channel, store.secrets(channel.name))
        if alone:
            check_rules(hub)


def check_rules(hub: Footfall) -> None:
    """Refuse channels and rules of which some could tell nobody."""
    store = channels_of(hub)
    for rule in store.rules():
        check_rule(rule, store.get(rule.channel))


def rotate_channel(hub: Footfall, name: str, given: Mapping[str, str]) -> str:
    """Give a channel new secrets; return the signing secret that was drawn, if one was."""
    channel = channels_of(hub).get(name)
    drawn = _drawn(channel, given)
    whole = {**given, "signing_secret": drawn} if drawn else dict(given)
    if not whole:
        raise Refused(f"nothing new is given for channel '{name}'", "Give the secrets that take over")
    check_secrets(channel, whole)
    check_reach(hub, channel, whole)
    channels_of(hub).rotate(name, whole)
    return drawn


def check_reach(hub: Footfall, channel: Channel, given: Mapping[str, str]) -> None:
    """Refuse what this hub may not talk to. Nothing is connected, and no name looked up. given: secrets, if known."""
    private = hub.settings.allow_private_endpoints
    if channel.kind in ("webhook", "callback"):
        from footfall.buckets.endpoints import check_endpoint

        check_endpoint(channel.url, private=private)
    elif channel.kind == "mail" and channel.encrypted == "none" and not private:
        raise Refused(
            f"channel '{channel.name}' would send mail in the clear",
            "Use security starttls or tls, or let the operator set allow_private_endpoints",
        )
    elif channel.kind == "apprise":
        _require_apprise(hub)
        if "url" in given:
            from footfall.notify.services import Services

            Services(given["url"])


def try_channel(hub: Footfall, name: str, to: Sequence[str] = ()) -> int:
    """Send a test through the channel now, past the outbox; return to how many. Raises what the messenger raises."""
    channel = channels_of(hub).get(name)
    whom = recipients(channel, tuple(to))
    if not whom:
        raise Refused(f"channel '{name}' has no address", "Say --to")
    messenger = messenger_of(hub, name)
    for address in whom:
        messenger.send(trial(channel, address, hub.clock()))
    return len(whom)


def check_email(hub: Footfall, job: Job) -> None:
    """Refuse a job whose option ``email_to`` could reach nobody."""
    if job.options.get("email_to"):
        email_of(job, {channel.name: channel for channel in channels_of(hub).all()})


def check_status(hub: Footfall, job: Job) -> None:
    """Refuse a job whose option ``status_channel`` names nothing that could be told."""
    if name := job.options.get(STATUS_CHANNEL):
        check_status_channel(str(name), {channel.name: channel for channel in channels_of(hub).all()})


def messenger_of(hub: Footfall, name: str) -> Messenger:
    """What carries notices through the channel of that name."""
    store = channels_of(hub)
    channel, given = store.get(name), store.secrets(name)
    if channel.kind == "mail":
        from footfall.notify.mail import Mail

        check_reach(hub, channel, given)  # what was allowed when it was made may not be any more
        return Mail(channel, given, addresses=_addresses(hub))
    if channel.kind == "webhook":
        from footfall.notify.webhook import Webhook

        check_reach(hub, channel, given)
        known = tuple(given[field] for field in ("signing_secret", BEFORE) if field in given)
        return Webhook(channel, known, addresses=_addresses(hub), clock=hub.clock, agent=_AGENT)
    if channel.kind == "callback":
        from footfall.notify.callback import Callback

        check_reach(hub, channel, given)
        return Callback(channel, given["api_key"], addresses=_addresses(hub), agent=_AGENT)
    from footfall.notify.services import Services

    _require_apprise(hub)
    return Services(given["url"])


def _addresses(hub: Footfall) -> Addresses:
    from footfall.buckets.endpoints import addresses_of

    return partial(addresses_of, private=hub.settings.allow_private_endpoints)


def _require_apprise(hub: Footfall) -> None:
    if not hub.settings.allow_apprise:
        raise Refused(
            "Apprise may not be used here: it connects to wherever its address says",
            "Let the operator set allow_apprise, or use a webhook or mail",
        )


def _drawn(channel: Channel, given: Mapping[str, str]) -> str:
    if channel.kind != "webhook" or "signing_secret" in given:
        return ""
    return SIGNING_PREFIX + base64.b64encode(chance.token_bytes(32)).decode()


# --- links ---------------------------------------------------------------------------------------


def links_of(hub: Footfall, message: Message) -> tuple[tuple[str, str], ...]:
    """(name, address) of the files of a message, signed; they count from when it happened, not from now."""
    if not message.keys:
        return ()
    keys, place = _link_keys(hub), links.fingerprint(hub.jobs.get(message.job).url)
    base = hub.settings.admin_url or f"http://{hub.settings.host}:{hub.settings.admin_port}"
    until = message.at + timedelta(hours=hub.settings.link_hours)
    return tuple(
        (key.rpartition("/")[2], f"{base}/downloads/{links.sign(links.Link(message.run, key, place, until), keys)}")
        for key in message.keys
    )


def read_link(hub: Footfall, token: str) -> links.Link:
    """The link that a token stands for. Raises ``links.Expired`` and ``Refused``."""
    return links.read(token, _opened(hub), hub.clock())


def fetch(hub: Footfall, link: links.Link) -> Download:
    """The file that a link leads to, from where its job delivers. Raises ``Refused`` if that is elsewhere by now, and
    ``KeyError`` if the file is gone."""
    from footfall.web.downloads import Download
    from footfall.wiring.jobs import place_of

    job = hub.jobs.get(link.run.partition(":")[0])
    if links.fingerprint(job.url) != link.place:
        raise Refused(f"job '{job.name}' delivers to another place by now", "Take the file from where it was delivered")
    bucket = place_of(hub, job, Attempt(0, 1, 0, rehearsal=False, beat=lambda: None))
    stored = bucket.stat(link.key)
    return Download(link.key.rpartition("/")[2], stored.size_bytes, iter(bucket.open(link.key)))


def rotate_link_key(hub: Footfall, *, forget: bool = False) -> str:
    """Draw a new key for links and return its id. forget: links that were signed before are void at once."""
    with hub.database.transaction():
        kid = links.next_id(hub.vault.fields(*_LINK_OWNER))
        if forget:
            hub.vault.drop(*_LINK_OWNER)
        hub.vault.put(*_LINK_OWNER, {kid: base64.b64encode(chance.token_bytes(links.KEY_BYTES)).decode()})
        hub.note("link_key.rotate", f"link key {kid}", None, {"forgotten": forget})
    return kid


def _link_keys(hub: Footfall) -> Mapping[str, bytes]:
    """The keys that links are signed with; the first is drawn when the first link is."""
    if not hub.vault.fields(*_LINK_OWNER):
        with hub.database.transaction():
            if not hub.vault.fields(*_LINK_OWNER):
                rotate_link_key(hub)
    return _opened(hub)


def _opened(hub: Footfall) -> Mapping[str, bytes]:
    return {kid: base64.b64decode(key) for kid, key in hub.vault.get(*_LINK_OWNER).items()}
