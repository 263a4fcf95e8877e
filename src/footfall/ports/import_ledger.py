"""Importing: what was applied of which file, files held while they are read, rows compared with those before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from footfall.model.imports import Cursor, FileImport, FileVersion
    from footfall.ports.imports import BadRow, Row


class Imports(Protocol):
    """The ledger of imports.

    1. ``begin`` for the same scope, place, key, version and size returns the same import, however often it is asked,
       until it is undone; after that a new one.
    2. ``advance`` moves an import on from the row it is at, together with what it tells, or changes nothing and raises
       ``Conflict``: when the import is at another row, or is not being read.
    3. What ``finish`` is given, the cursor included, is there together or not at all.
       What is being undone, or is undone, cannot be ``done`` or ``failed`` any more: that is a ``Conflict``.
    4. Of bad rows the first ``BAD_ROWS_KEPT`` of an import are kept, all are counted.

    An id that nobody knows is ``Missing``.
    """

    def begin(
        self,
        scope: str,
        place: str,
        file: FileVersion,
        *,
        stream: str,
        format: str,
        settings: Mapping[str, Any],
        at: datetime,
    ) -> FileImport:
        """The import of this file; one that failed is being read again. Until its first row is applied (see
        ``FileImport.is_applied``) it takes what is said here, afterwards it stays as it began."""

    def known(self, scope: str, place: str, file: FileVersion) -> FileImport | None:
        """The newest import of this file, undone or not."""

    def describe(self, id: str, facts: Mapping[str, Any]) -> FileImport:
        """Add to an import's settings what its file told."""

    def advance(
        self, before: FileImport, next_row: int, *, applied: int, unchanged: int, bad: Sequence[BadRow]
    ) -> FileImport:
        """``before`` is at ``next_row`` now; the numbers are added to its own."""

    def finish(
        self, id: str, state: str, at: datetime, *, error: str = "", cursor: Cursor | None = None
    ) -> FileImport: ...

    def get(self, id: str) -> FileImport: ...

    def all(
        self, *, stream: str = "", scope: str = "", ids: Sequence[str] | None = None, limit: int = 100
    ) -> Sequence[FileImport]:
        """Newest first. ids: only those that are among them."""

    def left_out(self, one: FileImport) -> Sequence[FileImport]:
        """Imports that were compared with this one and left out rows because they stand in it, or still may; oldest
        first, without those that are taken back."""

    def bad_rows(self, id: str) -> Iterator[BadRow]:
        """By number."""

    def cursor(self, job: str) -> Cursor:
        """One that is at the beginning for a job that nothing is known of."""

    def move(self, cursor: Cursor) -> None:
        """Remember a cursor as it is now."""


class HeldFiles(Protocol):
    """Files of other places, held here while they are read: whole, and the same bytes however often they are read.

    1. ``hold`` returns only when all of the file is safe here; after a crash it is held still, or not at all.
    2. ``hold`` of what is held already reads nothing.
    """

    def hold(self, id: str, size_bytes: int, chunks: Callable[[], Iterable[bytes]]) -> None:
        """Raises ``Conflict`` when ``chunks`` are not ``size_bytes``, and whatever they raise."""

    def read(self, id: str) -> Iterator[bytes]: ...

    def names(self) -> Sequence[str]:
        """Ids of what is held."""

    def drop(self, id: str) -> None:
        """Let it go, if it is held."""


class Comparison(Protocol):
    """The rows of one file against those of the one before it; close it.

    1. ``is_new`` is True once for every row that the file before does not have, wherever and however often it comes.
    2. After ``keep`` the rows seen are there for a comparison with the next file, also after a crash.
    3. Two rows are the same when their bytes are (see ``Row.body``).
    """

    def is_new(self, body: bytes) -> bool: ...

    def keep(self) -> None: ...

    def close(self) -> None: ...


class Snapshots(Protocol):
    """The rows of files that later ones are compared with, by import."""

    def compare(self, id: str, before: str) -> Comparison:
        """Begin a snapshot ``id``, anew if there is one; before: an older one, or empty for none."""

    def drop(self, id: str) -> None: ...

    def names(self) -> Sequence[str]: ...


class RowEvents(Protocol):
    """Makes events of rows; pure, one event a row.

    dialect: of ``wire``, in which the events are. columns: those that have a meaning.

    1. Every row becomes an event or is among the bad ones, and none takes its neighbours with it.
    2. The same row gives the same event, whatever rows it comes with, together (``LazyRows``) or alone.
    """

    dialect: str
    columns: Sequence[str]

    def events(self, rows: Sequence[Row]) -> tuple[bytes, int, Sequence[BadRow]]:
        """A body of the events in the order of the rows, how many they are, and the rows without one."""
