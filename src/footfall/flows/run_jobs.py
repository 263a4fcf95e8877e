"""Run jobs: plan the slots that came due, claim the oldest, deliver it, write down what became of it.

Several processes may do this on one store. A claim is a lease that is kept by ``beat`` while files are made; whoever
loses it stops and changes nothing more. What a slot delivers has names and bytes that follow from the slot, so an
attempt that broke off anywhere, the last moment included, is made good by the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from footfall import observe
from footfall.errors import Conflict, FootfallError, Refused
from footfall.model.jobs import UNEXPECTED_HINT, Attempt, FileFacts, Job, Run, Verdict, looked_from, to_run, verdict
from footfall.model.schedules import NextInstant, Slot, next_slot, slots
from footfall.ports import Claim, Clock, Jobs

# Delivers one slot of one job and tells of each file when it lies where it belongs.
Deliver = Callable[[Job, Slot, Attempt], Iterable[FileFacts]]
# Told of every run that ended, in the transaction that ends it. Raises nothing.
Ended = Callable[[Claim, Run, Verdict, Sequence[FileFacts]], None]

# Tells how many slots it freed of runners that are dead; see ``ports.JobUpkeep.release``.
Release = Callable[[datetime], int]

LEASE: Final = timedelta(minutes=5)
PLAN_AT_ONCE: Final = 1_000


class _Stopped(Exception):
    """The runner is being stopped; what it was doing is done again later."""


def _nobody(claim: Claim, run: Run, verdict: Verdict, files: Sequence[FileFacts]) -> None:
    """Nobody wants to know."""


def _none(now: datetime) -> int:
    """Nobody is known to be dead."""
    return 0


def _longest() -> float:
    """Pauses are as long as they may be."""
    return 0.0


class Runner:
    """Runs what is due, one slot at a time.

    deliver: by kind of job. holder: who we are, for people who wonder who runs a slot. cron: see ``model.schedules``.
    ended: told of every run that ended; what it writes is kept together with that end by ``together``, see
    ``ports.Store.transaction``. release: frees what the dead hold. chance: from 0 to 1, for the length of pauses.
    """

    def __init__(
        self,
        jobs: Jobs,
        deliver: Mapping[str, Deliver],
        clock: Clock,
        *,
        holder: str,
        cron: NextInstant,
        ended: Ended = _nobody,
        together: Callable[[], AbstractContextManager[None]] = nullcontext,
        release: Release = _none,
        chance: Callable[[], float] = _longest,
    ) -> None:
        self._jobs = jobs
        self._deliver = deliver
        self._clock = clock
        self._holder = holder
        self._cron = cron
        self._ended = ended
        self._together = together
        self._release = release
        self._chance = chance
        self._stopped = False

    def stop(self) -> None:
        """End what is being run at the next file or beat. Its slot waits and is the first to be run again."""
        self._stopped = True

    def once(self) -> bool:
        """Plan, then run the oldest slot that is due; True when there was one."""
        if self._stopped:
            return False
        self.plan()
        now = self._clock()
        self._take_over(now)
        claim = self._jobs.claim(now, now + LEASE, self._holder)
        if claim is None:
            return False
        self._run(claim)
        return True

    def plan(self) -> None:
        """Create the slots of every live job that came due since the last look, and complete what is over."""
        now = self._clock()
        for job in self._jobs.all():
            if job.live:
                for passed in self._passed(job, now):
                    waiting = to_run(job.catch_up, passed, now)
                    self._jobs.plan(
                        job.name,
                        waiting,
                        passed[: len(passed) - len(waiting)],
                        passed[-1].due,
                        supersede=job.catch_up != "all",
                    )
                self._complete_if_over(job, now)

    def run_slot(self, name: str, slot: Slot) -> Run:
        """Run this slot now, as the schedule would, whether it was run before or not.

        Raises ``Refused`` for a slot that is not over yet, ``Conflict`` while the job is being run.
        """
        now = self._clock()
        if slot.end > now:
            raise Refused(f"slot {slot.name} of job '{name}' is not over before {slot.end:%Y-%m-%d %H:%M} UTC")
        self._take_over(now)
        self._jobs.issue(name, [slot], now)
        claim = self._jobs.claim(now, now + LEASE, self._holder, job=name, slot=slot.name)
        assert claim is not None  # a slot asked for by name is claimed, or there is a Conflict
        return self._run(claim)

    def rehearse(self, job: Job, slot: Slot) -> Iterator[FileFacts]:
        """Yield what a run of the slot would deliver. Nothing is claimed or written down."""
        if slot.end > self._clock():
            raise Refused(f"slot {slot.name} of job '{job.name}' is not over before {slot.end:%Y-%m-%d %H:%M} UTC")
        yield from self._files(job, slot, Attempt(0, 1, 0, rehearsal=True, beat=lambda: None))

    def _take_over(self, now: datetime) -> None:
        freed = self._release(now)
        if freed:
            observe.happened("slots of a runner that died are taken over", slots=freed)

    # --- planning --------------------------------------------------------------------------------

    def _passed(self, job: Job, now: datetime) -> Iterator[list[Slot]]:
        """Slots due since the last look, oldest first, in portions. Those due at one instant are never parted."""
        if job.schedule.floating and self._jobs.slots(job.name, ("waiting", "running"), 1):
            return
        last = next(iter(self._jobs.runs(job.name, 1)), None) if job.schedule.floating else None
        after = looked_from(job, self._jobs.planned_until(job.name), last)
        portion: list[Slot] = []
        for slot in slots(job.schedule, after, now, cron=self._cron):
            if len(portion) >= PLAN_AT_ONCE and slot.due > portion[-1].due:
                yield portion
                portion = []
            portion.append(slot)
        if portion:
            yield portion

    def _complete_if_over(self, job: Job, now: datetime) -> None:
        if job.schedule.kind != "once" and job.schedule.end is None:
            return
        if next_slot(job.schedule, self._jobs.planned_until(job.name), cron=self._cron) is None and not (
            self._jobs.slots(job.name, ("waiting", "running"), 1)
        ):
            cancelled = job.schedule.kind == "once" and self._jobs.slots(job.name, ("cancelled",), 1)
            self._jobs.move(job.name, "killed" if cancelled else "completed", now)
            observe.happened("job over", job=job.name)

    # --- running ---------------------------------------------------------------------------------

    def _run(self, claim: Claim) -> Run:
        job, slot = claim.job, claim.slot
        run = Run(job.name, slot.name, claim.attempt, "running", self._clock())
        lease = _Lease(self._jobs, claim, self._clock, lambda: self._stopped)
        attempt = Attempt(claim.attempt, claim.tries, claim.fence, rehearsal=False, beat=lease.beat)
        files: list[FileFacts] = []
        failure: Exception | None = None
        try:
            for file in self._files(job, slot, attempt):
                run = _with(run, file)
                files += [file] if file.key else []
                lease.beat()
        except _Stopped:
            return self._interrupted(claim, run, "Footfall was stopped", files)
        except Exception as error:  # whatever it is, the slot must not stay claimed
            failure = error
        except BaseException:
            self._interrupted(claim, run, "interrupted", files)
            raise
        now = self._clock()
        run = replace(run, state="succeeded", ended_at=now) if failure is None else _failed(run, failure, now)
        return self._finish(claim, run, verdict(failure, claim.tries, now, self._chance()), failure, files)

    def _files(self, job: Job, slot: Slot, attempt: Attempt) -> Iterator[FileFacts]:
        deliver = self._deliver.get(job.kind)
        if deliver is None:
            raise Refused(f"nothing here delivers jobs of kind {job.kind}", "Run a Footfall that does")
        yield from deliver(job, slot, attempt)

    def _interrupted(self, claim: Claim, run: Run, why: str, files: Sequence[FileFacts]) -> Run:
        now = self._clock()
        ended = replace(run, state="cancelled", ended_at=now, error=why)
        return self._finish(claim, ended, Verdict("waiting", "runnable", now), None, files)

    def _finish(
        self, claim: Claim, run: Run, outcome: Verdict, failure: Exception | None, files: Sequence[FileFacts]
    ) -> Run:
        details = {"job": run.job, "slot": run.slot, "attempt": run.attempt}
        try:
            with self._together():
                self._jobs.finish(claim, run, outcome)
                self._ended(claim, run, outcome, files)
        except Conflict as lost:
            observe.went_wrong("job run lost", lost, **details)
            return self._jobs.run(run.id)
        if failure is None:
            counted = {"files": run.files, "rows": run.rows, "bytes": run.bytes}
            observe.happened(f"job run {run.state}", **details, **counted)
        else:
            observe.went_wrong("job run failed", failure, **details, job_state=outcome.job_state)
        return run


@dataclass(slots=True)
class _Lease:
    """Keeps a claim in force: extends it when a third of it is over, not at every beat."""

    jobs: Jobs
    claim: Claim
    clock: Clock
    stopped: Callable[[], bool]
    _until: datetime | None = None

    def beat(self) -> None:
        """Raises ``Conflict`` when somebody else has the slot by now, ``_Stopped`` when we are to stop."""
        if self.stopped():
            raise _Stopped
        now = self.clock()
        until = self._until or self.claim.leased_until
        if now >= until - LEASE * 2 / 3:
            self.jobs.extend(self.claim, now + LEASE)
            self._until = now + LEASE


def _with(run: Run, file: FileFacts) -> Run:
    if not file.key:
        return replace(run, hint=file.note)
    position = run.position if file.position is None else max(file.position, run.position or 0)
    return replace(
        run, files=run.files + 1, rows=run.rows + file.rows, bytes=run.bytes + file.size_bytes, position=position
    )


def _failed(run: Run, error: Exception, now: datetime) -> Run:
    if isinstance(error, FootfallError):
        return replace(run, state="failed", ended_at=now, error=error.what, hint=error.hint)
    return replace(run, state="failed", ended_at=now, error=f"{type(error).__name__}: {error}", hint=UNEXPECTED_HINT)
