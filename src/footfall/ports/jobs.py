"""Jobs: what is delivered when, claimed by one runner at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from footfall.model.jobs import Job, Run, Verdict
    from footfall.model.schedules import Slot


@dataclass(frozen=True, slots=True)
class Planned:
    """A slot of a job and how it stands.

    state: one of ``model.jobs.SLOT_STATES``. asked: by a person (a backfill), so catching up never skips it.
    attempts: runs it has had. tries: those since it was last asked for. retry_at: not tried again before.
    holder, leased_until: who runs it; empty and None while nobody does.
    """

    job: str
    slot: Slot
    state: str
    asked: bool
    attempts: int
    tries: int
    retry_at: datetime | None
    holder: str
    leased_until: datetime | None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run one slot until ``leased_until``, and whatever happens under it carries its ``fence``.

    attempt: of the slot, from 1. tries: those since it was asked for, this one included.
    """

    job: Job
    slot: Slot
    attempt: int
    tries: int
    fence: int
    leased_until: datetime


class Jobs(Protocol):
    """Jobs, their slots, and what became of each.

    1. A slot is created once, however many plan it at once, and planning it again changes nothing of it.
    2. Of several who claim at once, one gets the slot. While its lease lasts no other slot of the job can be claimed.
    3. ``claim`` gives what is oldest: of each live job only the first unfinished slot, so that a job catches up in
       order, slots asked for by a person after all others; of several jobs, the slot that was due first.
    4. Fences of a job rise with every claim and cancel, also over deleting and adding it again. ``extend`` and
       ``finish`` with a fence that is not the slot's raise ``Conflict`` and change nothing.
    5. A slot whose lease ran out can be claimed anew; the run it was in has failed.
    6. A slot that is not to be run is there all the same, as ``skipped``: no gap is silent.
    7. A job that was stopped by a person while it ran stays stopped, however the run ends.
    8. Deleting a job keeps its slots and runs; only adding one of its name removes them.

    A name, slot or run that nobody knows is ``Refused``.
    """

    def add(self, job: Job, planned_until: datetime) -> None:
        """``Conflict`` when there is a job of that name. Slots are planned from ``planned_until`` on."""

    def change(self, job: Job) -> Job:
        """Give the job of that name what ``job`` says, but for its state, cause and the instant it was made.

        Slots that are there stay; those that follow are of the new schedule. Its kind cannot change: ``Refused``.
        """

    def get(self, name: str) -> Job: ...

    def all(self) -> Sequence[Job]:
        """Every job by name, without the deleted ones."""

    def move(self, name: str, state: str, at: datetime, cause: str = "") -> Job:
        """Put the job into a state; see ``model.jobs.moved``."""

    def planned_until(self, name: str) -> datetime: ...

    def plan(
        self, name: str, waiting: Sequence[Slot], skipped: Sequence[Slot], until: datetime, *, supersede: bool
    ) -> int:
        """Create slots, remember how far was planned (never less than before), return how many are new and wait.

        supersede: slots that still wait and are older than the newest of these are skipped, but for those asked for.
        """

    def issue(self, name: str, slots: Sequence[Slot], at: datetime) -> Sequence[str]:
        """Ask for slots, be they new or done before; return the names of those that now wait. One that runs is left;
        of one whose lease ran out the run has failed."""

    def claim(
        self, now: datetime, until: datetime, holder: str, *, job: str | None = None, slot: str | None = None
    ) -> Claim | None:
        """The oldest slot that is due, leased to ``holder`` until ``until``; None when there is nothing to do.

        job, slot: this slot and no other, due or not, whatever state the job is in but deleted. Then ``Conflict`` says
        that the job is being run, or that the slot does not wait.
        """

    def extend(self, claim: Claim, until: datetime) -> None: ...

    def finish(self, claim: Claim, run: Run, verdict: Verdict) -> None: ...

    def cancel(self, run_id: str, at: datetime) -> Run:
        """End a run, or the slot that waits to be tried again; ``Refused`` when it is over."""

    def retry(self, run_id: str, at: datetime) -> Planned:
        """Let the slot of a run be tried again at once, what was delivered by then left alone; ``Refused`` if it is
        being run or succeeded."""

    def slots(self, name: str, states: Iterable[str] = (), limit: int = 100) -> Sequence[Planned]:
        """The newest slots, in any of these states, newest first."""

    def runs(self, name: str | None = None, limit: int = 100, *, before: Run | None = None) -> Sequence[Run]:
        """The newest runs, newest first; those that follow ``before`` in that order, which need not be there."""

    def run(self, run_id: str) -> Run: ...
