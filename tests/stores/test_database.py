"""The SQLite file itself: how it is opened, migrated, shared, and what a killed process leaves."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import exc

from footfall.errors import Damaged, Refused, Unavailable
from footfall.stores import database as sqlite_database
from footfall.stores.audience_tables import audience
from footfall.stores.database import Database
from footfall.stores.erasure_tables import erasure
from footfall.stores.import_tables import file_import
from footfall.stores.open_sessions import open_session
from footfall.stores.profile_tables import identity
from footfall.stores.removal_tables import removal
from footfall.stores.schema import METADATA, REVISION


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "footfall.db"


@pytest.fixture
def database(path):
    database = Database.open(path)
    yield database
    database.close()


def put(connection, name: str) -> None:
    connection.exec_driver_sql("INSERT INTO key_sequence VALUES (?, 1)", (name,))


def names(database: Database) -> list[str]:
    with database.reading() as connection:
        return [name for (name,) in connection.exec_driver_sql("SELECT dimension FROM key_sequence ORDER BY 1")]


def test_the_migrations_make_exactly_the_tables_of_the_schema(database):
    assert identity.metadata is METADATA
    assert file_import.metadata is METADATA  # and so are those of its module: they are known once it is imported
    assert removal.metadata is METADATA
    assert audience.metadata is METADATA
    assert erasure.metadata is METADATA
    assert open_session.metadata is METADATA
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_the_revision_the_program_knows_is_the_newest_migration():
    config = Config()
    config.set_main_option("script_location", "footfall.stores:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


def test_what_fails_behind_a_savepoint_is_undone_alone(database):
    def behind_a_savepoint(name: str, error: Exception | None) -> None:
        with database.savepoint(), database.writing() as connection:
            put(connection, name)
            if error is not None:
                raise error

    with database.writing() as connection:
        put(connection, "before")
        with pytest.raises(EOFError):
            behind_a_savepoint("undone", EOFError())
        behind_a_savepoint("kept", None)
    assert names(database) == ["before", "kept"]


@pytest.mark.parametrize("apart", [Database.savepoint, nullcontext])
def test_a_transaction_that_a_full_disk_ended_is_not_taken_for_kept(database, apart):
    def put_until_the_disk_is_full() -> None:
        with database.writing() as connection:
            put(connection, "before")
            pages = connection.exec_driver_sql("PRAGMA max_page_count").scalar_one()
            connection.exec_driver_sql("PRAGMA max_page_count = 1")  # no fewer than there are, and no more
            with suppress(exc.OperationalError), apart(database):
                put(connection, "x" * 5_000_000)
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(Unavailable, match="took back"):
        put_until_the_disk_is_full()
    assert names(database) == []
    with database.writing() as connection:
        put(connection, "x" * 5_000_000)
    assert len(names(database)) == 1


def test_a_file_of_a_newer_program_is_refused_and_left_alone(path):
    Database.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(Refused, match=r"newer Footfall .* revision 9999"):
        Database.open(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_named_as_damaged(path):
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(Damaged, match="not a database") as damage:
        Database.open(path)
    assert "store.db" in damage.value.hint


def test_a_directory_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Refused, match="unable to open"):
        Database.open(tmp_path / "nowhere" / "footfall.db")


def test_every_commit_is_durable_and_every_reference_checked(database):
    with database.reading() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def test_blocks_nest_and_the_outermost_decides(database):
    def breaks_after_the_inner_block():
        with database.transaction():
            with database.writing() as connection:
                put(connection, "inner")
            raise EOFError

    with pytest.raises(EOFError):
        breaks_after_the_inner_block()
    assert names(database) == []
    with database.transaction(), database.writing() as connection:
        put(connection, "kept")
    assert names(database) == ["kept"]


def test_a_reader_sees_the_last_commit_and_does_not_wait(database):
    with database.writing() as connection:
        put(connection, "mine")
        seen: list[list[str]] = []
        reader = threading.Thread(target=lambda: seen.append(names(database)))
        reader.start()
        reader.join(10)
        assert seen == [[]]
        assert names(database) == ["mine"]


def test_a_writer_that_waited_too_long_is_told_to_come_back(database, path, monkeypatch):
    monkeypatch.setattr(sqlite_database, "BUSY_TIMEOUT_S", 0)
    other = Database.open(path)
    try:
        with database.writing() as connection:
            put(connection, "mine")
            refusals: list[Exception] = []

            def write() -> None:
                try:
                    with other.writing():
                        pass
                except Unavailable as error:
                    refusals.append(error)

            writer = threading.Thread(target=write)
            writer.start()
            writer.join(10)
        assert [type(error) for error in refusals] == [Unavailable]
    finally:
        other.close()


CHILD = """
import sys
from pathlib import Path
from footfall.stores.database import Database
database = Database.open(Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    with database.writing() as connection:
        for part in range(20):
            connection.exec_driver_sql("INSERT INTO key_sequence VALUES (?, ?)", (f"{number}/{part}", number))
    print(number, flush=True)
    number += 1
"""


def test_a_killed_process_leaves_whole_transactions_and_every_committed_one(path):
    committed = -1
    for after in (1, 2, 7):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), str(committed + 1)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(after):
            committed = int(child.stdout.readline())
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        committed = max([committed, *(int(line) for line in child.stdout.read().split())])
        child.stdout.close()
        database = Database.open(path)
        with database.reading() as connection:
            found = connection.exec_driver_sql(
                "SELECT next_key, count(*) FROM key_sequence GROUP BY 1 ORDER BY 1"
            ).all()
        database.close()
        assert {parts for _, parts in found} == {20}
        assert [number for number, _ in found][: committed + 1] == list(range(committed + 1))
        committed = len(found) - 1
