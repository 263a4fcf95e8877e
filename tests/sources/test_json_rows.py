"""JSON as it is found: what is read, and what is said of the rest."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import Read, read, written_array, written_lines

from footfall.errors import Refused
from footfall.model.imports import ReadOptions
from footfall.ports import BodyRows
from footfall.sources.json_objects import Objects
from footfall.sources.json_rows import JsonReader
from footfall.sources.json_shapes import values_of

READER = JsonReader()


def rows(text: str | bytes, **options: Any) -> Read:
    return read(READER, text.encode() if isinstance(text, str) else text, name="some.json", **options)


def bodies(text: str) -> list[bytes]:
    return [row.body for row in rows(text).rows]


def test_values_keep_their_types() -> None:
    value = {"a": None, "b": [1, "x", {"z": 1, "y": []}], "c": True, "d": {"é": "\x00\n🙂"}, "e": -1.5, "f": ""}
    for text in (json.dumps(value), json.dumps([value]), json.dumps([value], indent=1)):
        assert rows(text).values == [value]


def test_keys_are_sorted_at_every_depth() -> None:
    assert bodies('{"b":{"z":1,"a":[{"y":1,"b":2}]},"a":1}') == [b'{"a":1,"b":{"a":[{"b":2,"y":1}],"z":1}}']


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        ("9223372036854775808", b"9223372036854775808"),
        ("-9223372036854775809", b"-9223372036854775809"),
        ("1" + "0" * 400, b"1" + b"0" * 400),
        ("12.50", b"12.5"),
        ("1e2", b"100.0"),
        ("0.1234567890123456789", b"0.12345678901234568"),
    ],
)
def test_whole_numbers_keep_all_digits_and_others_those_of_a_double(number: str, kept: bytes) -> None:
    assert bodies(f'{{"a":{number}}}') == [b'{"a":' + kept + b"}"]


BAD = [
    pytest.param("nothing", "invalid_json", id="no JSON"),
    pytest.param('{"a":1 2}', "invalid_json", id="no comma"),
    pytest.param('{"a":NaN}', "invalid_json", id="not a number"),
    pytest.param('{"a":"\\ud800"}', "invalid_json", id="half a character"),
    pytest.param('{"a":1,"b":{"c":1,"c":2}}', "duplicate_field", id="a key twice"),
    pytest.param('{"a":"","a":"' + "\\u0022" * 4 + '"}', "duplicate_field", id="a key twice, quotes as codes"),
    pytest.param("7", "not_an_object", id="a number"),
    pytest.param('"x"', "not_an_object", id="a text"),
    pytest.param("[7]", "not_an_object", id="an array"),
    pytest.param('{"a":1e400}', "number_out_of_range", id="a number beyond doubles"),
    pytest.param('{"a":' + "[" * 2_000 + "]" * 2_000 + "}", "too_deep", id="too deep"),
    pytest.param('{"a":"\udcff"}', "bad_encoding", id="bytes that are no text"),
]


@pytest.mark.parametrize("form", ["{}\n{}\n{}\n", "[{},{},{}]", "[\n{},\n  {}\n,\n{}\n]"])
@pytest.mark.parametrize(("row", "code"), BAD)
def test_a_bad_row_is_named_by_its_line_and_spoils_no_other(form: str, row: str, code: str) -> None:
    first, middle, last = '{"b":1}', "@", '{"b":3}'
    for each in (first, middle, last):
        form = form.replace("{}", each, 1)
    found = rows(form.replace("@", row).encode("utf-8", "surrogateescape"))
    assert found.codes == [(form[: form.index("@")].count("\n") + 1, "", code)]
    assert found.values == [{"b": 1}, {"b": 3}]
    assert found.bad[0].number == 1
    assert found.bad[0].text[:5] == row[:5]


def test_quotes_written_as_codes_are_no_keys() -> None:
    assert rows('{"a":"\\u0022"}\n{"b":"\\u0022"}').values == [{"a": '"'}, {"b": '"'}]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", "\n \t\n"])
def test_lines_are_counted_and_empty_ones_left_out(end: str) -> None:
    found = rows(f'{{"a":1}}{end}{{"a":2}}{end}{{"a":3}}')
    step = end.count("\n")
    assert found.lines == [1, 1 + step, 1 + 2 * step]
    assert [row["a"] for row in found.values] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('[{"a":1},{"a":2}]', [1, 1]),
        ('[\n{"a":1},\n{"a":2}\n]', [2, 3]),
        ('\n[{"a":1},\r\n {"a":2},\r\n {"a":3}]', [2, 3, 4]),
        ('[{"a":1}\n,{"a":2}\n,{"a":3}]', [1, 2, 3]),
        ('[\n{"a":1},\n {"a":2},{"a":3},{"a":4}]', [2, 3, 3, 3]),
        ('[{"a":1} ,{"b":[{},\n{},\n{}]} ,{"c":1},{"d":1}]', [1, 1, 3, 3]),
        ('[\n {\n "a": 1\n },\n {\n "a": 2\n }\n]', [2, 5]),
    ],
)
def test_lines_of_arrays_are_where_their_rows_begin(text: str, lines: list[int]) -> None:
    assert rows(text).lines == lines


def test_objects_over_several_lines_need_no_array() -> None:
    found = rows('{\n "a": 1\n}\n{\n "a": 2 3\n}\n{\n "a": 3\n}\n')
    assert found.values == [{"a": 1}, {"a": 3}]
    assert found.codes == [(4, "", "invalid_json")]


def test_two_objects_in_one_line_are_no_row() -> None:
    found = rows('{"a":1}{"a":2}\n{"a":\n3}\n{"a":4}\n')
    assert found.values == [{"a": 4}]
    assert [row.line for row in found.bad] == [1, 2, 3]


def test_an_array_that_was_cut_off_is_told() -> None:
    assert rows('[{"a":1},').codes == [(2, "", "unexpected_end")]
    assert [code for _, _, code in rows('[{"a":1},{"b":').codes] == ["unexpected_end"] * 2
    assert len(rows('[{"a":1},{"b":').rows) == 1


def test_what_follows_an_array_is_no_row() -> None:
    found = rows('[{"a":1}]\n[{"a":2}]')
    assert found.values == [{"a": 1}]
    assert found.codes == [(2, "", "invalid_json")]


def test_reading_goes_on_behind_brackets_that_do_not_match() -> None:
    found = rows('[\n  {"a":1},\n  {"a":[{"b":1}},\n    {"a":"no row"},\n  {"a":"open},\n  {"a":4}\n]')
    assert found.values == [{"a": 1}, {"a": 4}]
    assert [row.line for row in found.bad] == [3, 5]


def test_rows_within_a_broken_row_are_not_taken_for_rows() -> None:
    found = rows('[\n  {\n    "a": "x,\n    "b": [\n      {"c": 1}\n    ]\n  },\n  {"a": 2}\n]')
    assert found.values == [{"a": 2}]
    found = rows('[{"a":"x, "b":[{"c":1},{"c":2},{"c":3}]},{"a":1}]')
    assert not found.rows


def test_many_broken_rows_are_not_read_again_and_again() -> None:
    text = "[\n" + '{"a":"open,\n' * 20_000 + '{"a":1}]'
    found = rows(text)
    assert found.values == [{"a": 1}]
    assert len(found.bad) == 20_000
    text = "[\n" + "{\n" * 100_000 + "]"
    assert not rows(text).rows


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "nothing", '"text"', "<a/>", "1\n2\n"])
def test_what_has_no_object_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"some\.json, line 1: there is no JSON object"):
        rows(text)


def test_lines_before_the_first_object_are_bad_rows() -> None:
    for line in ("nothing", "}", "]", '"', "\\"):
        found = rows(f'{line}\n{{"a":1}}\n')
        assert found.codes == [(1, "", "invalid_json")]
        assert found.lines == [2]


def test_chosen_fields_that_a_row_does_not_have_are_left_out() -> None:
    assert rows('{"a":1,"b":2}\n{"b":3}\n', fields=("a",)).values == [{"a": 1}, {}]


def test_rows_know_no_value_of_a_field_that_was_not_chosen() -> None:
    for data in (b'{"a":1,"b":2}\n{"b":3}\n', b'[{"a":1,"b":2},{"b":3}]'):
        found = [
            batch.rows for batch in JsonReader().rows([data], ReadOptions(fields=("a",)), name="file") if batch.rows
        ]
        known = [each for each in found if isinstance(each, BodyRows)]
        assert known
        assert {value for each in known for value in each.values("b")} == {None}


def test_a_preview_names_the_keys_as_they_come_with_their_types() -> None:
    text = b'{"b":1,"a":"2026-01-01","s":["x"]}\n{"b":1.5,"m":{},"t":"7","f":true,"n":null}\n'
    seen = READER.preview([text], ReadOptions(), name="x")
    assert dict(seen.columns) == {"a": "date", "b": "number", "s": "set", "m": "map", "t": "string", "f": "boolean",
                                  "n": "string"}  # fmt: skip


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=5), json_values, max_size=4)


@given(table=st.lists(objects, min_size=1, max_size=5), fields=st.sampled_from([(), ("", "a", "0")]))
@settings(max_examples=80, deadline=None)
def test_the_quick_ways_give_what_one_row_after_the_other_gives(
    table: list[dict[str, Any]], fields: tuple[str, ...]
) -> None:
    one_by_one = [Objects(fields).body(json.dumps(row).encode()) for row in table]
    for data in (written_lines(table), written_array(table), json.dumps(table, indent=1).encode()):
        found = rows(data, fields=fields)
        assert not found.bad
        assert [row.body for row in found.rows] == one_by_one


few_keys = st.sampled_from(["a", "b", "ü", ""])
nested = st.recursive(json_values, lambda inner: st.dictionaries(few_keys, inner, max_size=3), max_leaves=6)


@given(
    tables=st.lists(st.lists(st.dictionaries(few_keys, nested, max_size=3), min_size=1, max_size=4), max_size=6),
    in_array=st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_objects_with_keys_that_were_there_before_are_read_as_any_others(
    tables: list[list[dict[str, Any]]], in_array: bool
) -> None:
    learning = Objects(())
    for table in tables:
        texts = [json.dumps(row).encode() for row in table]
        read = learning.elements(b",".join(texts)) if in_array else learning.lines(written_lines(table), len(table))
        if read is not None:
            assert read.bodies == [Objects(()).body(text) for text in texts]
            for key in ("a", "ü", "no such"):
                plain = [row.get(key) for row in table]
                found = values_of(read.values, key)
                assert [_is_plain(value) for value in plain] == [_is_plain(value) for value in found]
                assert [value for value in plain if _is_plain(value)] == list(filter(_is_plain, found))


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | list | None)


def test_a_key_that_is_there_twice_is_found_also_among_keys_that_are_known() -> None:
    learning = Objects(())
    good = b'{"a":1,"b":{"c":1}}\n'
    assert learning.lines(good * 3, 3) is not None
    for twice in (b'{"a":1,"a":2,"b":{"c":1}}\n', b'{"a":1,"b":{"c":1,"c":1}}\n'):
        assert learning.lines(good + twice, 2) is None


def test_objects_of_ever_other_keys_are_read_without_a_type() -> None:
    learning = Objects(())
    for nth in range(30):
        read = learning.lines(b'{"a":{"k%d":1}}\n' % nth * 2, 2)
        assert read is not None
        assert read.bodies == [b'{"a":{"k%d":1}}' % nth] * 2
    assert isinstance(read.values[0], dict)


PARTS = ['{"a":1}', '{"a":[{},\n{}]}', '{"a":[{},{"b":1}]}', '{"b":"}, {"}', '{"c":"\\n"}', ",", ",", ",\n", ",\n",
         ",\r\n", ",\n ", " ,", "\n,", "\n", " "]  # fmt: skip


@given(
    head=st.sampled_from(["[", "[\n", '{"z":0}\n']),
    parts=st.lists(st.sampled_from(PARTS), max_size=14),
    tail=st.sampled_from(["]", "\n]", ""]),
)
@settings(max_examples=250, deadline=None)
def test_the_quick_ways_find_the_lines_that_one_row_after_the_other_finds(
    head: str, parts: list[str], tail: str
) -> None:
    data = (head + "".join(parts) + tail).encode()
    with patch.object(Objects, "elements", lambda *_: None), patch.object(Objects, "lines", lambda *_: None):
        slowly = rows(data)
    assert rows(data) == slowly
