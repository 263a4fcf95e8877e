"""Jobs over a data directory: which function delivers which kind, and what the command line and the server ask for."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

from footfall import __version__
from footfall.config.cron import next_instant
from footfall.config.job_options import check_types, fitted
from footfall.errors import Denied, Refused
from footfall.flows.export import Delivery, Destination, export_day
from footfall.flows.run_jobs import Deliver, Runner
from footfall.model.jobs import Attempt, FileFacts, Job, first_watermark, looked_from
from footfall.model.remote import Remote
from footfall.model.report import Report
from footfall.model.schedules import Slot, between, named, next_slot, slots
from footfall.stores.job_upkeep import SqlJobUpkeep
from footfall.wiring.authorizations import bucket_at, codec_of
from footfall.wiring.formats import compression_of, format_named, key_of
from footfall.wiring.hiding import check_hiding, hiding_of
from footfall.wiring.rehearsal import RehearsedLedger, difference
from footfall.wiring.rollups import chosen_reports, opened_day
from footfall.wiring.telling import check_email, check_status, teller_of

if TYPE_CHECKING:
    from footfall.ports import Bucket, Format, Ledger, TableFormat
    from footfall.wiring.hub import Footfall

# A slot whose runner died so often waits for the end of its lease: what takes the process along must not do so at once
# after every start.
TRIES_AT_ONCE: Final = 2
BACKFILL_MAX: Final = 10_000
BACKFILL_FIRST: Final = date(1990, 1, 1)  # events before are quarantined


def deliverers(hub: Footfall) -> Mapping[str, Deliver]:
    """What delivers each kind of job."""
    from footfall.wiring.activity import deliver_activity, deliver_app_events
    from footfall.wiring.audience import deliver_audience
    from footfall.wiring.imports import deliver_import
    from footfall.wiring.people_taking import deliver_people_import

    kinds = {
        "rollups": deliver_rollups,
        "audience": deliver_audience,
        "activity": deliver_activity,
        "app_events": deliver_app_events,
        "import": deliver_import,
        "people_import": deliver_people_import,
    }
    return {kind: partial(_remember_status, hub, partial(deliver, hub)) for kind, deliver in kinds.items()}


def _remember_status(hub: Footfall, deliver: Deliver, job: Job, slot: Slot, attempt: Attempt) -> Iterator[FileFacts]:
    """Deliver, and remember of the job's authorization whether it was accepted."""
    try:
        yield from deliver(job, slot, attempt)
    except Denied as denied:
        # What a folder permits is this user's own, whatever key its files are encrypted to.
        if job.authorization and not attempt.rehearsal and Remote.parse(job.url) is not None:
            hub.authorizations.mark(job.authorization, "refused", denied.what)
        raise
    if job.authorization and not attempt.rehearsal and hub.authorizations.get(job.authorization).status != "authorized":
        hub.authorizations.mark(job.authorization, "authorized")


def runner_of(hub: Footfall) -> Runner:
    """A runner over the jobs of this data directory, in the name of this process."""
    presence, upkeep = hub.presence, SqlJobUpkeep(hub.database)
    return Runner(
        hub.jobs,
        deliverers(hub),
        hub.clock,
        holder=presence.name,
        cron=next_instant,
        ended=teller_of(hub),
        together=hub.database.transaction,
        release=lambda now: upkeep.release(presence.gone, now, tries_max=TRIES_AT_ONCE),
        chance=random.SystemRandom().random,
    )


def forget_old_runs(hub: Footfall) -> bool:
    """Forget some runs and delivered slots older than the setting ``keep_runs_days``; True when there may be more."""
    return SqlJobUpkeep(hub.database).forget(hub.clock() - timedelta(days=hub.settings.keep_runs_days)) > 0


def place_of(hub: Footfall, job: Job, attempt: Attempt) -> Bucket:
    """Where the job delivers to; in a rehearsal a bucket that only counts."""
    endpoint_url = job.options.get("endpoint_url") or None
    bucket = bucket_at(hub, job.url, job.authorization or None, endpoint_url)
    if not attempt.rehearsal:
        return bucket
    from footfall.buckets.nowhere import Nowhere

    return Nowhere(bucket)


# --- what people ask for -------------------------------------------------------------------------


def add_job(hub: Footfall, job: Job) -> Job:
    """Make a job. Raises ``Refused`` for one that could never run, ``Conflict`` when its name is taken.

    What it is not asked to do before its first slot, it does not do: no event is read and nothing is sent.
    """
    check_job(hub, job)
    job = replace(job, options=fitted(job.kind, job.options))
    watermark = first_watermark(job)
    if next_slot(job.schedule, watermark, cron=next_instant) is None:
        raise _over(job)
    with hub.database.transaction():
        hub.jobs.add(job, watermark)
        if job.kind != "rollups" and job.schedule.kind not in ("once", "minutes"):
            # "The export will run once within a few minutes of clicking Start Export", then at the selected time.
            at = job.created_at.replace(microsecond=0)
            hub.jobs.issue(job.name, [Slot(at, at, at)], job.created_at)
    return hub.jobs.get(job.name)


def change_job(hub: Footfall, job: Job) -> Job:
    """Give the job of that name what ``job`` says; its state stays, but that one which was over may go on.

    Raises ``Refused`` for one that could never run, and for another kind.
    """
    check_job(hub, job)
    job = replace(job, options=fitted(job.kind, job.options))
    with hub.database.transaction():
        before = hub.jobs.get(job.name)
        after = hub.jobs.change(job)
        if after.schedule != before.schedule:
            planned = hub.jobs.planned_until(job.name)
            goes_on = next_slot(after.schedule, planned, cron=next_instant) is not None
            if not goes_on and not hub.jobs.slots(job.name, ("waiting", "running"), 1):
                raise _over(job)
            if goes_on and after.state == "completed":
                after = hub.jobs.move(job.name, "sleeping", job.changed_at)
    return after


def resume_job(hub: Footfall, name: str) -> Job:
    """Let a job go on from the slot it stopped at."""
    waits = bool(hub.jobs.slots(name, ("waiting", "running"), 1))
    return hub.jobs.move(name, "runnable" if waits else "sleeping", hub.clock())


def check_job(hub: Footfall, job: Job) -> None:
    """Refuse what could never run: options its kind does not have, an authorization or a place that do not fit."""
    check_options(hub, job)
    check_email(hub, job)
    check_status(hub, job)
    if job.authorization:
        hub.authorizations.get(job.authorization)
    asked = job.options.get("compression")
    if job.kind in ("import", "people_import"):
        endpoint_url = job.options.get("endpoint_url") or None
        bucket_at(hub, job.url, job.authorization or None, endpoint_url)
        return
    if job.kind == "rollups":
        _, _, format_ = _rollup_choice(job)
        asked = compression_of(format_.name, asked)
    codec_of(hub, job.authorization or None, str(asked or "none"))
    endpoint_url = job.options.get("endpoint_url") or None
    bucket_at(hub, job.url, job.authorization or None, endpoint_url)


def check_options(hub: Footfall, job: Job) -> None:
    """Refuse options that its kind does not have, or of another type: they are whatever JSON somebody wrote."""
    try:
        _read_options(hub, job)
    except (TypeError, ValueError, AttributeError) as error:
        hint = f"See docs/guide/deliveries.md for the options of a job of the kind {job.kind}"
        raise Refused(f"an option of job '{job.name}' is of a type it cannot be ({error})", hint) from error
    check_types(job.kind, fitted(job.kind, job.options))


def _read_options(hub: Footfall, job: Job) -> None:
    if job.kind == "rollups":
        _rollup_choice(job)
    elif job.kind == "audience":
        from footfall.wiring.audience import audience_of
        from footfall.wiring.membership import audiences_of

        if audience := audience_of(job).audience:
            audiences_of(hub).get(audience)
    elif job.kind == "activity":
        from footfall.wiring.activity_options import activity_of

        activity_of(hub, job)
    elif job.kind == "app_events":
        from footfall.wiring.activity_options import app_events_of

        app_events_of(job)
    elif job.kind == "import":
        from footfall.wiring.imports import job_settings

        job_settings(job)
    elif job.kind == "people_import":
        from footfall.wiring.people_inbox import inbox_settings

        inbox_settings(job)


def _over(job: Job) -> Refused:
    return Refused(f"job '{job.name}' would never run: its schedule is over", "Give it another start or end")


def managed_by(hub: Footfall, name: str) -> str:
    """The file whose ``footfall apply`` gave the job the settings it has; empty if they are from anybody else.

    Told from the audit log, so no mark can be wrong: who changes it by hand since then manages it by hand.
    """
    newest = hub.audit.changes(subject=f"job {name}", actions=("job.add", "job.change"), limit=1)
    return next((each.actor.name for each in newest if each.actor.kind == "cli"), "")


def slot_of(hub: Footfall, job: Job, name: str | None) -> Slot:
    """The slot of that name; by default the newest that is due. Raises ``Refused`` when there is none."""
    now = hub.clock()
    if name is not None:
        known = [each.slot for each in hub.jobs.slots(job.name, limit=10_000) if each.slot.name == name]
        try:
            found = known[0] if known else named(job.schedule, name, cron=next_instant)
        except (OverflowError, ValueError):  # before the first year there is, or after the last
            found = None
        if found is None:
            hint = "Name its day (2026-11-20) or the instant it is due (20261121T080000Z)"
            raise Refused(f"job '{job.name}' ({job.schedule}) has no slot {name!r}", hint)
        return found
    if job.schedule.floating:
        at = now.replace(microsecond=0)
        return Slot(at, at, at)
    for days in (2, 16, 62, 800, 3300):  # a leap day's slot may be eight years back
        passed = list(slots(job.schedule, now - timedelta(days=days), now, cron=next_instant))
        if passed:
            return passed[-1]
    raise Refused(f"no slot of job '{job.name}' is due yet", "Name one with --slot, or wait")


def next_run(hub: Footfall, job: Job) -> datetime | None:
    """When the job runs next, as far as its schedule knows: at once if a slot waits; None if it is stopped or over."""
    if not job.live:
        return None
    waiting = hub.jobs.slots(job.name, ("waiting",), 10_000)
    if waiting:
        return max(hub.clock(), min(each.retry_at or each.slot.due for each in waiting))
    last = next(iter(hub.jobs.runs(job.name, 1)), None) if job.schedule.floating else None
    after = looked_from(job, hub.jobs.planned_until(job.name), last)
    slot = next_slot(job.schedule, after, cron=next_instant)
    return None if slot is None else slot.due


def backfill(hub: Footfall, job: Job, first: date, last: date) -> Sequence[str]:
    """Ask for every slot of the local days from ``first`` to ``last``; return the names of those that now wait.

    Days that were delivered are delivered again: the same bytes to the same names, or, for a day that got late events,
    its next revision. Raises ``Refused`` for days that are not over, and for more than ``BACKFILL_MAX`` slots.
    """
    if hub.zone.day_of(hub.clock()) < last or first < BACKFILL_FIRST:
        raise Refused(f"{first} to {last} is not within what can be backfilled", f"Choose days since {BACKFILL_FIRST}")
    wanted = list(islice(between(job.schedule, first, last, cron=next_instant), BACKFILL_MAX + 1))
    if len(wanted) > BACKFILL_MAX:
        raise Refused(f"these are more than {BACKFILL_MAX:,} slots", "Backfill a shorter range first")
    if not wanted:
        raise Refused(f"job '{job.name}' ({job.schedule}) has no slot from {first} to {last}")
    if wanted[-1].end > hub.clock():
        raise Refused(f"{last} is not over before {wanted[-1].end:%Y-%m-%d %H:%M} UTC", "Name an earlier last day")
    return hub.jobs.issue(job.name, wanted, hub.clock())


# --- rollups -------------------------------------------------------------------------------------


def deliver_rollups(hub: Footfall, job: Job, slot: Slot, attempt: Attempt) -> Iterator[FileFacts]:
    """The reports of each day of a slot: see ``flows.export``.

    options: format, version, reports, compression, key, privacy, endpoint_url. Encrypted if the authorization has a
    public key.

    An attempt after one that failed delivers only what is missing of each day's revision.
    """
    reports, version, format_ = _rollup_choice(job)
    hiding = hiding_of(hub, job.options.get("privacy"), f"job {job.name}")
    bucket = place_of(hub, job, attempt)
    codec = codec_of(hub, job.authorization or None, compression_of(format_.name, job.options.get("compression")))
    ledger: Ledger = RehearsedLedger(hub.ledger) if attempt.rehearsal else hub.ledger
    to = Destination(
        bucket=bucket,
        format=format_,
        codec=codec,
        version=version,
        writer=f"footfall {__version__}",
        prefix=hub.settings.file_prefix,
        key=key_of(job.options.get("key"), job.kind),
        job=job.name,
        privacy=() if hiding is None else hiding.rules,
    )

    def beat(step: str, done: int, total: int | None, unit: str) -> None:
        attempt.beat()

    hub.settle(beat)
    here = job.schedule.zone.name == hub.zone.name
    for day in (slot if here else Slot(slot.start, slot.end, slot.due)).days(hub.zone):
        wanted = _missing(hub, reports, to, day) if attempt.tries > 1 else reports
        if not wanted:
            continue
        for delivery in export_day(
            day, wanted, to,
            close=lambda each: hub.close_day(each, ledger=ledger), open_day=lambda each: opened_day(hub, each, hiding),
            ledger=ledger, zone=hub.zone, progress=beat,
        ):  # fmt: skip
            note = _note(to, ledger, delivery) if attempt.rehearsal else ""
            yield FileFacts(delivery.key, delivery.rows, delivery.size_bytes, note=note)


def _rollup_choice(job: Job) -> tuple[Sequence[Report], str, Format | TableFormat]:
    """(reports, version, format) of a job's options. Raises ``Refused`` for what there is not."""
    known = {"format", "version", "reports", "compression", "key", "privacy", "endpoint_url"}
    unknown = sorted(job.options.keys() - known)
    if unknown:
        raise Refused(f"a rollups job has no option {', '.join(unknown)}", f"It has {', '.join(sorted(known))}")
    version, format_ = str(job.options.get("version", "2.0")), format_named(str(job.options.get("format", "csv")))
    compression_of(format_.name, job.options.get("compression"))
    key_of(job.options.get("key"), job.kind)
    check_hiding(job.options.get("privacy"))
    return chosen_reports(job.options.get("reports"), version), version, format_


def _missing(hub: Footfall, reports: Sequence[Report], to: Destination, day: date) -> Sequence[Report]:
    """The reports whose current revision of ``day`` was not delivered there yet, or is not there any more."""
    revision = hub.close_day(day).revision

    def delivered(report: Report) -> bool:
        last = hub.ledger.delivered(to.bucket.url, report.name, to.version, to.format.name, day)
        return last is not None and last.revision == revision and _is_there(to.bucket, last.manifest_key)

    return [report for report in reports if not delivered(report)]


def _is_there(bucket: Bucket, key: str) -> bool:
    """Whether something of that name is there; where that may not be asked, what was written is."""
    try:
        bucket.stat(key)
    except KeyError:
        return False
    except Denied:
        pass
    return True


def _note(to: Destination, ledger: Ledger, delivery: Delivery) -> str:
    last = ledger.delivered(to.bucket.url, delivery.report, delivery.version, delivery.format, delivery.day)
    put = getattr(to.bucket, "put_here", {}).get(delivery.key)
    digest = "" if put is None else put.sha256
    return difference(
        to.bucket, last, delivery.rows, delivery.size_bytes, digest, delivery.revision, part=delivery.part
    )
