"""Rows about some people go out of a text, however it is cut and quoted, and every other byte stays."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.errors import Damaged
from footfall.model.erasures import Subjects
from footfall.model.sieving import Sieve

NAMED = {"identifyId": {"ada", 'a"b', "x,y", "zwei\nZeilen", "é", "5"}, "email": {"ada@example.com"}}
COLUMNS = ["n", "identifyId", "email"]
IDS = st.sampled_from(["ada", "adam", 'a"b', "x,y", "zwei\nZeilen", "é", "5", "55", "", "ADA"])
EMAILS = st.sampled_from(["", "Ada@Example.com", "ada@example.com", "bob@example.com", "ada@example.comx"])
ROWS = st.lists(st.tuples(st.integers(0, 9), IDS, EMAILS), max_size=8)


def goes(row: tuple[int, str, str]) -> bool:
    return row[1] in NAMED["identifyId"] or row[2].lower() == "ada@example.com"


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n') or text == "" else text


def csv_row(row) -> bytes:
    return (",".join([str(row[0]), quoted(row[1]), quoted(row[2])]) + "\n").encode()


def json_row(row) -> bytes:
    return (json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False).replace(": ", ":") + "\n").encode()


def xml_row(row) -> bytes:
    text = [each.replace("&", "&amp;").replace("<", "&lt;") for each in map(str, row)]
    return f"<row><n>{text[0]}</n><identifyId>{text[1]}</identifyId><email>{text[2]}</email></row>\n".encode()


FORMS = {
    "csv": (b"n,identifyId,email\n", csv_row, b""),
    "json": (b"", json_row, b""),
    "xml": (b'<?xml version="1.0"?>\n<export type="x">\n', xml_row, b"</export>\n"),
}


@pytest.mark.parametrize("form", FORMS)
@given(rows=ROWS, cut=st.integers(1, 40))
def test_the_rows_of_these_people_go_and_every_other_byte_stays(form, rows, cut):
    head, row_of, foot = FORMS[form]
    text = head + b"".join(map(row_of, rows)) + foot
    sieve = Sieve(form, COLUMNS, NAMED)
    pieces = list(sieve.pieces([text[at : at + cut] for at in range(0, len(text), cut)]))
    left = [row for row in rows if not goes(row)]
    assert b"".join(piece for _, piece in pieces) == head + b"".join(map(row_of, left)) + foot
    assert (sum(count for count, _ in pieces), sieve.removed) == (len(left), len(rows) - len(left))
    assert Sieve(form, COLUMNS, NAMED).holds([text]) == any(map(goes, rows))


def test_an_id_of_many_that_a_field_lists_is_found():
    named = {"anonymousIds": {"v1"}}
    text = b"anonymousIds\nv1&v2\nv2&v3\nv1\n"
    assert (
        b"".join(piece for _, piece in Sieve("csv", ["anonymousIds"], named).pieces([text])) == b"anonymousIds\nv2&v3\n"
    )
    lines = b'{"anonymousIds":["v2","v1"]}\n{"anonymousIds":["v2"]}\n'
    assert b"".join(p for _, p in Sieve("json", [], named).pieces([lines])) == b'{"anonymousIds":["v2"]}\n'


def test_what_xml_could_not_hold_is_read_from_its_base64():
    told = base64.b64encode(b"a\x01b")
    text = b'<export>\n<row><identifyId encoding="base64">' + told + b"</identifyId></row>\n</export>\n"
    assert Sieve("xml", ["identifyId"], {"identifyId": {"a\x01b"}}).holds([text])
    assert not Sieve("xml", ["identifyId"], {"identifyId": {"ab"}}).holds([text])


@pytest.mark.parametrize(("form", "text"), [("csv", b'identifyId\n"a'), ("json", b'{"identifyId":"ada"}')])
def test_a_text_that_ends_within_a_row_is_damaged(form, text):
    with pytest.raises(Damaged):
        list(Sieve(form, ["identifyId"], {"identifyId": {"ada"}}).pieces([text]))


MIXED = {"identifyId": {"ada"}, "aptrinsicId": {"u-ada"}, "anonymousIds": {"v1"}}
WHOSE = [
    (("bob", "u-bob", "v1"), True),  # of a visitor who became somebody else
    (("bob", "", "v1"), True),
    (("", "", "v1"), False),
    (("", "", "v9"), True),
    (("ada", "u-ada", "v9"), False),
    (("", "u-ada", ""), False),
    (("", "", "v9&v1"), False),
    (("bob", "", "v9&v1"), True),
]


@pytest.mark.parametrize("form", ["csv", "json", "xml"])
def test_a_visitor_decides_only_of_a_row_that_has_no_id(form):
    for said, stays in WHOSE:
        if form == "csv":
            text = (",".join(said) + "\n").encode()
        elif form == "json":
            text = (json.dumps(dict(zip(MIXED, said, strict=True)), separators=(",", ":")) + "\n").encode()
        else:
            fields = "".join(f"<{n}>{t.replace('&', '&amp;')}</{n}>" for n, t in zip(MIXED, said, strict=True))
            text = f"<row>{fields}</row>\n".encode()
        sieve = Sieve(form, list(MIXED), MIXED, header=False)
        assert (b"".join(piece for _, piece in sieve.pieces([text])) == text) is stays, said


def test_in_a_file_without_ids_visitors_and_addresses_decide_alike():
    named = {"anonymousIds": {"v1"}, "email": {"ada@example.com"}}
    text = b"anonymousIds,email\nv1,\n,Ada@example.com\nv1,bob@example.com\nv2,bob@example.com\n"
    left = b"".join(piece for _, piece in Sieve("csv", list(named), named).pieces([text]))
    assert left == b"anonymousIds,email\nv2,bob@example.com\n"


def test_people_without_a_visitor_are_found_by_their_address_where_a_file_has_no_id():
    ada = Subjects(ids=("ada",), uids=("u-ada",), values=("ada@example.com",))
    assert ada.named_by(["anonymousIds", "email"]) == {"email": {"ada@example.com"}}
    bob = Subjects(ids=("bob",), uids=("u-bob",), visitor_ids=("v1",), values=("bob@example.com", "7"))
    assert bob.named_by(["anonymousIds", "email"]) == {"anonymousIds": {"v1"}, "email": {"bob@example.com", "7"}}
    assert bob.named_by(["anonymousIds", "email", "identifyId"]) == {"identifyId": {"bob"}, "anonymousIds": {"v1"}}
    assert bob.named_by(["n", "code"], ["code"]) == {"code": {"bob@example.com", "7"}}
