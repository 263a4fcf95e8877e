"""A DuckDB in memory that is kept from one use to the next, and does not stay broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa


class Reopened:
    """One connection, opened when it is first used, and anew by the first use after a fault within DuckDB.

    After such a fault DuckDB answers nothing any more, so whoever kept the connection would fail until a restart.
    opened: opens one, with all that is asked of it later. Not for use by two threads at once.
    """

    def __init__(self, opened: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        self._opened = opened
        self._connection: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def use(self, **given: pa.Table | pa.RecordBatchReader) -> Iterator[duckdb.DuckDBPyConnection]:
        """The connection; what was made on it before is there unless it was opened anew. DuckDB's errors pass.

        given: what is readable by these names meanwhile, without a copy.
        """
        if self._connection is None:
            self._connection = self._opened()
        connection = self._connection
        try:
            for name, rows in given.items():
                connection.register(name, rows)
            yield connection
        except (duckdb.InternalError, duckdb.FatalException):
            self.close()
            raise
        finally:
            if self._connection is not None:  # else it would be asked for more, and hide why it was given up
                for name in given:
                    connection.unregister(name)

    def close(self) -> None:
        """Give back the engine's memory; one more use would open it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
