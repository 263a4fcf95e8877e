"""Imports: how files are read, what becomes of their rows, and what is remembered of each file.

Source: Lytics CSV and JSON import (docs/guide/imports.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from footfall.errors import Refused

FORMATS: Final = ("csv", "json", "parquet")
ON_MISSING: Final = ("stop", "wait", "alert")
# reading → done, or failed, which goes on where it was when it is tried again. Either → undoing → undone, for good: the
# same file is another import then.
STATES: Final = ("reading", "done", "failed", "undoing", "undone")
# Among the settings of an import: rows of it were given to the log, though none may be counted yet.
SENT: Final = "sent"
# Among them, too: the import whose rows were left out of this one, empty for none.
COMPARED: Final = "compared_with"
BAD_TEXT_CHARS: Final = 4_096  # that are kept of a bad row
BAD_ROWS_KEPT: Final = 10_000  # of one import, with their text; beyond, they are counted


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How the bytes of a file are read.

    delimiter: one character; ``t`` is a tab, empty lets the reader find it. encoding: empty lets the reader find it.
    header: the first row has the names. fields: those to keep, none means all. thousands: ``10,000`` is the number
    10000 (Gainsight PX prints it so; JSON has no such number).
    """

    delimiter: str = ","
    encoding: str = ""
    header: bool = True
    fields: tuple[str, ...] = ()
    thousands: bool = False


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a row have a meaning; the others are just attributes. An empty name: none.

    timestamp: when it happened; without it the time of the import. timestamp_format: of ``strptime``, for what is
    neither ISO 8601 nor a number of seconds, milliseconds or microseconds since 1970.
    identify_id, anonymous_id: who. account_id: the account. event_name: what; the stream's name by default.
    user, account: attribute -> column. people: rows are about people, nothing happened.
    """

    timestamp: str = ""
    timestamp_format: str = ""
    identify_id: str = ""
    anonymous_id: str = ""
    account_id: str = ""
    event_name: str = ""
    user: Mapping[str, str] = field(default_factory=dict)
    account: Mapping[str, str] = field(default_factory=dict)
    people: bool = False


@dataclass(frozen=True, slots=True)
class FileVersion:
    """One object as it is at one time. key: below the place. version: see ``ports.Stored``."""

    key: str
    version: str
    size_bytes: int
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FileImport:
    """What is remembered of one file that was, or is being, imported.

    id: see ``import_id``; events have the id ``{id}-{row}``. scope: within which a file is applied once: a job, or the
    commands that import into one stream. place: URL. generation: 1, or more after it was undone.
    settings: how it is read, as it was when it began. began_at: the time of rows that say none.
    next_row: rows before it are in the log. applied: events given to the log. unchanged: rows left out because they
    were in the file before. bad: rows that could not be used.
    """

    id: str
    scope: str
    place: str
    file: FileVersion
    generation: int
    stream: str
    format: str
    settings: Mapping[str, Any]
    state: str
    began_at: datetime
    ended_at: datetime | None = None
    next_row: int = 0
    applied: int = 0
    unchanged: int = 0
    bad: int = 0
    error: str = ""

    @property
    def is_applied(self) -> bool:
        """Whether rows of it may be in the log, so that it has to go on as it began."""
        return bool(self.next_row or self.settings.get(SENT))


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a job has come in a row of files.

    at, key: timestamp and key of the last file taken; None and empty before the first. missed: checks in a row that
    found no next file. snapshot: import whose rows the next file is compared with; before: the one before that.
    """

    job: str
    at: datetime | None = None
    key: str = ""
    missed: int = 0
    snapshot: str = ""
    before: str = ""


def import_id(scope: str, place: str, file: FileVersion, generation: int) -> str:
    """The same for the same bytes in the same place, so that a row that is sent again is known as a duplicate."""
    said = (scope, place, file.key, file.version, str(file.size_bytes), str(generation))
    return "im" + hashlib.sha256("\0".join(said).encode("utf-8", "surrogatepass")).hexdigest()[:22]


def command_scope(stream: str) -> str:
    """The scope of imports by command; no job can have that name."""
    return f"@{stream}"


def require_columns(file: str, names: Sequence[str], fields: Sequence[str], wanted: Sequence[str]) -> None:
    """Raises ``Refused`` when a column that has a meaning is not in a file, or not among the fields that are kept.

    names: its columns; none where it has no header, so that the names would be data.
    """
    kept = fields or names
    absent = [name for name in wanted if name not in names or name not in kept]
    if absent and names:
        what = f"{file} has no column {', '.join(map(repr, absent))}"
        raise Refused(what, f"It has {len(kept)} columns; --preview shows them")
