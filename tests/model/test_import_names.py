"""The names of files that come in a row: where the timestamp is, and what may be around it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.config.patterns import whole_match
from footfall.errors import Refused
from footfall.model.import_names import format_of, literal_start, position_of, suggested_prefix

NOV_21 = datetime(2026, 11, 21, tzinfo=UTC)
EIGHT = datetime(2026, 11, 21, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("crm_20261121.csv", NOV_21),
        ("crm_202611210800.csv", EIGHT),
        ("crm_20261121080000.csv.gz", EIGHT),
        ("crm_20261121T080000Z.csv.gz.pgp", EIGHT),
        ("crm_2026-11-21.tsv", NOV_21),
        ("crm_2026-11-21T09:00:00+01:00.csv", EIGHT),
        ("crm_2026-11-21T08-00-00.csv", EIGHT),
        ("crm_2026-11-21 08:00:00.CSV", EIGHT),
        ("crm_1795248000.csv", EIGHT),
        ("crm_1795248000000.csv.zst", EIGHT),
        ("crm_20261121", NOV_21),
    ],
)
def test_a_timestamp_is_understood_in_each_of_its_forms(name, at):
    assert position_of(name, whole_match("crm_"), "csv") == at


@pytest.mark.parametrize(
    "name",
    [
        "crm_20261321.csv",  # no such month
        "crm_00010101T0000+0100.csv",  # before the year 1
        "crm_99991231T2359-0100.csv",
        "crm_2026112.csv",
        "crm_20261121.json",  # of another format
        "crm_20261121.csv.manifest.json",
        "crm_20261121_old.csv",
        "other_20261121.csv",
        "my_crm_20261121.csv",
        "crm_new_20261121.csv",
        "crm_.csv",
        "",
    ],
)
def test_a_name_that_is_not_prefix_timestamp_extension_is_of_another_row(name):
    assert position_of(name, whole_match("crm_"), "csv") is None


def test_a_pattern_has_to_reach_to_the_timestamp_and_may_go_on_into_digits():
    assert position_of("crm-eu-7_20261121.csv", whole_match(r"crm-(eu|us)-\d_"), "csv") == NOV_21
    assert position_of("crm-eu-7_20261121.csv", whole_match(r"crm-(eu|us)-"), "csv") is None
    assert position_of("v220261121.csv", whole_match("v2"), "csv") == NOV_21
    assert position_of("anything 20261121.csv", whole_match(".*"), "csv") == NOV_21


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("crm_20261121.csv", "crm_"),
        ("a.b+c(1)-20261121.csv", r"a\.b\+c\(1\)-"),
        ("20261121.csv", ""),
        ("users.csv", None),
        ("lytics-events-20261121T080000Z.json", "lytics-events-"),
    ],
)
def test_the_suggested_prefix_finds_the_file_it_was_made_of(name, prefix):
    of = format_of(name)
    assert suggested_prefix(name, of) == prefix
    if prefix is not None:
        assert position_of(name, whole_match(prefix), of) is not None


@given(st.text("ab_.-+*()[]{}\\|?^$ 7", max_size=12))
def test_whatever_stands_before_the_timestamp_its_suggestion_matches_it(begin):
    name = f"{begin}_20261121.csv"
    prefix = suggested_prefix(name, "csv")
    assert prefix is not None
    assert position_of(name, whole_match(prefix), "csv") == NOV_21
    assert name.startswith(literal_start(prefix))


@given(st.text("ab.*+?[]()|\\{}", max_size=8), st.text("ab.*", max_size=8))
def test_what_a_pattern_matches_begins_with_its_literal_start(pattern, text):
    try:
        matches = whole_match(pattern)
    except Refused:
        return
    if matches(text):
        assert text.startswith(literal_start(pattern))


@pytest.mark.parametrize("pattern", ["(", "(?=a)", r"(a)\1", "[z-a]"])
def test_what_is_no_re2_is_refused_with_the_reason(pattern):
    with pytest.raises(Refused, match=r"is no pattern: .*RE2"):
        whole_match(pattern)


def test_a_pattern_that_others_need_years_for_takes_no_time():
    assert whole_match("(a+)+$")("a" * 5_000 + "b") is False
