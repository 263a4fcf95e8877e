"""Exports of events from a small hub: activity as CSV, app events as NDJSON, with real parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from small_hub import CODECS, SmallHub

from footfall.engines.activity import ActivityText
from footfall.engines.app_events import AppEventText, Workspace
from footfall.engines.database import Limits
from footfall.engines.fields import Joining
from footfall.flows.export_activity import Outlet, WindowDelivery, WindowJob, deliver_windows
from footfall.formats.csv_rows import CsvRows
from footfall.model.app_events import SESSION, types_of
from footfall.model.names import NameTemplate
from footfall.model.window_manifest import ACTIVITY, APP_EVENTS
from footfall.model.windows import Window
from footfall.ports import Bucket, Codec, EventSelection, EventText
from footfall.stores.windows import SqlWindows

LIMITS = Limits(memory_mb=256, threads=2)
PLAIN = Joining()
# Given what makes a text, returns the text to deliver.
Keep = Callable[[Callable[[], EventText]], EventText]
WORKSPACE = Workspace(UUID(int=3), UUID(int=7))


def spill(hub: SmallHub) -> Path:
    return hub.books.activity_dir.parent / "spill-windows"


def outlet(bucket: Bucket, codec: str | Codec) -> Outlet:
    return Outlet(bucket, CODECS[codec] if isinstance(codec, str) else codec, "footfall test")


def export_activity(
    hub: SmallHub,
    bucket: Bucket,
    *,
    job: str = "activity",
    mark: str = "",
    codec: str | Codec = "gzip",
    header: bool = True,
    sources: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    joining: Joining = PLAIN,
    keep_empty: bool = True,
    keep: Keep = lambda read: read(),
) -> list[WindowDelivery]:
    template = NameTemplate(timestamp="YYYYMMDDTHHmmssSSSZ")

    def read(window: Window) -> EventText:
        spans = hub.lake.spans(window.from_seq, window.to_seq)
        wanted = EventSelection(spans, window.from_seq, window.to_seq, sources=sources, start=start, end=end)
        return keep(
            lambda: ActivityText(
                spill(hub), LIMITS, wanted, hub.people.texts, CsvRows(), header=header, joining=joining
            )
        )

    what = WindowJob(
        job, ACTIVITY, "csv", "csv", lambda window: template.stem(window.at), header=header, keep_empty=keep_empty
    )
    windows = SqlWindows(hub.database)
    to = outlet(bucket, codec)
    return list(deliver_windows(what, to, windows=windows, read=read, end=hub.lake.next_seq(), at=hub.now, mark=mark))


def export_app_events(
    hub: SmallHub,
    bucket: Bucket,
    *,
    job: str = "app-events",
    codec: str | Codec = "gzip",
    kinds: Sequence[str] = (SESSION,),
    events_max: int | None = None,
    keep: Keep = lambda read: read(),
) -> list[WindowDelivery]:
    def read(window: Window) -> EventText:
        spans = hub.lake.spans(window.from_seq, window.to_seq)
        wanted = EventSelection(spans, window.from_seq, window.to_seq, types=types_of(kinds))
        return keep(lambda: AppEventText(spill(hub), LIMITS, wanted, hub.people.texts, WORKSPACE))

    what = WindowJob(
        job, APP_EVENTS, "json", "ndjson", Window.app_events_stem, unique=True, events_max=events_max
    )  # fmt: skip
    windows = SqlWindows(hub.database)
    to = outlet(bucket, codec)
    return list(deliver_windows(what, to, windows=windows, read=read, end=hub.lake.next_seq(), at=hub.now))
