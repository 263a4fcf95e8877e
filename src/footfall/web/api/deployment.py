"""The deployment itself: what it is, who asks, and the definitions that give names to ids."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body
from pydantic import JsonValue

from footfall.model import definitions
from footfall.web.api.callers import Reading, Writing
from footfall.web.api.shapes import Told
from footfall.web.api.strict import section

router = section("/api", "deployment")


class Deployment(Told):
    """caller, scope: of the key that asks."""

    version: str
    subscription_id: str
    organization_id: str
    name: str
    time_zone: str
    log_end: int
    settled: int
    caller: str
    scope: str


class Defined(Told):
    """By kind: how many there are now."""

    definitions: dict[str, int]


@router.get("/deployment", summary="Show the deployment, and who asks")
def show_deployment(desk: Reading) -> Deployment:
    return Deployment(**desk.management.describe(), caller=desk.name, scope=desk.scope)


@router.get("/definitions", summary="Show the definitions")
def show_definitions(desk: Reading) -> dict[str, list[dict[str, JsonValue]]]:
    """Products, environments, features, engagements, surveys, articles."""
    return definitions.write(desk.management.catalogue.read())


@router.put("/definitions", summary="Add or replace definitions, all of these or none")
def put_definitions(desk: Writing, given: Annotated[dict[str, Any], Body()]) -> Defined:
    """By kind, a list of items; what is not named stays. The same as `PUT /metadata`."""
    desk.management.define(given)
    known = definitions.write(desk.management.catalogue.read())
    return Defined(definitions={kind: len(items) for kind, items in known.items()})
