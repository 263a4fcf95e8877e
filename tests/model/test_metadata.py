"""The catalogue of names: its checks, its paths, and definitions as plain data."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.model import definitions
from footfall.model.metadata import (
    ENGAGEMENT_TYPES,
    SURVEY_TYPES,
    BadDefinition,
    Engagement,
    Feature,
    Metadata,
    Survey,
    check,
    content_type,
    survey_type,
)

TREE = Metadata(
    features=(Feature("a", "Shop", "MODULE"), Feature("b", "Cart", "MODULE", "a"), Feature("c", "Pay", "FEATURE", "b"))
)


def test_the_path_of_a_feature_names_its_ancestors():
    assert TREE.feature_path("c") == "Shop -> Cart -> Pay"
    assert TREE.feature_path("a") == "Shop"
    assert TREE.feature_path("c", "/") == "Shop/Cart/Pay"
    assert TREE.feature_path("nobody") is None


@pytest.mark.parametrize("engagement", SURVEY_TYPES)
def test_a_survey_is_known_by_every_spelling_of_its_type(engagement):
    short = engagement.removeprefix("IN_APP_").removesuffix("_SURVEY")
    for word in (engagement, SURVEY_TYPES[engagement], short, short.lower()):
        assert survey_type(word) == engagement
        assert content_type(word) == SURVEY_TYPES[engagement]
    assert engagement in ENGAGEMENT_TYPES


def test_other_types_are_no_surveys():
    assert survey_type("IN_APP_GUIDE") is None
    assert content_type("") is None


@pytest.mark.parametrize(
    ("plain", "place", "fault"),
    [
        pytest.param([], "", "no mapping", id="not a mapping"),
        pytest.param({"pages": []}, "pages", "no kind of definition", id="unknown kind"),
        pytest.param({"features": {}}, "features", "no list", id="kind is no list"),
        pytest.param({"features": ["a"]}, "features[0]", "no mapping", id="item is no mapping"),
        pytest.param({"features": [{"id": "a"}]}, "features[0]", "name is missing", id="missing field"),
        pytest.param(
            {"features": [{"id": "a", "name": "A", "colour": 1}]}, "features[0].colour", "no field", id="unknown field"
        ),
        pytest.param(
            {"features": [{"id": "a", "name": "A", "productKey": "p", "product_key": "q"}]},
            "features[0].product_key",
            "given twice",
            id="a field under two spellings",
        ),
        pytest.param({"features": [{"id": 1.5, "name": "A"}]}, "features[0].id", "no text", id="wrong type"),
        pytest.param({"features": [{"id": " ", "name": "A"}]}, "features[0]", "no id", id="empty id"),
        pytest.param(
            {"features": [{"id": "a", "name": "A", "type": "PAGE"}]}, "features[0].type", "'PAGE'", id="unknown type"
        ),
        pytest.param(
            {"features": [{"id": "a", "name": "A"}, {"id": "a", "name": "B"}]},
            "features[0]",
            "more than once",
            id="an id twice",
        ),
        pytest.param(
            {"features": [{"id": "a", "name": "A", "parent_feature_id": "a"}]},
            "features[0].parent_feature_id",
            "a -> a",
            id="its own parent",
        ),
        pytest.param(
            {"features": [{"id": "a", "name": "A", "parent_feature_id": "b"}]},
            "features[0].parent_feature_id",
            "no feature has the id 'b'",
            id="no parent",
        ),
        pytest.param(
            {
                "surveys": [
                    {"id": "s", "name": "S", "type": "NPS", "questions": [{"id": "q", "text": "?", "type": "X"}]}
                ]
            },
            "surveys[0].questions[0].type",
            "'X'",
            id="a question's type",
        ),
        pytest.param(
            {
                "engagements": [{"id": "e", "name": "E", "type": "EMAIL"}],
                "surveys": [{"id": "e", "name": "S", "type": "NPS"}],
            },
            "surveys[0].id",
            "an engagement already",
            id="one id for a survey and an engagement",
        ),
        pytest.param(
            {"engagements": [{"id": "e", "name": "E", "type": "EMAIL", "created_at": "soon"}]},
            "engagements[0].created_at",
            "no instant",
            id="a time that is none",
        ),
        pytest.param(
            {"engagements": [{"id": "e", "name": "E", "type": "EMAIL", "ignore_throttling": "yes"}]},
            "engagements[0].ignore_throttling",
            "neither true nor false",
            id="a word for a truth",
        ),
        pytest.param(
            {"articles": [{"provider": "WIKI", "external_article_id": 1, "title": "T"}]},
            "articles[0].provider",
            "'WIKI'",
            id="unknown provider",
        ),
        pytest.param(
            {"products": [{"product_key": "p", "name": "P", "channel": "fax"}]},
            "products[0].channel",
            "'fax'",
            id="unknown channel",
        ),
    ],
)
def test_a_bad_definition_is_named_by_its_place(plain, place, fault):
    with pytest.raises(BadDefinition) as caught:
        definitions.read(plain, whole=True)
    assert str(caught.value).startswith(f"{place}: " if place else "")
    assert fault in caught.value.what


def test_camel_case_and_numbers_as_ids_are_read():
    found = definitions.read({"features": [{"id": 7, "name": "B", "parentFeatureId": "1", "productKey": "shop"}]})
    assert found.features == (Feature("7", "B", parent_feature_id="1", product_key="shop"),)


words = st.text(min_size=1, max_size=8).filter(str.strip)
engagements = st.builds(
    Engagement,
    id=words,
    name=st.text(),
    type=st.sampled_from(ENGAGEMENT_TYPES),
    labels=st.lists(st.text()).map(tuple),
    priority_rank=st.none() | st.integers(),
    ignore_throttling=st.booleans(),
    created_at=st.none() | st.datetimes(timezones=st.just(UTC)),
)


@given(st.lists(engagements, max_size=4, unique_by=lambda e: e.id))
def test_plain_data_reads_back_as_the_same_metadata(items):
    metadata = replace(TREE, engagements=tuple(items))
    assert definitions.read(definitions.write(metadata), whole=True) == metadata


@given(st.lists(st.sampled_from("abcde"), min_size=5, max_size=5))
def test_a_tree_is_accepted_exactly_when_every_feature_has_a_root(parents):
    features = tuple(
        Feature(name, name, parent_feature_id=None if parent == "e" else parent)
        for name, parent in zip("abcde", parents, strict=True)
    )
    up = {f.id: f.parent_feature_id for f in features}

    def rooted(feature):
        for _ in range(6):
            feature = up.get(feature) if feature is not None else None
        return feature is None

    if all(map(rooted, up)):
        check(Metadata(features=features))
    else:
        with pytest.raises(BadDefinition, match="their own parents"):
            check(Metadata(features=features))


def test_merging_replaces_by_id_and_moves_between_kinds():
    old = replace(TREE, engagements=(Engagement(id="e", name="E", type="EMAIL"),))
    survey = Survey(id="e", name="E", type="IN_APP_NPS_SURVEY")
    merged = old.merged(Metadata(features=(Feature("b", "Basket", "MODULE", "a"),), surveys=(survey,)))
    assert merged.feature_path("c") == "Shop -> Basket -> Pay"
    assert merged.all_engagements == (survey,)
    assert merged.merged(Metadata()) == merged
