"""Definitions as YAML: what is read, and where a mistake is said to be."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from footfall.config.definitions import load_definitions
from footfall.errors import Refused
from footfall.model.metadata import Feature

ROOT = Path(__file__).parents[2]


@pytest.fixture
def read(tmp_path):
    def read(text: str):
        path = tmp_path / "footfall.yaml"
        path.write_text(text, "utf-8")
        return load_definitions(path)

    return read


def test_definitions_are_read_with_their_types(read):
    metadata = read(
        """
features:
  - {id: shop, name: Shop, type: MODULE}
  - id: 7
    name: "Größe"
    parentFeatureId: shop
    labels: [on, no]   # YAML 1.2: these are words, not truths
engagements:
  - id: e
    name: Hello
    type: IN_APP_GUIDE
    created_at: 2026-01-31T12:00:00+02:00
    modified_at: 2026-02-01
"""
    )
    assert metadata.features[1] == Feature("7", "Größe", parent_feature_id="shop", labels=("on", "no"))
    assert metadata.engagements[0].created_at == datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert metadata.engagements[0].modified_at == datetime(2026, 2, 1, tzinfo=UTC)


def test_an_empty_file_defines_nothing(read):
    assert read("") == read("# nothing yet\n") == read("features: []\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "features:\n  - id: a\n    name: A\n    type: PAGE\n", ":4:5: features[0].type: 'PAGE'", id="word"
        ),
        pytest.param("features:\n  - id: a\n", ":2:5: features[0]: name is missing", id="missing field"),
        pytest.param("features:\n  - id: a\n    nmae: A\n", ":3:5: features[0].nmae: is no field", id="unknown field"),
        pytest.param("pages: []\n", ":1:1: pages: is no kind of definition", id="unknown kind"),
        pytest.param("- a\n", ":1:1: ", id="a list"),
        pytest.param(
            "features:\n  - {id: a, name: A}\n  - {id: b, name: B, parent_feature_id: c}\n",
            ":3:22: features[1].parent_feature_id: no feature has the id 'c'",
            id="in flow style",
        ),
        pytest.param("features:\n  - id: a\n    id: b\n", ":3:5: ", id="a key twice"),
        pytest.param("features: [\n", ":2:1: ", id="no YAML"),
        pytest.param("features: !!python/name:os.system\n", ":1:", id="a foreign tag"),
    ],
)
def test_a_mistake_is_named_by_file_line_and_column(read, tmp_path, text, said):
    with pytest.raises(Refused) as caught:
        read(text)
    assert str(caught.value).startswith(f"{tmp_path / 'footfall.yaml'}{said}")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Refused, match="No such file"):
        load_definitions(tmp_path / "nowhere.yaml")


def test_the_examples_of_the_guide_are_read(read):
    guide = (ROOT / "docs" / "guide" / "metadata.md").read_text("utf-8")
    examples = re.findall(r"^```yaml\n(.*?)^```$", guide, re.M | re.S)
    assert examples
    whole = read("\n".join(examples))
    assert whole.feature_path("pay-by-card") == "Shop -> Checkout -> Pay by card"
    assert whole.products
    assert whole.environments
    assert whole.engagements
    assert whole.surveys
    assert whole.articles
