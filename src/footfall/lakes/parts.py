"""The Parquet files of the lake: how they are laid out, written and rewritten.

Rows are sorted by type within a file, so that a scan for some types skips most row groups. Strings have no
statistics: what the client wrote is in no file's footer. Files do not hold ``day``: their folder says it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from footfall.lakes.durable import sync
from footfall.model.event import LAKE_COLUMNS
from footfall.portions import JSON_AT_ONCE, ROWS_AT_ONCE, portions, text_bytes

ROW_GROUP_ROWS = 122_880  # what DuckDB gives one thread at a time, a multiple of ROWS_AT_ONCE
HELD_BYTES = 128 << 20  # of JSON that a rewrite has in memory
FILE_ROWS = 16_000_000
_ARROW = {
    "date": pa.date32(),
    "long": pa.int64(),
    "short": pa.int16(),
    "integer": pa.int32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "string": pa.string(),
}
TABLE_SCHEMA = pa.schema([(name, _ARROW[kind]) for name, kind, _ in LAKE_COLUMNS])
FILE_SCHEMA = pa.schema([field for field in TABLE_SCHEMA if field.name != "day"])
STATISTICS = ("ingest_seq", "type", "occurred_at")
_MEASURED = [name for name, kind, _ in LAKE_COLUMNS if kind not in ("string", "date")]
_JSON = ("properties", "global_context")
# Nearly every value of these is a new one, so a dictionary would be built and thrown away.
_UNIQUE = ("ingest_seq", "occurred_at", "event_id", "properties")
_DICTIONARY = [name for name in FILE_SCHEMA.names if name not in _UNIQUE]


@dataclass(frozen=True, slots=True)
class Part:
    """A written file. path: relative to the table. statistics: as Delta's log has them, JSON."""

    path: str
    day: date
    size_bytes: int
    rows: int
    statistics: str


class PartWriter:
    """Writes one file row group by row group; ``finish`` tells what was written, which is not synced yet."""

    def __init__(self, root: Path, day: date, name: str) -> None:
        self._root, self._day = root, day
        self._path = f"day={day}/{name}.parquet"
        self._writer = pq.ParquetWriter(
            root / self._path,
            FILE_SCHEMA,
            compression="zstd",
            use_dictionary=_DICTIONARY,
            write_statistics=_MEASURED,
        )
        self._bounds: list[dict[str, tuple[object, object]]] = []
        self.rows = 0

    def write(self, rows: pa.Table) -> None:
        for group in _row_groups(rows):
            self._writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
        self.rows += rows.num_rows
        extremes = {name: pc.min_max(rows.column(name)).as_py() for name in STATISTICS}
        self._bounds.append({name: (found["min"], found["max"]) for name, found in extremes.items()})

    def finish(self) -> Part:
        self._writer.close()
        size = (self._root / self._path).stat().st_size
        return Part(self._path, self._day, size, self.rows, self._statistics())

    def _statistics(self) -> str:
        low = {name: _json(min(bounds[name][0] for bounds in self._bounds)) for name in STATISTICS}  # type: ignore[type-var]
        high = {name: _json(max(bounds[name][1] for bounds in self._bounds)) for name in STATISTICS}  # type: ignore[type-var]
        nulls = dict.fromkeys(STATISTICS, 0)
        return json.dumps({"numRecords": self.rows, "minValues": low, "maxValues": high, "nullCount": nulls})


def write_days(root: Path, rows: pa.Table, name: str) -> list[Part]:
    """Write and sync the rows of one commit, one file per day, sorted by type. The folders must be there."""
    ordered = _ordered(rows)
    parts, start = [], 0
    for run in pc.run_end_encode(ordered.column("day").combine_chunks()).run_ends.to_pylist() if len(rows) else ():
        piece = ordered.slice(start, run - start)
        writer = PartWriter(root, piece.column("day")[0].as_py(), name)
        writer.write(piece.drop_columns(["day"]).cast(FILE_SCHEMA))
        parts.append(writer.finish())
        start = run
    sync(root / part.path for part in parts)
    return parts


def _ordered(rows: pa.Table) -> pa.Table:
    """By day and type, and within these as they came, which is by ``ingest_seq``: the sort is stable."""
    if all(_is_one(rows.column(name)) for name in ("day", "type")):
        return rows
    return rows.sort_by([("day", "ascending"), ("type", "ascending")])


def _is_one(column: pa.ChunkedArray) -> bool:
    bounds = pc.min_max(column)
    return bool(bounds["min"] == bounds["max"])


def rewrite_day(root: Path, day: date, files: Sequence[str], name: str, without: pa.Array | None) -> list[Part]:
    """Write the rows of ``files`` anew, sorted by type, without those whose ingest_seq is in ``without``.

    Holds a few row groups in memory, however large the day is. New files are synced but in no table yet.
    """
    parts: list[Part] = []
    writer: PartWriter | None = None
    for rows in _groups(_by_type([str(root / file) for file in files], without)):
        writer = writer or PartWriter(root, day, f"{name}-{len(parts):04d}")
        writer.write(rows)
        if writer.rows >= FILE_ROWS:
            parts.append(writer.finish())
            writer = None
    if writer is not None:
        parts.append(writer.finish())
    sync(root / part.path for part in parts)
    return parts


def _by_type(files: Sequence[str], without: pa.Array | None) -> Iterator[pa.Table]:
    source = ds.dataset(files, schema=FILE_SCHEMA, format="parquet")
    counted = source.scanner(columns=["type"], batch_readahead=2, fragment_readahead=1)
    types = sorted({kind for batch in counted.to_batches() for kind in batch.column(0).unique().to_pylist()})
    for kind in types:
        wanted = ds.field("type") == kind
        if without is not None:
            wanted &= ~ds.field("ingest_seq").isin(without)
        # Row groups are sorted by type, so each is read for the one or two types that it holds.
        for batch in source.to_batches(filter=wanted, batch_readahead=2, fragment_readahead=1):
            if batch.num_rows:
                yield pa.Table.from_batches([batch], FILE_SCHEMA)


def _groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of ROW_GROUP_ROWS, the last one shorter; others only where rows are very long."""
    held: list[pa.Table] = []
    count = size = 0
    for table in tables:
        held.append(table)
        count += table.num_rows
        size += text_bytes(table, _JSON)
        while count >= ROW_GROUP_ROWS:
            joined = pa.concat_tables(held)
            yield joined.slice(0, ROW_GROUP_ROWS)
            held = [joined.slice(ROW_GROUP_ROWS)]
            count -= ROW_GROUP_ROWS
            size = text_bytes(held[0], _JSON)
        if size >= HELD_BYTES:
            yield pa.concat_tables(held)
            held, count, size = [], 0, 0
    if count:
        yield pa.concat_tables(held)


def _row_groups(rows: pa.Table) -> Iterator[pa.Table]:
    """The same rows in tables of ROW_GROUP_ROWS; where so many as are read at once are too long for it, of fewer."""
    begin = 0
    for first in range(0, rows.num_rows, ROWS_AT_ONCE):
        vector = rows.slice(first, ROWS_AT_ONCE)
        end = first + vector.num_rows
        if text_bytes(vector, _JSON) > JSON_AT_ONCE:
            if first > begin:
                yield rows.slice(begin, first - begin)
            yield from portions(vector, _JSON, ROWS_AT_ONCE)
            begin = end
        elif end - begin >= ROW_GROUP_ROWS or end == rows.num_rows:
            yield rows.slice(begin, end - begin)
            begin = end


def _json(value: object) -> object:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else value
