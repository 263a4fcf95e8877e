"""A fault within DuckDB breaks the connection that it happened on, and costs no more than what was asked then."""

from __future__ import annotations

from functools import partial

import duckdb
import pyarrow as pa
import pytest
from torn import BREAKS, torn

from footfall.engines.reopening import Reopened

ASKED = f"SELECT {BREAKS.format('text')} AS text FROM given"


@pytest.fixture
def engine():
    made = Reopened(partial(duckdb.connect, ":memory:", config={"threads": 1}))
    yield made
    made.close()


def ask(engine: Reopened, given: pa.Table) -> list[str]:
    with engine.use(given=given) as connection:
        return connection.sql(ASKED).to_arrow_table()["text"].to_pylist()


def test_after_a_fault_within_the_engine_the_next_use_has_a_new_one(engine):
    given = pa.table({"text": ["a"]})
    for _ in range(2):
        with pytest.raises(duckdb.InternalException):
            ask(engine, torn(given, "text"))
        assert ask(engine, given) == ["A"]


def test_what_was_made_stays_after_an_error_that_breaks_nothing(engine):
    with engine.use() as connection:
        connection.execute("CREATE TABLE made AS SELECT 7 AS number")
    with pytest.raises(duckdb.BinderException), engine.use(given=pa.table({"text": ["a"]})) as connection:
        connection.sql("SELECT nothing FROM made, given")
    with engine.use() as connection:
        assert connection.sql("SELECT number FROM made").fetchall() == [(7,)]
        with pytest.raises(duckdb.CatalogException):
            connection.sql("SELECT * FROM given")
