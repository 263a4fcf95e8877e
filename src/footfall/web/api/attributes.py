"""Attributes of users and accounts: what they are, and what becomes of several sayings."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path
from pydantic import Field, StrictFloat

from footfall.model.attribute_definitions import (
    CAPACITY_MAX,
    KEEP_DAYS_MAX,
    NAME_CHARACTERS_MAX,
    SHARED_BY_MAX,
    AttributeDefinition,
    of_plain,
)
from footfall.web.api.callers import Administering, Reading
from footfall.web.api.shapes import Flag, Given, Told, Whole, Words
from footfall.web.api.strict import section

router = section("/api/attributes", "attributes")
Entity = Annotated[Literal["user", "account"], Path(description="Whose attributes.")]
Name = Annotated[str, Path(min_length=1, max_length=NAME_CHARACTERS_MAX, description="In any spelling.")]
Type = Literal["STRING", "NUMBER", "BOOLEAN", "DATE_TIME", "SET", "MAP"]
Merge = Literal["last", "first", "min", "max", "count", "add"]
State = Literal["ENABLED", "DISABLED", "DELETED"]
Scalar = Annotated[str, Field(max_length=2_000)] | Flag | Whole | StrictFloat


class AttributeIn(Given):
    """What is left out is as usual: the type of a default attribute, else text; the last value; of a set or map all.

    default: for whoever has no value. capacity, keep_days: of a set or map, how many elements and for how long.
    is_identifier: users who share a value are one person, unless more than shared_by_max do.
    """

    type: Type | None = None
    merge: Merge | None = None
    state: State = "ENABLED"
    label: Words = ""
    description: Words = ""
    default: Scalar | None = None
    capacity: Annotated[Whole, Field(ge=1, le=CAPACITY_MAX)] | None = None
    keep_days: Annotated[Whole, Field(ge=1, le=KEEP_DAYS_MAX)] | None = None
    is_pii: Flag = False
    is_identifier: Flag = False
    shared_by_max: Annotated[Whole, Field(ge=2, le=SHARED_BY_MAX)] | None = None


class AttributeOut(Told):
    """origin: DEFAULT for a column of the source documents. defined: false for one that is only in use."""

    api_name: str
    type: Type
    origin: Literal["DEFAULT", "CUSTOM"]
    state: State
    merge: Merge
    label: str
    description: str
    default: str | bool | int | float | None
    capacity: int | None
    keep_days: int | None
    is_pii: bool
    is_identifier: bool
    shared_by_max: int | None
    defined: bool


class Attributes(Told):
    attributes: list[AttributeOut]


class Removed(Told):
    api_name: str


@router.get("/{entity}", summary="List the attributes: default ones, those in use, and those that are defined")
def list_attributes(desk: Reading, entity: Entity) -> Attributes:
    known = desk.management.attributes
    defined = _defined(desk)
    return Attributes(attributes=[_out(each, (entity, each.name) in defined) for each in known.all(entity)])


@router.get("/{entity}/{name:path}", summary="Look at an attribute")
def get_attribute(desk: Reading, entity: Entity, name: Name) -> AttributeOut:
    found = desk.management.attributes.get(entity, name)
    return _out(found, (entity, found.name) in _defined(desk))


@router.put("/{entity}/{name:path}", summary="Define an attribute, or change its definition")
def define_attribute(desk: Administering, entity: Entity, name: Name, given: AttributeIn) -> AttributeOut:
    """What was said is merged anew by its rule before this is answered: a minute or two for a million users."""
    management = desk.management
    plain = {"entity": entity, "api_name": name, **given.model_dump(exclude_none=True)}
    management.attributes.define(of_plain(plain), management.clock())
    return _out(management.attributes.get(entity, name), True)


@router.delete("/{entity}/{name:path}", summary="Take a definition away; the attribute is as it is in use")
def remove_attribute(desk: Administering, entity: Entity, name: Name) -> Removed:
    management = desk.management
    management.attributes.remove(entity, name, management.clock())
    return Removed(api_name=name)


def _defined(desk: Reading) -> set[tuple[str, str]]:
    return {(each.entity, each.name) for each in desk.management.attributes.defined()}


def _out(each: AttributeDefinition, defined: bool) -> AttributeOut:
    added = each.merge == "add"
    return AttributeOut.model_validate(
        {
            "api_name": each.api_name,
            "type": each.type,
            "origin": each.origin,
            "state": each.state,
            "merge": each.merge,
            "label": each.label,
            "description": each.description,
            "default": each.default,
            "capacity": each.capacity if added else None,
            "keep_days": each.keep_days,
            "is_pii": each.is_pii,
            "is_identifier": each.is_identifier,
            "shared_by_max": each.shared_by_max if each.is_identifier else None,
            "defined": defined,
        }
    )
