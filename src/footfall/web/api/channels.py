"""Channels: ways to tell people. Their secrets go in and never come out, but for a signing secret drawn here, once."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import Field

from footfall.model.authorizations import Secrets
from footfall.model.channels import ADDRESSES_MAX, Channel
from footfall.web.api.authorizations import Deleted, Secret, Setting
from footfall.web.api.callers import Administering, Desk, Reading, Writing
from footfall.web.api.repeats import repeatable
from footfall.web.api.shapes import NAME_PATTERN, Given, Instant, Name, ServerFile, Told, Whole
from footfall.web.api.strict import section
from footfall.web.api.tasks import TaskOut, task_out

router = section("/api/channels", "notifications")
ChannelName = Annotated[str, Path(pattern=NAME_PATTERN, description="Name of the channel.")]
Addresses = Annotated[
    list[Annotated[str, Field(max_length=254)]], Field(max_length=ADDRESSES_MAX, default_factory=list)
]


class ChannelSecretsIn(Given):
    """Secrets by name: of mail user and password, of a callback its api_key, of apprise its url. They are never
    answered."""

    user: Secret | None = None
    password: Secret | None = None
    signing_secret: Annotated[
        Secret | None, Field(description="Of a webhook: `whsec_` and base64 of 24 to 64 bytes. Left out, it is drawn.")
    ] = None
    api_key: Secret | None = None
    url: Secret | None = None

    def given(self) -> Secrets:
        """Those that are there."""
        return Secrets({name: value for name, value in self if value is not None})

    def __repr_args__(self) -> list[tuple[str | None, object]]:
        return [(name, "…") for name, value in self if value is not None]


class ChannelSettings(Given):
    """Everything about a channel but its name and its secrets. Which settings it may have follows from its kind."""

    kind: Literal["mail", "webhook", "callback", "apprise"] = "mail"
    host: Setting = ""
    port: Annotated[Whole, Field(ge=0, le=65535, description="0 is the usual one: 587, with tls 465.")] = 0
    security: Annotated[Literal["", "starttls", "tls", "none"], Field(description="starttls by default.")] = ""
    sender: Annotated[Setting, Field(description="Address that mails come from.")] = ""
    to: Addresses
    url: Annotated[Setting, Field(description="Of a webhook or callback.")] = ""
    header: Annotated[Setting, Field(description="That a callback's API key is sent in; x-api-key by default.")] = ""
    ca_bundle: ServerFile = ""


class ChannelIn(ChannelSettings):
    """A channel to be made."""

    name: Name
    secrets: ChannelSecretsIn = ChannelSecretsIn()


class ChannelOut(Told):
    """A channel. secrets: names only. rules: that use it."""

    name: str
    kind: str
    host: str
    port: int
    security: str
    sender: str
    to: list[str]
    url: str
    header: str
    ca_bundle: str
    created_at: Instant
    secrets: list[str]
    rules: list[str]


class NewSecrets(Told):
    """A channel whose secrets are new. signing_secret: if it was drawn, shown this once; else null."""

    channel: ChannelOut
    signing_secret: str | None


class Channels(Told):
    channels: list[ChannelOut]


class TestIn(Given):
    """to: who gets the test instead of the channel's own addresses."""

    to: Annotated[list[Annotated[str, Field(max_length=254)]], Field(max_length=5, default_factory=list)]


@router.get("", summary="List the channels")
def list_channels(desk: Reading) -> Channels:
    return Channels(channels=[_out(desk, each) for each in desk.management.channels.all()])


@router.post("", status_code=201, summary="Add a channel")
@repeatable
def add_channel(desk: Administering, given: ChannelIn) -> NewSecrets:
    drawn = desk.management.add_channel(_channel(desk, given.name, given), given.secrets.given())
    return _with_secrets(desk, given.name, drawn)


@router.get("/{name}", summary="Show a channel")
def show_channel(desk: Reading, name: ChannelName) -> ChannelOut:
    return _out(desk, desk.management.channels.get(name))


@router.put("/{name}", summary="Change a channel's settings")
def change_channel(desk: Administering, name: ChannelName, given: ChannelSettings) -> ChannelOut:
    """All of its settings; its kind cannot change, and its secrets stay."""
    desk.management.change_channel(_channel(desk, name, given))
    return _out(desk, desk.management.channels.get(name))


@router.put("/{name}/secrets", summary="Give a channel new secrets")
def rotate_channel(desk: Administering, name: ChannelName, given: ChannelSecretsIn) -> NewSecrets:
    """They replace all it has. A webhook signs with the one before, too, until the next time."""
    return _with_secrets(desk, name, desk.management.rotate_channel(name, given.given()))


@router.delete("/{name}", summary="Delete a channel and its secrets")
def delete_channel(
    desk: Administering,
    name: ChannelName,
    force: Annotated[Literal["true", "false"], Query(description="With its rules and what still waits.")] = "false",
) -> Deleted:
    desk.management.channels.delete(name, force=force == "true")
    return Deleted(name=name)


@router.post("/{name}/test", status_code=202, summary="Send a test through a channel")
@repeatable
def try_channel(desk: Writing, name: ChannelName, given: TestIn | None = None) -> TaskOut:
    """A task: it succeeds when every test was accepted."""
    desk.management.channels.get(name)
    return task_out(desk.management.tasks.try_channel(name, given.to if given else (), desk.name))


def _channel(desk: Desk, name: str, given: ChannelSettings) -> Channel:
    settings = given.model_dump(exclude={"name", "secrets"})
    return Channel(name=name, **{**settings, "to": tuple(given.to)}, created_at=desk.management.clock())


def _with_secrets(desk: Desk, name: str, drawn: str) -> NewSecrets:
    return NewSecrets(channel=_out(desk, desk.management.channels.get(name)), signing_secret=drawn or None)


def _out(desk: Desk, channel: Channel) -> ChannelOut:
    store = desk.management.channels
    return ChannelOut(
        name=channel.name,
        kind=channel.kind,
        host=channel.host,
        port=channel.port,
        security=channel.security,
        sender=channel.sender,
        to=list(channel.to),
        url=channel.url,
        header=channel.header,
        ca_bundle=channel.ca_bundle,
        created_at=channel.created_at,
        secrets=sorted(store.secret_names(channel.name)),
        rules=[rule.name for rule in store.rules() if rule.channel == channel.name],
    )
