"""Erasures that were cut off, that have to wait, or that meet each other: they go on, and end the same."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from datetime import time as wall_time
from pathlib import Path

import pytest
from crowd import Crowd, name_of, traces
from erased import (
    GONE,
    assert_only_rows_of_these_went,
    data_of,
    deliver_reports,
    erase,
    faults,
    receipt_of,
)

from footfall.buckets.local import LocalBucket
from footfall.errors import Damaged, Denied, Unavailable
from footfall.model.audience_export import AudienceExport
from footfall.model.jobs import Job
from footfall.model.schedules import Schedule
from footfall.wiring.activity import Where, export_activity
from footfall.wiring.activity_options import ActivityExport
from footfall.wiring.audience import export_by_hand
from footfall.wiring.erasing import advance, ask_again, ask_for, erasures_of, work_off
from footfall.wiring.erasing_places import Reach
from footfall.wiring.jobs import add_job, runner_of


@pytest.fixture
def crowd(tmp_path: Path) -> Crowd:
    return Crowd(tmp_path, people=15, days=2)


class Cut(BaseException):
    """The process ends here."""


@pytest.mark.slow
def test_an_erasure_that_broke_off_at_any_write_goes_on_and_ends_the_same(crowd, tmp_path, monkeypatch):
    """Each attempt is cut off one write later than the one before."""
    out = tmp_path / "out"
    with crowd.opened() as hub:
        crowd.live(hub)
        deliver_reports(hub, crowd, out, ("csv",), ("Users", "User_Event_Rollups"))
        before = data_of(out)
        ask_for(hub, [name_of(person) for person in GONE], "erase", "test")
    writes = {"left": 0}

    def cutting(kind, name):
        real = getattr(kind, name)

        def cut(*given, **named):
            if writes["left"] == 0:
                writes["left"] = -1
                raise Cut
            writes["left"] -= 1
            return real(*given, **named)

        monkeypatch.setattr(kind, name, cut)

    from footfall.lakes.delta import DeltaLake
    from footfall.stores.database import Database
    from footfall.stores.erasures import SqlErasures

    for kind, names in ((LocalBucket, ("put", "delete")), (DeltaLake, ("erase", "purge")),
                        (SqlErasures, ("begin", "note", "noted", "end")), (Database, ("rewrite",))):  # fmt: skip
        for name in names:
            cutting(kind, name)
    for attempt in range(60):
        writes["left"] = attempt
        with crowd.opened() as hub:
            [one] = erasures_of(hub).unfinished() or [None]
            if one is None:
                break
            try:
                done = advance(hub, one.id, Reach())
            except Cut:
                continue
            receipt = receipt_of(hub, done)
            break
    else:
        raise AssertionError("it never ended")
    assert attempt > 3
    assert receipt["untouched"] == []
    assert receipt["removed"]["users"] == 2
    assert traces(out, GONE) == []
    assert traces(crowd.data, GONE) == []
    assert faults(out / "csv") == []
    assert_only_rows_of_these_went(before, data_of(out))


def test_a_place_that_does_not_answer_is_waited_for_and_the_rest_is_done(crowd, tmp_path, monkeypatch):
    out, real = tmp_path / "out", LocalBucket.open

    def closed(self, key, *, version=""):
        if "csv" in self.url:
            raise Unavailable("nobody is there")
        return real(self, key, version=version)

    with crowd.opened() as hub:
        crowd.live(hub)
        deliver_reports(hub, crowd, out, ("csv", "json"), ("Users",))
        one = ask_for(hub, [name_of(person) for person in GONE], "erase", "test")
        monkeypatch.setattr(LocalBucket, "open", closed)
        with pytest.raises(Unavailable):
            advance(hub, one.id, Reach())
        assert traces(out / "json", GONE) == []
        assert "nobody is there" in erasures_of(hub).get(one.id).error
        monkeypatch.setattr(LocalBucket, "open", real)
        assert advance(hub, one.id, Reach()).error == ""
    assert traces(out, GONE) == []


def test_an_error_that_nobody_foresaw_is_noted_without_its_words_and_tried_again(crowd, monkeypatch):
    from footfall.stores.forgetting import Forgetting

    def broken(self, subjects):
        raise ValueError(f"pattern too large: {name_of(3)}")

    with crowd.opened() as hub:
        crowd.live(hub)
        one = ask_for(hub, [name_of(3)], "erase", "test")
        with monkeypatch.context() as patch:
            patch.setattr(Forgetting, "forget", broken)
            with pytest.raises(Damaged, match="ValueError in"):
                advance(hub, one.id, Reach())
        assert "ValueError in test_erasing_interrupted.py" in erasures_of(hub).get(one.id).error
        assert name_of(3) not in erasures_of(hub).get(one.id).error
        assert advance(hub, one.id, Reach()).ended


def test_an_erasure_that_has_to_wait_keeps_no_other_waiting(crowd, tmp_path, monkeypatch):
    def closed(self, key, *, version=""):
        raise Unavailable("nobody is there")

    with crowd.opened() as hub:
        crowd.live(hub)
        deliver_reports(hub, crowd, tmp_path / "out", ("csv",), ("Users",))
        first = ask_for(hub, [name_of(3)], "erase", "test")
        crowd.now += timedelta(seconds=1)
        second = ask_for(hub, ["nobody-we-know"], "erase", "test")
        with monkeypatch.context() as patch:
            patch.setattr(LocalBucket, "open", closed)
            with pytest.raises(Unavailable, match="nobody is there"):
                work_off(hub)
        assert (erasures_of(hub).get(first.id).ended, erasures_of(hub).get(second.id).ended) == (False, True)
        assert work_off(hub)
        assert erasures_of(hub).get(first.id).ended
    assert traces(tmp_path / "out", [3]) == []


def test_no_old_file_and_no_free_page_names_somebody_while_a_place_is_waited_for(crowd, tmp_path, monkeypatch):
    def closed(self, key, *, version=""):
        raise Unavailable("nobody is there")

    with crowd.opened() as hub:
        crowd.live(hub)
        deliver_reports(hub, crowd, tmp_path / "out", ("csv",), ("Users",))
        ask_for(hub, [name_of(3)], "erase", "test")
        monkeypatch.setattr(LocalBucket, "open", closed)
        with pytest.raises(Unavailable):
            work_off(hub)
    assert traces(crowd.data, [3]) == []


def test_the_second_of_two_erasures_under_way_takes_what_the_first_one_delivered(crowd, tmp_path, monkeypatch):
    out, at = tmp_path / "out", datetime(2026, 12, 1, 11, tzinfo=UTC)

    def closed(self, key, *, version=""):
        raise Unavailable("nobody is there")

    with crowd.opened() as hub:
        crowd.live(hub)
        deliver_reports(hub, crowd, out, ("csv",), ("Users",))
        export_activity(hub, ActivityExport(), Where(str(out / "activity")))
        audience = AudienceExport(job="everybody", layout="csv", fields=("identifyId", "email"))
        export_by_hand(hub, audience, to=str(out / "audience"), at=at)
        both = []
        with monkeypatch.context() as patch:
            patch.setattr(LocalBucket, "open", closed)
            for person in GONE:
                both.append(ask_for(hub, [name_of(person)], "erase", "test"))
                crowd.now += timedelta(seconds=1)
            with pytest.raises(Unavailable):
                work_off(hub)
        work_off(hub)
        receipts = [receipt_of(hub, one) for one in both]
        assert [each["untouched"] for each in receipts] == [[], []]
        assert hub.ledger.day(crowd.dates[0]).revision == 3
    assert traces(out, GONE) == []
    assert [fault for folder in out.iterdir() for fault in faults(folder)] == []
    assert all("_r3" in name for name in data_of(out)), data_of(out).keys()


@pytest.mark.parametrize(("passes", "ended"), [(True, False), (False, True)])
def test_a_session_that_is_over_is_waited_for_and_a_missing_permission_is_named(
    crowd, tmp_path, monkeypatch, passes, ended
):
    def closed(self, key, *, version=""):
        raise Denied("not now", passes=passes)

    with crowd.opened() as hub:
        crowd.live(hub)
        deliver_reports(hub, crowd, tmp_path / "out", ("csv",), ("Users",))
        one = ask_for(hub, [name_of(3)], "erase", "test")
        with monkeypatch.context() as patch:
            patch.setattr(LocalBucket, "open", closed)
            with suppress(Denied):
                advance(hub, one.id, Reach())
        assert erasures_of(hub).get(one.id).ended == ended
        ask_again(hub, one.id)
        assert receipt_of(hub, advance(hub, one.id, Reach()))["untouched"] == []
    assert traces(tmp_path / "out", [3]) == []


def test_files_of_a_run_that_broke_off_before_its_manifest_are_named(crowd, tmp_path, monkeypatch):
    def closed(self, key, chunks, **told):
        raise Unavailable("nobody is there")

    with crowd.opened() as hub:
        crowd.live(hub)
        began = datetime(2026, 10, 1, tzinfo=UTC)
        schedule = Schedule("daily", hub.zone, at=wall_time(3))
        add_job(hub, Job("rolls", "rollups", str(tmp_path / "out"), schedule, began, began))
        with monkeypatch.context() as patch:
            patch.setattr(LocalBucket, "put", closed)
            runner_of(hub).once()
        [named] = receipt_of(hub, erase(hub, 3))["untouched"]
    assert (named["place"], "job 'rolls' broke off" in named["why"]) == (str(tmp_path / "out"), True)


def test_a_run_that_came_to_its_end_and_is_asked_for_again_did_not_break_off(crowd, tmp_path):
    with crowd.opened() as hub:
        crowd.live(hub)
        began = datetime(2026, 10, 1, tzinfo=UTC)
        schedule = Schedule("daily", hub.zone, at=wall_time(3))
        job = add_job(hub, Job("rolls", "rollups", str(tmp_path / "out"), schedule, began, began))
        assert runner_of(hub).once()
        (done,) = hub.jobs.slots("rolls", ("succeeded",))
        assert hub.jobs.issue(job.name, [done.slot], hub.clock()) == [done.slot.name]
        assert receipt_of(hub, erase(hub, 3))["untouched"] == []
