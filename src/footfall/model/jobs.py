"""Jobs: what is delivered where and when, their states, and what an attempt that failed means for them.

A job has slots (``model.schedules``); an attempt at a slot is a run. States are those of the Lytics job object, so that
programs that know them know ours:

    sleeping   waits for its next slot
    runnable   a slot is due or being run
    fault      the last attempt failed for a reason that passes by itself; it is tried again
    failed     a slot was given up and is a gap; the job goes on with the slots that follow
    paused     stopped until a person resumes it; ``cause`` says why
    completed  its schedule is over
    killed     its only run was cancelled by a person
    deleted    gone, but for its history

Source: Lytics API, job object. See docs/guide/deliveries.md, "Jobs".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from footfall.errors import FootfallError, Refused, Unavailable
from footfall.model.schedules import Schedule, Slot

KINDS: Final = ("rollups", "activity", "audience", "app_events", "import", "people_import")
CATCH_UP: Final = ("all", "latest", "none")

# In these a job's slots are run; the others wait for a person.
LIVE: Final = frozenset({"sleeping", "runnable", "fault", "failed"})
TRANSITIONS: Final[Mapping[str, frozenset[str]]] = {
    **{state: LIVE | {"paused", "completed", "killed", "deleted"} for state in LIVE},
    "paused": frozenset({"sleeping", "runnable", "completed", "killed", "deleted"}),
    "completed": frozenset({"sleeping", "runnable", "paused", "deleted"}),
    "killed": frozenset({"sleeping", "runnable", "deleted"}),
    "deleted": frozenset(),
}

# waiting → running → succeeded, or back to waiting after a failure that passes. The last three are gaps.
SLOT_STATES: Final = ("waiting", "running", "succeeded", "failed", "skipped", "cancelled")
GAPS: Final = frozenset({"failed", "skipped", "cancelled"})

TRIES_MAX: Final = 5
PAUSE_FIRST: Final = timedelta(seconds=30)
PAUSE_MAX: Final = timedelta(hours=1)
# By chance a pause is up to so much of itself shorter, so that what failed together does not come back together.
SPREAD: Final = 0.25
# A slot of a job that does not catch up is still run when it is found so soon after it was due.
LATE_MAX: Final = timedelta(minutes=15)

# What a run says to do about an error that nobody foresaw.
UNEXPECTED_HINT: Final = "See the log"
# What is said of a run that nobody ended; what it had delivered is not known.
LOST_RUN: Final = "the process that ran it ended or lost touch before it was done"

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class Job:
    """One delivery that repeats. Raises ``Refused`` for what no job can be.

    name: lower-case letters, digits, ``.``, ``_`` and ``-``. label, description: for people.
    kind: one of ``KINDS``. authorization: name of one, or empty for the machine's own access. url: the place.
    options: of the kind (``format``, ``version``, ``reports`` …), as JSON has them.
    catch_up: of the slots that passed while nobody ran them, run ``all``, the ``latest`` or ``none``; those left out
    are remembered as skipped. cause: why it is paused or failed; empty otherwise.
    """

    name: str
    kind: str
    url: str
    schedule: Schedule
    created_at: datetime
    changed_at: datetime
    label: str = ""
    description: str = ""
    authorization: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    state: str = "sleeping"
    catch_up: str = "all"
    cause: str = ""

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise Refused(
                f"{self.name!r} cannot be the name of a job",
                "Use lower-case letters, digits, '.', '_' and '-', at most 63",
            )
        if self.kind not in KINDS:
            raise Refused(f"{self.kind!r} is no kind of job", f"Choose one of {', '.join(KINDS)}")
        if self.catch_up not in CATCH_UP:
            raise Refused(f"{self.catch_up!r} is no way to catch up", f"Choose one of {', '.join(CATCH_UP)}")
        if self.state not in TRANSITIONS:
            raise ValueError(f"{self.state!r} is no state of a job")

    @property
    def live(self) -> bool:
        return self.state in LIVE


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt at one slot. attempt: 1, 2, 3 … of the slot. id: ``job:slot:attempt``.

    state: ``running``, then ``succeeded``, ``failed`` or ``cancelled``. files, rows, bytes: delivered by this attempt.
    position: how far in the events it came, where the kind of job goes by position. error, hint: what went wrong and
    what to do about it; of one that succeeded the hint says why it had nothing to deliver; empty otherwise.
    """

    job: str
    slot: str
    attempt: int
    state: str
    begun_at: datetime
    ended_at: datetime | None = None
    files: int = 0
    rows: int = 0
    bytes: int = 0
    position: int | None = None
    error: str = ""
    hint: str = ""

    @property
    def id(self) -> str:
        return f"{self.job}:{self.slot}:{self.attempt}"


def moved(job: Job, state: str, at: datetime, cause: str = "") -> Job:
    """The job in another state; the same job if it is in that state already, but for the cause.

    Raises ``Refused`` for a step that ``TRANSITIONS`` does not have.
    """
    if state != job.state and state not in TRANSITIONS[job.state]:
        hint = "A deleted job stays deleted; add it again" if job.state == "deleted" else "Resume it first"
        raise Refused(f"job '{job.name}' is {job.state} and cannot become {state}", hint)
    return replace(job, state=state, cause=cause, changed_at=at)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the end of an attempt means. retry_at: when a slot that waits is tried again.

    job_state: what a job that is live becomes; one that a person stopped meanwhile stays stopped.
    """

    slot_state: str
    job_state: str
    retry_at: datetime | None = None
    cause: str = ""


def verdict(error: Exception | None, tries: int, now: datetime, chance: float = 0.0) -> Verdict:
    """What to do after the ``tries``-th attempt since the slot was asked for ended with ``error``, or without one.

    What passes by itself is tried again for ever, at longer and longer pauses up to an hour: a place that is down for
    a week loses nothing. What only a person can change pauses the job at once. Anything else is tried ``TRIES_MAX``
    times, then the slot is a gap and the job goes on.

    chance: from 0 to 1, how much shorter the pause is within ``SPREAD``; never shorter than the place asked for.
    """
    if error is None:
        return Verdict("succeeded", "sleeping")
    cause = error.what if isinstance(error, FootfallError) else f"{type(error).__name__}: {error}"
    if isinstance(error, Refused):
        return Verdict("waiting", "paused", now, cause)
    if not isinstance(error, Unavailable) and tries >= TRIES_MAX:
        return Verdict("failed", "failed", None, cause)
    wait = min(PAUSE_MAX, PAUSE_FIRST * 2 ** min(tries - 1, 10)) * (1 - SPREAD * chance)
    if isinstance(error, Unavailable):
        wait = max(wait, timedelta(seconds=error.retry_after_s))
    return Verdict("waiting", "fault", now + wait, cause)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a kind of job is told about the attempt it makes.

    number: of the slot, from 1; 0 for a rehearsal. tries: since the slot was asked for: beyond the first, what was
    delivered may be left alone. fence: rises with every attempt of the job. rehearsal: nothing may be written
    anywhere, be it to the place or to the store.
    beat: call it every few seconds of work; it keeps the lease, and raises when the attempt is to end.
    """

    number: int
    tries: int
    fence: int
    rehearsal: bool
    beat: Callable[[], None]


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file that was delivered. size_bytes: as stored. position: how far in the events it goes, if that counts.

    note: in a rehearsal, how it differs from what was delivered last. Without a key nothing was delivered, and the note
    says why.
    """

    key: str
    rows: int
    size_bytes: int
    position: int | None = None
    note: str = ""


def first_watermark(job: Job) -> datetime:
    """The instant after which a new job's slots are planned: right before it was made, or before its only run."""
    start = job.schedule.start
    begin = min(job.created_at, start) if job.schedule.kind == "once" and start is not None else job.created_at
    return begin - timedelta(microseconds=1)


def looked_from(job: Job, planned_until: datetime, last: Run | None) -> datetime:
    """The instant after which the job's next slot is looked for. last: its newest run.

    A floating schedule counts from when that was done, which may be long after its slot was due.
    """
    if job.schedule.floating and last is not None and last.ended_at is not None:
        return max(planned_until, last.ended_at)
    return planned_until


def to_run(catch_up: str, passed: Sequence[Slot], now: datetime) -> Sequence[Slot]:
    """Those of the slots that passed since the last look, oldest first, that are still to be run."""
    if catch_up == "all":
        return passed
    newest = passed[-1:]
    return newest if catch_up == "latest" else [slot for slot in newest if now - slot.due <= LATE_MAX]
