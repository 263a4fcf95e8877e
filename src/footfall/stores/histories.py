"""Histories of registers in the store: read the rows a batch of facts touches, tell them, write what changed."""

from __future__ import annotations

import json
from itertools import groupby
from math import isfinite
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from footfall.model.people import Definition, History, Registers, define, said, tell
from footfall.stores import schema
from footfall.stores.database import raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

_Registers = dict[str, tuple[Any, int]]
decode_registers: Final = msgspec.json.Decoder(_Registers).decode
# Sorted, so that a row's text does not depend on the order in which its attributes were first heard.
encode_registers: Final = msgspec.json.Encoder(order="sorted").encode
_decode_attributes: Final = msgspec.json.Decoder(dict[str, Any]).decode
_BEFORE_ALL: Final = -1_000_000_000  # a day before any other
_CHUNK: Final = 20_000  # histories in memory at a time

Saying = tuple[int, int, Registers]


class Histories:
    """The histories of all users or of all accounts, within one transaction."""

    def __init__(self, connection: Connection, entity: str) -> None:
        self._connection = connection
        self._entity = entity
        self._table = f"{entity}_version"
        table = schema.attribute
        rows = connection.execute(
            select(table.c.name, table.c.first_at, table.c.api_name, table.c.type).where(table.c.entity == entity)
        )
        self._definitions = {name: Definition(first_at, api, type_) for name, first_at, api, type_ in rows}
        self._defined: set[str] = set()

    def tell(self, sayings: pa.Table) -> None:
        """Apply (key, day, attributes, at, first_at) rows, see ``facts.latest_sayings``."""
        ordered = sayings.filter(pc.is_valid(sayings["attributes"])).sort_by(
            [("key", "ascending"), ("day", "ascending")]
        )
        by_key = groupby(self._sayings(ordered), key=itemgetter(0))
        batch: dict[int, list[Saying]] = {}
        for key, group in by_key:
            batch[key] = list(group)
            if len(batch) >= _CHUNK:
                self._tell(batch)
                batch = {}
        self._tell(batch)
        self._write_definitions()

    def _sayings(self, ordered: pa.Table) -> Iterator[Saying]:
        definitions = self._definitions
        columns = (ordered[name] for name in ("key", "day", "attributes", "at", "first_at"))
        for key, day, text, at, first_at in zip(*(column.to_pylist() for column in columns), strict=True):
            told: Registers = {}
            for name, spelling, value in said(self._entity, _attributes(text)):
                if spelling is not None and define(definitions, name, spelling, value, first_at):
                    self._defined.add(name)
                if name in told:
                    tell(told, name, value, at)
                else:
                    told[name] = (value, at)
            if told:
                yield key, day, told

    def _tell(self, batch: dict[int, list[Saying]]) -> None:
        stored = self._read({key: sayings[0][1] for key, sayings in batch.items()})
        changed = []
        for key, sayings in batch.items():
            history = History(stored.get(key, []))
            for _, day, told in sayings:
                history.tell(day, told)
            for day, registers in history.rows():
                modified_at = max(at for _, at in registers.values())
                changed.append((key, day, modified_at, encode_registers(registers).decode()))
        raw(self._connection).executemany(
            f"""INSERT INTO {self._table} (key, day, modified_at, registers) VALUES (?, ?, ?, ?)
                ON CONFLICT (key, day) DO UPDATE
                SET modified_at = excluded.modified_at, registers = excluded.registers""",
            changed,
        )

    def _read(self, first_days: dict[int, int]) -> dict[int, list[tuple[int, Registers]]]:
        """Of each key the rows from its first day on, and the one before as the state to start from."""
        rows = raw(self._connection).execute(
            f"""SELECT version.key, version.day, version.registers
                FROM (SELECT json_extract(value, '$[0]') AS key, json_extract(value, '$[1]') AS day FROM json_each(?))
                     AS asked
                CROSS JOIN {self._table} AS version
                ON version.key = asked.key AND version.day >= coalesce(
                    (SELECT max(before.day) FROM {self._table} AS before
                     WHERE before.key = asked.key AND before.day <= asked.day), {_BEFORE_ALL})
                ORDER BY version.key, version.day""",
            (msgspec.json.encode(list(first_days.items())).decode(),),
        )
        found: dict[int, list[tuple[int, Registers]]] = {}
        for key, day, registers in rows:
            found.setdefault(key, []).append((day, decode_registers(registers)))
        return found

    def _write_definitions(self) -> None:
        rows = [
            (self._entity, name, definition.api_name, definition.type, definition.first_at)
            for name in sorted(self._defined)
            for definition in (self._definitions[name],)
        ]
        raw(self._connection).executemany(
            """INSERT INTO attribute (entity, name, api_name, type, first_at) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT (entity, name) DO UPDATE
               SET api_name = excluded.api_name, type = excluded.type, first_at = excluded.first_at""",
            rows,
        )
        self._defined.clear()


def _attributes(text: str) -> dict[str, object]:
    """A fact's attributes. Numbers that no 64-bit float holds become text: one event must not stop the others."""
    try:
        return _decode_attributes(text)
    except msgspec.DecodeError:
        plain = json.loads(text, parse_float=_finite, parse_constant=str)
    return plain if isinstance(plain, dict) else {}


def _finite(text: str) -> float | str:
    number = float(text)
    return number if isfinite(number) else text
