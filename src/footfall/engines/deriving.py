"""The derivations of a range, one after the other, and what they found as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from footfall.errors import FootfallError, Unavailable
from footfall.ports import Derivation, Entry, LogRange


@dataclass(frozen=True, slots=True)
class Whole:
    """All that is stored of a range: ``received`` events in the order of the log, then what was derived.

    facts, sessions: as in ``ports.Shape``.
    """

    whole: pa.Table
    received: int
    facts: pa.Table
    sessions: pa.Table | None = None


def derive_all(
    derivations: Sequence[Derivation],
    events: pa.Table,
    facts: pa.Table,
    entries: Sequence[Entry],
    ignored: Callable[[pa.Table], pa.Array],
) -> Whole:
    """Let each derivation see the events of the range as those before it left them.

    A derived row that a client sent itself, with the same id to the same source, is left out.

    ignored: which rows must not be stored, though what they follow from was: of those who were erased meanwhile.
    Raises ``Unavailable`` for whatever nobody foresaw, so that a worker tries again and its other duties go on.
    """
    received, sessions = events.num_rows, None
    if not derivations or not entries:
        return Whole(events, received, facts)
    with _foreseen(entries):
        heard_us = max(entry.batch.received_at for entry in entries)
        taken = LogRange(entries[0].position, entries[-1].next, heard_us, entries)
        added: list[pa.Table] = []
        told = [facts]
        for derivation in derivations:
            found = derivation.derive(events, replace(taken, added=tuple(added)))
            events = found.events
            added += [] if found.added is None or not found.added.num_rows else [found.added]
            told += [] if found.facts is None or not found.facts.num_rows else [found.facts]
            sessions = found.sessions if found.sessions is not None else sessions
        if added:
            # Each has dictionaries of its own.
            more = pa.concat_tables([_alike(each, events.schema) for each in added]).unify_dictionaries()
            more = more.filter(pc.invert(pc.or_(ignored(more), _sent(more, events))))
            events = pa.concat_tables([events, more]).unify_dictionaries()
        if len(told) > 1:
            facts = pa.concat_tables([facts, *(_alike(each, facts.schema) for each in told[1:])])
        return Whole(events, received, facts, sessions)


@contextmanager
def _foreseen(entries: Sequence[Entry]) -> Iterator[None]:
    """Make ``Unavailable`` of any error that is none of the product's or the engine's."""
    try:
        yield
    except (FootfallError, duckdb.Error):  # the shaper knows what to say of these
        raise
    except Exception as error:
        raise Unavailable(
            f"deriving from the log at position {entries[0].position}: {type(error).__name__}: {error}",
            "Report this with the server's log; settings of sessions and inference to derive less may help meanwhile",
            retry_after_s=5,
        ) from error


def _sent(derived: pa.Table, events: pa.Table) -> pa.Array:
    """Which rows are among the ``events``, by source and id."""
    same = events.filter(pc.is_in(events.column("event_id"), value_set=derived.column("event_id").combine_chunks()))
    return pc.is_in(_named(derived), value_set=_named(same))


def _named(rows: pa.Table) -> pa.Array:
    """Source and id of each row as one text; a source has no line break."""
    names = [rows.column(name).combine_chunks().cast(pa.string()) for name in ("source", "event_id")]
    return pc.binary_join_element_wise(*names, "\n")


def _alike(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows in the columns and types of ``schema``; what they do not have is null."""
    return pa.table([_column(rows, field) for field in schema], schema=schema)


def _column(rows: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    if field.name not in rows.column_names:
        return pa.chunked_array([pa.nulls(rows.num_rows, field.type)])
    column = rows.column(field.name)
    if column.type == field.type:
        return column
    if pa.types.is_dictionary(field.type) and not pa.types.is_dictionary(column.type):
        column = column.cast(field.type.value_type).dictionary_encode()
    return pc.cast(column, field.type)
