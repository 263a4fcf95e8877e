"""Imported rows go to the log as columns: what settling makes of them is what it makes of native events."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from native_rows import native_events
from reading import written_csv
from rendered import texts

from footfall.config import load_zone
from footfall.engines.shaped import DuckShape
from footfall.engines.shaping import DuckShaper
from footfall.model.event import EventType
from footfall.model.imports import Columns, ReadOptions
from footfall.ports import Batch, BodyRows, Entry, Keys, Row, TextRows
from footfall.sources.csv_rows import CsvReader
from footfall.sources.json_rows import JsonReader
from footfall.wire import row_body
from footfall.wire.rows import EventRows

AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
RECEIVED_US = int(AT.timestamp()) * 1_000_000
CLOCK = ["2026-11-20T10:00:00Z", "2026-11-20 10:00:00", "2026-11-20T10:00:00", "2026-11-20T10:00:00.5+02:00",
         "20261120", "2026-11-20", "1795426200", "1969-01-01T00:00:00Z", "2031-01-01T00:00:00Z",
         "0000-01-01T00:00:00Z", "2026-11-20T10:00:60Z", "2026-11-20t10:00:00Z",
         "Fri, 20 Nov 2026 10:00:00 +0100", "soon", " ", ""]  # fmt: skip
NAMES = ["id", "t", "e", "u", "a", 'ü"\\\t', "null"]
# Of the length of an instant as most are written.
ODD_CLOCK = [*CLOCK, "2026-11-20 10:00:00Z", "2026-11-20T10:00+01", "1000-01-01T00:00:00Z"]
COLUMNS = st.builds(
    Columns,
    timestamp=st.sampled_from(["", "t", "t"]),
    timestamp_format=st.sampled_from(["", "", "%Y-%m-%d"]),
    identify_id=st.sampled_from(["", "id", NAMES[5]]),
    anonymous_id=st.sampled_from(["", "a", "no such"]),
    account_id=st.sampled_from(["", "a", "u"]),
    event_name=st.sampled_from(["", "e"]),
    user=st.dictionaries(st.sampled_from(["plan", 'x"y', "id"]), st.sampled_from(["u", "e", "null"]), max_size=2),
    account=st.dictionaries(st.sampled_from(["plan", "ü", "id"]), st.sampled_from(["u", "e"]), max_size=2),
    people=st.booleans(),
)


@pytest.fixture(scope="module")
def shaper() -> Iterator[DuckShaper]:
    with (
        tempfile.TemporaryDirectory() as place,
        closing(
            DuckShaper(load_zone("Europe/Berlin"), lambda source: ("p", "e", "server"), temp_directory=Path(place))
        ) as shaper,
    ):
        yield shaper


def _entry(dialect: str, body: bytes, count: int) -> Entry:
    return Entry(0, len(body), Batch(RECEIVED_US, "orders", dialect, "batch", count, (), "", "", body))


def _numbered(table: pa.Table) -> pa.Table:
    found = sorted(table.column(0).to_pylist())
    return pa.table({"text": pa.array(found, pa.string()), "key": pa.array(range(len(found)), pa.int32())})


def _seen(shape: DuckShape) -> dict[str, Any]:
    """All that is stored and counted of a range, but for where in the log it lay."""
    tables = {name: getattr(shape, name) for name in ("users", "visitors", "accounts", "terms")}
    refused = shape.quarantined.select(["source", "received_at", "code", "message"]).to_pylist()
    return {
        "rows": shape.rows(Keys(**{name: _numbered(table) for name, table in tables.items()}), 1).to_pylist(),
        "facts": shape.facts.to_pylist(),
        **{name: sorted(map(str, table.to_pylist())) for name, table in tables.items()},
        "counts": shape.counts, "days": shape.days, "refused": refused,
        "refused of": [json.loads(body)["event_id"] for body in shape.quarantined["body"].to_pylist()],
    }  # fmt: skip


def _check(shaper: DuckShaper, rows: Sequence[Row], columns: Columns) -> None:
    """Rows mean what the same rows mean as native events: as they are read, as plain rows, and each alone."""
    maker = EventRows("im1", "orders", AT, columns)
    text, wanted, wanted_bad = native_events("im1", "orders", AT, columns, list(rows))
    expected = _seen(shaper.shape([_entry("native", text, wanted)])) if wanted else None
    for parts in ([rows], [list(rows)], _alone(rows)):
        made = [maker.events(part) for part in parts]
        assert made == [maker.events(part) for part in parts]
        assert sum(count for _, count, _ in made) == wanted
        assert sorted((each.number, each.code) for _, _, bad in made for each in bad) == wanted_bad
        entries = [_entry(maker.dialect, body, count) for body, count, _ in made if count]
        placed = [Entry(place, place + 1, entry.batch) for place, entry in enumerate(entries)]
        if expected is not None:
            assert _seen(shaper.shape(placed)) == expected


def _alone(rows: Sequence[Row]) -> list[Sequence[Row]]:
    if isinstance(rows, TextRows):
        some = list(rows)
        return [TextRows(rows.first + n, rows.texts.slice(n, 1), lambda n=n: [some[n]]) for n in range(len(rows))]
    if isinstance(rows, BodyRows):
        some = list(rows)
        return [
            BodyRows(rows.first + n, rows.bodies[n : n + 1], lambda key, n=n: rows.values(key)[n : n + 1],
                     lambda n=n: [some[n]])
            for n in range(len(rows))
        ]  # fmt: skip
    return [[row] for row in rows]


def _is_text(row: dict[str, Any]) -> bool:
    return any(value not in (None, "") for value in row.values())


TABLES = st.lists(
    st.fixed_dictionaries({name: st.none() | texts for name in NAMES} | {"t": st.sampled_from(CLOCK)}).filter(_is_text),
    min_size=1, max_size=25,
)  # fmt: skip


@given(TABLES, COLUMNS)
@example([{"a": "x", "t": clock, "id": ""} for clock in ODD_CLOCK], Columns(timestamp="t", identify_id="id"))
@settings(max_examples=12, deadline=None)
def test_rows_of_csv_settle_as_the_native_events_that_they_mean(
    shaper: DuckShaper, table: list[dict[str, str | None]], columns: Columns
) -> None:
    data = written_csv(table)
    for batch in CsvReader().rows([data], ReadOptions(), name="rows.csv"):
        _check(shaper, batch.rows, columns)


SCALARS = (
    st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats(allow_nan=False, allow_infinity=False)
    | texts | st.sampled_from(["1e5", "null", "\\u0041", "e-7"])
)  # fmt: skip
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))


@given(
    st.lists(
        st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4).flatmap(
            lambda row: st.fixed_dictionaries({}, optional={"t": st.sampled_from(CLOCK) | SCALARS}).map(row.__or__)
        ),
        min_size=1, max_size=25,
    ),
    COLUMNS,
)  # fmt: skip
@example([{"a": [1e16, -3.5e-6, 2.5e20]}, {"a": "\x1f"}, {"a": None, "e": {"c": None}}, {}], Columns())
@example([{"t": clock, "id": ""} for clock in ODD_CLOCK], Columns(timestamp="t", identify_id="id", event_name="id"))
@settings(max_examples=12, deadline=None)
def test_rows_of_json_settle_as_the_native_events_that_they_mean(
    shaper: DuckShaper, table: list[dict[str, Any]], columns: Columns
) -> None:
    data = b"".join(json.dumps(row).encode() + b"\n" for row in table)
    for batch in JsonReader().rows([data], ReadOptions(), name="rows.json"):
        _check(shaper, batch.rows, columns)


def test_rows_of_csv_that_say_nothing_are_events_whatever_their_columns_are_called(shaper: DuckShaper) -> None:
    for name in ("a", "C:\\users", "a\x1f"):
        data = f"{name},b\n" + ",\n" * 3 + "x,\n"
        (batch,) = CsvReader().rows([data.encode()], ReadOptions(), name="rows.csv")
        assert isinstance(batch.rows, TextRows)
        body, count, _ = EventRows("im1", "orders", AT, Columns()).events(batch.rows)
        assert shaper.shape([_entry("rows", body, count)]).quarantined.to_pylist() == []


def test_plain_rows_of_csv_are_never_looked_at_one_by_one() -> None:
    data = b"id,t,n\n" + b"".join(b'u%d,2026-11-20T10:00:00Z,"a ""b"""\n' % n for n in range(100))
    (batch,) = CsvReader().rows([data], ReadOptions(), name="rows.csv")

    def never() -> Sequence[Row]:
        raise AssertionError("a row was made")

    assert isinstance(batch.rows, TextRows)
    rows = TextRows(batch.rows.first, batch.rows.texts, never)
    body, count, bad = EventRows("im1", "orders", AT, Columns(timestamp="t", identify_id="id")).events(rows)
    assert (count, bad, row_body.read(body).num_rows) == (100, [], 100)


def test_a_body_that_is_none_is_quarantined_event_by_event(shaper: DuckShaper) -> None:
    body, count, _ = EventRows("im1", "orders", AT, Columns()).events([Row(0, 1, b'{"a":1}')] * 2)
    foreign = pa.BufferOutputStream()
    with pa.ipc.new_stream(foreign, pa.schema([("a", pa.int64())])) as stream:
        stream.write_table(pa.table({"a": [1]}))
    for damaged in (body[:-40], body[:100], b"", b"[]", foreign.getvalue().to_pybytes()):
        shape = shaper.shape([_entry("rows", damaged, count)])
        assert shape.quarantined["code"].to_pylist() == ["unreadable_body"] * 2
        assert shape.counts["orders"].received == 2


@pytest.mark.parametrize(
    ("column", "value"), [("type", None), ("type", 99), ("type", 0), ("row", None), ("occurred_at", None)]
)
def test_a_body_with_what_no_row_can_be_is_quarantined(
    shaper: DuckShaper, column: str, value: int | str | None
) -> None:
    said = {"row": [0, 1], "type": [EventType.CUSTOM] * 2, "occurred_at": ["soon", "2026-11-20T10:00:00Z"]}
    columns = {
        name: pa.array([value, *values[1:]] if name == column else values, row_body.SCHEMA.field(name).type)
        for name, values in said.items()
    }
    body = row_body.written(columns, prefix="im1-", plain=False)
    shape = shaper.shape([_entry("rows", body, 2)])
    assert shape.quarantined["code"].to_pylist() == ["unreadable_body"] * 2


def test_rows_and_requests_in_one_range_keep_the_order_of_the_log(shaper: DuckShaper) -> None:
    events = []
    for nth in range(6):
        body, count, _ = EventRows(f"im{nth}", "orders", AT, Columns()).events([Row(0, 1, b'{"a":1}')] * 1)
        sent = json.dumps([{"type": "custom", "event_name": "x", "event_id": f"n{nth}", "identify_id": "u"}]).encode()
        events += [_entry("rows", body, count), _entry("native", sent, 1)]
    placed = [Entry(nth, nth + 1, entry.batch) for nth, entry in enumerate(events)]
    rows = shaper.shape(placed).rows
    terms = shaper.shape(placed)
    keys = Keys(*(_numbered(getattr(terms, name)) for name in ("users", "visitors", "accounts", "terms")))
    assert rows(keys, 1)["event_id"].to_pylist() == [name for n in range(6) for name in (f"im{n}-0", f"n{n}")]
