"""Registers, histories and merges: what is known does not depend on the order in which it was told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.model.people import Definition, History, absorb, canonical_json, define, resolve, said, tell

NAMES = st.sampled_from(["a", "b"])
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from(["x", "y", "10", "9"]))
TOLD = st.lists(st.tuples(st.integers(0, 3), NAMES, VALUES, st.integers(0, 9)), max_size=12)  # day, name, value, at


def test_the_later_value_stands():
    registers = {}
    assert tell(registers, "a", "new", 2)
    assert not tell(registers, "a", "old", 1)
    assert tell(registers, "a", None, 3)
    assert registers == {"a": (None, 3)}


def test_of_two_values_at_one_instant_the_larger_text_stands():
    for first, second in (("a", "b"), (9, 10), (None, False), (True, "x")):
        stands = max(first, second, key=canonical_json)
        for order in ((first, second), (second, first)):
            registers = {}
            for value in order:
                tell(registers, "a", value, 1)
            assert registers["a"] == (stands, 1)


def test_canonical_text_has_sorted_keys_no_spaces_and_any_unicode():
    assert canonical_json({"b": [1, None], "a": "é"}) == '{"a":"é","b":[1,null]}'


@given(TOLD, TOLD)
def test_joining_is_the_same_from_either_side(one, other):
    left, right = {}, {}
    for _, name, value, at in one:
        tell(left, name, value, at)
    for _, name, value, at in other:
        tell(right, name, value, at)
    both, other_way = dict(left), dict(right)
    absorb(both, right)
    absorb(other_way, left)
    assert both == other_way
    assert not absorb(both, right)


def as_of(told, day):
    registers = {}
    for said_on, name, value, at in told:
        if said_on <= day:
            tell(registers, name, value, at + 10 * said_on)
    return registers


@given(TOLD, st.randoms(use_true_random=False), st.integers(0, 12))
def test_a_history_knows_each_day_what_was_said_by_its_end(told, random, cut):
    shuffled = [*told, *told[:3]]
    random.shuffle(shuffled)
    rows = []
    for part in (shuffled[:cut], shuffled[cut:]):
        history = History(rows)
        for day, name, value, at in part:
            history.tell(day, {name: (value, at + 10 * day)})
        changed = dict(history.rows())
        rows = sorted({**dict(rows), **changed}.items())
    assert [day for day, _ in rows] == sorted({day for day, *_ in told})
    for day, registers in rows:
        assert registers == as_of(told, day)


def test_a_fact_that_says_nothing_new_changes_no_row():
    history = History([(1, {"a": ("x", 10)}), (2, {"a": ("y", 20)})])
    history.tell(1, {"a": ("x", 10)})
    assert list(history.rows()) == []
    history.tell(1, {"b": ("z", 11)})
    assert [day for day, _ in history.rows()] == [1, 2]


def test_nested_values_are_kept_as_text_and_identities_are_no_attributes():
    told = {
        "id": "7",
        "first_name": "Ada",
        "Plan": {"b": 1, "a": [None]},
        "tags": ["x", "é"],
        "location": {"city": "Athens", "country": "GR"},
        "customAttributes": {"beta": True},
        "customAttribute_size": 3,
    }
    names, values = said("user", told)
    assert names.registers(values, 5) == {
        "beta": (True, 5),
        "firstName": ("Ada", 5),
        "location_cityName": ("Athens", 5),
        "location_countryCode": ("GR", 5),
        "plan": ('{"a":[null],"b":1}', 5),
        "size": (3, 5),
        "tags": ('["x","é"]', 5),
    }
    assert [(name, spelling) for _, name, spelling in names.custom] == [
        ("plan", "Plan"),
        ("tags", "tags"),
        ("beta", "beta"),
        ("size", "size"),
    ]


def test_of_two_spellings_in_one_call_the_larger_value_stands():
    for told in ({"Plan": "a", "plan": "b"}, {"plan": "b", "Plan": "a"}):
        names, values = said("user", told)
        assert names.registers(values, 1) == {"plan": ("b", 1)}


def test_whole_numbers_beyond_64_bits_are_text():
    assert said("user", {"a": 2**63 - 1, "b": 2**63, "c": -(2**70)})[1] == [
        2**63 - 1,
        str(2**63),
        str(-(2**70)),
    ]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["Size", "size"]), st.sampled_from([1, "x", True])), min_size=1
    ),
    st.randoms(use_true_random=False),
)
def test_the_earliest_use_defines_whatever_comes_first(uses, random):
    results = []
    for _ in range(2):
        definitions: dict[str, Definition] = {}
        for at, spelling, value in uses:
            define(definitions, "size", spelling, value, at)
        results.append(definitions)
        random.shuffle(uses)
    assert results[0] == results[1]
    assert results[0]["size"].first_at == min(at for at, _, _ in uses)


def test_null_defines_nothing():
    definitions: dict[str, Definition] = {}
    assert not define(definitions, "size", "Size", None, 1)
    assert definitions == {}


@pytest.mark.parametrize(
    ("merges", "final"),
    [
        pytest.param({}, {}, id="nobody"),
        pytest.param({"a": ("b", 1)}, {"a": "b"}, id="one"),
        pytest.param({"a": ("b", 1), "b": ("c", 2)}, {"a": "c", "b": "c"}, id="a chain"),
        pytest.param({"a": ("b", 1), "b": ("a", 2)}, {"b": "a"}, id="there and back: the later stands"),
        pytest.param({"a": ("b", 2), "b": ("a", 1)}, {"a": "b"}, id="back and there"),
        pytest.param(
            {"x": ("b", 9), "a": ("b", 3), "b": ("c", 2), "c": ("a", 5)},
            {"x": "b", "a": "b", "c": "b"},
            id="a ring with a tail",
        ),
        pytest.param({"a": ("b", 1), "b": ("a", 1)}, {"b": "a"}, id="at one instant: the smaller text stays"),
    ],
)
def test_merges_end_at_one_user(merges, final):
    assert resolve(merges) == final
    assert resolve(dict(reversed(merges.items()))) == final


@given(st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.sampled_from("abcdef"), st.integers(0, 3))))
def test_whoever_is_final_is_nobody_else(merges):
    merges = {text: into for text, into in merges.items() if into[0] != text}
    final = resolve(merges)
    assert not set(final) & set(final.values())
    assert set(final) <= set(merges)
    assert resolve(dict(sorted(merges.items(), reverse=True))) == final
