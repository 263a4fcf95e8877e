"""SendGrid's event webhook: what became of each mail is an e-mail event, and only what SendGrid signed is believed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st
from settled_rows import settled, shaper

from footfall.engines.shaping import DuckShaper
from footfall.errors import BadRecord, Refused
from footfall.model.event import EMAIL_TYPES
from footfall.wire import native
from footfall.wire.sendgrid import AHEAD_S, OLD_S, check_key, read, signed

BASE: dict[str, Any] = {
    "email": "ada@example.org", "timestamp": 1795345200, "smtp-id": "<14c5d75ce93.dfd.64b469@x>",
    "sg_event_id": "sg-1", "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
    "category": ["welcome", "test"], "identify_id": "u1", "engagement_id": "welcome-mail",
}  # fmt: skip
# One of each of the eight, with the fields that SendGrid documents for it.
EIGHT: dict[str, dict[str, Any]] = {
    "processed": {},
    "deferred": {"response": "400 try again later", "attempt": "5"},
    "delivered": {"response": "250 OK", "ip": "203.0.113.9"},
    "open": {"useragent": "Mozilla/4.0", "ip": "203.0.113.9", "sg_machine_open": False},
    "click": {"useragent": "Mozilla/4.0", "ip": "203.0.113.9", "url": "http://x.io/a", "url_offset": {"index": 0}},
    "bounce": {"reason": "500 unknown recipient", "status": "5.0.0", "type": "blocked"},
    "dropped": {"reason": "Bounced Address", "status": "5.0.0"},
    "unsubscribe": {},
}


def event(kind: str = "open", **changes: Any) -> dict[str, Any]:
    whole = {**BASE, "event": kind, **EIGHT.get(kind, {}), **changes}
    return {name: value for name, value in whole.items() if value is not ...}


def body_of(*events: Any) -> bytes:
    return json.dumps(list(events)).encode()


@pytest.fixture(scope="module")
def duck() -> Iterator[DuckShaper]:
    with shaper() as opened:
        yield opened


def one(duck: DuckShaper, **changes: Any) -> dict[str, Any]:
    found = settled(duck, read(body_of(event(**changes)), "batch"))
    assert found.refused == []
    return found.rows[0]


def test_each_of_the_eight_is_the_event_of_its_name(duck: DuckShaper) -> None:
    found = settled(duck, read(body_of(*(event(kind, sg_event_id=kind) for kind in EIGHT)), "batch"))
    assert found.refused == []
    assert [row["event_id"] for row in found.rows] == list(EIGHT)
    assert {row["detail"] for row in found.rows} == set(EMAIL_TYPES)
    for row in found.rows:
        assert (row["type"], row["name"], row["user_key"]) == ("email_event", "welcome-mail", "u1")
        assert row["detail"] == f"EMAIL_TRACK_{row['event_id'].upper()}"
        assert row["occurred_at"].timestamp() == BASE["timestamp"]
    said = {row["event_id"]: row["properties"] for row in found.rows}
    assert said["click"]["link_url"] == "http://x.io/a"
    assert {name: said["bounce"][name] for name in ("reason", "status", "bounce_type")} == {
        "reason": "500 unknown recipient", "status": "5.0.0", "bounce_type": "blocked",
    }  # fmt: skip
    assert said["dropped"]["reason"] == "Bounced Address"
    assert said["deferred"]["reason"] == "400 try again later"
    assert said["open"]["user_agent"] == "Mozilla/4.0"
    assert said["delivered"]["attributes"]["response"] == "250 OK"
    assert said["processed"]["attributes"]["sg_message_id"] == BASE["sg_message_id"]
    assert ("user", "u1", None, {"globalUnsubscribe": True}) in found.facts


def test_no_address_of_whoever_opened_a_mail_is_stored() -> None:
    assert b"203.0.113.9" not in read(body_of(event("open"), event("click")), "batch").body


@pytest.mark.parametrize(
    ("changes", "engagement"),
    [
        ({}, "welcome-mail"),
        ({"engagement_id": ..., "singlesend_id": "s-1"}, "s-1"),
        ({"engagement_id": ..., "marketing_campaign_id": 12345}, "12345"),
        ({"engagement_id": ..., "sg_template_id": "d-1"}, "d-1"),
        ({"engagement_id": ...}, "welcome"),
        ({"engagement_id": ..., "category": "one"}, "one"),
        ({"engagement_id": ..., "category": ...}, "sendgrid"),
    ],
)
def test_the_engagement_is_the_senders_own_or_the_nearest_there_is(
    duck: DuckShaper, changes: dict[str, Any], engagement: str
) -> None:
    assert one(duck, **changes)["name"] == engagement


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("open", set()), ("delivered", set()), ("click", {"url"}), ("bounce", {"type", "status", "reason"}),
     ("dropped", {"status", "reason"}), ("deferred", {"status", "reason"})],
)  # fmt: skip
def test_an_argument_of_the_senders_is_not_taken_for_a_field_that_the_event_lacks(kind: str, fields: set[str]) -> None:
    sent = event(kind, type="t", url="u", status="s", reason="r")
    (said,) = json.loads(read(body_of(sent), "batch").body)["events"]
    natives = {"type": "bounce_type", "url": "link_url", "status": "status", "reason": "reason"}
    assert {name for name, field in natives.items() if field in said} == fields
    assert natives.keys() & said["attributes"].keys() == natives.keys() - fields


def test_a_mail_that_names_no_user_belongs_to_its_address(duck: DuckShaper) -> None:
    found = settled(duck, read(body_of(event(identify_id=...)), "batch"))
    assert found.rows[0]["user_key"] == "ada@example.org"
    assert ("user", "ada@example.org", None, {"email": "ada@example.org"}) in found.facts
    assert one(duck, identify_id=..., user_id=7, account_id="acme")["user_key"] == "7"
    row = one(duck, accountId="acme", product_key="app", environment="QA")
    assert (row["account_key"], row["product"], row["environment"]) == ("acme", "app", "QA")


def test_people_and_accounts_are_named_in_one_place_only() -> None:
    said = event(identify_id="u1", user_id="u1", userId="u1", account_id="acme", accountId="acme")
    body = read(body_of(said), "batch").body
    assert (body.count(b'"u1"'), body.count(b'"acme"')) == (1, 1)


def test_what_is_none_of_the_eight_is_kept_under_its_own_name(duck: DuckShaper) -> None:
    for kind in ("spamreport", "group_unsubscribe", "something_new"):
        row = one(duck, kind=kind)
        assert (row["type"], row["name"]) == ("custom", f"sendgrid.{kind}")
    assert settled(duck, read(body_of(event("group_unsubscribe")), "batch")).facts == []


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (event(kind=...), "missing_event"), (event(email=...), "missing_user"), (event(timestamp="soon"), "bad_type"),
        (event(timestamp=-1), "bad_value"), (event(sg_event_id="x" * 101), "too_long"), (5, "not_an_object"),
        (event(more="x" * 70_000), "too_large"),
    ],
)  # fmt: skip
def test_a_bad_event_is_named_by_index_and_reason_and_its_neighbours_are_kept(
    duck: DuckShaper, bad: Any, code: str
) -> None:
    bad = {name: value for name, value in bad.items() if name != "event" or value is not ...} if bad != 5 else bad
    reading = read(body_of(event(), bad, event(sg_event_id="sg-2")), "batch")
    assert [(index, why) for index, why, _ in reading.rejected] == [(1, code)]
    found = settled(duck, reading)
    assert ([row["event_id"] for row in found.rows], found.refused) == (["sg-1", "sg-2"], [(1, code)])


@pytest.mark.parametrize("body", [b"", b"{}", b"5", b"[{]"])
def test_a_body_that_is_no_array_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(BadRecord) as refusal:
        read(body, "batch")
    assert refusal.value.code == "malformed"


def test_a_delivery_that_is_sent_again_counts_once(duck: DuckShaper) -> None:
    reading = read(body_of(event(), event("click", sg_event_id="sg-2")), "batch")
    found = settled(duck, reading, reading)
    assert (len(found.rows), found.duplicates) == (2, 2)


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.text(max_size=5), max_size=2)
EVENTS = st.fixed_dictionaries(
    {"event": st.sampled_from([*EIGHT, "spamreport"]) | VALUES, "email": st.just("a@x.io") | VALUES},
    optional=dict.fromkeys(
        ("timestamp", "sg_event_id", "identify_id", "user_id", "account_id", "engagement_id", "category", "reason",
         "status", "type", "url", "response", "useragent", "product_key", "environment", "custom"), VALUES,
    ),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENTS | VALUES, max_size=4))
def test_what_the_door_lets_in_is_an_event_to_the_native_dialect_and_to_settling(
    duck: DuckShaper, events: list[Any]
) -> None:
    reading = read(body_of(*events), "batch")
    out = {index for index, _, _ in reading.rejected}
    judged = native.read(reading.body, "batch")
    assert {index for index, _, _ in judged.rejected} <= out
    found = settled(duck, reading)
    late = {index for index, code in found.refused if code == "time_out_of_range"}
    assert {index for index, _ in found.refused} == out | late
    assert len(found.rows) + found.duplicates + len(out | late) == len(events)


# --- the signature ---------------------------------------------------------------------------------

PRIVATE = ec.generate_private_key(ec.SECP256R1())
PUBLIC = base64.b64encode(
    PRIVATE.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()
NOW = 1_795_345_200


def signature(body: bytes, timestamp: int = NOW, key: ec.EllipticCurvePrivateKey = PRIVATE) -> bytes:
    return base64.b64encode(key.sign(str(timestamp).encode() + body, ec.ECDSA(SHA256())))


def test_what_sendgrid_signed_is_believed_for_a_day() -> None:
    body = body_of(event())
    for age in (0, OLD_S, -AHEAD_S):
        at = NOW - age
        assert signed(PUBLIC, signature(body, at), str(at).encode(), body, NOW)
        pem = f"-----BEGIN PUBLIC KEY-----\n{PUBLIC[:64]}\n{PUBLIC[64:]}\n-----END PUBLIC KEY-----\n"
        assert signed(pem, signature(body, at), str(at).encode(), body, NOW)
    for age in (OLD_S + 1, -AHEAD_S - 1):
        at = NOW - age
        assert not signed(PUBLIC, signature(body, at), str(at).encode(), body, NOW)


def test_anything_else_is_not_believed() -> None:
    body, at = body_of(event()), str(NOW).encode()
    good = signature(body)
    assert not signed(PUBLIC, good, at, body + b" ", NOW), "the body was changed"
    assert not signed(PUBLIC, good, str(NOW + 1).encode(), body, NOW), "the time was changed"
    assert not signed(PUBLIC, signature(body, key=ec.generate_private_key(ec.SECP256R1())), at, body, NOW)
    for bad in (b"", b"!", b"AAAA", good[:-8]):
        assert not signed(PUBLIC, bad, at, body, NOW)
    for when in (b"", b"-1", b"1e9", b"9" * 40, "١٢".encode()):
        assert not signed(PUBLIC, good, when, body, NOW)


@pytest.mark.parametrize("text", ["", "AAAA", "!" * 50, "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="])
def test_a_key_that_is_none_is_refused_when_it_is_set(text: str) -> None:
    with pytest.raises(Refused):
        check_key(text)
