"""A job as plain data, as ``footfall.yaml`` has it, and back. What is as usual is left out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any, Final

from footfall.config.cron import next_instant
from footfall.config.zone import load_zone
from footfall.errors import Refused
from footfall.model.days import YEARS, Zone
from footfall.model.jobs import Job
from footfall.model.schedules import CALENDAR, WEEKDAYS, Schedule, next_slot, to_plain

AT: Final = "03:00"  # "The job starts at 3 AM according to your subscription's timezone", PX bucket export
AFTER: Final = "after"
_TEXTS: Final = ("label", "description", "authorization")


def job_of(plain: Mapping[str, Any], zone: Zone, at: datetime) -> Job:
    """The job that ``plain`` describes, made at ``at``. zone: the subscription's. Raises ``Refused``."""
    job = Job(
        name=plain["name"],
        kind=plain.get("kind", "rollups"),
        url=plain["to"],
        schedule=schedule_of(plain.get("schedule", {}), zone),
        created_at=at,
        changed_at=at,
        options=plain.get("options", {}),
        catch_up=plain.get("catch_up", "all"),
        **{name: plain.get(name, "") for name in _TEXTS},
    )
    if job.schedule.kind == "cron":
        next_slot(job.schedule, at, cron=next_instant)
    return job


def schedule_of(plain: Mapping[str, Any], zone: Zone) -> Schedule:
    """The schedule that ``plain`` describes; daily at 03:00 in ``zone`` where it says nothing. Raises ``Refused``."""
    kind = plain.get("kind", "daily")
    at = plain.get("at", AT) if kind in CALENDAR else AFTER
    return Schedule(
        kind=kind,
        zone=load_zone(plain["zone"]) if "zone" in plain else zone,
        every=plain.get("every", 1),
        at=None if at == AFTER else wall_of(at),
        weekday=WEEKDAYS.index(plain.get("weekday", WEEKDAYS[0])),
        day_of_month=plain.get("day_of_month", 1),
        cron=plain.get("cron", ""),
        start=_instant(plain.get("start")),
        end=_instant(plain.get("end")),
    )


def wall_of(text: str) -> time:
    """A time of day. Raises ``Refused``."""
    try:
        found = time.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"{text!r} is no time of day", 'Write "03:00", or after') from error
    if found.tzinfo is not None:
        raise Refused(f"{text!r} is a time of day with an offset", "Name the zone of the schedule")
    return found


def plain_of(job: Job, zone: Zone) -> dict[str, Any]:
    """What ``job_of`` makes the same job of, in the order in which it is written."""
    told: dict[str, Any] = {
        "name": job.name,
        "label": job.label,
        "description": job.description,
        "kind": job.kind,
        "to": job.url,
        "authorization": job.authorization,
        "schedule": schedule_plain(job.schedule, zone),
        "catch_up": "" if job.catch_up == "all" else job.catch_up,
        "options": {name: value for name, value in job.options.items() if value is not None},
    }
    return {name: value for name, value in told.items() if value not in ("", {})}


def schedule_plain(schedule: Schedule, zone: Zone) -> dict[str, Any]:
    """What ``schedule_of`` makes the same schedule of, as far as it counts for its kind."""
    plain = to_plain(schedule)
    if schedule.zone.name == zone.name:
        del plain["zone"]
    plain.pop("at", None)
    if schedule.floating:
        plain["at"] = AFTER
    elif schedule.kind in CALENDAR and schedule.at is not None:
        plain["at"] = schedule.at.isoformat("minutes" if not schedule.at.second else "auto")
    for name in ("start", "end"):
        if name in plain:
            plain[name] = plain[name].replace("+00:00", "Z")
    return plain


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    found = datetime.fromisoformat(text)
    if found.year not in YEARS:
        raise Refused(f"{text} is too far away for a schedule", f"Use the years {YEARS[0]} to {YEARS[-1]}")
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
