"""Parquet: typed columns, compressed with zstd inside, cut into row groups by what the rows are and nothing else.

A String or an Object (its JSON text) is a string, a whole number an int64, a Number a double, a Day a date, a Date a
timestamp in UTC. Source: Apache Parquet format, "Logical Types". Why pyarrow writes it: docs/decisions/parquet.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from footfall.errors import Damaged
from footfall.model.columns import BOOLEAN, INT, INTEGER, LOCAL_DAY, LONG, MOMENT, NUMBER
from footfall.model.sieving import tiers
from footfall.ports import Column

# A row group has this many rows, or as many as have this many bytes as values, whichever is less.
GROUP_ROWS: Final = 100_000
GROUP_BYTES: Final = 16 << 20
_ARROW: Final = {
    LONG: pa.int64(),
    INT: pa.int64(),
    INTEGER: pa.int64(),
    NUMBER: pa.float64(),
    BOOLEAN: pa.bool_(),
    LOCAL_DAY: pa.date32(),
    MOMENT: pa.timestamp("us", "UTC"),
}
_FIXED_BYTES: Final = 8


class ParquetRows:
    """``ports.TableFormat``. The same library writes the same bytes; a newer one may write others."""

    name = "parquet"

    def columns(self, columns: Sequence[Column]) -> Sequence[Column]:
        """The columns with the types that they have here."""
        return tuple(Column(c.name, c.typed or c.type) for c in columns)

    def file(
        self, columns: Sequence[Column], batches: Iterable[pa.RecordBatch | pa.Table], about: Mapping[str, str]
    ) -> Iterator[tuple[int, bytes]]:
        """Yield (rows, bytes), a row group at a time. about: key-value metadata of the file.

        Raises ``Damaged`` when a batch does not have the columns.
        """
        schema = _schema(self.columns(columns), about)
        sink = Pieces()
        with pq.ParquetWriter(
            sink,
            schema,
            version="2.6",
            compression="zstd",
            compression_level=3,
            use_dictionary=True,
            write_statistics=True,
            data_page_size=1 << 20,
        ) as writer:
            for group in _groups(_fitted(batch, schema) for batch in batches):
                writer.write_table(group, row_group_size=max(1, group.num_rows))
                yield group.num_rows, sink.taken()
        yield 0, sink.taken()


def without_rows(
    chunks: Iterable[bytes], columns: Sequence[tuple[str, str]], named: Mapping[str, Set[str]]
) -> tuple[Iterator[tuple[int, bytes]], int]:
    """A file as ``ParquetRows`` writes it, without the rows in which a column says one of its texts; and how many go.
    Which column decides: see ``model.sieving.tiers``.

    columns: name and type as in the manifest. The file is held in memory. Raises ``Damaged`` for what is no such file.
    """
    try:
        table = pq.read_table(pa.BufferReader(b"".join(chunks)))
    except pa.ArrowException as error:
        raise Damaged(f"it cannot be read as Parquet: {error}", "Check it with `footfall verify`") from error
    first, ids, visitors = tiers(named)
    gone = _saying(table, {name: named[name] for name in first})
    if visitors:
        others = _saying(table, {name: named[name] for name in visitors})
        for name in ids:
            others = pc.and_(others, pc.equal(pc.fill_null(table.column(name).cast(pa.string()), ""), ""))
        gone = pc.or_(gone, others)
    left = table.filter(pc.invert(gone))
    removed = table.num_rows - left.num_rows
    if any(b"type" not in (field.metadata or {}) for field in table.schema):
        return _as_it_was(left), removed
    about = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    return ParquetRows().file([Column(name, kind) for name, kind in columns], left.to_batches(), about), removed


def _saying(table: pa.Table, named: Mapping[str, Set[str]]) -> Any:
    """Of each row, whether one of the columns says one of its texts; a list, whether an element does."""
    found: Any = pa.chunked_array([pa.repeat(pa.scalar(False), table.num_rows)])
    for name, texts in named.items():
        said, asked = table.column(name).combine_chunks(), pa.array(sorted(texts), pa.string())
        if pa.types.is_list(said.type) and pa.types.is_string(said.type.value_type):
            hits = pc.is_in(pc.list_flatten(said), value_set=asked)
            rows = pc.filter(pc.list_parent_indices(said), hits)
            found = pc.or_(found, pc.is_in(pa.array(range(table.num_rows), rows.type), value_set=rows))
        elif pa.types.is_string(said.type):
            for cased in (said, pc.utf8_lower(said)):
                found = pc.or_(found, pc.fill_null(pc.is_in(cased, value_set=asked), False))
    return found


def _as_it_was(table: pa.Table) -> Iterator[tuple[int, bytes]]:
    """A file of another writer of ours (``engines.audience_draft``), in its own schema."""
    schema = pa.schema([field.remove_metadata() for field in table.schema])
    sink = Pieces()
    with pq.ParquetWriter(sink, schema, version="2.6", compression="zstd", store_schema=False) as writer:
        for group in _groups([table.cast(schema)]):
            writer.write_table(group, row_group_size=max(1, group.num_rows))
            yield group.num_rows, sink.taken()
    yield 0, sink.taken()


def _schema(columns: Sequence[Column], about: Mapping[str, str]) -> pa.Schema:
    """Fields with our word for their type; whoever reads with Arrow sees both."""
    fields = [pa.field(c.name, _ARROW.get(c.type, pa.string()), metadata={"type": c.type}) for c in columns]
    return pa.schema(fields, metadata=dict(sorted(about.items())))


def _fitted(batch: pa.RecordBatch | pa.Table, schema: pa.Schema) -> pa.Table:
    if batch.num_columns != len(schema):
        raise Damaged(f"{batch.num_columns} columns were given for {len(schema)}", "Please report it with this message")
    return pa.table([_cast(batch.column(n), field.type) for n, field in enumerate(schema)], schema=schema)


def _cast(values: pa.Array | pa.ChunkedArray, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if pa.types.is_timestamp(kind) and pa.types.is_timestamp(values.type) and values.type.tz is None:
        return values.cast(pa.timestamp("us")).cast(pa.int64()).cast(kind)  # its local time is UTC
    return values if values.type == kind else values.cast(kind)


def _groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows cut into groups. Where they are cut depends on the rows, not on the tables they come in."""
    waiting: list[pa.Table] = []
    rows = size = 0
    for table in tables:
        while table.num_rows:
            sizes = pc.cumulative_sum(_row_bytes(table))
            full = pc.index(pc.greater_equal(sizes, GROUP_BYTES - size), True).as_py()
            cut = min(GROUP_ROWS - rows, table.num_rows if full < 0 else full + 1)
            begun, table = table.slice(0, cut), table.slice(cut)  # noqa: PLW2901 - what is left of it
            waiting.append(begun)
            rows += cut
            size += sizes[cut - 1].as_py()
            if rows == GROUP_ROWS or size >= GROUP_BYTES:
                yield pa.concat_tables(waiting)
                waiting, rows, size = [], 0, 0
    if waiting:
        yield pa.concat_tables(waiting)


def _row_bytes(table: pa.Table) -> pa.ChunkedArray:
    """How large each row is as values."""
    fixed = pa.repeat(pa.scalar(_FIXED_BYTES * table.num_columns, pa.int64()), table.num_rows)
    sizes: Any = pa.chunked_array([fixed])
    for column in table.columns:
        if pa.types.is_string(column.type):
            lengths = pc.fill_null(pc.binary_length(column), 0)
            sizes = pc.add(sizes, lengths.cast(pa.int64()))
    return sizes


class Pieces:
    """A file to write to; what was written is taken piece by piece."""

    def __init__(self) -> None:
        self.closed = False
        self._size = 0
        self._pieces: list[bytes] = []

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._size += len(piece)
        return len(piece)

    def taken(self) -> bytes:
        """What was written since it was asked last."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        self.closed = True

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False
