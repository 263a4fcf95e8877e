"""Names from templates: the token language is exact, and what it does not know is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from footfall.errors import Refused
from footfall.model.names import NameTemplate, stamp

AT = datetime(2026, 3, 4, 5, 6, 7, 89_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("YYYYMMDDTHHmmssZ", "20260304T050607Z"),
        ("YYYY-MM-DD", "2026-03-04"),
        ("mm-MM", "06-03"),
        ("DD.MM.YYYY_HH-mm-ss.SSS", "04.03.2026_05-06-07.089"),
        ("ssSSS", "07089"),
    ],
)
def test_a_timestamp_is_what_its_tokens_say(format: str, text: str) -> None:
    assert stamp(format, AT) == text
    assert stamp(format, AT.astimezone(timezone(timedelta(hours=9)))) == text


@pytest.mark.parametrize("format", ["YY", "YYYYY", "MMM", "hh", "SS", "D", "YYYY/MM", "YYYY MM", "HH:mm", "W", ""])
def test_what_is_no_token_is_refused(format: str) -> None:
    with pytest.raises(Refused):
        stamp(format, AT)


def test_the_default_is_the_documents() -> None:
    assert NameTemplate().stem(AT) == "lytics-events-20260304T050607Z"


@pytest.mark.parametrize(
    "template", ["", "events", "a/{TIMESTAMP}", "../{TIMESTAMP}", "{TIMESTAMP}{X}", "é{TIMESTAMP}"]
)
def test_a_template_that_makes_no_name_is_refused(template: str) -> None:
    with pytest.raises(Refused):
        NameTemplate(template)


@pytest.mark.parametrize("rest", [".csv", ".csv.gz", "_a2.csv.gz.pgp", "-tags.csv.zst", ".csv.manifest.json"])
def test_a_template_knows_the_names_it_makes_whatever_follows_the_stem(rest: str) -> None:
    for template in (NameTemplate(), NameTemplate("{TIMESTAMP}.x_{TIMESTAMP}", "YYYY-MM-DD_HH.mm.ss.SSSZ")):
        assert template.owns(template.stem(AT) + rest)
        assert not template.owns("x" + template.stem(AT) + rest)
        assert not template.owns(template.stem(AT).replace("2026", "now") + rest)
        assert not template.owns(template.stem(AT))
