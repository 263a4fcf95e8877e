"""Which users are one person, from who ever said what: the same whatever came first, and never too many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.model.identity import JOINED, PERSON_MAX, TOO_LARGE, Shared, compared, judge, persons


def shared(value, *users, field="email"):
    return Shared(field, value, tuple((user, at) for at, user in enumerate(users, start=1)))


def joined(*values):
    return {user: into for user, (into, _) in persons(judge(values), lambda user: (user, "")).items()}


@pytest.mark.parametrize(
    ("said", "texts"),
    [
        pytest.param(" Ada@Example.COM ", ["ada@example.com"], id="an address"),
        pytest.param("CaseMatters", ["CaseMatters"], id="an id"),
        pytest.param(4711, ["4711"], id="a number"),
        pytest.param('["a@x.org","B@x.org",null]', ["a@x.org", "b@x.org"], id="a list"),
        pytest.param("[not json", ["[not json"], id="no list"),
        pytest.param("x" * 1001, [], id="too long"),
    ],
)
def test_what_values_are_compared_as(said, texts):
    assert list(compared(said)) == texts


@pytest.mark.parametrize(
    "nothing", ["", "  ", "N/A", "null", "None", "undefined", "0", 0, True, None, "[object Object]"]
)
def test_words_for_nothing_identify_nobody(nothing):
    assert list(compared(nothing)) == []


def test_users_who_share_a_value_live_on_in_the_oldest():
    assert joined(shared("a@x.org", 3, 1), shared("b@x.org", 5, 3)) == {3: 1, 5: 1}
    assert joined(shared("a@x.org", 3, 1), shared("b@x.org", 5, 4)) == {3: 1, 5: 4}


def test_users_are_one_from_when_the_second_said_the_value():
    found = persons(judge([shared("a@x.org", 3, 1, 2), shared("crm-7", 2, 9, field="crm")]), lambda user: (user, ""))
    assert found == {3: (1, 2), 2: (1, 2), 9: (1, 2)}


def test_a_value_that_would_make_a_person_too_large_joins_nobody():
    chain = [shared(f"{n:04}@x.org", n, n + 1) for n in range(PERSON_MAX - 1)]
    last = shared("9999@x.org", PERSON_MAX - 1, PERSON_MAX)
    verdicts = judge([last, *chain])
    assert [verdict.shared.value for verdict in verdicts if verdict.outcome == TOO_LARGE] == ["9999@x.org"]
    assert sum(verdict.outcome == JOINED for verdict in verdicts) == PERSON_MAX - 1


def test_values_that_fewer_share_go_first():
    many = shared("a@x.org", *range(PERSON_MAX))
    few = shared("z@x.org", PERSON_MAX, 0)
    assert [(verdict.shared.value, verdict.outcome) for verdict in judge([many, few])] == [
        ("z@x.org", JOINED),
        ("a@x.org", TOO_LARGE),
    ]


VALUES = st.lists(
    st.builds(
        lambda number, users: shared(f"v{number}", *users),
        st.integers(0, 50),
        st.lists(st.integers(0, 12), unique=True, min_size=2, max_size=4),
    ),
    max_size=8,
    unique_by=lambda each: each.value,
)


@given(VALUES, st.randoms(use_true_random=False))
def test_the_order_of_values_changes_nothing_and_whoever_is_final_is_nobody_else(values, random):
    shuffled = list(values)
    random.shuffle(shuffled)
    found = persons(judge(values), lambda user: (-user, ""))
    assert persons(judge(shuffled), lambda user: (-user, "")) == found
    finals = {into for into, _ in found.values()}
    assert not finals & set(found)
    for each in values:
        assert len({found.get(user, (user, 0))[0] for user, _ in each.holders}) == 1
