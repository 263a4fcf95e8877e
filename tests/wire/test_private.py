"""Bodies after a privacy policy: what stands in them of people, fields and addresses, and what no longer does."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import Refused
from footfall.model.field_rules import FieldRule
from footfall.model.privacy import DEFAULT, HIDDEN, Policy, Tokens, normalised, read_policy
from footfall.wire import native, segment
from footfall.wire.private import PrivateBodies, anonymous
from footfall.wire.private_words import COMMON, consent_of

TOKENS = Tokens(b"k" * 32, "tenant")
READ = {"segment": segment.read, "native": native.read}


def after(policy: Policy, event, dialect="segment", call="batch", sensitive=None, make=PrivateBodies, around=None):
    """What is left of one event; None when it is not stored."""
    name = "batch" if dialect == "segment" else "events"
    body = json.dumps({name: [event], **(around or {})}).encode() if call == "batch" else json.dumps(event).encode()
    reading = READ[dialect](body, call)
    kept = make(policy, lambda: TOKENS, sensitive or {}).kept(dialect, call, body, reading.count, reading.rejected)
    if not kept.count:
        return None
    assert READ[dialect](kept.body, call).count == kept.count
    whole = json.loads(kept.body)
    return whole[name][0] if call == "batch" else whole


def rules(*pairs: tuple[str, str]) -> Policy:
    return Policy(fields=tuple(FieldRule(*pair) for pair in pairs))


TRACK = {"type": "track", "event": "Saved", "userId": "ana@example.com", "messageId": "m1"}
USERS = Policy(identities=("user",))


def test_a_user_becomes_the_same_token_however_the_id_is_written_and_another_one_elsewhere():
    ids = [
        after(USERS, TRACK | {"userId": each})["userId"]
        for each in ("ana@example.com", " ANA@Example.com ", "\uff41na@example.com")
    ]
    assert len(set(ids)) == 1
    assert ids[0].startswith("anon_")
    assert Tokens(b"k" * 32, "other").token("user", "ana@example.com") != ids[0]
    assert Tokens(b"x" * 32, "tenant").token("user", "ana@example.com") != ids[0]
    assert TOKENS.token("account", "ana@example.com") != ids[0]
    assert TOKENS.token("user", ids[0]) == ids[0], "what passes twice is changed once"


def test_an_account_is_left_as_it_is_unless_it_is_named():
    event = {"type": "group", "userId": "u1", "groupId": "acme", "traits": {"name": "Acme"}}
    assert after(USERS, event)["groupId"] == "acme"
    assert after(Policy(identities=("account",)), event)["groupId"] == TOKENS.token("account", "acme")


def test_a_visitor_and_an_alias_stay_joined_under_tokens():
    event = {"type": "alias", "userId": "ana", "previousId": "visitor-1"}
    left = after(USERS, event)
    assert left["previousId"] == after(USERS, TRACK | {"anonymousId": "visitor-1"})["anonymousId"]


def test_an_id_stands_nowhere_else_in_its_event():
    event = TRACK | {
        "properties": {"owner": "ana@example.com", "note": "by ANA@example.com, late", "ana@example.com": [1], "n": 7},
        "context": {"page": {"url": "https://x.test/?u=ana@example.com"}},
    }
    text = json.dumps(after(USERS, event)).lower()
    assert "ana@example.com" not in text
    assert '"n": 7' in text


def test_a_short_id_does_not_tear_holes_into_other_texts():
    left = after(USERS, TRACK | {"userId": "al", "properties": {"plan": "normal", "kind": "al"}})
    assert left["properties"] == {"plan": "normal", "kind": "al"}


@pytest.mark.parametrize(
    ("action", "value", "kept"),
    [
        ("coarsen", "ana@example.com", "@example.com"),
        ("coarsen", "192.0.2.77", "192.0.2.0"),
        ("coarsen", "2026-11-23T10:11:12Z", "2026-11-23"),
        ("coarsen", "https://x.test/a?b=c", "https://x.test"),
        ("coarsen", 48_217, 48_000),
        ("coarsen", 0.01234, 0.012),
        ("coarsen", True, True),
        ("coarsen", None, None),
        ("keep", "Ana", "Ana"),
        ("hash", "Ana", TOKENS.token("field", "Ana", "hash_")),
    ],
)
def test_a_field_becomes_what_its_rule_says(action, value, kept):
    left = after(rules(("properties.x", action)), TRACK | {"properties": {"x": value, "y": 1}})
    assert left["properties"] == {"x": kept, "y": 1}


@pytest.mark.parametrize("action", ["drop", "coarsen"])
def test_a_text_that_nobody_can_make_coarse_is_dropped(action):
    assert after(rules(("properties.x", action)), TRACK | {"properties": {"x": "Ana Meier", "y": 1}})["properties"] == {
        "y": 1
    }


def test_hashes_are_equal_across_fields_and_tokens_are_not():
    event = TRACK | {"properties": {"a": "Ana", "b": "ANA "}}
    left = after(rules(("properties.*", "hash")), event)["properties"]
    assert left["a"] == left["b"]
    left = after(rules(("properties.*", "tokenise")), event)["properties"]
    assert left["a"] != left["b"]


def test_the_first_rule_that_fits_decides_so_that_a_list_of_what_may_stay_can_be_written():
    policy = rules(("properties.plan", "keep"), ("properties.deep.in", "keep"), ("properties.**", "drop"))
    event = TRACK | {
        "properties": {"plan": {"name": "pro"}, "Email": "a@b.c", "deep": {"in": 1, "out": 2, "l": [{"x": 1}]}}
    }
    assert after(policy, event)["properties"] == {"plan": {"name": "pro"}, "deep": {"in": 1}}


def test_rules_see_lists_names_with_dots_and_names_in_another_case():
    policy = rules(("properties.items.email", "drop"), (r"properties.a\.b", "drop"), ("traits.EMAIL", "drop"))
    event = TRACK | {"properties": {"items": [{"email": 1, "n": 1}], "a.b": 1}, "context": {"traits": {"Email": "x"}}}
    left = after(policy, event)
    assert left["properties"] == {"items": [{"n": 1}]}
    assert left["context"] == {"traits": {}}


def test_the_same_paths_mean_the_same_in_native_words():
    policy = rules(
        ("properties.a", "drop"), ("traits.email", "drop"), ("context.page.title", "drop"), ("event.comment", "drop")
    )
    event = {
        "type": "custom", "event_name": "x", "identify_id": "u1", "attributes": {"a": 1, "b": 2}, "comment": "secret",
        "user": {"email": "a@b.c", "plan": "x"}, "page": {"title": "t", "path": "/"},
        "account": {"email": "q", "id": "7"},
    }  # fmt: skip
    left = after(policy, event, "native")
    assert left["attributes"] == {"b": 2}
    assert left["user"] == {"plan": "x"}
    assert left["account"] == {"id": "7"}
    assert left["page"] == {"path": "/"}
    assert "comment" not in left


def test_attributes_that_are_defined_as_personal_are_hidden_in_any_spelling():
    policy = Policy(sensitive="drop")
    event = {
        "type": "identify",
        "userId": "u1",
        "traits": {"first_name": "Ana", "plan": "x", "location": {"city": "Bern"}},
    }
    left = after(policy, event, sensitive={"user": frozenset({"firstName", "location_cityName"})})
    assert left["traits"] == {"plan": "x", "location": {}}


def test_no_address_of_anybody_is_left_where_e_mail_is_anonymised():
    event = TRACK | {"userId": "u1", "properties": {"to": ["bo@example.org"], "text": "ask cy@example.net now"}}
    text = json.dumps(after(Policy(identities=("email",)), event))
    assert "@" not in text
    assert TOKENS.token("email", "bo@example.org") in text


def test_an_address_in_a_body_goes_the_way_of_the_clients_own():
    event = TRACK | {"context": {"ip": "192.0.2.77", "locale": "de"}}
    assert after(replace(USERS, addresses="truncated"), event)["context"] == {"locale": "de"}
    assert after(replace(USERS, addresses="full"), event)["context"]["ip"] == "192.0.2.77"


def test_parameters_of_urls_are_kept_by_name_and_masked_by_name():
    policy = Policy(query=("utm_*", "id"), mask_query=("token",))
    event = TRACK | {
        "context": {
            "page": {"url": "https://x.test/a?utm_source=q&mail=a%40b&id=1&token=s#t", "search": "?mail=1&id=2"}
        }
    }
    page = after(policy, event)["context"]["page"]
    assert page == {"url": "https://x.test/a?utm_source=q&id=1&token=*#t", "search": "?id=2"}
    bare = after(Policy(query=()), TRACK | {"properties": {"href": "/a?x=1", "said": "see http://y.test/?q=2 !"}})
    assert bare["properties"] == {"href": "/a", "said": "see http://y.test/ !"}


def test_what_happened_on_an_excluded_page_is_not_stored_and_a_masked_page_has_no_name():
    page = {"page": {"url": "https://x.test/admin/users?id=7", "path": "/admin/users", "title": "Ana Meier"}}
    assert after(Policy(exclude_urls=("*/admin/*",)), TRACK | {"context": page}) is None
    masked = after(Policy(mask_urls=("*/admin/*",)), TRACK | {"context": page})["context"]["page"]
    assert set(masked.values()) == {"masked-url"}
    there = {
        "type": "page_view",
        "identify_id": "u1",
        "page": {"scheme": "https", "host": "x.test", "path": "/admin/users"},
    }
    assert after(Policy(exclude_urls=("https://x.test/admin/*",)), there, "native") is None


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (None, "unknown"), (True, "granted"), ("denied", "denied"), ({"state": "granted"}, "granted"),
        ({"state": "granted", "purposes": {"analytics": False}}, "denied"),
        ({"categoryPreferences": {"analytics": True}}, "granted"), ({"purposes": {"ads": True}}, "unknown"),
    ],
)  # fmt: skip
def test_consent_is_read_as_word_as_truth_and_by_purpose(said, state):
    assert consent_of(said, "analytics")[0] == state


def test_consent_decides_and_its_version_stays_with_the_event():
    policy = Policy(consent="required")
    assert after(policy, TRACK) is None
    granted = TRACK | {"context": {"consent": {"state": "granted", "version": "v3"}}}
    assert after(policy, granted)["context"]["consent"] == {"state": "granted", "version": "v3"}
    event = {"type": "custom", "event_name": "x", "identify_id": "u1"}
    around = {"consent": {"state": "granted", "version": 3}}
    assert after(policy, event, "native", around=around)["global_context"] == {
        "consent": {"state": "granted", "version": 3}
    }
    assert after(Policy(consent="recorded"), event, "native")["identify_id"] == "u1"
    denied = after(Policy(consent="recorded", without_consent="anonymise"), event | {"consent": "denied"}, "native")
    assert denied["identify_id"].startswith("anon_")


def test_who_does_not_want_to_be_known_leaves_no_name():
    event = {
        "type": "identify",
        "userId": "ana",
        "traits": {"firstName": "Ana"},
        "context": {"userAgent": "M", "ip": "1.2.3.4"},
    }
    left = after(Policy(), event, make=anonymous)
    assert "Ana" not in json.dumps(left)
    assert left["context"] == {}


def test_what_cannot_be_used_is_kept_as_a_digest_and_its_reason():
    body = json.dumps({"batch": [TRACK, {"type": "secret ana@example.com"}, TRACK]}).encode()
    reading = segment.read(body, "batch")
    kept = PrivateBodies(USERS, lambda: TOKENS, {}).kept("segment", "batch", body, reading.count, reading.rejected)
    assert b"ana@example.com" not in kept.body
    assert kept.rejected == ((1, reading.rejected[0][1], HIDDEN),)
    assert list(json.loads(kept.body)["batch"][1]) == ["digest"]


def test_a_single_call_and_a_line_a_piece_are_read_too():
    assert after(USERS, TRACK, call="track")["userId"].startswith("anon_")
    body = native.read(b'{"type":"page_view","identify_id":"ana-b1"}\n', "ndjson").body
    kept = PrivateBodies(USERS, lambda: TOKENS, {}).kept("native", "ndjson", body, 1, ())
    assert b"ana-b1" not in kept.body


def test_the_context_of_a_batch_is_part_of_each_event():
    left = after(rules(("context.locale", "drop")), TRACK, around={"context": {"locale": "de", "environment": "Test"}})
    assert left["context"] == {"environment": "Test"}


@pytest.mark.parametrize(("neighbour", "around"), [('{"a":1e999}', ""), ("{}", ',"library":{"a":1e999}')])
def test_what_cannot_be_read_takes_nothing_from_its_neighbours(neighbour, around):
    policy = Policy(consent="required", fields=(FieldRule("context.locale", "drop"),))
    shared = '"context":{"locale":"de","channel":"web","consent":"granted"},"sentAt":"2026-11-23T10:00:00Z"'
    body = f'{{"batch":[{neighbour},{json.dumps(TRACK)}],{shared}{around}}}'.encode()
    bad = ((0, "unreadable_event", ""),)
    kept = PrivateBodies(policy, lambda: TOKENS, {}).kept("segment", "batch", body, 2, bad)
    whole = json.loads(kept.body)
    assert whole["sentAt"] == "2026-11-23T10:00:00Z"
    assert whole["batch"][1] == TRACK | {"context": {"channel": "web", "consent": {"state": "granted"}}}
    body = f'{{"events":[{neighbour},{{"type":"page_view","identify_id":"u"}}],"consent":true{around}}}'.encode()
    kept = PrivateBodies(policy, lambda: TOKENS, {}).kept("native", "batch", body, 2, bad)
    assert json.loads(kept.body)["events"][1]["identify_id"] == "u"


@pytest.mark.parametrize(
    "plain",
    [
        {"identities": ["name"]}, {"fields": [{"path": "x.y", "action": "drop"}]}, {"gpc": "allow"}, {"colour": 1},
        {"fields": [{"path": "traits..y", "action": "drop"}]}, {"fields": [{"path": "traits.y", "action": "eat"}]},
        {"addresses": "half"},
    ],
)  # fmt: skip
def test_a_policy_that_cannot_be_is_refused(plain):
    with pytest.raises(Refused):
        read_policy(plain, Policy())


def test_a_policy_says_only_what_is_different():
    base = read_policy({"identities": ["user"], "gpc": "drop"}, Policy(addresses="none"))
    assert read_policy({"gpc": "allow", "gpc_reason": "own staff"}, base) == replace(
        base, gpc="allow", gpc_reason="own staff"
    )
    assert DEFAULT == "*"


_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=6, max_size=20).filter(
    lambda text: len(normalised(text)) >= 6 and normalised(text) not in COMMON
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10) | st.just("ID") | st.just("said ID here") | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "ID", "email"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(_TEXTS, _VALUES, st.sampled_from(["segment", "native"]))
def test_with_anonymisation_no_id_is_left_anywhere_in_a_body(text, value, dialect):
    event = {"properties" if dialect == "segment" else "attributes": {"v": value}}
    event |= TRACK | {"userId": "ID"} if dialect == "segment" else {"type": "page_view", "identify_id": "ID"}
    placed = json.loads(json.dumps(event).replace("ID", json.dumps(text)[1:-1]))
    left = json.dumps(after(USERS, placed, dialect), ensure_ascii=False)
    assert json.dumps(text, ensure_ascii=False)[1:-1].strip() not in left
