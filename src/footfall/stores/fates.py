"""What deletes did to users and accounts, for the parts of the store that show them.

The table is empty in most deployments, and asking whether it is is all that this costs then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from footfall.model.merging import since
from footfall.model.removals import Fate, Removal, fate
from footfall.stores.database import raw
from footfall.stores.histories import decode_registers, encode_registers

if TYPE_CHECKING:
    from sqlalchemy import Connection

# As ``stores.snapshots``: (key, uid, text, first_at, identified_at, modified_at, registers).
Row = tuple[int, str, str, int, int | None, int | None, str | None]
_TABLES: Final = {"user": "users", "account": "accounts"}


def fates(connection: Connection, entity: str, until: int) -> dict[int, Fate]:
    """The fate of everybody who was ever deleted, as of ``until``, by key."""
    query = "SELECT key, at, hard, revived_at FROM removal WHERE entity = ? AND at < ? ORDER BY key"
    found: dict[int, list[Removal]] = {}
    for key, at, hard, revived_at in raw(connection).execute(query, (entity, until)):
        found.setdefault(int(key), []).append(Removal(int(at), bool(hard), revived_at))
    return {key: each for key, removals in found.items() if (each := fate(removals, until)) is not None}


def hear(connection: Connection, entity: str, told: Iterable[tuple[str, int]]) -> None:
    """(text, instant) of what is told about users or accounts: it may end a removal. Any order ends the same."""
    raw(connection).executemany(
        f"""UPDATE removal SET revived_at = ?2 WHERE entity = ?3 AND at < ?2
            AND (revived_at IS NULL OR revived_at > ?2)
            AND key = (SELECT key FROM {_TABLES[entity]} WHERE text = ?1)""",
        [(text, at, entity) for text, at in told],
    )


def removed_texts(connection: Connection, entity: str) -> pa.Array:
    """Ids of the users or accounts that were ever deleted."""
    query = f"""SELECT DISTINCT known.text FROM removal JOIN {_TABLES[entity]} AS known ON known.key = removal.key
                WHERE removal.entity = ?"""
    return pa.array([text for (text,) in raw(connection).execute(query, (entity,))], pa.string())


def refated(row: Row, fate: Fate) -> Row:
    """A row of ``stores.snapshots`` as its fate leaves it: without what is forgotten, changed when that was so."""
    key, uid, text, first_at, identified_at, modified_at, registers = row
    if fate.forgotten is None or fate.born_at is None:
        return key, uid, text, first_at, identified_at, max(fate.at, modified_at or 0), registers
    told = decode_registers(registers) if registers else {}
    left = {name: since(register, fate.forgotten) for name, register in told.items()}
    known = {name: register for name, register in left.items() if register is not None}
    identified_at = None if identified_at is None else max(identified_at, fate.born_at)
    changed_at = max(fate.at, *(at for _, at in known.values()), 0)
    return key, uid, text, fate.born_at, identified_at, changed_at, encode_registers(known)


def homeless(connection: Connection, fates_: Mapping[int, Fate]) -> list[int]:
    """Keys of users who began anew and were not told to belong to any account since."""
    since = {key: fate.forgotten for key, fate in fates_.items() if fate.forgotten is not None}
    query = "SELECT 1 FROM member WHERE user_key = ? AND at > ? LIMIT 1"
    return [key for key, at in since.items() if raw(connection).execute(query, (key, at)).fetchone() is None]
