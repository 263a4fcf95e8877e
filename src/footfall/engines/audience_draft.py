"""The files of an audience export, made from its draft: one row per user, sorted by identify id."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from footfall.engines.database import Database, literal
from footfall.engines.rendering import BATCH_ROWS, text_of
from footfall.model.audience_export import CSV, DIFF, FULL, JSON, MULTI_CSV, AudienceExport, escapes
from footfall.model.columns import BOOLEAN, LONG, NUMBER, OBJECT, STRING
from footfall.model.user_fields import CHANGE, DATE, JOIN_KEY, LIST, MAP, NON_SCALAR, UserField
from footfall.ports import AudiencePart, Column

if TYPE_CHECKING:
    from footfall.ports import Format

KINDS_KEY: Final = "footfall"
_READ: Final = "read the draft of an audience"
# Rows of a row group of Parquet files; the text of so many users is in memory at once.
_ROW_GROUP: Final = 20_000
_SHOWN: Final = {FULL: "'added', 'changed', 'same'", DIFF: "'added', 'changed', 'removed'"}
_PARQUET: Final = {
    LONG: "{c}",
    BOOLEAN: "{c}",
    NUMBER: "try_cast({c} AS DOUBLE)",
    DATE: "try_cast(rtrim({c}, 'Z') AS TIMESTAMP)",
    LIST: "items_of({c})",
    MAP: "map_from_entries(entries_of({c}))",
}
_ARROW: Final = {
    LONG: pa.int64(),
    BOOLEAN: pa.bool_(),
    NUMBER: pa.float64(),
    DATE: pa.timestamp("us", "UTC"),
    LIST: pa.list_(pa.string()),
    MAP: pa.map_(pa.string(), pa.string()),
}


def describe_draft(fields: Sequence[UserField], columns: Sequence[str], matched: int) -> str:
    """What a draft says of itself: its fields in order, the columns it has (``f0`` is of the first field), and how
    many users answered the filter."""
    shown = [[field.name, field.type, field.source] for field in fields]
    return json.dumps({"fields": shown, "columns": list(columns), "matched": matched})


class Draft:
    """``ports.OpenAudience``."""

    def __init__(self, export: AudienceExport, database: Database, path: Path) -> None:
        self._export, self._database = export, database
        said = json.loads(pq.ParquetFile(path).metadata.metadata[KINDS_KEY.encode()])
        self._fields = [UserField(*each) for each in said["fields"]]
        self._present = frozenset(said["columns"])
        self.matched: int = said["matched"]
        shown = _SHOWN.get(export.mode, "'added', 'changed'")
        self._rows = f"(SELECT * FROM read_parquet({literal(str(path))}) WHERE change IN ({shown}))"
        self._all = f"read_parquet({literal(str(path))})"

    def counts(self) -> dict[str, int]:
        found = self._database.one(
            "SELECT "
            + ", ".join(f"count(*) FILTER (change = '{word}')" for word in ("added", "changed", "removed", "same"))
            + f" FROM {self._all}",
            _READ,
        )
        return dict(zip(("added", "changed", "removed", "unchanged"), map(_number, found), strict=True))

    def parts(self) -> Sequence[AudiencePart]:
        """The files: in Multi-CSV the scalars and then each list or map, else only one."""
        if self._export.layout != MULTI_CSV:
            return (AudiencePart("", tuple(column for column, _ in self._main())),)
        others = [AudiencePart(f.name, _columns_of(f)) for f in self._fields if f.type in NON_SCALAR]
        return (AudiencePart("", tuple(column for column, _ in self._main())), *others)

    def render(self, part: AudiencePart, format: Format) -> Iterator[tuple[int, memoryview]]:
        """Yield (rows, text) of a file's body, sorted by identify id; of a list in its order."""
        for batch in self._database.stream(self._statement(part, format), BATCH_ROWS, "render an audience"):
            if batch.num_rows:
                yield batch.num_rows, text_of(batch.column(0))

    def parquet(self) -> Iterator[tuple[int, bytes]]:
        """Yield (rows, bytes) of a Parquet file, typed, compressed with zstd, sorted; the same for the same draft."""
        fields = self._marked()
        schema = pa.schema([(field.name, _ARROW.get(field.type, pa.string())) for _, field in fields])
        told = [place for place, (name, _) in enumerate(fields) if name != "NULL"]
        picked = ["1", *(_PARQUET.get(fields[n][1].type, "{c}").replace("{c}", fields[n][0]) for n in told)]
        columns = ", ".join(f"{sql} AS c{number}" for number, sql in enumerate(picked))
        sink = _Sink()
        writer = pq.ParquetWriter(sink, schema, compression="zstd", version="2.6", store_schema=False)
        rows = 0
        for given in self._row_groups(f"SELECT {columns} FROM {self._rows} {_ORDER}"):
            table = _completed(given, told, schema)
            writer.write_table(table, row_group_size=_ROW_GROUP)
            rows += table.num_rows
            yield table.num_rows, sink.taken()
        writer.close()
        yield 0, sink.taken()

    def _row_groups(self, sql: str) -> Iterator[pa.Table]:
        """Tables of exactly ``_ROW_GROUP`` rows, the last one of fewer: how batches are cut must not show."""
        waiting: list[pa.Table] = []
        for batch in self._database.stream(sql, _ROW_GROUP, "render an audience"):
            waiting.append(pa.Table.from_batches([batch]))
            while sum(table.num_rows for table in waiting) >= _ROW_GROUP:
                whole = pa.concat_tables(waiting)
                yield whole.slice(0, _ROW_GROUP)
                waiting = [whole.slice(_ROW_GROUP)]
        if any(table.num_rows for table in waiting):
            yield pa.concat_tables(waiting)

    def _marked(self) -> list[tuple[str, UserField]]:
        """(column of the draft, or ``NULL``; field) of every column, with the change in front if the mode shows it."""
        mark = [("change", UserField(CHANGE, STRING, "change"))] if self._export.mode == DIFF else []
        return [*mark, *((self._column(number), field) for number, field in enumerate(self._fields))]

    def _column(self, number: int) -> str:
        return f"f{number}" if f"f{number}" in self._present else "NULL"

    def _main(self) -> list[tuple[Column, str]]:
        """(column, SQL) of the file that has a row per user."""
        layout = self._export.layout
        marked = [(name, field) for name, field in self._marked()
                  if layout != MULTI_CSV or field.type not in NON_SCALAR]  # fmt: skip
        keyed = [(Column(JOIN_KEY, STRING), "join_key")] if layout == MULTI_CSV else []
        return [*keyed, *((Column(field.name, field.type), self._text(name, field)) for name, field in marked)]

    def _text(self, name: str, field: UserField) -> str:
        if name != "NULL" and field.type in NON_SCALAR and self._export.layout == CSV:
            return self._joined_list(name) if field.type == LIST else self._joined_map(name)
        return name

    def _joined_list(self, name: str) -> str:
        join, items = literal(self._export.join), f"items_of({name})"
        if self._export.raw:
            return f"array_to_string({items}, {join})"
        text = f"array_to_string(list_transform({items}, lambda x: {self._escaped('x')}), {join})"
        return f"{text} || CASE WHEN {items}[-1] = '' THEN {join} ELSE '' END"

    def _joined_map(self, name: str) -> str:
        entry = f"concat({self._escaped('e.key')}, '=', {self._escaped('e.value')})"
        return f"array_to_string(list_transform(entries_of({name}), lambda e: {entry}), {literal(self._export.join)})"

    def _escaped(self, sql: str) -> str:
        for character, code in () if self._export.raw else escapes(self._export.join):
            sql = f"replace({sql}, {literal(character)}, {literal(code)})"
        return sql

    def _statement(self, part: AudiencePart, format: Format) -> str:
        if part.name == "":
            texts = [
                "NULL" if sql == "NULL" else format.field(_printed(column, self._export.layout), sql)
                for column, sql in self._main()
            ]
            return f"SELECT {format.row(texts)} AS text FROM {self._rows} {_ORDER}"
        number, field = next((n, f) for n, f in enumerate(self._fields) if f.name == part.name)
        text = f"CAST({self._column(number)} AS VARCHAR)"
        unnested = f"items_of({text})" if field.type == LIST else f"entries_of({text})"
        values = ["item"] if field.type == LIST else ["item.key", "item.value"]
        texts = [format.field(Column(name, STRING), sql) for name, sql in zip(
            [column.name for column in part.columns], ["join_key", *values], strict=True)]  # fmt: skip
        rows = (
            f"SELECT identify_id, uid, join_key, unnest({unnested}) AS item, "
            f"generate_subscripts({unnested}, 1) AS place FROM {self._rows}"
        )
        return f"SELECT {format.row(texts)} AS text FROM ({rows}) {_ORDER}, place"


# The order must be the outermost thing: DuckDB keeps no order through a join or an unnest.
_ORDER: Final = "ORDER BY identify_id NULLS FIRST, uid"


def _columns_of(field: UserField) -> tuple[Column, ...]:
    names = (JOIN_KEY, "value") if field.type == LIST else (JOIN_KEY, "key", "value")
    return tuple(Column(name, STRING) for name in names)


def _printed(column: Column, layout: str) -> Column:
    """The column as a format knows types: lists and maps are JSON as it is in JSON, and text elsewhere."""
    return Column(column.name, OBJECT if layout == JSON else STRING) if column.type in NON_SCALAR else column


def _completed(given: pa.Table, told: Sequence[int], schema: pa.Schema) -> pa.Table:
    """A table of ``schema``. given: a column to ignore, then those of ``told``; the others hold nothing."""
    columns = [pa.nulls(given.num_rows, field.type) for field in schema]
    for number, place in enumerate(told):
        columns[place] = given.column(number + 1).cast(schema.field(place).type)
    return pa.table(columns, schema=schema)


def _number(value: Any) -> int:
    return int(value)


@dataclass(slots=True)
class _Sink:
    """What a Parquet writer writes to; taken piece by piece."""

    written: int = 0
    closed: bool = False
    _pieces: list[bytes] | None = None

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces = [*(self._pieces or []), piece]
        self.written += len(piece)
        return len(piece)

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces or [], None
        return b"".join(pieces)

    def tell(self) -> int:
        return self.written

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        self.closed = True

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False
