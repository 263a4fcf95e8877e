"""The matches that a settled day should have and has not, and those it has and should not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from footfall.engines.database import Limits, scratch
from footfall.engines.feature_finding import FeatureFinder
from footfall.engines.feature_matches import match_ids, match_properties
from footfall.errors import Unavailable
from footfall.model.event import EventType

# What a match of the lake has from its cause; the columns that are not here are null.
_CARRIED: Final = (
    "occurred_at", "received_at", "source", "user_key", "anonymous_key", "account_key", "product", "environment",
    "channel", "session_key", "session_id", "locale",
)  # fmt: skip
_READ: Final = ("ingest_seq", "type", "event_id", "name", "properties", *_CARRIED)
_TERMS: Final = ("product", "environment", "channel", "name")
_WHAT: Final = "look for matches in the history"
ROWS_AT_ONCE: Final = 250_000
# Of two events with the same id only the first stays when a day is closed, so it alone has matches.
_WANTED: Final = """
CREATE TABLE wanted AS SELECT * EXCLUDE (nth) FROM (
    SELECT *, row_number() OVER (PARTITION BY source, event_id ORDER BY cause, feature_id) AS nth FROM found
) WHERE nth = 1
"""
_THERE: Final = f"""
CREATE TABLE there AS SELECT ingest_seq, source, event_id, name, starts_with(properties, '{{"derived":true,') AS derived
FROM lake WHERE type = {int(EventType.FEATURE_MATCH)}
"""
_MISSING: Final = """
SELECT * EXCLUDE (cause) FROM wanted w
WHERE NOT EXISTS (SELECT 1 FROM there t WHERE t.source = w.source AND t.event_id = w.event_id)
ORDER BY cause, feature_id
"""
_SUPERFLUOUS: Final = """
SELECT ingest_seq FROM there t SEMI JOIN features f ON f.key = t.name
WHERE derived AND NOT EXISTS (SELECT 1 FROM wanted w WHERE t.source = w.source AND t.event_id = w.event_id)
ORDER BY ingest_seq
"""


@dataclass(frozen=True, slots=True)
class History:
    """What is to be done to one day.

    missing: rows in columns of the lake, without day and ingest_seq and with the text ``feature_id`` for name, in the
    order of their causes, a batch at a time. superfluous: ingest_seq of matches whose event answers no rule any more.
    """

    missing: Iterator[pa.RecordBatch]
    superfluous: pa.Array


@contextmanager
def history_of(
    files: Sequence[str], finder: FeatureFinder, terms: pa.Table, features: pa.Array, limits: Limits, spill: Path
) -> Iterator[History]:
    """Match the events of one day again. terms: (text, key) of all names. features: keys of those to look at for what
    is superfluous. A few row groups of events are in memory; what was found may spill.

    Raises ``Unavailable`` when a file went away meanwhile.
    """
    with scratch(limits, spill, "history") as database:
        database.events(files)
        database.run(_THERE, _WHAT)
        database.take("found", _found(files, finder, terms))
        database.run(_WANTED, _WHAT)
        database.register("features", pa.table({"key": features.cast(pa.int32())}))
        with database.session() as session:
            superfluous = session.table(_SUPERFLUOUS, ROWS_AT_ONCE, _WHAT).column(0).combine_chunks()
            yield History(session.stream(_MISSING, ROWS_AT_ONCE, _WHAT), superfluous)


def _found(files: Sequence[str], finder: FeatureFinder, terms: pa.Table) -> pa.RecordBatchReader:
    """All matches of the events in these files, with ``cause``, the ingest_seq of the event."""
    texts, keys = (terms.column(name).combine_chunks() for name in ("text", "key"))
    keys = keys.cast(pa.int32())
    wanted = ds.field("type").isin(sorted(finder.rules.types))

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for batch in ds.dataset(list(files), format="parquet").to_batches(
                columns=list(_READ), filter=wanted, batch_readahead=2, fragment_readahead=1
            ):
                events = pa.table(batch)
                named = events
                for name in _TERMS:
                    column = texts.take(pc.index_in(events.column(name).combine_chunks(), value_set=keys))
                    named = named.set_column(named.schema.get_field_index(name), name, column)
                found = finder.find(named)
                if found.num_rows:
                    yield from _rows(events, found).to_batches()
        except OSError as error:
            raise Unavailable(f"{_WHAT}: {error}", "Try again", retry_after_s=5) from error

    return pa.RecordBatchReader.from_batches(_FOUND, batches())


def _rows(events: pa.Table, found: pa.Table) -> pa.Table:
    causes, features = events.take(found.column("row")), found.column("feature_id")
    ids = causes.column("event_id")
    columns = {name: causes.column(name) for name in _CARRIED}
    columns |= {"event_id": match_ids(ids, features), "properties": match_properties(ids)}
    columns |= {"feature_id": features, "cause": causes.column("ingest_seq")}
    return pa.table([columns[name] for name in _FOUND.names], names=_FOUND.names).cast(_FOUND)


_FOUND: Final = pa.schema(
    [
        ("occurred_at", pa.timestamp("us", "UTC")),
        ("received_at", pa.timestamp("us", "UTC")),
        *((name, pa.int32()) for name in ("source", "user_key", "anonymous_key", "account_key")),
        *((name, pa.int32()) for name in ("product", "environment", "channel")),
        ("session_key", pa.int64()),
        ("session_id", pa.string()),
        ("locale", pa.int32()),
        ("event_id", pa.string()),
        ("properties", pa.string()),
        ("feature_id", pa.string()),
        ("cause", pa.int64()),
    ]
)
