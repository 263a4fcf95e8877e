"""The bundled shop file becomes requests that stand for its rows and for nothing else."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from importlib.resources import files

import pytest
from ruamel.yaml import YAML

from footfall.client import DIALECTS
from footfall.demo import shop
from footfall.model.definitions import read
from footfall.model.event import DETAIL_FIELD, NAME_FIELD, PAYLOAD_FIELDS, WORDS, EventType


@pytest.fixture(scope="module")
def rows():
    return list(shop.rows())


@pytest.fixture(scope="module")
def requests(rows):
    return list(shop.requests(rows))


@pytest.fixture(scope="module")
def events(requests):
    lists = {d.path: d.list_name for d in DIALECTS.values()}
    return [event for r in requests for event in json.loads(r.body)[lists[r.path]]]


@pytest.fixture(scope="module")
def metadata():
    return read(YAML(typ="safe").load(files("footfall.demo").joinpath("metadata.yaml").read_text("utf-8")))


def test_the_file_is_the_one_its_authors_published():
    data = files("footfall.demo").joinpath("data/ecom.csv.gz").read_bytes()
    assert hashlib.sha256(data).hexdigest() == "110716838facbec8143c6c9af74500eb0252197da212fd75aa4c47bf3b692090"
    for legal in ("LICENSE", "NOTICE", "README.md"):
        assert files("footfall.demo").joinpath("data", legal).is_file()


def test_every_row_is_one_page_or_one_action(rows, events):
    pages = Counter(e["name"] for e in events if e["type"] == "page")
    actions = Counter(e["event"] for e in events if e["type"] == "track")
    assert len(rows) == 31_106
    assert pages + actions == Counter(row.event for row in rows)


def test_every_session_starts_once_and_ends_once(rows, events):
    for kind in ("session_started", "session_ended"):
        assert Counter(e["session_id"] for e in events if e["type"] == kind) == Counter({r.session_id for r in rows})


def test_a_session_lasts_from_its_first_row_to_its_last(rows, events):
    for kind, of in (("session_started", min), ("session_ended", max)):
        times: dict[str, str] = {}
        for row in rows:
            times[row.session_id] = of(times.get(row.session_id, row.at), row.at)
        assert {e["session_id"]: e["occurred_at"] for e in events if e["type"] == kind} == times


def test_features_are_used_by_the_rows_that_name_them(rows, events):
    used = Counter(e["feature_id"] for e in events if e["type"] == "feature_match")
    assert used == Counter(shop.FEATURES[r.event] for r in rows if r.event in shop.FEATURES)


def test_a_feature_match_names_the_event_that_caused_it(events):
    sent = {e["messageId"] for e in events if "messageId" in e}
    assert all(e["source_event_id"] in sent for e in events if e["type"] == "feature_match")


def test_a_click_on_the_promotion_belongs_to_a_showing(rows, events):
    shown = [e["execution_id"] for e in events if e["type"] == "engagement_view"]
    clicked = [e["execution_id"] for e in events if e["type"] == "engagement_click"]
    assert len(shown) == len(set(shown)) == sum(r.event == "promo_page" for r in rows)
    assert len(clicked) == len(set(clicked)) == 325
    assert set(clicked) < set(shown)


def test_every_user_is_identified_before_anything_else_is_known_and_belongs_to_a_cohort(rows, events):
    identified = {e["userId"]: e["context"]["groupId"] for e in reversed(events) if e["type"] == "identify"}
    grouped = {e["userId"]: e["groupId"] for e in events if e["type"] == "group"}
    assert identified == grouped == {r.user_id: r.account_id for r in rows}
    assert len(grouped) == 600


def test_identify_calls_say_what_changed_and_only_then(rows, events):
    said = Counter(e["userId"] for e in events if e["type"] == "identify")
    changes: Counter[str] = Counter()
    last: dict[str, dict[str, str]] = {}
    for row in rows:
        changes[row.user_id] += last.get(row.user_id) != row.traits
        last[row.user_id] = row.traits
    assert said == changes


def test_no_two_events_share_an_id_though_some_rows_are_equal(rows, events):
    assert len(set(rows)) == len(rows) - 30
    ids = [e.get("messageId") or e["event_id"] for e in events]
    assert len(set(ids)) == len(ids)


def test_the_same_rows_give_the_same_bytes(rows, requests):
    assert list(shop.requests(rows)) == requests


def test_a_request_holds_as_many_events_as_it_says_and_no_more_than_a_batch(requests):
    lists = {d.path: d.list_name for d in DIALECTS.values()}
    assert all(len(json.loads(r.body)[lists[r.path]]) == r.events <= shop.BATCH for r in requests)


def test_no_row_is_kept_back_however_few_there_are(rows):
    assert list(shop.requests([])) == []
    one = list(shop.requests(rows[:1]))
    assert [r.path for r in one] == ["/v1/batch", "/events"]
    assert sum(r.events for r in one) == 5  # identify, group, page; session started and ended


def test_a_row_the_shop_does_not_know_is_refused_by_its_number(rows):
    with pytest.raises(ValueError, match=r"row 1: the shop knows no event 'teleport'"):
        list(shop.requests([rows[0], rows[1]._replace(event="teleport")]))


ENVELOPE = {
    "type", "event_id", "occurred_at", "identify_id", "account_id", "session_id", "product_key", "channel",
}  # fmt: skip
SHOWING = {"execution_id", "step_number", "trigger_type"}


def test_native_events_carry_the_envelope_and_the_fields_of_their_type_only(events):
    for event in events:
        if "event_id" in event:
            kind = WORDS[event["type"]]
            own = {*PAYLOAD_FIELDS.get(kind, ()), NAME_FIELD.get(kind), DETAIL_FIELD.get(kind)}
            showing = SHOWING if kind in (EventType.ENGAGEMENT_VIEW, EventType.ENGAGEMENT_CLICK) else set()
            assert set(event) >= ENVELOPE
            assert set(event) - ENVELOPE - showing <= own, event


def test_every_name_in_the_events_is_defined(events, metadata):
    features = {f.id for f in metadata.features}
    assert {e["feature_id"] for e in events if "feature_id" in e} == {
        f.id for f in metadata.features if f.type == "FEATURE"
    }
    assert {f.parent_feature_id for f in metadata.features} - {None} <= features
    assert {e["engagement_id"] for e in events if "engagement_id" in e} == {e.id for e in metadata.engagements}
    assert {(e["provider"], e["external_article_id"]) for e in events if "provider" in e} == {
        (a.provider, a.external_article_id) for a in metadata.articles
    }
    assert {e["product_key"] for e in events if "product_key" in e} == {p.product_key for p in metadata.products}
