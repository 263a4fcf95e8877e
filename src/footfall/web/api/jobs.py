"""Jobs, their slots and the gaps among them."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import Field, JsonValue

from footfall.config import load_zone
from footfall.errors import Conflict, Refused
from footfall.model.jobs import GAPS, Job
from footfall.model.schedules import WEEKDAYS, Schedule, Slot, to_plain
from footfall.ports import Planned
from footfall.web.api.callers import Desk, Reading, Writing
from footfall.web.api.repeats import repeatable
from footfall.web.api.runs import RunOut, run_out
from footfall.web.api.shapes import NAME_PATTERN, Day, Given, Instant, Name, Place, Told, Whole, Words
from footfall.web.api.strict import section
from footfall.web.api.tasks import TaskOut, task_out

router = section("/api/jobs", "jobs")
JobName = Annotated[str, Path(pattern=NAME_PATTERN, description="Name of the job.")]
SlotName = Annotated[str, Field(max_length=60, description="Its day, its days, or the instant it is due.")]
SlotState = Literal["waiting", "running", "succeeded", "failed", "skipped", "cancelled"]


class ScheduleIn(Given):
    """When a job runs."""

    kind: Literal["once", "minutes", "hourly", "daily", "weekly", "monthly", "cron"] = "daily"
    every: Annotated[Whole, Field(ge=1, le=1440)] = 1
    at: Annotated[str, Field(pattern=r"^(after|([01][0-9]|2[0-3]):[0-5][0-9])$")] = "03:00"
    zone: Annotated[str, Field(max_length=100, description="IANA zone; the subscription's by default.")] = ""
    weekday: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = "monday"
    day_of_month: Annotated[Whole, Field(ge=1, le=31)] = 1
    cron: Annotated[str, Field(max_length=200)] = ""
    start: Instant | None = None
    end: Instant | None = None


class JobSettings(Given):
    """Everything about a job but its name."""

    to: Place
    kind: Literal["rollups", "activity", "audience", "app_events", "import", "people_import"] = "rollups"
    authorization: Name | Literal[""] = ""
    label: Words = ""
    description: Words = ""
    schedule: ScheduleIn = ScheduleIn()
    catch_up: Literal["all", "latest", "none"] = "all"
    options: Annotated[dict[str, JsonValue], Field(max_length=50, default_factory=dict)]


class JobIn(JobSettings):
    """A job to be made."""

    name: Name


class JobOut(Told):
    """A job. next_run: null when it is stopped or over.

    managed_by: the file of definitions, such as `footfall.yaml`, whose `footfall apply` gave it the settings it has;
    empty when somebody made or changed it by hand since.
    """

    name: str
    kind: str
    state: str
    cause: str
    to: str
    authorization: str
    label: str
    description: str
    schedule: dict[str, JsonValue]
    catch_up: str
    options: dict[str, JsonValue]
    created_at: Instant
    changed_at: Instant
    managed_by: str
    next_run: Instant | None
    last_run: RunOut | None


class Jobs(Told):
    jobs: list[JobOut]


class SlotOut(Told):
    """A span that is to be delivered, and how that stands."""

    job: str
    slot: str
    state: str
    start: Instant
    end: Instant
    due: Instant
    attempts: int
    retry_at: Instant | None


class Slots(Told):
    slots: list[SlotOut]


class Asked(Told):
    """Slots that wait to be run by the server."""

    job: str
    state: str
    slots: list[str]


class RunIn(Given):
    """slot: the newest that is due by default."""

    slot: SlotName | None = None


class PauseIn(Given):
    cause: Annotated[str, Field(max_length=500)] = "paused by a person"


class BackfillIn(Given):
    """Local days, both included."""

    since: Day
    until: Day


@router.get("", summary="List the jobs")
def list_jobs(desk: Reading) -> Jobs:
    return Jobs(jobs=[_out(desk, job) for job in desk.management.jobs.all()])


@router.post("", status_code=201, summary="Make a job")
@repeatable
def add_job(desk: Writing, given: JobIn) -> JobOut:
    """Its first slot is the next one on its schedule."""
    return _out(desk, desk.management.add_job(_job(desk, given.name, given)))


@router.put("/{name}", summary="Change a job")
def change_job(desk: Writing, name: JobName, given: JobSettings) -> JobOut:
    """All of its settings; its kind cannot change, and its state stays. What was delivered stays where it is."""
    return _out(desk, desk.management.change_job(_job(desk, name, given)))


@router.get("/{name}", summary="Show a job")
def show_job(desk: Reading, name: JobName) -> JobOut:
    return _out(desk, desk.management.jobs.get(name))


@router.delete("/{name}", summary="Delete a job")
def delete_job(desk: Writing, name: JobName) -> JobOut:
    """What it delivered stays where it is, and so does the history of its runs."""
    return _moved(desk, name, "deleted")


@router.post("/{name}/pause", summary="Stop a job until it is resumed")
def pause_job(desk: Writing, name: JobName, given: PauseIn | None = None) -> JobOut:
    return _moved(desk, name, "paused", (given or PauseIn()).cause)


@router.post("/{name}/resume", summary="Let a job go on")
def resume_job(desk: Writing, name: JobName) -> JobOut:
    return _out(desk, desk.management.resume_job(name))


@router.get("/{name}/slots", summary="List the newest slots of a job")
def list_slots(
    desk: Reading,
    name: JobName,
    state: Annotated[list[SlotState] | None, Query(description="Only these.", max_length=6)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Slots:
    return Slots(slots=[_slot_out(each) for each in desk.management.jobs.slots(name, state or (), limit)])


@router.get("/{name}/gaps", summary="List the slots that were not delivered")
def list_gaps(desk: Reading, name: JobName, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Slots:
    """Those that failed for good, were skipped, or cancelled; ask for them with backfill or run."""
    return Slots(slots=[_slot_out(each) for each in desk.management.jobs.slots(name, sorted(GAPS), limit)])


@router.post("/{name}/runs", status_code=202, summary="Run a slot as soon as the server is free")
@repeatable
def run_job(desk: Writing, name: JobName, given: RunIn | None = None) -> Asked:
    """Also one that was run before: the same bytes to the same names. Asked again while one without a name waits, it is
    that one. A job that is paused runs it when it is resumed.
    """
    jobs, job = desk.management.jobs, desk.management.jobs.get(name)
    wanted = None if given is None else given.slot
    if wanted is None and job.schedule.floating:
        open_ones = [each for each in jobs.slots(name, ("waiting", "running"), 1000) if each.asked]
        if open_ones:
            return Asked(job=name, state=job.state, slots=[open_ones[0].slot.name])
    slot = _over(desk, job, desk.management.slot_of(job, wanted))
    issued = jobs.issue(name, [slot], desk.management.clock())
    if not issued:
        raise Conflict(f"slot {slot.name} of job '{name}' is being run", "Wait for it, or cancel its run")
    return Asked(job=name, state=jobs.get(name).state, slots=list(issued))


@router.post("/{name}/backfill", status_code=202, summary="Run the slots of a range of days")
@repeatable
def backfill_job(desk: Writing, name: JobName, given: BackfillIn) -> Asked:
    """Those run before too; days that got late events become their next revision."""
    if given.until < given.since:
        raise Refused(f"until {given.until} is before since {given.since}")
    job = desk.management.jobs.get(name)
    issued = desk.management.backfill(job, given.since, given.until)
    return Asked(job=name, state=desk.management.jobs.get(name).state, slots=list(issued))


@router.post("/{name}/rehearsals", status_code=202, summary="Go the whole way of a slot, but write nothing")
@repeatable
def rehearse_job(desk: Writing, name: JobName, given: RunIn | None = None) -> TaskOut:
    """A task: its result has the files, rows and bytes, and how each file differs from what was delivered last."""
    job = desk.management.jobs.get(name)
    slot = _over(desk, job, desk.management.slot_of(job, None if given is None else given.slot))
    return task_out(desk.management.tasks.rehearse(job, slot, desk.name))


def _over(desk: Desk, job: Job, slot: Slot) -> Slot:
    if slot.end > desk.management.clock():
        raise Refused(f"slot {slot.name} of job '{job.name}' is not over before {slot.end:%Y-%m-%d %H:%M} UTC")
    return slot


def _moved(desk: Desk, name: str, state: str, cause: str = "") -> JobOut:
    return _out(desk, desk.management.jobs.move(name, state, desk.management.clock(), cause))


def _job(desk: Desk, name: str, given: JobSettings) -> Job:
    desk.check_place(given.to, given.authorization, given.options.get("endpoint_url"))
    now = desk.management.clock()
    return Job(
        name=name,
        kind=given.kind,
        url=given.to,
        schedule=_schedule(desk, given.schedule),
        created_at=now,
        changed_at=now,
        label=given.label,
        description=given.description,
        authorization=given.authorization,
        options=given.options,
        catch_up=given.catch_up,
    )


def _schedule(desk: Desk, given: ScheduleIn) -> Schedule:
    start = given.start
    if given.kind == "once" and start is None:
        start = desk.management.clock()
    return Schedule(
        kind=given.kind,
        zone=load_zone(given.zone) if given.zone else desk.management.zone,
        every=given.every,
        at=None if given.at == "after" else time.fromisoformat(given.at),
        weekday=WEEKDAYS.index(given.weekday),
        day_of_month=given.day_of_month,
        cron=given.cron,
        start=start,
        end=given.end,
    )


def _out(desk: Desk, job: Job) -> JobOut:
    last = next(iter(desk.management.jobs.runs(job.name, 1)), None)
    options: dict[str, Any] = dict(job.options)
    return JobOut(
        name=job.name,
        kind=job.kind,
        state=job.state,
        cause=job.cause,
        to=job.url,
        authorization=job.authorization,
        label=job.label,
        description=job.description,
        schedule=to_plain(job.schedule),
        catch_up=job.catch_up,
        options=options,
        created_at=job.created_at,
        changed_at=job.changed_at,
        managed_by=desk.management.managed_by(job.name),
        next_run=desk.management.next_run(job),
        last_run=None if last is None else run_out(last),
    )


def _slot_out(planned: Planned) -> SlotOut:
    slot = planned.slot
    return SlotOut(
        job=planned.job,
        slot=slot.name,
        state=planned.state,
        start=slot.start,
        end=slot.end,
        due=slot.due,
        attempts=planned.attempts,
        retry_at=planned.retry_at,
    )
