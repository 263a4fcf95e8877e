"""The day's events, scanned once: distinct (user, account, product, environment, type, name, detail) with a count.

Ten reports are sums of it. Columns of the finest grain that no report of a type asks for are left null, so that the
user rollups of version 2.0 are groups of the cube itself.
"""

from __future__ import annotations

from typing import Final

from footfall.engines.attribution import AccountFill, Attribution
from footfall.engines.database import Database
from footfall.model.event import EventType
from footfall.model.reports import CATALOGUE, Report

_COUNT: Final = "count the day's events"
_RANKED: Final = {
    "user_key": "user_dimension",
    "account_key": "account_dimension",
    "product": "term_dimension",
    "environment": "term_dimension",
    "name": "term_dimension",
    "detail": "term_dimension",
    "type": "type_dimension",
}


def counted() -> tuple[Report, ...]:
    """The reports that are sums of the cube."""
    return tuple(r for r in CATALOGUE if r.relation == "counts")


def types_with(source: str) -> frozenset[int]:
    """Event types of which some counted report groups by ``source``."""
    return frozenset(int(t) for r in counted() if any(f.key and f.source == source for f in r.fields) for t in r.words)


def build(database: Database, attribution: Attribution) -> None:
    """Make the table ``cube``: user_key, account_key, product, environment, type, name, detail, n.

    Events of types that no report counts are there under type 0: they make a user active.
    """
    counted_types = frozenset(int(t) for r in counted() for t in r.words)
    sql = (
        f"SELECT {attribution.user} AS user_key, {attribution.account} AS account_key, e.product, e.environment, "
        f"{_only('e.type', counted_types, '0::SMALLINT')} AS type, "
        f"{_only('e.name', types_with('name'))} AS name, "
        f"{_only('e.detail', types_with('detail'))} AS detail, "
        f"count(*) AS n FROM lake e {attribution.joins} GROUP BY ALL"
    )
    if attribution.fill is AccountFill.AFTER:
        sql = (
            "SELECT c.* REPLACE (coalesce(c.account_key, sa.target) AS account_key) "
            f"FROM ({sql}) c LEFT JOIN settled_accounts sa ON sa.owner = c.user_key"
        )
    database.run(f"CREATE TABLE cube AS {sql}", _COUNT)


def rank(database: Database) -> None:
    """Make the table ``ranked``: the cube with each key replaced by its rank, 0 for null, in as few bytes as hold it.

    ``event`` is the type itself, ``type`` the rank of its printed word. Needs the dimensions.
    """
    parts = [_ranked(database, f"c.{c}", d, c) for c, d in _RANKED.items()]
    columns = ", ".join(sql for sql, _ in parts)
    joins = " ".join(join for _, join in parts)
    database.run(
        f"CREATE TABLE ranked AS SELECT {columns}, c.type::UTINYINT AS event, c.n::UINTEGER AS n "
        f"FROM cube c {joins} WHERE c.type != 0",
        _COUNT,
    )
    # What is still asked for by key: the title of an article depends on two of them.
    articles = f"SELECT * FROM cube WHERE type = {int(EventType.ARTICLE_VIEW)}"
    database.run(f"CREATE TABLE article_cube AS {articles}", _COUNT)
    database.run("DROP TABLE cube", _COUNT)


def _ranked(database: Database, key: str, dimension: str, column: str) -> tuple[str, str]:
    most = database.number(f"SELECT max(rank) FROM {dimension}", _COUNT)
    width = "UTINYINT" if most < 2**8 else "USMALLINT" if most < 2**16 else "UINTEGER"
    # An inner join for users leaves out the events of nobody, and costs half of a left one.
    kind = "JOIN" if column == "user_key" else "LEFT JOIN"
    join = f"{kind} {dimension} d_{column} ON d_{column}.key = {key}"
    return f"coalesce(d_{column}.rank, 0)::{width} AS {column}", join


def is_finest(report: Report, version: str) -> bool:
    """Whether the report's groups are rows of the cube, so that nothing is left to add up."""
    sources = {f.source for f in report.keys(version)}
    types = frozenset(int(t) for t in report.words)
    return (
        {"user", "account", "product", "environment"} <= sources
        and ("type" in sources or len(types) == 1)
        and ("name" in sources or not types & types_with("name"))
        and ("detail" in sources or not types & types_with("detail"))
    )


def _only(column: str, types: frozenset[int], otherwise: str = "NULL") -> str:
    return f"CASE WHEN e.type IN ({', '.join(map(str, sorted(types)))}) THEN {column} ELSE {otherwise} END"
