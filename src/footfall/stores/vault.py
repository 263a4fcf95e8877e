"""``ports.Vault`` on the control store: one table of sealed secrets.

Whoever writes here, or changes master keys, holds the store's write lock while doing so. So no secret is sealed with a
key that is being forgotten, and of two changes of keys at once the second sees the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, and_, func, select

from footfall import observe
from footfall.errors import Damaged
from footfall.model.authorizations import Secrets
from footfall.model.master_keys import MasterKeys
from footfall.ports import Resealed
from footfall.stores import schema
from footfall.stores.database import Database, raw
from footfall.stores.envelope import Envelope, Place, key_id_of
from footfall.stores.key_ring import KeyRing

_LOOKS: Final = 3


class SqlVault:
    """See ``ports.Vault``. The first master key is drawn when the first secret comes."""

    def __init__(self, database: Database, envelope: Envelope, ring: KeyRing) -> None:
        self._database = database
        self._envelope = envelope
        self._ring = ring

    def fields(self, owner: str, name: str) -> frozenset[str]:
        """See ``ports.Vault.fields``."""
        table = schema.secret
        query = select(table.c.field).where(and_(table.c.owner == owner, table.c.name == name))
        with self._database.reading() as connection:
            return frozenset(connection.execute(query).scalars())

    def get(self, owner: str, name: str) -> Secrets:
        """Every secret of ``name``, opened. Raises ``Damaged`` that names the first that does not open."""
        table = schema.secret
        query = select(table.c.field, table.c.sealed).where(and_(table.c.owner == owner, table.c.name == name))
        for _ in range(_LOOKS):
            with self._database.reading() as connection:
                rows = connection.execute(query.order_by(table.c.field)).all()
            keys: Mapping[str, bytes] = self._ring.keys() or {}
            # A key that is missing may have been forgotten since the rows were read; they are sealed anew by then.
            if all(key_id_of(row.sealed) in keys for row in rows):
                break
        opened = {row.field: self._envelope.open(Place(owner, name, row.field), row.sealed, keys) for row in rows}
        return Secrets(opened)

    def put(self, owner: str, name: str, secrets: Mapping[str, str]) -> None:
        """See ``ports.Vault.put``. Raises ``Damaged`` rather than draw a first key where there are secrets already."""
        if not secrets:
            return
        with self._changing() as connection:
            keys = self._sealing_keys(connection)
            self.drop(owner, name, secrets)
            rows = [
                {"owner": owner, "name": name, "field": field,
                 "sealed": self._envelope.seal(Place(owner, name, field), value, keys)}
                for field, value in secrets.items()
            ]  # fmt: skip
            connection.execute(schema.secret.insert(), rows)

    def drop(self, owner: str, name: str, fields: Iterable[str] | None = None) -> None:
        """See ``ports.Vault.drop``. The bytes are overwritten, not only left to be used again."""
        table = schema.secret
        mine = and_(table.c.owner == owner, table.c.name == name)
        if fields is not None:
            mine = and_(mine, table.c.field.in_(list(fields)))
        with self._changing() as connection:
            connection.execute(table.delete().where(mine))

    def require_keys(self) -> None:
        """See ``ports.Vault.require_keys``."""
        query = select(schema.secret).order_by(schema.secret.c.owner, schema.secret.c.name, schema.secret.c.field)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        keys: Mapping[str, bytes] = self._ring.keys() or {}
        lost = [row for row in rows if key_id_of(row.sealed) not in keys]
        if lost:
            first = Place(lost[0].owner, lost[0].name, lost[0].field)
            raise Damaged(
                f"{len(lost)} of {len(rows)} secrets cannot be opened, {first} among them: their master key is missing",
                "Restore master.keys or set FOOTFALL_MASTER_KEYS as it was. If the key is lost for good, "
                "give the secrets anew with `footfall authorizations rotate`",
            )

    def rotate_key(self, *, forget: bool = False) -> Resealed:
        """See ``ports.Vault.rotate_key``. Raises ``Damaged`` for what does not open, and changes nothing then."""
        with self._changing() as connection:
            opened = self._open_all(connection)
            # In the file before anything is sealed with it: a kill in between leaves a key that nothing needs.
            keys = self._ring.draw() if self._ring.own else self._sealing_keys(connection)
            resealed = self._seal_all(connection, opened, keys)
        gone: tuple[str, ...] = ()
        if forget:
            with self._changing() as connection:
                # Another process may have sealed with an older key since, or changed the keys once more.
                used = {key_id_of(sealed) for (sealed,) in connection.execute(select(schema.secret.c.sealed))}
                gone = self._ring.forget({key for key in (*used, self._sealing_keys(connection).newest) if key})
        self._database.fold()
        kept = tuple(key_id for key_id in self._ring.keys() or () if key_id != keys.newest)
        observe.happened("secrets sealed anew", key=keys.newest, secrets=resealed, forgotten=" ".join(gone))
        return Resealed(keys.newest, resealed, kept, gone)

    def _open_all(self, connection: Connection) -> list[tuple[Place, str, str | None]]:
        """(place, value, id of the key that sealed it) of every secret."""
        table = schema.secret
        keys: Mapping[str, bytes] = self._ring.keys() or {}
        rows = connection.execute(select(table).order_by(table.c.owner, table.c.name, table.c.field)).all()
        places = [(Place(row.owner, row.name, row.field), row.sealed) for row in rows]
        return [(place, self._envelope.open(place, sealed, keys), key_id_of(sealed)) for place, sealed in places]

    def _seal_all(
        self, connection: Connection, opened: Iterable[tuple[Place, str, str | None]], keys: MasterKeys
    ) -> int:
        table, count = schema.secret, 0
        for place, value, key_id in opened:
            if key_id == keys.newest:
                continue
            mine = and_(table.c.owner == place.table, table.c.name == place.name, table.c.field == place.field)
            sealed = self._envelope.seal(place, value, keys)
            connection.execute(table.update().where(mine).values(sealed=sealed))
            count += 1
        return count

    def _sealing_keys(self, connection: Connection) -> MasterKeys:
        keys = self._ring.keys()
        if keys is not None:
            return keys
        if connection.execute(select(func.count()).select_from(schema.secret)).scalar_one():
            raise Damaged(
                "there are secrets but no master key",
                "Restore master.keys from its copy, or set FOOTFALL_MASTER_KEYS as it was. "
                "If the key is lost for good, set a new one and give the secrets anew",
            )
        return self._ring.draw()

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        """The write lock, and SQLite told to overwrite with zeros what is deleted."""
        with self._database.writing() as connection:
            driver = raw(connection)
            before = driver.execute("PRAGMA secure_delete").fetchone()[0]
            driver.execute("PRAGMA secure_delete = ON")
            try:
                yield connection
            finally:
                driver.execute(f"PRAGMA secure_delete = {before}")
