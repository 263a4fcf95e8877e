"""What is defined of attributes, as histories and snapshots read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from footfall.model.attribute_definitions import AttributeDefinition, usual
from footfall.model.merging import Rule, rule_of
from footfall.stores.database import raw

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Defined:
    """The definitions of one entity, by the name an attribute is kept by. rules: of those that have one."""

    definitions: Mapping[str, AttributeDefinition]
    rules: Mapping[str, Rule]
    identifiers: Mapping[str, AttributeDefinition]


def read_defined(connection: Connection, entity: str) -> Defined:
    """The definitions in force."""
    rows = raw(connection).execute("SELECT name, body FROM attribute_definition WHERE entity = ?", (entity,)).fetchall()
    return defined_of({name: _definition(entity, body) for name, body in rows}) if rows else NOTHING


def defined_of(definitions: Mapping[str, AttributeDefinition]) -> Defined:
    """The definitions with what follows from them."""
    rules = {name: rule for name, each in definitions.items() if (rule := rule_of(each)) is not None}
    return Defined(definitions, rules, {name: each for name, each in definitions.items() if each.is_identifier})


NOTHING: Final = defined_of({})


@lru_cache(maxsize=4096)
def _definition(entity: str, body: str) -> AttributeDefinition:
    plain: dict[str, Any] = msgspec.json.decode(body)
    return usual(**{**plain, "entity": entity})
