"""``ports.Catalogue``, over every implementation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from footfall.model.feature_rules import FeatureRule
from footfall.model.metadata import (
    Article,
    BadDefinition,
    Engagement,
    Environment,
    Feature,
    Metadata,
    Product,
    Question,
    Survey,
)
from footfall.stores.catalogue import MapperRules

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = AT.replace(day=2)
WHOLE = Metadata(
    products=(Product("shop", "Shop", product_group="retail"),),
    environments=(Environment("Production", "1"),),
    features=(
        Feature("f1", "Cart", "MODULE", product_key="shop"),
        Feature("f2", "Pay", parent_feature_id="f1", product_key="shop", labels=("money", "new, hot")),
    ),
    engagements=(
        Engagement(
            id="e1",
            name="Hello",
            type="IN_APP_GUIDE",
            product_keys=("shop",),
            environments=("Production", "QA"),
            priority_rank=3,
            ignore_throttling=True,
            audience_urls=("https://x/?a=1,2",),
            created_at=AT,
            modified_at=LATER,
            modified_by="ada",
        ),
    ),
    surveys=(Survey(id="s1", name="NPS", type="IN_APP_NPS_SURVEY", questions=(Question("q1", "How likely?"),)),),
    articles=(Article("ZENDESK_ARTICLE_PROVIDER", "42", "How to pay", "https://help/42"),),
)


def test_an_empty_catalogue_defines_nothing(stores):
    assert stores.catalogue.read() == Metadata()


def test_what_was_written_is_read_back_whole(stores):
    stores.catalogue.write(WHOLE, AT)
    assert stores.catalogue.read() == WHOLE


def test_writing_twice_is_writing_once(stores):
    stores.catalogue.write(WHOLE, AT)
    stores.catalogue.write(WHOLE, AT)
    assert stores.catalogue.read() == WHOLE


def test_a_definition_replaces_its_own_id_and_leaves_the_rest(stores):
    stores.catalogue.write(WHOLE, AT)
    renamed = replace(WHOLE.features[1], name="Checkout")
    stores.catalogue.write(Metadata(features=(renamed,)), LATER)
    assert stores.catalogue.read() == replace(WHOLE, features=(WHOLE.features[0], renamed))


def test_an_older_definition_does_not_replace_a_newer_one(stores):
    stores.catalogue.write(WHOLE, LATER)
    stores.catalogue.write(Metadata(features=(Feature("f1", "Old name", "MODULE"),)), AT)
    assert stores.catalogue.read() == WHOLE


def test_a_deleted_feature_keeps_its_name(stores):
    stores.catalogue.write(WHOLE, AT)
    stores.catalogue.write(Metadata(features=(replace(WHOLE.features[1], status="DELETED"),)), LATER)
    assert stores.catalogue.read().feature_path("f2") == "Cart -> Pay"


def test_an_engagement_that_becomes_a_survey_moves(stores):
    stores.catalogue.write(WHOLE, AT)
    stores.catalogue.write(Metadata(surveys=(Survey(id="e1", name="Hello", type="IN_APP_CES_SURVEY"),)), LATER)
    assert [e.id for e in stores.catalogue.read().engagements] == []
    assert [s.id for s in stores.catalogue.read().surveys] == ["e1", "s1"]


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        pytest.param(Metadata(features=(Feature("f3", "x", parent_feature_id="nobody"),)), "nobody", id="no parent"),
        pytest.param(Metadata(features=(Feature("f1", "x", parent_feature_id="f2"),)), "f1 -> f2 -> f1", id="a ring"),
        pytest.param(Metadata(features=(Feature("f9", "x", "PAGE"),)), "'PAGE' is not known", id="unknown word"),
        pytest.param(Metadata(features=(Feature("f9", "x"), Feature("f9", "y"))), "more than once", id="an id twice"),
    ],
)
def test_a_definition_that_cannot_hold_changes_nothing(stores, bad, fault):
    stores.catalogue.write(WHOLE, AT)
    with pytest.raises(BadDefinition, match=fault):
        stores.catalogue.write(bad, LATER)
    assert stores.catalogue.read() == WHOLE


def test_a_child_may_be_written_after_its_parent(stores):
    stores.catalogue.write(WHOLE, AT)
    stores.catalogue.write(Metadata(features=(Feature("f3", "Card", parent_feature_id="f2"),)), LATER)
    assert stores.catalogue.read().feature_path("f3") == "Cart -> Pay -> Card"


def test_the_catalogue_survives_a_restart(opened, tmp_path):
    with opened(tmp_path) as stores:
        stores.catalogue.write(WHOLE, AT)
    with opened(tmp_path) as stores:
        assert stores.catalogue.read() == WHOLE


def test_what_the_mapper_needs_is_read_again_only_when_it_changed(stores):
    rules = MapperRules(stores.store)
    before = rules()
    assert before == (0, Metadata())
    stores.catalogue.write(WHOLE, AT)
    assert rules() == before  # nothing in it has rules
    used = Feature("f3", "Orders", product_key="shop", rules=(FeatureRule("URL", "/orders"),))
    shop = Product("shop", "Shop", hosts=("*.example",))
    stores.catalogue.write(Metadata(products=(shop,), features=(used,)), AT)
    assert rules() == (1, Metadata(products=(shop,), features=(used,)))
    assert rules()[1] is rules()[1]
    stores.catalogue.write(Metadata(features=(replace(used, status="DELETED"),)), AT)
    assert rules()[0] == 2


def test_labels_are_few_and_on_few_features(stores):
    eleven = tuple(Feature(f"l{n}", "x", product_key="shop", labels=("hot",)) for n in range(11))
    stores.catalogue.write(Metadata(features=(*eleven[1:], replace(eleven[0], status="DELETED"))), AT)
    with pytest.raises(BadDefinition, match="more than 10 features of shop have the label 'hot'"):
        stores.catalogue.write(Metadata(features=eleven), LATER)
    crowded = Feature("many", "x", product_key="blog", labels=tuple(map(str, range(21))))
    with pytest.raises(BadDefinition, match="blog has more than 20 labels"):
        stores.catalogue.write(Metadata(features=(crowded,)), AT)
