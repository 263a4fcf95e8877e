"""What a plan says of two states."""

from __future__ import annotations

import pytest

from footfall.model.plans import Action, FieldChange, Wanted, compared, plan


def test_creations_come_in_the_order_of_kinds_and_deletions_after_them_in_the_opposite_order():
    wanted = [Wanted("keys", {"b": {"n": 1}}, prunes=True), Wanted("jobs", {"y": {}}, prunes=True), Wanted("names", {})]
    current = {"keys": {"a": {}, "c": {}}, "jobs": {"x": {}}, "names": {"m": {}}}
    made = plan(wanted, current)
    assert [(str(change.action), change.name) for change in made.changes] == [
        ("create", "b"), ("create", "y"), ("delete", "x"), ("delete", "a"), ("delete", "c"),
    ]  # fmt: skip
    assert made.left == (("names", "m"),)
    assert [made.count(action) for action in Action] == [2, 0, 3]


def test_what_is_the_same_is_no_change():
    assert compared("jobs", "a", {"to": "out", "at": {"h": 3}}, {"at": {"h": 3}, "to": "out"}) is None


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        pytest.param({"n": 1}, {"n": 2}, [("n", 1, 2)], id="value"),
        pytest.param({"n": 1}, {"n": True}, [("n", 1, True)], id="one is not true"),
        pytest.param({"n": 1}, {}, [("n", 1, None)], id="left out"),
        pytest.param({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, [("a.c", 2, None)], id="below"),
        pytest.param({}, {"a": {"b": {"c": 1}}}, [("a.b.c", None, 1)], id="far below"),
        pytest.param({"a": {"b": 1}}, {"a": "x"}, [("a", {"b": 1}, "x")], id="mapping and text"),
        pytest.param({"a": {}}, {}, [("a", {}, None)], id="empty mapping"),
        pytest.param({"l": [1, 2]}, {"l": [2, 1]}, [("l", [1, 2], [2, 1])], id="order of a list"),
    ],
)
def test_a_change_is_told_field_by_field(before, after, fields):
    change = compared("jobs", "a", before, after)
    assert change is not None
    assert change.fields == tuple(FieldChange(*field) for field in fields)


def test_a_kept_field_counts_only_when_it_is_said():
    assert compared("jobs", "a", {"paused": True}, {}, kept=("paused",)) is None
    change = compared("jobs", "a", {"paused": True}, {"paused": False}, kept=("paused",))
    assert change is not None
    assert change.fields == (FieldChange("paused", True, False),)
