"""``jobs``: what is delivered where and when."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from footfall.cli.options import AsJson, Config, Data, Quiet, now, opened
from footfall.errors import Refused
from footfall.terminal import Exit, Screen

if TYPE_CHECKING:
    from footfall.model.jobs import Job, Run
    from footfall.model.schedules import Schedule
    from footfall.wiring import Footfall

jobs = typer.Typer(help="What is delivered where and when.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name of the job.")]
Instant = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]


@jobs.command("ls")
def jobs_ls(data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """List the jobs, how each stands and when it runs next."""
    screen = Screen(as_json=as_json)
    with opened(screen, data, config) as hub:
        found = hub.jobs.all()
        rows = [
            (job.name, job.kind, job.state, str(job.schedule), _next_run(hub, job), _last_run(hub, job), job.url)
            for job in found
        ]
    if not found and not as_json:
        screen.warn("No jobs yet: add one with `footfall jobs add`.")
    screen.table(["name", "kind", "state", "schedule", "next run", "last run", "to"], rows)


@jobs.command("show")
def jobs_show(name: Name, data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show one job: its settings, its next run, and the slots that wait or were missed."""
    screen = Screen(as_json=as_json)
    with opened(screen, data, config) as hub:
        from footfall.model.jobs import GAPS

        job = hub.jobs.get(name)
        waiting = [each.slot.name for each in hub.jobs.slots(name, ("waiting", "running"), 1000)]
        gaps = [(each.slot.name, each.state) for each in hub.jobs.slots(name, GAPS, 1000)]
        status = hub.authorizations.get(job.authorization).status if job.authorization else "the machine's own access"
        told = _described(job) | {
            "status": status,
            "next_run": _next_run(hub, job),
            "last_run": _last_run(hub, job),
            "waiting": sorted(waiting),
            "gaps": [{"slot": slot, "state": state} for slot, state in sorted(gaps)],
        }
    screen.result(told, "\n".join(f"{key:<14} {_text(value)}" for key, value in told.items() if value not in ("", [])))


@jobs.command("add")
def jobs_add(
    name: Name,
    to: Annotated[str, typer.Option(help="Folder, s3://bucket/folder or gs://bucket/folder.")],
    kind: Annotated[str, typer.Option(help="rollups, activity, audience or app_events.")] = "rollups",
    authorization: Annotated[str, typer.Option(help="How to get there; the machine's own access by default.")] = "",
    label: Annotated[str, typer.Option(help="Name for people.")] = "",
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    schedule: Annotated[str, typer.Option(help="once, minutes, hourly, daily, weekly, monthly or cron.")] = "daily",
    every: Annotated[int, typer.Option(help="Each n-th minute, hour, day, week or month.")] = 1,
    at: Annotated[str, typer.Option(help="Time of day, or 'after' for an interval after the last run.")] = "03:00",
    zone: Annotated[str | None, typer.Option(help="Zone of the time of day; the subscription's by default.")] = None,
    weekday: Annotated[str, typer.Option(help="Of a weekly run.")] = "monday",
    day_of_month: Annotated[int, typer.Option(help="Of a monthly run; 31 is always the last.")] = 1,
    cron: Annotated[str, typer.Option(help="Five fields, for --schedule cron.")] = "",
    start: Annotated[datetime | None, typer.Option(formats=Instant, help="Nothing is due before, UTC.")] = None,
    end: Annotated[datetime | None, typer.Option(formats=Instant, help="Nothing is due from then on, UTC.")] = None,
    catch_up: Annotated[str, typer.Option(help="Of the slots that were missed: all, latest or none.")] = "all",
    format: Annotated[str | None, typer.Option(help="Format of the files.")] = None,
    version: Annotated[str | None, typer.Option(help="Version of rollups, 1.0 or 2.0.")] = None,
    reports: Annotated[str | None, typer.Option(help="Comma-separated names of rollups; all by default.")] = None,
    endpoint_url: Annotated[str | None, typer.Option(help="Another S3-compatible server.")] = None,
    email_to: Annotated[
        list[str] | None, typer.Option(help="Who gets a mail with links when a run is done; may be repeated.")
    ] = None,
    email_channel: Annotated[str | None, typer.Option(help="Channel of these mails, if there are several.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of this kind, VALUE as JSON or text.")] = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make a job. Its first slot is the next one on its schedule."""
    from footfall.model.jobs import Job
    from footfall.wiring.jobs import add_job

    screen = Screen(as_json=as_json, quiet=quiet)
    names = None if reports is None else [each.strip() for each in reports.split(",") if each.strip()]
    options = _options(
        option or [],
        format=format,
        version=version,
        endpoint_url=endpoint_url,
        reports=names,
        email_to=email_to or None,
        email_channel=email_channel,
    )
    with opened(screen, data, config) as hub:
        made = hub.clock()
        rule = _schedule(
            hub, schedule, every, at, zone, weekday, day_of_month, cron, _utc(start), _utc(end)
        )  # fmt: skip
        job = Job(
            name=name, kind=kind, url=to, schedule=rule, created_at=made, changed_at=made, label=label,
            description=description, authorization=authorization, options=options, catch_up=catch_up,
        )  # fmt: skip
        job = add_job(hub, job)
        due = _next_run(hub, job)
    screen.result(_described(job) | {"next_run": due}, f"Job '{name}' runs {job.schedule}; next {due}")


@jobs.command("run")
def jobs_run(
    name: Name,
    slot: Annotated[str | None, typer.Option(help="Its day, or the instant it is due; the newest by default.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Go the whole way, but write nothing.")] = False,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run one slot now, as the schedule would; again if it was run before."""
    from footfall.wiring.jobs import runner_of, slot_of
    from footfall.wiring.telling import send_without_server

    screen = Screen(as_json=as_json, quiet=quiet)
    with opened(screen, data, config) as hub:
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


@jobs.command("pause")
def jobs_pause(
    name: Name,
    cause: Annotated[str, typer.Option(help="Why, for those who look later.")] = "paused by a person",
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Run nothing of the job until it is resumed. What is being run is finished."""
    _move(name, "paused", cause, data, config, as_json)


@jobs.command("resume")
def jobs_resume(name: Name, data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """Let a job go on from the slot it stopped at, after what was missed according to its --catch-up."""
    screen = Screen(as_json=as_json)
    with opened(screen, data, config) as hub:
        waits = bool(hub.jobs.slots(name, ("waiting", "running"), 1))
    _move(name, "runnable" if waits else "sleeping", "", data, config, as_json)
    screen.say("It goes on within seconds while `footfall up` runs.")


@jobs.command("delete")
def jobs_delete(name: Name, data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """Delete a job. What it delivered stays where it is, and so does the history of its runs."""
    _move(name, "deleted", "", data, config, as_json)


@jobs.command("backfill")
def jobs_backfill(
    name: Name,
    since: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First local day.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Last local day.")],
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Ask for the slots of a range of days, new ones and those run before. A server runs them after what is due."""
    from footfall.wiring.jobs import backfill

    screen = Screen(as_json=as_json, quiet=quiet)
    if until < since:
        raise typer.BadParameter(f"--until {until.date()} is before --from {since.date()}")
    with opened(screen, data, config) as hub:
        waiting = backfill(hub, hub.jobs.get(name), since.date(), until.date())
    screen.result({"job": name, "slots": list(waiting)}, f"{len(waiting)} slots of '{name}' wait to be run")


def show_run(screen: Screen, run: Run) -> None:
    """One run, as the result of a command."""
    text = f"{run.id} {run.state}: {run.files:,} files, {run.rows:,} rows, {run.bytes:,} bytes"
    if run.error:
        screen.warn(f"{run.error}. {run.hint}" if run.hint else run.error)
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


def _schedule(
    hub: Footfall, kind: str, every: int, at: str, zone: str | None, weekday: str, day_of_month: int, cron: str,
    start: datetime | None, end: datetime | None,
) -> Schedule:  # fmt: skip
    from footfall.config import load_zone
    from footfall.model.schedules import WEEKDAYS, Schedule

    days = [day for day in WEEKDAYS if len(weekday) >= 2 and day.startswith(weekday.lower())]
    if not days:
        raise typer.BadParameter(f"{weekday!r} is no weekday")
    try:
        wall = None if at == "after" else time.fromisoformat(at)
    except ValueError:
        raise typer.BadParameter(f"{at!r} is no time of day such as 03:00") from None
    return Schedule(
        kind=kind,
        zone=hub.zone if zone is None else load_zone(zone),
        every=every,
        at=wall,
        weekday=WEEKDAYS.index(days[0]),
        day_of_month=day_of_month,
        cron=cron,
        start=start or (hub.clock() if kind == "once" else None),
        end=end,
    )


def _options(given: list[str], **flags: Any) -> dict[str, Any]:
    options = {key: value for key, value in flags.items() if value is not None}
    for each in given:
        key, separator, text = each.partition("=")
        if not separator or not key:
            raise Refused(f"--option {each!r} has no value", "Write --option NAME=VALUE")
        try:
            options[key] = json.loads(text)
        except ValueError:
            options[key] = text
    return options


def _move(name: str, state: str, cause: str, data: Any, config: Any, as_json: bool) -> None:
    screen = Screen(as_json=as_json)
    with opened(screen, data, config) as hub:
        job = hub.jobs.move(name, state, now(), cause)
    screen.result({"job": name, "state": job.state}, f"Job '{name}' is {job.state}")


def _described(job: Job) -> dict[str, Any]:
    from footfall.model.schedules import to_plain

    return {
        "name": job.name, "label": job.label, "description": job.description, "kind": job.kind, "state": job.state,
        "cause": job.cause, "to": job.url, "authorization": job.authorization, "schedule": to_plain(job.schedule),
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
