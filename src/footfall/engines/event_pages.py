"""``ports.EventPages`` on DuckDB: pages of events straight from the files of the lake.

Sources of a selection:

======================  ======================================================================================
``occurred_at``         instant of the event
``person``              identify id of the user, or the visitor's own id          ``account``  account id
``product`` ``name`` ``detail`` ``environment`` ``channel`` ``locale`` ``trigger_type``     texts of terms
``event_id`` ``session_id`` ``execution_id`` ``step_number``                                as stored
``user_type``           ``USER`` or ``VISITOR``
``content_type``        of the engagement: the event's own word, else that of its definition
``state/T``             how an engagement went, if its content type is ``T`` (``T*``: begins so)
``properties/P/Q``      a property; a pointer as of RFC 6901 behind ``properties``
======================  ======================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Final

import msgspec
import pyarrow as pa

from footfall.engines.database import Housed, Limits, Session, literal
from footfall.engines.selecting import Key, answers, behind, order_by, sort_keys
from footfall.errors import Damaged, Refused
from footfall.model.event import EventType
from footfall.model.instants import to_us
from footfall.model.metadata import SURVEY_TYPES, survey_type
from footfall.model.selection import Branch, Field, Kind, Order, Value
from footfall.ports import EventPage, EventsWanted, StoredEvent, Totals

_WHAT: Final = "read a page of events"
_PERSON: Final = "person"
_TERMS: Final = ("product", "environment", "channel", "name", "detail", "locale", "trigger_type")
_PLAIN: Final = frozenset({"event_id", "session_id", "execution_id", "step_number"})
_TEXTS: Final = {"user_key": "users", "anonymous_key": "visitors", "account_key": "accounts"}
_READ: Final = (
    "ingest_seq", "type", "occurred_at", "event_id", *_TEXTS, *_TERMS, "session_id", "execution_id", "step_number",
    "properties", "global_context",
)  # fmt: skip
_DATE: Final = Order(Field("occurred_at", Kind.INSTANT))
_WRITTEN_MAX: Final = 1_000  # keys in one condition
_CERTAIN: Final = frozenset({"occurred_at", "event_id", "user_type"})
# What the reports call the answers to a survey of several questions.
_SEVERAL: Final = "IN_APP_MULTIPLE_QUESTION_SURVEY"

Texts = Callable[..., pa.Table]
"""``People.texts``."""


class DuckEventPages:
    """See ``ports.EventPages``; threads may share it.

    spill: a folder for what does not fit into memory. texts: ``People.texts``.
    """

    def __init__(self, spill: Path, limits: Limits, texts: Texts) -> None:
        self._spill = spill
        self._limits = limits
        self._texts = texts
        self._lock = Lock()
        self._open: Housed | None = None

    def close(self) -> None:
        if (opened := self._open) is not None:
            self._forget(opened)

    def count(self, files: Sequence[str], wanted: EventsWanted) -> int:
        return self._counted(files, wanted, "count(*)")[0]

    def totals(self, files: Sequence[str], wanted: EventsWanted) -> Totals:
        distinct = "count(*), count(DISTINCT e.user_key), count(DISTINCT e.account_key)"
        return Totals(*self._counted(files, wanted, distinct))

    def _counted(self, files: Sequence[str], wanted: EventsWanted, counts: str) -> list[int]:
        if not files:
            return [0] * (counts.count(",") + 1)
        with self._session() as session:
            columns = _Columns(wanted, _Dimensions(session, self._texts))
            where = _where(wanted, columns)
            sql = f"SELECT {counts} FROM {_files(files)} e {columns.joins()} WHERE {where}"
            (row,) = [row for batch in session.stream(sql, 1, _WHAT) for row in zip(*batch.columns, strict=True)]
            return [int(value.as_py()) for value in row]

    def page(self, files: Sequence[str], wanted: EventsWanted, limit: int, after: tuple[Value, ...] = ()) -> EventPage:
        if not files or limit < 1:
            return EventPage((), after)
        with self._session() as session:
            columns = _Columns(wanted, _Dimensions(session, self._texts))
            # A date among the orders, if there is none: what comes behind the others has an order of its own then.
            keys = [
                *sort_keys(wanted.selection.orders or (_DATE,), columns, _CERTAIN),
                Key("e.ingest_seq", Kind.INSTANT),
            ]
            where = _where(wanted, columns) + (f" AND {behind(keys, after)}" if after else "")
            picked = ", ".join([f"e.{name}" for name in _READ] + [f"{key.sql} AS k{n}" for n, key in enumerate(keys)])
            sql = (
                f"SELECT {picked} FROM {_files(files)} e {columns.joins()} "
                f"WHERE {where} ORDER BY {order_by(keys)} LIMIT {limit}"
            )
            rows = [row for batch in session.stream(sql, limit, _WHAT) for row in batch.to_pylist()]
        if not rows:
            return EventPage((), after)
        last = tuple(rows[-1][f"k{n}"] for n in range(len(keys)))
        return EventPage(self._events(rows), last)

    # --- texts -------------------------------------------------------------------------------------------------

    def _events(self, rows: Sequence[Mapping[str, Any]]) -> list[StoredEvent]:
        people = {column: self._named(dimension, {row[column] for row in rows}) for column, dimension in _TEXTS.items()}
        terms = self._named("terms", {row[name] for row in rows for name in _TERMS})
        return [_event(row, people, terms) for row in rows]

    def _named(self, dimension: str, keys: set[int | None]) -> dict[int | None, str]:
        wanted = pa.array(sorted(key for key in keys if key is not None), pa.int32())
        found = self._texts(dimension, wanted)
        if found.num_rows != len(wanted):
            lost = len(wanted) - found.num_rows
            raise Damaged(
                f"{lost} keys of {dimension} in the lake are not in the store", "Restore both from one backup"
            )
        return dict(zip(found["key"].to_pylist(), found["text"].to_pylist(), strict=True))

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with self._lock:
            if self._open is None:
                self._open = Housed.make(self._limits, self._spill, "pages")
            opened = self._open
        try:
            with opened.database.session() as session:
                yield session
        except Refused:  # a fault that nobody foresaw: after one within DuckDB nothing works there any more
            self._forget(opened)
            raise

    def _forget(self, opened: Housed) -> None:
        with self._lock:
            if self._open is not opened:
                return
            self._open = None
        opened.close()


class _Dimensions:
    """Tables (key, text) within a session, each made when it is first needed."""

    def __init__(self, session: Session, texts: Texts) -> None:
        self._session = session
        self._texts = texts
        self._taken: set[str] = set()

    def use(self, dimension: str) -> None:
        if dimension not in self._taken:
            self._session.take(dimension, self._texts(dimension), "key, text", _WHAT)
            self._taken.add(dimension)

    def among(self, column: str, dimension: str, condition: str) -> str:
        """SQL that is true where ``column`` is the key of a text that answers the condition.

        Keys that are few are written down: then whole row groups are left out by what their statistics say.
        """
        self.use(dimension)
        query = f"SELECT key FROM {dimension} WHERE {condition}"
        found = self._session.stream(f"{query} ORDER BY key LIMIT {_WRITTEN_MAX + 1}", _WRITTEN_MAX + 1, _WHAT)
        keys = [str(key) for batch in found for key in batch.column(0).to_pylist()]
        if not keys:
            return "false"
        return f"{column} IN ({', '.join(keys) if len(keys) <= _WRITTEN_MAX else query})"


class _Columns:
    """Sources as SQL over ``e``."""

    def __init__(self, wanted: EventsWanted, dimensions: _Dimensions) -> None:
        self._content_types = wanted.content_types
        self._dimensions = dimensions
        self._joins: dict[str, str] = {}

    def joins(self) -> str:
        """Asked for when every value and test is known."""
        return " ".join(self._joins.values())

    def value(self, field: Field) -> str:
        source = field.source
        if source == "occurred_at":
            return "epoch_us(e.occurred_at) // 1000"
        if source in _PLAIN:
            return f"CAST(e.{source} AS DOUBLE)" if field.kind is Kind.NUMBER else f"e.{source}"
        if source == "user_type":
            return "CASE WHEN e.user_key IS NULL THEN 'VISITOR' ELSE 'USER' END"
        if source == _PERSON:
            return f"coalesce({self._text('users', 'user_key')}, {self._text('visitors', 'anonymous_key')})"
        if source == "account":
            return self._text("accounts", "account_key")
        if source in _TERMS:
            return self._text("terms", source)
        if source == "content_type":
            return self._content_type()
        head, _, rest = source.partition("/")
        if head == "state":
            fits = "=" if not rest.endswith("*") else "LIKE"
            pattern = literal(rest.replace("_", "\\_").replace("*", "%") if fits == "LIKE" else rest)
            escape = " ESCAPE '\\'" if fits == "LIKE" else ""
            return f"CASE WHEN {self._content_type()} {fits} {pattern}{escape} THEN {self._text('terms', 'detail')} END"
        return _property(f"/{rest}", field.kind)

    def test(self, field: Field, condition: Callable[[str], str]) -> str:
        """Where it can be, the condition is tried on the texts, which are few, and not on the events."""
        among = self._dimensions.among
        if field.source in _TERMS:
            return among(f"e.{field.source}", "terms", condition("text"))
        if field.source == "account":
            return among("e.account_key", "accounts", condition("text"))
        if field.source == _PERSON:
            user = among("e.user_key", "users", condition("text"))
            visitor = among("e.anonymous_key", "visitors", condition("text"))
            return user if visitor == "false" else f"({user} OR e.user_key IS NULL AND {visitor})"
        return f"({condition(self.value(field))})"

    def _text(self, dimension: str, column: str) -> str:
        self._dimensions.use(dimension)
        self._joins.setdefault(f"of_{column}", f"LEFT JOIN {dimension} of_{column} ON of_{column}.key = e.{column}")
        return f"of_{column}.text"

    def _content_type(self) -> str:
        """As ``wire.px_events`` shows it."""
        own, detail = _property("/content_type", Kind.TEXT), self._text("terms", "detail")
        defined = " ".join(f"WHEN {literal(name)} THEN {literal(kind)}" for name, kind in self._content_types.items())
        known = f"CASE {self._text('terms', 'name')} {defined} END" if defined else "NULL"
        words = " ".join(f"WHEN {literal(word)} THEN {literal(shown)}" for word, shown in _survey_words().items())
        return (
            f"CASE WHEN e.type = {int(EventType.SURVEY_ANSWER)} THEN {literal(_SEVERAL)} "
            f"WHEN e.type = {int(EventType.SURVEY_RESPONSE)} THEN "
            f"CASE upper({detail}) {words} ELSE {detail} END ELSE coalesce({own}, {known}) END"
        )


def _survey_words() -> dict[str, str]:
    """Every spelling of a type of survey, in capitals, and the one that responses show."""
    words = {*SURVEY_TYPES, *SURVEY_TYPES.values()}
    words |= {name.removeprefix("IN_APP_").removesuffix("_SURVEY") for name in SURVEY_TYPES}
    return {word: SURVEY_TYPES[kind] for word in sorted(words) if (kind := survey_type(word)) is not None}


def _property(pointer: str, kind: Kind) -> str:
    text = f"json_extract_string(e.properties, {literal(pointer)})"
    match kind:
        case Kind.NUMBER:
            return f"TRY_CAST({text} AS DOUBLE)"
        case Kind.BOOLEAN:
            return f"TRY_CAST({text} AS BOOLEAN)"
        case _:
            return text


def _files(files: Sequence[str]) -> str:
    return f"read_parquet([{', '.join(map(literal, files))}], hive_partitioning = false)"


def _where(wanted: EventsWanted, columns: _Columns) -> str:
    types = ", ".join(str(int(each)) for each in wanted.types)
    branches = wanted.selection.branches or (Branch(),)
    found = " OR ".join(f"({answers(branch, columns, _bounds)})" for branch in branches)
    return f"e.type IN ({types}) AND e.ingest_seq < {int(wanted.upto)} AND ({found})"


def _bounds(branch: Branch) -> list[str]:
    found = []
    for operator, at in ((">=", branch.start), ("<", branch.end)):
        if at is not None:
            found.append(f"e.occurred_at {operator} make_timestamptz({to_us(at)})")
    return found


def _event(row: Mapping[str, Any], people: Mapping[str, Mapping[Any, str]], terms: Mapping[Any, str]) -> StoredEvent:
    user = people["user_key"].get(row["user_key"])
    return StoredEvent(
        type=EventType(row["type"]),
        event_id=row["event_id"],
        at_us=to_us(row["occurred_at"]),
        identified=user is not None,
        person=user if user is not None else people["anonymous_key"].get(row["anonymous_key"]),
        account=people["account_key"].get(row["account_key"]),
        session_id=row["session_id"],
        execution_id=row["execution_id"],
        step_number=row["step_number"],
        properties=_object(row["properties"]),
        global_context=_object(row["global_context"]),
        **{name: terms.get(row[name]) for name in _TERMS},
    )


def _object(text: str | None) -> Mapping[str, Any]:
    found = msgspec.json.decode(text) if text else {}
    return found if isinstance(found, dict) else {}
