"""Text of any encoding."""

from __future__ import annotations

from typing import Any

import pytest
from reading import Read, pieces, read

from footfall.errors import Refused
from footfall.model.imports import ReadOptions
from footfall.sources.csv_rows import CsvReader
from footfall.sources.json_rows import JsonReader

TEXT = "name,city\nJosé,Zürich\nAnaïs,Ελλάδα\n李,🙂\n"
VALUES = [{"name": "José", "city": "Zürich"}, {"name": "Anaïs", "city": "Ελλάδα"}, {"name": "李", "city": "🙂"}]
WESTERN = "name,city\nJosé,Zürich\nFrançois,Besançon\n"


def rows(data: bytes, **options: Any) -> Read:
    found = read(CsvReader(), data, **options)
    assert read(CsvReader(), data, cut=3, **options) == found
    return found


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_found_with_its_mark_or_without(encoding: str) -> None:
    assert rows(TEXT.encode(encoding)).values == VALUES


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32-be", "gb18030", "UTF8"])
def test_an_encoding_that_is_said_is_taken(encoding: str) -> None:
    assert rows(TEXT.encode(encoding), encoding=encoding).values == VALUES


@pytest.mark.parametrize(("encoding", "text"), [("shift_jis", "名,市\n東京,x\n"), ("windows-1251", "я,ж\nэ,ю\n")])
def test_encodings_of_old_are_read_where_they_are_said(encoding: str, text: str) -> None:
    assert rows(text.encode(encoding), encoding=encoding) == rows(text.encode())


def test_a_mark_wins_over_what_is_said() -> None:
    assert rows(TEXT.encode("utf-16"), encoding="windows-1252").values == VALUES
    assert rows(TEXT.encode("utf-8-sig"), encoding="utf-16").values == VALUES


def test_western_text_of_single_bytes_is_found_in_csv() -> None:
    data = WESTERN.encode("windows-1252")
    assert rows(data).values == rows(WESTERN.encode()).values
    assert CsvReader().preview([data], ReadOptions(), name="x").encoding == "windows-1252"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(TEXT.encode() + b"x,\xe9\n", id="UTF-8 with a letter of another encoding"),
        pytest.param("a,b\n東京,大阪\n".encode("shift_jis"), id="Japanese"),
        pytest.param("a,b\nжизнь,я\n".encode("windows-1251"), id="Cyrillic"),
    ],
)
def test_other_bytes_are_not_guessed_but_told(data: bytes) -> None:
    found = rows(data)
    assert {row.code for row in found.bad} == {"bad_encoding"}
    assert len(found.rows) == data.count(b"\n") - 2


def test_half_a_pair_in_utf_16_spoils_one_row() -> None:
    data = "a,b\n1,x\n2,".encode("utf-16-le") + b"\x00\xd8" + "\n3,y\n".encode("utf-16-le")
    found = rows(data, encoding="utf-16")
    assert found.codes == [(3, "b", "bad_encoding")]
    assert [row["a"] for row in found.values] == ["1", "3"]


def test_utf_16_that_was_cut_within_a_letter_spoils_its_last_row() -> None:
    found = rows("a,b\n1,x\n2,y".encode("utf-16")[:-1])
    assert found.codes == [(3, "b", "bad_encoding")]
    assert len(found.rows) == 1


def test_the_encoding_is_found_in_the_first_bytes_whatever_follows() -> None:
    data = b"a,b\n" + b"1,x\n" * 20_000 + b"2,\xe9\n"
    assert rows(data).codes == [(20_002, "b", "bad_encoding")]


def test_a_letter_that_the_sample_cuts_is_no_letter_of_another_encoding() -> None:
    for filling in range(6):
        data = b"a,b\n" + b"x" * filling + b"1,xxxx\n" * 9_361 + "é".encode() * 3_000 + b",\n"
        assert read(CsvReader(), data).values[-1] == {"a": "é" * 3_000, "b": None}


@pytest.mark.parametrize("name", ["nonsense", "hex", "rot13", "idna", "unicode_escape", "undefined", "a\0b"])
def test_what_is_no_encoding_of_text_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="there is no encoding"):
        rows(TEXT.encode(), encoding=name)


@pytest.mark.parametrize(
    ("head", "kind"),
    [(b"\x1f\x8b\x08", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"PK\x03\x04", "zip"), (b"PAR1\x15", "Parquet"),
     (b"-----BEGIN PGP MESSAGE-----\n", "OpenPGP")],
)  # fmt: skip
@pytest.mark.parametrize("reader", [CsvReader(), JsonReader()])
def test_packed_data_is_no_text(reader: Any, head: bytes, kind: str) -> None:
    with pytest.raises(Refused, match=f"file is {kind}"):
        read(reader, head + bytes(100), cut=2)


def test_json_is_read_in_every_form_of_unicode() -> None:
    text = '{"a":"é🙂"}\n{"a":"x"}\n'
    for encoding in ("utf-8-sig", "utf-16", "utf-16-be", "utf-32"):
        assert read(JsonReader(), text.encode(encoding), cut=5).values == [{"a": "é🙂"}, {"a": "x"}]
    assert list(JsonReader().rows(pieces(b"", 1), ReadOptions(), name="x")) == []
