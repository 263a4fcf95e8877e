"""``ports.People``: every numbered promise, over every implementation."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from uuid import uuid5

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DAY = date(2026, 5, 1)  # in Athens: 2026-04-30T21:00Z up to 2026-05-01T21:00Z
MORNING, NOON, EVENING = "2026-05-01T06:00Z", "2026-05-01T09:00Z", "2026-05-01T18:00Z"
LATE_EVENING, NEXT_DAY = "2026-05-01T21:00Z", "2026-05-02T10:00Z"


def key_of(stores, dimension, text):
    table = stores.people.texts(dimension)
    return dict(zip(table["text"].to_pylist(), table["key"].to_pylist(), strict=True))[text]


def users(stores, day=DAY):
    rows = stores.people.users(day).read_all().to_pylist()
    return {row["identify_id"]: {**row, "attributes": json.loads(row["attributes"])} for row in rows}


def accounts(stores, day=DAY):
    rows = stores.people.accounts(day).read_all().to_pylist()
    return {row["account_id"]: {**row, "attributes": json.loads(row["attributes"])} for row in rows}


def attributes(stores, day=DAY, who="ada"):
    return users(stores, day)[who]["attributes"]


# --- keys ---


def test_keys_come_in_the_order_of_the_shape_and_stay_the_same(stores, shape):
    told = shape(users={"b": NOON, "a": NOON}, visitors=["v2", "v1"], accounts={"x": NOON}, terms=["t", "s", "u"])
    first, again = stores.people.keys(told), stores.people.keys(told)
    for dimension, texts in (("users", ["b", "a"]), ("visitors", ["v2", "v1"]), ("terms", ["t", "s", "u"])):
        table = getattr(first, dimension)
        assert table["text"].to_pylist() == texts
        assert table.schema.field("key").type == pa.int32()
        assert table == getattr(again, dimension)
        assert len(set(table["key"].to_pylist())) == len(texts)


def test_an_empty_shape_has_no_keys(stores, shape):
    keys = stores.people.keys(shape())
    assert [t.num_rows for t in (keys.users, keys.visitors, keys.accounts, keys.terms)] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("nul\0inside", id="a NUL inside"),
        pytest.param('quote " and \\ back', id="quotes"),
        pytest.param("日本語 🙂 e\u0301", id="beyond ASCII"),
        pytest.param("\u2028\x7f\x01", id="controls"),
    ],
)
def test_any_text_is_found_again_under_its_key(stores, shape, text):
    others = {"nul": NOON, "nul\0other": NOON, "x": NOON}
    first = stores.people.keys(shape(users={text: NOON, **others}))
    again = stores.people.keys(shape(users={**others, text: NOON}))
    assert again.users["key"].to_pylist()[-1] == first.users["key"].to_pylist()[0]
    assert len(set(first.users["key"].to_pylist())) == 4


def test_case_and_composition_tell_identities_apart(stores, shape):
    keys = stores.people.keys(shape(users={"Ada": NOON, "ada": NOON, "ad\u00e4": NOON, "ada\u0308": NOON}))
    assert len(set(keys.users["key"].to_pylist())) == 4


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(st.text(max_size=5), unique=True, max_size=8), max_size=6))
def test_a_key_is_never_given_to_another_string(fresh, shape, batches):
    stores = fresh()
    seen: dict[int, str] = {}
    for batch in batches:
        keys = stores.people.keys(shape(visitors=batch)).visitors
        for text, key in zip(keys["text"].to_pylist(), keys["key"].to_pylist(), strict=True):
            assert seen.setdefault(key, text) == text
    assert len(seen) == len({text for batch in batches for text in batch})


def test_a_key_of_a_transaction_that_failed_is_not_remembered(stores, shape):
    stores.people.keys(shape(users={"zoe": NOON}))

    def fail() -> None:
        with stores.store.transaction():
            for _ in range(3):
                stores.people.keys(shape(users={"ada": NOON, "zoe": MORNING}))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    other = stores.people.keys(shape(users={"bob": NOON})).users["key"].to_pylist()
    again = stores.people.keys(shape(users={"ada": NOON, "bob": NOON, "zoe": MORNING})).users["key"].to_pylist()
    assert again[1:2] == other
    assert len(set(again)) == 3
    assert {name: row["created_at"] for name, row in users(stores).items()}["zoe"] == datetime(
        2026, 5, 1, 6, tzinfo=UTC
    )


def test_texts_of_some_keys_are_only_those(stores, shape):
    keys = stores.people.keys(shape(terms=["a", "b", "c"])).terms["key"]
    asked = pa.array([keys[2].as_py(), keys[0].as_py(), keys[2].as_py(), 9999], pa.int32())
    assert stores.people.texts("terms", asked)["text"].to_pylist() == ["a", "c"]
    assert stores.people.texts("terms")["text"].to_pylist() == ["a", "b", "c"]
    assert stores.people.texts("users").schema.names == ["key", "text"]


def test_keys_survive_a_restart(opened, tmp_path, shape):
    with opened(tmp_path) as stores:
        before = stores.people.keys(shape(users={"a": NOON})).users
    with opened(tmp_path) as stores:
        assert stores.people.keys(shape(users={"a": NOON})).users == before
        assert stores.people.keys(shape(users={"b": NOON})).users["key"] != before["key"]


def test_a_user_has_an_opaque_id_made_from_the_subscription(stores, shape, subscription):
    stores.people.keys(shape(users={"zoë@example.com": NOON}))
    assert users(stores)["zoë@example.com"]["uid"] == str(uuid5(subscription, "zoë@example.com"))


def test_a_transaction_that_fails_leaves_nothing_behind(stores, shape, facts, zone):
    def breaks_half_way():
        with stores.store.transaction():
            stores.people.keys(shape(users={"ada": NOON}))
            stores.people.learn(facts((NOON, "user", "ada", None, {"title": "x"})), zone)
            raise EOFError

    with pytest.raises(EOFError):
        breaks_half_way()
    assert stores.people.texts("users").num_rows == 0
    stores.people.learn(facts((NOON, "user", "ada", None, {"title": "y"})), zone)
    assert attributes(stores) == {"title": "y"}


# --- registers ---


def test_the_latest_value_wins_whenever_it_arrives(stores, facts, zone):
    stores.people.learn(facts((NOON, "user", "ada", None, {"title": "CTO", "score": 2})), zone)
    stores.people.learn(facts((MORNING, "user", "ada", None, {"title": "Engineer", "phone": "1"})), zone)
    assert attributes(stores) == {"title": "CTO", "score": 2, "phone": "1"}


def test_null_clears_an_attribute_until_it_is_said_again(stores, facts, zone):
    stores.people.learn(facts((NOON, "user", "ada", None, {"title": None})), zone)
    stores.people.learn(facts((MORNING, "user", "ada", None, {"title": "CTO"})), zone)
    assert attributes(stores) == {}
    stores.people.learn(facts((EVENING, "user", "ada", None, {"title": "CEO"})), zone)
    assert attributes(stores) == {"title": "CEO"}


def test_a_late_fact_shows_on_its_day_and_on_every_later_one(stores, facts, zone):
    stores.people.learn(facts((NEXT_DAY, "user", "ada", None, {"title": "CTO"})), zone)
    stores.people.learn(facts((NOON, "user", "ada", None, {"title": "Engineer", "phone": "1"})), zone)
    assert attributes(stores, DAY) == {"title": "Engineer", "phone": "1"}
    assert attributes(stores, DAY + timedelta(days=1)) == {"title": "CTO", "phone": "1"}
    assert attributes(stores, DAY + timedelta(days=30)) == {"title": "CTO", "phone": "1"}


WHO = st.sampled_from(["ada", "bob", "cyd"])
AT = st.sampled_from([MORNING, NOON, "2026-05-01T20:59:59.999999Z", LATE_EVENING, NEXT_DAY, "2026-05-04T10:00Z"])
VALUE = st.sampled_from(["a", "b", 1, 2.5, True, None, "2026-01-31T12:00:00Z", ["l"], {"k": 1}])
FACT = st.one_of(
    st.tuples(
        AT,
        st.just("user"),
        WHO,
        st.none(),
        st.dictionaries(st.sampled_from(["first_name", "firstName", "Plan", "plan", "score"]), VALUE, max_size=3),
    ),
    st.tuples(AT, st.just("account"), st.none(), st.sampled_from(["x", "y"]), st.just({"plan": "pro", "tier": 1})),
    st.tuples(AT, st.just("member"), WHO, st.sampled_from(["x", "y"]), st.none()),
    st.tuples(AT, st.just("link"), WHO, st.sampled_from(["v", "w"]), st.none()),
    st.tuples(AT, st.just("merge"), WHO, WHO, st.none()),
    st.tuples(AT, st.just("identify"), WHO, st.none(), st.none()),
)


def everything(stores):
    """All that reports are made of, with keys replaced by their texts."""
    text = {
        dimension: dict(zip(*(stores.people.texts(dimension)[c].to_pylist() for c in ("key", "text")), strict=True))
        for dimension in ("users", "visitors", "accounts")
    }
    known = {"user_key": "users", "into_key": "users", "anonymous_key": "visitors", "account_key": "accounts"}

    def shown(table, *, dropped=()):
        rows = [
            {
                name: text[known[name]].get(value) if name in known else value
                for name, value in row.items()
                if name not in dropped
            }
            for row in table.to_pylist()
        ]
        return sorted(rows, key=repr)

    days = [DAY - timedelta(days=1), DAY, DAY + timedelta(days=1), DAY + timedelta(days=9)]
    return (
        [shown(stores.people.users(day).read_all()) for day in days],
        [shown(stores.people.accounts(day).read_all()) for day in days],
        shown(stores.people.merges()),
        in_force(shown(stores.people.links()), "anonymous_key", "user_key"),
        in_force(shown(stores.people.members()), "user_key", "account_key"),
        stores.people.custom_attributes("user"),
        stores.people.custom_attributes("account"),
    )


def in_force(rows, owner, target):
    """Who the target is at each instant something was said: the larger of two said at once, repeats left out."""
    latest = {}
    for row in rows:
        at = (row[owner], row["at"])
        latest[at] = max(latest.get(at, row[target]), row[target])
    shown = []
    for (who, at), what in sorted(latest.items()):
        if not shown or shown[-1][0] != who or shown[-1][2] != what:
            shown.append((who, at, what))
    return shown


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), told=st.lists(FACT, min_size=1, max_size=8))
def test_order_and_repetition_of_facts_change_nothing(fresh, shape, facts, zone, data, told):
    one, other = fresh(), fresh()
    seen = shape(users=dict.fromkeys(("ada", "bob", "cyd"), MORNING))
    one.people.keys(seen)
    one.people.learn(facts(*told), zone)
    again = data.draw(st.permutations(told + data.draw(st.lists(st.sampled_from(told), max_size=4))))
    cut = data.draw(st.integers(0, len(again)))
    other.people.keys(shape(users={"cyd": NOON}))
    other.people.learn(facts(*again[:cut]), zone)
    other.people.keys(seen)
    other.people.learn(facts(*again[cut:]), zone)
    assert everything(one) == everything(other)


# --- as of a day ---


def test_a_snapshot_holds_nothing_that_happened_after_its_day(stores, shape, facts, zone):
    stores.people.keys(shape(users={"ada": NOON, "bob": LATE_EVENING}, accounts={"x": LATE_EVENING}))
    stores.people.learn(
        facts(
            (LATE_EVENING, "user", "ada", None, {"title": "CTO"}),
            (LATE_EVENING, "identify", "ada", None, None),
            (LATE_EVENING, "member", "ada", "x", None),
            (LATE_EVENING, "merge", "bob", "ada", None),
        ),
        zone,
    )
    (ada,) = users(stores).values()
    assert (ada["attributes"], ada["sign_up_at"], ada["account_key"], ada["deleted"]) == ({}, None, None, False)
    assert ada["modified_at"] == ada["created_at"]
    assert accounts(stores) == {}
    later = users(stores, DAY + timedelta(days=1))
    assert set(later) == {"ada", "bob"}
    assert later["ada"]["deleted"]
    assert later["bob"]["attributes"] == {"title": "CTO"}
    assert set(accounts(stores, DAY + timedelta(days=1))) == {"x"}


def test_a_user_is_created_by_the_earliest_event_that_names_it(stores, shape):
    stores.people.keys(shape(users={"ada": NOON}, accounts={"x": NOON}))
    stores.people.keys(shape(users={"ada": EVENING}, accounts={"x": EVENING}))
    stores.people.keys(shape(users={"ada": MORNING}, accounts={"x": MORNING}))
    assert users(stores)["ada"]["created_at"] == datetime(2026, 5, 1, 6, tzinfo=UTC)
    assert accounts(stores)["x"]["created_at"] == datetime(2026, 5, 1, 6, tzinfo=UTC)


def test_sign_up_is_the_first_identify_unless_the_user_says_otherwise(stores, facts, zone):
    stores.people.learn(facts((NOON, "identify", "ada", None, None), (EVENING, "identify", "ada", None, None)), zone)
    assert users(stores)["ada"]["sign_up_at"] == datetime(2026, 5, 1, 9, tzinfo=UTC)
    stores.people.learn(facts((MORNING, "identify", "ada", None, None)), zone)
    assert users(stores)["ada"]["sign_up_at"] == datetime(2026, 5, 1, 6, tzinfo=UTC)
    stores.people.learn(facts((NOON, "user", "ada", None, {"createdAt": "2020-02-03"})), zone)
    assert users(stores)["ada"]["sign_up_at"] == datetime(2020, 2, 3, tzinfo=UTC)


def test_modified_is_the_latest_time_an_attribute_was_said(stores, shape, facts, zone):
    stores.people.keys(shape(users={"ada": MORNING}, accounts={"x": MORNING}))
    stores.people.learn(
        facts(
            (NOON, "user", "ada", None, {"title": "x"}),
            (EVENING, "user", "ada", None, {"phone": "1"}),
            (EVENING, "account", None, "x", {"plan": "pro"}),
        ),
        zone,
    )
    assert users(stores)["ada"]["modified_at"] == datetime(2026, 5, 1, 18, tzinfo=UTC)
    assert accounts(stores)["x"]["modified_at"] == datetime(2026, 5, 1, 18, tzinfo=UTC)


def test_the_account_of_a_user_is_the_last_one_said(stores, facts, zone):
    stores.people.learn(
        facts((NOON, "member", "ada", "x", None), (EVENING, "member", "ada", "y", None)),
        zone,
    )
    assert users(stores)["ada"]["account_key"] == key_of(stores, "accounts", "y")
    stores.people.learn(facts((EVENING, "member", "ada", "z", None), (EVENING, "member", "ada", "w", None)), zone)
    assert users(stores)["ada"]["account_key"] == key_of(stores, "accounts", "z")


def test_columns_and_types_of_the_snapshots_are_fixed_even_when_empty(stores, shape):
    for _ in range(2):
        assert [(f.name, str(f.type)) for f in stores.people.users(DAY).schema] == [
            ("user_key", "int32"),
            ("uid", "string"),
            ("identify_id", "string"),
            ("created_at", "timestamp[us, tz=UTC]"),
            ("sign_up_at", "timestamp[us, tz=UTC]"),
            ("modified_at", "timestamp[us, tz=UTC]"),
            ("deleted", "bool"),
            ("account_key", "int32"),
            ("attributes", "string"),
        ]
        assert [(f.name, str(f.type)) for f in stores.people.accounts(DAY).schema] == [
            ("account_key", "int32"),
            ("account_id", "string"),
            ("created_at", "timestamp[us, tz=UTC]"),
            ("modified_at", "timestamp[us, tz=UTC]"),
            ("deleted", "bool"),
            ("attributes", "string"),
        ]
        stores.people.keys(shape(users={"ada": NOON}, accounts={"x": NOON}))


# --- one person, several names ---


def test_a_merged_user_lives_on_in_the_one_it_is(stores, shape, facts, zone):
    stores.people.keys(shape(users={"old": MORNING, "new": NOON}, accounts={"x": NOON}))
    stores.people.learn(
        facts(
            (MORNING, "identify", "old", None, None),
            (MORNING, "user", "old", None, {"title": "CTO", "phone": "1"}),
            (MORNING, "member", "old", "x", None),
            (NOON, "user", "new", None, {"title": "CEO"}),
            (EVENING, "merge", "new", "old", None),
        ),
        zone,
    )
    old, new = users(stores)["old"], users(stores)["new"]
    assert (old["deleted"], new["deleted"]) == (True, False)
    assert new["attributes"] == {"title": "CEO", "phone": "1"}
    assert new["created_at"] == new["sign_up_at"] == datetime(2026, 5, 1, 6, tzinfo=UTC)
    assert new["account_key"] == key_of(stores, "accounts", "x")
    assert old["modified_at"] == datetime(2026, 5, 1, 18, tzinfo=UTC)
    assert stores.people.merges().to_pylist() == [
        {"user_key": key_of(stores, "users", "old"), "into_key": key_of(stores, "users", "new")}
    ]


def test_merges_resolve_to_the_last_user_of_a_chain(stores, shape, facts, zone):
    stores.people.keys(shape(users={"a": NOON, "b": NOON, "c": NOON}))
    stores.people.learn(facts((NOON, "merge", "b", "a", None), (EVENING, "merge", "c", "b", None)), zone)
    into = {row["user_key"]: row["into_key"] for row in stores.people.merges().to_pylist()}
    c = key_of(stores, "users", "c")
    assert into == {key_of(stores, "users", "a"): c, key_of(stores, "users", "b"): c}


def test_an_alias_of_a_visitor_makes_no_user(stores, shape, facts, zone):
    stores.people.keys(shape(users={"ada": NOON}, visitors=["v"]))
    stores.people.learn(facts((NOON, "link", "ada", "v", None), (NOON, "merge", "ada", "v", None)), zone)
    assert stores.people.texts("users")["text"].to_pylist() == ["ada"]
    assert stores.people.merges().num_rows == 0
    assert stores.people.links().num_rows == 1


def test_links_and_members_leave_out_what_repeats_the_one_before(stores, facts, zone):
    said = [(MORNING, "x"), (NOON, "x"), (EVENING, "y"), (LATE_EVENING, "x"), (NEXT_DAY, "x")]
    stores.people.learn(facts(*((at, "member", "ada", account, None) for at, account in said)), zone)
    stores.people.learn(facts(*((at, "link", account, "v", None) for at, account in said)), zone)
    for table, owner in ((stores.people.members(), "user_key"), (stores.people.links(), "anonymous_key")):
        assert [str(at)[:16] for at in table["at"].to_pylist()] == [
            "2026-05-01 06:00",
            "2026-05-01 18:00",
            "2026-05-01 21:00",
        ]
        assert len(set(table[owner].to_pylist())) == 1
        assert table.schema.field("at").type == pa.timestamp("us", "UTC")
    assert stores.people.links().schema.names == ["anonymous_key", "user_key", "at"]
    assert stores.people.members().schema.names == ["user_key", "account_key", "at"]


@pytest.mark.parametrize("first", ["x", "y"])
def test_two_accounts_said_at_one_instant_both_stay_for_the_reader(stores, shape, facts, zone, first):
    stores.people.keys(shape(accounts={first: NOON}))
    said = [(MORNING, "y"), (NOON, "x"), (NOON, "y"), (EVENING, "y")]
    stores.people.learn(facts(*((at, "member", "ada", account, None) for at, account in said)), zone)
    assert stores.people.members().num_rows == 4


# --- custom attributes ---


def test_custom_attributes_are_spelled_and_typed_by_their_earliest_use(stores, facts, zone):
    stores.people.learn(facts((NOON, "user", "ada", None, {"TEAM size": "12"})), zone)
    assert stores.people.custom_attributes("user") == [("TEAM size", "STRING")]
    stores.people.learn(
        facts(
            (MORNING, "user", "bob", None, {"Team Size": 3, "since": "2026-01-31T12:00:00+02:00", "beta": True}),
            (MORNING, "account", None, "x", {"tier": "gold"}),
        ),
        zone,
    )
    assert stores.people.custom_attributes("user") == [
        ("Team Size", "NUMBER"),
        ("beta", "BOOLEAN"),
        ("since", "DATE_TIME"),
    ]
    assert stores.people.custom_attributes("account") == [("tier", "STRING")]
    assert attributes(stores) == {"Team Size": 12}
    assert attributes(stores, who="bob") == {"Team Size": 3, "since": "2026-01-31T10:00:00.000Z", "beta": True}


def test_a_value_without_a_name_is_no_attribute(stores, facts, zone):
    said = {"": 1, "customAttribute_": 2, "customAttributes": {"": 3}, "plan": "pro"}
    stores.people.learn(facts((NOON, "user", "ada", None, said)), zone)
    assert stores.people.custom_attributes("user") == [("plan", "STRING")]
    assert attributes(stores) == {"plan": "pro"}


def test_names_of_attributes_are_counted_and_of_too_many_those_that_came_first_are_kept(
    stores, facts, zone, monkeypatch
):
    monkeypatch.setattr("footfall.stores.histories.CUSTOM_MAX", 3)
    stores.people.learn(facts((NOON, "user", "ada", None, {"a": 1, "B": 2, "title": "x"})), zone)
    stores.people.learn(facts((NOON, "account", None, "x", {"a": 1, "d": 2})), zone)
    many = {f"n{n}": n for n in range(1_000)}
    stores.people.learn(facts((EVENING, "user", "ada", None, {**many, "A": 5, "lastName": "y", "none": None})), zone)
    stores.people.learn(facts((EVENING, "user", "bob", None, {**many, "b": 6})), zone)
    assert [name for name, _ in stores.people.custom_attributes("user")] == ["B", "a", "n0"]
    assert attributes(stores) == {"a": 5, "B": 2, "title": "x", "lastName": "y", "n0": 0}
    assert attributes(stores, who="bob") == {"B": 6, "n0": 0}
    assert [name for name, _ in stores.people.custom_attributes("account")] == ["a", "d"]


def test_a_text_that_is_too_long_for_an_attribute_is_left_out(stores, facts, zone):
    stores.people.learn(facts((NOON, "user", "ada", None, {"title": "x" * 8_192, "bio": "short", "n": 1})), zone)
    stores.people.learn(
        facts((EVENING, "user", "ada", None, {"title": "x" * 8_193, "bio": ["y"] * 4_096, "n": 2})), zone
    )
    assert attributes(stores) == {"title": "x" * 8_192, "bio": "short", "n": 2}


def test_people_with_long_attributes_are_read_a_few_at_a_time(stores, facts, zone, monkeypatch):
    monkeypatch.setattr("footfall.stores.snapshots._FETCHED", 1)
    monkeypatch.setattr("footfall.stores.snapshots._CHUNK_TEXT", 5_000)
    told = [(NOON, "user", f"u{n:02}", None, {"bio": "x" * 3_000}) for n in range(15)]
    stores.people.learn(facts(*told), zone)
    batches = list(stores.people.users(DAY))
    assert [batch.num_rows for batch in batches] == [2] * 7 + [1]
    assert sorted(name for batch in batches for name in batch["identify_id"].to_pylist()) == [t[2] for t in told]


def test_a_value_that_does_not_fit_its_type_is_left_out_and_kept(stores, facts, zone):
    stores.people.learn(facts((NOON, "user", "ada", None, {"size": 3})), zone)
    stores.people.learn(facts((EVENING, "user", "ada", None, {"size": "many"})), zone)
    assert attributes(stores) == {}
    stores.people.learn(facts((MORNING, "user", "bob", None, {"size": "few"})), zone)
    assert attributes(stores) == {"size": "many"}


def test_numbers_no_machine_can_hold_stop_nobody(stores, zone):
    said = pa.table(
        {
            "at": pa.array([datetime(2026, 5, 1, 9, tzinfo=UTC)], pa.timestamp("us", "UTC")),
            "kind": ["user"],
            "user": ["ada"],
            "other": pa.array([None], pa.string()),
            "attributes": ['{"a":1e999,"b":123456789012345678901234567890,"title":"x"}'],
        }
    )
    stores.people.learn(said, zone)
    assert attributes(stores) == {"a": "1e999", "b": "123456789012345678901234567890", "title": "x"}
