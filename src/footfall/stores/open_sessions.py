"""``ports.OpenSessions`` on the control store: versions of each open session, by the range of the log that made them.

A version holds from the range that begins at ``since`` until that at ``until``. The lake is never behind the newest
range recorded here by more than that range, so two versions of a session are all that is ever asked for.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import BigInteger, Column, Connection, Table, Text

from footfall.stores.database import Database, raw
from footfall.stores.keys import columns
from footfall.stores.schema import METADATA

open_session: Final = Table(
    "open_session",
    METADATA,
    Column("session_id", Text, primary_key=True),
    Column("since", BigInteger, primary_key=True, autoincrement=False, index=True),
    Column("until", BigInteger, index=True),
    Column("source", Text, nullable=False),
    Column("product", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("identify_id", Text),
    Column("anonymous_id", Text),
    Column("account_id", Text),
    Column("began_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger, nullable=False),
    Column("heard_us", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
_NAMES: Final = tuple(column.name for column in open_session.columns if column.name not in ("since", "until"))
_TYPES: Final = [
    pa.int64() if name in ("began_us", "ended_us", "heard_us", "events") else pa.string() for name in _NAMES
]


class SqlOpenSessions:
    """See ``ports.OpenSessions``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def at(self, position: int) -> pa.Table:
        """The sessions that were open when everything before ``position`` had been settled."""
        statement = (
            f"SELECT {', '.join(_NAMES)} FROM open_session "
            'WHERE since < ?1 AND ("until" IS NULL OR "until" >= ?1) ORDER BY session_id'
        )
        with self._database.reading() as connection:
            return pa.table(columns(connection, statement, _TYPES, position), names=list(_NAMES))


def keep(connection: Connection, start: int, sessions: pa.Table | None) -> None:
    """Record what the range that begins at ``start`` began, changed or ended; an earlier try is taken back first."""
    driver = raw(connection)
    driver.execute("DELETE FROM open_session WHERE since >= ?", (start,))
    driver.execute('UPDATE open_session SET "until" = NULL WHERE "until" >= ?', (start,))
    # That this range is recorded says that all before it are in the lake.
    driver.execute('DELETE FROM open_session WHERE "until" < ?', (start,))
    if sessions is None:
        return
    driver.executemany(
        'UPDATE open_session SET "until" = ? WHERE session_id = ? AND "until" IS NULL',
        ((start, session_id) for session_id in sessions["session_id"].to_pylist()),
    )
    going_on = sessions.filter(pc.field("open"))
    marks = ", ".join("?" * (len(_NAMES) + 1))
    driver.executemany(
        f"INSERT INTO open_session ({', '.join(_NAMES)}, since) VALUES ({marks})",
        zip(*(going_on[name].to_pylist() for name in _NAMES), [start] * going_on.num_rows, strict=True),
    )
