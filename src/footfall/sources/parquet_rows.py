"""Parquet: typed columns. Reference: docs/reference/import-files.md. Source: Apache Parquet format, "Logical Types".

The index of a Parquet file is at its end, so all of it is kept until its rows are read: in memory while it is small,
else in a file without a name.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from footfall.errors import Damaged, Refused, Unavailable
from footfall.model.imports import ReadOptions
from footfall.ports import BadRow, Preview, Row, RowBatch
from footfall.sources.bad_rows import bad_row, row_too_long
from footfall.sources.columns import Texts, joined
from footfall.sources.good_rows import good_rows
from footfall.sources.held import ROW_BYTES_MAX
from footfall.sources.types import SHOWN_ROWS, column_types, head_of
from footfall.wire.json_texts import escaped

HELD_BYTES: Final = 8 << 20
BATCH_ROWS: Final = 4_000
# A year that Python does not know, a key of a map that is there twice, bytes that should be UTF-8.
_UNREADABLE: Final = (ValueError, OverflowError, KeyError, pa.ArrowException)
_MAGIC: Final = b"PAR1"
_INDEX_BYTES_MAX: Final = 64 << 20
_BATCH_BYTES: Final = 8 << 20
_ENCODER: Final = msgspec.json.Encoder(order="deterministic", decimal_format="number")


class ParquetReader:
    """``ports.RowReader``. spool: folder for files that are too long for memory; the system's if None.

    Lines are 0. Instants are texts in ISO 8601, those of no zone without one; decimals keep their digits; bytes that
    are no UTF-8 are base64; NaN and infinities are null.
    """

    def __init__(self, spool: Path | None = None) -> None:
        self._spool = spool

    def rows(self, chunks: Iterable[bytes], options: ReadOptions, *, name: str) -> Iterator[RowBatch]:
        """Raises ``Refused`` for what is no Parquet or has no such columns, ``Damaged`` when it cannot be read on."""
        with self._kept(chunks) as file:
            yield from _batches(_opened(file, name), options.fields, name)

    def preview(self, chunks: Iterable[bytes], options: ReadOptions, *, name: str) -> Preview:
        """What the beginning of the file tells, after all of it was fetched."""
        with self._kept(chunks) as file:
            opened = _opened(file, name)
            rows, bad = head_of(_batches(opened, options.fields, name))
            names = options.fields or tuple(opened.schema_arrow.names)
            return Preview("", "", True, column_types(rows, names, texts=False), rows[:SHOWN_ROWS], bad)

    def _kept(self, chunks: Iterable[bytes]) -> IO[bytes]:
        folder = None if self._spool is None else str(self._spool)
        file = SpooledTemporaryFile(max_size=HELD_BYTES, dir=folder)  # noqa: SIM115 - the caller closes it
        try:
            for chunk in chunks:
                file.write(chunk)
            file.seek(0)
        except OSError as error:
            file.close()
            raise Unavailable(f"no room for a file that is imported: {error.strerror}", "Free some space") from error
        except BaseException:
            file.close()
            raise
        return file


def _opened(file: IO[bytes], name: str) -> Any:
    if file.read(len(_MAGIC)) != _MAGIC:
        raise Refused(f"{name} is not a Parquet file", "Say in which format it is, or give it its extension")
    file.seek(0)
    try:
        return pq.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20, thrift_string_size_limit=_INDEX_BYTES_MAX)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Refused(f"{name} is not a whole Parquet file: {error}", "Fetch or export it again") from error


def _batches(file: Any, fields: Sequence[str], name: str) -> Iterator[RowBatch]:
    schema = file.schema_arrow
    kept = _columns(schema.names, fields, name)
    wanted = kept if fields else None
    number = 0
    try:
        for batch in file.iter_batches(batch_size=_batch_rows(file.metadata, kept), columns=wanted, use_threads=False):
            made = _rows(_plain(pa.Table.from_batches([batch]).select(kept)), number)
            number += batch.num_rows
            yield made
    except (pa.ArrowException, OSError) as error:
        what = f"{name} cannot be read from row {number + 1} on: {error}"
        raise Damaged(what, "Fetch or export the file again") from error


def _batch_rows(index: Any, names: Sequence[str]) -> int:
    """How many rows are some megabytes, if rows are of a size."""
    groups = (index.row_group(place) for place in range(index.num_row_groups))
    widest = max((group.total_byte_size // max(1, group.num_rows) for group in groups), default=0)
    return max(1, min(BATCH_ROWS, _BATCH_BYTES // (widest + sum(len(name) + 10 for name in names))))


def _columns(names: Sequence[str], fields: Sequence[str], name: str) -> list[str]:
    times = Counter(names)
    if missing := [each for each in fields if each not in times]:
        what = f"{name}: there is no column {missing[0]!r}; there are {', '.join(names)}"
        raise Refused(what, "Choose other fields")
    kept = sorted(set(fields or names))
    if twice := [each for each in kept if times[each] > 1]:
        raise Refused(f"{name}: two columns are called {twice[0]!r}", "Rename one of them")
    return kept


def _plain(table: Any) -> Any:
    """With types that Python has values of, to the microsecond."""
    schema = pa.schema([pa.field(field.name, _plain_type(field.type)) for field in table.schema])
    return table if schema.equals(table.schema) else table.cast(schema, safe=False)


def _plain_type(kind: Any) -> Any:
    if isinstance(kind, pa.BaseExtensionType):
        return _plain_type(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", "UTC" if kind.tz else None)
    if pa.types.is_time(kind):
        return pa.time64("us")
    if pa.types.is_duration(kind):
        return pa.int64()
    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(each.name, _plain_type(each.type)) for each in kind])
    if pa.types.is_map(kind):
        return pa.map_(_plain_type(kind.key_type), _plain_type(kind.item_type))
    return kind


def _rows(table: Any, number: int) -> RowBatch:
    """By columns; row by row where a value is not what JSON can say, or a row is too long."""
    try:
        bodies = joined(_column(name, table.column(name)) for name in table.column_names)
        if max(map(len, bodies), default=0) <= ROW_BYTES_MAX:
            return RowBatch(good_rows(number, repeat(0), bodies), ())
    except _UNREADABLE:
        pass
    return _one_by_one(table, number)


def _column(name: str, values: Any) -> Texts:
    word, kind = msgspec.json.encode(name).decode(), values.type
    if values.null_count == len(values):
        return Texts(word, values, "")
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return Texts(word, values.cast(pa.string()), "")
    if pa.types.is_string(kind):
        values.validate(full=True)  # Arrow takes whatever bytes the file has for UTF-8
        if (texts := escaped(values)) is not None:
            return Texts(word, texts, '"')
    texts = _ENCODER.encode_lines([_texts(value) for value in values.to_pylist(maps_as_pydicts="strict")])
    return Texts(word, pa.array(texts.decode().split("\n")[:-1], pa.string()), "")


def _one_by_one(table: Any, number: int) -> RowBatch:
    rows: list[Row] = []
    bad: list[BadRow] = []
    for place, value in enumerate(_values(table), number):
        if isinstance(value, _Unsayable):
            what = f"The row has a value that JSON cannot say: {value.why}"
            bad.append(bad_row(place, 0, "unreadable_value", what, b"", value.column))
            continue
        body = _ENCODER.encode(_texts(value))
        if len(body) > ROW_BYTES_MAX:
            bad.append(row_too_long(place, 0, body))
        else:
            rows.append(Row(place, 0, body))
    return RowBatch(rows, bad)


class _Unsayable(NamedTuple):
    """A row that is no value of Python. column: the first that is the reason; why: what Python says."""

    column: str
    why: Exception


def _values(table: Any) -> Iterator[Any]:
    """Each row as a dict, or an ``_Unsayable``."""
    for place in range(table.num_rows):
        row = table.slice(place, 1)
        try:
            yield row.to_pylist(maps_as_pydicts="strict")[0]
        except _UNREADABLE as error:
            yield _unsayable(row, error)


def _unsayable(row: Any, error: Exception) -> _Unsayable:
    """error: what all of the row gives, for what only all of it gives."""
    for name in row.column_names:
        try:
            row.column(name).to_pylist(maps_as_pydicts="strict")
        except _UNREADABLE as why:
            return _Unsayable(name, why)
    return _Unsayable("", error)


def _texts(value: Any) -> Any:
    """With texts in place of bytes, and keys that are texts."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(_texts(key)): _texts(each) for key, each in value.items()}
    return [_texts(each) for each in value] if isinstance(value, list) else value
