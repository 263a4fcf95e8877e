"""``ports.Attributes``: definitions, and what they make of everything said, whenever they are made."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footfall.errors import Missing, Refused
from footfall.model.attribute_definitions import usual

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = date(2026, 5, 1)  # in Athens
MORNING, NOON, EVENING, NEXT_DAY = "2026-05-01T06:00Z", "2026-05-01T09:00Z", "2026-05-01T18:00Z", "2026-05-02T10:00Z"


def define(stores, api_name, type="", entity="user", **more):
    return stores.attributes.define(usual(entity, api_name, type, **more), NOW)


def known(stores, who="ada", day=DAY):
    rows = stores.people.users(day).read_all().to_pylist()
    return {row["identify_id"]: json.loads(row["attributes"]) for row in rows}[who]


def rows(stores, day=DAY):
    return sorted(stores.people.users(day).read_all().to_pylist(), key=lambda row: row["identify_id"])


def named(stores, entity="user"):
    return {each.api_name: each for each in stores.attributes.all(entity)}


# --- definitions ---


def test_every_default_attribute_and_every_one_in_use_is_listed(stores, facts, zone):
    stores.people.learn(facts((NOON, "user", "ada", None, {"Team Size": 3, "title": "CTO"})), zone)
    listed = named(stores)
    assert next(iter(listed)) == "email"
    assert (listed["title"].origin, listed["title"].type, listed["title"].merge) == ("DEFAULT", "STRING", "last")
    assert (listed["Team Size"].origin, listed["Team Size"].type) == ("CUSTOM", "NUMBER")
    assert "plan" in named(stores, "account")
    with pytest.raises(Refused, match="'product' has no attributes"):
        stores.attributes.all("product")


def test_a_definition_is_kept_as_it_was_made_and_made_once(opened, tmp_path):
    with opened(tmp_path) as stores:
        assert define(stores, "Plan", label="The plan", default="free", is_pii=True)
        assert not define(stores, "Plan", label="The plan", default="free", is_pii=True)
        assert define(stores, "Plan", label="The plan", default="free")
    with opened(tmp_path) as stores:
        (plan,) = stores.attributes.defined()
        assert plan == usual("user", "Plan", label="The plan", default="free")
        assert stores.attributes.get("user", "PLAN") == plan


def test_what_is_neither_defined_nor_in_use_is_missing(stores):
    for action in (
        lambda: stores.attributes.get("user", "plan"),
        lambda: stores.attributes.remove("user", "plan", NOW),
    ):
        with pytest.raises(Missing, match="no user attribute 'plan'"):
            action()


def test_a_definition_decides_over_first_use_how_an_attribute_is_spelled_and_typed(stores, facts, zone):
    stores.people.learn(facts((NOON, "user", "ada", None, {"PLAN": "7"})), zone)
    define(stores, "Plan", "NUMBER")
    assert stores.people.custom_attributes("user") == [("Plan", "NUMBER")]
    assert known(stores) == {"Plan": 7}
    stores.attributes.remove("user", "plan", NOW)
    assert known(stores) == {"PLAN": "7"}


def test_what_is_not_enabled_is_kept_and_not_shown(stores, facts, zone):
    stores.people.learn(facts((NOON, "user", "ada", None, {"plan": "pro", "title": "CTO"})), zone)
    for state in ("DISABLED", "DELETED"):
        define(stores, "plan", state=state)
        define(stores, "title", state=state)
        assert known(stores) == {}
        assert stores.people.custom_attributes("user") == []
    define(stores, "plan")
    define(stores, "title")
    assert known(stores) == {"plan": "pro", "title": "CTO"}


def test_a_default_stands_for_whoever_has_no_value(stores, shape, facts, zone):
    stores.people.keys(shape(users={"bob": NOON}, accounts={"x": NOON}))
    stores.people.learn(facts((NOON, "user", "ada", None, {"plan": "pro"})), zone)
    define(stores, "plan", default="free")
    define(stores, "score", default=0)
    define(stores, "tier", entity="account", default=True, type="BOOLEAN")
    assert known(stores) == {"plan": "pro", "score": 0}
    assert known(stores, "bob") == {"plan": "free", "score": 0}
    (account,) = stores.people.accounts(DAY).read_all().to_pylist()
    assert json.loads(account["attributes"]) == {"tier": True}


# --- merge rules ---


def test_first_max_and_count_over_days(stores, facts, zone):
    for api_name, merge in (("source", "first"), ("best", "max"), ("calls", "count")):
        define(stores, api_name, "STRING" if merge == "first" else "NUMBER", merge=merge)
    said = [(NEXT_DAY, "ads", 7, "c"), (MORNING, "mail", 3, "a"), (EVENING, "web", "9", "b")]
    for at, source, best, event in said:
        told = {"source": source, "best": best, "calls": 1}
        stores.people.learn(facts((at, "user", "ada", None, told, event)), zone)
    assert known(stores) == {"source": "mail", "best": 9, "calls": 2}
    assert known(stores, day=DAY + timedelta(days=1)) == {"source": "mail", "best": 9, "calls": 3}


def test_sets_and_maps_are_shown_as_json(stores, facts, zone):
    define(stores, "tags", "SET", capacity=2)
    define(stores, "seats", "MAP")
    stores.people.learn(facts((MORNING, "user", "ada", None, {"tags": ["a", "b"], "seats": {"eu": 1, "us": 2}})), zone)
    stores.people.learn(facts((NOON, "user", "ada", None, {"tags": "c", "seats": {"us": None, "eu": 3}})), zone)
    assert known(stores) == {"tags": '["b","c"]', "seats": '{"eu":3}'}
    assert stores.people.custom_attributes("user") == [("seats", "MAP"), ("tags", "SET")]


def test_modified_is_when_anything_was_said_last_whatever_the_rule_keeps(stores, facts, zone):
    define(stores, "plan", merge="first")
    stores.people.learn(facts((MORNING, "user", "ada", None, {"plan": "a"})), zone)
    stores.people.learn(facts((EVENING, "user", "ada", None, {"plan": "b"})), zone)
    assert [row["modified_at"] for row in rows(stores)] == [datetime(2026, 5, 1, 18, tzinfo=UTC)]


def test_an_event_that_is_told_twice_counts_once(stores, facts, zone):
    define(stores, "calls", "NUMBER", merge="count")
    for _ in range(2):
        stores.people.learn(facts((NOON, "user", "ada", None, {"calls": 1}, "e1")), zone)
        stores.people.learn(facts((NOON, "user", "ada", None, {"calls": 1}, "e2")), zone)
    assert known(stores) == {"calls": 2}


def test_a_merged_user_and_the_one_it_is_are_counted_together(stores, shape, facts, zone):
    define(stores, "calls", "NUMBER", merge="count")
    define(stores, "plan", merge="first")
    stores.people.keys(shape(users={"old": MORNING, "new": MORNING}))
    stores.people.learn(
        facts(
            (MORNING, "user", "old", None, {"calls": 1, "plan": "a"}),
            (NOON, "user", "new", None, {"calls": 1, "plan": "b"}),
            (EVENING, "merge", "new", "old", None),
        ),
        zone,
    )
    assert known(stores, "new") == {"calls": 2, "plan": "a"}


# --- rules that change ---


def test_a_new_rule_finds_the_last_value_of_each_day_before_it(stores, facts, zone):
    said = [(MORNING, "a"), (EVENING, "b"), (NEXT_DAY, "c")]
    for at, plan in said:
        stores.people.learn(facts((at, "user", "ada", None, {"plan": plan, "title": plan})), zone)
    define(stores, "plan", merge="first")
    assert known(stores, day=DAY + timedelta(days=1)) == {"plan": "b", "title": "c"}
    stores.people.learn(facts((MORNING, "user", "ada", None, {"plan": "a"})), zone)
    assert known(stores, day=DAY + timedelta(days=1))["plan"] == "a"
    define(stores, "plan", "SET")
    assert known(stores)["plan"] == '["a","b"]'
    stores.attributes.remove("user", "plan", NOW)
    assert known(stores, day=DAY + timedelta(days=1)) == {"plan": "c", "title": "c"}


def test_what_is_said_while_any_rule_is_in_force_is_known_word_by_word_to_later_ones(stores, facts, zone):
    define(stores, "calls", "NUMBER", merge="count")
    for at, plan in ((MORNING, "a"), (NOON, "c"), (EVENING, "b")):
        stores.people.learn(facts((at, "user", "ada", None, {"plan": plan})), zone)
    define(stores, "plan", merge="max")
    assert known(stores)["plan"] == "c"
    define(stores, "plan", "NUMBER", merge="count")
    assert known(stores)["plan"] == 3


def test_a_definition_that_cannot_be_made_changes_nothing(stores, facts, zone):
    stores.people.learn(facts((NOON, "user", "ada", None, {"plan": "pro"})), zone)

    def breaks_half_way() -> None:
        with stores.store.transaction():
            define(stores, "plan", "SET")
            raise EOFError

    with pytest.raises(EOFError):
        breaks_half_way()
    assert stores.attributes.defined() == []
    assert known(stores) == {"plan": "pro"}


WHO = st.sampled_from(["ada", "bob"])
AT = st.sampled_from([MORNING, NOON, EVENING, NEXT_DAY, "2026-05-04T10:00Z"])
VALUE = st.sampled_from(["a", "b", 1, 2.5, True, None, ["a", 1], {"k": 1}, {"k": None, "j": 2}])
TOLD = st.dictionaries(st.sampled_from(["plan", "Plan", "score", "tags"]), VALUE, min_size=1, max_size=3)
RULE = st.sampled_from(
    [
        {"type": "STRING", "merge": "first"},
        {"type": "NUMBER", "merge": "max"},
        {"type": "STRING", "merge": "min"},
        {"type": "NUMBER", "merge": "count"},
        {"type": "SET", "capacity": 2},
        {"type": "MAP"},
    ]
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), rules=st.tuples(RULE, RULE), said=st.lists(st.tuples(AT, WHO, TOLD), min_size=1, max_size=8))
def test_neither_order_nor_repetition_nor_the_moment_of_a_definition_changes_the_result(
    fresh, facts, zone, data, rules, said
):
    one, other = fresh(), fresh()
    plan, tags = rules
    told = [(at, "user", who, None, attributes, f"e{n}") for n, (at, who, attributes) in enumerate(said)]
    for stores in (one, other):
        define(stores, "anything", "NUMBER", merge="count")  # from here on everything is known word by word
    define(one, "plan", **plan)
    define(one, "tags", **tags)
    one.people.learn(facts(*told), zone)
    again = data.draw(st.permutations(told + data.draw(st.lists(st.sampled_from(told), max_size=4))))
    cut = data.draw(st.integers(0, len(again)))
    other.people.learn(facts(*again[:cut]), zone)
    define(other, "tags", "SET")
    define(other, "plan", **plan)
    other.people.learn(facts(*again[cut:]), zone)
    define(other, "tags", **tags)
    for day in (DAY, DAY + timedelta(days=1), DAY + timedelta(days=9)):
        assert comparable(one, day) == comparable(other, day)


def comparable(stores, day):
    return [{**row, "user_key": 0, "attributes": json.loads(row["attributes"])} for row in rows(stores, day)]


# --- what is taken back ---

IMPORT, OTHER = "im" + "a" * 22, "im" + "b" * 22


@pytest.mark.parametrize("merge", ["last", "max"])
def test_what_rows_of_a_file_said_can_be_taken_back(stores, facts, zone, merge):
    if merge != "last":
        define(stores, "plan", merge=merge)
    stores.people.learn(facts((MORNING, "user", "ada", None, {"plan": "a", "title": "CTO"}, "e1")), zone)
    stores.people.learn(facts((NEXT_DAY, "user", "ada", None, {"plan": "x", "phone": "1"}, f"{IMPORT}-1")), zone)
    stores.people.learn(facts((NEXT_DAY, "user", "bob", None, {"plan": "x"}, f"{OTHER}-1")), zone)
    assert known(stores, day=DAY + timedelta(days=1)) == {"plan": "x", "title": "CTO", "phone": "1"}
    assert stores.people.forget("web", f"{IMPORT}-") == 1
    assert stores.people.forget("web", f"{IMPORT}-") == 0
    assert known(stores, day=DAY + timedelta(days=1)) == {"plan": "a", "title": "CTO"}
    assert known(stores, "bob", day=DAY + timedelta(days=1)) == {"plan": "x"}


def test_who_was_joined_by_rows_that_are_taken_back_is_two_again(stores, facts, zone):
    define(stores, "email", is_identifier=True)
    stores.people.learn(facts((MORNING, "user", "ada", None, {"email": "a@x.org"}, "e1")), zone)
    stores.people.learn(facts((NOON, "user", "bob", None, {"email": "a@x.org"}, f"{IMPORT}-1")), zone)
    assert stores.people.merges().num_rows == 1
    stores.people.forget("web", f"{IMPORT}-")
    assert stores.people.merges().num_rows == 0
