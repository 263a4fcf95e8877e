"""``ports.OpenSessions``: what is kept of open sessions as of any position that settle may begin at again."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footfall.stores.database import Database
from footfall.stores.ledger import SqlLedger
from footfall.stores.open_sessions import SqlOpenSessions

AT = datetime(2026, 5, 2, 3, tzinfo=UTC)


def sessions(**events: int | None) -> pa.Table:
    """Sessions by id with their number of events; None for one that ended."""
    n = len(events)
    texts = ("source", "product", "environment", "channel", "identify_id", "anonymous_id", "account_id")
    columns = {"session_id": list(events)} | {name: [name] * n for name in texts}
    columns |= {name: pa.array([5] * n, pa.int64()) for name in ("began_us", "ended_us", "heard_us")}
    columns |= {"events": pa.array([count or 0 for count in events.values()], pa.int64())}
    return pa.table(columns | {"open": pa.array([count is not None for count in events.values()], pa.bool_())})


@pytest.fixture
def place(tmp_path):
    database = Database.open(tmp_path / "footfall.db")
    yield database
    database.close()


def known(database, position) -> dict[str, int]:
    table = SqlOpenSessions(database).at(position)
    return dict(zip(table["session_id"].to_pylist(), table["events"].to_pylist(), strict=True))


def test_sessions_are_kept_as_they_were_at_each_position_that_can_be_asked_for(place, shape):
    ledger = SqlLedger(place)
    ledger.settled(0, 100, shape(sessions=sessions(a=1, b=2)), AT)
    assert known(place, 100) == {"a": 1, "b": 2}
    ledger.settled(100, 200, shape(sessions=sessions(a=3, b=None, c=1)), AT)
    assert known(place, 100) == {"a": 1, "b": 2}
    assert known(place, 200) == {"a": 3, "c": 1}
    assert SqlOpenSessions(place).at(200).schema.field("identify_id").type == pa.string()


def test_a_range_that_is_settled_again_replaces_what_its_first_try_kept(place, shape):
    ledger = SqlLedger(place)
    ledger.settled(0, 100, shape(sessions=sessions(a=1, b=1)), AT)
    ledger.settled(100, 200, shape(sessions=sessions(a=None, c=1)), AT)
    ledger.settled(100, 150, shape(sessions=sessions(b=7)), AT)
    assert known(place, 150) == {"a": 1, "b": 7}


def test_a_range_that_is_settled_again_and_keeps_nothing_takes_its_first_try_back(place, shape):
    ledger = SqlLedger(place)
    ledger.settled(0, 100, shape(sessions=sessions(a=1, b=1)), AT)
    ledger.settled(100, 200, shape(sessions=sessions(a=None, b=2, c=1)), AT)
    ledger.settled(100, 150, shape(sessions=None), AT)
    assert known(place, 150) == {"a": 1, "b": 1}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 9) | st.none(), max_size=4), st.booleans()),
        max_size=8,
    )
)
def test_repeating_ranges_changes_nothing_of_what_is_kept(place, shape, steps):
    with place.writing() as connection:
        for table in ("open_session", "settled_range"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    ledger, now, position = SqlLedger(place), {}, 0
    for told, crashed in steps:
        if crashed:
            ledger.settled(position, position + 9, shape(sessions=sessions(a=100, d=None, e=1)), AT)
            assert known(place, position) == now
        told = {name: count for name, count in told.items() if count is not None or name in now}
        ledger.settled(position, position + 5, shape(sessions=sessions(**told)), AT)
        now = {name: count for name, count in (now | told).items() if count is not None}
        position += 5
        assert known(place, position) == now
