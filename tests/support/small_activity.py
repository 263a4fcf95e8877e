"""Exports of events from a small hub: activity as CSV, app events as NDJSON, with real parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from small_hub import CODECS, PARQUET, SmallHub

from footfall.engines.activity import ActivityText
from footfall.engines.app_events import AppEventTable, AppEventText, Workspace
from footfall.engines.database import Limits
from footfall.engines.fields import Joining
from footfall.flows.export_activity import Outlet, WindowDelivery, WindowJob, deliver_windows
from footfall.formats.csv_rows import CsvRows
from footfall.model import key_templates
from footfall.model.app_events import SESSION, types_of
from footfall.model.key_templates import KeyTemplate
from footfall.model.names import NameTemplate
from footfall.model.window_manifest import ACTIVITY, APP_EVENTS
from footfall.model.windows import Window
from footfall.ports import Bucket, Codec, EventSelection, EventText
from footfall.stores.windows import SqlWindows
from footfall.wiring.activity import _keyed as keyed
from footfall.wiring.event_files import ACTIVITY_TYPES, EventFile

LIMITS = Limits(memory_mb=256, threads=2)
PLAIN = Joining()
# Given what makes a text, returns the text to deliver.
Keep = Callable[[Callable[[], EventText]], EventText]
WORKSPACE = Workspace(UUID(int=3), UUID(int=7))


def spill(hub: SmallHub) -> Path:
    return hub.books.activity_dir.parent / "spill-windows"


def outlet(bucket: Bucket, codec: str | Codec) -> Outlet:
    return Outlet(bucket, CODECS[codec] if isinstance(codec, str) else codec, "footfall test")


def divided_by(keys: KeyTemplate | None) -> Sequence[str]:
    return () if keys is None else keys.dividers


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
    format: str = "csv",
    key: str = "",
) -> list[WindowDelivery]:
    template = NameTemplate(timestamp="YYYYMMDDTHHmmssSSSZ")
    keys = KeyTemplate.parse(key, key_templates.ACTIVITY) if key else None

    def read(window: Window) -> EventText:
        spans = hub.lake.spans(window.from_seq, window.to_seq)
        wanted = EventSelection(
            spans, window.from_seq, window.to_seq, sources, start=start, end=end, divided_by=divided_by(keys)
        )

        def made() -> EventText:
            text = ActivityText(spill(hub), LIMITS, wanted, hub.people.texts, CsvRows(), header=header, joining=joining)
            return EventFile(text, PARQUET, ACTIVITY_TYPES, {"export": ACTIVITY}) if format == "parquet" else text

        return keep(made)

    what = WindowJob(
        job, ACTIVITY, format, format, lambda window: template.stem(window.at), header=header, keep_empty=keep_empty
    )
    what = keyed(hub, what, keys)  # type: ignore[arg-type]
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
    format: str = "json",
    key: str = "",
) -> list[WindowDelivery]:
    keys = KeyTemplate.parse(key, key_templates.APP_EVENTS) if key else None

    def read(window: Window) -> EventText:
        spans = hub.lake.spans(window.from_seq, window.to_seq)
        wanted = EventSelection(
            spans, window.from_seq, window.to_seq, types=types_of(kinds), divided_by=divided_by(keys)
        )

        def made() -> EventText:
            place = (spill(hub), LIMITS, wanted, hub.people.texts, WORKSPACE)
            if format == "parquet":
                return EventFile(AppEventTable(*place), PARQUET, {}, {"export": APP_EVENTS})
            return AppEventText(*place)

        return keep(made)

    extension = "ndjson" if format == "json" else format
    what = WindowJob(
        job, APP_EVENTS, format, extension, Window.app_events_stem, unique=True, events_max=events_max
    )  # fmt: skip
    what = keyed(hub, what, keys)  # type: ignore[arg-type]
    windows = SqlWindows(hub.database)
    to = outlet(bucket, codec)
    return list(deliver_windows(what, to, windows=windows, read=read, end=hub.lake.next_seq(), at=hub.now))
