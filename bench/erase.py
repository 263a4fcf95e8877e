"""Erase 100 of 100,000 people from 30 delivered days of four reports as CSV; a third of them is active each day."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from footfall.config import load_settings
from footfall.ports import Batch
from footfall.wiring import Footfall
from footfall.wiring.erasing import advance, ask_for, erasures_of
from footfall.wiring.erasing_places import Reach
from footfall.wiring.keys import create_key
from footfall.wiring.rollups import export_rollups

Row = tuple[str, float, str, str]

PEOPLE: Final = 100_000
ERASED: Final = 100
DAYS: Final = 30
AT_ONCE: Final = 20_000
FIRST: Final = date(2026, 10, 1)
NOW: Final = datetime(2026, 12, 1, 12, tzinfo=UTC)
REPORTS: Final = ("Users", "User_Event_Rollups", "User_Custom_Event_Rollups", "Account_Event_Rollups")


def run(scale: float) -> list[Row]:
    """scale: of the people; days and those who are erased stay."""
    people = max(ERASED * 2, int(PEOPLE * scale))
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as folder:
        settings = load_settings(data=Path(folder) / "data", environment={"FOOTFALL_TIME_ZONE": "Europe/Berlin"})
        with Footfall.open(settings, clock=lambda: NOW) as hub:
            _live(hub, people)
            began = time.monotonic()
            last = FIRST + timedelta(days=DAYS - 1)
            out = Path(folder) / "out"
            export_rollups(hub, FIRST, last, to=str(out), reports=REPORTS, version="2.0", format="csv")
            exported_s = time.monotonic() - began
            files = [path for path in out.iterdir() if not path.name.endswith(".manifest.json")]
            return _erase(hub, people, len(files), exported_s)


def _erase(hub: Footfall, people: int, files: int, exported_s: float) -> list[Row]:
    gone = Random(7).sample(range(people), ERASED)
    one = ask_for(hub, [f"person-{person}" for person in gone], "erase", "bench")
    began, cpu = time.monotonic(), time.process_time()
    done = advance(hub, one.id, Reach())
    took, cpu = time.monotonic() - began, time.process_time() - cpu
    receipt: dict[str, Any] = json.loads(erasures_of(hub).receipt(done.id) or "{}")
    if receipt["untouched"] or done.people != ERASED:
        raise RuntimeError(f"not everybody was erased: {receipt['untouched'][:3]}")
    written = receipt["deliveries"]["files_rewritten"]
    return [
        ("erase 100 people from 30 days", took, "s", f"of {people:,} people; {cpu:.1f} s CPU"),
        ("… files written anew", written, "files", f"of {files} delivered, in {exported_s:.1f} s"),
        ("… events removed", float(receipt["removed"]["events"]), "events", ""),
    ]


def _live(hub: Footfall, people: int) -> None:
    create_key(hub, "web", product_key="default", environment="Production", channel="web")
    events = list[dict[str, Any]]()
    for nth in range(DAYS):
        for event in _day(people, nth):
            events.append(event)
            if len(events) == AT_ONCE:
                _accept(hub, events)
                events = []
        _accept(hub, events)
        events = []
        hub.settle()


def _day(people: int, nth: int) -> Iterator[dict[str, Any]]:
    day = FIRST + timedelta(days=nth)
    for person in range(people):
        about = {"userId": f"person-{person}", "timestamp": f"{day}T12:{person % 60:02}:00Z"}
        if nth == 0:
            traits = {"email": f"person-{person}@example.org", "plan": "pro"}
            yield {**about, "type": "identify", "messageId": f"i{person}", "traits": traits}
        if (person + nth) % 3 == 0:
            yield {**about, "type": "page", "messageId": f"p{person}-{nth}"}
            yield {**about, "type": "track", "event": "order", "messageId": f"t{person}-{nth}"}


def _accept(hub: Footfall, events: list[dict[str, Any]]) -> None:
    if events:
        body = json.dumps({"batch": events}).encode()
        at = int(NOW.timestamp() * 1_000_000)
        hub.log.append(Batch(at, "web", "segment", "batch", len(events), (), "", "", body))
