"""Facts heard word by word: for attributes that do not simply keep their last value, and for those that identify.

Each event's attributes are kept once, by its source and event id; what was kept before is not heard again. So a range
of the log that is told twice, after a crash, counts once, and rules that are changed later find what was said.
"""

from __future__ import annotations

from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import pyarrow.compute as pc

from footfall.model.identity import compared
from footfall.model.merging import SPOKEN, hear
from footfall.model.people import History, Registers
from footfall.stores.facts import is_imported
from footfall.stores.identities import Identities
from footfall.stores.sayings import Sayings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa
    from sqlalchemy import Connection

    from footfall.stores.defined import Defined
    from footfall.stores.histories import Histories

_COLUMNS: Final = ("key", "day", "at", "source", "event_id", "attributes")
_CHUNK: Final = 20_000  # facts in memory at a time

# (key, day, at, source, event id, attributes)
_Fact = tuple[int, int, int, str, str, str]


def needs_every_word(defined: Defined) -> bool:
    """Whether any attribute has a rule or identifies."""
    return bool(defined.rules or defined.identifiers)


class Hearing:
    """One batch of facts about users or about accounts, within one transaction."""

    def __init__(self, connection: Connection, histories: Histories) -> None:
        self._histories = histories
        self._defined = histories.defined
        self._sayings = Sayings(connection, histories.entity)
        self._identities = Identities(connection, histories.defined.identifiers)

    def hear(self, words: pa.Table) -> None:
        """Apply (key, day, at, source, event_id, attributes) rows."""
        ordered = words.filter(pc.is_valid(words["attributes"])).sort_by(
            [(name, "ascending") for name in ("key", "day", "at", "source", "event_id")]
        )
        for start in range(0, ordered.num_rows, _CHUNK):
            rows = ordered.slice(start, _CHUNK)
            self._hear(zip(*(rows[name].to_pylist() for name in _COLUMNS), strict=True))
        self._histories.write_definitions()

    def _hear(self, facts: Iterable[_Fact]) -> None:
        rules, told = self._defined.rules, list(self._told(facts))
        first_days: dict[int, int] = {}
        for key, day, _ in told:
            first_days.setdefault(key, day)
        stored = self._histories.read(first_days)
        changed = []
        for key, group in groupby(told, key=itemgetter(0)):
            history = History(stored.get(key, []), partial(hear, rules=rules))
            for _, day, registers in group:
                history.tell(day, registers)
            changed += [(key, day, registers) for day, registers in history.rows()]
        self._histories.write(changed)

    def _told(self, facts: Iterable[_Fact]) -> Iterator[tuple[int, int, Registers]]:
        """What is new of each user on each day, as registers."""
        rules = self._defined.rules
        for (key, day), group in groupby(facts, key=itemgetter(0, 1)):
            told: Registers = {}
            for _, _, at, source, event_id, text in group:
                wanted = bool(rules) or is_imported(event_id)
                if wanted and not self._sayings.keep((key, source, event_id, at, text)):
                    continue
                heard = self._registers(key, at, text)
                if told:
                    hear(told, heard, rules)
                else:
                    told = heard
            if told:
                yield key, day, told

    def _registers(self, key: int, at: int, text: str) -> Registers:
        told = self._histories.registers(text, at, at)
        if not told:
            return told
        for name in self._defined.identifiers:
            if name in told:
                self._identities.note(name, compared(told[name][0]), key, at)
        for name, rule in self._defined.rules.items():
            if name in told:
                register = rule.told(told.pop(name)[0], at)
                if register is not None:
                    told[name] = register
        told[SPOKEN] = (None, at)
        return told
