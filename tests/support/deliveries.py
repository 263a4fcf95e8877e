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
from pathlib import Path
from typing import Any

from small_activity import export_activity, export_app_events
from small_audience import AT, DAY, SmallAudience, identified, small_audience
from small_hub import day_of_events
from sqlalchemy import delete

from footfall.buckets.local import LocalBucket
from footfall.model.audience_export import MULTI_CSV, AudienceExport
from footfall.ports import Bucket
from footfall.stores import schema

REPORTS = ("Users",)
# More than one part of the smallest size that S3 takes.
LARGE_BYTES = (5 << 20) + 1000
LATE = datetime(DAY.year, DAY.month, DAY.day, 18, tzinfo=UTC)


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
                if inspect.isgenerator(answer):  # pieces of text, each valid until the next is asked for
                    answer = [(rows, bytes(text)) for rows, text in answer]
                self._said[asked] = answer
            answer = self._said[asked]
            return iter(answer) if isinstance(answer, list) else answer

        return say

    def close(self) -> None:
        """It may be asked again."""


class KeptAudience:
    """An audience engine whose every draft is the first one."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._first: Path | None = None
        self._opened: Any = None

    def draft(self, export: AudienceExport, given: object, before: Path | None, path: Path) -> None:
        if self._first is None:
            self._real.draft(export, given, before, path)
            self._first = path.with_suffix(".kept")
            shutil.copyfile(path, self._first)
        else:
            path.write_bytes(b"")

    def state(self, draft: Path, path: Path) -> None:
        path.write_bytes(b"")

    @contextmanager
    def open(self, export: AudienceExport, draft: Path) -> Iterator[Any]:
        if self._opened is None:
            with self._real.open(export, draft) as opened:
                self._opened = Kept(opened)
                yield self._opened
        else:
            yield self._opened


class Deliveries:
    """kinds: a name to what delivers; each call of one is a run, after ``forget`` the first one."""

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
        self.kinds: Mapping[str, Callable[[Bucket], object]] = {
            "rollups": lambda out: hub.export(DAY, out, REPORTS),
            "activity": lambda out: export_activity(hub, out, mark="slot", end=LATE, keep=self._keep("activity")),
            "app events": lambda out: export_app_events(hub, out, keep=self._keep("app events")),
            "audience": lambda out: small.export(audience, out=out),
            "activity in parts": lambda out: export_activity(
                hub, out, mark="slot", codec="none", start=LATE, keep=self._keep("parts")
            ),
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
        small.learn([*identified(DAY), *day_of_events(DAY)])
        made = Deliveries(small)
        made.kinds["app events"](LocalBucket(folder / "kept"))  # its text is small; with those below it would not be
        late = {"userId": "ada", "type": "track", "event": "large", "timestamp": LATE.isoformat()}
        properties = {"text": "x" * 2_000}
        small.learn(
            [{**late, "messageId": f"large-{n}", "properties": properties} for n in range(LARGE_BYTES // 2_000)]
        )
        small.hub.now = datetime(2026, 12, 1, 12, tzinfo=UTC)
        made.forget()
        yield made


__all__ = ["AT", "DAY", "REPORTS", "Deliveries", "deliveries"]
