"""Counted reports, as text or as values, without a join and without sorting text.

Rows are sorted as two small integers: the place of *who* (user and account) and of *what* (all other keys) among those
of the report. A row's text is then gathered: a fragment for each place, made once, taken by number and laid side by
side by Arrow. Measured against joining fragments and sorting rows of text in SQL: a third of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from footfall.engines.database import Database, literal, query
from footfall.engines.rendering import Rows, constant, is_text, text_of
from footfall.model.columns import Field
from footfall.model.report import WHO
from footfall.ports import Column, Format

# Small batches stay in the processor's cache while their rows are put together.
BATCH_ROWS: Final = 16_384
_COUNT: Final = "value.count"
_MAKE: Final = "make fragments"
_KEPT: Final = 2  # a report has a user and an account
_USERS: Final = (
    'SELECT w.rank AS place, u.text AS "user", a.text AS account '
    'FROM who w JOIN user_dimension u ON u.rank = w."user" LEFT JOIN account_dimension a ON a.rank = w.account'
)
_ACCOUNTS: Final = "SELECT rank - 1 AS place, text AS account FROM account_dimension"


@dataclass(slots=True)
class WhoTexts:
    """Texts of *who* by place. Up to ``Limits.texts_at_once`` are kept for the next part of the report; more are read
    along with its rows."""

    database: Database
    _kept: dict[str, pa.Array] = field(default_factory=dict)

    def of(self, relation: str, sql: str, reading: ExitStack) -> Callable[[pa.Array], pa.Array]:
        """What gives the texts of places, an array for an array; these ascend, also from one to the next.

        relation: SQL for (place, a text per source), places from 0 on without gaps. sql: for the text, over it.
        reading: closes what is read along.
        """
        at_once = self.database.limits.texts_at_once
        asked = f"SELECT {sql} FROM ({relation}) ORDER BY place"
        kept = self._kept.get(asked)
        if kept is None:
            read = self.database.stream(asked, at_once, _MAKE)
            if self.database.number(f"SELECT count(*) FROM ({relation})", _MAKE) > at_once:
                return _Following(reading.enter_context(closing(read))).take
            while len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            kept = self._kept[asked] = _joined(read)
        take: Callable[[pa.Array], pa.Array] = kept.take
        return take


def serves(rows: Rows) -> bool:
    """Whether every column of the report is a count, the day, or a text of one key."""
    return rows.report.relation in ("counts", "hours")


def render(who_texts: WhoTexts, rows: Rows, format: Format, date: str) -> Iterator[tuple[int, memoryview]]:
    """Yield (rows, text) of a counted report's body, in its order."""
    pieces = _pieces(who_texts.database, rows, format, date)
    for count, columns in _gathered(who_texts, rows, pieces):
        yield count, text_of(pc.binary_join_element_wise(*columns, ""))


def values(who_texts: WhoTexts, rows: Rows, date: date) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a counted report in its order, a column per field: ``c0``, ``c1`` …"""
    pieces = [(_lane(f), "n" if f.source == _COUNT else f'"{f.source}"') for f in rows.fields if f.source != "day"]
    names = [f"c{number}" for number in range(len(rows.fields))]
    for count, columns in _gathered(who_texts, rows, pieces):
        made = iter(columns)
        arrays = [pa.repeat(pa.scalar(date), count) if f.source == "day" else next(made) for f in rows.fields]
        yield pa.record_batch(arrays, names)


def parts(database: Database, rows: Rows, sources: Sequence[str]) -> set[tuple[str | None, ...]]:
    """See ``rendering.parts``."""
    places = _places(rows)
    picked = ", ".join(f"nullif(p.\"{source}\", '') AS c{n}" for n, source in enumerate(sources))
    grouped = f"SELECT DISTINCT what FROM ({_grouped(rows, places, finest=False)})"
    sql = f"SELECT DISTINCT {picked} FROM ({grouped}) g JOIN ({places}) p ON p.place = g.what"
    found: set[tuple[str | None, ...]] = set()
    for batch in database.stream(sql, BATCH_ROWS, f"divide {rows.report.name}"):
        found.update(zip(*(column.to_pylist() for column in batch.columns), strict=True))
    return found


def _gathered(
    who_texts: WhoTexts, rows: Rows, pieces: Sequence[tuple[str, str]]
) -> Iterator[tuple[int, list[pa.Array]]]:
    """Yield (rows, an array per piece) in the report's order. pieces: (``who``, ``what`` or ``n``, SQL)."""
    database, places = who_texts.database, _places(rows)
    whats = _whats(database, places, [sql for lane, sql in pieces if lane == "what"])
    if not whats.num_rows:
        return
    finest = whats.column("kinds")[0].as_py() == whats.num_rows
    count = next(sql for lane, sql in pieces if lane == "n")
    sql = f"SELECT who, what, {count} AS n FROM ({_grouped(rows, places, finest=finest)}) ORDER BY who, what"
    whos = _ACCOUNTS if rows.report.about == "account" else _USERS
    with ExitStack() as reading:
        taking: dict[str, Callable[[str], Callable[[pa.Array], pa.Array]]] = {
            "who": lambda sql: who_texts.of(whos, sql, reading),
            "what": lambda sql: whats.column(sql).combine_chunks().take,
            "n": lambda _: lambda counts: counts,
        }
        takes = [(lane, taking[lane](sql)) for lane, sql in pieces]
        for batch in database.stream(sql, BATCH_ROWS, f"render {rows.report.name}"):
            if batch.num_rows:
                yield batch.num_rows, [take(batch.column(lane)) for lane, take in takes]


def _whats(database: Database, places: str, pieces: Sequence[str]) -> pa.Table:
    """A row per place of *what*, in order: a column for each SQL of ``pieces``, called like it; and ``kinds``, how many
    kinds there are, the same in each row."""
    different = list(dict.fromkeys(pieces))
    picked = "".join(f"{sql} AS c{number}, " for number, sql in enumerate(different))
    sql = (
        f"WITH places AS ({places}) SELECT {picked}(SELECT count(*) FROM places) AS kinds "
        "FROM (SELECT DISTINCT ON (place) * FROM places) ORDER BY place"
    )
    with database.session() as session:
        return session.table(sql, BATCH_ROWS, _MAKE).rename_columns([*different, "kinds"])


def _joined(texts: Iterator[pa.RecordBatch]) -> pa.Array:
    return pa.concat_arrays([batch.column(0) for batch in texts] or [pa.array([], pa.string())])


class _Following:
    """Texts of *who*, read along with the rows, which are sorted by it: of a million users they would be 70 MB."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._texts = pa.array([], pa.string())
        self._first = 0  # place of the first of them

    def take(self, places: pa.Array) -> pa.Array:
        """The texts of these places, which are no lower than those asked before."""
        taken = []
        while True:
            end = self._first + len(self._texts)
            here = pc.sum(pc.less(places, end)).as_py()
            if here:
                taken.append(self._texts.take(pc.subtract(places[:here], pa.scalar(self._first, places.type))))
            if here == len(places):
                return taken[0] if len(taken) == 1 else pa.concat_arrays(taken)
            places = places[here:]
            self._first, self._texts = end, next(self._batches).column(0)


def _lane(f: Field) -> str:
    return "n" if f.source == _COUNT else "who" if f.source in WHO else "what"


def _places(rows: Rows) -> str:
    """SQL for the kinds of *what* in the report: (id, place), and a text per source of a column.

    Those that differ only in what the report does not ask for share a place.
    """
    keys = [f'"{f.source}" NULLS FIRST' for f in rows.report.order(rows.version) if f.source not in ("day", *WHO)]
    place = f"dense_rank() OVER (ORDER BY {', '.join(keys)}) - 1"
    kept = "".join(" AND " + is_text(f'"{source}"', value) for source, value in rows.only)
    if rows.report.relation == "hours":
        return f"SELECT {place} AS place, * FROM ({query('hours_what')}) WHERE true{kept}"
    return f"SELECT {place} AS place, * FROM what WHERE {_types(rows)}{kept}"


def _grouped(rows: Rows, places: str, *, finest: bool) -> str:
    """SQL for (who, what, n) in places. finest: no two kinds of *what* share a place."""
    if rows.report.relation == "hours":
        return f"SELECT h.who, p.place AS what, h.n FROM ({query('rows_hours')}) h JOIN ({places}) p ON p.id = h.what"
    joined = f"(SELECT who, what, n FROM ranked WHERE {_types(rows)}) r JOIN ({places}) p ON p.id = r.what"
    if rows.report.about == "account":
        who = "JOIN who w ON w.rank = r.who AND w.account IS NOT NULL"
        return f"SELECT w.account - 1 AS who, p.place AS what, sum(r.n)::BIGINT AS n FROM {joined} {who} GROUP BY ALL"
    if finest:
        return f"SELECT r.who, p.place AS what, r.n FROM {joined}"
    return f"SELECT r.who, p.place AS what, sum(r.n)::BIGINT AS n FROM {joined} GROUP BY ALL"


def _types(rows: Rows) -> str:
    return f"event IN ({', '.join(str(int(t)) for t in rows.report.words)})"


def _pieces(database: Database, rows: Rows, format: Format, date: str) -> list[tuple[str, str]]:
    """The parts of the row: (``who``, ``what`` or ``n``, SQL). Neighbours of one lane are one part, and what is the
    same in every row belongs to the part that follows it, or to the last."""
    parts: list[tuple[str, list[str]]] = []
    ahead = format.opening
    for place, f in enumerate(rows.fields):
        column = Column(f.name, f.type)
        if f.source == "day":
            ahead += constant(database, format.piece(format.field(column, literal(date)), place == 0))
            continue
        lane = _lane(f)
        if ahead or not parts or parts[-1][0] != lane:
            parts.append((lane, [literal(ahead)] if ahead else []))
            ahead = ""
        parts[-1][1].append(format.piece(format.field(column, "n" if lane == "n" else f'"{f.source}"'), place == 0))
    parts[-1][1].append(literal(ahead + format.closing))
    return [(lane, f"concat({', '.join(sql)})") for lane, sql in parts]
