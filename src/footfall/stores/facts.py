"""Facts as columns, reduced as far as registers allow before anything is done per fact."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from footfall.local_days import local_days

if TYPE_CHECKING:
    from footfall.model.days import Zone

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
ORIGINS: Final = ("source", "event_id")
_IMPORTED: Final = "^im[0-9a-f]{22}-[0-9]+$"  # see model.imports.import_id


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - _EPOCH_DAY


class Facts:
    """Facts with ``at`` in int64 microseconds, and the local day of each on demand."""

    def __init__(self, facts: pa.Table, zone: Zone) -> None:
        at = facts["at"]
        if pa.types.is_timestamp(at.type):
            at = at.cast(pa.timestamp("us", at.type.tz)).cast(pa.int64())
        self._facts = pa.table(
            {
                "at": at,
                "kind": facts["kind"].cast(pa.string()),
                "user": facts["user"].cast(pa.string()),
                "other": facts["other"].cast(pa.string()),
                "attributes": facts["attributes"].cast(pa.string()),
            }
        )
        self._origins = {name: facts[name] for name in ORIGINS if name in facts.column_names}
        self._zone = zone

    def word_by_word(self, kind: str) -> pa.Table:
        """As ``of``, with source and event id; a fact without an event is known by what it says and when."""
        facts = self._facts
        for name in ORIGINS:
            given = self._origins.get(name, pa.nulls(facts.num_rows, pa.string()))
            facts = facts.append_column(name, given.cast(pa.string()))
        facts = facts.filter(pc.equal(facts["kind"], kind)).drop_columns(["kind"])
        said = pc.binary_join_element_wise(facts["at"].cast(pa.string()), facts["attributes"], ":")
        for name, otherwise in zip(ORIGINS, ("", said), strict=True):
            place = facts.schema.get_field_index(name)
            facts = facts.set_column(place, name, pc.coalesce(facts[name], otherwise))
        return facts.append_column("day", local_day_numbers(facts["at"], self._zone))

    def imported(self, kind: str) -> pa.Table:
        """Of ``word_by_word`` those that come from rows of files."""
        given = self._origins.get("event_id")
        if given is None or not pc.any(pc.match_substring_regex(given.cast(pa.string()), _IMPORTED)).as_py():
            return self.word_by_word("")
        words = self.word_by_word(kind)
        return words.filter(pc.match_substring_regex(words["event_id"], _IMPORTED))

    def of(self, kind: str) -> pa.Table:
        """(at, user, other, attributes, day) of one kind; day as days since 1970."""
        facts = self._facts.filter(pc.equal(self._facts["kind"], kind)).drop_columns(["kind"])
        return facts.append_column("day", local_day_numbers(facts["at"], self._zone))


def local_day_numbers(at: pa.ChunkedArray, zone: Zone) -> pa.ChunkedArray:
    """The local day of each instant, as days since 1970."""
    return local_days(zone, at).cast(pa.int32())


def is_imported(event_id: str) -> bool:
    """Whether it is the id of an event that was a row of a file."""
    return re.match(_IMPORTED, event_id) is not None


def latest_sayings(facts: pa.Table, column: str) -> pa.Table:
    """(text, day, attributes, at, first_at): what was said of whom on which day, when last and when first.

    The same attributes said again on the same day change a register only by their latest instant, and a definition
    only by their earliest.
    """
    grouped = facts.group_by([column, "day", "attributes"]).aggregate([("at", "max"), ("at", "min")])
    return grouped.select([column, "day", "attributes", "at_max", "at_min"]).rename_columns(
        ["text", "day", "attributes", "at", "first_at"]
    )


def earliest(facts: pa.Table, column: str) -> pa.Table:
    """(text, at): each distinct value of ``column`` with its earliest instant."""
    return facts.group_by([column]).aggregate([("at", "min")]).select([column, "at_min"]).rename_columns(["text", "at"])
