"""A shaped range of the log: strings until the store has given keys, then the columns of the lake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from footfall.engines.deriving import Whole
from footfall.engines.splitting import Refusal
from footfall.model.event import LAKE_COLUMNS, EventType
from footfall.ports import Counts, Keys

INSTANT = pa.timestamp("us", "UTC")
_ARROW = {
    "date": pa.date32(),
    "long": pa.int64(),
    "short": pa.int16(),
    "integer": pa.int32(),
    "timestamp": INSTANT,
    "string": pa.string(),
}
LAKE_SCHEMA = pa.schema([(name, _ARROW[kind]) for name, kind, _ in LAKE_COLUMNS])
TERMS = ("source", "product", "environment", "channel", "name", "detail", "locale", "trigger_type")
QUARANTINE_SCHEMA = pa.schema(
    [
        ("position", pa.int64()),
        ("index", pa.int32()),
        ("source", pa.string()),
        ("received_at", INSTANT),
        ("code", pa.string()),
        ("message", pa.string()),
        ("body", pa.string()),
    ]
)


class DuckShape:
    """ports.Shape. days: of each row of ``derived.whole``."""

    def __init__(
        self,
        derived: Whole,
        days: pa.ChunkedArray,
        duplicate_sources: pa.ChunkedArray,
        refusals: Sequence[Refusal],
        received: Mapping[str, int],
    ) -> None:
        self._derived = derived
        self._events = events = derived.whole
        self._days = days
        self.facts = derived.facts
        self.sessions = derived.sessions
        self._duplicates = _tally(duplicate_sources)
        self._refusals = sorted(refusals, key=lambda refusal: (refusal.entry.position, refusal.index))
        self._received = received
        self._at = events.column("occurred_us").combine_chunks()
        self._coded = {
            name: _coded(events.column(name)) for name in (*TERMS, "identify_id", "anonymous_id", "account_id")
        }

    @cached_property
    def counts(self) -> Mapping[str, Counts]:
        received = self._derived.received
        stored = _tally(self._events.column("source").slice(0, received))
        derived = _tally(self._events.column("source").slice(received))
        quarantined: dict[str, int] = {}
        for refusal in self._refusals:
            source = refusal.entry.batch.source
            quarantined[source] = quarantined.get(source, 0) + 1
        parts = (stored, self._duplicates, quarantined, derived)
        return {
            source: Counts(self._received.get(source, 0), *(part.get(source, 0) for part in parts))
            for source in sorted(self._received.keys() | derived.keys())
        }

    @cached_property
    def days(self) -> Mapping[date, int]:
        # The end of a session says nothing that a report would not have said before it.
        events, count = self._events, self._events.num_rows
        ends = pc.equal(events.column("type"), EventType.SESSION_ENDED)
        told = pc.or_(pc.less(pa.arange(0, count), self._derived.received), pc.invert(ends))
        return dict(sorted(_tally(self._days.filter(told)).items()))

    @cached_property
    def users(self) -> pa.Table:
        return self._first("identify_id")

    @cached_property
    def accounts(self) -> pa.Table:
        return self._first("account_id")

    @cached_property
    def visitors(self) -> pa.Table:
        linked = self.facts.column("other").filter(pc.equal(self.facts.column("kind"), "link")).combine_chunks()
        both = pa.concat_arrays([_values(self._coded["anonymous_id"]), linked.cast(pa.string())])
        return pa.table({"anonymous_id": both.unique()})

    @cached_property
    def terms(self) -> pa.Table:
        return pa.table({"text": pa.concat_arrays([_values(self._coded[name]) for name in TERMS]).unique()})

    @cached_property
    def quarantined(self) -> pa.Table:
        columns = [
            [refusal.entry.position for refusal in self._refusals],
            [refusal.index for refusal in self._refusals],
            [refusal.entry.batch.source for refusal in self._refusals],
            [refusal.entry.batch.received_at for refusal in self._refusals],
            [refusal.code for refusal in self._refusals],
            [refusal.message for refusal in self._refusals],
            [refusal.body.decode("utf-8", "replace") for refusal in self._refusals],
        ]
        return pa.table(
            [pa.array(values, field.type) for values, field in zip(columns, QUARANTINE_SCHEMA, strict=True)],
            schema=QUARANTINE_SCHEMA,
        )

    def rows(self, keys: Keys, first_seq: int) -> pa.Table:
        """The stored events, then the derived ones, as LAKE_SCHEMA.

        Raises ``KeyError`` when ``keys`` lacks a text of this shape.
        """
        events, count = self._events, self._events.num_rows
        made = {
            "day": self._days,
            "ingest_seq": pa.arange(first_seq, first_seq + count),
            "occurred_at": self._at.cast(pa.timestamp("us")).cast(INSTANT),
            "received_at": events.column("received_us").cast(pa.timestamp("us")).cast(INSTANT),
            "user_key": self._keyed("identify_id", keys.users),
            "anonymous_key": self._keyed("anonymous_id", keys.visitors),
            "account_key": self._keyed("account_id", keys.accounts),
            "session_key": events.column("session_key").combine_chunks().view(pa.int64()),
        }
        made |= {name: self._keyed(name, keys.terms) for name in TERMS}
        columns = [made[name] if name in made else events.column(name) for name in LAKE_SCHEMA.names]
        return pa.table(dict(zip(LAKE_SCHEMA.names, columns, strict=True))).cast(LAKE_SCHEMA)

    def _keyed(self, column: str, keys: pa.Table) -> pa.Array:
        coded = self._coded[column]
        if not len(coded.dictionary):
            return pa.nulls(len(coded), pa.int32())
        texts, numbers = (keys.column(name).combine_chunks() for name in ("text", "key"))
        found = pc.index_in(coded.dictionary, value_set=texts.cast(pa.string()))
        if found.null_count:
            missing = coded.dictionary.filter(pc.is_null(found))
            raise KeyError(f"no key for {column} {missing[0].as_py()!r}")
        return numbers.cast(pa.int32()).take(found).take(coded.indices)

    def _first(self, column: str) -> pa.Table:
        """Distinct values of ``column``, in the order of their first appearance, and each one's earliest instant."""
        coded = self._coded[column]
        grouped = (
            pa.table({"code": coded.indices, "at": self._at})
            .filter(pc.is_valid(coded.indices))
            .group_by("code", use_threads=False)
            .aggregate([("at", "min")])
            .sort_by("code")
        )
        texts = coded.dictionary.take(grouped.column("code").combine_chunks())
        first = grouped.column("at_min").cast(pa.timestamp("us")).cast(INSTANT)
        return pa.table({column: texts, "first_at": first})


def _coded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    whole = column.combine_chunks()
    return whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()


def _values(coded: pa.DictionaryArray) -> pa.Array:
    return coded.dictionary.cast(pa.string()).drop_null()


def _tally(values: pa.ChunkedArray) -> dict[Any, int]:
    return {count["values"]: count["counts"] for count in values.value_counts().to_pylist()}
