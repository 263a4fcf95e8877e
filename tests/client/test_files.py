"""Any file of events becomes the same requests, and sending it twice counts it once."""

from __future__ import annotations

import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.client import DIALECTS, read_requests
from footfall.errors import BadRecord, Refused

EVENTS = [{"type": "track", "event": f"e{n}", "userId": "u", "messageId": f"m{n}"} for n in range(5)]

FORMS = {
    "lines": ("\n".join(map(json.dumps, EVENTS)), ".ndjson"),
    "lines with CRLF, blanks and a byte order mark": ("\ufeff\n" + "\r\n\r\n".join(map(json.dumps, EVENTS)), ".ndjson"),
    "array": (json.dumps(EVENTS), ".json"),
    "array over many lines": (json.dumps(EVENTS, indent=2), ".json"),
    "batch object": (json.dumps({"batch": EVENTS}), ".json"),
    "batch object over many lines": (json.dumps({"writeKey": "k", "batch": EVENTS}, indent=1), ".json"),
    "lines of batch objects": (
        "\n".join([json.dumps({"batch": EVENTS[:3]}), json.dumps({"batch": EVENTS[3:]})]),
        ".ndjson",
    ),
    "csv": ("type,event,userId,messageId\n" + "".join(f"track,e{n},u,m{n}\n" for n in range(5)), ".csv"),
}


def sent(path, dialect="segment", **options):
    shape = DIALECTS[dialect]
    requests = list(read_requests(path, dialect, **options))
    assert all(r.path == shape.path for r in requests)
    lists = [json.loads(r.body)[shape.list_name] for r in requests]
    assert [len(part) for part in lists] == [r.events for r in requests]
    return [event for part in lists for event in part]


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(("text", "ending"), FORMS.values(), ids=FORMS.keys())
def test_every_form_of_file_gives_the_same_events(tmp_path, text, ending, zipped):
    path = tmp_path / ("events" + ending + (".gz" if zipped else ""))
    data = text.encode()
    path.write_bytes(gzip.compress(data) if zipped else data)
    assert sent(path) == EVENTS


def test_a_csv_header_nests_and_types_and_an_empty_field_is_absent(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text(
        'type,properties.price:number,properties.big:boolean,properties.tags:json,context.page.path\ntrack,9.5,TRUE,"[1,2]",\n'
    )
    [event] = sent(path)
    assert event.pop("messageId")
    assert event == {"type": "track", "properties": {"price": 9.5, "big": True, "tags": [1, 2]}}


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        pytest.param("type,n:number\ntrack,many\n", "value", "line 2, column n", id="not a number"),
        pytest.param("type,n:number\ntrack,true\n", "value", "line 2, column n", id="a boolean is no number"),
        pytest.param("type,n:boolean\ntrack,1\n", "value", "line 2, column n", id="not a boolean"),
        pytest.param("type,event\ntrack\n", "columns", "line 2 has 1 fields, the header 2", id="short row"),
        pytest.param('type,event\ntrack,"a"b\n', "not_csv", "line 2", id="broken quotes"),
        pytest.param("user,user.name\nu,Ann\n", "value", "line 2, column user.name: user ", id="within a text"),
        pytest.param("user.name,user\nAnn,u\n", "value", "line 2, column user: ", id="over what it holds"),
        pytest.param("type,n:number\ntrack,NaN\n", "value", "line 2, column n: NaN", id="no number of JSON"),
        pytest.param(f"n:json\n{'[' * 100_000}\n", "value", "line 2, column n", id="too deep"),
    ],
)
def test_a_bad_csv_line_is_named(tmp_path, text, code, place):
    path = tmp_path / "e.csv"
    path.write_text(text)
    with pytest.raises(BadRecord, match=place) as error:
        sent(path)
    assert error.value.code == code


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        pytest.param('{"type":"track"}\n{"type":\n', "not_json", "line 2", id="torn line"),
        pytest.param("{\nnonsense", "not_json", "neither", id="no JSON at all"),
        pytest.param("[1]", "not_an_event", "record 0 is int", id="array of numbers"),
        pytest.param('{"type":"track"}\n"text"\n', "not_an_event", "record 2 is str", id="line of text"),
        pytest.param('{"type":"track"}\n{"n":NaN}\n', "not_json", "line 2 is not JSON: NaN", id="not a number"),
        pytest.param('{"type":"track"}\n{"n":-Infinity}\n', "not_json", "line 2 .* -Infinity", id="infinite"),
        pytest.param('{"type":"track"}\n' + '{"n":' * 100_000, "not_json", "line 2", id="too deep"),
        pytest.param("[" * 100_000, "not_json", "neither", id="a document too deep"),
    ],
)
def test_a_bad_json_record_is_named(tmp_path, text, code, place):
    path = tmp_path / "e.ndjson"
    path.write_text(text)
    with pytest.raises(BadRecord, match=place) as error:
        sent(path)
    assert error.value.code == code


def test_what_came_before_a_bad_record_is_sent(tmp_path):
    path = tmp_path / "e.ndjson"
    path.write_text('{"type":"track"}\n' * 3 + "broken\n")
    requests = read_requests(path, "segment", batch=2)
    assert [next(requests).events, next(requests).events] == [2, 1]
    with pytest.raises(BadRecord, match="line 4"):
        next(requests)


def test_an_unknown_type_of_column_is_refused(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("type,n:money\ntrack,1\n")
    with pytest.raises(Refused, match="n:money"):
        sent(path)


def test_columns_for_one_place_may_take_turns(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text('messageId,user,user.name,user:json\n1,u,,\n2,,Ann,\n3,,,"{""plan"":""free""}"\n')
    assert [event["user"] for event in sent(path)] == ["u", {"name": "Ann"}, {"plan": "free"}]


def test_ids_are_made_where_none_are_and_are_the_same_the_next_time(tmp_path):
    path = tmp_path / "e.ndjson"
    path.write_text('{"type":"track"}\n{"type":"track"}\n{"type":"track","messageId":"mine"}\n')
    first, second = sent(path), sent(path)
    assert first == second
    assert len({e["messageId"] for e in first}) == 3
    assert first[2]["messageId"] == "mine"


def test_two_files_with_the_same_line_are_two_events(tmp_path):
    for name in ("monday.ndjson", "tuesday.ndjson"):
        (tmp_path / name).write_text('{"type":"track"}\n')
    assert sent(tmp_path / "monday.ndjson") != sent(tmp_path / "tuesday.ndjson")


def test_native_events_go_to_the_native_path_with_native_ids(tmp_path):
    path = tmp_path / "e.ndjson"
    path.write_text('{"type":"page_view","event_id":"a"}\n{"type":"page_view"}\n')
    given_id, made_id = (e["event_id"] for e in sent(path, "native"))
    assert given_id == "a" != made_id


def test_standard_input_is_read_as_json(monkeypatch, tmp_path):
    from pathlib import Path

    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(json.dumps(EVENTS).encode())))
    monkeypatch.setattr("sys.stdin", stdin)
    assert sent(Path("-")) == EVENTS


def test_batches_are_bounded_by_count_and_by_bytes(tmp_path):
    path = tmp_path / "e.ndjson"
    big = [{"type": "track", "messageId": str(n), "properties": {"x": "y" * 200_000}} for n in range(5)]
    path.write_text("\n".join(map(json.dumps, big)))
    assert [r.events for r in read_requests(path, "segment")] == [2, 2, 1]
    assert all(len(r.body) < 500_000 for r in read_requests(path, "segment"))
    assert [r.events for r in read_requests(path, "segment", batch=1)] == [1] * 5


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("gone.ndjson", None),
        ("cut.ndjson.gz", gzip.compress(b"{}" * 99, mtime=0)[:-9]),
        ("spoilt.ndjson.gz", gzip.compress(b"", mtime=0)[:10] + b"\xff" * 20),
    ],
)
def test_a_file_that_cannot_be_read_whole_is_refused(tmp_path, name, data):
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(Refused, match=name):
        sent(path)


def test_text_that_is_not_utf_8_is_refused(tmp_path):
    path = tmp_path / "e.ndjson"
    path.write_bytes(b'{"type":"tr\xe4ck"}\n')
    with pytest.raises(Refused, match="not UTF-8"):
        sent(path)


def test_an_unknown_dialect_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(Refused, match="segment, native"):
        read_requests(tmp_path / "e.json", "klingon")


TEXT = st.text(max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.fixed_dictionaries({"messageId": st.just("m"), "x": VALUES}), min_size=1, max_size=5))
def test_any_value_arrives_as_it_was(tmp_path_factory, events):
    path = tmp_path_factory.mktemp("f") / "e.ndjson"
    path.write_text("".join(json.dumps(e, ensure_ascii=False) + "\n" for e in events), "utf-8", "surrogatepass")
    assert sent(path) == events
