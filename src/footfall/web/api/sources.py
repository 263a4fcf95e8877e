"""Sources: who may send events. A write key is answered once, when it is made."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import Field

from footfall.model.tag import IDLE_MINUTES_MAX, read_tag
from footfall.ports import Source
from footfall.web.api.callers import Administering, Desk, Reading
from footfall.web.api.repeats import repeatable
from footfall.web.api.shapes import Flag, Given, Instant, Told, Whole
from footfall.web.api.strict import section

router = section("/api/sources", "sources")
SourceName = Annotated[str, Path(max_length=200, description="Name of the source.")]
Text = Annotated[str, Field(min_length=1, max_length=200)]


class TagSettings(Given):
    """What the browser tag notices. attributes: of elements, that clicks tell beside the usual ones."""

    attributes: Annotated[tuple[Text, ...], Field(max_length=100)] = ()
    text: Flag = True
    title: Flag = True
    pages: Flag = True
    clicks: Flag = True
    forms: Flag = True
    idle_minutes: Annotated[Whole, Field(ge=1, le=IDLE_MINUTES_MAX)] = 30


class SourceSettings(Given):
    """product_key, environment: of its events, unless they name one."""

    product_key: Text = "default"
    environment: Text = "Production"
    channel: Literal["web", "server", "ios", "android", "desktop"] = "server"
    tag: TagSettings = TagSettings()


class SourceIn(SourceSettings):
    """A source to be made."""

    name: Text


class SourceOut(Told):
    name: str
    product_key: str
    environment: str
    channel: str
    tag: TagSettings
    user_hash: bool
    state: Literal["active", "revoked"]
    created_at: Instant
    revoked_at: Instant | None


class NewSource(Told):
    """write_key: shown this once."""

    name: str
    write_key: str


class NewUserHashKey(Told):
    """user_hash_key: what userHashes are made with, shown this once."""

    name: str
    user_hash_key: str


class UserHashOff(Told):
    name: str
    user_hash: Literal[False] = False


class Sources(Told):
    sources: list[SourceOut]


class Revoked(Told):
    name: str
    state: Literal["revoked"] = "revoked"


@router.get("", summary="List the sources")
def list_sources(desk: Reading) -> Sources:
    return Sources(sources=[_out(desk, source) for source in desk.management.sources.all()])


@router.post("", status_code=201, summary="Make a source and its write key")
@repeatable
def add_source(desk: Administering, given: SourceIn) -> NewSource:
    key = desk.management.create_source(given.name, given.product_key, given.environment, given.channel, _tag(given))
    return NewSource(name=given.name, write_key=key)


@router.put("/{name}", summary="Change what a source's events are taken for from now on")
def change_source(desk: Administering, name: SourceName, given: SourceSettings) -> SourceOut:
    """All of its settings. Its write key stays, and events that were accepted stay as they are."""
    settings = given.model_dump() | {"tag": _tag(given)}
    return _out(desk, desk.management.sources.change(name, **settings))


@router.delete("/{name}", summary="Stop accepting a source's key, within five seconds")
def revoke_source(desk: Administering, name: SourceName) -> Revoked:
    desk.management.sources.revoke(name, desk.management.clock())
    return Revoked(name=name)


@router.post("/{name}/user-hash", status_code=201, summary="Take events of users only with their userHash")
@repeatable
def require_user_hash(desk: Administering, name: SourceName) -> NewUserHashKey:
    """Makes a new key; one that was made before no longer counts."""
    return NewUserHashKey(name=name, user_hash_key=desk.management.require_user_hash(name))


@router.delete("/{name}/user-hash", summary="Take events of users without proof again")
def release_user_hash(desk: Administering, name: SourceName) -> UserHashOff:
    desk.management.release_user_hash(name)
    return UserHashOff(name=name)


def _tag(given: SourceSettings) -> dict[str, Any]:
    return read_tag(given.tag.model_dump())


def _out(desk: Desk, source: Source) -> SourceOut:
    return SourceOut(
        name=source.name,
        product_key=source.product_key,
        environment=source.environment,
        channel=source.channel,
        tag=TagSettings(**source.tag),
        user_hash=desk.management.needs_user_hash(source.name),
        state="active" if source.revoked_at is None else "revoked",
        created_at=source.created_at,
        revoked_at=source.revoked_at,
    )
