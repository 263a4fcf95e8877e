"""The short text form of rules, and rules as plain data: both give back the tree they were made from."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_people import rules

from footfall.errors import Refused
from footfall.model.audience_rules import (
    DEPTH_MAX,
    All,
    Compare,
    Everyone,
    Field,
    Happened,
    Included,
    Not,
    Rule,
    Some,
    check,
    from_plain,
    to_plain,
)
from footfall.model.audience_text import BadRule, read, write
from footfall.model.audience_where import Property

VISITS, EMAIL = Field("visits"), Field("email")
EXPORTS = Happened("count", "feature_match", "export", days=28)
COMPLETED = Happened("count", "engagement_view", None, "COMPLETED")
ANSWERED = Happened("answer", "survey_answer", "s", question="q1")

PRO = All((Compare(Property("plan"), "=", ("pro",)), Compare(Property("n"), ">=", (5,))))
DEAR = Happened("count", "custom", "buy", days=28, where=PRO)
OF_WEB = Some((Compare(Property("product", "event"), "=", (1,)), Compare(Property("product"), "=", (1,))))
WEB = Happened("count", "page_view", days=1, where=OF_WEB)


@settings(deadline=None, max_examples=200)
@given(rules(["other", "in", "staff-2"]))
def test_every_rule_comes_back_from_its_text_and_from_its_plain_form(rule: Rule) -> None:
    assert read(write(rule)) == rule
    assert from_plain(json.loads(json.dumps(to_plain(rule)))) == rule


NAMES = st.text(min_size=1, max_size=8).filter(str.isprintable)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8) | st.booleans() | st.integers(-9, 9)


@settings(deadline=None)
@given(NAMES, st.sampled_from(["user", "account"]), VALUES | st.floats(-1e30, 1e30))
def test_any_name_and_any_value_comes_back(name: str, of: str, value: str | int | float | bool) -> None:
    rule = All(
        (Compare(Field(name, of), "=", (value,)), Compare(Happened("count", "custom", name), "<", (1,)), Included(name))
    )
    assert read(write(rule)) == rule
    assert from_plain(json.loads(json.dumps(to_plain(rule)))) == rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("visits > 5", Compare(VISITS, ">", (5,))),
        (
            'AND(visits > 5, last_visit >= "now-30d", EXISTS email, NOT INCLUDE other)',
            All(
                (
                    Compare(VISITS, ">", (5,)),
                    Compare(Field("last_visit"), ">=", ("now-30d",)),
                    Compare(EMAIL, "exists"),
                    Not(Included("other")),
                )
            ),
        ),
        (
            "plan = pro or visits > 1 and not email = a@b.c",
            Some(
                (
                    Compare(Field("plan"), "=", ("pro",)),
                    All((Compare(VISITS, ">", (1,)), Not(Compare(EMAIL, "=", ("a@b.c",))))),
                )
            ),
        ),
        ("visits between 1 and 5 and all", All((Compare(VISITS, "between", (1, 5)), Everyone()))),
        ("plan not in (free, 'x')", Not(Compare(Field("plan"), "in", ("free", "'x'")))),
        ("COUNT(feature export WITHIN 4w) > 14", Compare(EXPORTS, ">", (14,))),
        ("COUNT(engagement * COMPLETED) = 0", Compare(COMPLETED, "=", (0,))),
        ("SCORE(survey nps) <= 6", Compare(Happened("score", "survey_response", "nps"), "<=", (6,))),
        ("COUNT(event buy WHERE plan = pro AND n >= 5 WITHIN 4w) > 3", Compare(DEAR, ">", (3,))),
        ("count(event buy within 28d where plan = pro and n >= 5) > 3", Compare(DEAR, ">", (3,))),
        ("COUNT(page WHERE Product = 1 OR `product` = 1 WITHIN 1d) > 0", Compare(WEB, ">", (0,))),
        ("ANSWER(question s ASK q1) CONTAINS x", Compare(ANSWERED, "contains", ("x",))),
        ("score > 1.5", Compare(Field("score"), ">", (1.5,))),
        ("account.plan LIKE x*", Compare(Field("plan", "account"), "like", ("x*",))),
    ],
)  # fmt: skip
def test_the_language_means_what_it_looks_like(text: str, rule: Rule) -> None:
    assert read(text) == rule


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("", 1, 1, "a field"),
        ("AND(", 1, 5, "a field"),
        ("plan = ", 1, 8, "a value"),
        ("plan pro", 1, 6, "a comparison"),
        ("a = 1 b", 1, 7, "AND, OR or the end"),
        ("COUNT(smiles) > 1", 1, 7, "a type of events"),
        ('a = "x', 1, 5, "never closed"),
        ("x = 1\nand y ! 2", 2, 7, "means nothing"),
        ("COUNT(page home) > 1", 1, 1, "have no name"),
        ("a IN ()", 1, 7, "a value"),
        ("a NOT = 5", 1, 7, "IN, BETWEEN"),
        ("COUNT(feature x WITHIN 3y) > 1", 1, 24, "a span"),
        ("COUNT(feature x WITHIN 9999d) > 1", 1, 1, "no span"),
        ('a = "\\q"', 1, 5, "no JSON text"),
        ("COUNT(event x WHERE INCLUDE a WITHIN 1d) > 1", 1, 1, "what an event says"),
        ("COUNT(event x WHERE a < now-3d WITHIN 1d) > 1", 1, 1, "does not change with time"),
        ("COUNT(event x WHERE a < true WITHIN 1d) > 1", 1, 1, "compared with a boolean"),
        ("COUNT(event x WHERE a BETWEEN 1 AND b WITHIN 1d) > 1", 1, 1, "a number and a text"),
        ("COUNT(event x WHERE a = 1 WITHIN 1d WITHIN 2d) > 1", 1, 37, "')'"),
        ("(a = 1", 1, 7, "')'"),
    ],
)
def test_a_text_that_is_no_rule_is_refused_with_its_place(text: str, line: int, column: int, said: str) -> None:
    with pytest.raises(BadRule) as caught:
        read(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert said in caught.value.what


@pytest.mark.parametrize(
    "text", ["(" * 500 + "a = 1" + ")" * 500, "NOT " * 500 + "ALL", "AND(" * 500 + "ALL" + ")" * 500]
)
def test_a_rule_that_is_nested_too_deep_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="nested more than"):
        read(text)


def test_the_deepest_rule_that_is_allowed_comes_back() -> None:
    rule: Rule = Everyone()
    for _ in range(DEPTH_MAX - 1):
        rule = Not(rule)
    assert read(write(rule)) == rule
    with pytest.raises(Refused, match="nested more than"):
        read(write(Not(rule)))


def test_a_rule_of_too_many_conditions_is_refused() -> None:
    with pytest.raises(Refused, match="more than 500 conditions"):
        read(f"OR({', '.join(f'a = {n}' for n in range(501))})")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("COUNT(event x WHERE a = 1) > 1", "every event of its days"),
        ("COUNT(event x WHERE a = 1 WITHIN 400d) > 1", "WITHIN 1d to 366d"),
        (f"COUNT(event x WHERE a = 1{' OR b = 2' * 20} WITHIN 1d) > 1", "more than 20 conditions"),
        (" OR ".join(f"COUNT(event x WHERE a = {n} WITHIN 1d) > 1" for n in range(21)), "more than 20 WHERE"),
        (f"COUNT(event x WHERE {'NOT ' * 39} a = 1 WITHIN 1d) > 1", "nested more than"),
    ],
)
def test_a_where_is_limited(text: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        read(text)


def test_values_of_two_types_are_two_conditions() -> None:
    one, true, real = (Compare(Property("a"), "=", (value,)) for value in (1, True, 1.0))
    assert len({one, true, real, Compare(Property("a"), "=", (1,))}) == 3


@pytest.mark.parametrize(
    "plain",
    [
        None,
        "plan = pro",
        {},
        {"field": "plan"},
        {"field": "plan", "operator": "=", "value": None},
        {"field": "plan", "operator": "=", "value": {"a": 1}},
        {"field": "plan", "operator": "=", "value": "x", "more": 1},
        {"field": "plan", "operator": "like", "value": "\ud800"},
        {"field": "", "operator": "exists"},
        {"and": []},
        {"and": [{"or": "x"}]},
        {"not": {"all": False}},
        {"count": {"type": "smile"}, "operator": ">", "value": 1},
        {"count": {"type": "page_view", "days": "3"}, "operator": ">", "value": 1},
        {"score": {"type": "custom", "name": "x"}, "operator": ">", "value": 1},
        {"event_field": "colour", "operator": "exists"},
        {"property": "", "operator": "exists"},
        {"count": {"type": "custom", "days": 1, "where": {"field": "a", "operator": "exists"}}, "operator": "exists"},
        {"count": {"type": "custom", "days": 1, "where": "a = 1"}, "operator": ">", "value": 1},
        {"field": "x", "operator": ">", "value": float("inf")},
        {"field": "x", "operator": ">", "value": 10**50},
    ],
)
def test_plain_data_that_is_no_rule_is_refused(plain: object) -> None:
    with pytest.raises(Refused):
        from_plain(plain)


def test_what_an_event_says_is_not_asked_of_a_user() -> None:
    with pytest.raises(Refused, match="asked of events"):
        check(from_plain({"property": "plan", "operator": "=", "value": "pro"}))
