"""``ports.PeopleOrder`` on DuckDB: users or accounts that answer a selection, in its order.

Sources of a selection: ``id`` (identify id or account id), ``uid``, ``account`` (account id of a user), ``created_at``,
``sign_up_at``, ``modified_at``, ``type`` (of a user: ``USER`` when nobody said another), and ``attribute/NAME``: an
attribute, by its name as a pointer of RFC 6901.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from footfall.engines.database import Database, Limits, literal, scratch
from footfall.engines.selecting import Key, answers, sort_keys
from footfall.model.selection import Field, Kind, Selection

_WHAT: Final = "look for people"
_ROWS: Final = 50_000
_PLAIN: Final = frozenset({"uid"})
_INSTANTS: Final = frozenset({"created_at", "sign_up_at", "modified_at"})


class DuckPeopleOrder:
    """See ``ports.PeopleOrder``; threads may share it. spill: a folder for what does not fit into memory."""

    def __init__(self, spill: Path, limits: Limits) -> None:
        self._spill = spill
        self._limits = limits

    def keys(self, rows: pa.RecordBatchReader, selection: Selection, accounts: Callable[[], pa.Table]) -> pa.Array:
        entity = rows.schema.names[0].removesuffix("_key")
        with scratch(self._limits, self._spill, "people") as database:
            columns = _Columns(entity)
            key = Key(f"e.{entity}_key", Kind.NUMBER)
            order = [*sort_keys(selection.orders, columns), key]
            where = (
                " OR ".join(f"({answers(branch, columns, lambda _: ())})" for branch in selection.branches) or "true"
            )
            if columns.of_accounts:
                database.register("account_texts", accounts())
            picked = ", ".join(f"{each.sql} AS k{place}" for place, each in enumerate(order))
            sql = f"SELECT {picked} FROM batch e{columns.join()} WHERE {where}"
            found = [each for batch in rows for each in self._found(database, batch, sql)]
        return _sorted(found, order)

    def _found(self, database: Database, batch: pa.RecordBatch, sql: str) -> list[pa.RecordBatch]:
        with database.session() as session:
            session.take("batch", pa.Table.from_batches([batch]), "*", _WHAT)
            return list(session.stream(sql, _ROWS, _WHAT))


class _Columns:
    """Sources as SQL over ``e``. of_accounts: whether the texts of accounts are needed."""

    def __init__(self, entity: str) -> None:
        self._id = "identify_id" if entity == "user" else "account_id"
        self.of_accounts = False

    def join(self) -> str:
        return " LEFT JOIN account_texts a ON a.key = e.account_key" if self.of_accounts else ""

    def value(self, field: Field) -> str:
        source = field.source
        if source == "id":
            return f"e.{self._id}"
        if source in _PLAIN:
            return f"e.{source}"
        if source in _INSTANTS:
            return f"epoch_us(e.{source}) // 1000"
        if source == "account":
            self.of_accounts = True
            return "a.text"
        if source == "type":
            return "coalesce(json_extract_string(e.attributes, '/type'), 'USER')"
        text = f"json_extract_string(e.attributes, {literal(source.removeprefix('attribute'))})"
        match field.kind:
            case Kind.NUMBER:
                return f"TRY_CAST({text} AS DOUBLE)"
            case Kind.BOOLEAN:
                return f"TRY_CAST({text} AS BOOLEAN)"
            case Kind.INSTANT:
                return f"epoch_us(try_strptime({text}, '%Y-%m-%dT%H:%M:%S.%gZ')) // 1000"
            case _:
                return text

    def test(self, field: Field, condition: Callable[[str], str]) -> str:
        return f"({condition(self.value(field))})"


def _sorted(found: list[pa.RecordBatch], order: list[Key]) -> pa.Array:
    if not found:
        return pa.array([], pa.int32())
    rows = pa.Table.from_batches(found)
    directions = [(f"k{n}", "descending" if key.descending else "ascending") for n, key in enumerate(order)]
    last = rows.column(rows.num_columns - 1)
    return last.take(pc.sort_indices(rows, sort_keys=directions)).combine_chunks().cast(pa.int32())
