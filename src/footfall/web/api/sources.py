"""Sources: who may send events. A write key is answered once, when it is made."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path
from pydantic import Field

from footfall.ports import Source
from footfall.web.api.callers import Administering, Reading
from footfall.web.api.repeats import repeatable
from footfall.web.api.shapes import Given, Instant, Told
from footfall.web.api.strict import section

router = section("/api/sources", "sources")
SourceName = Annotated[str, Path(max_length=200, description="Name of the source.")]
Text = Annotated[str, Field(min_length=1, max_length=200)]


class SourceSettings(Given):
    """product_key, environment: of its events, unless they name one."""

    product_key: Text = "default"
    environment: Text = "Production"
    channel: Literal["web", "server", "ios", "android", "desktop"] = "server"


class SourceIn(SourceSettings):
    """A source to be made."""

    name: Text


class SourceOut(Told):
    name: str
    product_key: str
    environment: str
    channel: str
    state: Literal["active", "revoked"]
    created_at: Instant
    revoked_at: Instant | None


class NewSource(Told):
    """write_key: shown this once."""

    name: str
    write_key: str


class Sources(Told):
    sources: list[SourceOut]


class Revoked(Told):
    name: str
    state: Literal["revoked"] = "revoked"


@router.get("", summary="List the sources")
def list_sources(desk: Reading) -> Sources:
    return Sources(sources=[_out(source) for source in desk.management.sources.all()])


@router.post("", status_code=201, summary="Make a source and its write key")
@repeatable
def add_source(desk: Administering, given: SourceIn) -> NewSource:
    key = desk.management.create_source(given.name, given.product_key, given.environment, given.channel)
    return NewSource(name=given.name, write_key=key)


@router.put("/{name}", summary="Change what a source's events are taken for from now on")
def change_source(desk: Administering, name: SourceName, given: SourceSettings) -> SourceOut:
    """All of its settings. Its write key stays, and events that were accepted stay as they are."""
    return _out(desk.management.sources.change(name, **given.model_dump()))


@router.delete("/{name}", summary="Stop accepting a source's key, within five seconds")
def revoke_source(desk: Administering, name: SourceName) -> Revoked:
    desk.management.sources.revoke(name, desk.management.clock())
    return Revoked(name=name)


def _out(source: Source) -> SourceOut:
    return SourceOut(
        name=source.name,
        product_key=source.product_key,
        environment=source.environment,
        channel=source.channel,
        state="active" if source.revoked_at is None else "revoked",
        created_at=source.created_at,
        revoked_at=source.revoked_at,
    )
