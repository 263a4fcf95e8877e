"""What every format promises, for any value that text can hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readers import FORMATS, Row, rows_of
from rendered import texts, written

from footfall.model.columns import BOOLEAN, LONG, OBJECT, STRING
from footfall.ports import Column

objects = st.dictionaries(
    texts.filter(lambda t: "\x00" not in t),
    st.one_of(texts, st.integers(-(2**53), 2**53), st.booleans(), st.none(), st.lists(st.integers(), max_size=3)),
    max_size=4,
)
names = st.one_of(st.sampled_from(["plain", "a b", "xmlish", "1st", "ü", "<&>\"'", ",", "\n\t\r"]), texts)
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
