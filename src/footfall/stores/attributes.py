"""``ports.Attributes`` on the control store: a definition is one row, and what follows is made in the same commit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from footfall.errors import Missing
from footfall.model.attribute_definitions import ENTITIES, AttributeDefinition, check, plain_of, usual
from footfall.model.attributes import ATTRIBUTES, named
from footfall.model.instants import to_us
from footfall.stores.database import Database, raw
from footfall.stores.defined import defined_of, read_defined
from footfall.stores.remaking import remake

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from footfall.model.days import Zone
    from footfall.ports import Progress

_encode = msgspec.json.Encoder(order="sorted").encode


class SqlAttributes:
    """See ``ports.Attributes``. zone: the subscription's, for the ends of days."""

    def __init__(self, database: Database, zone: Zone) -> None:
        self._database = database
        self._zone = zone

    def all(self, entity: str) -> Sequence[AttributeDefinition]:
        with self._database.reading() as connection:
            return list(_all(connection, entity).values())

    def defined(self) -> Sequence[AttributeDefinition]:
        with self._database.reading() as connection:
            return [
                each for entity in ENTITIES for _, each in sorted(read_defined(connection, entity).definitions.items())
            ]

    def get(self, entity: str, api_name: str) -> AttributeDefinition:
        with self._database.reading() as connection:
            found = _all(connection, entity).get(named(entity, api_name)[0])
        if found is None:
            raise _missing(entity, api_name)
        return found

    def define(self, definition: AttributeDefinition, at: datetime, progress: Progress | None = None) -> bool:
        check(definition)
        with self._database.writing() as connection:
            before = read_defined(connection, definition.entity)
            known = before.definitions.get(definition.name)
            if known == definition:
                return False
            raw(connection).execute(
                """INSERT INTO attribute_definition (entity, name, body, changed_at) VALUES (?, ?, ?, ?)
                   ON CONFLICT (entity, name) DO UPDATE SET body = excluded.body, changed_at = excluded.changed_at""",
                (definition.entity, definition.name, _encode(_body(definition)).decode(), to_us(at)),
            )
            after = defined_of({**before.definitions, definition.name: definition})
            remake(connection, definition.entity, definition.name, before, after, self._zone, progress)
        return True

    def remove(self, entity: str, api_name: str, at: datetime, progress: Progress | None = None) -> None:
        name = named(entity, api_name)[0]
        with self._database.writing() as connection:
            before = read_defined(connection, entity)
            if name not in before.definitions:
                raise _missing(entity, api_name)
            raw(connection).execute("DELETE FROM attribute_definition WHERE entity = ? AND name = ?", (entity, name))
            after = defined_of({key: each for key, each in before.definitions.items() if key != name})
            remake(connection, entity, name, before, after, self._zone, progress)


def _body(definition: AttributeDefinition) -> dict[str, Any]:
    return {name: value for name, value in plain_of(definition).items() if name != "entity"}


def _all(connection: Connection, entity: str) -> dict[str, AttributeDefinition]:
    if entity not in ENTITIES:
        usual(entity, "")  # which says what there is
    definitions = read_defined(connection, entity).definitions
    used = raw(connection).execute("SELECT name, api_name, type FROM attribute WHERE entity = ?", (entity,)).fetchall()
    found = {name: usual(entity, name) for name in ATTRIBUTES[entity]}
    custom = {name: usual(entity, api_name, type_) for name, api_name, type_ in used} | {
        name: each for name, each in definitions.items() if name not in found
    }
    found |= {name: each for name, each in definitions.items() if name in found}
    return found | dict(sorted(custom.items()))


def _missing(entity: str, api_name: str) -> Missing:
    return Missing(f"no {entity} attribute '{api_name}' is defined or in use", "See `footfall attributes ls`")
