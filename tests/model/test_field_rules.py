"""Rules about fields: what is remembered of the places at which they fit."""

from __future__ import annotations

import time
import tracemalloc
from itertools import pairwise, product

import pytest

from footfall.model.field_rules import GONE, FieldRule, Matcher, coarse

PATHS = ("**.secret", "traits.*.email", "properties.**", "*.deep.**.x")


def test_places_of_the_same_rules_are_one_however_deep_they_are():
    place = Matcher.of([FieldRule("**.secret", "drop")])
    chain = [place]
    for name in ("properties", "a", "b", "c"):
        into = chain[-1].into(name)
        assert into is not None
        chain.append(into)
    assert all(one is other for one, other in pairwise(chain[1:]))
    secret = chain[-1].into("SECRET")
    assert secret is not None
    assert secret.action == "drop"


@pytest.mark.parametrize(
    ("text", "kept"),
    [("Ana@Example.com ", "@example.com"), ("a@b", GONE), ("a@.b", GONE), ("a@b.", GONE), ("a@b@c.d", GONE)],
)
def test_of_an_address_its_domain_is_left(text, kept):
    assert coarse(text) == kept


def test_a_long_text_that_is_nearly_an_address_costs_no_more_than_its_length():
    began = time.process_time()
    assert coarse("a@" + "." * 64_000 + " x") is GONE
    assert time.process_time() - began < 0.5  # it was minutes


def test_names_that_events_say_take_no_memory():
    place = Matcher.of([FieldRule(path, "drop") for path in PATHS])
    tracemalloc.start()
    for names in product(("traits", "context"), (str(number) for number in range(1_000)), ("a", "deep", "email"), "bx"):
        here: Matcher | None = place
        for name in names:
            here = here and here.into(name)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 100_000
