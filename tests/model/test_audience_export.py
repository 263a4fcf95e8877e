"""What an audience export is: conditions as people write them, and lists as one CSV field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.errors import Refused
from footfall.model.audience_export import (
    AudienceExport,
    Condition,
    joined,
    joined_map,
    split_list,
    split_map,
)
from footfall.model.user_fields import LIST, as_kind, chosen, field_named, user_fields

JOINS = st.sampled_from("&|;,/ \t")
# Few letters besides the special ones, so that they meet.
TEXTS = st.text() | st.text(alphabet="ab&|;,%=25D6", max_size=8)
FIELDS = user_fields([("plan", "STRING"), ("ltv", "NUMBER"), ("vip", "BOOLEAN"), ("since", "DATE_TIME")])


@given(st.lists(TEXTS), JOINS)
def test_a_list_comes_back_from_one_field(items: list[str], join: str) -> None:
    assert split_list(joined(items, join), join) == items


@given(st.dictionaries(TEXTS, TEXTS), JOINS)
def test_a_map_comes_back_from_one_field(entries: dict[str, str], join: str) -> None:
    assert split_map(joined_map(entries, join), join) == entries


def test_a_list_without_anything_special_is_its_items_joined() -> None:
    assert joined(["a", "b"]) == "a&b"
    assert joined_map({"k": "v", "k2": "v2"}) == "k=v&k2=v2"
    assert joined(["R&D", "1=1", "100%"]) == "R%26D&1%3D1&100%25"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plan = pro", {"field": "plan", "operator": "=", "value": "pro"}),
        ("plan != two words", {"field": "plan", "operator": "!=", "value": "two words"}),
        ("plan in pro, team", {"field": "plan", "operator": "in", "value": ["pro", "team"]}),
        ('plan in ["a, b", "c"]', {"field": "plan", "operator": "in", "value": ["a, b", "c"]}),
        ('plan = " spaced "', {"field": "plan", "operator": "=", "value": " spaced "}),
        ("score >= 5", {"field": "score", "operator": ">=", "value": "5"}),
        ("email exists", {"field": "email", "operator": "exists"}),
        ("email missing", {"field": "email", "operator": "missing"}),
    ],
)
def test_a_condition_is_read_as_it_is_written(text: str, value: dict[str, object]) -> None:
    condition = Condition.parse(text)
    assert condition.to_value() == value
    assert Condition.from_value(value) == condition


@pytest.mark.parametrize(
    "text", ["plan", "plan = ", "plan ~ x", "plan in", "email exists now", 'plan = "open', "= x", ""]
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        Condition.parse(text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("score > 5", (5,)),
        ("ltv > 1.5", (1.5,)),
        ("vip = true", (True,)),
        ("since < 2026-01-31", ("2026-01-31T00:00:00.000Z",)),
        ("createDate >= 2026-01-31T12:00:00+02:00", ("2026-01-31T10:00:00.000Z",)),
        ("customAttribute_plan = 5", ("5",)),
    ],
)
def test_values_take_the_type_of_their_field(text: str, values: tuple[object, ...]) -> None:
    condition = Condition.parse(text)
    assert condition.typed(field_named(FIELDS, condition.field)) == values


@pytest.mark.parametrize("text", ["score > many", "vip = perhaps", "since < soon", "vip > false", "anonymousIds = x"])
def test_a_value_that_is_not_of_the_type_is_refused(text: str) -> None:
    condition = Condition.parse(text)
    with pytest.raises(Refused):
        condition.typed(field_named(FIELDS, condition.field))


def test_fields_are_the_columns_of_the_users_report_and_the_visitors() -> None:
    names = [field.name for field in FIELDS]
    assert names[:4] == ["aptrinsicId", "email", "identifyId", "anonymousIds"]
    assert "isDeleted" not in names
    assert "customAttribute_plan" in names
    assert len(names) == len(set(names))


def test_fields_are_chosen_in_the_order_given_with_or_without_their_prefix() -> None:
    found = chosen(FIELDS, ["plan", "email", "customAttribute_plan"])
    assert [field.name for field in found] == ["customAttribute_plan", "email"]
    assert chosen(FIELDS, []) == FIELDS
    with pytest.raises(Refused, match="nickname"):
        chosen(FIELDS, ["nickname"])


def test_only_custom_texts_can_be_said_to_be_lists() -> None:
    assert as_kind(field_named(FIELDS, "plan"), LIST).type == LIST
    for name in ("email", "ltv", "vip"):
        with pytest.raises(Refused):
            as_kind(field_named(FIELDS, name), LIST)


@pytest.mark.parametrize(
    "wrong",
    [{"layout": "xml"}, {"mode": "some"}, {"limit": 0}, {"join": "ab"}, {"join": "%"}, {"join": "a"}, {"join": "\n"}],
)
def test_an_export_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(Refused):
        AudienceExport(**wrong)  # type: ignore[arg-type]


def test_two_definitions_differ_in_their_digest_when_they_differ() -> None:
    one = AudienceExport(fields=("email",))
    assert one.digest() == AudienceExport(fields=("email",)).digest()
    assert one.digest() != AudienceExport(fields=("email",), limit=5).digest()
