"""Exports of events over a data directory: activity as CSV and the app-event stream, by hand and as jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from footfall import __version__
from footfall.engines.activity import ActivityText
from footfall.engines.app_events import AppEventTable, AppEventText, Workspace
from footfall.engines.database import Limits
from footfall.engines.hidden_events import hidden_lines, hidden_table
from footfall.flows.export_activity import Outlet, WindowDelivery, WindowJob, deliver_windows
from footfall.formats.csv_rows import CsvRows
from footfall.model.app_events import types_of
from footfall.model.jobs import FileFacts
from footfall.model.key_templates import Facts, KeyTemplate
from footfall.model.window_manifest import ACTIVITY, APP_EVENTS
from footfall.model.windows import Window
from footfall.ports import EventSelection
from footfall.stores.windows import SqlWindows
from footfall.wiring.activity_options import ActivityExport, AppEventStream, activity_of, app_events_of
from footfall.wiring.authorizations import bucket_at, codec_of
from footfall.wiring.event_files import ACTIVITY_TYPES, typed
from footfall.wiring.formats import PARQUET, compression_of
from footfall.wiring.hiding import hiding_of

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from footfall.model.jobs import Attempt, Job
    from footfall.model.manifest import FilePart
    from footfall.model.schedules import Slot
    from footfall.ports import Bucket, EventText, Progress
    from footfall.wiring.hub import Footfall


@dataclass(frozen=True, slots=True)
class Where:
    """The place and how to get into it; see ``bucket_at``. pgp_keys: files of public keys to encrypt to; see
    ``codec_of``."""

    url: str
    authorization: str | None = None
    endpoint_url: str | None = None
    own_shell: bool = False
    pgp_keys: tuple[Path, ...] = ()

    def bucket(self, hub: Footfall) -> Bucket:
        return bucket_at(hub, self.url, self.authorization, self.endpoint_url, own_shell=self.own_shell)


# --- by hand -----------------------------------------------------------------------------------------------------


def export_activity(
    hub: Footfall, export: ActivityExport, where: Where, *, job: str = ACTIVITY, progress: Progress | None = None
) -> list[WindowDelivery]:
    """Settle, then deliver what came since the last run of ``job``; nothing when nothing came."""
    bucket = where.bucket(hub)
    hub.settle(*([] if progress is None else [progress]))
    to = _outlet(hub, bucket, where.authorization, compression_of(export.format, export.compression), where.pgp_keys)
    return list(
        _activity(
            hub, replace(_activity_job(hub, export, job), keep_empty=False), export, to, hub.clock(), "", progress
        )
    )


def export_app_events(
    hub: Footfall, stream: AppEventStream, where: Where, *, job: str = "app-events", progress: Progress | None = None
) -> list[WindowDelivery]:
    """Settle, then deliver what came since the last run of ``job``; nothing when nothing of these kinds came."""
    bucket = where.bucket(hub)
    hub.settle(*([] if progress is None else [progress]))
    to = _outlet(hub, bucket, where.authorization, compression_of(stream.format, stream.compression), where.pgp_keys)
    return list(_app_events(hub, stream, job, to, hub.clock(), progress))


# --- as jobs -----------------------------------------------------------------------------------------------------


def deliver_activity(hub: Footfall, job: Job, slot: Slot, attempt: Attempt) -> Iterator[FileFacts]:
    """One file per slot with what came since the slot before; of a slot without events too. See ``activity_of``."""
    export = activity_of(hub, job)
    to = _outlet(hub, *_place(hub, job, attempt), compression_of(export.format, export.compression))
    hub.settle(_beat(attempt))
    described = _activity_job(hub, export, job.name)
    for delivery in _activity(hub, described, export, to, slot.due, slot.name, _beat(attempt),
                              rehearsal=attempt.rehearsal):  # fmt: skip
        yield _facts(delivery)


def deliver_app_events(hub: Footfall, job: Job, slot: Slot, attempt: Attempt) -> Iterator[FileFacts]:
    """A file with what came since the last one; none when nothing did. See ``app_events_of``."""
    stream = app_events_of(job)
    to = _outlet(hub, *_place(hub, job, attempt), compression_of(stream.format, stream.compression))
    hub.settle(_beat(attempt))
    for delivery in _app_events(hub, stream, job.name, to, slot.due, _beat(attempt), rehearsal=attempt.rehearsal):
        yield _facts(delivery)


def _place(hub: Footfall, job: Job, attempt: Attempt) -> tuple[Bucket, str | None]:
    from footfall.wiring.jobs import place_of

    return place_of(hub, job, attempt), job.authorization or None


def _beat(attempt: Attempt) -> Progress:
    def beat(step: str, done: int, total: int | None, unit: str) -> None:
        attempt.beat()

    return beat


def _facts(delivery: WindowDelivery) -> FileFacts:
    return FileFacts(delivery.key, delivery.rows, delivery.size_bytes, position=delivery.to_seq)


# --- both --------------------------------------------------------------------------------------------------------


def _outlet(
    hub: Footfall, bucket: Bucket, authorization: str | None, compression: str, pgp_keys: Sequence[Path] = ()
) -> Outlet:
    return Outlet(bucket, codec_of(hub, authorization, compression, pgp_keys), f"footfall {__version__}")


def _keyed(hub: Footfall, job: WindowJob, key: KeyTemplate | None) -> WindowJob:
    """The job with its files where ``key`` says; its manifests have their usual names, without folders."""
    if key is None:
        return job

    def keyed(window: Window, part: FilePart) -> str:
        said = {"report": job.kind, "job": job.name, "zone": hub.zone.name, "format": job.format,
                "window": f"{window.number:010d}"}  # fmt: skip
        local = window.at.astimezone(hub.zone.info).replace(tzinfo=None)
        return key.stem(Facts(said, local, window.at), dict(part), job.stem(window).rpartition("/")[2])

    return replace(job, keyed=keyed, key=str(key), unique=job.unique and key.is_folder)


def _activity_job(hub: Footfall, export: ActivityExport, name: str) -> WindowJob:
    job = WindowJob(
        name=name,
        kind=ACTIVITY,
        format=export.format,
        extension=export.format,
        stem=lambda window: export.names.stem(window.at),
        header=export.header,
        options=export.options(),
        keep_empty=True,
        privacy=tuple(export.hide.items()),
    )
    return _keyed(hub, job, export.key)


def _activity(
    hub: Footfall,
    job: WindowJob,
    export: ActivityExport,
    to: Outlet,
    at: datetime,
    mark: str,
    progress: Progress | None,
    *,
    rehearsal: bool = False,
) -> Iterator[WindowDelivery]:
    hiding = hiding_of(hub, export.hide, f"job {job.name}")

    def read(window: Window) -> EventText:
        wanted = replace(
            _selection(hub, window, export.key), sources=export.streams or None, start=export.start, end=export.end
        )
        events = ActivityText(
            hub.settings.data / "spill", _limits(hub), wanted, hub.people.texts, CsvRows(),
            header=export.header, joining=export.joining, hiding=hiding,
        )  # fmt: skip
        return typed(events, ACTIVITY_TYPES, job.kind, job.name) if export.format == PARQUET else events

    yield from _deliver(hub, job, to, read, at, mark, progress, rehearsal)


def _app_events(
    hub: Footfall,
    stream: AppEventStream,
    name: str,
    to: Outlet,
    at: datetime,
    progress: Progress | None,
    *,
    rehearsal: bool = False,
) -> Iterator[WindowDelivery]:
    workspace = Workspace(hub.subscription.organization_id, hub.subscription.subscription_id, stream.billing_code)
    hiding = hiding_of(hub, stream.hide, f"job {name}")

    def read(window: Window) -> EventText:
        wanted = replace(_selection(hub, window, stream.key), types=types_of(stream.kinds))
        place = (hub.settings.data / "spill", _limits(hub), wanted, hub.people.texts, workspace)
        if stream.format == PARQUET:
            return typed(hidden_table(AppEventTable(*place), hiding), {}, job.kind, job.name)
        return hidden_lines(AppEventText(*place), hiding)

    job = WindowJob(
        name=name,
        kind=APP_EVENTS,
        format=stream.format,
        extension="ndjson" if stream.format == "json" else stream.format,
        stem=Window.app_events_stem,
        options={"kinds": ",".join(stream.kinds)},
        unique=True,
        events_max=stream.events_max,
        privacy=tuple(stream.hide.items()),
    )
    yield from _deliver(hub, _keyed(hub, job, stream.key), to, read, at, "", progress, rehearsal)


def _deliver(
    hub: Footfall,
    job: WindowJob,
    to: Outlet,
    read: Callable[[Window], EventText],
    at: datetime,
    mark: str,
    progress: Progress | None,
    rehearsal: bool,
) -> Iterator[WindowDelivery]:
    from footfall.wiring.rehearsed_windows import RehearsedWindows

    real = SqlWindows(hub.database)
    yield from deliver_windows(
        job, to, windows=RehearsedWindows(real) if rehearsal else real, read=read, end=hub.lake.next_seq(), at=at,
        mark=mark, progress=progress,
    )  # fmt: skip


def _selection(hub: Footfall, window: Window, key: KeyTemplate | None) -> EventSelection:
    spans = hub.lake.spans(window.from_seq, window.to_seq)
    return EventSelection(spans, window.from_seq, window.to_seq, divided_by=() if key is None else key.dividers)


def _limits(hub: Footfall) -> Limits:
    return Limits(hub.settings.memory_mb, hub.settings.threads)
