"""Histories of registers in the store: read the rows a batch of facts touches, tell them, write what changed.

This is the way of all facts while no attribute has a rule or identifies; ``hearing`` is the way of the others.
"""

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

from footfall import observe
from footfall.model.attributes import CUSTOM_MAX, VALUE_CHARACTERS_MAX
from footfall.model.people import NAMES_KEPT, Definition, History, Names, Registers, define, fits, said
from footfall.stores import schema
from footfall.stores.database import raw
from footfall.stores.defined import read_defined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
# Sorted, so that a row's text does not depend on the order in which its attributes were first heard.
_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode_attributes: Final = msgspec.json.Decoder(dict[str, Any]).decode
_BEFORE_ALL: Final = -1_000_000_000  # a day before any other
_AFTER_ALL: Final = 2**63
_CHUNK: Final = 20_000  # histories in memory at a time

Saying = tuple[int, int, Registers]


class Histories:
    """The histories of all users or of all accounts, within one transaction."""

    def __init__(self, connection: Connection, entity: str) -> None:
        self._connection = connection
        self.entity = entity
        self._table = f"{entity}_version"
        table = schema.attribute
        rows = connection.execute(
            select(table.c.name, table.c.first_at, table.c.api_name, table.c.type).where(table.c.entity == entity)
        )
        self._definitions = {name: Definition(first_at, api, type_) for name, first_at, api, type_ in rows}
        self._defined: set[str] = set()
        self._used: dict[Names, int] = {}
        self._left_out = 0
        self.defined = read_defined(connection, entity)

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
        self.write_definitions()

    def registers(self, text: str, at: int, first_at: int) -> Registers:
        """The registers of a fact's attributes, said at ``at`` and at ``first_at`` for the first time.

        The earliest use of a custom attribute says how it is spelled and typed.
        """
        names, values = said(self.entity, attributes_of(text))
        # A use that is later than the earliest of each of these names defines nothing.
        if names.custom and self._used.get(names, first_at) >= first_at:
            for place, name, spelling in names.custom:
                if self._may_be(name) and define(self._definitions, name, spelling, values[place], first_at):
                    self._defined.add(name)
            if len(names.kept) <= NAMES_KEPT:
                uses = [self._definitions.get(name) for _, name, _ in names.custom]
                self._used[names] = max(_AFTER_ALL if use is None else use.first_at for use in uses)
        told = names.registers(values, at)
        if len(self._definitions) >= CUSTOM_MAX:
            for _, name, _ in names.custom:
                if not self._may_be(name):
                    told.pop(name, None)
                    self._left_out += 1
        return told if len(text) <= VALUE_CHARACTERS_MAX else self._without_long(told)

    def _without_long(self, told: Registers) -> Registers:
        kept = {name: register for name, register in told.items() if fits(register[0])}
        self._left_out += len(told) - len(kept)
        return kept

    def _may_be(self, name: str) -> bool:
        """May there be a custom attribute of that name? What people defined or use already may."""
        return len(self._definitions) < CUSTOM_MAX or name in self._definitions or name in self.defined.definitions

    def _sayings(self, ordered: pa.Table) -> Iterator[Saying]:
        columns = (ordered[name] for name in ("key", "day", "attributes", "at", "first_at"))
        for key, day, text, at, first_at in zip(*(column.to_pylist() for column in columns), strict=True):
            told = self.registers(text, at, first_at)
            if told:
                yield key, day, told

    def _tell(self, batch: dict[int, list[Saying]]) -> None:
        stored = self.read({key: sayings[0][1] for key, sayings in batch.items()})
        changed = []
        for key, sayings in batch.items():
            history = History(stored.get(key, []))
            for _, day, told in sayings:
                history.tell(day, told)
            changed += [(key, day, registers) for day, registers in history.rows()]
        self.write(changed)

    def write(self, changed: Iterable[Saying]) -> None:
        """Put (key, day, registers) in the place of what there was."""
        raw(self._connection).executemany(
            f"""INSERT INTO {self._table} (key, day, modified_at, registers) VALUES (?, ?, ?, ?)
                ON CONFLICT (key, day) DO UPDATE
                SET modified_at = excluded.modified_at, registers = excluded.registers""",
            ((key, day, *encoded(registers)) for key, day, registers in changed),
        )

    def read(self, first_days: dict[int, int]) -> dict[int, list[tuple[int, Registers]]]:
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

    def write_definitions(self) -> None:
        """Write what ``registers`` found."""
        if self._left_out:
            observe.happened("attributes left out", entity=self.entity, count=self._left_out)
            self._left_out = 0
        rows = [
            (self.entity, name, definition.api_name, definition.type, definition.first_at)
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


def encode_registers(registers: Registers) -> str:
    """The text of a row."""
    return encoded(registers)[1]


def encoded(registers: Registers) -> tuple[int, str]:
    """The latest instant, and ``{at: {name: value}}`` as JSON: what was said at one instant shares it.

    Shorter by 20 bytes an attribute than an instant each, and so 30 of them in a row of a table without rowid need no
    page of their own (SQLite keeps up to a quarter of a page there).
    """
    groups: dict[int, dict[str, Any]] = {}
    for name, (value, at) in registers.items():
        group = groups.get(at)
        if group is None:
            groups[at] = {name: value}
        else:
            group[name] = value
    return max(groups, default=0), _encode({str(at): group for at, group in groups.items()}).decode()


def decode_registers(text: str) -> Registers:
    """The registers of a row; also of one as it was before, ``{name: [value, at]}``."""
    registers: Registers = {}
    for at, group in _decode(text).items():
        if type(group) is list:
            registers[at] = (group[0], group[1])
        else:
            instant = int(at)
            for name, value in group.items():
                registers[name] = (value, instant)
    return registers


def attributes_of(text: str) -> dict[str, object]:
    """A fact's attributes. Numbers that no 64-bit float holds become text: one event must not stop the others."""
    try:
        return _decode_attributes(text)
    except msgspec.DecodeError:
        plain = json.loads(text, parse_float=_finite, parse_constant=str)
    return plain if isinstance(plain, dict) else {}


def _finite(text: str) -> float | str:
    number = float(text)
    return number if isfinite(number) else text
