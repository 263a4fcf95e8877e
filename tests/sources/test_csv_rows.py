"""CSV as it is found: what is read, and what is said of the rest."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import Read, read

from footfall.errors import Refused
from footfall.model.imports import ReadOptions
from footfall.sources import csv_quick
from footfall.sources.csv_rows import CsvReader
from footfall.sources.held import ROW_BYTES_MAX

READER = CsvReader()


def rows(text: str | bytes, **options: Any) -> Read:
    return read(READER, text.encode() if isinstance(text, str) else text, name="some.csv", **options)


def exactly(data: bytes, **options: Any) -> Read:
    """Read without the quick way."""
    with patch.object(csv_quick, "_COLUMNS_MAX", 0):
        return rows(data, **options)


def quickly(data: bytes, **options: Any) -> Read:
    """Read with the quick way wherever it is able to."""
    with patch.object(csv_quick, "_BLOCK_MIN", 1):
        return rows(data, **options)


def test_nothing_between_delimiters_is_null_and_a_pair_of_quotes_is_an_empty_text() -> None:
    found = rows('a,b,c\n,"",x\n"",,"x"\n')
    assert found.values == [{"a": None, "b": "", "c": "x"}, {"a": "", "b": None, "c": "x"}]


def test_values_stay_the_texts_they_are() -> None:
    assert rows("a,b\n007,1e3\n true ,99999999999999999999\n").values == [
        {"a": "007", "b": "1e3"},
        {"a": " true ", "b": "99999999999999999999"},
    ]


def test_lines_are_counted_where_fields_have_several_and_empty_ones_are_left_out() -> None:
    found = rows('a,b\n1,"x\n\ny"\n\n\r\n2,z\n3,\n')
    assert found.lines == [2, 7, 8]
    assert found.values[0] == {"a": "1", "b": "x\n\ny"}


def test_the_last_line_needs_no_end() -> None:
    assert rows("a,b\n1,2").values == [{"a": "1", "b": "2"}]
    assert rows('a,b\n1,"2"').values == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_way_to_end_a_line_is_read(end: str) -> None:
    found = rows(f'a,b{end}1,2{end}"3",{end}')
    assert found.values == [{"a": "1", "b": "2"}, {"a": "3", "b": None}]
    assert found.lines == [2, 3]


def test_a_quote_within_a_field_without_quotes_is_a_character() -> None:
    assert rows('a,b\n5" pipe,x"\n').values == [{"a": '5" pipe', "b": 'x"'}]


def test_a_return_within_a_line_is_a_character() -> None:
    assert rows("a,b\nx\ry,z\n").values == [{"a": "x\ry", "b": "z"}]


BAD = [
    pytest.param("5", (3, "b", "too_few_fields"), id="too few fields"),
    pytest.param("5,6,7", (3, "", "too_many_fields"), id="too many fields"),
    pytest.param('5,"x"y', (3, "b", "text_after_quote"), id="text after a quote"),
    pytest.param('"5"6"7",x', (3, "a", "text_after_quote"), id="quotes that are not doubled"),
    pytest.param('5,"x\\"y"', (3, "b", "text_after_quote"), id="quotes with a backslash"),
    pytest.param('5,"x', (3, "b", "unclosed_quote"), id="an unclosed quote"),
    pytest.param("5,\udcff", (3, "b", "bad_encoding"), id="bytes that are no text"),
    pytest.param("5,\ud800", (3, "b", "bad_encoding"), id="half a character"),
]


@pytest.mark.parametrize(("line", "said"), BAD)
def test_a_bad_row_is_named_by_line_and_field_and_spoils_no_other(line: str, said: tuple[int, str, str]) -> None:
    text = f"a,b\n1,é\n{line}\n3,4\n7,8\n"
    data = text.encode("utf-8", "surrogatepass").replace("\udcff".encode("utf-8", "surrogatepass"), b"\xff")
    found = rows(data)
    assert found.codes == [said]
    assert [row["a"] for row in found.values] == ["1", "3", "7"]
    assert found.lines == [2, 4, 5]
    assert found.bad[0].text.startswith("5" if line[0] == "5" else '"5"')
    assert found.bad[0].number == 1


def test_a_quote_that_swallows_rows_gives_them_back() -> None:
    found = rows('a,b\n1,"open\n2,x\n3,"y"\n4,z\n')
    assert found.codes == [(2, "b", "text_after_quote")]
    assert [row["a"] for row in found.values] == ["2", "3", "4"]


def test_a_quote_that_is_never_closed_gives_back_rows_however_many_follow() -> None:
    text = 'a,b\n1,"open\n' + "".join(f"{n},x\n" for n in range(150_000))
    found = rows(text)
    assert found.codes == [(2, "b", "unclosed_quote")]
    assert len(found.rows) == 150_000
    assert found.lines == list(range(3, 150_003))


def test_fields_of_several_lines_are_read_again_behind_a_bad_row() -> None:
    note = "p\nq" * 100_000
    found = rows('a,b\n1,"x"y\n' + "2,z\n" * 250_000 + f'3,"{note}"\n', cut=99_991)
    assert found.codes == [(2, "b", "text_after_quote")]
    assert json.loads(found.rows[-1].body) == {"a": "3", "b": note}


def test_a_mark_within_the_file_is_a_character() -> None:
    assert rows("a,b\n\ufeff1,2\n").values == [{"a": "\ufeff1", "b": "2"}]


def test_a_row_may_be_a_mebibyte_and_no_longer() -> None:
    fits = "1," + "x" * (ROW_BYTES_MAX - 3)
    assert len(rows(f"a,b\n{fits}\n2,y\n").rows) == 2
    found = rows(f"a,b\n{fits}x\n2,y\n")
    assert found.codes == [(2, "", "row_too_long")]
    assert found.values == [{"a": "2", "b": "y"}]
    lines = "x\n" * (ROW_BYTES_MAX // 4)
    assert rows(f'a,b\n1,"{lines}"\n2,y\n').values[0] == {"a": "1", "b": lines}


@pytest.mark.slow
def test_quotes_that_never_match_are_not_read_again_and_again() -> None:
    found = rows("a,b\n" + 'x","y\n' * 40_000)  # looked at to its end from every line, this would take a day
    assert not found.rows
    assert len(found.bad) == 40_000
    text = 'x","y\n' * 40_000 + '"x"y\n1,2\n'
    assert len(rows(text, header=False, delimiter="").rows) == 1


def test_ten_thousand_columns_are_read() -> None:
    names = [f"c{n}" for n in range(10_000)]
    found = rows(",".join(names) + "\n" + (",".join("v" for _ in names) + "\n") * 3 + "1,2\n")
    assert found.values == [dict.fromkeys(names, "v")] * 3
    assert found.codes == [(5, "c2", "too_few_fields")]


@pytest.mark.parametrize("row", [b",\n", b'"\n",\n'])
def test_short_rows_under_long_names_come_in_batches_of_bounded_size(row: bytes) -> None:
    data = b"n" * 999 + b"1," + b"n" * 999 + b"2\n" + row * 50_000
    seen, most = 0, 0
    for batch in READER.rows([data], ReadOptions(), name="some.csv"):
        assert batch.rows[0].line == 2 + seen * row.count(b"\n")
        seen += len(batch.rows)
        most = max(most, sum(len(row.body) for row in batch.rows))
    assert seen == 50_000
    assert most <= 16 << 20


# --- the header and the delimiter ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sign"), [("t", "\t"), ("\t", "\t"), (";", ";"), ("|", "|"), ("¦", "¦"), (" ", " "), ("'", "'")]
)
def test_any_character_can_divide_fields(given: str, sign: str) -> None:
    text = f'a{sign}b\n1{sign}"x{sign}y"\n{sign}""\n'
    assert rows(text, delimiter=given).values == [{"a": "1", "b": f"x{sign}y"}, {"a": None, "b": ""}]


@pytest.mark.parametrize("given", ["ab", '"', "\n", "\r", "\ud800", "\ufeff"])
def test_what_cannot_divide_fields_is_refused(given: str) -> None:
    with pytest.raises(Refused, match="cannot be a delimiter"):
        rows("a,b\n", delimiter=given)


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_delimiter_can_be_found(sign: str) -> None:
    text = f'a{sign}b{sign}c\n1{sign}"x,;y"{sign}3\n4{sign}"5,0"{sign}6\n'
    assert rows(text, delimiter="").values[1] == {"a": "4", "b": "5,0", "c": "6"}
    assert READER.preview([text.encode()], ReadOptions(delimiter=""), name="x").delimiter == (
        "t" if sign == "\t" else sign
    )


def test_another_delimiter_than_was_said_is_refused_with_the_one_that_fits() -> None:
    with pytest.raises(Refused, match=r"some\.csv, line 1: ',' divides nothing here, ';' divides it into 3 fields"):
        rows("a;b;c\n1;2;3\n")
    with pytest.raises(Refused, match="a tab divides it into 2 fields"):
        rows("\n".join(["a\tb", "1\t2"]), delimiter=";")
    assert rows("note\nhello; world\n").values == [{"note": "hello; world"}]


def test_a_column_that_is_chosen_but_not_there_is_refused_with_how_many_there_are() -> None:
    with pytest.raises(Refused, match="there is no column 'mail' among 2"):
        rows("id,email\n1,x\n", fields=("id", "mail"))


def test_columns_of_one_name_are_refused_unless_others_are_chosen() -> None:
    with pytest.raises(Refused, match=r"line 3: columns 2 and 4 have the same name"):
        rows("\n\na,b,c,b\n1,2,3,4\n")
    assert rows("a,b,c,b\n1,2,3,4\n", fields=("a", "c")).values == [{"a": "1", "c": "3"}]


def test_columns_without_a_name_are_called_by_their_place() -> None:
    assert rows(",a,\n1,2,3\n").values == [{"column_1": "1", "a": "2", "column_3": "3"}]
    assert rows("1,2\n3,4\n", header=False).values == [
        {"column_1": "1", "column_2": "2"},
        {"column_1": "3", "column_2": "4"},
    ]


def test_a_file_without_header_has_as_many_columns_as_its_first_readable_row() -> None:
    found = rows('x"y,"a"b\n1,2,3\n4,5\n', header=False)
    assert found.codes == [(1, "column_2", "text_after_quote"), (3, "column_3", "too_few_fields")]
    assert len(found.rows) == 1
    found = rows('1,"open\n2,3\n', header=False)
    assert found.codes == [(1, "column_2", "unclosed_quote")]
    assert len(found.rows) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param('"a,b\n1,2\n', "the header has a quote that is not closed", id="unclosed"),
        pytest.param('"a"b,c\n1,2\n', "Field 1 goes on after its closing quote", id="malformed"),
        pytest.param("x" * 2_000 + ",b\n", "the name of column 1 has more than", id="a text for a name"),
        pytest.param("x" * (ROW_BYTES_MAX + 1), "the header has more than", id="a line without an end"),
        pytest.param(",".join(map(str, range(20_000))) + "\n", "20000 columns are more than", id="too many"),
        pytest.param("1,2,1\n", "if this is no header, say that there is none", id="no header"),
    ],
)
def test_a_header_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(Refused, match=r"some\.csv, line 1: ") as refused:
        rows(text)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("head", "is_header"),
    [("id,name,at", True), ("1,Ada,x", False), ("a,,b", False), ("x,ada@example.org", False), ("a,2026-01-01", False)],
)
def test_a_preview_tells_whether_the_first_row_looks_like_names(head: str, is_header: bool) -> None:
    text = f"{head}\n1,2{',3' * (head.count(',') - 1)}\n".encode()
    assert READER.preview([text], ReadOptions(), name="x").header == is_header


def test_a_preview_guesses_types_from_texts() -> None:
    head = b"int,code,number,flag,date,instant,text,mixed,nothing\n"
    body = (
        b"-1,007,1.5,true,2026-11-01,2026-11-01T10:00:00Z,x,1,\n"
        b"2,008,3,FALSE,2026-11-02,2026-11-01 10:00,y,2026-01-01,\n"
    )
    kinds = dict(READER.preview([head + body], ReadOptions(), name="x").columns)
    assert kinds == {"int": "int", "code": "string", "number": "number", "flag": "boolean", "date": "date",
                     "instant": "date", "text": "string", "mixed": "string", "nothing": "string"}  # fmt: skip


def test_thousands_are_parted_by_commas_only_where_that_is_asked_for() -> None:
    text = 'a,b\n"10,000","-1,234,567.5"\n"1,00","a,000"\n'
    assert rows(text).values[0] == {"a": "10,000", "b": "-1,234,567.5"}
    assert rows(text, thousands=True).values == [{"a": "10000", "b": "-1234567.5"}, {"a": "1,00", "b": "a,000"}]


# --- the two ways are one --------------------------------------------------------------------------------------------

SIGNS = ["x", "yy", "1", "é", " ", "\t", "\\", '""', ",", ",", ",", "\n", "\n", '"', '","', '",\n"', "\r\n", "\r", "/",
         "\x00", "\x1f", "\x7f", "\ufeff", "\u2028", ',"a ""b"" c",', '\n"","",\n', "1,2,3\n", "4,,6\n"]  # fmt: skip


@given(parts=st.lists(st.sampled_from(SIGNS), max_size=60), fields=st.sampled_from([(), ("c", "a")]))
@settings(max_examples=250, deadline=None)
def test_the_quick_way_gives_what_the_exact_one_gives(parts: list[str], fields: tuple[str, ...]) -> None:
    data = ("a,b,c\n" + "".join(parts)).encode()
    assert quickly(data, fields=fields) == rows(data, fields=fields) == exactly(data, fields=fields)


@given(table=st.lists(st.lists(st.sampled_from(["", "x", "é", '"', "\\", "\t", "a,b", "\n"]), min_size=3, max_size=3)))
@settings(max_examples=200, deadline=None)
def test_the_quick_way_escapes_as_the_exact_one_does(table: list[list[str]]) -> None:
    lines = [",".join('"' + field.replace('"', '""') + '"' for field in row) + "\n" for row in table]
    data = ("a,b,c\n" + "".join(lines)).encode()
    assert quickly(data) == rows(data) == exactly(data)
    assert [list(row.values()) for row in rows(data).values] == table
