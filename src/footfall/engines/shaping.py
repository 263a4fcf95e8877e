"""Entries of the log into columns with DuckDB: no loop over events, one dialect = one SQL statement.

Bodies are taken apart by ``splitting``; the texts of the events go into DuckDB as one column, are read by the
dialect's ``from_json`` and mapped by the dialect's SQL (``wire/segment.sql``, ``wire/native.sql``); instants, digests
and problems are common (``queries/shape_events.sql``).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from footfall.engines.deriving import derive_all
from footfall.engines.ignoring import Erased, nobody_erased, of_denied, of_erased, without_denied, without_erased
from footfall.engines.recent import DIGESTS, RecentWindow
from footfall.engines.reopening import Reopened
from footfall.engines.shaped import DuckShape
from footfall.engines.splitting import (
    NO_ROWS,
    Defaults,
    Range,
    Refusal,
    RowTexts,
    Split,
    Text,
    event_table,
    joined,
    split,
    with_defaults,
)
from footfall.errors import Unavailable
from footfall.local_days import local_days
from footfall.model.days import Zone
from footfall.model.event import DETAIL_FIELD, NAME_FIELD, WORDS, EventType
from footfall.portions import JSON_AT_ONCE, in_batches, portions
from footfall.ports import Derivation, Entry, Remembering
from footfall.wire import row_body

EVENTS_AT_ONCE = 8192
DIALECTS = ("segment", "native", row_body.NAME)
RECENT_DEFAULT = 5_000_000
_TELLING = pa.array([EventType.IDENTIFY, EventType.EMAIL_EVENT, EventType.GROUP, EventType.ALIAS], pa.int16())
_AROUND = ("ord", "position", "index", "received_us", "source")
OLDEST_US = 631_152_000_000_000  # 1990-01-01
AHEAD_US = 86_400_000_000  # a day after receipt

# What one event's text can do to the reading of a whole range. Memory and disk are no event's fault.
_HOSTILE = (duckdb.DataError, duckdb.InvalidInputException, duckdb.InternalError, pa.ArrowInvalid)
_MESSAGES = {
    "unknown_type": "the type {!r} is not one of this dialect",
    "bad_timestamp": "the time {!r} is neither ISO 8601 nor a number of seconds, milliseconds or microseconds",
    "time_out_of_range": "the time {!r} is before 1990 or more than a day after the event was received",
}


class DuckShaper:
    """ports.Shaper on DuckDB in memory. Not for use by two threads at once.

    zone: of the subscription; it decides the local day. defaults: (product key, environment, channel) of a source.
    recent: how many (source, event id) pairs are kept to find duplicates, 20 bytes each. denied: identify ids whose
    events are ignored, each with the first instant of receipt at which they are; asked once for a range. derivations:
    in this order.
    """

    def __init__(
        self,
        zone: Zone,
        defaults: Defaults,
        *,
        temp_directory: Path,
        memory_limit: str = "1GB",
        threads: int = 2,
        recent: int = RECENT_DEFAULT,
        denied: Callable[[], Mapping[str, int]] = dict,
        erased: Erased = nobody_erased,
        derivations: Sequence[Derivation] = (),
    ) -> None:
        self._zone = zone
        self._derivations = derivations
        self._denied, self._erased = denied, erased
        self._defaults = defaults
        self._settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit,
            "temp_directory": str(temp_directory),
            "threads": threads,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        self._events, self._imported = _Relation(_EVENTS), _Relation(_IMPORTED)
        self._sent, self._told = _Relation(_SENT), _Relation(_TOLD)
        self._reader = Reopened(self._open_reader)
        # A statement at fault must show here, not look like a range full of hostile events later.
        for dialect in DIALECTS:
            self._blank = self._run(dialect, _no_events(dialect), NO_ROWS if dialect == row_body.NAME else ())
        # The window has a database of its own: a fault while reading a hostile text must not take it along.
        self._memory = duckdb.connect(":memory:", config=self._settings)
        self._window = RecentWindow(self._memory, recent)

    def close(self) -> None:
        """Give back the engine's memory; the shaper is of no use afterwards."""
        self._reader.close()
        self._memory.close()

    def renew(self) -> None:
        """Let derivations remember nothing of people: somebody was taken out of the store. Not while ``shape`` runs."""
        for derivation in self._derivations:
            if isinstance(derivation, Remembering):
                derivation.renew()

    def remember(self, recent: Iterable[pa.RecordBatch]) -> None:
        self._window.remember(recent)

    def shape(self, entries: Sequence[Entry]) -> DuckShape:
        try:
            return self._shape(entries)
        except duckdb.Error as error:
            raise Unavailable(
                f"shaping {len(entries)} entries of the log: {error}",
                "Give the engine more memory or its temporary directory more room",
                retry_after_s=5,
            ) from error

    def _shape(self, entries: Sequence[Entry]) -> DuckShape:
        taken = split(entries)
        sent_us = self._instants(taken.sent)
        tables = [table for one in taken.splits.values() for table in self._read(one, taken, sent_us)]
        read = with_defaults(pa.concat_tables(tables) if tables else self._blank, self._defaults)
        if len(taken.splits) > 1:
            read = read.sort_by("ord")
        good, bad = _part(read)
        taken.refusals += _problems(bad, taken)
        denied = self._denied()
        good = without_erased(without_denied(good, denied, taken), self._erased, taken)
        start = entries[0].position if entries else 0
        repeated = self._window.repeated(good.select(["ord", "digest_high", "digest_low"]), start)
        duplicates = good.schema.empty_table()
        if len(repeated):
            known = pc.is_in(good.column("ord"), value_set=repeated)
            good, duplicates = good.filter(pc.invert(known)), good.filter(known)

        def ignored(rows: pa.Table) -> pa.Array:
            return pc.or_(of_denied(rows, denied), of_erased(rows, self._erased))

        derived = derive_all(self._derivations, good, self._facts(good), entries, ignored)
        days = local_days(self._zone, derived.whole.column("occurred_us"))
        return DuckShape(derived, days, duplicates.column("source"), taken.refusals, taken.received)

    def _instants(self, texts: Sequence[str | None]) -> pa.Array:
        """Microseconds since 1970 of each text; there is one per entry."""
        self._sent.batches = [pa.record_batch([pa.array(texts, pa.string())], self._sent.schema)]
        with self._reader.use() as reader:
            return reader.sql("EXECUTE read_sent").to_arrow_table().column("us").combine_chunks()

    def _read(self, one: Split, taken: Range, sent_us: pa.Array) -> list[pa.Table]:
        """Read the events of one dialect, at once if they and the memory let us, else without those that do not."""
        events = event_table(one, taken, sent_us)
        try:
            return [self._run(one.dialect, events, one.texts)]
        except duckdb.OutOfMemoryException:
            return list(self._bisect(one.dialect, events, one.texts, taken))
        except _HOSTILE:
            texts: Sequence[Text] = one.texts
            if not isinstance(texts, RowTexts):
                events, texts = self._readable(events, texts, taken)
            return list(self._bisect(one.dialect, events, texts, taken))

    def _run(self, dialect: str, events: pa.Table, texts: Sequence[Text]) -> pa.Table:
        if isinstance(texts, RowTexts):
            self._imported.batches = _Columns(events, texts)
        else:
            self._events.batches = _Texts(events, texts)
        try:
            with self._reader.use() as reader:
                read = reader.sql(f"EXECUTE read_{dialect}").to_arrow_table()
        finally:
            self._events.batches = self._imported.batches = ()
        # The statement keeps the order and the number of the events, so what it need not change does not go through it.
        for name in _AROUND:
            read = read.append_column(name, events.column(name))
        return read

    def _readable(self, events: pa.Table, texts: Sequence[Text], taken: Range) -> tuple[pa.Table, list[Text]]:
        """Refuse the texts that are no UTF-8 or no JSON and return the other events. One pass, however many."""
        faults: dict[int, str] = {}
        for row, text in enumerate(texts):
            try:
                bytes(text).decode()
            except UnicodeDecodeError as error:
                faults[row] = str(error)
        rows = [row for row in range(len(texts)) if row not in faults]
        relation = pa.table({"nth": pa.array(rows, pa.int32()), "text": [bytes(texts[row]).decode() for row in rows]})
        with self._reader.use(texts=relation) as reader:
            broken = reader.sql("SELECT nth FROM texts WHERE NOT json_valid(text) ORDER BY nth").to_arrow_table()
        faults |= dict.fromkeys(broken.column("nth").to_pylist(), "not JSON as RFC 8259 has it")
        taken.refusals += [_unreadable(events, texts, row, taken, why) for row, why in faults.items()]
        rows = [row for row in rows if row not in faults]
        return events.take(rows), [texts[row] for row in rows]

    def _bisect(self, dialect: str, events: pa.Table, texts: Sequence[Text], taken: Range) -> Iterator[pa.Table]:
        if not texts:
            return
        try:
            yield self._run(dialect, events, texts)
        except (duckdb.OutOfMemoryException, *_HOSTILE) as error:
            if len(texts) == 1:
                if isinstance(error, duckdb.OutOfMemoryException):
                    raise
                taken.refusals.append(_unreadable(events, texts, 0, taken, str(error)))
                return
            middle = len(texts) // 2
            yield from self._bisect(dialect, events.slice(0, middle), texts[:middle], taken)
            yield from self._bisect(dialect, events.slice(middle), texts[middle:], taken)

    def _facts(self, good: pa.Table) -> pa.Table:
        telling = pc.or_(
            pc.is_in(good.column("type"), value_set=_TELLING),
            pc.or_(pc.is_valid(good.column("user_attributes")), pc.is_valid(good.column("account_attributes"))),
        )
        # The source is dictionary-coded until here.
        told = good.select(_TOLD.names).filter(telling).cast(_TOLD)
        self._told.batches = in_batches(told, _TRAITS).to_batches()
        with self._reader.use() as reader:
            facts = reader.sql("EXECUTE read_facts").to_arrow_table()
        self._told.batches = ()
        return facts.set_column(0, "at", facts.column("at").cast(pa.timestamp("us", "UTC")))

    def _open_reader(self) -> duckdb.DuckDBPyConnection:
        reader = duckdb.connect(":memory:", config=self._settings)
        reader.execute(_query("shape_macros"))
        reader.execute(DIGESTS)
        for name, words in (
            ("event_type(word)", WORDS),
            ("name_field(number)", NAME_FIELD),
            ("detail_field(number)", DETAIL_FIELD),
        ):
            reader.execute(f"CREATE TEMP MACRO {name} AS {_case(name, words)}")
        # Planning takes as long as reading 15,000 events, and a prepared plan is kept.
        reader.register("sent", self._sent)
        reader.execute("PREPARE read_sent AS SELECT instant_us(text) AS us FROM sent")
        reader.register("events", self._events)
        reader.register("imported", self._imported)
        for dialect in DIALECTS:
            reader.execute(f"PREPARE read_{dialect} AS {_statement(dialect)}")
        reader.register("told", self._told)
        reader.execute(f"PREPARE read_facts AS {_query('shape_facts')}")
        return reader


class _Relation:
    """A relation of prepared statements: whatever ``batches`` are when one runs.

    A registered Arrow table would be bound into the plan itself; this object is asked for a stream at each run.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self.batches: Iterable[pa.RecordBatch] = ()

    def __arrow_c_schema__(self) -> object:
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return pa.RecordBatchReader.from_batches(self.schema, iter(self.batches)).__arrow_c_stream__(requested_schema)


class _Texts:
    """Events with their texts, a few thousand at a time.

    Threads share a relation by its batches, so one large batch would be read by one thread; and the memory in which
    the texts of a batch are joined is used again for the next one, which saves 0.25 of 5 us CPU per event.
    """

    def __init__(self, events: pa.Table, texts: Sequence[Text]) -> None:
        self._events, self._texts = events, texts

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for start in range(0, len(self._texts), EVENTS_AT_ONCE):
            yield from self._batches(start, min(start + EVENTS_AT_ONCE, len(self._texts)))

    def _batches(self, start: int, end: int) -> Iterator[pa.RecordBatch]:
        texts = self._texts[start:end]
        if len(texts) > 1 and sum(map(len, texts)) > JSON_AT_ONCE:
            yield from self._batches(start, (start + end) // 2)
            yield from self._batches((start + end) // 2, end)
            return
        (events,) = self._events.slice(start, end - start).to_batches()
        yield events.append_column("text", joined(texts))


class _Columns:
    """Events that came as columns, in batches as they came, each no larger than a few thousand."""

    def __init__(self, events: pa.Table, rows: RowTexts) -> None:
        self._events, self._rows = events, rows

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        columns = [*self._events.columns, *self._rows.events.columns]
        for portion in portions(pa.table(columns, schema=_IMPORTED), row_body.JSON, EVENTS_AT_ONCE):
            yield from portion.to_batches()


def _no_events(dialect: str) -> pa.Table:
    return event_table(Split(dialect), Range(()), pa.array([], pa.int64()))


_EVENTS = _no_events(DIALECTS[0]).schema.append(pa.field("text", pa.string()))
_IMPORTED = pa.schema([*_no_events(row_body.NAME).schema, *row_body.READ])
_SENT = pa.schema([("text", pa.string())])
_TRAITS = ("user_attributes", "account_attributes")
# Of the events, what queries/shape_facts.sql reads.
_TOLD = pa.schema(
    [
        ("ord", pa.int32()),
        ("type", pa.int16()),
        ("occurred_us", pa.int64()),
        ("detail", pa.string()),
        ("source", pa.string()),
        ("event_id", pa.string()),
        *((name, pa.string()) for name in ("identify_id", "anonymous_id", "previous_id", "account_id")),
        *((name, pa.string()) for name in _TRAITS),
    ]
)


def _case(macro: str, words: object) -> str:
    """A CASE over the model's own tables, so that numbers and field names are written down once."""
    argument = macro[macro.index("(") + 1 : -1]
    assert isinstance(words, dict)
    arms = " ".join(
        f"WHEN '{key}' THEN {int(value)}::SMALLINT" if isinstance(key, str) else f"WHEN {int(key)} THEN '{value}'"
        for key, value in words.items()
    )
    return f"CASE {argument} {arms} END"


def _part(read: pa.Table) -> tuple[pa.Table, pa.Table]:
    fine = pc.is_null(read.column("problem"))
    if pc.all(fine).as_py() is not False:
        return read, read.slice(0, 0)
    return read.filter(fine), read.filter(pc.invert(fine))


def _problems(bad: pa.Table, taken: Range) -> list[Refusal]:
    """Refusals of events that were read but cannot be stored; their texts are looked up, they are few."""
    if not bad.num_rows:
        return []
    wanted = set(bad.column("ord").to_pylist())
    texts = {
        ordinal: one.texts[nth]
        for one in taken.splits.values()
        for nth, (place, index) in enumerate(zip(one.places, one.indexes, strict=True))
        if (ordinal := taken.first[place] + index) in wanted
    }
    rows = bad.select(["ord", "position", "index", "problem", "suspect"]).to_pylist()
    return [
        Refusal(
            _entry(taken, row["position"]),
            row["index"],
            row["problem"],
            _MESSAGES[row["problem"]].format((row["suspect"] or "")[:100]),
            bytes(texts[row["ord"]]),
        )
        for row in rows
    ]


def _unreadable(events: pa.Table, texts: Sequence[Text], row: int, taken: Range, why: str) -> Refusal:
    position, index = (events.column(name)[row].as_py() for name in ("position", "index"))
    return Refusal(_entry(taken, position), index, "unreadable_event", why[:200], bytes(texts[row]))


def _entry(taken: Range, position: int) -> Entry:
    return taken.entries[bisect_left(taken.entries, position, key=lambda entry: entry.position)]


@cache
def _statement(dialect: str) -> str:
    wire = resources.files("footfall.wire").joinpath(f"{dialect}.sql").read_text(encoding="utf-8")
    common = _query("shape_events").replace("$oldest_us", str(OLDEST_US)).replace("$ahead_us", str(AHEAD_US))
    return f"WITH dialect AS (\n{wire})\n{common}"


@cache
def _query(name: str) -> str:
    return resources.files("footfall.engines").joinpath(f"queries/{name}.sql").read_text(encoding="utf-8")
