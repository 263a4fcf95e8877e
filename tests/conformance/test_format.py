"""What every format promises, for any value that text can hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readers import FORMATS, Row, rows_of

from footfall.model.columns import BOOLEAN, LONG, OBJECT, STRING
from footfall.ports import Column, Format

DAY = date(2026, 11, 1)
CONNECTION = duckdb.connect()  # opening one costs more than a hundred of the statements tried here
TRICKY = ["", " ", '"', '""', ",", "\n", "\r\n", "\r", "a,b", "\x00", "\x1f", "\ufffe", "\uffff", "]]>", "<&>'", "é",
          "\u2028", "\x85", "🙂", "NULL", "\\N", "\\", "'", "\t x \t"]  # fmt: skip
texts = st.one_of(st.sampled_from(TRICKY), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
objects = st.dictionaries(
    texts.filter(lambda t: "\x00" not in t),
    st.one_of(texts, st.integers(-(2**53), 2**53), st.booleans(), st.none(), st.lists(st.integers(), max_size=3)),
    max_size=4,
)
names = st.one_of(st.sampled_from(["plain", "a b", "xmlish", "1st", "ü", "<&>\"'", ",", "\n\t\r"]), texts)
ARROW = {STRING: pa.string(), OBJECT: pa.string(), LONG: pa.int64(), BOOLEAN: pa.bool_()}
KINDS: dict[str, st.SearchStrategy[Any]] = {
    STRING: texts,
    LONG: st.integers(-(2**63), 2**63 - 1),
    BOOLEAN: st.booleans(),
    OBJECT: objects,
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Column], list[Row]]:
    named = draw(st.lists(names, min_size=2, max_size=5, unique=True))
    columns = [Column(n.replace("\x00", "0"), draw(st.sampled_from(list(KINDS)))) for n in named]
    if len({c.name for c in columns}) < len(columns):
        columns = columns[:1]
    rows = [
        {c.name: v for c in columns if (v := draw(st.one_of(st.none(), KINDS[c.type]))) is not None}
        for _ in range(draw(st.integers(0, 4)))
    ]
    return columns, rows


def written(format: Format, columns: Sequence[Column], rows: Sequence[Row]) -> bytes:
    """The file, its rows rendered in DuckDB as the engine does it."""
    values = {
        f"c{n}": pa.array(
            [json.dumps(v) if c.type == OBJECT and v is not None else v for v in (r.get(c.name) for r in rows)],
            ARROW[c.type],
        )
        for n, c in enumerate(columns)
    }
    kept = {(c.name, c.type) for c in format.columns(columns)}
    fields = [format.field(c, f"t.c{n}") for n, c in enumerate(columns) if (c.name, c.type) in kept]
    connection = CONNECTION.cursor()
    connection.register("t", pa.table({"n": range(len(rows)), **values}))
    body = connection.sql(f"SELECT {format.row(fields)} AS text FROM t ORDER BY n").fetchall()
    connection.close()
    head = format.head(columns, "Some_Report", "2.0", DAY)
    return head + "".join(text for (text,) in body).encode() + format.foot()


@pytest.mark.parametrize("name", FORMATS)
@given(table=tables())
@settings(max_examples=80, deadline=None)
def test_rows_parse_back_to_the_same_values(name: str, table: tuple[list[Column], list[Row]]) -> None:
    columns, rows = table
    kept = {c.name for c in FORMATS[name].columns(columns)}
    expected = [{n: v for n, v in row.items() if n in kept} for row in rows]
    if len(kept) < 2 and name == "csv":
        # A line with nothing on it is one null to some readers and no row to others; no report has a single column.
        return
    assert rows_of(name, columns, written(FORMATS[name], columns, rows)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("csv", b'a,b,c\n,"",1\n'),
        ("json", b'{"b":"","c":1}\n'),
        ("xml", b"<row><b></b><c>1</c></row>"),
    ],
)
def test_a_null_is_not_an_empty_string(name: str, expected: bytes) -> None:
    columns = [Column("a", STRING), Column("b", STRING), Column("c", LONG)]
    assert expected in written(FORMATS[name], columns, [{"b": "", "c": 1}])


def test_a_file_without_rows_is_still_readable() -> None:
    columns = [Column("a", STRING), Column("b", LONG)]
    empty = {name: written(each, columns, []) for name, each in FORMATS.items()}
    assert empty["csv"] == b"a,b\n"
    assert empty["json"] == b""
    assert empty["xml"].endswith(b'<export type="Some_Report" version="2.0" period="2026-11-01">\n</export>\n')


def test_csv_leaves_objects_out() -> None:
    columns = [Column("a", STRING), Column("globalContext", OBJECT)]
    assert FORMATS["csv"].columns(columns) == (columns[0],)
    assert written(FORMATS["csv"], columns, [{"a": "x", "globalContext": {"k": 1}}]) == b"a\nx\n"


def test_csv_quotes_only_what_must_be_quoted() -> None:
    rows = [{"a": "plain", "b": " spaced "}, {"a": "a,b", "b": 'say "x"'}]
    text = written(FORMATS["csv"], [Column("a", STRING), Column("b", STRING)], rows)
    assert text == b'a,b\nplain, spaced \n"a,b","say ""x"""\n'
