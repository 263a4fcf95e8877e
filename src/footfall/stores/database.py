"""One SQLite file in the data directory: opening, migrating, transactions, and the translation of its errors.

WAL with ``synchronous=FULL``: a committed transaction survives a power cut. Writers wait for each other up to
``BUSY_TIMEOUT_S``; readers see the last commit and never wait.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import Connection, Engine, create_engine, event, exc, inspect, text
from sqlalchemy.pool import QueuePool

from footfall.errors import Conflict, Damaged, FootfallError, Refused, Unavailable
from footfall.stores.schema import REVISION

FILE_NAME: Final = "store.db"
BUSY_TIMEOUT_S: Final = 30
FOLD_TIMEOUT_MS: Final = 1000
CACHE_KIB: Final = 64 * 1024
_WRITING: Final = "footfall_writing"
_FREE: Final = "Free space on the disk of the data directory"


class Database:
    """The control store's connections. Implements ``ports.Store``; safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._here = threading.local()
        self._numbers = count(1)

    @classmethod
    def open(cls, path: Path) -> Database:
        """Open or create the file and bring its tables up to date.

        Raises ``Refused`` for a file that a newer Footfall wrote or that is no database, ``Unavailable`` when another
        process keeps it locked.
        """
        engine = create_engine(f"sqlite:///{path}", poolclass=QueuePool, pool_size=8, connect_args={"timeout": 0})
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "begin", _begin)
        database = cls(engine)
        try:
            with database.writing() as connection:
                _migrate(connection, path)
        except BaseException:
            database.close()
            raise
        return database

    def close(self) -> None:
        """Give back every idle connection; SQLite folds the WAL into the file when the last one goes."""
        self._engine.dispose()

    def fold(self) -> None:
        """Fold the WAL into the file and empty it, so that neither holds what was overwritten.

        Left to a later time when other readers or writers are in the way for ``FOLD_TIMEOUT_MS``.
        """
        with _translated():
            connection = self._engine.raw_connection()
            try:
                driver = cast("sqlite3.Connection", connection.driver_connection)
                driver.execute(f"PRAGMA busy_timeout = {FOLD_TIMEOUT_MS}")
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                driver.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
            finally:
                connection.close()

    def rewrite(self) -> None:
        """Write the whole file anew and empty the WAL: what was deleted or changed is in no byte of either.

        Takes as long as a copy, and as much room. Raises ``Unavailable`` while others are at it.
        """
        with _translated():
            connection = self._engine.raw_connection()
            try:
                cast("sqlite3.Connection", connection.driver_connection).execute("VACUUM")
            finally:
                connection.close()
        self.fold()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything this thread writes inside commits together, or not at all. Blocks nest; the outermost decides."""
        with self.writing():
            yield

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """The connection of this thread's transaction, which is begun if there is none."""
        open_one: Connection | None = getattr(self._here, "connection", None)
        if open_one is not None:
            yield open_one
            return
        with _translated(), self._engine.connect() as plain:
            connection = plain.execution_options(**{_WRITING: True})
            with connection.begin():
                self._here.connection = connection
                self._here.number = next(self._numbers)
                try:
                    yield connection
                finally:
                    del self._here.connection, self._here.number
                # SQLite ends some transactions by itself, as on a full disk, and then there is nothing to commit, which
                # the driver does without a word. Whoever caught the error inside has not seen that.
                if not raw(connection).in_transaction:
                    raise Unavailable("control store: SQLite took back all that was written", _FREE, retry_after_s=10)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What this thread writes inside is undone alone when the block raises; the transaction around it may go on."""
        with self.writing() as connection, connection.begin_nested():
            yield

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one moment: this thread's transaction if it has one, else the last commit."""
        open_one: Connection | None = getattr(self._here, "connection", None)
        if open_one is not None:
            yield open_one
            return
        with _translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    @property
    def transaction_number(self) -> int | None:
        """Which transaction this thread is in. What is remembered under a number must be forgotten with it."""
        return getattr(self._here, "number", None)


def raw(connection: Connection) -> sqlite3.Connection:
    """The driver's connection beneath, in the same transaction: for the hot paths."""
    return cast("sqlite3.Connection", connection.connection.dbapi_connection)


def _set_up(connection: Any, _record: object) -> None:
    # We say BEGIN ourselves: the driver's own transactions begin late and leave schema changes outside.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")


def _begin(connection: Connection) -> None:
    # A writer takes the lock at once: one that upgrades half-way fails at once instead of waiting its turn.
    writing = connection.get_execution_options().get(_WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _migrate(connection: Connection, path: Path) -> None:
    found = None
    if inspect(connection).has_table("alembic_version"):
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if found == REVISION:
        return
    # Late, because importing Alembic costs more than opening an up-to-date file.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "footfall.stores:migrations")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise Refused(
            f"{path} was written by a newer Footfall (its tables are at revision {found}, this one knows {REVISION})",
            "Start it with that version or a later one",
        )
    command.upgrade(config, REVISION)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exc.DBAPIError as error:
        raise _translation(error.orig if isinstance(error.orig, sqlite3.Error) else error) from error
    except sqlite3.Error as error:
        raise _translation(error) from error


def _translation(error: Exception) -> FootfallError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    what = f"control store: {error}"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Unavailable(what, "Another process is writing to it")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return Unavailable(what, _FREE, retry_after_s=10)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Damaged(what, f"Restore {FILE_NAME} from a backup")
    if code == sqlite3.SQLITE_CONSTRAINT:
        return Conflict(what)
    return Refused(what, "Check that the data directory exists and may be written")
