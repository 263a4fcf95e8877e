"""Imports: files of rows, what was applied of them, and how a row becomes an event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, overload

if TYPE_CHECKING:
    import pyarrow as pa

    from footfall.model.imports import ReadOptions


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used. line: 1-based, of its first character in the decoded file; 0 where there are no lines.

    field: name of the column at fault, or empty. text: the row as it came, cut to 4 KB.
    """

    number: int
    line: int
    field: str
    code: str
    message: str
    text: str


class Row(NamedTuple):
    """A usable row. number: 0-based place among the rows of its file, the bad ones included.

    body: one JSON object, UTF-8, compact, its keys sorted, so that equal rows are equal bytes in whatever order their
    columns came.
    """

    number: int
    line: int
    body: bytes


class LazyRows(Sequence[Row]):
    """Rows that become ``Row`` only when one is asked for.

    first: the number of the first; no number is left out. made: makes the rows, as many as ``count``.
    """

    def __init__(self, first: int, count: int, made: Callable[[], Sequence[Row]]) -> None:
        self.first = first
        self._count = count
        self._made = made
        self._rows: Sequence[Row] | None = None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | Sequence[Row]:
        return self._all()[place]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._all())

    def _all(self) -> Sequence[Row]:
        if self._rows is None:
            self._rows = self._made()
        return self._rows


class TextRows(LazyRows):
    """Rows whose values are all texts. texts: a column of strings for each key, by key, null where a row has null."""

    def __init__(self, first: int, texts: pa.Table, made: Callable[[], Sequence[Row]]) -> None:
        super().__init__(first, texts.num_rows, made)
        self.texts = texts


class BodyRows(LazyRows):
    """Rows whose bodies are known. values: of a key, in all of them; None where a row has none."""

    def __init__(
        self,
        first: int,
        bodies: Sequence[bytes],
        values: Callable[[str], Sequence[Any]],
        made: Callable[[], Sequence[Row]],
    ) -> None:
        super().__init__(first, len(bodies), made)
        self.bodies = bodies
        self.values = values


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Some rows of a file in its order; ``number`` rises without gaps over rows and bad together.

    rows: maybe ``LazyRows``, where the reader knows more of them together.
    """

    rows: Sequence[Row]
    bad: Sequence[BadRow]

    @property
    def end(self) -> int:
        """The number after the last; 0 where there is none."""
        first = self.rows.first if isinstance(self.rows, LazyRows) else self.rows[0].number if self.rows else None
        some = [number for number in (first, *(bad.number for bad in self.bad[:1])) if number is not None]
        return min(some, default=0) + len(self.rows) + len(self.bad)


@dataclass(frozen=True, slots=True)
class Preview:
    """What the beginning of a file tells. columns: (name, guessed type); rows: the first ones, as in ``Row.body``."""

    encoding: str
    delimiter: str
    header: bool
    columns: Sequence[tuple[str, str]]
    rows: Sequence[bytes]
    bad: Sequence[BadRow]


class RowReader(Protocol):
    """Makes rows of the decoded bytes of one file; one implementation a file format, in ``sources``.

    1. Every row of the file ends in exactly one of rows and bad, whatever the bytes are.
    2. One unreadable row never takes its neighbours with it, as far as the format has ends of rows.
    3. Memory is bounded however long the file, a row or a field is.
    4. The same bytes and options give the same rows, however the bytes were cut.
    5. A file that is not of the format at all raises ``Refused`` with file, line and field where there is one.
    """

    def rows(self, chunks: Iterable[bytes], options: ReadOptions, *, name: str) -> Iterator[RowBatch]: ...

    def preview(self, chunks: Iterable[bytes], options: ReadOptions, *, name: str) -> Preview: ...
