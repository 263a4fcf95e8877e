"""Merge rules: what becomes of several sayings, whatever their order, repetition and grouping."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.model.attribute_definitions import MERGES, usual
from footfall.model.merging import hear, rule_of, saying, since
from footfall.model.people import canonical_json

FOREVER = 2**60


def registers_of(definition, sayings):
    rules = {"x": rule} if (rule := rule_of(definition)) else {}
    registers = {}
    for value, at in sayings:
        if (register := saying("x", value, at, rules)) is not None:
            hear(registers, {"x": register}, rules)
    return registers, rules


def shown(definition, sayings, until=FOREVER):
    registers, rules = registers_of(definition, sayings)
    if "x" not in registers:
        return None
    if "x" not in rules:
        return registers["x"][0]
    return rules["x"].shown(registers["x"], until, definition.keep_days)


def defined(type, merge, **more):
    return usual("user", "x", type, merge=merge, **more)


@pytest.mark.parametrize(
    ("type", "merge", "sayings", "expected"),
    [
        pytest.param("STRING", "last", [("b", 2), ("a", 1), ("c", 3)], "c", id="keep last"),
        pytest.param("STRING", "first", [("b", 2), ("a", 1), (None, 0)], "a", id="keep first, null says nothing"),
        pytest.param("STRING", "first", [("b", 1), ("a", 1)], "a", id="of two first ones the smaller text"),
        pytest.param("NUMBER", "first", [("many", 1), (3, 2)], 3, id="what does not fit is not the first"),
        pytest.param("NUMBER", "max", [("9", 1), (10, 2), (2.5, 3)], 10, id="numbers by value, not by text"),
        pytest.param("NUMBER", "min", [("9", 1), (10, 2), ("x", 3)], "9", id="smallest number"),
        pytest.param("STRING", "max", [("9", 1), ("10", 2)], "9", id="texts by text"),
        pytest.param("BOOLEAN", "max", [(False, 1), ("true", 2), (False, 3)], "true", id="ever true"),
        pytest.param(
            "DATE_TIME", "min", [("2026-01-02", 1), ("2026-01-01T23:00:00-02:00", 2)], "2026-01-02", id="by instant"
        ),
        pytest.param("NUMBER", "count", [("a", 1), ("a", 1), (None, 2), (7, 3)], 3, id="count what was said"),
        pytest.param("SET", "add", [(["b", 1], 1), ("a", 2), ('["b"]', 3)], '["a","b",1]', id="set"),
        pytest.param("SET", "last", [("[1,2]", 1), ("[3]", 2)], "[3]", id="a set that is replaced"),
        pytest.param("MAP", "add", [({"a": 1, "b": 1}, 1), ('{"a":2}', 2), ("c", 3)], '{"a":2,"b":1}', id="map"),
        pytest.param("MAP", "add", [({"a": 1}, 1), ({"a": None}, 2)], None, id="null takes a key out of a map"),
    ],
)
def test_what_becomes_of_several_sayings(type, merge, sayings, expected):
    assert shown(defined(type, merge), sayings) == expected
    assert shown(defined(type, merge), sayings[::-1]) == expected


def test_a_set_that_is_full_keeps_what_was_said_last():
    three = defined("SET", "add", capacity=3)
    assert shown(three, [("a", 1), ("b", 2), ("c", 3), ("d", 4), ("a", 5)]) == '["a","c","d"]'


def test_what_was_said_too_long_ago_is_not_shown_and_not_lost():
    day = 86_400_000_000
    month = defined("SET", "add", keep_days=30)
    said = [("old", 0), ("new", 5 * day)]
    assert shown(month, said, until=30 * day) == '["new","old"]'
    assert shown(month, said, until=30 * day + 1) == '["new"]'
    assert shown(month, said, until=36 * day) is None


def test_what_was_said_up_to_an_instant_can_be_forgotten():
    for definition, left in (
        (defined("SET", "add"), '["b"]'),
        (defined("MAP", "add"), '{"b":1}'),
        (defined("STRING", "last"), "b"),
        (defined("STRING", "first"), None),
    ):
        one, two = ({"a": 1}, {"b": 1}) if definition.type == "MAP" else ("a", "b")
        registers, rules = registers_of(definition, [(one, 1), (two, 2)])
        register = since(registers["x"], 1)
        shown_left = rules["x"].shown(register, FOREVER, None) if register and rules else register and register[0]
        assert shown_left == left
        assert since(registers["x"], 2) is None


RULES = st.sampled_from([(kind, merge) for kind, merges in MERGES.items() for merge in merges])
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 12),
    st.sampled_from(["a", "b", "10", "9", "2026-01-02", "2026-01-02T00:00:00Z", "", "[1]", "[", "{}"]),
    st.lists(st.sampled_from(["a", "b", "c", 1, None]), max_size=3).map(canonical_json),
    st.dictionaries(st.sampled_from("abc"), st.sampled_from([1, 2, "x", None]), max_size=3).map(canonical_json),
)
SAYINGS = st.lists(st.tuples(VALUES, st.integers(0, 6)), max_size=10)


@given(RULES, SAYINGS, st.integers(1, 3), st.randoms(use_true_random=False))
def test_order_changes_nothing(rule, sayings, capacity, random):
    definition = defined(*rule, capacity=capacity)
    shuffled = list(sayings)
    random.shuffle(shuffled)
    assert registers_of(definition, sayings) == registers_of(definition, shuffled)


@given(RULES, SAYINGS, SAYINGS, SAYINGS, st.integers(1, 3))
def test_parts_may_be_joined_in_any_grouping(rule, one, two, three, capacity):
    definition = defined(*rule, capacity=capacity)
    whole, rules = registers_of(definition, [*one, *two, *three])
    left = registers_of(definition, [*one, *two])[0]
    hear(left, registers_of(definition, three)[0], rules)
    right = registers_of(definition, one)[0]
    hear(right, registers_of(definition, [*two, *three])[0], rules)
    assert left == right == whole


@given(RULES.filter(lambda rule: rule[1] != "count"), SAYINGS, st.integers(1, 3))
def test_but_for_counts_repetition_changes_nothing(rule, sayings, capacity):
    definition = defined(*rule, capacity=capacity)
    assert registers_of(definition, [*sayings, *sayings]) == registers_of(definition, sayings)


@given(RULES, SAYINGS)
def test_registers_are_the_same_after_they_were_stored(rule, sayings):
    definition = defined(*rule)
    registers, rules = registers_of(definition, sayings)
    stored = {name: tuple(register) for name, register in json.loads(json.dumps(registers)).items()}
    one, other = dict(registers), dict(stored)
    hear(one, registers_of(definition, [("a", 9)])[0], rules)
    hear(other, registers_of(definition, [("a", 9)])[0], rules)
    assert json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
