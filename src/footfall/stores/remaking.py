"""Registers made anew from what was said, after the definition of an attribute changed.

What was said is known word by word since any attribute of the entity had a rule (``sayings``); from before, as the last
value of each day. When an attribute gets its first rule these last values are kept as sayings too, because its own
registers will not hold them any more. Other attributes are not touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa

from footfall.model.identity import compared
from footfall.model.merging import SPOKEN, hear, saying
from footfall.model.people import History, Registers, canonical_json, fits, said
from footfall.stores.database import raw
from footfall.stores.defined import read_defined
from footfall.stores.facts import local_day_numbers
from footfall.stores.histories import Histories, attributes_of, decode_registers, encode_registers
from footfall.stores.identities import Identities
from footfall.stores.sayings import KNOWN_BEFORE, Sayings

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from footfall.model.days import Zone
    from footfall.ports import Progress
    from footfall.stores.defined import Defined

_CHUNK: Final = 10_000

Rows = dict[int, list[tuple[int, int, Registers]]]
# (key, instant, value)
_Said = tuple[int, int, Any]


def remake(
    connection: Connection,
    entity: str,
    name: str,
    before: Defined,
    after: Defined,
    zone: Zone,
    progress: Progress | None = None,
) -> None:
    """Let the registers and identities of the attribute be what ``after`` makes of everything said.

    name: what the attribute is kept by. In the caller's transaction.
    """
    ruled = before.rules.get(name) != after.rules.get(name)
    identifies = name in after.identifiers and name not in before.identifiers
    if name in before.identifiers and name not in after.identifiers:
        raw(connection).execute("DELETE FROM identity WHERE field = ?", (name,))
        raw(connection).execute("DELETE FROM merge_log WHERE field = ?", (name,))
    if not (ruled or identifies):
        return
    making = _Making(connection, entity, name, before, after, zone)
    keys = making.keys()
    for start in range(0, len(keys), _CHUNK):
        making.of(keys[start : start + _CHUNK], ruled=ruled, identifies=identifies)
        if progress is not None:
            progress("make attributes anew", min(start + _CHUNK, len(keys)), len(keys), f"{entity}s")


def forget(connection: Connection, entity: str, source: str, prefix: str, zone: Zone) -> int:
    """Let registers and identities be as if nothing had been said by the events of ``source`` whose ids begin with
    ``prefix``; returns how many sayings that were. Only what was kept word by word can be forgotten."""
    defined = read_defined(connection, entity)
    gone = Sayings(connection, entity).forget(source, prefix)
    by_name: dict[str, set[tuple[int, int]]] = {}
    for key, _, _, at, text in gone:
        for name in said(entity, attributes_of(text))[0].kept:
            by_name.setdefault(name, set()).add((key, at))
    for name, retracted in sorted(by_name.items()):
        making = _Making(connection, entity, name, defined, defined, zone, retracted)
        keys = sorted({key for key, _ in retracted})
        for start in range(0, len(keys), _CHUNK):
            making.of(keys[start : start + _CHUNK], ruled=True, identifies=name in defined.identifiers)
    return len(gone)


class _Making:
    """retracted: (key, instant) of last values that are not to be taken from the histories."""

    def __init__(
        self,
        connection: Connection,
        entity: str,
        name: str,
        before: Defined,
        after: Defined,
        zone: Zone,
        retracted: Set[tuple[int, int]] = frozenset(),
    ) -> None:
        self._retracted = retracted
        self._connection = connection
        self._entity = entity
        self._name = name
        self._kept_last = name not in before.rules
        self._rules = after.rules
        self._zone = zone
        self._sayings = Sayings(connection, entity)
        self._identities = Identities(connection, after.identifiers)

    def keys(self) -> list[int]:
        """Of everybody of whom the attribute was ever said, and perhaps of more."""
        rows = raw(self._connection).execute(
            f"SELECT DISTINCT key FROM {self._entity}_version WHERE instr(registers, ?) > 0",
            (msgspec.json.encode(self._name).decode() + ":",),
        )
        return sorted({*(key for (key,) in rows), *self._sayings.keys()})

    def of(self, keys: Sequence[int], *, ruled: bool, identifies: bool) -> None:
        """Make anew what is known of these."""
        rows = self._rows(keys)
        told = list(self._from_sayings(keys))
        if self._kept_last:
            known = {(key, at) for key, at, _ in told} | self._retracted
            missing = [each for each in self._from_rows(rows) if (each[0], each[1]) not in known]
            if self._name in self._rules:
                self._keep(missing)
            told += missing
        told.sort(key=itemgetter(0, 1))
        if identifies:
            self._identities.forget(self._name, keys)
            for key, at, value in told:
                self._identities.note(self._name, compared(value), key, at, log=not self._retracted)
        if ruled:
            self._retell(rows, told)

    def _rows(self, keys: Sequence[int]) -> Rows:
        found: Rows = {key: [] for key in keys}
        for key, day, modified_at, registers in raw(self._connection).execute(
            f"""SELECT key, day, modified_at, registers FROM {self._entity}_version
                WHERE key IN (SELECT value FROM json_each(?)) ORDER BY key, day""",
            (msgspec.json.encode(list(keys)).decode(),),
        ):
            found[key].append((day, modified_at, decode_registers(registers)))
        return found

    def _from_sayings(self, keys: Sequence[int]) -> Iterator[_Said]:
        for key, _, _, at, text in self._sayings.of(keys):
            names, values = said(self._entity, attributes_of(text))
            if self._name in names.kept and fits(value := names.registers(values, at)[self._name][0]):
                yield key, at, value

    def _from_rows(self, rows: Rows) -> Iterator[_Said]:
        for key, versions in rows.items():
            seen = {
                (register[1], canonical_json(register[0])): register[0]
                for _, _, registers in versions
                if (register := registers.get(self._name)) is not None
            }
            yield from ((key, at, value) for (at, _), value in sorted(seen.items()))

    def _keep(self, missing: Iterable[_Said]) -> None:
        for key, at, value in missing:
            self._sayings.keep((key, KNOWN_BEFORE, f"{at}:{self._name}", at, _text({self._name: value})))

    def _retell(self, rows: Rows, told: Sequence[_Said]) -> None:
        days = local_day_numbers(pa.chunked_array([[at for _, at, _ in told]], pa.int64()), self._zone).to_pylist()
        by_key = {key: list(group) for key, group in groupby(zip(days, told, strict=True), key=lambda each: each[1][0])}
        changed: list[tuple[int, int, Registers]] = []
        for key, versions in rows.items():
            old = {day: encode_registers(registers) for day, _, registers in versions}
            for _, modified_at, registers in versions:
                known = registers.pop(self._name, None)
                if known is not None and not self._retracted:
                    registers.setdefault(SPOKEN, (None, modified_at))
            history = History([(day, registers) for day, _, registers in versions], partial(hear, rules=self._rules))
            for day, (_, at, value) in by_key.get(key, ()):
                if (register := saying(self._name, value, at, self._rules)) is not None:
                    history.tell(day, {self._name: register})
            states = zip(history.days, history.states, strict=True)
            changed += [(key, day, state) for day, state in states if encode_registers(state) != old.get(day)]
        Histories(self._connection, self._entity).write(changed)


def _text(attributes: dict[str, Any]) -> str:
    return msgspec.json.encode(attributes).decode()
