"""A DuckDB of its own for one piece of work: in memory up to a limit, the rest on disk."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import duckdb
import duckdb.func
import pyarrow as pa

from footfall.errors import Damaged, FootfallError, Refused, Unavailable
from footfall.model.event import LAKE_COLUMNS

_TYPES: Final = {
    "long": "BIGINT",
    "short": "SMALLINT",
    "integer": "INTEGER",
    "string": "VARCHAR",
    "timestamp": "TIMESTAMPTZ",
    "date": "DATE",
}
# All tables are made in a database of their own within the engine, so that detaching it drops them at once. It is a
# file: what does not fit into memory is written once and compressed to a third. Tables of ":memory:" are swapped as
# they are, again and again: 20 M events took 69 s of CPU instead of 62, and two reports at once ran out of memory.
# Nothing of it is ever opened again, so it needs no log and no checkpoint. Whole row groups are compressed without one;
# a checkpoint would compress all that a small day has, for nothing.
_BEGIN: Final = "ATTACH {file} AS day (RECOVERY_MODE no_wal_writes); USE day"
_ROW_GROUP: Final = 122_880
# Arrow that waits to be inserted; a row group of usual users is less.
_TAKEN_BYTES: Final = 96 << 20
_OUT_OF_MEMORY: Final = "Out of Memory Error"
_NOT_COMMITTED: Final = "failed to pin block"
_QUERIES: Final = Path(__file__).parent / "queries"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one opened day may use.

    memory_mb: of buffers; DuckDB takes up to 0.2 GB on top of it.

    views_at_once: views of engagements whose paths are in memory together.

    users_at_once, events_at_once: rows of them that are joined and sorted together, about.

    texts_at_once: of users or accounts, in memory while rows are put together.
    """

    memory_mb: int = 256
    threads: int = 2
    views_at_once: int = 200_000
    users_at_once: int = 250_000
    events_at_once: int = 250_000
    texts_at_once: int = 65_536


@cache
def query(name: str) -> str:
    """The text of ``queries/{name}.sql``."""
    return (_QUERIES / f"{name}.sql").read_text(encoding="utf-8")


def literal(text: str) -> str:
    """``text`` as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def text_literal(text: str) -> str:
    """SQL for any text; one literal cannot hold U+0000."""
    if "\0" not in text:
        return literal(text)
    pieces = ", chr(0), ".join(literal(piece) for piece in text.split("\0"))
    return f"concat({pieces})"


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn DuckDB's errors into ours. what: what was being done, for the message."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        if (told := _told(what, error)) is None:
            raise
        raise told from error


def _told(what: str, error: BaseException) -> FootfallError | None:
    said = f"{what}: {error}"
    if _of_memory(error):
        return Unavailable(said, "Give the engine more memory, or its spill folder more room")
    if isinstance(error, duckdb.IOException):
        return Unavailable(said, "Check the disk and that the files are still there")
    if isinstance(error, (duckdb.SerializationException, duckdb.InvalidInputException, duckdb.ConversionException)):
        return Damaged(said, "Run `footfall doctor`")
    if isinstance(error, duckdb.Error):
        return Refused(said, "This is a fault of Footfall; please report it with this message")
    return None


def out_of_memory(error: BaseException) -> bool:
    """Did DuckDB need more than its limit? Then less at once may do."""
    return _of_memory(error.__cause__)


def _of_memory(error: BaseException | None) -> bool:
    # What goes wrong while a result is read comes through Arrow, without its class.
    said = str(error)
    return isinstance(error, duckdb.OutOfMemoryException) or said.startswith(_OUT_OF_MEMORY) or _NOT_COMMITTED in said


def _quiet(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    # DuckDB draws a bar on the terminal for statements of more than two seconds; the setting is per connection.
    connection.execute("SET enable_progress_bar = false")
    return connection


def _together(batches: pa.RecordBatchReader) -> Iterator[list[pa.RecordBatch]]:
    """Batches of about a row group of DuckDB's: inserting less costs half as much again. Or less, of long rows."""
    some: list[pa.RecordBatch] = []
    for batch in batches:
        some.append(batch)
        if sum(each.num_rows for each in some) >= _ROW_GROUP or sum(each.nbytes for each in some) >= _TAKEN_BYTES:
            yield some
            some = []
    if some:
        yield some


@contextmanager
def scratch(limits: Limits, spill_dir: Path, name: str) -> Iterator[Database]:
    """A database for one piece of work, in a folder of its own below ``spill_dir`` that is gone afterwards."""
    with closing(Housed.make(limits, spill_dir, name)) as made:
        yield made.database


@dataclass(frozen=True, slots=True)
class Housed:
    """A database and the folder that it spills into: of its own, because what it keeps there has a fixed name."""

    folder: Path
    database: Database

    @classmethod
    def make(cls, limits: Limits, spill_dir: Path, name: str) -> Housed:
        """A new one below ``spill_dir``, named after what it is for. One that cannot be opened leaves no folder."""
        spill_dir.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=spill_dir))
        try:
            return cls(folder, Database(limits, folder))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def close(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Database:
    """Connections to one private database. Tables are shared by all of them, registered Arrow tables too.

    No extension is ever fetched, and nothing in it depends on a time zone. Starting DuckDB takes 30 ms, which is half
    of what a small day takes, so a database can be emptied and used again.
    """

    def __init__(self, limits: Limits, spill_dir: Path) -> None:
        self.limits = limits
        spill_dir.mkdir(parents=True, exist_ok=True)
        with translated("open the engine"):
            self.connection = duckdb.connect(
                ":memory:",
                config={
                    "memory_limit": f"{limits.memory_mb}MB",
                    "threads": limits.threads,
                    "temp_directory": str(spill_dir),
                    "autoinstall_known_extensions": False,
                    "autoload_known_extensions": False,
                    "preserve_insertion_order": False,
                    "checkpoint_on_detach": "DISABLED",
                    "checkpoint_threshold": "1TB",
                },
            )
            self._file = spill_dir / "day.db"
            self.connection.execute(_BEGIN.format(file=literal(str(self._file))))
        _quiet(self.connection)
        self._arrow: dict[str, pa.Table] = {}

    def clear(self) -> None:
        """Forget every table, view and macro, and give back their memory."""
        with translated("empty the engine"):
            for name in self._arrow:
                self.connection.unregister(name)
            self._arrow.clear()
            self.connection.execute("USE memory; DETACH day")
            self._file.unlink()
            self.connection.execute(_BEGIN.format(file=literal(str(self._file))))

    def register(self, name: str, table: pa.Table) -> None:
        """Make an Arrow table readable as ``name``, without a copy.

        Every session registers it too, which takes 0.4 ms: forget what is no longer asked, ``take`` what is small.
        """
        self._arrow[name] = table
        with translated("prepare the engine"):
            self.connection.register(name, table)

    def take(self, name: str, batches: pa.RecordBatchReader) -> None:
        """Make a table of what a reader gives, batch by batch in this thread: it is never in memory as a whole."""
        given = f"{name}_given"
        self.register(given, batches.schema.empty_table())
        self.run(f"CREATE TABLE {name} AS SELECT * FROM {given}", f"read {name}")
        for some in _together(batches):
            self.register(given, pa.Table.from_batches(some))
            self.run(f"INSERT INTO {name} SELECT * FROM {given}", f"read {name}")
        self.forget(given)

    def forget(self, *names: str) -> None:
        """Let go of registered Arrow tables."""
        for name in names:
            del self._arrow[name]
            with translated("prepare the engine"):
                self.connection.unregister(name)

    def events(self, files: Sequence[str]) -> None:
        """Make the events of the files readable as ``lake``."""
        columns = [(name, _TYPES[kind]) for name, kind, _ in LAKE_COLUMNS if name != "day"]
        if files:
            source = f"read_parquet([{', '.join(literal(f) for f in files)}], hive_partitioning = false)"
            picked = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in columns)
            sql = f"SELECT {picked} FROM {source}"
        else:
            sql = f"SELECT {', '.join(f'CAST(NULL AS {kind}) AS {name}' for name, kind in columns)} WHERE false"
        self.run(f"CREATE VIEW lake AS {sql}", "read the day's events")

    def run(self, sql: str, what: str, parameters: Mapping[str, object] | None = None) -> None:
        with translated(what):
            self.connection.execute(sql, parameters or {})

    def script(self, sql: str) -> None:
        """Run several statements."""
        with translated("prepare the engine"):
            self.connection.execute(sql)

    def function(self, name: str, of: Callable[..., Any], takes: Sequence[str]) -> None:
        """Let queries call ``of``, from whatever thread they run in, with Arrow arrays; it gives texts."""
        types: list[Any] = [duckdb.sqltype(each) for each in takes]
        with translated("prepare the engine"):
            self.connection.create_function(
                name, of, types, duckdb.sqltype("VARCHAR"), type=duckdb.func.ARROW, null_handling=duckdb.func.SPECIAL
            )

    def one(self, sql: str, what: str) -> tuple[object, ...]:
        """The first row."""
        with translated(what):
            row: tuple[object, ...] = self.connection.execute(sql).fetchall()[0]
        return row

    def number(self, sql: str, what: str) -> int:
        """The one number a query answers; NULL is 0."""
        found = self.one(sql, what)[0]
        return int(found) if isinstance(found, int) else 0

    def rows(self, sql: str, what: str, parameters: Mapping[str, object]) -> list[tuple[object, ...]]:
        """Every row; of few."""
        with translated(what):
            return self.connection.execute(sql, parameters).fetchall()

    def stream(self, sql: str, rows: int, what: str) -> Generator[pa.RecordBatch, None, None]:
        """Batches of at most ``rows`` rows, on a connection of their own, so that others may run meanwhile."""
        with self.session() as session:
            yield from session.stream(sql, rows, what)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A connection of its own, for one thread."""
        with translated("open the engine"):
            cursor = _quiet(self.connection.cursor())
        try:
            with translated("open the engine"):
                cursor.execute("USE day")
                for name, table in self._arrow.items():
                    cursor.register(name, table)
            yield Session(cursor)
        finally:
            cursor.close()

    def close(self) -> None:
        self.connection.close()
        self._arrow.clear()


@dataclass(frozen=True, slots=True)
class Session:
    """One more connection to a database. Temporary tables are its own and go when it is closed."""

    _cursor: duckdb.DuckDBPyConnection

    def run(self, sql: str, what: str) -> None:
        with translated(what):
            self._cursor.execute(sql)

    def take(self, name: str, given: pa.Table, columns: str, what: str) -> None:
        """Make a temporary table of SQL ``columns`` of an Arrow table."""
        with translated(what):
            self._cursor.register("given", given)
            self._cursor.execute(f"CREATE TEMP TABLE {name} AS SELECT {columns} FROM given")
            self._cursor.unregister("given")  # may find no memory either, where other sessions took it meanwhile

    def stream(self, sql: str, rows: int, what: str) -> Iterator[pa.RecordBatch]:
        """Batches of at most ``rows`` rows."""
        with translated(what):
            yield from self._cursor.sql(sql).to_arrow_reader(rows)

    def table(self, sql: str, rows: int, what: str) -> pa.Table:
        """All of it, in batches of at most ``rows`` rows."""
        with translated(what):
            reader = self._cursor.sql(sql).to_arrow_reader(rows)
            return pa.Table.from_batches(list(reader), reader.schema)
