"""``jobs``: what is delivered where and when."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from footfall.cli.options import Here, Key, command, now
from footfall.errors import Refused
from footfall.terminal import Exit, Screen

if TYPE_CHECKING:
    from footfall.model.jobs import Job, Run
    from footfall.wiring import Footfall

jobs = typer.Typer(help="What is delivered where and when.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name of the job.")]
INSTANT = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]


@command(jobs, "ls")
def jobs_ls(here: Here) -> None:
    """List the jobs, how each stands and when it runs next."""
    screen = here.screen
    with here.opened() as hub:
        found = hub.jobs.all()
        rows = [
            (job.name, job.kind, job.state, str(job.schedule), _next_run(hub, job), _last_run(hub, job), job.url)
            for job in found
        ]
    if not found and not screen.as_json:
        screen.warn("No jobs yet: add one with `footfall jobs add`.")
    screen.table(["name", "kind", "state", "schedule", "next run", "last run", "to"], rows)


@command(jobs, "show")
def jobs_show(here: Here, name: Name) -> None:
    """Show one job: its settings, its next run, and the slots that wait or were missed."""
    screen = here.screen
    with here.opened() as hub:
        from footfall.model.jobs import GAPS
        from footfall.wiring.jobs import managed_by

        job = hub.jobs.get(name)
        waiting = [each.slot.name for each in hub.jobs.slots(name, ("waiting", "running"), 1000)]
        gaps = [(each.slot.name, each.state) for each in hub.jobs.slots(name, GAPS, 1000)]
        status = hub.authorizations.get(job.authorization).status if job.authorization else "the machine's own access"
        told = _described(job) | {
            "status": status,
            "managed_by": managed_by(hub, name),
            "next_run": _next_run(hub, job),
            "last_run": _last_run(hub, job),
            "waiting": sorted(waiting),
            "gaps": [{"slot": slot, "state": state} for slot, state in sorted(gaps)],
        }
    screen.result(told, "\n".join(f"{key:<14} {_text(value)}" for key, value in told.items() if value not in ("", [])))


@dataclass(frozen=True, kw_only=True)
class When:
    """The options of a schedule."""

    schedule: Annotated[str, typer.Option(help="once, minutes, hourly, daily, weekly, monthly or cron.")] = "daily"
    every: Annotated[int, typer.Option(help="Each n-th minute, hour, day, week or month.")] = 1
    at: Annotated[str, typer.Option(help="Time of day, or 'after' for an interval after the last run.")] = "03:00"
    zone: Annotated[str | None, typer.Option(help="Zone of the time of day; the subscription's by default.")] = None
    weekday: Annotated[str, typer.Option(help="Of a weekly run.")] = "monday"
    day_of_month: Annotated[int, typer.Option(help="Of a monthly run; 31 is always the last.")] = 1
    cron: Annotated[str, typer.Option(help="Five fields, for --schedule cron.")] = ""
    start: Annotated[datetime | None, typer.Option(formats=INSTANT, help="Nothing is due before, UTC.")] = None
    end: Annotated[datetime | None, typer.Option(formats=INSTANT, help="Nothing is due from then on, UTC.")] = None

    def plain(self, now: datetime) -> dict[str, Any]:
        """As a file of definitions has it; a one-time job without a start runs now."""
        from footfall.model.schedules import WEEKDAYS

        days = [day for day in WEEKDAYS if len(self.weekday) >= 2 and day.startswith(self.weekday.lower())]
        if not days:
            raise typer.BadParameter(f"{self.weekday!r} is no weekday")
        start = _utc(self.start) or (now if self.schedule == "once" else None)
        told = {
            "kind": self.schedule, "every": self.every, "at": self.at, "zone": self.zone, "weekday": days[0],
            "day_of_month": self.day_of_month, "cron": self.cron, "start": start and start.isoformat(),
            "end": self.end and self.end.isoformat(),
        }  # fmt: skip
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of kinds of jobs."""

    format: Annotated[str | None, typer.Option(help="Format of the files.")] = None
    version: Annotated[str | None, typer.Option(help="Version of rollups, 1.0 or 2.0.")] = None
    reports: Annotated[str | None, typer.Option(help="Comma-separated names of rollups; all by default.")] = None
    key: Key = None
    endpoint_url: Annotated[str | None, typer.Option(help="Another S3-compatible server.")] = None
    email_to: Annotated[
        list[str] | None, typer.Option(help="Who gets a mail with links when a run is done; may be repeated.")
    ] = None
    email_channel: Annotated[str | None, typer.Option(help="Channel of these mails, if there are several.")] = None
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of this kind, VALUE as JSON or text.")] = None

    def plain(self) -> dict[str, Any]:
        """By name. Raises ``Refused`` for one without a value."""
        reports = None if self.reports is None else [each.strip() for each in self.reports.split(",") if each.strip()]
        named = {
            "format": self.format, "version": self.version, "key": self.key, "endpoint_url": self.endpoint_url,
            "reports": reports, "email_to": self.email_to or None, "email_channel": self.email_channel,
        }  # fmt: skip
        options: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        for each in self.option or []:
            key, separator, text = each.partition("=")
            if not separator or not key:
                raise Refused(f"--option {each!r} has no value", "Write --option NAME=VALUE")
            try:
                options[key] = json.loads(text)
            except ValueError:
                options[key] = text
        return options


@command(jobs, "add")
def jobs_add(
    here: Here,
    name: Name,
    *,
    to: Annotated[str, typer.Option(help="Folder, s3://bucket/folder or gs://bucket/folder.")] = "",
    origin: Annotated[str, typer.Option("--from", help="The same, for an import, which reads there.")] = "",
    kind: Annotated[
        str, typer.Option(help="rollups, activity, audience, app_events, import or people_import.")
    ] = "rollups",
    authorization: Annotated[str, typer.Option(help="How to get there; the machine's own access by default.")] = "",
    label: Annotated[str, typer.Option(help="Name for people.")] = "",
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    when: When,
    catch_up: Annotated[str, typer.Option(help="Of the slots that were missed: all, latest or none.")] = "all",
    of_kind: Options,
) -> None:
    """Make a job. Its first slot is the next one on its schedule."""
    from footfall.config.folders import whole
    from footfall.config.job_definitions import job_of
    from footfall.wiring.jobs import add_job

    to = whole(_place(kind, to, origin), Path.cwd())
    with here.opened() as hub:
        told = {
            "name": name, "kind": kind, "to": to, "label": label, "description": description, "catch_up": catch_up,
            "authorization": authorization, "schedule": when.plain(hub.clock()), "options": of_kind.plain(),
        }  # fmt: skip
        job = add_job(hub, job_of(told, hub.zone, hub.clock()))
        due = _next_run(hub, job)
    here.screen.result(_described(job) | {"next_run": due}, f"Job '{name}' runs {job.schedule}; next {due}")


def _place(kind: str, to: str, origin: str) -> str:
    """Where a job delivers to; an import reads from there, and may be told so."""
    if origin and kind != "import":
        raise typer.BadParameter(f"a job of kind {kind} reads from no place; give it --to")
    if bool(to) == bool(origin):
        raise typer.BadParameter("give either --from or --to" if kind == "import" else "give --to")
    return to or origin


@command(jobs, "run")
def jobs_run(
    here: Here,
    name: Name,
    slot: Annotated[str | None, typer.Option(help="Its day, or the instant it is due; the newest by default.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Go the whole way, but write nothing.")] = False,
) -> None:
    """Run one slot now, as the schedule would; again if it was run before."""
    from footfall.wiring.jobs import runner_of, slot_of
    from footfall.wiring.telling import send_without_server

    screen = here.screen
    with here.opened() as hub:
        job = hub.jobs.get(name)
        chosen = slot_of(hub, job, slot)
        if dry_run:
            _rehearse(screen, hub, job, chosen)
            return
        run = runner_of(hub).run_slot(name, chosen)
        send_without_server(hub)
    show_run(screen, run)
    if run.state != "succeeded":
        raise typer.Exit(Exit.FAILED)


@command(jobs, "pause")
def jobs_pause(
    here: Here,
    name: Name,
    cause: Annotated[str, typer.Option(help="Why, for those who look later.")] = "paused by a person",
) -> None:
    """Run nothing of the job until it is resumed. What is being run is finished."""
    _move(here, name, "paused", cause)


@command(jobs, "resume")
def jobs_resume(here: Here, name: Name) -> None:
    """Let a job go on from the slot it stopped at, after what was missed according to its --catch-up."""
    from footfall.wiring.jobs import resume_job

    with here.opened() as hub:
        job = resume_job(hub, name)
    _moved(here, job)
    here.screen.say("It goes on within seconds while `footfall up` runs.")


@command(jobs, "delete")
def jobs_delete(here: Here, name: Name) -> None:
    """Delete a job. What it delivered stays where it is, and so does the history of its runs."""
    _move(here, name, "deleted")


@command(jobs, "backfill")
def jobs_backfill(
    here: Here,
    name: Name,
    since: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First local day.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Last local day.")],
) -> None:
    """Ask for the slots of a range of days, new ones and those run before. A server runs them after what is due."""
    from footfall.wiring.jobs import backfill

    screen = here.screen
    if until < since:
        raise typer.BadParameter(f"--until {until.date()} is before --from {since.date()}")
    with here.opened() as hub:
        waiting = backfill(hub, hub.jobs.get(name), since.date(), until.date())
    screen.result({"job": name, "slots": list(waiting)}, f"{len(waiting)} slots of '{name}' wait to be run")


def show_run(screen: Screen, run: Run) -> None:
    """One run, as the result of a command."""
    text = f"{run.id} {run.state}: {run.files:,} files, {run.rows:,} rows, {run.bytes:,} bytes"
    if run.error:
        screen.warn(f"{run.error}. {run.hint}" if run.hint else run.error)
    elif run.hint:
        screen.say(run.hint)
    screen.result(run_described(run), text)


def run_described(run: Run) -> dict[str, Any]:
    """A run as JSON has it."""
    return {
        "id": run.id, "job": run.job, "slot": run.slot, "attempt": run.attempt, "state": run.state,
        "begun_at": _at(run.begun_at), "ended_at": _at(run.ended_at), "files": run.files, "rows": run.rows,
        "bytes": run.bytes, "position": run.position, "error": run.error, "hint": run.hint,
    }  # fmt: skip


def _rehearse(screen: Screen, hub: Footfall, job: Job, slot: Any) -> None:
    from footfall.wiring.jobs import runner_of

    files = list(runner_of(hub).rehearse(job, slot))
    last = next((run for run in hub.jobs.runs(job.name) if run.state == "succeeded"), None)
    screen.table(
        ["file", "rows", "bytes", "difference"], [(f.key, f.rows, f.size_bytes, f.note) for f in files]
    )  # fmt: skip
    rows, size = sum(f.rows for f in files), sum(f.size_bytes for f in files)
    screen.say(f"{len(files):,} files, {rows:,} rows, {size:,} bytes; nothing was written")
    if last is not None:
        screen.say(f"The last run delivered {last.files:,} files, {last.rows:,} rows, {last.bytes:,} bytes ({last.id})")


def _move(here: Here, name: str, state: str, cause: str = "") -> None:
    with here.opened() as hub:
        job = hub.jobs.move(name, state, now(), cause)
    _moved(here, job)


def _moved(here: Here, job: Job) -> None:
    here.screen.result({"job": job.name, "state": job.state}, f"Job '{job.name}' is {job.state}")


def _described(job: Job) -> dict[str, Any]:
    from footfall.model.schedules import to_plain

    return {
        "name": job.name, "label": job.label, "description": job.description, "kind": job.kind, "state": job.state,
        "cause": job.cause, "from" if job.kind == "import" else "to": job.url, "authorization": job.authorization,
        "schedule": to_plain(job.schedule),
        "catch_up": job.catch_up, "options": dict(job.options), "created_at": _at(job.created_at),
        "changed_at": _at(job.changed_at),
    }  # fmt: skip


def _next_run(hub: Footfall, job: Job) -> str:
    from footfall.wiring.jobs import next_run

    due = next_run(hub, job)
    return "" if due is None else f"{due:%Y-%m-%d %H:%M}Z"


def _last_run(hub: Footfall, job: Job) -> str:
    run = next(iter(hub.jobs.runs(job.name, 1)), None)
    return "" if run is None else f"{run.state} {run.slot}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _at(instant: datetime | None) -> str | None:
    return None if instant is None else f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"


def _utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.replace(tzinfo=UTC)
