"""``ports.JobUpkeep``: every numbered promise, over every implementation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from footfall.config import load_zone
from footfall.errors import Conflict
from footfall.model.jobs import Job, Run, Verdict
from footfall.model.schedules import Schedule, Slot, between
from footfall.ports import Claim, Jobs, JobUpkeep
from footfall.stores.database import Database
from footfall.stores.job_upkeep import SqlJobUpkeep
from footfall.stores.jobs import SqlJobs

AT = datetime(2026, 5, 10, 12, tzinfo=UTC)
LEASE, DAY, YEAR = timedelta(minutes=5), timedelta(days=1), timedelta(days=365)
SCHEDULE = Schedule("daily", load_zone("Europe/Athens"), at=time(3))
DAILY = Job("daily", "rollups", "s3://bucket/px", SCHEDULE, AT, AT)
DONE = Verdict("succeeded", "sleeping")


@dataclass
class Kept:
    """now: of the next run that is not given an instant; a second later each time."""

    jobs: Jobs
    upkeep: JobUpkeep
    now: datetime = AT

    def plan(self, first: int, last: int, skipped: tuple[int, ...] = (), job: str = "daily") -> None:
        found = {slot.day.day: slot for slot in days(first, last) if slot.day is not None}
        waiting = [slot for day, slot in found.items() if day not in skipped]
        self.jobs.plan(job, waiting, [found[day] for day in skipped], days(last, last)[0].due, supersede=False)

    def claim(self, at: datetime = AT, holder: str = "me") -> Claim | None:
        return self.jobs.claim(at, at + LEASE, holder)

    def run(self, verdict: Verdict = DONE, at: datetime | None = None, state: str = "succeeded") -> str:
        at = at or self.now
        self.now = at + timedelta(seconds=1)
        claim = self.claim(at)
        assert claim is not None
        run = Run(claim.job.name, claim.slot.name, claim.attempt, state, at, ended_at=at)
        self.jobs.finish(claim, run, verdict)
        return run.id

    def states(self, job: str = "daily") -> dict[str, str]:
        return {each.slot.name: each.state for each in reversed(self.jobs.slots(job))}

    def runs(self) -> set[str]:
        return {each.id for each in self.jobs.runs()}

    def forget(self, before: datetime) -> None:
        while self.upkeep.forget(before):
            pass


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    database = Database.open(tmp_path / "store.db")
    try:
        jobs = SqlJobs(database, load_zone)
        jobs.add(DAILY, AT)
        yield Kept(jobs, SqlJobUpkeep(database))
    finally:
        database.close()


def days(first: int, last: int) -> list[Slot]:
    return list(between(SCHEDULE, date(2026, 5, first), date(2026, 5, last)))


# --- 1: the dead hold nothing ---


def test_the_slot_of_a_dead_runner_is_free_at_once_and_its_run_has_failed(kept: Kept) -> None:
    kept.plan(1, 2)
    dead = kept.claim(holder="dead")
    assert kept.claim() is None
    assert kept.upkeep.release(lambda holder: holder == "dead", AT, tries_max=2) == 1
    claim = kept.claim()
    assert claim is not None
    assert dead is not None
    assert (claim.slot, claim.attempt) == (dead.slot, 2)
    assert kept.jobs.run(f"daily:{dead.slot.name}:1").state == "failed"
    with pytest.raises(Conflict):
        kept.jobs.extend(dead, AT + LEASE)


def test_nobody_else_loses_a_lease(kept: Kept) -> None:
    kept.plan(1, 2)
    kept.claim(holder="alive")
    asked: list[str] = []
    assert kept.upkeep.release(lambda holder: bool(asked.append(holder)), AT, tries_max=2) == 0
    assert (asked, kept.claim()) == (["alive"], None)


def test_a_slot_whose_runners_keep_dying_waits_for_its_lease(kept: Kept) -> None:
    kept.plan(1, 1)
    for _ in range(2):
        assert kept.claim(holder="dead") is not None
        assert kept.upkeep.release(lambda _: True, AT, tries_max=2) == 1
    assert kept.claim(holder="dead") is not None
    assert kept.upkeep.release(lambda _: True, AT, tries_max=2) == 0
    assert kept.claim() is None
    assert kept.claim(AT + LEASE) is not None


# --- 2, 3: what is forgotten ---


def test_delivered_slots_and_their_runs_are_forgotten_but_for_the_newest(kept: Kept) -> None:
    kept.plan(1, 9)
    runs = [kept.run() for _ in range(9)]
    kept.forget(AT)
    assert kept.runs() == set(runs), "what ended at that instant did not end before it"
    kept.jobs.issue("daily", days(9, 9), AT + DAY)
    again = kept.run(at=AT + DAY)
    kept.forget(AT + YEAR)
    assert kept.runs() == {again}
    assert kept.states() == {"2026-05-09": "succeeded"}
    assert kept.jobs.planned_until("daily") >= days(9, 9)[0].due, "so nothing is planned again"


def test_what_was_run_lately_is_kept_however_old_its_day_is(kept: Kept) -> None:
    kept.plan(1, 2)
    kept.run(), kept.run()
    kept.jobs.issue("daily", days(1, 1), AT + YEAR)
    again = kept.run(at=AT + YEAR)
    kept.forget(AT + YEAR - DAY)
    assert kept.runs() == {again}
    assert kept.states() == {"2026-05-01": "succeeded"}


def test_gaps_stay_each_with_its_last_run(kept: Kept) -> None:
    kept.plan(1, 4, skipped=(2,))
    failing = [kept.run(Verdict("waiting", "fault", AT, "down"), state="failed") for _ in range(3)]
    last = kept.run(Verdict("failed", "failed", None, "down"), state="failed")
    kept.run(Verdict("waiting", "fault", AT, "down"), state="failed")
    cancelled = kept.jobs.cancel("daily:2026-05-03:1", AT).id
    done = kept.run()
    kept.forget(AT + YEAR)
    assert kept.states() == {
        "2026-05-01": "failed", "2026-05-02": "skipped", "2026-05-03": "cancelled", "2026-05-04": "succeeded",
    }  # fmt: skip
    assert kept.runs() == {last, cancelled, done}
    assert not set(failing) & kept.runs()


def test_a_slot_that_is_tried_for_years_keeps_one_run_and_its_place(kept: Kept) -> None:
    kept.plan(1, 2)
    ids = [kept.run(Verdict("waiting", "fault", AT, "down"), state="failed") for _ in range(30)]
    kept.forget(AT + YEAR)
    assert kept.runs() == {ids[-1]}
    assert kept.states() == {"2026-05-01": "waiting", "2026-05-02": "waiting"}
    assert kept.run(at=AT + YEAR) == "daily:2026-05-01:31"


def test_a_slot_that_runs_is_not_touched(kept: Kept) -> None:
    kept.plan(1, 1)
    claim = kept.claim()
    kept.forget(AT + YEAR)
    assert kept.states() == {"2026-05-01": "running"}
    assert kept.runs() == {f"daily:{claim.slot.name}:1"} if claim else False


def test_of_a_deleted_job_nothing_is_left_but_its_name(kept: Kept) -> None:
    kept.plan(1, 3, skipped=(2,))
    kept.run(), kept.run()
    kept.jobs.move("daily", "deleted", AT)
    kept.forget(AT)
    assert len(kept.states()) == 3
    kept.forget(AT + DAY)
    assert (kept.states(), kept.runs()) == ({}, set())


@pytest.mark.slow
def test_a_great_many_are_forgotten_in_portions(kept: Kept) -> None:
    first = datetime(2024, 1, 1, tzinfo=UTC)
    hourly = [Slot(first, first, first + timedelta(hours=n)) for n in range(1300)]
    kept.jobs.plan("daily", hourly, [], hourly[-1].due, supersede=False)
    for _ in hourly:
        kept.run()
    counts = []
    while counts[-1:] != [0]:
        counts.append(kept.upkeep.forget(AT + YEAR))
    assert max(counts) <= 1000
    assert len(kept.jobs.slots("daily", limit=2000)) == 1
