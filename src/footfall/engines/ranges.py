"""The slices in which the rows of a large report are made, one range of what they are sorted by after the other.

DuckDB keeps lists in memory, and wide rows that wait to be joined, however small its limit is. So what is made at once
is bounded, and since a range holds the first key of the order, what the ranges give can follow each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from footfall.engines.database import Database, text_literal
from footfall.engines.snapshots import ARE_LONG
from footfall.model.event import EventType
from footfall.model.reports import Report
from footfall.portions import JSON_AT_ONCE

# What stands in the query of a relation for the slice.
Slice = Mapping[str, str]

# Relations with one row per event, or per answer of one, and the events they are made of.
EVENT_ROWS: Final = {
    "clicks": EventType.ENGAGEMENT_CLICK,
    "survey_responses": EventType.SURVEY_RESPONSE,
    "survey_answers": EventType.SURVEY_ANSWER,
    "feedback": EventType.FEEDBACK,
}
# Keys looked at to find ranges.
_SAMPLE: Final = 20_000
_MEASURE: Final = "measure a report"


def slices(database: Database, report: Report) -> Iterator[Slice]:
    """All of the report's relation at once, or one range after the other."""
    if report.relation == "view_states":
        yield from _of_views(database)
    elif report.relation == "users":
        yield from _of_users(database)
    elif report.relation == "accounts":
        yield from _of_accounts(database)
    elif report.relation in EVENT_ROWS:
        yield from _of_events(database, EVENT_ROWS[report.relation])
    else:
        yield {}


def _of_views(database: Database) -> Iterator[Slice]:
    views = database.number(f"SELECT count(*) FROM details WHERE type = {EventType.ENGAGEMENT_VIEW:d}", _MEASURE)
    users = database.number("SELECT max(rank) FROM user_dimension", _MEASURE)
    width = max(1, users * database.limits.views_at_once // max(1, views))
    for first in range(1, users + 1, width):
        yield {"$first": str(first), "$last": str(first + width - 1)}


def _of_users(database: Database) -> Iterator[Slice]:
    """Totals are narrowed to the range first: else DuckDB keeps users, who are wide, to be found by totals of all."""
    key = "coalesce(u.identify_id, '')"
    bounds = _bounds(database, key, "FROM users u WHERE true", database.limits.users_at_once)
    bounds = sorted({*bounds, *_cuts(database, key, "users u")}, key=_binary)
    if not bounds:
        yield {"$totals": "user_totals", "$slice": "true"}
    for each in _ranges(key, [text_literal(str(bound)) for bound in bounds]):
        totals = f"SELECT * FROM user_totals WHERE user_key IN (SELECT u.user_key FROM users u WHERE {each})"
        yield {"$totals": f"({totals})", "$slice": each}


def _of_accounts(database: Database) -> Iterator[Slice]:
    key = "coalesce(a.account_id, '')"
    bounds = _cuts(database, key, "accounts a")
    for each in _ranges(key, [text_literal(str(bound)) for bound in bounds]) if bounds else ("true",):
        yield {"$slice": each}


def _cuts(database: Database, key: str, table: str) -> Sequence[object]:
    """Keys that part those with long attributes, in order, so that what is read at once is not too much."""
    long = f"SELECT {key} AS key, strlen(attributes) AS length FROM {table} WHERE {ARE_LONG}"
    parts = f"SELECT key, (sum(length) OVER (ORDER BY key)) // {JSON_AT_ONCE} AS part FROM ({long})"
    return [cut for (cut,) in database.rows(f"SELECT max(key) FROM ({parts}) GROUP BY part ORDER BY 1", _MEASURE, {})]


def _of_events(database: Database, type: EventType) -> Iterator[Slice]:
    bounds = _bounds(database, "at_us", f"FROM details WHERE type = {type:d}", database.limits.events_at_once)
    if not bounds:
        yield {"$slice": "true"}
    for each in _ranges("at_us", [str(bound) for bound in bounds]):
        yield {"$slice": each}


def _bounds(database: Database, key: str, rows: str, at_once: int) -> Sequence[object]:
    """Keys that part the rows in ranges of about ``at_once``, in order; by a sample, that is always the same."""
    count = database.number(f"SELECT count(*) {rows}", _MEASURE)
    wanted = -(-count // at_once)
    if wanted < 2:
        return ()
    sample = f"SELECT DISTINCT {key} {rows} AND hash({key}) % {max(1, count // _SAMPLE)} = 0"
    found = sorted((key for (key,) in database.rows(sample, _MEASURE, {})), key=_binary)
    return list(dict.fromkeys(found[len(found) * n // wanted] for n in range(1, wanted))) if found else ()


def _ranges(key: str, bounds: Sequence[str]) -> Iterator[str]:
    """SQL that is true of the keys between two bounds, before the first and after the last; nothing without bounds."""
    if bounds:
        yield f"{key} <= {bounds[0]}"
        yield from (f"{key} > {low} AND {key} <= {high}" for low, high in pairwise(bounds))
        yield f"{key} > {bounds[-1]}"


def _binary(key: Any) -> Any:
    """DuckDB compares texts by their bytes."""
    return key.encode() if isinstance(key, str) else key
