"""Events that are not taken because of whom they are about: users who are denied, and people who were erased."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from footfall.engines.splitting import Range, Refusal
from footfall.ports import Entry

# Texts in; of each the instant up to which it was erased, in microseconds, and whether it came back since.
Erased = Callable[[pa.Array], tuple[pa.Array, pa.Array]]
_IMPORTED: Final = "^im[0-9a-f]{22}-[0-9]+$"  # see model.imports.import_id
_NAMES: Final = ("identify_id", "anonymous_id", "previous_id")


def nobody_erased(texts: pa.Array) -> tuple[pa.Array, pa.Array]:
    """An ``Erased`` of an empty list."""
    return pa.nulls(len(texts), pa.int64()), pa.array([False] * len(texts))


def without_denied(good: pa.Table, denied: Mapping[str, int], taken: Range) -> pa.Table:
    """The events of those who are not denied; the others are refused without their texts."""
    return _refused(good, of_denied(good, denied), taken, "denied_user", "the user is denied")


def of_denied(rows: pa.Table, denied: Mapping[str, int]) -> pa.Array:
    """Which rows are of users who are denied."""
    if not denied:
        return pa.repeat(pa.scalar(False), rows.num_rows)
    ids, since = pa.array(list(denied), pa.string()), pa.array(list(denied.values()), pa.int64())
    begun = since.take(pc.index_in(rows.column("identify_id"), value_set=ids).combine_chunks())
    return pc.fill_null(pc.less_equal(begun, rows.column("received_us").combine_chunks()), False)


def without_erased(good: pa.Table, erased: Erased, taken: Range) -> pa.Table:
    """The events of people who were not erased, or that happened after it; the others are refused without texts."""
    return _refused(good, of_erased(good, erased), taken, "erased_person", "the person was erased")


def of_erased(rows: pa.Table, erased: Erased) -> pa.Array:
    """Which rows are of people who were erased, and of the time before.

    A row of a file tells of the time before whenever it is imported, until somebody of that id is known again.
    """
    names = [rows.column(name).combine_chunks() for name in _NAMES]
    distinct = pa.chunked_array([name.cast(pa.string()) for name in names]).unique().drop_null()
    until, known = erased(distinct)
    if until.null_count == len(until):
        return pa.repeat(pa.scalar(False), rows.num_rows)
    occurred = rows.column("occurred_us").combine_chunks()
    imported = pc.match_substring_regex(rows.column("event_id").combine_chunks().cast(pa.string()), _IMPORTED)
    ignored = pa.array([False] * rows.num_rows)
    for name in names:
        place = pc.index_in(name.cast(pa.string()), value_set=distinct)
        before = pc.less_equal(occurred, until.take(place))
        stale = pc.and_(imported, pc.and_(pc.is_valid(until.take(place)), pc.invert(known.take(place))))
        ignored = pc.or_(ignored, pc.fill_null(pc.or_kleene(before, stale), False))
    return ignored


def _refused(good: pa.Table, ignored: pa.Array, taken: Range, code: str, message: str) -> pa.Table:
    if not pc.any(ignored).as_py():
        return good
    for row in good.filter(ignored).select(["position", "index"]).to_pylist():
        taken.refusals.append(Refusal(_entry(taken, row["position"]), row["index"], code, message, b""))
    return good.filter(pc.invert(ignored))


def _entry(taken: Range, position: int) -> Entry:
    return taken.entries[bisect_left(taken.entries, position, key=lambda entry: entry.position)]
