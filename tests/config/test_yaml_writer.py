"""What is written as YAML is read as the same data, by us and by others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from footfall.config.yaml_tree import parse_tree, plain
from footfall.config.yaml_writer import write_yaml

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
doubtful = st.sampled_from(
    [
        *("NO", "on", "y", "3:00", "03:00", "12:30:45", "0123", "1_000", "1e3", ".5", "~", "null", "True", "<<", "="),
        *("2026-11-20", "${env:X}", "a: b", "- a", "#x", "*a", "&a", "!a", "%a", "@a", "`a", "'", '"', "", " ", "\t"),
        *("\n", "a\n", "\u2028", "\ufeff", "\x85", "\x7f", "{a}", "[a]", "a #b", "?", "? a", "-", "---", "..."),
        *("0x1f", "0o7", "+1", ".inf", ".NaN"),
    ]
)
leaves = texts | doubtful | st.booleans() | st.integers(-(10**17), 10**17)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))


@given(st.dictionaries(texts | doubtful, values, min_size=1, max_size=5))
def test_any_data_comes_back_and_is_written_the_same_again(data):
    text = write_yaml(data)
    (tree,) = parse_tree(text, "f")
    assert plain(tree) == data
    assert write_yaml(plain(tree)) == text


@given(st.lists(doubtful, min_size=1))
def test_readers_of_yaml_1_1_take_a_text_for_a_text(words):
    old = YAML(typ="safe", pure=True)
    old.version = (1, 1)
    read = old.load("%YAML 1.1\n---\n" + write_yaml({"words": words}))
    assert read == {"words": words}


@pytest.mark.parametrize("data", [{"a": {}}, {"a": []}, {"a": {"b": [{"c": "d"}, {}]}}])
def test_what_is_empty_stays_empty(data):
    (tree,) = parse_tree(write_yaml(data), "f")
    assert plain(tree) == data
