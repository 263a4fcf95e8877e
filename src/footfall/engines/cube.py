"""The day's events, scanned once: who did what, how often.

*who* is a pair of user and account, *what* is (type, product, environment, name, detail), each packed into one number,
so that grouping compares two numbers and not seven columns. Ten reports are sums of it. What no report of a type asks
for is left out of *what*, so that the user rollups of version 2.0 are groups of the cube itself.
"""

from __future__ import annotations

from typing import Final

from footfall.engines.attribution import AccountFill, Attribution
from footfall.engines.database import Database, query
from footfall.model.event import EventType
from footfall.model.reports import CATALOGUE, Report

_COUNT: Final = "count the day's events"
_PARTS: Final = ("product", "environment", "name", "detail")
# Event types are below it.
_TYPES: Final = 32
_BIGINT_MAX: Final = 2**63


def counted() -> tuple[Report, ...]:
    """The reports that are sums of the cube."""
    return tuple(r for r in CATALOGUE if r.relation == "counts")


def types_with(source: str) -> frozenset[int]:
    """Event types of which some counted report groups by ``source``."""
    return frozenset(int(t) for r in counted() if any(f.key and f.source == source for f in r.fields) for t in r.words)


def build(database: Database, attribution: Attribution) -> None:
    """Make the tables ``cube`` (who, what, n) and ``pairs`` (key, user_key, account_key, n: events of each *who* that
    is somebody, done: those that make a user active), and the macros that take such numbers apart.

    who: 0 for the events of nobody. Events of types that no report counts have type 0: they make a user active, as all
    do but those that tell which audience a user is in.
    """
    _macros(database)
    counted_types = frozenset(int(t) for r in counted() for t in r.words)
    what = (
        f"what_of({_only('e.type', counted_types)}, e.product, e.environment, "
        f"{_only('e.name', types_with('name'))}, {_only('e.detail', types_with('detail'))})"
    )
    sql = (
        f"SELECT who_of({attribution.user}, {attribution.account}) AS who, {what} AS what, count(*) AS n "
        f"FROM lake e {attribution.joins} GROUP BY ALL"
    )
    if attribution.fill is AccountFill.AFTER:
        sql = (
            "SELECT c.* REPLACE (who_of(user_of(c.who), sa.target) AS who) "
            f"FROM ({sql}) c LEFT JOIN settled_accounts sa ON sa.owner = user_of(c.who)"
        )
    database.run(f"CREATE TABLE cube AS {sql}", _COUNT)
    database.run(
        "CREATE TABLE pairs AS SELECT who AS key, user_of(who)::INTEGER AS user_key, "
        "account_of(who)::INTEGER AS account_key, sum(n)::BIGINT AS n, "
        f"coalesce(sum(n) FILTER (type_of(what) != {int(EventType.SEGMENT_MATCH)}), 0)::BIGINT AS done "
        "FROM cube WHERE who != 0 GROUP BY who",
        _COUNT,
    )


def _macros(database: Database) -> None:
    """``who_of`` and ``what_of`` with their inverses. 128 bits hold *what* should there be too many terms for 64."""
    terms = database.number("SELECT max(key) FROM term_texts", _COUNT) + 1
    width = "BIGINT" if terms ** len(_PARTS) * _TYPES < _BIGINT_MAX else "HUGEINT"
    packed = "type::" + width
    for part in _PARTS:
        packed = f"({packed}) * {terms} + coalesce({part}, 0)"
    database.run(f"CREATE MACRO what_of(type, {', '.join(_PARTS)}) AS {packed}", _COUNT)
    for place, part in enumerate(reversed(_PARTS)):
        database.run(f"CREATE MACRO {part}_of(what) AS nullif(what // {terms**place} % {terms}, 0)", _COUNT)
    database.run(f"CREATE MACRO type_of(what) AS what // {terms ** len(_PARTS)}", _COUNT)
    database.script(query("macros_who"))


def excluded(database: Database) -> dict[str, int]:
    """Events in no report (``no_user``), and in user reports only (``no_account``)."""
    return {
        "no_user": database.number("SELECT sum(n)::BIGINT FROM cube WHERE who = 0", _COUNT),
        "no_account": database.number("SELECT sum(n)::BIGINT FROM pairs WHERE account_key IS NULL", _COUNT),
    }


def rank(database: Database) -> None:
    """Make ``ranked`` (who, what, event, n): the cube by places in ``who`` and ``what``; and drop the cube."""
    narrow = "USMALLINT" if database.number("SELECT max(id) FROM what", _COUNT) < 2**16 else "UINTEGER"
    database.run(
        f"CREATE TABLE ranked AS SELECT who.rank AS who, what.id::{narrow} AS what, what.event, c.n::UINTEGER AS n "
        "FROM cube c JOIN who ON who.key = c.who JOIN what ON what.key = c.what",
        _COUNT,
    )
    database.run("DROP TABLE cube", _COUNT)


def _only(column: str, types: frozenset[int]) -> str:
    return f"CASE WHEN e.type IN ({', '.join(map(str, sorted(types)))}) THEN {column} ELSE 0 END"
