"""The clock hours of a day, as the query of concurrent sessions needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from footfall.engines.database import Database, literal, microseconds

if TYPE_CHECKING:
    from footfall.ports import DayInput

_OPEN: Final = "lay out the hours"
# A cell and one of up to 64 hours fit into 64 bits below this many cells.
_CELLS_MAX: Final = 2**56


def build(database: Database, day: DayInput) -> None:
    """Make ``hours`` (place, hour, since, until), ``hour_dimension`` and the macros of ``rows_hours``.

    place: in order of time; hour: rank of the label, so an hour that is repeated has two places and one rank.
    """
    hours = day.zone.hours(day.day)
    labels = sorted({label for label, _, _ in hours})
    database.run("CREATE TABLE hour_dimension (rank UTINYINT, text VARCHAR)", _OPEN)
    database.run("CREATE TABLE hours (place TINYINT, hour UTINYINT, since BIGINT, until BIGINT)", _OPEN)
    for rank, label in enumerate(labels, 1):
        database.run(f"INSERT INTO hour_dimension VALUES ({rank}, {literal(label)})", _OPEN)
    for place, (label, start, end) in enumerate(hours):
        values = f"({place}, {labels.index(label) + 1}, {microseconds(start)}, {microseconds(end)})"
        database.run(f"INSERT INTO hours VALUES {values}", _OPEN)
    # How many hours have begun: 25 comparisons of a column cost a fifth of a join with ranges.
    begun = " + ".join(f"(us >= {microseconds(start)})::BIGINT" for _, start, _ in hours[1:]) or "0::BIGINT"
    database.run(f"CREATE MACRO hour_at(us) AS {begun}", _OPEN)
    _cells(database)


def _cells(database: Database) -> None:
    """One number for account, product and environment; in 128 bits should the keys be too large for 64."""
    accounts = database.number("SELECT max(key) FROM account_dimension", _OPEN) + 1
    terms = database.number("SELECT max(key) FROM term_dimension", _OPEN) + 2
    width = "BIGINT" if accounts * terms * terms < _CELLS_MAX else "HUGEINT"
    database.run(
        "CREATE MACRO cell_of(account, product, environment) AS "
        f"(account::{width} * {terms} + coalesce(product + 1, 0)) * {terms} + coalesce(environment + 1, 0)",
        _OPEN,
    )
    for name, sql in {
        "environment_of": f"cell % {terms} - 1",
        "product_of": f"cell // {terms} % {terms} - 1",
        "account_of": f"cell // {terms * terms}",
    }.items():
        database.run(f"CREATE MACRO {name}(cell) AS {sql}", _OPEN)
