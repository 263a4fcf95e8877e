"""The tables of imports: what was applied of which file, what could not be, and how far jobs have come."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from footfall.stores.schema import METADATA

# settings: JSON, how the file is read. generation: a file that was undone may be imported again.
file_import: Final = Table(
    "file_import",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("scope", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("modified_at", BigInteger),
    Column("generation", Integer, nullable=False),
    Column("stream", Text, nullable=False),
    Column("format", String(10), nullable=False),
    Column("settings", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("began_at", BigInteger, nullable=False, index=True),
    Column("ended_at", BigInteger),
    Column("next_row", BigInteger, nullable=False),
    Column("applied", BigInteger, nullable=False),
    Column("unchanged", BigInteger, nullable=False),
    Column("bad", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
)
Index("ix_file_import_file", file_import.c.scope, file_import.c.place, file_import.c.key)
bad_row: Final = Table(
    "bad_row",
    METADATA,
    Column("import_id", ForeignKey("file_import.id", ondelete="CASCADE"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("line", BigInteger, nullable=False),
    Column("field", Text, nullable=False),
    Column("code", String(40), nullable=False),
    Column("message", Text, nullable=False),
    Column("text", Text, nullable=False),
    sqlite_with_rowid=False,
)
# How far a job has come in a row of files. Not gone with the job: made anew under its name, it goes on.
import_cursor: Final = Table(
    "import_cursor",
    METADATA,
    Column("job", String(63), primary_key=True),
    Column("at", BigInteger),
    Column("key", Text, nullable=False),
    Column("missed", Integer, nullable=False),
    Column("snapshot", Text, nullable=False),
    Column("before", Text, nullable=False),
)
