"""The activity export: raw events as CSV, fixed columns first, then the sorted union of the fields that occur."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum, auto
from itertools import chain, groupby
from pathlib import Path
from typing import Final

import pyarrow as pa

from footfall.engines.database import Limits, literal
from footfall.engines.fields import NULL, Joining, leaves, macros, template
from footfall.engines.hidden_events import HiddenWithin
from footfall.engines.hiding import hidden_sql
from footfall.engines.observing import Observed
from footfall.engines.rendering import text_of
from footfall.engines.slices import TERMS, Making, Objects
from footfall.engines.windows import Texts, WindowRows
from footfall.model.columns import STRING
from footfall.model.event import DETAIL_FIELD, NAME_FIELD, EventType
from footfall.model.hiding import DROP, KEEP, Hiding
from footfall.model.manifest import FilePart
from footfall.ports import Column, EventSelection, Format

# Printed name of columns that every event has.
_FIXED: Final = (
    "stream", "event_id", "type", "timestamp", "received_at", "identify_id", "anonymous_id", "account_id",
)  # fmt: skip
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
_OBJECTS: Final = {"properties": "p", "global_context": "c"}
# Columns that are no text in files that have types.
_NO_TEXTS: Final = {"timestamp": "Date", "received_at": "Date", "step_number": "Long"}
# Text of a row beside its properties.
_ROW_BYTES: Final = 160
_MACROS: Final = """
CREATE MACRO instant(moment) AS strftime(make_timestamp(epoch_us(moment)), '%Y-%m-%dT%H:%M:%S.%fZ');
CREATE MACRO quoted(value) AS {quoted};
"""


class _Of(Enum):
    """What many events have in common, and so what is made of it."""

    EVENT = auto()
    TERMS = auto()
    OBJECTS = auto()


@dataclass(frozen=True, slots=True)
class _Value:
    """A column. plain: SQL of its text. quoted: SQL of what stands in the file, where that is at hand.

    of: what it follows from.
    """

    plain: str
    quoted: str = ""
    of: _Of = _Of.EVENT


class ActivityText:
    """``ports.EventText`` of the activity export. header: the text begins with the names of the columns. hiding: what
    is not said.

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
        hiding: Hiding | None = None,
    ) -> None:
        self._format = format
        self._hiding = hiding
        self._header = header
        printed = dict.fromkeys(("terms", "users", "visitors", "accounts"), self._quoted("text"))
        self._window = WindowRows(spill, limits, wanted, texts, tuple(_OBJECTS), printed, _ROW_BYTES)
        self._seen = Observed(self._window.database, tuple(_OBJECTS), ("name", "detail", *_SCALARS))
        try:
            self._window.database.script(_MACROS.format(quoted=self._quoted("value")) + macros(joining))
            for stretch in self._window.scan():
                self._seen.look(stretch.rows, stretch.objects)
        except BaseException:
            self.close()
            raise
        self.rows, self.parts = self._window.rows, self._window.parts
        self._values = self._columns()
        self.columns: Sequence[Column] = tuple(Column(name, STRING) for name in self._values)

    def close(self) -> None:
        self._window.close()

    def chunks(self, part: FilePart = ()) -> Iterator[tuple[int, memoryview | bytes]]:
        """Yield (rows, text) of a file."""
        if self._header:
            yield 0, self._format.head(self.columns, "activity", "", date.min)
        for rows in self._window.render(part, self._lines()):
            yield rows.num_rows, text_of(rows.column(0))

    def tables(self, part: FilePart = ()) -> Iterator[pa.Table]:
        """Yield the same rows as columns of texts, not quoted; of bounded size."""
        values = dict(enumerate(self._values.values()))
        named = {f"c{place}": value.plain for place, value in values.items() if value.of is _Of.TERMS}
        row = {f"c{place}": self._plain(place, value) for place, value in values.items()}
        making = Making(row, named, self._objects(), self._own())
        for rows in self._window.render(part, making):
            yield pa.Table.from_batches([rows]).rename_columns(list(self._values))

    def _plain(self, place: int, value: _Value) -> str:
        if value.of is _Of.TERMS:
            return f"n.c{place}"
        return value.plain if value.quoted else f"e.v{place}"

    def _lines(self) -> Making:
        """How a row becomes a line.

        Columns beside each other that follow from the same are one text, with the commas around them: a line costs what
        its pieces cost. A null has its place in a line, so a column that is null is a comma.
        """
        runs: dict[_Of, dict[str, str]] = {each: {} for each in _Of}
        comma = self._format.piece("NULL", first=False)
        pieces: list[str] = []
        for of, columns in groupby(enumerate(self._values.values()), lambda each: each[1].of):
            texts = {place: value.quoted or f"quoted(e.v{place})" for place, value in columns}
            if of is _Of.EVENT:
                pieces += [comma, *chain.from_iterable((text, comma) for text in texts.values())][not pieces : -1]
                continue
            parts = [self._format.piece(text, first=place == 0) for place, text in texts.items()]
            name = f"run{len(pieces)}"
            runs[of][name] = f"concat({', '.join(parts)})"
            pieces.append(f"{'n' if of is _Of.TERMS else 'e'}.{name}")
        row = {"text": f"concat({', '.join([*pieces, literal(self._format.closing)])})"}
        return Making(row, runs[_Of.TERMS], self._objects(runs[_Of.OBJECTS]), self._own())

    def _own(self) -> dict[str, str]:
        """What is used more than once in a line."""
        values = enumerate(self._values.values())
        return {f"v{n}": value.plain for n, value in values if value.of is _Of.EVENT and not value.quoted}

    def _objects(self, runs: Mapping[str, str] | None = None) -> Objects:
        """The columns that follow from JSON. runs: to be made of them, in their place."""
        trees = {column: tree for column, tree in self._seen.trees.items() if tree != NULL}
        if not trees:
            return Objects()
        parsed = {_OBJECTS[column]: f"from_json({column}, {literal(template(tree))})" for column, tree in trees.items()}
        values = enumerate(self._values.values())
        texts = {f"v{n}": value.plain for n, value in values if value.of is _Of.OBJECTS}
        return Objects(tuple(trees), (parsed, texts) if runs is None else (parsed, texts, runs))

    def _quoted(self, sql: str) -> str:
        return self._format.field(Column("", STRING), sql)

    def _columns(self) -> dict[str, _Value]:
        """Printed name -> value, in the order of the file."""
        words = " ".join(f"WHEN {int(each)} THEN {literal(each.word)}" for each in EventType)
        word = f"CASE e.type {words} END"
        instants = [f"instant(e.{column})" for column in ("occurred_at", "received_at")]
        people = [_Value(f"{name}.plain", f"{name}.text") for name in ("users", "visitors", "accounts")]
        fixed = (
            _term("source"), _Value("e.event_id"), _Value(word, word, _Of.TERMS),
            *(_Value(instant, instant) for instant in instants), *people,
        )  # fmt: skip
        fields = {**self._known_fields(), **self._properties()}
        found = dict(zip(_FIXED, fixed, strict=True)) | {name: fields[name] for name in sorted(fields, key=str.encode)}
        return found if self._hiding is None else _hidden(found, self._hiding)

    def _known_fields(self) -> dict[str, _Value]:
        found = {}
        for column in (column for column in _SCALARS if self._seen.present[column]):
            found[_SCALARS[column]] = _term(column) if column in TERMS else _own(column)
        for term, fields in (("name", NAME_FIELD), ("detail", DETAIL_FIELD)):
            named: dict[str, list[int]] = {}
            for kind in sorted(self._seen.present[term]):
                named.setdefault(fields.get(EventType(kind), term), []).append(kind)
            for name, kinds in named.items():
                found[name] = _term(term, f"CASE WHEN e.type IN ({', '.join(map(str, kinds))}) THEN {{}} END")
        return found

    def _properties(self) -> dict[str, _Value]:
        """A name that the envelope has already gets ``properties.`` in front."""
        known = {*_FIXED, *_SCALARS.values(), *NAME_FIELD.values(), *DETAIL_FIELD.values(), "name", "detail"}
        within = None if self._hiding is None else HiddenWithin(self._window.database, self._hiding)

        def of_properties(name: str, sql: str) -> str:
            return sql if within is None else within.sql((name, f"properties.{name}" if name else "properties"), sql)

        def of_context(name: str, sql: str) -> str:
            return sql if within is None else within.sql((f"global_context.{name}" if name else "global_context",), sql)

        found = {}
        for leaf in leaves(self._seen.trees["properties"], "e.p", of_properties):
            name = f"properties.{leaf.name}" if leaf.name in known else leaf.name or "properties"
            found[name] = _Value(leaf.sql, of=_Of.OBJECTS)
        for leaf in leaves(self._seen.trees["global_context"], "e.c", of_context):
            found[f"global_context.{leaf.name}" if leaf.name else "global_context"] = _Value(leaf.sql, of=_Of.OBJECTS)
        return found


def _hidden(values: Mapping[str, _Value], hiding: Hiding) -> dict[str, _Value]:
    """What is left of columns. Raises ``Refused`` for one that cannot become what is asked for."""
    left = {}
    for name, value in values.items():
        action = hiding.checked(name, _NO_TEXTS.get(name, STRING))
        if action not in (DROP, KEEP):
            plain = hidden_sql(hiding, action, value.plain)
            left[name] = replace(value, plain=plain, quoted=f"quoted({plain})" if value.quoted else "")
        elif action == KEEP:
            left[name] = value
    return left


def _own(column: str) -> _Value:
    number = f"CAST(e.{column} AS VARCHAR)"
    return _Value(number, number) if column == "step_number" else _Value(f"e.{column}")


def _term(column: str, sql: str = "{}") -> _Value:
    return _Value(sql.format(f"t.plain[e.{column}]"), sql.format(f"t.text[e.{column}]"), _Of.TERMS)
