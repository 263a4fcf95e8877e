"""The activity export: raw events as CSV, fixed columns first, then the sorted union of the fields that occur."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, cast

from footfall.engines.database import Database, Limits, literal
from footfall.engines.fields import NULL, Joining, Tree, leaves, macros, template
from footfall.engines.observing import observed
from footfall.engines.windows import Texts, WindowRows
from footfall.model.columns import STRING
from footfall.model.event import DETAIL_FIELD, NAME_FIELD, EventType
from footfall.ports import Column, EventSelection, Format

# Printed name -> SQL of its text; what is not looked up and so not yet quoted is marked in ``_RAW``.
_FIXED: Final = {
    "stream": "t_source.text",
    "event_id": "e.event_id",
    "type": "CASE e.type {types} END",
    "timestamp": "instant(e.occurred_at)",
    "received_at": "instant(e.received_at)",
    "identify_id": "users.text",
    "anonymous_id": "visitors.text",
    "account_id": "accounts.text",
}
# Other columns of the lake: theirs is a field of an event like any other, and there when any event has it.
_SCALARS: Final = {
    "product": "product_key",
    "environment": "environment",
    "channel": "channel",
    "session_id": "session_id",
    "execution_id": "execution_id",
    "step_number": "step_number",
    "locale": "locale",
    "trigger_type": "trigger_type",
}
_TERMS: Final = ("source", "product", "environment", "channel", "name", "detail", "locale", "trigger_type")
_OBSERVED: Final = ", ".join(("type", "name", "detail", "properties", "global_context", *_SCALARS))
_ASKED: Final = ", ".join(
    [
        "count(*)",
        "coalesce(max(strlen(properties)), 0) + coalesce(max(strlen(global_context)), 0)",
        "count(properties) > 0",
        "count(global_context) > 0",
        "coalesce(list_sort(list(DISTINCT type) FILTER (name IS NOT NULL)), [])",
        "coalesce(list_sort(list(DISTINCT type) FILTER (detail IS NOT NULL)), [])",
        *(f"count({column}) > 0" for column in _SCALARS),
    ]
)
_MACROS: Final = "CREATE MACRO instant(moment) AS strftime(make_timestamp(epoch_us(moment)), '%Y-%m-%dT%H:%M:%S.%fZ');"


@dataclass(slots=True)
class _Observed:
    """What the events of a window hold. names, details: types of which some event has one."""

    rows: int = 0
    row_bytes: int = 0
    properties: Tree = NULL
    context: Tree = NULL
    names: set[int] = field(default_factory=set)
    details: set[int] = field(default_factory=set)
    scalars: set[str] = field(default_factory=set)

    def look(self, database: Database, rows: str) -> None:
        """Learn from a slice."""
        asked = database.one(f"SELECT {_ASKED} FROM ({rows})", "count the events of a window")
        count, size, properties, context, names, details, *present = cast("list[Any]", asked)
        self.rows += count
        self.row_bytes = max(self.row_bytes, size)
        self.names.update(names)
        self.details.update(details)
        self.scalars.update(column for column, there in zip(_SCALARS, present, strict=True) if there)
        if properties:
            self.properties = observed(database, rows, "properties", self.properties)
        if context:
            self.context = observed(database, rows, "global_context", self.context)


class ActivityText:
    """``ports.EventText`` of the activity export. header: the text begins with the names of the columns.

    The events are read twice: once for the names of their fields, once for their values.
    """

    def __init__(
        self,
        spill: Path,
        limits: Limits,
        wanted: EventSelection,
        texts: Texts,
        format: Format,
        *,
        header: bool,
        joining: Joining,
    ) -> None:
        self._format = format
        self._header = header
        self._window = WindowRows(spill, limits, wanted, texts, self._quoted)
        self._seen = _Observed()
        try:
            self._window.database.script(_MACROS + macros(joining))
            for rows in self._window.slices(columns=_OBSERVED):
                self._seen.look(self._window.database, rows)
        except BaseException:
            self.close()
            raise
        self.rows = self._seen.rows
        self._values = self._columns()
        self.columns: Sequence[Column] = tuple(Column(name, STRING) for name in self._values)

    def close(self) -> None:
        self._window.close()

    def chunks(self) -> Iterator[tuple[int, memoryview | bytes]]:
        """Yield (rows, text)."""
        if self._header:
            yield 0, self._format.head(self.columns, "activity", "", date.min)
        yield from self._window.render(self._statement, 200 + self._seen.row_bytes)

    def _quoted(self, sql: str) -> str:
        return self._format.field(Column("", STRING), sql)

    def _columns(self) -> dict[str, tuple[str, bool]]:
        """Printed name -> (SQL, is it quoted already?), in the order of the file."""
        words = " ".join(f"WHEN {int(each)} THEN {literal(each.word)}" for each in EventType)
        fixed = {name: (sql.replace("{types}", words), name != "event_id") for name, sql in _FIXED.items()}
        fields = {**self._known_fields(), **self._properties()}
        return fixed | {name: fields[name] for name in sorted(fields, key=str.encode)}

    def _known_fields(self) -> dict[str, tuple[str, bool]]:
        found = {}
        for column in self._seen.scalars:
            sql = f"t_{column}.text" if column in _TERMS else f"CAST(e.{column} AS VARCHAR)"
            found[_SCALARS[column]] = (sql, column in _TERMS)
        for term, present, fields in (
            ("name", self._seen.names, NAME_FIELD),
            ("detail", self._seen.details, DETAIL_FIELD),
        ):
            named: dict[str, list[int]] = {}
            for kind in sorted(present):
                named.setdefault(fields.get(EventType(kind), term), []).append(kind)
            for name, kinds in named.items():
                found[name] = (f"CASE WHEN e.type IN ({', '.join(map(str, kinds))}) THEN t_{term}.text END", True)
        return found

    def _properties(self) -> dict[str, tuple[str, bool]]:
        """A name that the envelope has already gets ``properties.`` in front."""
        known = {*_FIXED, *_SCALARS.values(), *NAME_FIELD.values(), *DETAIL_FIELD.values(), "name", "detail"}
        found = {}
        for leaf in leaves(self._seen.properties, "e.p"):
            name = f"properties.{leaf.name}" if leaf.name in known else leaf.name or "properties"
            found[name] = (leaf.sql, False)
        for leaf in leaves(self._seen.context, "e.c"):
            found[f"global_context.{leaf.name}" if leaf.name else "global_context"] = (leaf.sql, False)
        return found

    def _statement(self, rows: str) -> str:
        parsed = "".join(
            f", from_json({column}, {literal(template(tree))}) AS {name}"
            for name, column, tree in (
                ("p", "properties", self._seen.properties),
                ("c", "global_context", self._seen.context),
            )
            if tree != NULL
        )
        values = ", ".join(f"{sql} AS v{place}" for place, (sql, _) in enumerate(self._values.values()))
        texts = [
            f"v{place}" if done else self._quoted(f"v{place}") for place, (_, done) in enumerate(self._values.values())
        ]
        joins = "".join(f" LEFT JOIN terms t_{term} ON t_{term}.key = e.{term}" for term in _TERMS)
        return (
            f"SELECT {self._format.row(texts)} AS text FROM (SELECT e.ingest_seq, {values} "
            f"FROM (SELECT *{parsed} FROM ({rows})) e{joins} LEFT JOIN users ON users.key = e.user_key "
            "LEFT JOIN visitors ON visitors.key = e.anonymous_key LEFT JOIN accounts ON accounts.key = e.account_key) "
            "ORDER BY ingest_seq"
        )
