"""``ports.Ledger`` on the control store: what was settled, sealed and delivered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Row, and_, func, select, tuple_

from footfall.errors import Conflict
from footfall.model.instants import from_us, to_us
from footfall.model.privacy import HIDDEN
from footfall.ports import Counts, DayState, Delivered
from footfall.stores import open_sessions, schema
from footfall.stores.database import Database, raw

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from footfall.ports import Shape

# So many of the newest ranges keep their own counters, so that settle can repeat them; older ones are added up.
RANGES_KEPT: Final = 1_000
_SUM: Final = -1
_ROWS_AT_ONCE: Final = 1_000
_COUNTED: Final = ("received", "stored", "duplicate", "quarantined", "derived")
_QUARANTINED: Final = pa.schema(
    [
        ("position", pa.int64()),
        ("index", pa.int32()),
        ("source", pa.string()),
        ("received_at", pa.timestamp("us", "UTC")),
        ("code", pa.string()),
        ("message", pa.string()),
        ("body", pa.string()),
    ]
)


class SqlLedger:
    """See ``ports.Ledger``. hides: whether what cannot be used of a source is kept without its text."""

    def __init__(self, database: Database, hides: Callable[[str], bool] = lambda source: False) -> None:
        self._database = database
        self._hides = hides

    def settled(self, start: int, end: int, shape: Shape, at: datetime) -> None:
        """Record the range [start, end); what an earlier try wrote at or after ``start`` is replaced.

        Raises ``Conflict`` when ``start`` lies before what can still be told apart: then the lake is older than this
        store, as after restoring only one of the two.
        """
        with self._database.writing() as connection:
            _forget_from(connection, start)
            ranges = schema.settled_range
            connection.execute(ranges.insert().values(start=start, end=end, at=to_us(at)))
            rows = [
                {
                    "start": start,
                    "source": source,
                    "received": each.received,
                    "stored": each.stored,
                    "duplicate": each.duplicate,
                    "quarantined": each.quarantined,
                    "derived": each.derived,
                }
                for source, each in sorted(shape.counts.items())
            ]
            if rows:
                connection.execute(schema.range_count.insert(), rows)
            _write_quarantine(connection, shape.quarantined, self._hides)
            _touch(connection, shape.days, end)
            open_sessions.keep(connection, start, shape.sessions)
            _add_up_old(connection)

    def counts(self) -> Mapping[str, Counts]:
        """Per source, everything settled so far."""
        table = schema.range_count
        query = select(table.c.source, *(func.sum(table.c[name]) for name in _COUNTED)).group_by(table.c.source)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(table.c.source)).all()
        return {source: Counts(*(int(each) for each in sums)) for source, *sums in rows}

    def quarantined(self, limit: int = 100) -> pa.Table:
        """The newest ``limit`` records that could not be used, newest first."""
        table = schema.quarantine
        query = select(*(table.c[name] for name in _QUARANTINED.names))
        query = query.order_by(table.c.position.desc(), table.c.index.desc()).limit(limit)
        with self._database.reading() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        for row in rows:
            row["received_at"] = from_us(row["received_at"])
        return pa.Table.from_pylist(rows, schema=_QUARANTINED)

    def quarantined_with(self, source: str, mark: str) -> Iterator[tuple[str, str, str]]:
        """(code, message, body) of the records of a source that could not be used and contain ``mark``, oldest first.

        The store looks for it, and not more than a thousand are in memory.
        """
        table = schema.quarantine
        place = tuple_(table.c.position, table.c.index)
        columns = [table.c[name] for name in ("position", "index", "code", "message", "body")]
        mine = and_(table.c.source == source, table.c.body.contains(mark, autoescape=True))
        query = select(*columns).where(mine).order_by(table.c.position, table.c.index).limit(_ROWS_AT_ONCE)
        after = (-1, -1)
        while True:
            with self._database.reading() as connection:
                found = connection.execute(query.where(place > after)).all()
            for position, index, code, message, body in found:
                after = (position, index)
                if mark in body:  # the store may not tell capital letters from small ones
                    yield code, message, body
            if len(found) < _ROWS_AT_ONCE:
                return

    def day(self, day: date) -> DayState:
        """The state of a day; one that nothing is known of is at revision 0."""
        with self._database.reading() as connection:
            return _day(connection, day)

    def days(self) -> Sequence[DayState]:
        """Every day that has events or was ever sealed, in order."""
        table = schema.day
        with self._database.reading() as connection:
            return [_state(row) for row in connection.execute(select(table).order_by(table.c.day))]

    def seal(self, day: date, position: int, at: datetime) -> DayState:
        """Give the day its next revision if it was touched or never sealed; else leave it as it is.

        A settle in another process may have recorded a range that is not in the lake yet: beyond ``position``, so not
        in this revision. Then the day stays touched, or what that range brings would never be delivered.
        """
        with self._database.writing() as connection:
            state = _day(connection, day)
            if state.revision and not state.touched:
                return state
            recorded = connection.execute(select(func.max(schema.settled_range.c.end))).scalar_one()
            under_way = recorded is not None and recorded > position
            sealed = DayState(day, state.revision + 1, at, position, touched=under_way)
            _put_day(connection, sealed)
            return sealed

    def reopen(self, day: date) -> DayState:
        """Mark a sealed day as touched, so that the next close makes a revision. Others stay as they are."""
        with self._database.writing() as connection:
            state = _day(connection, day)
            if not state.revision:
                return state
            touched = DayState(day, state.revision, state.sealed_at, state.position, touched=True)
            _put_day(connection, touched)
            return touched

    def delivered(
        self, destination: str, report: str, version: str, format: str, day: date, *, below: int | None = None
    ) -> Delivered | None:
        """The latest revision (lower than ``below``) of a report of a day at a destination; None if there is none."""
        table = schema.delivery
        query = select(table).where(
            and_(
                table.c.destination == destination,
                table.c.report == report,
                table.c.version == version,
                table.c.format == format,
                table.c.day == day.isoformat(),
            )
        )
        if below is not None:
            query = query.where(table.c.revision < below)
        with self._database.reading() as connection:
            row = connection.execute(query.order_by(table.c.revision.desc()).limit(1)).mappings().one_or_none()
        return None if row is None else Delivered(**{**row, "day": date.fromisoformat(row["day"])})

    def deliveries(self) -> Sequence[Delivered]:
        """Every delivery, by destination, report, version, format, day and revision."""
        table = schema.delivery
        order = ("destination", "report", "version", "format", "day", "revision")
        with self._database.reading() as connection:
            rows = connection.execute(select(table).order_by(*(table.c[name] for name in order))).mappings()
            return [Delivered(**{**row, "day": date.fromisoformat(row["day"])}) for row in rows]

    def advance(self, days: Iterable[date]) -> None:
        """Give each of these sealed days its next revision: some of its files are written anew, with nothing new in
        them. In the caller's transaction, if any."""
        with self._database.writing() as connection:
            raw(connection).executemany(
                "UPDATE day SET revision = revision + 1 WHERE day = ? AND revision > 0",
                [(day.isoformat(),) for day in days],
            )

    def deliver(self, delivered: Delivered) -> None:
        """Record a delivery. Raises ``Conflict`` if this revision was delivered there with another manifest."""
        table = schema.delivery
        values: dict[str, Any] = {name: getattr(delivered, name) for name in table.c.keys()}  # noqa: SIM118
        values["day"] = delivered.day.isoformat()
        key = and_(*(column == values[column.name] for column in table.primary_key))
        with self._database.writing() as connection:
            known = connection.execute(select(table).where(key)).mappings().one_or_none()
            if known is None:
                connection.execute(table.insert().values(values))
            elif dict(known) != values:
                raise Conflict(
                    f"{delivered.report} of {delivered.day} revision {delivered.revision} was delivered to "
                    f"{delivered.destination} with another manifest",
                    f"Run `footfall days reopen {delivered.day}` to deliver a new revision",
                )


def _forget_from(connection: Connection, start: int) -> None:
    ranges, counts, quarantine = schema.settled_range, schema.range_count, schema.quarantine
    first = connection.execute(select(func.min(ranges.c.start))).scalar_one()
    summed = connection.execute(select(counts.c.source).where(counts.c.start == _SUM).limit(1)).first()
    inside = select(ranges.c.end).where(and_(ranges.c.start < start, ranges.c.end > start))
    if (summed is not None and first is not None and start < first) or connection.execute(inside).first() is not None:
        raise Conflict(
            f"settle starts at position {start} of the log, which this store counted already as part of a larger whole",
            "Restore the control store and the lake from the same backup",
        )
    connection.execute(ranges.delete().where(ranges.c.start >= start))
    connection.execute(counts.delete().where(counts.c.start >= start))
    connection.execute(quarantine.delete().where(quarantine.c.position >= start))


def _write_quarantine(connection: Connection, records: pa.Table, hides: Callable[[str], bool]) -> None:
    columns = [records[name] for name in _QUARANTINED.names]
    columns[3] = columns[3].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    hidden = [source for source in pc.unique(columns[2]).to_pylist() if hides(source)]
    if hidden:  # a reason may quote what stood in the event
        theirs = pc.is_in(columns[2], value_set=pa.array(hidden, columns[2].type))
        columns[5] = pc.if_else(theirs, HIDDEN, columns[5])
        columns[6] = pc.if_else(theirs, "", columns[6])
    raw(connection).executemany(
        """INSERT INTO quarantine (position, "index", source, received_at, code, message, body)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        zip(*(column.to_pylist() for column in columns), strict=True),
    )


def _touch(connection: Connection, days: Mapping[date, int], end: int) -> None:
    # A range that the sealing has seen already, told once more, is no news.
    raw(connection).executemany(
        """INSERT INTO day (day, revision, sealed_at, position, touched) VALUES (?, 0, NULL, 0, 0)
           ON CONFLICT (day) DO UPDATE SET touched = 1 WHERE revision > 0 AND position < ?""",
        [(day.isoformat(), end) for day, events in days.items() if events],
    )


def _add_up_old(connection: Connection) -> None:
    ranges, counts = schema.settled_range, schema.range_count
    newest = select(ranges.c.start).order_by(ranges.c.start.desc()).offset(RANGES_KEPT * 2 - 1).limit(1)
    if connection.execute(newest).first() is None:
        return
    keep_from = connection.execute(
        select(ranges.c.start).order_by(ranges.c.start.desc()).offset(RANGES_KEPT - 1).limit(1)
    ).scalar_one()
    sums: dict[str, Counter[str]] = {}
    for row in connection.execute(select(counts).where(counts.c.start < keep_from)).mappings():
        into = sums.setdefault(row["source"], Counter())
        into.update({name: row[name] for name in _COUNTED})
    connection.execute(counts.delete().where(counts.c.start < keep_from))
    connection.execute(ranges.delete().where(ranges.c.start < keep_from))
    rows = [{"start": _SUM, "source": source, **each} for source, each in sums.items()]
    if rows:
        connection.execute(counts.insert(), rows)


def _day(connection: Connection, day: date) -> DayState:
    row = connection.execute(select(schema.day).where(schema.day.c.day == day.isoformat())).one_or_none()
    return DayState(day, 0, None, 0, touched=False) if row is None else _state(row)


def _state(row: Row[Any]) -> DayState:
    sealed_at = None if row.sealed_at is None else from_us(row.sealed_at)
    return DayState(date.fromisoformat(row.day), row.revision, sealed_at, row.position, bool(row.touched))


def _put_day(connection: Connection, state: DayState) -> None:
    table = schema.day
    connection.execute(table.delete().where(table.c.day == state.day.isoformat()))
    connection.execute(
        table.insert().values(
            day=state.day.isoformat(),
            revision=state.revision,
            sealed_at=None if state.sealed_at is None else to_us(state.sealed_at),
            position=state.position,
            touched=state.touched,
        )
    )
