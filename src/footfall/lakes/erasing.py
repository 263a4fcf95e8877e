"""Whose the rows of the lake are, and files without the rows of some people, or without what names them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from footfall.lakes.parts import FILE_SCHEMA, Part, PartWriter
from footfall.model.erasures import Subjects

_WHO: Final = ("ingest_seq", "user_key", "anonymous_key", "occurred_at")
# What an anonymous row keeps: that something happened, when, where it came from and what it is called.
_KEPT: Final = frozenset(
    {"ingest_seq", "type", "occurred_at", "received_at", "source", "event_id", "product", "environment", "channel",
     "name", "detail", "step_number", "trigger_type"}
)  # fmt: skip


class Owners:
    """Tells the rows of these people from others."""

    def __init__(self, subjects: Subjects) -> None:
        self._users = pa.array(subjects.users, pa.int32())
        self._visitors = pa.array(subjects.visitors, pa.int32())
        self._spans = subjects.spans
        self._changing = pa.array(sorted({visitor for visitor, _, _ in subjects.spans}), pa.int32())

    def theirs(self, rows: pa.Table) -> pa.ChunkedArray:
        """Of each row whether it is theirs. rows: at least the columns ``_WHO``."""
        users, visitors = rows.column("user_key"), rows.column("anonymous_key")
        mine = pc.is_in(users, value_set=self._users)
        nobody = pc.is_null(users)
        mine = pc.or_(mine, pc.and_(nobody, pc.is_in(visitors, value_set=self._visitors)))
        if (
            len(self._changing)
            and pc.any(among := pc.and_(nobody, pc.is_in(visitors, value_set=self._changing))).as_py()
        ):
            at = rows.column("occurred_at").cast(pa.int64())
            for visitor, since, until in self._spans:
                within = pc.and_(pc.greater_equal(at, since), pc.less(at, until))
                mine = pc.or_(mine, pc.and_(among, pc.and_(pc.equal(visitors, visitor), within)))
        return pc.fill_null(mine, False)


def rows_of(root: Path, paths: Sequence[str], owners: Owners) -> dict[str, pa.Array]:
    """The ingest_seq of their rows, by path of the files that have any."""
    found: dict[str, pa.Array] = {}
    for path in paths:
        rows = pq.read_table(root / path, columns=list(_WHO), partitioning=None)
        mine = rows.column("ingest_seq").filter(owners.theirs(rows))
        if len(mine):
            found[path] = mine.combine_chunks()
    return found


def events_of(root: Path, paths: Sequence[str], owners: Owners) -> Iterator[pa.Table]:
    """Their rows, in all columns of a file."""
    for path in paths:
        with pq.ParquetFile(root / path) as file:
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group)
                mine = rows.filter(owners.theirs(rows))
                if mine.num_rows:
                    yield mine.select(FILE_SCHEMA.names)


def rewrite(root: Path, day: date, path: str, name: str, owners: Owners, *, anonymous: bool) -> tuple[Part | None, int]:
    """Write the file anew without their rows, or with nothing in them that names them; every other row as it was.

    Returns the new file, None when no row is left, and how many rows were theirs. Nothing is synced yet.
    """
    writer: PartWriter | None = None
    count = 0
    with pq.ParquetFile(root / path) as file:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group).select(FILE_SCHEMA.names)
            mine = owners.theirs(rows)
            theirs = pc.sum(mine).as_py() or 0
            count += theirs
            if theirs:
                rows = _nameless(rows, mine) if anonymous else rows.filter(pc.invert(mine))
            if rows.num_rows:
                writer = writer or PartWriter(root, day, name)
                writer.write(rows.cast(FILE_SCHEMA))
    return None if writer is None else writer.finish(), count


def _nameless(rows: pa.Table, mine: pa.ChunkedArray) -> pa.Table:
    ids = pc.binary_join_element_wise("erased-", rows.column("ingest_seq").cast(pa.string()), "")
    for place, field in enumerate(rows.schema):
        if field.name == "event_id":
            rows = rows.set_column(place, field, pc.if_else(mine, ids, rows.column(place)))
        elif field.name not in _KEPT:
            rows = rows.set_column(place, field, pc.if_else(mine, pa.scalar(None, field.type), rows.column(place)))
    return rows
