"""``ports.People`` on the control store.

Writing: facts arrive as columns; what says the same of the same user on the same day is reduced to its latest saying
before any Python runs per fact, and each history is read and written once a call.
Reading: a snapshot is one ordered walk over users beside one over their newest histories.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from footfall.model.attributes import ATTRIBUTES
from footfall.model.instants import to_us
from footfall.ports import Keys
from footfall.stores import keys as dimension
from footfall.stores import schema
from footfall.stores.database import Database, raw
from footfall.stores.defined import read_defined
from footfall.stores.facts import Facts, earliest, latest_sayings
from footfall.stores.fates import hear, removed_texts
from footfall.stores.hearing import Hearing, needs_every_word
from footfall.stores.histories import Histories
from footfall.stores.remaking import forget
from footfall.stores.sayings import Sayings
from footfall.stores.showing import types_of
from footfall.stores.snapshots import ACCOUNTS, USERS, Snapshots, repeats_dropped
from footfall.stores.uncollected import uncollected

if TYPE_CHECKING:
    from datetime import date
    from uuid import UUID

    from sqlalchemy import Connection

    from footfall.model.days import Zone
    from footfall.ports import Shape

_INSTANT = pa.timestamp("us", "UTC")
# Of each dimension, at about 30 bytes; a larger one is read anew each time.
REMEMBERED_TEXTS = 2_000_000


class SqlPeople:
    """See ``ports.People``.

    namespace: the subscription id, in which user ids are made. zone: the subscription's, for the ends of days.
    """

    def __init__(self, database: Database, namespace: UUID, zone: Zone) -> None:
        self._database = database
        self._dimensions = dimension.Dimensions(namespace, lambda: database.transaction_number)
        self._zone = zone
        self._texts: dict[str, pa.Table] = {}
        # Keys given in the current transaction, so that ``learn`` need not look up again what ``keys`` just found.
        self._recent: tuple[int | None, Keys | None] = (None, None)

    def keys(self, shape: Shape) -> Keys:
        """Find or create the keys of every string of ``shape``, and its users and accounts."""
        find = self._dimensions.keys
        with self._database.writing() as connection:
            keys = Keys(
                users=find(connection, dimension.USERS, _column(shape.users, 0), _instants(shape.users, 1)),
                visitors=find(connection, dimension.VISITORS, _column(shape.visitors, 0), None),
                accounts=find(connection, dimension.ACCOUNTS, _column(shape.accounts, 0), _instants(shape.accounts, 1)),
                terms=find(connection, dimension.TERMS, _column(shape.terms, 0), None),
            )
            self._recent = (self._database.transaction_number, keys)
        return keys

    def renew(self) -> None:
        """Remember nothing: somebody was taken out of the store. Not while ``keys`` or ``learn`` run."""
        self._dimensions.renew()
        self._texts = {}
        self._recent = (None, None)

    def learn(self, facts: pa.Table, zone: Zone) -> None:
        """Apply facts; a repeated, late or reordered fact changes nothing that it should not."""
        if facts.num_rows == 0:
            return
        with self._database.writing() as connection, uncollected():
            said = Facts(facts, zone)
            self._learn_attributes(connection, said, "user", "user", dimension.USERS)
            self._learn_attributes(connection, said, "account", "other", dimension.ACCOUNTS)
            self._learn_identified(connection, said.of("identify"))
            self._learn_pairs(connection, said.of("member"), dimension.ACCOUNTS, "member", "user_key, account_key, at")
            self._learn_pairs(connection, said.of("link"), dimension.VISITORS, "link", "user_key, visitor_key, at")
            self._learn_merges(connection, said.of("merge"))
            self._revive(connection, said)

    def _learn_attributes(
        self, connection: Connection, said: Facts, entity: str, column: str, of: dimension.Dimension
    ) -> None:
        facts = said.of(entity)
        if facts.num_rows == 0:
            return
        histories = Histories(connection, entity)
        if needs_every_word(histories.defined):
            words = said.word_by_word(entity)
            keyed = self._keyed(connection, of, words[column], words["at"])
            Hearing(connection, histories).hear(words.append_column("key", keyed))
            return
        sayings = latest_sayings(facts, column)
        keyed = self._keyed(connection, of, sayings["text"], sayings["first_at"])
        histories.tell(sayings.append_column("key", keyed))
        self._keep_imported(connection, entity, said.imported(entity), column, of)

    def _keep_imported(
        self, connection: Connection, entity: str, words: pa.Table, column: str, of: dimension.Dimension
    ) -> None:
        """What rows of files say is kept word by word, because an import can be taken back."""
        words = words.filter(pc.is_valid(words["attributes"]))
        if words.num_rows:
            keys = self._keyed(connection, of, words[column], words["at"]).to_pylist()
            columns = [words[name].to_pylist() for name in ("source", "event_id", "at", "attributes")]
            Sayings(connection, entity).keep_all(zip(keys, *columns, strict=True))

    def forget(self, source: str, prefix: str) -> int:
        """Take back what the events of ``source`` whose ids begin with ``prefix`` said about users and accounts."""
        with self._database.writing() as connection:
            return sum(forget(connection, entity, source, prefix, self._zone) for entity in ("user", "account"))

    def _learn_identified(self, connection: Connection, facts: pa.Table) -> None:
        if facts.num_rows == 0:
            return
        first = earliest(facts, "user")
        keys = self._keyed(connection, dimension.USERS, first["text"], first["at"])
        raw(connection).executemany(
            "UPDATE users SET identified_at = ?1 WHERE key = ?2 AND (identified_at IS NULL OR identified_at > ?1)",
            zip(first["at"].to_pylist(), keys.to_pylist(), strict=True),
        )

    def _learn_pairs(
        self, connection: Connection, facts: pa.Table, other: dimension.Dimension, table: str, columns: str
    ) -> None:
        if facts.num_rows == 0:
            return
        user_keys = self._keyed(connection, dimension.USERS, facts["user"], facts["at"])
        other_keys = self._keyed(connection, other, facts["other"], facts["at"])
        rows = pa.table([user_keys, other_keys, facts["at"]], names=["user", "other", "at"])
        rows = rows.group_by(["user", "other", "at"]).aggregate([])
        raw(connection).executemany(
            f"INSERT INTO {table} ({columns}) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            zip(*(rows[name].to_pylist() for name in ("user", "other", "at")), strict=True),
        )

    def _learn_merges(self, connection: Connection, facts: pa.Table) -> None:
        if facts.num_rows == 0:
            return
        keys = self._keyed(connection, dimension.USERS, facts["user"], facts["at"])
        # The other side stays text: it may be a visitor only, and then there is no user to merge.
        raw(connection).executemany(
            "INSERT INTO alias (text, at, user_key) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            zip(facts["other"].to_pylist(), facts["at"].to_pylist(), keys.to_pylist(), strict=True),
        )

    def _revive(self, connection: Connection, said: Facts) -> None:
        """What is told about somebody who was deleted, at a later instant, brings them back."""
        for entity, column in (("user", "user"), ("account", "other")):
            removed = removed_texts(connection, entity)
            if not len(removed):
                continue
            for kind in ("user", "identify", "member") if entity == "user" else ("account", "member"):
                facts = said.of(kind)
                facts = facts.filter(pc.is_in(facts[column], value_set=removed))
                hear(connection, entity, zip(facts[column].to_pylist(), facts["at"].to_pylist(), strict=True))

    def _keyed(
        self, connection: Connection, of: dimension.Dimension, texts: pa.ChunkedArray, at: pa.ChunkedArray
    ) -> pa.ChunkedArray:
        """The key of each text, from this transaction's ``keys`` or the tables; unknown ones are made."""
        number, recent = self._recent
        known = dimension.KEYS.empty_table()
        if recent is not None and number == self._database.transaction_number:
            known = getattr(recent, of.name)
        found = pc.index_in(texts, value_set=known["text"])
        if found.null_count:
            first = earliest(pa.table([texts, at], names=["text", "at"]).filter(pc.is_null(found)), "text")
            dates = first["at"].combine_chunks() if of.dated else None
            made = self._dimensions.keys(connection, of, first["text"].combine_chunks(), dates)
            known = pa.concat_tables([known, made])
            found = pc.index_in(texts, value_set=known["text"])
        return known["key"].take(found)

    def texts(self, dimension_name: str, keys: pa.Array | None = None) -> pa.Table:
        """(key, text) of a dimension, by key; all, or those of ``keys`` that exist."""
        # Of before the reading: what was read before somebody was taken out goes where nobody looks after ``renew``.
        remembered = self._texts
        with self._database.reading() as connection:
            if keys is not None:
                return dimension.texts(connection, dimension_name, keys)
            # A key is never given to another text, so only what came since the last time needs to be read.
            known = remembered.get(dimension_name)
            beyond = known["key"][-1].as_py() if known is not None and known.num_rows else 0
            found = dimension.texts(connection, dimension_name, None, beyond=beyond)
        if known is not None:
            found = pa.concat_tables([known, found]) if found.num_rows else known
        if found.num_rows <= REMEMBERED_TEXTS:
            remembered[dimension_name] = found
        return found

    def links(self) -> pa.Table:
        """(anonymous_key, user_key, at), by visitor and instant; one that only repeats the one before is left out."""
        return self._pairs(schema.link, ("visitor_key", "user_key"), ["anonymous_key", "user_key", "at"])

    def members(self) -> pa.Table:
        """(user_key, account_key, at), by user and instant; one that only repeats the one before is left out."""
        return self._pairs(schema.member, ("user_key", "account_key"), ["user_key", "account_key", "at"])

    def _pairs(self, table: object, names: Sequence[str], shown: list[str]) -> pa.Table:
        with self._database.reading() as connection:
            rows = repeats_dropped(connection, table, names)
        return rows.rename_columns(shown).set_column(2, "at", rows["at"].cast(_INSTANT))

    def merges(self) -> pa.Table:
        """(user_key, into_key), by user: identified users that are another one, resolved to the last one."""
        with self._database.reading() as connection:
            into = Snapshots(connection).merges(until=None)
        rows = sorted((user, last) for user, (last, _) in into.items())
        schema_ = pa.schema([("user_key", pa.int32()), ("into_key", pa.int32())])
        return pa.table([[user for user, _ in rows], [last for _, last in rows]], schema=schema_)

    def users(self, day: date, keys: Sequence[int] | None = None) -> pa.RecordBatchReader:
        """Every user as of the end of ``day``, or those of ``keys``, by key."""
        return pa.RecordBatchReader.from_batches(USERS, self._snapshot(Snapshots.users, day, keys))

    def accounts(self, day: date) -> pa.RecordBatchReader:
        """Every account as of the end of ``day``, by key."""
        return pa.RecordBatchReader.from_batches(ACCOUNTS, self._snapshot(Snapshots.accounts, day, None))

    def key_of(self, identify_id: str) -> int | None:
        """The key of a user; None for one who is not known."""
        with self._database.reading() as connection:
            found: int | None = dimension.find(connection, dimension.USERS, pa.array([identify_id]))[0][0].as_py()
        return found

    def _snapshot(
        self,
        read: Callable[[Snapshots, date, int, Sequence[int] | None], Iterator[pa.RecordBatch]],
        day: date,
        keys: Sequence[int] | None,
    ) -> Iterator[pa.RecordBatch]:
        until = to_us(self._zone.bounds(day).end)
        with self._database.reading() as connection:
            yield from read(Snapshots(connection), day, until, keys)

    def custom_attributes(self, entity: str) -> Sequence[tuple[str, str]]:
        """(api name, type) of the enabled custom attributes of ``user`` or ``account``, by name."""
        with self._database.reading() as connection:
            shown = types_of(connection, entity, read_defined(connection, entity))
        return sorted((str(api), str(type_)) for name, (api, type_) in shown.items() if name not in ATTRIBUTES[entity])


def _column(table: pa.Table, index: int) -> pa.Array:
    column = table.column(index)
    column = column.cast(pa.string()) if column.type != pa.string() else column
    return column.combine_chunks()


def _instants(table: pa.Table, index: int) -> pa.Array:
    return table.column(index).combine_chunks().cast(_INSTANT).cast(pa.int64())
