"""Keys made from a template: two files never have one key, and no value leaves its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from footfall.buckets.keys import check_key
from footfall.errors import Refused
from footfall.model.key_templates import (
    DIVIDERS,
    FIELDS,
    NOTHING,
    PRESETS,
    ROLLUPS,
    VALUE_BYTES_MAX,
    Facts,
    KeyTemplate,
    escaped,
)
from footfall.model.reports import CATALOGUE

AT = datetime(2026, 11, 21, 8, tzinfo=UTC)
USUAL = "GainsightPX_Users_20261121T080000Z"
TRICKY = ["", ".", "..", "../..", "/", "a/b", "a=b", "\\", "\x00", "\n", "%", "%2F", "~", "_r2", "x_a2", ".hidden",
          NOTHING, "é", "🙂" * 60, "a" * 500, "a" * 499 + "b", "{product}", "\ufffe", "c:", " ", "con"]  # fmt: skip
texts = st.one_of(st.sampled_from(TRICKY), st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
values = st.one_of(st.none(), texts)
kinds = st.sampled_from(sorted(FIELDS))
File = tuple[Facts, dict[str, str | None], str]


def facts(**changed: str) -> Facts:
    known = {"report": "Users", "job": "nightly", "zone": "America/New_York", "format": "csv", "version": "2.0",
             "revision": "1", "window": "0000000007"}  # fmt: skip
    return Facts(known | changed, datetime(2026, 11, 20, 3), AT)


def stem(text: str, part: Mapping[str, str | None] | None = None, kind: str = ROLLUPS, **changed: str) -> str:
    return KeyTemplate.parse(text, kind).stem(facts(**changed), part or {}, USUAL)


# Some that are accepted as they are, because few of those that are put together are.
KNOWN: list[tuple[str, str]] = [
    (ROLLUPS, "{report}/{date}/{product}"),
    (ROLLUPS, "{date}/{report}/a_{product}_r2"),
    (ROLLUPS, "{date}/{report}={product}/{environment}/{event}"),
    (ROLLUPS, "{report}/{date}{product}r"),
    (ROLLUPS, "{product}/{report}/{year}{month}{day}/{environment}"),
    (ROLLUPS, "hive"),
    ("activity", "{job}/{window}_r2"),
    ("audience", "a/{TIMESTAMP}{job}"),
]


@st.composite
def templates(draw: st.DrawFn) -> KeyTemplate:
    """Whatever can be written of fields and texts and is accepted."""
    if draw(st.booleans()):
        known, text = draw(st.sampled_from(KNOWN))
        return KeyTemplate.parse(text, known)
    kind = draw(kinds)
    field = st.sampled_from(FIELDS[kind]).map(lambda name: f"{{{name}}}")
    literal = st.text("ab_.=-/r2", min_size=1, max_size=3)
    text = "".join(draw(st.lists(st.one_of(field, literal), min_size=1, max_size=8)))
    try:
        return KeyTemplate.parse(text + draw(st.sampled_from(["", "/"])), kind)
    except Refused:
        assume(False)
        raise


@st.composite
def files(draw: st.DrawFn, kind: str, values: st.SearchStrategy[str | None] = values) -> File:
    """A file of a job: of rollups one for each report, day and revision, else one for each window."""
    number, revision = draw(st.integers(1, 2)), draw(st.integers(1, 2)) if kind == ROLLUPS else 1
    report = draw(st.sampled_from([CATALOGUE[0], CATALOGUE[1]])).name if kind == ROLLUPS else kind
    said = {"report": report, "job": "nightly", "zone": "America/New_York", "format": "csv", "version": "2.0",
            "revision": str(revision), "window": f"{number:010d}"}  # fmt: skip
    step = timedelta(days=1) if kind == ROLLUPS else timedelta(hours=11, seconds=1)
    at = AT + number * step
    local = at.replace(tzinfo=None) - timedelta(hours=32)
    part = {name: draw(values) for name in DIVIDERS}
    mark = f"_r{revision}" if revision > 1 else ""
    return Facts(said, local, at), part, mark


@given(template=templates())
def test_a_template_reads_back_as_it_is_written(template: KeyTemplate) -> None:
    assert KeyTemplate.parse(str(template), template.kind) == template


@given(data=st.data(), template=templates())
@settings(max_examples=400)
def test_two_files_never_have_one_key(data: st.DataObject, template: KeyTemplate) -> None:
    close = st.sampled_from(data.draw(st.sampled_from([["a", "a_r2", None], ["a", "ab", "b"], ["", "a=b", "a/b"]])))
    one, other = (data.draw(files(template.kind, close)) for _ in range(2))

    def told(file: File) -> tuple[object, ...]:
        about, part, _ = file
        which = (about.texts["report"], about.texts["revision"], about.at)
        return (*which, *(part[name] or None for name in template.dividers))

    def key(file: File) -> str:
        about, part, mark = file
        return template.stem(about, part, f"{about.texts['report']}_{about.at:%Y%m%dT%H%M%SZ}") + mark + ".csv.gz"

    assert (key(one) == key(other)) == (told(one) == told(other))
    assert template.owns(key(one))


@given(template=templates(), data=st.data())
def test_every_place_takes_the_keys_and_none_leaves_the_folder(template: KeyTemplate, data: st.DataObject) -> None:
    about, part, mark = data.draw(files(template.kind))
    segments = check_key(template.stem(about, part, USUAL) + mark + "_a2.csv.zst.pgp")
    assert not {"", ".", ".."} & set(segments)
    fixed = str(template).replace("{report}", about.texts["report"])
    assert len(segments) == fixed.count("/") + 1


@given(one=values, other=values, in_name=st.booleans())
def test_different_texts_are_escaped_differently(one: str | None, other: str | None, in_name: bool) -> None:
    same = (one or None) == (other or None)
    assert (escaped(one, in_name=in_name) == escaped(other, in_name=in_name)) == same


@given(text=texts)
def test_what_is_escaped_can_be_read_by_unquoting(text: str) -> None:
    shown = escaped(text)
    assert len(shown.encode()) <= VALUE_BYTES_MAX
    assert not set(shown) & set('/=\\\x00\n:"')
    if text and "~" not in shown:
        assert unquote(shown, errors="strict") == text


def test_long_values_are_cut_and_told_apart_by_a_digest() -> None:
    one, other = escaped("a" * 500), escaped("a" * 499 + "b")
    assert one[:80] == other[:80]
    assert one != other
    assert re.fullmatch(r"a{87}~[0-9a-f]{32}", one)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("hive", "report=Users/day=2026-11-20/product=web/environment=Production/revision=1/" + USUAL),
        ("{report}/{date:%Y/%m/%d}/", "Users/2026/11/20/" + USUAL),
        ("{year}/{month}/{day}/{report}", "2026/11/20/Users"),
        ("px/{zone}/{report}-{TIMESTAMP}", "px/America%2FNew_York/Users-20261121T080000Z"),
        ("{report}/{TIMESTAMP:YYYY-MM-DDTHH}", "Users/2026-11-21T08"),
        ("v{version}/{format}/{report}/{date}", "v2.0/csv/Users/2026-11-20"),
        ("{product}/{report}/{date}", "web/Users/2026-11-20"),
    ],
)
def test_fields_stand_for_what_they_say(text: str, key: str) -> None:
    assert stem(text, {"product": "web", "environment": "Production"}) == key


def test_a_value_cannot_look_like_a_mark() -> None:
    assert (
        stem("{report}/{date}/{product}", {"product": "a_r2"})
        != stem("{report}/{date}/{product}", {"product": "a"}) + "_r2"
    )
    assert stem("{report}/{date}/{product}", {"product": "a_r2"}) == "Users/2026-11-20/a%5Fr2"


def test_rows_without_a_product_have_the_name_that_hive_gives_them() -> None:
    assert stem("product={product}/") == f"product={NOTHING}/{USUAL}"
    assert stem("product={product}/", {"product": NOTHING}) != stem("product={product}/")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{report}/{prodct}/", "no field {prodct} (at character 10)"),
        ("{report}/{hour}/", "no field {hour}"),
        ("{report.__class__}/", "no field {report.__class__}"),
        ("{report!r}/", "no field {report!r}"),
        ("{report", "brace at character 1"),
        ("report}/", "brace at character 7"),
        ("a\\b/", "character 2"),
        ("a\x00b/", "character 2"),
        ("a b/", "character 2"),
        ("é/", "character 1"),
        ("../{report}/{date}", "begins with a dot"),
        ("/{report}/{date}", "is empty or"),
        ("{report}//{date}", "is empty or"),
        ("{report}/.x/", "begins with a dot"),
        ("", "is empty or"),
        ("{product}-{environment}/", "nothing tells where {product} ends and {environment} begins"),
        ("{report}_{product}/{date}", "nothing tells where {report} ends"),
        ("{date}", "has no {report}"),
        ("{report}", "has no {date}"),
        ("{report}/{year}-{month}", "has no {date}"),
        ("{report}/{TIMESTAMP:YYYYMMDD}", "has no {date}"),
        ("{report}/{date:%Y/%j}/", "'%j' is no part of a date"),
        ("{report}/{date:%H}/", "'%H' is no part of a date"),
        ("{report:x}/", "takes no form"),
        ("{report}/{TIMESTAMP:YY}/", "is no token"),
        ("a" * 201 + "/", "longer than 200 bytes"),
        ("/".join(["a" * 199] * 4) + "/", "longer than 640 bytes"),
        ("product={product}&e={event}/", "character 18"),
    ],
)
def test_what_cannot_be_a_template_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(Refused) as refused:
        KeyTemplate.parse(text, ROLLUPS)
    assert words in refused.value.what
    assert refused.value.hint


@pytest.mark.parametrize(
    ("kind", "text", "missing"),
    [
        ("activity", "{job}/{date}", "{TIMESTAMP}"),
        ("activity", "{job}/{TIMESTAMP:YYYYMMDDHHmm}", "{TIMESTAMP}"),
        ("app_events", "{job}/{TIMESTAMP}", "{window}"),
        ("audience", "{job}/{date}", "{TIMESTAMP}"),
    ],
)
def test_files_of_a_job_must_differ(kind: str, text: str, missing: str) -> None:
    with pytest.raises(Refused, match="two files could have one key") as refused:
        KeyTemplate.parse(text, kind)
    assert missing in refused.value.what


@pytest.mark.parametrize("kind", sorted(FIELDS))
def test_every_kind_of_export_has_the_preset(kind: str) -> None:
    template = KeyTemplate.parse("hive", kind)
    assert str(template) == PRESETS["hive"][kind]
    assert template.is_folder
