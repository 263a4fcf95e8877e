"""Running jobs by a clock of one's own: what is run when, what a failure does, and that nothing is lost or doubled."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from new_store import open_store
from small_hub import SmallHub, day_of_events, findings, small_hub

from footfall.buckets.local import LocalBucket
from footfall.config import load_zone
from footfall.config.cron import next_instant
from footfall.errors import Conflict, Denied, Refused, Unavailable
from footfall.flows.run_jobs import LEASE, Runner
from footfall.model.jobs import Attempt, FileFacts, Job, first_watermark, verdict
from footfall.model.schedules import Schedule, Slot, named
from footfall.ports import Stored
from footfall.stores.job_upkeep import SqlJobUpkeep
from footfall.stores.jobs import SqlJobs

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BEGAN = datetime(2026, 10, 19, 12, tzinfo=UTC)
ATHENS = load_zone("Europe/Athens")


@dataclass
class Works:
    """A store of jobs, a clock that is turned by hand, and a delivery that notes what it is asked for.

    breaks: raised by the delivery of a slot, before its second file, while it is there.
    """

    jobs: SqlJobs
    now: datetime = BEGAN
    asked: list[str] = field(default_factory=list)
    breaks: BaseException | None = None

    def deliver(self, job: Job, slot: Slot, attempt: Attempt) -> Iterable[FileFacts]:
        self.asked.append(slot.name)
        yield FileFacts(f"{slot.name}/a", 3, 100, position=7)
        if self.breaks is not None:
            raise self.breaks
        yield FileFacts(f"{slot.name}/b", 4, 50)

    def runner(self, holder: str = "me") -> Runner:
        return Runner(self.jobs, {"rollups": self.deliver}, lambda: self.now, holder=holder, cron=next_instant)

    def add(self, schedule: Schedule, name: str = "daily", catch_up: str = "all") -> None:
        job = Job(name, "rollups", "out", schedule, self.now, self.now, catch_up=catch_up)
        self.jobs.add(job, first_watermark(job))

    def pass_time(self, length: timedelta, step: timedelta = 20 * MINUTE, runner: Runner | None = None) -> None:
        runner = runner or self.runner()
        end = self.now + length
        while self.now < end:
            while runner.once():
                pass
            self.now = min(self.now + step, end)

    def states(self, name: str = "daily") -> dict[str, str]:
        return {each.slot.name: each.state for each in reversed(self.jobs.slots(name))}


@pytest.fixture
def works(tmp_path: Path) -> Iterator[Works]:
    database = open_store(tmp_path / "store.db")
    try:
        yield Works(SqlJobs(database, load_zone))
    finally:
        database.close()


DAILY = Schedule("daily", ATHENS, at=time(3))
DAYS = [f"2026-10-{day}" for day in range(19, 29)]


def test_each_day_is_run_once_also_over_the_change_of_the_clock(works: Works) -> None:
    works.add(DAILY)
    works.pass_time(10 * DAY)
    assert works.asked == DAYS
    run = works.jobs.run("daily:2026-10-24:1")
    assert (run.state, run.files, run.rows, run.bytes, run.position) == ("succeeded", 2, 7, 150, 7)
    assert run.begun_at == datetime(2026, 10, 25, 0, 0, tzinfo=UTC), "03:00 is shown twice; the first counts"
    assert works.jobs.get("daily").state == "sleeping"


def test_nothing_is_run_before_its_time_and_nothing_of_the_time_before_the_job_was_made(works: Works) -> None:
    works.add(DAILY)
    assert not works.runner().once()
    works.now = named(DAILY, "2026-10-19").due - MINUTE  # type: ignore[union-attr]
    assert not works.runner().once()
    works.now += MINUTE
    assert works.runner().once()
    assert works.asked == ["2026-10-19"]


def test_three_days_asleep_over_the_change_of_the_clock_are_caught_up_in_order_and_once(works: Works) -> None:
    works.add(DAILY)
    works.now += 9 * DAY
    works.pass_time(HOUR)
    assert works.asked == DAYS[:9]


@pytest.mark.parametrize(
    ("catch_up", "run"), [("all", DAYS[:9]), ("latest", DAYS[8:9]), ("none", [])],
)  # fmt: skip
def test_what_is_not_caught_up_is_a_gap_that_can_be_seen(works: Works, catch_up: str, run: list[str]) -> None:
    works.add(DAILY, catch_up=catch_up)
    works.now += 9 * DAY
    works.pass_time(HOUR)
    assert works.asked == run
    assert works.states() == {day: "succeeded" if day in run else "skipped" for day in DAYS[:9]}
    works.pass_time(DAY)
    assert works.asked == [*run, DAYS[9]], "and the next slot is run by itself"


@pytest.mark.slow
def test_a_place_that_is_down_for_eight_days_loses_nothing_and_is_caught_up_in_order(works: Works) -> None:
    works.add(DAILY)
    works.breaks = Unavailable("the bucket does not answer", "Wait")
    works.pass_time(8 * DAY)
    tries = len(works.asked)
    assert set(works.asked) == {DAYS[0]}, "the slots behind it wait: no crowd of them meets the bucket"
    assert 8 * 20 < tries < 8 * 24 + 20, "at longer and longer pauses, up to an hour"
    assert works.jobs.get("daily").state == "fault"
    assert works.jobs.get("daily").cause == "the bucket does not answer"
    assert set(works.states().values()) == {"waiting"}

    works.breaks = None
    works.pass_time(2 * HOUR)
    assert works.asked[tries:] == DAYS[:8]
    assert set(works.states().values()) == {"succeeded"}
    job = works.jobs.get("daily")
    assert (job.state, job.cause) == ("sleeping", "")


def test_a_place_that_is_down_while_only_the_latest_counts_is_left_with_gaps(works: Works) -> None:
    works.add(DAILY, catch_up="latest")
    works.breaks = Unavailable("down")
    works.pass_time(3 * DAY)
    works.breaks = None
    works.pass_time(2 * HOUR)
    assert works.states() == {DAYS[0]: "skipped", DAYS[1]: "skipped", DAYS[2]: "succeeded"}


@pytest.mark.parametrize(
    "refusal", [Denied("the key is not accepted", "Renew it"), Refused("no such bucket", "Make it")]
)
def test_a_refusal_pauses_the_job_with_its_cause_and_resume_goes_on_from_the_same_slot(
    works: Works, refusal: Refused
) -> None:
    works.add(DAILY)
    works.pass_time(2 * DAY)
    works.breaks = refusal
    works.pass_time(3 * DAY)
    assert works.asked == DAYS[:3], "one attempt, not a storm of them"
    job = works.jobs.get("daily")
    assert (job.state, job.cause) == ("paused", refusal.what)
    assert (works.jobs.run(f"daily:{DAYS[2]}:1").error, works.jobs.run(f"daily:{DAYS[2]}:1").hint) == (
        refusal.what,
        refusal.hint,
    )

    works.breaks = None
    works.jobs.move("daily", "runnable", works.now)
    works.pass_time(HOUR)
    assert works.asked[3:] == DAYS[2:5]
    assert set(works.states().values()) == {"succeeded"}


@pytest.mark.parametrize("error", [Conflict("other bytes are there", "Reopen the day"), ZeroDivisionError("a bug")])
def test_what_does_not_pass_is_given_up_after_some_tries_and_the_job_goes_on(works: Works, error: Exception) -> None:
    works.add(DAILY)
    works.breaks = error
    works.now += DAY
    works.pass_time(5 * HOUR)
    assert works.states() == {DAYS[0]: "failed"}
    assert len(works.asked) == 5
    assert works.jobs.get("daily").state == "failed"
    works.breaks = None
    works.pass_time(DAY)
    assert works.states() == {DAYS[0]: "failed", DAYS[1]: "succeeded"}
    assert works.jobs.get("daily").state == "sleeping"


def test_what_is_interrupted_is_run_again_at_once(works: Works) -> None:
    works.add(DAILY)
    works.now += DAY
    works.breaks = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        works.runner().once()
    assert works.jobs.run("daily:2026-10-19:1").state == "cancelled"
    works.breaks = None
    assert works.runner("somebody else").once()
    assert works.states() == {DAYS[0]: "succeeded"}


def test_a_runner_that_is_stopped_gives_its_slot_back(works: Works) -> None:
    works.add(DAILY)
    works.now += DAY
    runner = works.runner()

    def deliver(job: Job, slot: Slot, attempt: Attempt) -> Iterator[FileFacts]:
        runner.stop()
        attempt.beat()
        yield FileFacts("never", 1, 1)

    runner._deliver = {"rollups": deliver}
    runner.once()
    assert works.states() == {DAYS[0]: "waiting"}
    assert not runner.once()
    assert works.runner().once()


def test_a_long_delivery_keeps_its_lease_and_one_that_lost_it_changes_nothing(works: Works) -> None:
    works.add(DAILY)
    works.now += DAY
    taken_over: list[bool] = []

    def deliver(job: Job, slot: Slot, attempt: Attempt) -> Iterator[FileFacts]:
        if attempt.number == 1:
            for _ in range(30):
                works.now += MINUTE
                attempt.beat()
                assert works.jobs.claim(works.now, works.now + LEASE, "thief") is None
            works.now += LEASE
            taken_over.append(works.runner("other").once())
        yield FileFacts(f"by attempt {attempt.number}", 1, 1)

    works.deliver = deliver  # type: ignore[method-assign]
    works.runner().once()
    assert taken_over == [True]
    assert works.jobs.run("daily:2026-10-19:1").state == "failed"
    assert works.jobs.run("daily:2026-10-19:2").state == "succeeded"
    assert works.states() == {DAYS[0]: "succeeded"}


def test_a_clock_that_goes_back_or_stands_runs_nothing_twice(works: Works) -> None:
    works.add(DAILY)
    works.pass_time(2 * DAY)
    works.now -= DAY
    works.pass_time(3 * DAY)
    runner = works.runner()
    assert not runner.once()
    assert not runner.once()
    assert works.asked == DAYS[: len(works.asked)]
    assert len(works.asked) == 4


def test_jobs_take_turns_by_when_they_were_due(works: Works) -> None:
    works.add(Schedule("hourly", ATHENS, every=12), "half-days")
    works.add(DAILY)
    works.now += 2 * DAY
    works.pass_time(HOUR)
    assert works.asked == [
        "20261019T120000Z", "2026-10-19", "20261020T000000Z", "20261020T120000Z", "2026-10-20",
        "20261021T000000Z", "20261021T120000Z",
    ]  # fmt: skip


def test_a_one_time_job_is_run_at_once_and_then_completed(works: Works) -> None:
    works.add(Schedule("once", ATHENS, start=BEGAN))
    works.pass_time(2 * DAY)
    assert works.asked == ["2026-10-18"]
    assert works.jobs.get("daily").state == "completed"


@pytest.mark.parametrize("how", ["retried", "asked for"])
def test_a_one_time_job_whose_run_is_cancelled_is_killed_until_somebody_asks_for_it(works: Works, how: str) -> None:
    works.add(Schedule("once", ATHENS, start=BEGAN))
    works.breaks = Unavailable("down")
    works.runner().once()
    works.jobs.cancel("daily:2026-10-18:1", works.now)
    works.runner().once()
    assert works.jobs.get("daily").state == "killed"
    works.breaks = None
    if how == "retried":
        works.jobs.retry("daily:2026-10-18:1", works.now)
    else:
        works.jobs.issue("daily", [planned.slot for planned in works.jobs.slots("daily")], works.now)
    assert works.runner().once()
    works.runner().once()
    assert works.jobs.get("daily").state == "completed"


def test_a_job_whose_schedule_ends_is_completed_after_its_last_slot(works: Works) -> None:
    works.add(Schedule("daily", ATHENS, at=time(3), end=BEGAN + 3 * DAY))
    works.pass_time(6 * DAY)
    assert works.asked == DAYS[:3]
    assert works.jobs.get("daily").state == "completed"


def test_without_a_time_of_day_the_next_run_is_an_interval_after_the_last_one_was_done(works: Works) -> None:
    works.add(Schedule("daily", ATHENS))
    works.breaks = Unavailable("down", retry_after_s=7200)
    works.pass_time(DAY + HOUR)
    works.breaks = None
    works.pass_time(3 * DAY)
    begun = [run.begun_at for run in reversed(works.jobs.runs("daily")) if run.state == "succeeded"]
    assert begun[0] == BEGAN + DAY + 2 * HOUR
    assert [at - begun[0] for at in begun] == [n * DAY for n in range(len(begun))]
    assert len(begun) == 3


def test_a_slot_that_is_run_by_hand_is_the_scheduled_one(works: Works) -> None:
    works.add(DAILY)
    works.now += DAY
    slot = named(DAILY, DAYS[0])
    assert slot is not None
    assert works.runner().run_slot("daily", slot).state == "succeeded"
    works.pass_time(HOUR)
    assert works.asked == DAYS[:1]
    assert works.runner().run_slot("daily", slot).attempt == 2, "again, when it is asked for again"
    with pytest.raises(Refused, match="not over before"):
        works.runner().run_slot("daily", named(DAILY, DAYS[1]))  # type: ignore[arg-type]


def test_a_kind_that_nothing_delivers_pauses_its_job(works: Works) -> None:
    job = Job("other", "audience", "out", Schedule("minutes", ATHENS), BEGAN, BEGAN)
    works.jobs.add(job, first_watermark(job))
    works.pass_time(HOUR)
    assert works.jobs.get("other").state == "paused"
    assert len(works.jobs.runs("other")) == 1


def test_pauses_are_spread_by_chance_and_never_shorter_than_the_place_asks_for() -> None:
    down = Unavailable("down", retry_after_s=5)
    for tries in range(1, 12):
        longest, shortest = (verdict(down, tries, BEGAN, chance).retry_at for chance in (0.0, 1.0))
        assert longest is not None
        assert shortest is not None
        assert longest - BEGAN == min(HOUR, timedelta(seconds=30) * 2 ** (tries - 1))
        assert shortest - BEGAN == (longest - BEGAN) * 3 / 4
    asked = verdict(Unavailable("busy", retry_after_s=7200), 1, BEGAN, 1.0).retry_at
    assert asked == BEGAN + 2 * HOUR


@pytest.mark.slow
def test_jobs_that_failed_together_do_not_come_back_together(works: Works) -> None:
    names = [f"job-{number}" for number in range(20)]
    for name in names:
        works.add(DAILY, name)
    works.now += DAY
    works.breaks = Unavailable("down")
    runner = Runner(
        works.jobs, {"rollups": works.deliver}, lambda: works.now, holder="me", cron=next_instant,
        chance=random.Random(7).random,
    )  # fmt: skip
    for _ in range(5):
        while runner.once():
            pass
        works.now += 2 * HOUR
    again = {slot.retry_at for name in names for slot in works.jobs.slots(name, ("waiting",), 1)}
    assert len(again) == len(names)


def test_what_a_dead_runner_held_is_run_at_once_and_what_a_silent_one_holds_is_not(works: Works) -> None:
    works.add(DAILY)
    works.now += DAY
    works.runner().plan()
    assert works.jobs.claim(works.now, works.now + LEASE, "dead") is not None
    upkeep, dead = SqlJobUpkeep(works.jobs._database), set[str]()
    runner = Runner(
        works.jobs, {"rollups": works.deliver}, lambda: works.now, holder="me", cron=next_instant,
        release=lambda now: upkeep.release(lambda holder: holder in dead, now, tries_max=2),
    )  # fmt: skip
    assert not runner.once()
    dead.add("dead")
    assert runner.once()
    assert works.states() == {DAYS[0]: "succeeded"}
    assert works.jobs.run(f"daily:{DAYS[0]}:1").state == "failed"


# --- with real deliveries ---


class Place(LocalBucket):
    """A folder that notes what was put new, and breaks after the n-th put when told to."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.puts: list[str] = []
        self.kill_after: int | None = None

    def put(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> Stored:
        stored = super().put(key, chunks, content_type=content_type)
        self.puts.append(key)
        if self.kill_after is not None and len(self.puts) > self.kill_after:
            raise SystemExit("killed")
        return stored


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[SmallHub]:
    with small_hub(tmp_path / "hub", "Europe/Athens") as hub:
        hub.now = datetime(2026, 10, 28, 12, tzinfo=UTC)
        for day in (20, 21):
            hub.accept(day_of_events(date(2026, 10, day)))
        hub.settle()
        yield hub


def real(works: Works, hub: SmallHub, place: Place) -> None:
    def deliver(job: Job, slot: Slot, attempt: Attempt) -> Iterator[FileFacts]:
        for day in slot.days(hub.zone):
            for each in hub.export(day, place):
                yield FileFacts(each.key, each.rows, each.size_bytes)

    works.deliver = deliver  # type: ignore[method-assign]


def contents(place: Place) -> dict[str, bytes]:
    return {each.key: b"".join(place.open(each.key)) for each in place.list()}


def test_killed_between_delivery_and_finish_the_next_run_delivers_the_same_bytes_once(
    works: Works, hub: SmallHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path / "out")
    real(works, hub, place)
    works.add(DAILY)
    works.now = datetime(2026, 10, 21, 6, tzinfo=UTC)
    # What a kill leaves: everything delivered, nothing of it written down.
    with monkeypatch.context() as broken:
        broken.setattr(works.jobs, "finish", lambda *_: (_ for _ in ()).throw(SystemExit("killed")))
        with pytest.raises(SystemExit):
            works.pass_time(HOUR)
    before = contents(place)
    assert before
    assert set(works.states().values()) == {"running", "waiting"}

    works.now += LEASE
    works.pass_time(HOUR)
    assert works.states() == {"2026-10-19": "succeeded", "2026-10-20": "succeeded"}
    assert {key: text for key, text in contents(place).items() if key in before} == before
    assert [run.state for run in works.jobs.runs("daily")].count("failed") == 1
    assert findings(place) == []


def test_a_backfill_over_delivered_days_doubles_nothing_and_delivers_late_events_as_the_next_revision(
    works: Works, hub: SmallHub, tmp_path: Path
) -> None:
    place = Place(tmp_path / "out")
    real(works, hub, place)
    works.now = BEGAN + DAY
    works.add(DAILY)
    works.now = datetime(2026, 10, 23, 6, tzinfo=UTC)
    works.pass_time(HOUR)
    before = contents(place)
    late = day_of_events(date(2026, 10, 21), users=1, mark="late")
    hub.accept(late)
    hub.settle()

    slots = [named(DAILY, f"2026-10-{day}") for day in (20, 21, 22)]
    assert len(works.jobs.issue("daily", slots, works.now)) == 3  # type: ignore[arg-type]
    works.pass_time(HOUR)
    after = contents(place)
    assert {key: text for key, text in after.items() if key in before} == before
    new = after.keys() - before.keys()
    assert new
    assert all("_r2" in key and "20261022T000000Z" in key for key in new)
    assert findings(place) == []
