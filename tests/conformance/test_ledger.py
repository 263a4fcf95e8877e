"""``ports.Ledger``: every numbered promise, over every implementation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footfall.errors import Conflict
from footfall.ports import Counts, DayState, Delivered
from footfall.stores import ledger as sql_ledger

AT = datetime(2026, 5, 2, 3, tzinfo=UTC)
DAY, OTHER = date(2026, 5, 1), date(2026, 5, 2)
DELIVERED = Delivered("s3://bucket/x", "Users", "2.0", "csv", DAY, 1, "Users.manifest.json", "a" * 64)


def four(received, stored, duplicate, quarantined):
    return Counts(received, stored, duplicate, quarantined)


# --- 1: a repeated range ---


def test_counters_add_up_over_ranges_and_sources(stores, shape):
    stores.ledger.settled(0, 100, shape(counts={"web": four(5, 3, 1, 1), "app": four(1, 1, 0, 0)}), AT)
    stores.ledger.settled(100, 180, shape(counts={"web": four(2, 2, 0, 0)}), AT)
    assert stores.ledger.counts() == {"app": four(1, 1, 0, 0), "web": four(7, 5, 1, 1)}


def test_a_range_settled_again_replaces_what_was_counted(stores, shape):
    stores.ledger.settled(0, 100, shape(counts={"web": four(5, 5, 0, 0)}), AT)
    stores.ledger.settled(100, 180, shape(counts={"web": four(2, 1, 0, 1)}, quarantined=[(100, 1)]), AT)
    stores.ledger.settled(100, 300, shape(counts={"web": four(9, 7, 0, 2)}, quarantined=[(100, 1), (200, 0)]), AT)
    assert stores.ledger.counts() == {"web": four(14, 12, 0, 2)}
    assert stores.ledger.quarantined()["position"].to_pylist() == [200, 100]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=12))
def test_counters_stay_exact_however_often_settle_repeats(fresh, shape, steps):
    stores = fresh()
    start = total = 0
    for size, crashed in steps:
        for end in (start + size * 3, start + size) if crashed else (start + size,):
            stores.ledger.settled(start, end, shape(counts={"web": four(end - start, end - start, 0, 0)}), AT)
        start, total = start + size, total + size
    assert stores.ledger.counts() == {"web": four(total, total, 0, 0)}


def test_old_ranges_are_added_up_without_losing_a_count(stores, shape, monkeypatch):
    monkeypatch.setattr(sql_ledger, "RANGES_KEPT", 3)
    one = shape(counts={"web": four(1, 1, 0, 0)})
    for start in range(20):
        stores.ledger.settled(start, start + 1, one, AT)
    assert stores.ledger.counts() == {"web": four(20, 20, 0, 0)}
    stores.ledger.settled(19, 20, one, AT)
    assert stores.ledger.counts() == {"web": four(20, 20, 0, 0)}
    with pytest.raises(Conflict, match="same backup"):
        stores.ledger.settled(2, 3, one, AT)


def test_a_range_that_begins_inside_a_counted_one_is_refused(stores, shape):
    stores.ledger.settled(0, 100, shape(counts={"web": four(5, 5, 0, 0)}), AT)
    with pytest.raises(Conflict, match="position 50"):
        stores.ledger.settled(50, 100, shape(counts={"web": four(2, 2, 0, 0)}), AT)
    assert stores.ledger.counts() == {"web": four(5, 5, 0, 0)}


def test_quarantined_records_are_kept_as_they_came_newest_first(stores, shape):
    stores.ledger.settled(0, 100, shape(quarantined=[(0, 0), (0, 7), (40, 2)]), AT)
    assert stores.ledger.quarantined(2).to_pylist() == [
        {
            "position": position,
            "index": index,
            "source": "web",
            "received_at": datetime(2026, 5, 1, 12, tzinfo=UTC),
            "code": "missing_user",
            "message": f"record {position}/{index}",
            "body": "{}",
        }
        for position, index in ((40, 2), (0, 7))
    ]


# --- 2: days and revisions ---


def test_quarantined_records_are_found_by_their_source_and_a_part_of_them(stores, shape, monkeypatch):
    monkeypatch.setattr(sql_ledger, "_ROWS_AT_ONCE", 2)
    stores.ledger.settled(0, 100, shape(quarantined=[(0, 0), (0, 7), (40, 2), (41, 0), (50, 1)]), AT)
    found = [message for _code, message, _body in stores.ledger.quarantined_with("web", "{}")]
    assert found == ["record 0/0", "record 0/7", "record 40/2", "record 41/0", "record 50/1"]
    assert list(stores.ledger.quarantined_with("app", "{}")) == []
    assert list(stores.ledger.quarantined_with("web", "_}")) == []


def test_a_day_nobody_heard_of_was_never_sealed(stores):
    assert stores.ledger.day(DAY) == DayState(DAY, 0, None, 0, touched=False)
    assert stores.ledger.days() == []


def test_a_day_gets_a_revision_only_when_something_was_learned_since(stores, shape):
    stores.ledger.settled(0, 10, shape(days={DAY: 3}), AT)
    assert stores.ledger.seal(DAY, 10, AT) == DayState(DAY, 1, AT, 10, touched=False)
    assert stores.ledger.seal(DAY, 20, AT.replace(hour=4)) == DayState(DAY, 1, AT, 10, touched=False)
    stores.ledger.settled(10, 30, shape(days={DAY: 1, OTHER: 1}), AT)
    assert stores.ledger.day(DAY).touched
    assert not stores.ledger.day(OTHER).touched
    assert stores.ledger.seal(DAY, 30, AT) == DayState(DAY, 2, AT, 30, touched=False)
    assert [state.day for state in stores.ledger.days()] == [DAY, OTHER]


def test_an_empty_day_can_be_sealed(stores):
    assert stores.ledger.seal(OTHER, 0, AT).revision == 1
    assert stores.ledger.days() == [DayState(OTHER, 1, AT, 0, touched=False)]


def test_a_range_the_sealing_has_seen_touches_nothing_when_told_again(stores, shape):
    stores.ledger.settled(0, 10, shape(days={DAY: 3}), AT)
    stores.ledger.seal(DAY, 10, AT)
    stores.ledger.settled(0, 10, shape(days={DAY: 3}), AT)
    assert not stores.ledger.day(DAY).touched


def test_reopening_makes_room_for_one_revision(stores):
    assert stores.ledger.reopen(DAY).revision == 0
    assert stores.ledger.seal(DAY, 5, AT).revision == 1
    assert stores.ledger.reopen(DAY) == DayState(DAY, 1, AT, 5, touched=True)
    assert stores.ledger.reopen(DAY).touched
    assert stores.ledger.seal(DAY, 5, AT).revision == 2
    assert stores.ledger.seal(DAY, 5, AT).revision == 2


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["late", "seal", "reopen"]), max_size=12))
def test_revisions_have_no_gaps(fresh, shape, steps):
    stores = fresh()
    revision, due, position = 0, True, 0
    for step in steps:
        if step == "late":
            position += 1
            stores.ledger.settled(position - 1, position, shape(days={DAY: 1}), AT)
            due = True
        elif step == "reopen":
            stores.ledger.reopen(DAY)
            due = True
        else:
            revision += due
            due = False
            assert stores.ledger.seal(DAY, position, AT).revision == revision
    assert stores.ledger.day(DAY).revision == revision


# --- deliveries ---


def test_the_latest_revision_of_a_delivery_is_remembered_per_place_and_form(stores):
    stores.ledger.deliver(DELIVERED)
    stores.ledger.deliver(DELIVERED)
    newer = replace(DELIVERED, revision=2, manifest_key="Users_r2.manifest.json")
    stores.ledger.deliver(newer)
    stores.ledger.deliver(replace(DELIVERED, format="json"))
    assert stores.ledger.delivered("s3://bucket/x", "Users", "2.0", "csv", DAY) == newer
    assert stores.ledger.delivered("s3://bucket/x", "Users", "2.0", "json", DAY).revision == 1
    assert stores.ledger.delivered("s3://bucket/y", "Users", "2.0", "csv", DAY) is None
    assert stores.ledger.delivered("s3://bucket/x", "Users", "1.0", "csv", DAY) is None
    assert stores.ledger.delivered("s3://bucket/x", "Users", "2.0", "csv", OTHER) is None


def test_one_revision_cannot_be_delivered_with_two_manifests(stores):
    stores.ledger.deliver(DELIVERED)
    with pytest.raises(Conflict, match="days reopen 2026-05-01"):
        stores.ledger.deliver(replace(DELIVERED, manifest_sha256="b" * 64))


def test_everything_survives_a_restart(opened, tmp_path, shape):
    with opened(tmp_path) as stores:
        stores.ledger.settled(0, 10, shape(days={DAY: 3}, counts={"web": four(3, 3, 0, 0)}, quarantined=[(1, 1)]), AT)
        stores.ledger.seal(DAY, 10, AT)
        stores.ledger.deliver(DELIVERED)
    with opened(tmp_path) as stores:
        assert stores.ledger.counts() == {"web": four(3, 3, 0, 0)}
        assert stores.ledger.day(DAY) == DayState(DAY, 1, AT, 10, touched=False)
        assert stores.ledger.quarantined().num_rows == 1
        assert stores.ledger.delivered("s3://bucket/x", "Users", "2.0", "csv", DAY) == DELIVERED
