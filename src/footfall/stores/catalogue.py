"""``ports.Catalogue`` on the control store: one row per definition, as JSON."""

from __future__ import annotations

from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import and_, or_, select

from footfall.model.definitions import plain_item, read_item
from footfall.model.instants import to_us
from footfall.model.metadata import KINDS, Metadata, check, check_items, identity
from footfall.stores import schema
from footfall.stores.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection

_encode = msgspec.json.Encoder(order="sorted").encode
# What shares its ids with another kind, and so replaces it there.
_SIBLINGS = {"engagements": "surveys", "surveys": "engagements"}


class SqlCatalogue:
    """See ``ports.Catalogue``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> Metadata:
        """Everything defined, each kind by id."""
        with self._database.reading() as connection:
            return _read(connection)

    def write(self, metadata: Metadata, at: datetime) -> None:
        """Insert or replace by id what ``metadata`` names; a definition later than ``at`` stays.

        Raises ``BadDefinition`` and writes nothing if the whole would not hold together.
        """
        check_items(metadata)
        table, instant = schema.definition, to_us(at)
        with self._database.writing() as connection:
            for kind in KINDS:
                for item in getattr(metadata, kind):
                    key, kinds = identity(item), [kind, _SIBLINGS.get(kind, kind)]
                    mine = table.c.kind.in_(kinds) & (table.c.id == key)
                    newest = connection.execute(select(table.c.at).where(mine)).scalars().all()
                    if any(each > instant for each in newest):
                        continue
                    connection.execute(table.delete().where(mine))
                    body = _encode(plain_item(item)).decode()
                    connection.execute(table.insert().values(kind=kind, id=key, body=body, at=instant))
            check(_read(connection))


def _read(connection: Connection) -> Metadata:
    table = schema.definition
    kinds: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    for kind, body in connection.execute(select(table.c.kind, table.c.body).order_by(table.c.kind, table.c.id)):
        kinds[kind].append(read_item(kind, msgspec.json.decode(body)))
    return Metadata(**{kind: tuple(items) for kind, items in kinds.items()})


class MapperRules:
    """What of a catalogue the product mapper needs, and a number that rises when that changes: features that have
    rules, and products that say which hosts count. Asking costs a look at those; they are read when they changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()
        self._bodies: tuple[tuple[str, str], ...] = ()
        self._known = 0, Metadata()

    def __call__(self) -> tuple[int, Metadata]:
        table = schema.definition
        wanted = or_(
            and_(table.c.kind == "features", table.c.body.contains('"rules":')),
            and_(table.c.kind == "products", table.c.body.contains('"hosts":')),
        )
        query = select(table.c.kind, table.c.body).where(wanted).order_by(table.c.kind, table.c.id)
        with self._database.reading() as connection:
            bodies = tuple((kind, body) for kind, body in connection.execute(query))
        with self._lock:
            if bodies != self._bodies:
                kinds: dict[str, list[Any]] = {"features": [], "products": []}
                for kind, body in bodies:
                    kinds[kind].append(read_item(kind, msgspec.json.decode(body)))
                found = Metadata(features=tuple(kinds["features"]), products=tuple(kinds["products"]))
                self._bodies, self._known = bodies, (self._known[0] + 1, found)
            return self._known
