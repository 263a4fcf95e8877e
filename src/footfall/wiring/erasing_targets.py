"""Which deliveries may hold people who are to be erased, and under which manifest each lies when its turn comes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Final

from footfall.errors import Missing
from footfall.model.erasures import ID_COLUMNS, UID_COLUMNS, Subjects, Target
from footfall.model.files import revised, revision_of
from footfall.model.instants import from_us
from footfall.model.reports import by_name
from footfall.ports import Delivered, Planned
from footfall.stores.erasures import SqlErasures
from footfall.stores.retention import SqlRetention
from footfall.stores.windows import SqlWindows

if TYPE_CHECKING:
    import pyarrow as pa

    from footfall.wiring.hub import Footfall

_SHARED: Final = "may hold what they did as a visitor who was somebody else too: rows without an id of theirs stay"


def targets_of(
    hub: Footfall, subjects: Subjects, found: Mapping[date, pa.Array]
) -> tuple[list[Target], list[tuple[str, str]]]:
    """The deliveries that may hold these people; whether they do is seen when they are read."""
    drafts: list[Target] = []
    notes = list(_broken_off(hub))
    taken_back = _taken_back(hub)
    drafts += _rollup_targets(hub, subjects, found, everywhere=taken_back)
    seqs = sorted(int(seq) for each in found.values() for seq in each.to_pylist())
    spans = hub.lake.spans(0, 1 << 62)
    lowest = min((span.first_seq for span in spans), default=1 << 62)
    if taken_back or SqlRetention(hub.database).removed():
        lowest = 1 << 62  # there may be gaps anywhere
    for window in SqlWindows(hub.database).delivered():
        written = window.written
        assert written is not None
        place = bisect_left(seqs, window.from_seq)
        held = place < len(seqs) and seqs[place] < window.to_seq
        # Of events that left the lake since nobody knows any more whose they were.
        if not held and window.from_seq >= lowest:
            continue
        what = f"window {window.number} of {window.job}"
        key = window.manifest_key if window.closed else written.manifest_key
        if key:
            drafts.append(
                Target(0, written.manifest.kind, written.place, key, what, revision_of(key) + 1,
                       job=window.job, window=window.number)
            )  # fmt: skip
            if subjects.spans:
                notes.append((f"{written.place}/{key}", f"{what} {_SHARED}"))
    for job, place_, manifest_key in SqlErasures(hub.database, hub.vault).audiences_with(subjects.users):
        revision = revision_of(manifest_key) + 1
        drafts.append(Target(0, "audience", place_, manifest_key, f"audience of {job}", revision, job=job))
    return [replace(each, number=number) for number, each in enumerate(drafts, 1)], notes


def _broken_off(hub: Footfall) -> Iterator[tuple[str, str]]:
    """Where files may lie that no manifest names, of a run that ended before it wrote one."""
    for job in hub.jobs.all():
        if job.kind not in ("rollups", "audience"):
            continue
        if any(_unfinished(hub, each) for each in hub.jobs.slots(job.name, ("running", "waiting"))):
            why = f"a run of job '{job.name}' broke off; what it wrote without a manifest may hold them"
            yield job.url, f"{why}: `footfall verify` finds it once the job has run to its end"


def _unfinished(hub: Footfall, slot: Planned) -> bool:
    """Whether the last run of a slot came to no good end. One that did may have been asked for again."""
    if not slot.attempts:
        return False
    try:
        return hub.jobs.run(f"{slot.job}:{slot.slot.name}:{slot.attempts}").state != "succeeded"
    except Missing:  # only what was delivered is forgotten
        return False


def _taken_back(hub: Footfall) -> bool:
    """Whether events ever left the lake by an undone import or a backfill: what held them may have been delivered."""
    changes = hub.audit.changes(actions=("import.undo", "features.backfill"), limit=1 << 31)
    return any(told.get("events") or told.get("removed") for told in (each.after or {} for each in changes))


def _rollup_targets(
    hub: Footfall, subjects: Subjects, found: Mapping[date, pa.Array], *, everywhere: bool
) -> Iterator[Target]:
    """Reports that name users: of days with events of these people, and of each day on which they were known.

    everywhere: of every day, for there may have been events that nobody knows of any more.
    """
    stored, born = hub.lake.days(), hub.zone.day_of(from_us(subjects.first_at))
    series: dict[tuple[str, str, str, str, date], list[Delivered]] = {}
    for each in hub.ledger.deliveries():
        series.setdefault((each.destination, each.report, each.version, each.format, each.day), []).append(each)
    for (place, name, version, format_, day), delivered in series.items():
        report = by_name(name)
        named = {field.name for field in report.columns(version)} & {*ID_COLUMNS, *UID_COLUMNS}
        everybody = report.relation == "users"
        if named and (everywhere or (day >= born if everybody else day in found or day not in stored)):
            last, older = delivered[-1], delivered[:-1]
            yield Target(
                0, "rollups", place, last.manifest_key, f"{name} of {day}", hub.ledger.day(day).revision + 1,
                tuple(each.manifest_key for each in reversed(older)),
                report=name, version=version, format=format_, day=day.isoformat(),
            )  # fmt: skip


def newest_of(hub: Footfall, target: Target) -> Target:
    """The target as it is delivered now: another erasure, or a run of its job, may have revised it since the plan."""
    if target.kind == "rollups":
        return _newest_report(hub, target)
    key = target.manifest_key
    if target.window:
        key = SqlWindows(hub.database).manifest_of(target.job, target.window) or key
    else:
        series = revised(key, 1)
        keys = SqlErasures(hub.database, hub.vault).audiences_at(target.place)
        same = [each for each in keys if revised(each, 1) == series]
        key = max(same, key=revision_of, default=key)
    return replace(target, manifest_key=key, revision=revision_of(key) + 1)


def _newest_report(hub: Footfall, target: Target) -> Target:
    day, delivered = date.fromisoformat(target.day), list[Delivered]()
    series = (target.place, target.report, target.version, target.format, day)
    found = hub.ledger.delivered(*series)
    while found is not None:
        delivered.append(found)
        found = hub.ledger.delivered(*series, below=found.revision)
    if not delivered or delivered[0].manifest_key == target.manifest_key:
        return target
    keys, last = [each.manifest_key for each in delivered], delivered[0].revision
    # A revision means the same in every report of a day, so a new one is beyond what the day has come to.
    revision = target.revision if target.revision > last else max(hub.ledger.day(day).revision, last) + 1
    return replace(target, manifest_key=keys[0], revision=revision, older=tuple(keys[1:]))
