"""Every kind of export from one small hub to any bucket, as if it were the first time: for tests that repeat them.

What a hub remembers of deliveries is told apart by destination, or taken back by ``forget``, so the events are settled
and the day is closed once for all of them. What the engines say is asked once and then repeated: counting the same
events a thousand times is no part of a delivery.
"""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sealing import sealing
from small_activity import export_activity, export_app_events
from small_audience import AT, DAY, SmallAudience, identified, small_audience
from small_hub import CODECS, day_of_events
from sqlalchemy import delete

from footfall.buckets.local import LocalBucket
from footfall.codecs.plain import Plain
from footfall.codecs.zip_archive import ZipArchive
from footfall.model.audience_export import MULTI_CSV, PARQUET, AudienceExport
from footfall.ports import Bucket, Codec
from footfall.stores import schema

PLAIN = Plain()
ZIP = ZipArchive()
SEALED, SEALED_PLAIN = sealing(), sealing(PLAIN)
ALL_CODECS: Mapping[str, Codec] = {**CODECS, **{each.name: each for each in (ZIP, SEALED, SEALED_PLAIN)}}
REPORTS = ("Users",)
DIVIDED = ("User_Event_Rollups",)
# More than one part of the smallest size that S3 takes.
LARGE_BYTES = (5 << 20) + 1000
LATE = datetime(DAY.year, DAY.month, DAY.day, 18, tzinfo=UTC)


class _Pieces(tuple[object, ...]):
    """What a generator yielded."""


def _lasting(piece: object) -> object:
    """A piece of text is valid until the next is asked for."""
    return (piece[0], bytes(piece[1])) if isinstance(piece, tuple) else piece


class Kept:
    """What something said, said again: each method is called once for the same arguments. It is never closed."""

    def __init__(self, real: object) -> None:
        self._real = real
        self._said: dict[tuple[object, ...], object] = {}

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if not callable(found):
            return found

        def say(*given: object, **more: object) -> Any:
            asked = (name, *(repr(each) for each in given), *sorted((k, repr(v)) for k, v in more.items()))
            if asked not in self._said:
                answer = found(*given, **more)
                self._said[asked] = _Pieces(map(_lasting, answer)) if inspect.isgenerator(answer) else answer
            answer = self._said[asked]
            return iter(answer) if isinstance(answer, _Pieces) else answer

        return say

    def close(self) -> None:
        """It may be asked again."""


class KeptAudience:
    """An audience engine whose every draft of a job is the first one."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._drafted: set[str] = set()
        self._opened: dict[str, Kept] = {}

    def draft(self, export: AudienceExport, given: object, before: Path | None, path: Path) -> None:
        if export.job in self._drafted:
            path.write_bytes(b"")
        else:
            self._real.draft(export, given, before, path)
            self._drafted.add(export.job)

    def state(self, draft: Path, path: Path) -> None:
        path.write_bytes(b"")

    @contextmanager
    def open(self, export: AudienceExport, draft: Path) -> Iterator[Any]:
        if export.job in self._opened:
            yield self._opened[export.job]
        else:
            with self._real.open(export, draft) as opened:
                self._opened[export.job] = Kept(opened)
                yield self._opened[export.job]


class Deliveries:
    """kinds: a name to what delivers; each call of one is a run, after ``forget`` the first one.

    Those with *encrypted* in their names give other bytes on every run, the others the same.
    """

    def __init__(self, small: SmallAudience) -> None:
        self._states = small.states._folder
        self._hub = hub = small.hub
        self._texts: dict[str, Kept] = {}
        days: list[Kept] = []

        def open_day(day: date, real: Callable[[date], object] = hub.open_day) -> Kept:
            days.extend([] if days else [Kept(real(day))])
            return days[0]

        hub.open_day = open_day  # type: ignore[method-assign, assignment]
        small.engine = KeptAudience(small.engine)  # type: ignore[assignment]
        audience = AudienceExport("people", layout=MULTI_CSV, fields=("identifyId", "tags"))
        typed = AudienceExport("typed", layout=PARQUET, fields=("identifyId", "tags"))

        def activity(name: str, out: Bucket, **how: Any) -> object:
            window = {"start": LATE} if "parts" in name else {"end": LATE}
            return export_activity(hub, out, mark="slot", keep=self._keep(name), **window, **how)

        def app_events(name: str, out: Bucket, **how: Any) -> object:
            return export_app_events(hub, out, keep=self._keep(name), **how)

        by_hand: dict[str, Callable[[Bucket], object]] = {
            "rollups": lambda out: hub.export(DAY, out, REPORTS),
            "rollups as Parquet by hive": lambda out: hub.export(
                DAY, out, REPORTS, format="parquet", codec="none", key="hive"
            ),
            "rollups zipped by product": lambda out: hub.export(
                DAY, out, DIVIDED, codec=ZIP, key="{report}/{date}/{product}/"
            ),
            "rollups encrypted": lambda out: hub.export(DAY, out, REPORTS, codec=SEALED),
            "audience": lambda out: small.export(audience, out=out),
            "audience as Parquet by hive": lambda out: small.export(typed, out=out, key="hive"),
            "audience encrypted": lambda out: small.export(audience, out=out, codec=SEALED),
        }
        of_events: dict[str, tuple[Callable[..., object], dict[str, Any]]] = {
            "activity": (activity, {}),
            "activity as Parquet by key": (
                activity,
                {"format": "parquet", "codec": PLAIN, "key": "{year}/{TIMESTAMP}"},
            ),
            "activity zipped by product": (activity, {"codec": ZIP, "key": "{product}/{TIMESTAMP}"}),
            "activity encrypted": (activity, {"codec": SEALED}),
            "activity in parts": (activity, {"codec": PLAIN}),
            "activity encrypted in parts": (activity, {"codec": SEALED_PLAIN}),
            "app events": (app_events, {}),
            "app events as Parquet by hive": (app_events, {"format": "parquet", "codec": PLAIN, "key": "hive"}),
            "app events encrypted by event": (app_events, {"codec": SEALED, "key": "{event}/{window}"}),
        }
        self.kinds: Mapping[str, Callable[[Bucket], object]] = by_hand | {
            name: partial(export, name, **how) for name, (export, how) in of_events.items()
        }

    def _keep(self, name: str) -> Callable[[Callable[[], Any]], Any]:
        def keep(read: Callable[[], Any]) -> Any:
            if name not in self._texts:
                self._texts[name] = Kept(read())
            return self._texts[name]

        return keep

    def forget(self) -> None:
        """Take back what is remembered of windows and audiences; rollups are remembered by destination."""
        with self._hub.database.writing() as connection:
            connection.execute(delete(schema.event_window))
        shutil.rmtree(self._states, ignore_errors=True)


@contextmanager
def deliveries(folder: Path) -> Iterator[Deliveries]:
    with small_audience(folder) as small:
        second = {**day_of_events(DAY, 1, 1)[2], "messageId": "second", "context": {"productKey": "second"}}
        small.learn([*identified(DAY), *day_of_events(DAY), second])
        made = Deliveries(small)
        for name in made.kinds:  # the text of app events is small; with those below it would not be
            if name.startswith("app events"):
                made.forget()
                made.kinds[name](LocalBucket(folder / "kept" / name))
        late = {"userId": "ada", "type": "track", "event": "large", "timestamp": LATE.isoformat()}
        properties = {"text": "x" * 2_000}
        small.learn(
            [{**late, "messageId": f"large-{n}", "properties": properties} for n in range(LARGE_BYTES // 2_000)]
        )
        small.hub.now = datetime(2026, 12, 1, 12, tzinfo=UTC)
        made.forget()
        yield made


__all__ = ["AT", "DAY", "REPORTS", "Deliveries", "deliveries"]
