"""``ports.MembershipEngine``: who is in which audience, as a slow look at each person would have it."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_people import Person, Town, is_in, members, rules, towns

from footfall.engines.database import Limits
from footfall.engines.membership import DuckMembership
from footfall.errors import Refused
from footfall.model.audience_text import read
from footfall.model.audiences import Audience
from footfall.ports import MembershipEngine, OpenMemberships, Population

LIST = Audience("list", listed="identifyId")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> MembershipEngine:
    return DuckMembership(tmp_path_factory.mktemp("spill"), Limits(memory_mb=256, threads=2))


def keys_of(people: Population) -> dict[str, int]:
    known = people.people.texts("users")
    return dict(zip(known["text"].to_pylist(), known["key"].to_pylist(), strict=True))


def names(opened: OpenMemberships, audience: str) -> list[str]:
    return [name for batch in opened.members(audience) for name in batch["identify_id"].to_pylist()]


@settings(max_examples=16, deadline=None)
@given(
    towns(), st.lists(rules(["list"]), min_size=1, max_size=4), st.lists(rules(["list", "r0"]), min_size=1, max_size=3)
)
def test_members_and_reasons_are_what_each_person_alone_would_give(engine, town, first, second) -> None:
    made = [Audience(f"r{n}", rule) for n, rule in enumerate(first)]
    made += [Audience(f"s{n}", rule) for n, rule in enumerate(second)]
    audiences = {each.name: each for each in [*made, LIST]}
    with tempfile.TemporaryDirectory() as folder:
        people = town.population(engine, Path(folder))
        keys = dict(
            zip(*(c.to_pylist() for c in people.people.texts("users").select(["text", "key"]).columns), strict=True)
        )
        with engine.open(list(audiences.values()), people) as opened:
            assert opened.faults == {}
            assert opened.users == len(town.persons)
            for name in audiences:
                expected = members(town, audiences, name)
                assert names(opened, name) == sorted(expected)
                assert opened.counts()[name] == len(expected)
                assert opened.keys(name).to_pylist() == sorted(keys[each] for each in expected)
            person = town.persons[0]
            for name, audience in audiences.items():
                why = opened.explain(name, keys[person.name])
                assert why.known
                assert why.identify_id == person.name
                assert why.member == is_in(town, audiences, audience, person)
                assert why.reason is not None
                assert why.reason.holds == why.member
            listed = opened.names_of(
                pa.array([keys[each.name] for each in town.persons] + [999], pa.int32())
            ).to_pylist()
            assert listed == [
                sorted(name for name in audiences if is_in(town, audiences, audiences[name], each))
                for each in town.persons
            ] + [[]]


TOWN = Town(
    (
        Person("ada", {"email": "ada@x", "score": 7, "tags": '["a","b"]', "vip": True}, "acme", ()),
        Person("bob", {"email": "bob@y", "ltv": 1.5}, None, ()),
        Person("eve", {}, "zoo", ()),
    ),
    {"acme": {"plan": "Premium"}, "zoo": {}},
    {"list": ["bob", "nobody"], "mails": ["ada@x"]},
)


@pytest.fixture(scope="module")
def look(engine, tmp_path_factory):
    """Who answers a rule."""

    def ask(text: str) -> list[str]:
        with engine.open([Audience("a", read(text)), LIST], people) as opened:
            return names(opened, "a")

    people = TOWN.population(engine, tmp_path_factory.mktemp("town"))
    return ask


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ALL", ["ada", "bob", "eve"]),
        ("user_id = ada", ["ada"]),
        ("EMAIL = bob@y", ["bob"]),
        ("customAttribute_ltv > 1", ["bob"]),
        ("LTV > 1", ["bob"]),
        ("score != 7", ["bob", "eve"]),
        ("NOT score = 7", ["bob", "eve"]),
        ("score > 7.5", []),
        ('tags CONTAINS "b"', ["ada"]),
        ('email LIKE "*@y"', ["bob"]),
        ("account.plan = Premium", ["ada"]),
        ("account.id IN (zoo)", ["eve"]),
        ("NOT EXISTS account.id", ["bob"]),
        ("type = USER", ["ada", "bob", "eve"]),
        ("visits = 0", ["ada", "bob", "eve"]),
        ("createDate < now-1d", ["ada", "bob", "eve"]),
        ("COUNT(feature x) = 0", ["ada", "bob", "eve"]),
        ("LAST(feature x) < now", []),
        ("INCLUDE list", ["bob"]),
    ],
)
def test_fields_are_found_by_every_name_they_have(look, text: str, expected: list[str]) -> None:
    assert look(text) == expected


def test_a_list_may_be_of_another_field(engine, tmp_path: Path) -> None:
    people = TOWN.population(engine, tmp_path)
    with engine.open([Audience("mails", listed="email")], people) as opened:
        assert names(opened, "mails") == ["ada"]


@pytest.mark.parametrize("given", ["1.5", "1.50", "15e-1"])
def test_a_list_of_numbers_has_them_however_they_are_written(engine, tmp_path: Path, given: str) -> None:
    people = replace(TOWN.population(engine, tmp_path), listed=lambda _: pa.array([given, "many"]))
    with engine.open([Audience("some", listed="ltv")], people) as opened:
        assert names(opened, "some") == ["bob"]


def test_an_audience_that_cannot_be_evaluated_takes_only_those_with_it_that_are_made_of_it(
    engine, tmp_path: Path
) -> None:
    audiences = [
        Audience("bad", read("score > abc")),
        Audience("good", read("score > 1")),
        Audience("on-bad", read("NOT INCLUDE bad")),
        Audience("a", read("INCLUDE b")),
        Audience("b", read("INCLUDE a")),
        Audience("lost", read("INCLUDE nowhere")),
    ]
    with engine.open(audiences, TOWN.population(engine, tmp_path)) as opened:
        assert set(opened.faults) == {"bad", "on-bad", "a", "b", "lost"}
        assert opened.counts() == {"good": 1}
        assert "'abc' is no Long" in opened.faults["bad"]
        with pytest.raises(Refused, match="cannot be evaluated"):
            opened.keys("bad")


def test_an_explanation_tells_of_each_audience_once(engine, tmp_path: Path) -> None:
    audiences = [Audience("a0")]
    audiences += [Audience(f"a{n}", read(f"AND(INCLUDE a{n - 1}, NOT NOT INCLUDE a{n - 1})")) for n in range(1, 16)]
    people = TOWN.population(engine, tmp_path)
    with engine.open(audiences, people) as opened:
        found = opened.explain("a15", keys_of(people)["ada"])
    assert found.member
    assert found.reason is not None
    lines = list(found.reason.lines())
    assert len(lines) == 15 * 5 + 1
    assert lines[-1].endswith("INCLUDE a14")


def test_somebody_who_is_not_there_is_not_known(engine, tmp_path: Path) -> None:
    with engine.open([Audience("a")], TOWN.population(engine, tmp_path)) as opened:
        assert not opened.explain("a", 12345).known


def test_without_audiences_nobody_is_anywhere(engine, tmp_path: Path) -> None:
    with engine.open([], TOWN.population(engine, tmp_path)) as opened:
        assert opened.counts() == {}
        assert opened.names_of(pa.array([1, 2], pa.int32())).to_pylist() == [[], []]
