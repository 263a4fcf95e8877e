"""Definitions of attributes: what may be said in one, and how it is written."""

from __future__ import annotations

import pytest

from footfall.errors import Refused
from footfall.model.attribute_definitions import check, of_plain, plain_of, usual
from footfall.model.user_fields import user_fields


def test_a_default_attribute_has_its_own_type_and_the_name_of_its_column():
    title = usual("user", "job_title")
    assert (title.api_name, title.type, title.origin) == ("title", "STRING", "DEFAULT")
    assert usual("user", "score").type == "NUMBER"
    assert usual("account", "plan").origin == "DEFAULT"
    assert usual("user", "plan").origin == "CUSTOM"


def test_sayings_merge_as_is_usual_for_the_type():
    assert [usual("user", "x", kind).merge for kind in ("", "NUMBER", "SET", "MAP")] == ["last", "last", "add", "add"]


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"api_name": "x", "entity": "product"}, "'product' has no attributes"),
        ({"api_name": ""}, "cannot be set by anybody"),
        ({"api_name": "x" * 201}, "cannot be set by anybody"),
        ({"api_name": "aptrinsicId"}, "cannot be set by anybody"),
        ({"api_name": "title", "type": "NUMBER"}, "default attribute of type STRING"),
        ({"api_name": "x", "type": "LIST"}, "cannot have the type 'LIST'"),
        ({"api_name": "x", "state": "OFF"}, "cannot have the state 'OFF'"),
        ({"api_name": "x", "merge": "count"}, "cannot have the merge rule 'count'"),
        ({"api_name": "x", "type": "SET", "merge": "max"}, "cannot have the merge rule 'max'"),
        ({"api_name": "x", "capacity": 7}, "keeps one value"),
        ({"api_name": "x", "type": "SET", "capacity": 0}, "cannot have capacity 0"),
        ({"api_name": "x", "type": "SET", "keep_days": 0}, "cannot have keep_days 0"),
        ({"api_name": "x", "is_identifier": True, "shared_by_max": 1}, "cannot have shared_by_max 1"),
        ({"api_name": "x", "type": "NUMBER", "default": "many"}, "'many' is no NUMBER"),
        ({"api_name": "x", "type": "SET", "default": "a"}, "'a' is no SET"),
        ({"api_name": "x", "entity": "account", "is_identifier": True}, "cannot identify a person"),
        ({"api_name": "x", "type": "BOOLEAN", "is_identifier": True}, "cannot identify a person"),
    ],
)
def test_what_could_not_work_is_refused_with_what_is_wrong(plain, said):
    with pytest.raises(Refused, match=said) as raised:
        of_plain(plain)
    assert raised.value.hint


@pytest.mark.parametrize(
    "plain",
    [
        {"api_name": "x"},
        {"api_name": "email", "is_identifier": True, "is_pii": True},
        {"api_name": "x", "type": "SET", "capacity": 7, "keep_days": 30},
        {"api_name": "x", "type": "NUMBER", "merge": "max", "default": 0, "label": "X", "state": "DISABLED"},
        {"api_name": "x", "type": "BOOLEAN", "default": False},
    ],
)
def test_a_definition_is_read_as_it_was_written_without_what_is_usual(plain):
    definition = of_plain(plain)
    check(definition)
    written = plain_of(definition)
    assert of_plain(written) == definition
    assert {"entity": "user", "type": definition.type, **plain} == written


def test_sets_and_maps_are_lists_and_maps_to_an_audience_export():
    fields = {each.name: each.type for each in user_fields([("seats", "MAP"), ("tags", "SET"), ("n", "NUMBER")])}
    named = {name: fields[f"customAttribute_{name}"] for name in ("seats", "tags", "n")}
    assert named == {"seats": "Map", "tags": "List", "n": "Number"}
