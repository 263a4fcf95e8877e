"""``ports.Jobs``: every numbered promise, over every implementation."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from new_store import open_store

from footfall.config import load_zone
from footfall.errors import Conflict, Refused
from footfall.model.jobs import Job, Run, Verdict
from footfall.model.schedules import Schedule, Slot, between
from footfall.ports import Claim, Jobs
from footfall.stores.jobs import SqlJobs

AT = datetime(2026, 5, 10, 12, tzinfo=UTC)
LEASE = timedelta(minutes=5)
SCHEDULE = Schedule("daily", load_zone("Europe/Athens"), at=time(3))
DAILY = Job("daily", "rollups", "s3://bucket/px", SCHEDULE, AT, AT, label="Täglich", options={"reports": ["Users"]})
DONE, LATER = Verdict("succeeded", "sleeping"), Verdict("waiting", "fault", AT + timedelta(hours=1), "down")


@contextmanager
def sqlite(place: Path) -> Iterator[Jobs]:
    database = open_store(place / "footfall.db")
    try:
        yield SqlJobs(database, load_zone)
    finally:
        database.close()


@pytest.fixture(params=[pytest.param(sqlite, id="sqlite")])
def opened(request):
    """Opens the jobs of a place; a context manager."""
    return request.param


@pytest.fixture
def jobs(opened, tmp_path) -> Iterator[Jobs]:
    with opened(tmp_path) as jobs:
        jobs.add(DAILY, AT)
        yield jobs


def days(first: int, last: int) -> list[Slot]:
    """The slots of these days of May 2026."""
    return list(between(SCHEDULE, date(2026, 5, first), date(2026, 5, last)))


def plan(jobs: Jobs, slots: list[Slot], name: str = "daily", **more) -> int:
    return jobs.plan(name, slots, more.pop("skipped", []), slots[-1].due, supersede=more.pop("supersede", False))


def claim(jobs: Jobs, at: datetime = AT, **which) -> Claim | None:
    return jobs.claim(at, at + LEASE, "me", **which)


def run_of(claim: Claim, state: str = "succeeded", **more) -> Run:
    return Run(claim.job.name, claim.slot.name, claim.attempt, state, AT, ended_at=AT, **more)


def states(jobs: Jobs, name: str = "daily") -> dict[str, str]:
    return {each.slot.name: each.state for each in reversed(jobs.slots(name))}


# --- jobs ---


def test_a_job_comes_back_as_it_was_added(jobs):
    assert jobs.get("daily") == DAILY
    assert jobs.all() == [DAILY]
    assert jobs.planned_until("daily") == AT


def test_a_name_is_taken_once(jobs):
    with pytest.raises(Conflict, match="there is a job 'daily'"):
        jobs.add(DAILY, AT)


@pytest.mark.parametrize("what", ["get", "planned_until", "slots"])
def test_a_job_nobody_knows_is_refused(jobs, what):
    with pytest.raises(Refused, match="no job 'nightly'"):
        getattr(jobs, what)("nightly")


@pytest.mark.parametrize(
    "id", ["daily:2026-05-01:1", "daily", "", "nightly:2026-05-01:x", "::", "a:b:²", "a:b:" + 99 * "9"]
)
def test_a_run_nobody_knows_is_refused(jobs, id):
    for ask in (jobs.run, lambda each: jobs.cancel(each, AT), lambda each: jobs.retry(each, AT)):
        with pytest.raises(Refused, match="no run"):
            ask(id)


def test_a_job_is_changed_and_keeps_its_state_its_slots_and_the_instant_it_was_made(jobs):
    plan(jobs, days(1, 2))
    jobs.move("daily", "paused", AT, "holidays")
    weekly = replace(SCHEDULE, kind="weekly", weekday=2)
    wanted = replace(
        DAILY, url="s3://other/px", label="Theirs", schedule=weekly, options={"format": "xml"}, catch_up="none",
        created_at=AT + LEASE, changed_at=AT + LEASE,
    )  # fmt: skip
    changed = jobs.change(wanted)
    assert changed == replace(wanted, created_at=AT, state="paused", cause="holidays")
    assert jobs.get("daily") == changed
    assert set(states(jobs).values()) == {"waiting"}


@pytest.mark.parametrize("wrong", [replace(DAILY, kind="audience"), replace(DAILY, name="nobody")])
def test_a_job_of_another_kind_or_name_is_not_changed(jobs, wrong):
    with pytest.raises(Refused):
        jobs.change(wrong)
    jobs.move("daily", "deleted", AT)
    with pytest.raises(Refused, match="deleted"):
        jobs.change(DAILY)


def test_a_state_is_remembered_with_its_cause_and_a_forbidden_step_changes_nothing(jobs):
    later = AT + timedelta(hours=1)
    assert jobs.move("daily", "paused", later, "the key is over").cause == "the key is over"
    assert (jobs.get("daily").state, jobs.get("daily").changed_at) == ("paused", later)
    with pytest.raises(Refused, match="is paused and cannot become fault"):
        jobs.move("daily", "fault", later)
    assert jobs.get("daily").cause == "the key is over"


# --- 1: a slot is created once ---


def test_a_slot_is_created_once_and_planning_it_again_changes_nothing_of_it(jobs):
    assert plan(jobs, days(1, 3)) == 3
    done = claim(jobs)
    jobs.finish(done, run_of(done), DONE)
    assert plan(jobs, days(1, 4)) == 1
    assert states(jobs) == {
        "2026-05-01": "succeeded", "2026-05-02": "waiting", "2026-05-03": "waiting", "2026-05-04": "waiting",
    }  # fmt: skip


def test_the_watermark_only_rises(jobs):
    plan(jobs, days(12, 20))
    plan(jobs, days(1, 1))
    assert jobs.planned_until("daily") == days(20, 20)[0].due


# --- 2: one gets it ---


def test_of_two_schedulers_that_race_on_one_slot_one_wins(opened, tmp_path):
    with opened(tmp_path) as first, opened(tmp_path) as second:
        first.add(DAILY, AT)
        for day in range(1, 9):
            won: list[Claim] = []
            barrier = threading.Barrier(2)

            def race(jobs: Jobs, day: int = day, won: list[Claim] = won, barrier: threading.Barrier = barrier) -> None:
                barrier.wait()
                plan(jobs, days(day, day))
                found = claim(jobs)
                if found is not None:
                    won.append(found)

            threads = [threading.Thread(target=race, args=(jobs,)) for jobs in (first, second)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
            [winner] = won
            assert (winner.slot.name, winner.attempt) == (f"2026-05-0{day}", 1)
            first.finish(winner, run_of(winner), DONE)
        assert len(first.runs()) == 8


def test_while_a_slot_is_run_no_other_of_its_job_can_be_claimed(jobs):
    plan(jobs, days(1, 2))
    assert claim(jobs) is not None
    assert claim(jobs, AT + LEASE - timedelta(seconds=1)) is None
    with pytest.raises(Conflict, match="2026-05-01 of job 'daily' is run by me"):
        claim(jobs, job="daily", slot="2026-05-02")


# --- 3: the order ---


def drain(jobs: Jobs) -> list[str]:
    order = []
    while (found := claim(jobs)) is not None:
        order.append(f"{found.job.name} {found.slot.name}")
        jobs.finish(found, run_of(found), DONE)
    return order


def test_what_was_due_first_is_run_first_across_jobs(jobs):
    jobs.add(replace(DAILY, name="also"), AT)
    plan(jobs, days(2, 3))
    plan(jobs, days(1, 2), "also")
    assert drain(jobs) == ["also 2026-05-01", "also 2026-05-02", "daily 2026-05-02", "daily 2026-05-03"]


def test_nothing_is_claimed_before_it_is_due(jobs):
    plan(jobs, days(9, 10))
    assert drain(jobs) == ["daily 2026-05-09"]
    assert claim(jobs, days(10, 10)[0].due - timedelta(seconds=1)) is None
    assert claim(jobs, days(10, 10)[0].due) is not None


def test_a_slot_that_waits_to_be_tried_again_holds_back_those_after_it(jobs):
    plan(jobs, days(1, 2))
    first = claim(jobs)
    jobs.finish(first, run_of(first, "failed", error="down"), LATER)
    assert jobs.get("daily").state == "fault"
    assert claim(jobs, AT + timedelta(minutes=59)) is None
    again = claim(jobs, AT + timedelta(hours=1))
    assert (again.slot.name, again.attempt, again.tries) == ("2026-05-01", 2, 2)


def test_what_a_person_asked_for_comes_after_what_is_due(jobs):
    assert jobs.issue("daily", days(1, 2), AT) == ["2026-05-01", "2026-05-02"]
    plan(jobs, days(8, 9))
    assert [each.split()[1][-2:] for each in drain(jobs)] == ["08", "09", "01", "02"]


def test_a_slot_that_was_done_can_be_asked_for_again_and_counts_its_tries_anew(jobs):
    plan(jobs, days(1, 1))
    first = claim(jobs)
    jobs.finish(first, run_of(first, "failed"), LATER)
    second = claim(jobs, AT + timedelta(hours=2))
    jobs.finish(second, run_of(second), DONE)
    jobs.issue("daily", days(1, 1), AT)
    third = claim(jobs)
    assert (third.attempt, third.tries) == (3, 1)
    assert jobs.issue("daily", days(1, 1), AT) == [], "one that is being run is left alone"


@pytest.mark.parametrize("state", ["paused", "completed", "killed", "deleted"])
def test_a_job_that_is_not_live_gives_no_slot(jobs, state):
    plan(jobs, days(1, 1))
    jobs.move("daily", state, AT)
    assert claim(jobs) is None
    assert states(jobs) == {"2026-05-01": "waiting"}


def test_a_slot_of_a_paused_job_can_be_claimed_by_name_and_one_of_a_deleted_job_cannot(jobs):
    plan(jobs, days(1, 1))
    jobs.move("daily", "paused", AT)
    found = claim(jobs, job="daily", slot="2026-05-01")
    jobs.finish(found, run_of(found), DONE)
    assert jobs.get("daily").state == "paused"
    with pytest.raises(Conflict, match="is succeeded"):
        claim(jobs, job="daily", slot="2026-05-01")
    jobs.move("daily", "deleted", AT)
    with pytest.raises(Refused, match="was deleted"):
        claim(jobs, job="daily", slot="2026-05-01")
    with pytest.raises(Refused, match="was deleted"):
        jobs.issue("daily", days(1, 1), AT)


# --- 4: fences ---


def test_fences_rise_with_every_claim_and_over_deletion(jobs):
    fences = []
    for day in (1, 2):
        plan(jobs, days(day, day))
        found = claim(jobs)
        fences.append(found.fence)
        jobs.finish(found, run_of(found), DONE)
    jobs.move("daily", "deleted", AT)
    jobs.add(DAILY, AT)
    plan(jobs, days(1, 1))
    fences.append(claim(jobs).fence)
    assert fences == sorted(set(fences))


def test_an_old_fence_can_neither_extend_nor_finish_and_changes_nothing(jobs):
    plan(jobs, days(1, 1))
    old = claim(jobs)
    new = claim(jobs, AT + LEASE)
    assert new.fence > old.fence
    before = (states(jobs), jobs.runs(), jobs.get("daily"), jobs.slots("daily"))
    for act in (lambda: jobs.finish(old, run_of(old), DONE), lambda: jobs.extend(old, AT + 9 * LEASE)):
        with pytest.raises(Conflict, match="not ours any more"):
            act()
    assert (states(jobs), jobs.runs(), jobs.get("daily"), jobs.slots("daily")) == before
    jobs.finish(new, run_of(new), DONE)
    with pytest.raises(Conflict):
        jobs.finish(new, run_of(new), DONE)


def test_a_claim_on_a_job_that_was_added_anew_is_void(jobs):
    plan(jobs, days(1, 1))
    old = claim(jobs)
    jobs.move("daily", "deleted", AT)
    jobs.add(DAILY, AT)
    plan(jobs, days(1, 1))
    new = claim(jobs)
    with pytest.raises(Conflict):
        jobs.finish(old, run_of(old), DONE)
    jobs.finish(new, run_of(new), DONE)


def test_a_lease_that_is_extended_lasts(jobs):
    plan(jobs, days(1, 1))
    found = claim(jobs)
    jobs.extend(found, AT + 3 * LEASE)
    assert claim(jobs, AT + 2 * LEASE) is None


# --- 5: leases run out ---


def test_a_slot_whose_lease_ran_out_is_taken_over_and_its_run_has_failed(jobs):
    plan(jobs, days(1, 2))
    claim(jobs)
    again = claim(jobs, AT + LEASE)
    assert (again.slot.name, again.attempt) == ("2026-05-01", 2)
    lost = jobs.run("daily:2026-05-01:1")
    assert (lost.state, lost.ended_at) == ("failed", AT + LEASE)
    assert "lost touch" in lost.error
    assert jobs.run("daily:2026-05-01:2").state == "running"


def test_asking_anew_for_a_slot_whose_lease_ran_out_ends_its_run(jobs):
    plan(jobs, days(1, 1))
    claim(jobs)
    assert jobs.issue("daily", days(1, 1), AT + LEASE) == ["2026-05-01"]
    lost = jobs.run("daily:2026-05-01:1")
    assert (lost.state, lost.ended_at) == ("failed", AT + LEASE)
    assert "lost touch" in lost.error
    assert claim(jobs, AT + LEASE).attempt == 2


def test_a_finish_that_comes_late_but_before_anybody_else_counts(jobs):
    plan(jobs, days(1, 1))
    slow = claim(jobs)
    jobs.finish(slow, run_of(slow, files=3, rows=10, bytes=99, position=7), DONE)
    assert states(jobs) == {"2026-05-01": "succeeded"}
    assert jobs.run("daily:2026-05-01:1") == run_of(slow, files=3, rows=10, bytes=99, position=7)


# --- 6: gaps ---


def test_what_is_not_to_be_run_is_there_as_skipped(jobs):
    plan(jobs, days(3, 3), skipped=days(1, 2))
    assert states(jobs) == {"2026-05-01": "skipped", "2026-05-02": "skipped", "2026-05-03": "waiting"}
    assert [each.slot.name for each in jobs.slots("daily", ["skipped"])] == ["2026-05-02", "2026-05-01"]
    assert drain(jobs) == ["daily 2026-05-03"]


def test_a_newer_slot_supersedes_those_that_wait_but_not_what_a_person_asked_for(jobs):
    plan(jobs, days(2, 3))
    jobs.issue("daily", days(1, 1), AT)
    plan(jobs, days(4, 4), supersede=True)
    assert states(jobs) == {
        "2026-05-01": "waiting", "2026-05-02": "skipped", "2026-05-03": "skipped", "2026-05-04": "waiting",
    }  # fmt: skip


def test_a_cancelled_run_is_a_gap_and_its_runner_learns_of_it(jobs):
    plan(jobs, days(1, 2))
    found = claim(jobs)
    cancelled = jobs.cancel("daily:2026-05-01:1", AT)
    assert (cancelled.state, cancelled.ended_at) == ("cancelled", AT)
    with pytest.raises(Conflict):
        jobs.extend(found, AT + LEASE)
    assert states(jobs) == {"2026-05-01": "cancelled", "2026-05-02": "waiting"}
    with pytest.raises(Refused, match="is over"):
        jobs.cancel("daily:2026-05-01:1", AT)


def test_a_gap_is_healed_by_a_retry_that_goes_on_where_the_last_one_stopped(jobs):
    plan(jobs, days(1, 1))
    found = claim(jobs)
    jobs.finish(found, run_of(found, "failed"), Verdict("failed", "failed", None, "other bytes are there"))
    assert (jobs.get("daily").state, jobs.get("daily").cause) == ("failed", "other bytes are there")
    assert jobs.retry("daily:2026-05-01:1", AT).state == "waiting"
    again = claim(jobs)
    assert (again.attempt, again.tries) == (2, 2)
    with pytest.raises(Refused, match="is running"):
        jobs.retry("daily:2026-05-01:1", AT)
    jobs.finish(again, run_of(again), DONE)
    with pytest.raises(Refused, match="is succeeded"):
        jobs.retry("daily:2026-05-01:1", AT)
    assert jobs.get("daily").state == "sleeping"


# --- 7, 8 ---


@pytest.mark.parametrize("state", ["paused", "deleted"])
def test_a_job_that_was_stopped_while_it_ran_stays_stopped(jobs, state):
    plan(jobs, days(1, 1))
    found = claim(jobs)
    jobs.move("daily", state, AT, "enough")
    jobs.finish(found, run_of(found), DONE)
    assert (jobs.get("daily").state, jobs.get("daily").cause) == (state, "enough")
    assert states(jobs) == {"2026-05-01": "succeeded"}


def test_a_deleted_job_is_not_listed_and_keeps_its_history_until_its_name_is_used_again(jobs):
    plan(jobs, days(1, 1))
    assert drain(jobs) == ["daily 2026-05-01"]
    jobs.move("daily", "deleted", AT)
    assert jobs.all() == []
    assert [run.id for run in jobs.runs()] == ["daily:2026-05-01:1"]
    with pytest.raises(Refused, match="cannot become sleeping"):
        jobs.move("daily", "sleeping", AT)
    jobs.add(DAILY, AT)
    assert jobs.runs() == []
    assert states(jobs) == {}


def test_pages_of_runs_join_without_gap_or_repetition(jobs):
    jobs.add(replace(DAILY, name="other"), AT)
    for name in ("daily", "other"):
        plan(jobs, days(1, 3), name)
    for minutes in (0, 0, 5, 5, 5, 9):
        at = AT + timedelta(minutes=minutes)
        found = claim(jobs, at)
        jobs.finish(found, replace(run_of(found), begun_at=at), DONE)
    everything = list(jobs.runs())
    assert len({run.begun_at for run in everything}) < len(everything), "some began at the same instant"
    paged: list[Run] = []
    while page := list(jobs.runs(limit=2, before=paged[-1] if paged else None)):
        paged += page
    assert paged == everything
    gone = replace(everything[1], attempt=everything[1].attempt + 1)
    assert next(iter(jobs.runs(before=gone))).begun_at <= gone.begun_at


def test_everything_is_there_after_opening_anew(opened, tmp_path):
    with opened(tmp_path) as jobs:
        jobs.add(DAILY, AT)
        plan(jobs, days(1, 2))
        found = claim(jobs)
    with opened(tmp_path) as jobs:
        assert claim(jobs) is None
        jobs.finish(found, run_of(found), DONE)
        assert states(jobs) == {"2026-05-01": "succeeded", "2026-05-02": "waiting"}
        assert jobs.get("daily").state == "runnable"
