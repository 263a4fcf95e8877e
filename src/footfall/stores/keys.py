"""Integer keys for strings: find what is known, give new keys to the rest.

The known ones that are not remembered are found with one statement that walks an array of texts, ordered so that
neighbours share pages of the index; both ends are columns, so nothing here runs once per string but two C loops.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import func, literal_column, select

from footfall.stores import schema
from footfall.stores.database import raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Select

DIMENSIONS: Final = ("users", "visitors", "accounts", "terms")
KEYS: Final = pa.schema([("text", pa.string()), ("key", pa.int32())])
FOUND: Final = KEYS.append(pa.field("first_at", pa.int64()))
REMEMBERED: Final = 500_000
_CHUNK: Final = 100_000


@dataclass(frozen=True, slots=True)
class Dimension:
    """A table of keys. dated: its rows keep the earliest instant they were seen. uid: and an opaque id."""

    name: str
    dated: bool = False
    uid: bool = False


USERS: Final = Dimension("users", dated=True, uid=True)
ACCOUNTS: Final = Dimension("accounts", dated=True)
VISITORS: Final = Dimension("visitors")
TERMS: Final = Dimension("terms")


class Dimensions:
    """Find-or-create over the four dimensions, within the transaction of the connection it is given.

    What was found is remembered, because a key is never given to another text: the latest ``REMEMBERED`` or so of
    each dimension. Nothing is, once the running transaction has changed the dimension, for that may still be undone.

    transaction: tells the number of the running transaction.
    """

    def __init__(self, namespace: UUID, transaction: Callable[[], int | None]) -> None:
        self._namespace = namespace.bytes
        self._transaction = transaction
        self._changed_in: dict[str, int | None] = {}
        self._remembered: dict[str, pa.Table] = {}

    def keys(
        self, connection: Connection, dimension: Dimension, texts: pa.Array, first_at: pa.Array | None
    ) -> pa.Table:
        """(text, key) of distinct ``texts``, in their order. first_at: int64 µs, for dated dimensions."""
        if len(texts) == 0:
            return KEYS.empty_table()
        keys, known_at = self._known(connection, dimension, texts)
        new = pc.is_null(keys)
        if pc.any(new).as_py():
            made = self._create(
                connection, dimension, texts.filter(new), first_at.filter(new) if first_at is not None else None
            )
            keys = pc.replace_with_mask(keys, new, made)
        if first_at is not None:
            earlier = pc.fill_null(pc.less(first_at, known_at), False)
            if pc.any(earlier).as_py():
                self._changed_in[dimension.name] = self._transaction()
                _set_earlier(connection, dimension, keys.filter(earlier), first_at.filter(earlier))
        return pa.table([texts, keys], schema=KEYS)

    def renew(self) -> None:
        """Remember nothing: keys were taken away."""
        self._remembered = {}

    def _known(self, connection: Connection, dimension: Dimension, texts: pa.Array) -> tuple[pa.Array, pa.Array]:
        """(key, first_at) of each text, null where it is unknown; from memory what is there, else from the table."""
        remembered = self._remembered.get(dimension.name, FOUND.empty_table())
        places = pc.index_in(texts, value_set=remembered["text"])
        keys, dates = (remembered[name].combine_chunks().take(places) for name in ("key", "first_at"))
        unknown = pc.is_null(places)
        asked = texts.filter(unknown)
        if not len(asked):
            return keys, dates
        # Ordered, so that neighbours share pages of the index.
        asked = asked.take(order := pc.sort_indices(asked))
        found_keys, found_dates = find(connection, dimension, asked)
        changed_in = self._changed_in.get(dimension.name)
        if changed_in is None or changed_in != self._transaction():
            found = pa.table([asked, found_keys, found_dates], schema=FOUND).filter(pc.is_valid(found_keys))
            kept = remembered if remembered.num_rows + found.num_rows <= REMEMBERED else remembered.slice(0, 0)
            self._remembered[dimension.name] = pa.concat_tables([kept, found]).combine_chunks()
        back = pc.sort_indices(order)
        keys = pc.replace_with_mask(keys, unknown, found_keys.take(back))
        return keys, pc.replace_with_mask(dates, unknown, found_dates.take(back))

    def _create(
        self, connection: Connection, dimension: Dimension, texts: pa.Array, first_at: pa.Array | None
    ) -> pa.Array:
        self._changed_in[dimension.name] = self._transaction()
        start = _reserve(connection, dimension.name, len(texts))
        values = texts.to_pylist()
        columns: list[object] = [range(start, start + len(values)), values]
        if dimension.uid:
            columns.append(map(self.uid, values))
        if dimension.dated:
            columns.append(first_at.to_pylist() if first_at is not None else repeat(0, len(values)))
        names = "key, text" + (", uid" if dimension.uid else "") + (", first_at" if dimension.dated else "")
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {dimension.name} ({names}) VALUES ({marks})"
        raw(connection).executemany(statement, zip(*columns, strict=True))
        return pa.array(range(start, start + len(values)), pa.int32())

    def uid(self, identify_id: str) -> str:
        """The opaque id of a user: UUIDv5 of the identify id in the subscription's namespace (RFC 9562, 5.5)."""
        digest = sha1(self._namespace + identify_id.encode(), usedforsecurity=False).hexdigest()
        variant = "89ab"[int(digest[16], 16) & 3]
        return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def find(connection: Connection, dimension: Dimension, texts: pa.Array) -> tuple[pa.Array, pa.Array]:
    """(key, first_at) of each text, null where it is unknown; first_at is null in dimensions without dates."""
    at = "known.first_at" if dimension.dated else "NULL"
    # Read through columns of arrays: SQLite's JSON ends a text at its first NUL, so those are asked one by one.
    statement = f"""
        SELECT known.key, {at} FROM json_each(?) AS asked
        LEFT JOIN {dimension.name} AS known ON known.text = asked.value ORDER BY asked.id"""
    driver = raw(connection)
    keys: list[pa.Array] = []
    dates: list[pa.Array] = []
    for start in range(0, len(texts), _CHUNK):
        chunk = texts.slice(start, _CHUNK).to_pylist()
        rows = driver.execute(statement, (msgspec.json.encode(chunk).decode(),)).fetchall()
        for place in (i for i, text in enumerate(chunk) if "\0" in text):
            one = f"SELECT known.key, {at} FROM {dimension.name} AS known WHERE known.text = ?"
            rows[place] = driver.execute(one, (chunk[place],)).fetchone() or (None, None)
        found, found_at = zip(*rows, strict=True)
        keys.append(pa.array(found, pa.int32()))
        dates.append(pa.array(found_at, pa.int64()))
    return pa.concat_arrays(keys), pa.concat_arrays(dates)


def texts(connection: Connection, dimension: str, keys: pa.Array | None, *, beyond: int = 0) -> pa.Table:
    """(key, text) of a dimension, by key: of ``keys``, or of all keys greater than ``beyond``."""
    table = schema.METADATA.tables[dimension]
    if keys is not None:
        asked = func.json_each(msgspec.json.encode(pc.unique(keys).to_pylist()).decode()).table_valued("value")
        query = select(table.c.key, table.c.text).select_from(asked.join(table, table.c.key == asked.c.value))
    else:
        query = select(table.c.key, table.c.text).where(table.c.key > beyond)
    found = columns(connection, query.order_by(literal_column("1")), [pa.int32(), pa.string()])
    return pa.table(found, names=["key", "text"])


def columns(
    connection: Connection, query: Select[Any] | str, types: list[pa.DataType], *values: object
) -> list[pa.ChunkedArray]:
    """The columns of a query, read in chunks so that few Python objects live at a time."""
    if not isinstance(query, str):
        compiled = query.compile(connection.engine)
        query, values = str(compiled), tuple(compiled.params[name] for name in compiled.positiontup or ())
    chunks: list[list[pa.Array]] = [[] for _ in types]
    cursor = raw(connection).execute(query, values)
    while rows := cursor.fetchmany(_CHUNK):
        for into, found, type_ in zip(chunks, zip(*rows, strict=True), types, strict=True):
            into.append(pa.array(found, type_))
    return [pa.chunked_array(parts, type_) for parts, type_ in zip(chunks, types, strict=True)]


def _reserve(connection: Connection, dimension: str, wanted: int) -> int:
    sequence = schema.key_sequence
    query = select(sequence.c.next_key).where(sequence.c.dimension == dimension)
    next_key: int | None = connection.execute(query).scalar_one_or_none()
    if next_key is None:
        connection.execute(sequence.insert().values(dimension=dimension, next_key=1 + wanted))
        return 1
    connection.execute(sequence.update().where(sequence.c.dimension == dimension).values(next_key=next_key + wanted))
    return next_key


def _set_earlier(connection: Connection, dimension: Dimension, keys: pa.Array, first_at: pa.Array) -> None:
    raw(connection).executemany(
        # What is remembered may be later than what another process has set.
        f"UPDATE {dimension.name} SET first_at = min(first_at, ?) WHERE key = ?",
        zip(first_at.to_pylist(), keys.to_pylist(), strict=True),
    )
