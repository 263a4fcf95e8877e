"""A signed link leads to one file for a while; nobody can make one, change one or use it longer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.errors import Refused
from footfall.model.links import Expired, Link, fingerprint, newest, next_id, read, sign

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
LIFETIME = timedelta(days=7)
KEYS = {"k1": b"1" * 32, "k2": b"2" * 32}
LINK = Link("users:2026-11-20:1", "users/ä b.csv.gz", fingerprint("s3://bucket/px"), NOW + LIFETIME)


def test_a_link_comes_back_as_it_was_signed_until_it_expires():
    token = sign(LINK, KEYS)
    assert read(token, KEYS, NOW) == LINK
    assert read(token, KEYS, NOW + LIFETIME - timedelta(seconds=1)) == LINK
    with pytest.raises(Expired):
        read(token, KEYS, NOW + LIFETIME)


def test_a_link_signed_before_a_rotation_is_good_as_long_as_its_key_is_there():
    token = sign(LINK, {"k1": KEYS["k1"]})
    assert token.startswith("k1.")
    assert read(token, KEYS, NOW) == LINK
    assert sign(LINK, KEYS).startswith("k2.")
    with pytest.raises(Refused, match="not valid"):
        read(token, {"k2": KEYS["k2"]}, NOW)


def test_key_ids_count_as_numbers():
    assert newest({f"k{n}": b"" for n in (9, 10, 2)}) == "k10"
    assert next_id(frozenset({"k9", "k10"})) == "k11"
    assert next_id(frozenset()) == "k1"


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_token_with_any_byte_changed_is_not_valid(place, flip):
    token = sign(LINK, KEYS)
    at = place % len(token)
    changed = token[:at] + chr((ord(token[at]) ^ flip) or 1) + token[at + 1 :]
    with pytest.raises(Refused):
        read(changed, KEYS, NOW)


@given(st.text(max_size=200))
def test_anything_else_is_not_valid(text):
    with pytest.raises(Refused, match="not valid"):
        read(text, KEYS, NOW)


def test_the_key_of_another_hub_signs_nothing_here():
    with pytest.raises(Refused, match="not valid"):
        read(sign(LINK, {"k2": b"x" * 32}), KEYS, NOW)
