"""Attributes of ``footfall.yaml`` in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from footfall.errors import FootfallError, Refused
from footfall.model.attribute_definitions import AttributeDefinition, of_plain, plain_of
from footfall.wiring.profiles import attributes_of

if TYPE_CHECKING:
    from footfall.config.definition_file import DefinitionFile
    from footfall.model.plans import Change, Plain
    from footfall.wiring.hub import Footfall


def current_attributes(hub: Footfall, wanted: Mapping[str, Plain]) -> dict[str, Plain]:
    """What is defined, by the names of the file where it means the same attribute in another spelling."""
    spelled = {_what(of_plain(plain)): name for name, plain in wanted.items()}
    found = {_what(each): each for each in attributes_of(hub).defined()}
    return {spelled.get(what, f"{each.entity} {each.api_name}"): plain_of(each) for what, each in found.items()}


def put_attribute(hub: Footfall, changes: Sequence[Change]) -> Mapping[str, str]:
    """Define, change or take away one attribute."""
    (change,) = changes
    if change.after is None:
        assert change.before is not None
        attributes_of(hub).remove(change.before["entity"], change.before["api_name"], hub.clock())
    else:
        attributes_of(hub).define(of_plain(change.after), hub.clock())
    return {}


def wanted_attributes(found: DefinitionFile) -> dict[str, Plain]:
    """Those of a file as the store would have them; one that is there twice is among the file's faults."""
    wanted: dict[str, Plain] = {}
    seen: dict[tuple[str, str], str] = {}
    for name, resource in found.of("attributes").items():
        try:
            definition = of_plain(resource.plain)
            if _what(definition) in seen:
                first = seen[_what(definition)]
                raise Refused(f"it is the same attribute as '{first}'", "Spelling does not tell attributes apart")
        except FootfallError as error:
            found.blame("attributes", name, error)
            continue
        seen[_what(definition)] = name
        wanted[name] = plain_of(definition)
    return wanted


def _what(definition: AttributeDefinition) -> tuple[str, str]:
    return definition.entity, definition.name
