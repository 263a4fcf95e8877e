"""The clock hours of a day, as the query of concurrent sessions needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from footfall.engines.database import Database, literal
from footfall.model.instants import to_us

if TYPE_CHECKING:
    from footfall.ports import DayInput

_OPEN: Final = "lay out the hours"
_HOUR_US: Final = 3_600_000_000
# A cell and one of up to 64 hours fit into 64 bits below this many cells.
_CELLS_MAX: Final = 2**56


def build(database: Database, day: DayInput) -> None:
    """Make ``hours`` (place, hour, since, until), ``hour_dimension`` and the macros of ``rows_hours``.

    place: in order of time; hour: rank of the label, so an hour that is repeated has two places and one rank.
    """
    hours = day.zone.hours(day.day)
    labels = sorted({label for label, _, _ in hours})
    named = "".join(f", ({rank}, {literal(label)})" for rank, label in enumerate(labels, 1))
    laid = "".join(
        f", ({labels.index(label) + 1}, {place}, {to_us(start)}, {to_us(end)})"
        for place, (label, start, end) in enumerate(hours)
    )
    # A date that a zone skipped has no hours, but VALUES needs a row.
    for table, columns, rows in (
        ("hour_dimension", "rank, text", f"(0, ''){named}"),
        ("hours", "hour, place, since, until", f"(0, 0::TINYINT, 0, 0){laid}"),
    ):
        real = f"{columns.partition(',')[0]} > 0"
        database.run(f"CREATE TABLE {table} AS SELECT * FROM (VALUES {rows}) t({columns}) WHERE {real}", _OPEN)
    first, last = to_us(day.start), to_us(day.end)
    if last - first == len(hours) * _HOUR_US:
        begun = f"(us - {first}) // {_HOUR_US}"
    else:  # a clock was put forward or back by a part of an hour
        begun = " + ".join(f"(us >= {to_us(start)})::BIGINT" for _, start, _ in hours[1:]) or "0::BIGINT"
    database.run(f"CREATE MACRO hour_at(us) AS {begun}", _OPEN)
    _cells(database)


def _cells(database: Database) -> None:
    """One number for account and ground; a ground is a product and an environment, numbered from 0 on."""
    accounts = database.number("SELECT max(key) FROM account_dimension", _OPEN) + 1
    terms = database.number("SELECT max(key) FROM term_dimension", _OPEN) + 1
    width = "BIGINT" if accounts * terms * terms < _CELLS_MAX else "HUGEINT"
    ground = f"coalesce(product, 0)::{width} * {terms} + coalesce(environment, 0)"
    database.run(
        f"CREATE MACRO cell_of(account, product, environment) AS account::{width} * {terms * terms} + {ground}", _OPEN
    )
    database.run(f"CREATE MACRO account_of_cell(cell) AS cell // {terms * terms}", _OPEN)
    database.run(f"CREATE MACRO ground_of_cell(cell) AS cell % {terms * terms}", _OPEN)
    database.run(
        "CREATE TABLE grounds AS "
        f"SELECT {ground} AS key, row_number() OVER (ORDER BY key) - 1 AS id, product, environment FROM "
        "(SELECT DISTINCT product_of(key) AS product, environment_of(key) AS environment FROM what_keys)",
        _OPEN,
    )
