"""Names of delivered files, and manifests: the same delivery, the same bytes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import Damaged
from footfall.model.files import FileName, is_data, is_manifest, revised, revision_of
from footfall.model.manifest import DataFile, Manifest, Superseded
from footfall.model.records import counter

DUE = datetime(2026, 11, 21, 8, tzinfo=UTC)
DOCS = Path(__file__).parents[2] / "docs" / "reference"
SCHEMA = json.loads((DOCS / "manifest.schema.json").read_text())
SHA = "0123456789abcdef" * 4

MANIFEST = Manifest(
    report="User_Event_Rollups",
    version="2.0",
    format="csv",
    codec="gzip",
    day=date(2026, 11, 20),
    time_zone="America/New_York",
    tzdata_version="2026.6",
    start=datetime(2026, 11, 20, 5, tzinfo=UTC),
    end=datetime(2026, 11, 21, 5, tzinfo=UTC),
    scheduled_at=DUE,
    revision=2,
    supersedes=Superseded("GainsightPX_User_Event_Rollups_20261121T080000Z.csv.manifest.json", SHA),
    sealed_at=datetime(2026, 11, 22, 1, 2, 3, 456789, tzinfo=UTC),
    log_position=12345,
    excluded={"no_user": 3, "no_account": 0},
    columns=(("date", "String"), ("größe \"1\"", "Number")),
    files=(DataFile("GainsightPX_User_Event_Rollups_20261121T080000Z_r2.csv.gz", 7, 100, SHA, 300, SHA),),
    writer="footfall 0.1.0",
)  # fmt: skip
PART = DataFile("report=User/day=2026-11-20/x_r2.parquet", 7, 100, SHA, 100, SHA, (("product", "web"), ("event", None)))
DIVIDED = replace(MANIFEST, format="parquet", codec="none", files=(PART,), key="report={report}/day={date}/x")


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "manifest"),
    [
        (
            FileName("Users", DUE, "csv"),
            "GainsightPX_Users_20261121T080000Z.csv.gz",
            "GainsightPX_Users_20261121T080000Z.csv.manifest.json",
        ),
        (
            FileName("Users", DUE, "json", 12),
            "GainsightPX_Users_20261121T080000Z_r12.json.gz",
            "GainsightPX_Users_20261121T080000Z_r12.json.manifest.json",
        ),
        (
            FileName("Users", DUE.astimezone(timezone(timedelta(hours=5))), "xml", prefix="Acme-1"),
            "Acme-1_Users_20261121T080000Z.xml.gz",
            "Acme-1_Users_20261121T080000Z.xml.manifest.json",
        ),
    ],
)
def test_names_are_those_of_the_documents(name: FileName, data: str, manifest: str) -> None:
    assert (name.data(".gz"), name.manifest) == (data, manifest)
    assert (is_data(data), is_manifest(data)) == (True, False)
    assert (is_data(manifest), is_manifest(manifest)) == (False, True)


@pytest.mark.parametrize("name", ["README.md", "GainsightPX_Users.csv.gz", "a.csv.gz", "x_Users_20261121T080000Z.txt"])
def test_other_files_are_not_ours(name: str) -> None:
    assert not is_data(name)


@pytest.mark.parametrize("prefix", ["", "..", "a/b", "a b", "\u00e9", "-x", "a\n", "x" * 101])
def test_a_prefix_that_could_lead_elsewhere_is_no_name(prefix: str) -> None:
    with pytest.raises(ValueError, match="cannot begin"):
        FileName("Users", DUE, "csv", prefix=prefix)


def test_there_are_four_formats_and_revisions_begin_with_one() -> None:
    with pytest.raises(ValueError, match="not a format"):
        FileName("Users", DUE, "avro")
    with pytest.raises(ValueError, match="begin with 1"):
        FileName("Users", DUE, "csv", 0)


# --- manifests -------------------------------------------------------------------------------------------------------


def test_a_manifest_is_read_back_as_it_was_written() -> None:
    assert Manifest.from_json(MANIFEST.to_json()) == MANIFEST
    assert Manifest.from_json(DIVIDED.to_json()) == DIVIDED
    first = replace(MANIFEST, revision=1, supersedes=None, columns=(), excluded={})
    assert Manifest.from_json(first.to_json()) == first


def test_the_bytes_do_not_depend_on_the_order_in_which_reasons_were_counted() -> None:
    turned = replace(MANIFEST, excluded={"no_account": 0, "no_user": 3})
    assert turned.to_json() == MANIFEST.to_json()


def test_the_same_delivery_by_another_writer_at_another_time_is_the_same_delivery() -> None:
    other = replace(MANIFEST, writer="x", tzdata_version="2027.1", sealed_at=DUE, log_position=1)
    assert MANIFEST.same_delivery(other)
    for change in ({"revision": 3}, {"files": ()}, {"excluded": {}}, {"end": DUE}, {"columns": ()}):
        assert not MANIFEST.same_delivery(replace(other, **change))  # type: ignore[arg-type]


def _paths(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [path, *(p for k, v in value.items() for p in _paths(v, (*path, k)))]
    if isinstance(value, list):
        return [path, *(p for k, v in enumerate(value) for p in _paths(v, (*path, k)))]
    return [path]


@pytest.mark.parametrize("path", _paths(json.loads(MANIFEST.to_json()))[1:], ids=str)
@pytest.mark.parametrize("value", [None, True, -1, "", [1], {"x": -1}, 1.5], ids=repr)
def test_a_value_that_a_field_cannot_have_is_damage(path: tuple[Any, ...], value: object) -> None:
    whole = json.loads(MANIFEST.to_json())
    inner = whole
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    if (path, value) == (("supersedes",), None):
        return
    with pytest.raises(Damaged, match="manifest"):
        Manifest.from_json(json.dumps(whole).encode())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_no_bytes_do_more_than_be_damaged(text: bytes) -> None:
    with pytest.raises(Damaged):
        Manifest.from_json(text)


@pytest.mark.parametrize("name", ["../x", "a/../x", "/x", "a//x", "a/", ".", "a\\b", "a/\x00", "a" * 1025])
def test_a_file_lies_beside_or_below_its_manifest(name: str) -> None:
    value = json.loads(DIVIDED.to_json())
    value["files"][0]["name"] = name
    with pytest.raises(Damaged, match="name cannot be"):
        Manifest.from_json(json.dumps(value).encode())


# --- the published schema --------------------------------------------------------------------------------------------


def _violations(schema: dict[str, Any], value: Any, at: str = "") -> list[str]:  # noqa: C901 - one case per word
    """As much of JSON Schema as ours uses; a word it does not know is a violation, so none is overlooked."""
    if "$ref" in schema:
        return _violations(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], value, at)
    known = {"object": dict, "null": type(None), "string": str, "integer": int, "array": list}
    found: list[str] = []
    for word, rule in schema.items():
        ok = True
        match word:
            case "$schema" | "$defs" | "title" | "description":
                pass
            case "type":
                kinds = rule if isinstance(rule, list) else [rule]
                ok = isinstance(value, tuple(known[kind] for kind in kinds)) and not isinstance(value, bool)
            case "const":
                ok = value == rule
            case "enum":
                ok = value in rule
            case "pattern":
                ok = re.search(rule, value) is not None
            case "minLength" | "minItems":
                ok = len(value) >= rule
            case "minimum":
                ok = value >= rule
            case "required":
                ok = value is None or not set(rule) - set(value)
            case "properties":
                for name, inner in rule.items():
                    if isinstance(value, dict) and name in value:
                        found += _violations(inner, value[name], f"{at}/{name}")
            case "additionalProperties":
                for name in set(value or ()) - set(schema.get("properties", ())):
                    found += ["unknown " + name] if rule is False else _violations(rule, value[name], f"{at}/{name}")
            case "items":
                for place, each in enumerate(value):
                    found += _violations(rule, each, f"{at}/{place}")
            case _:
                ok = False
        if not ok:
            found.append(f"{at}: {word}")
    return found


# With every field that there is only for a reason.
EVERYTHING = replace(DIVIDED, withdrawn=True, privacy=(("email", "drop"),))


def test_what_is_written_fits_the_published_schema() -> None:
    first = replace(MANIFEST, revision=1, supersedes=None)
    for each in (MANIFEST, first, DIVIDED, replace(DIVIDED, files=()), EVERYTHING):
        assert _violations(SCHEMA, json.loads(each.to_json())) == []


def test_the_schema_names_every_field_and_refuses_every_other() -> None:
    value, divided = json.loads(MANIFEST.to_json()), json.loads(EVERYTHING.to_json())
    assert list(value) == SCHEMA["required"]
    assert list(SCHEMA["properties"]) == list(divided)
    assert list(SCHEMA["properties"]["files"]["items"]["properties"]) == list(divided["files"][0])
    assert _violations(SCHEMA, value | {"more": 1}) == ["unknown more"]


def test_the_reference_explains_every_field() -> None:
    page = (DOCS / "manifest.md").read_text()
    for name in SCHEMA["properties"]:
        assert f"`{name}`" in page, name


# --- counting rows of a text -----------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.lists(st.text('a,"\n\r', max_size=4), min_size=2, max_size=2), max_size=5),
    cut=st.integers(1, 7),
)
def test_csv_records_are_counted_however_the_text_is_cut(rows: list[list[str]], cut: int) -> None:
    quoted = [",".join('"' + value.replace('"', '""') + '"' for value in row) + "\n" for row in [["x\n", "y"], *rows]]
    text = "".join(quoted).encode()
    count = counter("csv", "R", "2.0", "2026-11-20", ["x\n", "y"])
    for at in range(0, len(text), cut):
        count.feed(text[at : at + cut])
    assert count.faults() == []
    assert count.rows == len(rows)


@pytest.mark.parametrize(
    ("format", "text", "rows"),
    [
        ("json", b'{"x":1}\n{"x":2,"y":"\\n"}\n', 2),
        ("json", b"", 0),
        ("xml", b'<?xml?>\n<export type="R" version="2.0" period="2026-11-20">\n<row></row>\n<row/>\n</export>\n', 1),
        ("csv", b"x,y\n", 0),
    ],
)
@pytest.mark.parametrize("cut", [1, 2, 3, 1000])
def test_records_are_counted_in_every_format(format: str, text: bytes, rows: int, cut: int) -> None:
    count = counter(format, "R", "2.0", "2026-11-20", ["x", "y"])
    for at in range(0, len(text), cut):
        count.feed(text[at : at + cut])
    assert count.faults() == []
    assert count.rows == rows


# --- revisions after an erasure --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "second", "was"),
    [
        ("f/GainsightPX_Users_20261121T080000Z.csv.gz", "f/GainsightPX_Users_20261121T080000Z_r2.csv.gz", 1),
        (
            "GainsightPX_Users_20261121T080000Z_r12_a3.json.gz.pgp",
            "GainsightPX_Users_20261121T080000Z_r2.json.gz.pgp",
            12,
        ),
        (
            "GainsightPX_Users_20261121T080000Z.csv.manifest.json",
            "GainsightPX_Users_20261121T080000Z_r2.csv.manifest.json",
            1,
        ),
        ("0000000000000007-0123456789abcdef.ndjson.gz", "0000000000000007-0123456789abcdef_r2.ndjson.gz", 1),
        ("lytics-users-20261201T110001Z.v1.parquet", "lytics-users-20261201T110001Z.v1_r2.parquet", 1),
    ],
)
def test_a_file_that_is_written_anew_has_the_mark_of_its_revision(name, second, was):
    assert revised(name, 2) == second
    assert (revision_of(name), revision_of(second)) == (was, 2)
