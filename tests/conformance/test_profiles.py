"""``ports.Profiles`` and what identifies people: who is one person, from when on, and why."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footfall.errors import Missing
from footfall.model.attribute_definitions import usual

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = date(2026, 5, 1)
MORNING, NOON, EVENING, NEXT_DAY = "2026-05-01T06:00Z", "2026-05-01T09:00Z", "2026-05-01T18:00Z", "2026-05-02T10:00Z"


def identify_by(stores, api_name="email", **more):
    stores.attributes.define(usual("user", api_name, is_identifier=True, **more), NOW)


def say(stores, facts, zone, *said):
    rows = [(at, "user", who, None, attributes, f"{who}{n}") for n, (at, who, attributes) in enumerate(said)]
    stores.people.learn(facts(*rows), zone)


def merges(stores):
    texts = dict(zip(*(stores.people.texts("users")[c].to_pylist() for c in ("key", "text")), strict=True))
    return {texts[row["user_key"]]: texts[row["into_key"]] for row in stores.people.merges().to_pylist()}


# --- one person ---


def test_users_who_share_what_identifies_are_the_oldest_of_them(stores, shape, facts, zone):
    identify_by(stores)
    stores.people.keys(shape(users={"new": NOON, "old": MORNING}))
    say(
        stores,
        facts,
        zone,
        (NOON, "new", {"email": "Ada@example.com", "title": "CTO"}),
        (MORNING, "old", {"phone": "1"}),
    )
    assert merges(stores) == {}
    say(stores, facts, zone, (EVENING, "old", {"email": "ada@EXAMPLE.com "}))
    assert merges(stores) == {"new": "old"}
    found = {row["identify_id"]: row for row in stores.people.users(DAY).read_all().to_pylist()}
    assert (found["new"]["deleted"], found["old"]["deleted"]) == (True, False)
    assert json.loads(found["old"]["attributes"]) == {"email": "ada@EXAMPLE.com ", "title": "CTO", "phone": "1"}


def test_a_day_before_they_shared_it_they_are_two(stores, facts, zone):
    identify_by(stores)
    say(stores, facts, zone, (MORNING, "a", {"email": "x@example.com"}), (NEXT_DAY, "b", {"email": "x@example.com"}))
    assert len(stores.profiles.get("a", DAY).users) == 1
    assert stores.profiles.get("a", DAY + timedelta(days=1)).users == ["a", "b"]


def test_what_too_many_share_joins_nobody_and_parts_who_was_joined(stores, facts, zone):
    identify_by(stores, shared_by_max=2)
    say(stores, facts, zone, (MORNING, "a", {"email": "shop@x.org"}), (NOON, "b", {"email": "shop@x.org"}))
    assert merges(stores) == {"b": "a"}
    say(stores, facts, zone, (NEXT_DAY, "c", {"email": "shop@x.org"}))
    assert merges(stores) == {}
    assert stores.profiles.get("a", DAY).users == ["a", "b"]
    assert stores.profiles.crowds() == [{"field": "email", "value": "shop@x.org", "users": 3, "limit": 2}]
    assert [(each.identify_id, each.users, each.outcome) for each in stores.profiles.joinings()] == [
        ("c", 3, "too many"),
        ("b", 2, "joined"),
    ]


def test_aliases_and_identities_lead_to_one_user(stores, shape, facts, zone):
    identify_by(stores)
    stores.people.keys(shape(users={"a": MORNING, "b": NOON, "c": EVENING, "d": EVENING}))
    stores.people.learn(facts((EVENING, "merge", "b", "d", None)), zone)
    say(stores, facts, zone, (NOON, "d", {"email": "x@x.org"}), (NOON, "a", {"email": "x@x.org"}))
    assert merges(stores) == {"b": "a", "d": "a"}


def test_an_identifier_that_is_defined_later_finds_what_was_said_and_one_that_is_not_any_more_parts(
    stores, facts, zone
):
    say(stores, facts, zone, (MORNING, "a", {"crm": 7, "title": "x"}), (NOON, "b", {"crm": "7", "title": "x"}))
    assert merges(stores) == {}
    identify_by(stores, "crm")
    assert merges(stores) == {"b": "a"}
    assert [each.outcome for each in stores.profiles.joinings()] == ["joined"]
    stores.attributes.define(usual("user", "crm"), NOW)
    assert merges(stores) == {}
    assert stores.profiles.joinings() == []


TOLD = st.tuples(
    st.sampled_from([MORNING, NOON, EVENING, NEXT_DAY]),
    st.sampled_from(["a", "b", "c", "d", "e"]),
    st.dictionaries(st.sampled_from(["email", "crm"]), st.sampled_from(["x", "y", "z", None]), min_size=1),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), said=st.lists(TOLD, min_size=1, max_size=9))
def test_the_order_of_events_does_not_change_who_is_who(fresh, shape, facts, zone, data, said):
    one, other = fresh(), fresh()
    born = dict(zip("abcde", (NOON, MORNING, MORNING, EVENING, NOON), strict=True))
    rows = [(at, "user", who, None, attributes, f"e{n}") for n, (at, who, attributes) in enumerate(said)]
    for stores, order in ((one, rows), (other, data.draw(st.permutations(rows)))):
        stores.attributes.define(usual("user", "n", "NUMBER", merge="count"), NOW)  # all is known word by word
        identify_by(stores, shared_by_max=3)
        cut = data.draw(st.integers(0, len(order)))
        stores.people.keys(shape(users=dict(data.draw(st.permutations(sorted(born.items()))))))
        stores.people.learn(facts(*order[:cut]), zone)
        identify_by(stores, "crm", shared_by_max=2)
        stores.people.learn(facts(*order[cut:]), zone)
    assert merges(one) == merges(other)
    for day in (DAY, DAY + timedelta(days=1)):
        assert [stores_profile(one, who, day) for who in "abcde"] == [
            stores_profile(other, who, day) for who in "abcde"
        ]


def stores_profile(stores, who, day):
    found = stores.profiles.get(who, day)
    return (found.identify_id, found.users, found.attributes, found.modified_at)


# --- what is known, and why ---


def test_a_person_is_found_by_any_of_their_ids(stores, shape, facts, zone):
    identify_by(stores)
    stores.people.keys(shape(users={"a": MORNING, "b": NOON}, visitors=["v"], accounts={"x": NOON}))
    say(stores, facts, zone, (NOON, "a", {"email": "x@x.org"}), (NOON, "b", {"email": "x@x.org"}))
    stores.people.learn(
        facts((NOON, "member", "b", "x", None), (NOON, "link", "b", "v", None), (EVENING, "identify", "b", None, None)),
        zone,
    )
    found = stores.profiles.get("b", DAY)
    assert (found.asked, found.identify_id, found.account_id) == ("b", "a", "x")
    assert (found.users, found.visitors) == (["a", "b"], ["v"])
    assert found.sign_up_at == datetime(2026, 5, 1, 18, tzinfo=UTC)
    assert stores.profiles.get(found.uid, DAY).users == found.users
    (row,) = [row for row in stores.people.users(DAY).read_all().to_pylist() if not row["deleted"]]
    assert row["uid"] == found.uid
    assert row["sign_up_at"] == found.sign_up_at
    assert json.loads(row["attributes"]) == found.attributes


def test_nobody_is_known_before_they_came(stores, shape):
    stores.people.keys(shape(users={"a": NEXT_DAY}))
    for who in ("a", "b"):
        with pytest.raises(Missing, match=f"nobody is known as '{who}'"):
            stores.profiles.get(who, DAY)


def test_who_only_shares_over_others_is_found_too(stores, facts, zone):
    identify_by(stores)
    identify_by(stores, "crm")
    said = [("a", "email", "1"), ("b", "email", "1"), ("b", "crm", "x"), ("c", "crm", "x"), ("d", "email", "4")]
    say(stores, facts, zone, *((NOON, who, {field: f"{field}-{value}"}) for who, field, value in said))
    stores.people.learn(facts((NOON, "merge", "c", "e", None), (NOON, "user", "e", None, {"email": "email-4"})), zone)
    for who in "abcde":
        assert stores.profiles.get(who, DAY).users == ["a", "b", "c", "d", "e"]


def test_why_says_which_event_said_what_and_what_two_users_share(stores, facts, zone):
    identify_by(stores)
    stores.attributes.define(usual("user", "plan", merge="first"), NOW)
    say(
        stores, facts, zone,
        (MORNING, "a", {"email": "x@x.org", "plan": "free"}),
        (NOON, "b", {"email": "x@x.org", "plan": "pro"}),
    )  # fmt: skip
    stores.people.learn(facts((EVENING, "merge", "b", "c", None)), zone)
    found = stores.profiles.get("a", DAY, why=True)
    held = {each.api_name: each for each in found.held}
    assert (held["plan"].value, held["plan"].merge, held["plan"].said_at.hour) == ("free", "first", 6)
    assert [(source, event, value) for _, source, event, value in held["plan"].sayings] == [
        ("web", "b1", "pro"),
        ("web", "a0", "free"),
    ]
    assert [(tie.field, tie.value, tie.outcome, [who for who, _ in tie.users]) for tie in found.ties] == [
        ("email", "x@x.org", "joined", ["a", "b"]),
    ]


def test_why_names_aliases_and_values_that_too_many_share(stores, shape, facts, zone):
    identify_by(stores, shared_by_max=2)
    stores.people.keys(shape(users=dict.fromkeys("abcd", MORNING)))
    stores.people.learn(facts((NOON, "merge", "a", "d", None)), zone)
    say(stores, facts, zone, *((NOON, who, {"email": "shop@x.org"}) for who in "abc"))
    ties = stores.profiles.get("d", DAY, why=True).ties
    assert [(tie.field, tie.value, tie.outcome, tie.count) for tie in ties] == [
        ("alias", "a", "joined", 2),
        ("email", "shop@x.org", "too many", 3),
    ]
