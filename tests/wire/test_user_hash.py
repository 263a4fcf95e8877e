"""userHash: which events of a body name a user without proof."""

from __future__ import annotations

import json

import pytest

from footfall.errors import BadRecord
from footfall.wire.user_hash import hash_of, unproven

KEY = b"key of the site"
ADA, BOB = hash_of(KEY, "ada"), hash_of(KEY, "bob")


def refused(dialect, body, call="batch"):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return [(index, code) for index, code, _ in unproven(dialect, call, text, KEY)]


def test_it_is_the_hmac_sha256_that_other_languages_make():
    # printf ada | openssl dgst -sha256 -hmac 'key of the site'
    assert ADA == "2539215fb87d0a0b64f91a59376b1af65c214df331f9f594391e70b947866f07"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"identify_id": "ada", "user_hash": ADA}, None),
        ({"identify_id": "ada", "user_hash": ADA.upper()}, None),
        ({"identify_id": "ada", "user": {"userHash": ADA}}, None),
        ({"anonymous_id": "v1"}, None),
        ({"identify_id": "ada"}, "user_hash_missing"),
        ({"identify_id": "ada", "user_hash": 5}, "user_hash_missing"),
        ({"identify_id": "bob", "user_hash": ADA}, "user_hash_wrong"),
        ({"identify_id": "ada", "user_hash": ""}, "user_hash_wrong"),
        ({"identify_id": 7, "user_hash": hash_of(KEY, "7")}, None),
        ({"identify_id": "ada", "user_hash": ADA, "previous_id": "bob"}, "user_hash_wrong"),
        ({"identify_id": "ada", "user_hash": ADA, "previous_id": "bob", "anonymous_id": "bob"}, "user_hash_wrong"),
        ({"identify_id": "ada", "user_hash": ADA, "previous_id": "ada", "anonymous_id": "bob"}, None),
    ],
)
def test_an_event_of_a_user_needs_the_hash_of_that_user(event, code):
    wanted = [] if code is None else [(0, code)]
    assert refused("native", event) == wanted
    assert refused("native", [event]) == wanted
    assert refused("native", {"events": [event]}) == wanted


def test_hashes_beside_the_events_are_of_each_user():
    events = [{"identify_id": "ada"}, {"identify_id": "bob"}, {"identify_id": "eve"}, None]
    assert refused("native", {"events": events, "user_hashes": {"ada": ADA, "bob": ADA}}) == [
        (1, "user_hash_wrong"), (2, "user_hash_missing"),
    ]  # fmt: skip
    alias = {"identify_id": "ada", "previous_id": "bob"}
    assert refused("native", {"events": [alias], "user_hashes": {"ada": ADA, "bob": BOB}}) == []


def test_segments_events_carry_it_in_their_context_or_traits():
    good = [
        {"userId": "ada", "context": {"userHash": ADA}},
        {"userId": "ada", "context": {"traits": {"userHash": ADA}}},
        {"userId": "ada", "traits": {"userHash": ADA}},
        {"anonymousId": "v"},
    ]
    assert refused("segment", {"batch": good}) == []
    assert refused("segment", {"batch": [*good, {"userId": "bob", "context": {"userHash": ADA}}]}) == [
        (4, "user_hash_wrong")
    ]
    assert refused("segment", {"type": "track", "userId": "ada"}, "track") == [(0, "user_hash_missing")]


@pytest.mark.parametrize("array", [[], [{"userId": "bob", "context": {"userHash": BOB}}], [{"anonymousId": "v"}]])
def test_a_single_call_is_itself_the_event_whatever_it_calls_its_fields(array):
    for name in ("batch", "events"):
        event = {"event": "e", "userId": "ada", name: array}
        assert refused("segment", event, "track") == [(0, "user_hash_missing")]


def test_a_field_that_stands_twice_is_refused_because_its_readers_may_disagree():
    twice = b'{"identify_id": "eve", "identify_id": "ada", "user_hash": "%s"}' % ADA.encode()
    assert refused("native", twice) == [(0, "user_hash_wrong")]
    events = b'{"events": [{"identify_id": "eve"}], "events": [%s]}' % twice
    assert refused("native", events) == [(0, "user_hash_wrong")]


def test_numbers_of_any_length_are_looked_past():
    long = b'{"identify_id": "ada", "attributes": {"n": -%s, "x": 1e999}, "user_hash": "%s"}' % (
        b"9" * 5000,
        ADA.encode(),
    )
    assert refused("native", long) == []


def test_what_nests_deeper_than_can_be_looked_into_is_not_believed():
    deep = b'{"identify_id": "ada", "attributes": {"a": %s}}' % (b"[" * 100_000 + b"]" * 100_000)
    with pytest.raises(BadRecord, match="deep"):
        refused("native", deep)
