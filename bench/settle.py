"""Settle, log to lake: bodies of 100 events in the real log, through shaper, store and lake; plain, and with all
that can be derived.

The stages are timed one after the other in a run of their own; the figure for the whole is of ``settle_all``, where
shaping and committing overlap.
"""

from __future__ import annotations

import json
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from uuid import UUID

from bench.mapper_rules import mapper_definitions, mapper_events
from footfall.config import load_zone
from footfall.engines.feature_matches import FeatureMatches
from footfall.engines.inference import Allowed, Inference
from footfall.engines.sessions import IdleSessions
from footfall.engines.shaping import DuckShaper
from footfall.flows.settle import RANGE_BYTES, Route, remember, settle_all
from footfall.lakes.delta import DeltaLake
from footfall.logs.segments import SegmentLog
from footfall.model.definitions import read as read_definitions
from footfall.ports import Batch, Derivation
from footfall.stores.database import Database
from footfall.stores.ledger import SqlLedger
from footfall.stores.open_sessions import SqlOpenSessions
from footfall.stores.people import SqlPeople

Row = tuple[str, float, str, str]

EVENTS = 1_000_000
BODY_EVENTS = 100
RULES = 500
BODY_US = 3_600_000  # between two bodies that all is derived from: ten hours at full scale
BODIES_MADE = 500  # of events that all is derived from; they come again with other ids
RECEIVED_US = 1_795_348_800_000_000  # 2026-11-22T12:00Z
_ZONE = load_zone("Europe/Berlin")


@dataclass(frozen=True)
class Place:
    """The parts of a small data directory."""

    log: SegmentLog
    shaper: DuckShaper
    lake: DeltaLake
    people: SqlPeople
    ledger: SqlLedger
    database: Database


Derivations = Callable[[Database], Sequence[Derivation]]


@contextmanager
def opened(folder: Path, derivations: Derivations = lambda database: (), channel: str = "server") -> Iterator[Place]:
    """A data directory in ``folder``."""
    with ExitStack() as stack:
        log = SegmentLog(folder / "log")
        stack.callback(log.close)
        database = Database.open(folder / "footfall.db")
        stack.callback(database.close)
        defaults = ("p", "Production", channel)
        made = derivations(database)
        shaper = DuckShaper(_ZONE, lambda source: defaults, temp_directory=folder / "spill", derivations=made)
        stack.callback(shaper.close)
        lake = DeltaLake(folder / "lake", clock=_now)
        people = SqlPeople(database, UUID(int=1), _ZONE)
        remember(shaper, lake, people)
        yield Place(log, shaper, lake, people, SqlLedger(database), database)


def route(place: Place) -> Route:
    """What ``settle_all`` works with."""
    return Route(place.log, place.shaper, place.lake, place.people, place.ledger, place.database, _ZONE, _now)


def _now() -> datetime:
    return datetime.now(UTC)


def _body(number: int, rng: Random) -> bytes:
    """100 track calls of about 360 bytes, as a server library sends them."""
    events = [
        {
            "type": "track",
            "event": f"Event {rng.randrange(50)}",
            "messageId": f"node-next-1795346473254-{number:08d}-{nth:04d}-caf851d3764b",
            "userId": f"user-{rng.randrange(20_000)}",
            "anonymousId": None,
            "timestamp": f"2026-11-22T11:{rng.randrange(60):02d}:13.254Z",
            "properties": {"x": rng.randrange(1000), "plan": "pro", "path": "/a/b"},
            "context": {
                "library": {"name": "@segment/analytics-node", "version": "3.1.0"},
                "groupId": f"acc{rng.randrange(500)}",
                "sessionId": str(rng.randrange(100_000)),
            },
            "integrations": {},
        }
        for nth in range(BODY_EVENTS)
    ]
    whole = {"batch": events, "sentAt": "2026-11-22T12:00:00.000Z", "writeKey": "W"}
    return json.dumps(whole, separators=(",", ":")).encode()


def _fill(log: SegmentLog, bodies: range) -> None:
    rng, done, left = Random(bodies.start), threading.Event(), len(bodies)

    def written(_: int | Exception) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    for number in bodies:
        log.submit(
            Batch(RECEIVED_US, "bench", "segment", "batch", BODY_EVENTS, (), "", "", _body(number, rng)), written
        )
    done.wait()


def run(scale: float = 1.0) -> list[Row]:
    bodies = max(20, int(EVENTS * scale) // BODY_EVENTS)
    events = bodies * BODY_EVENTS
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as place:
        _fill(place.log, range(bodies))
        way = route(place)
        wall, cpu = time.perf_counter(), time.process_time()
        done = settle_all(way)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        if done.stored != events:
            raise RuntimeError(f"{events} events went in, {done.stored} were stored")
        size = sum(Path(file).stat().st_size for day in place.lake.days() for file in place.lake.files(day))
        _fill(place.log, range(bodies, bodies + max(10, bodies // 10)))
        stages = _stages(place)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [*_plain(wall, cpu, events, size, stages, memory), *derived(scale)]


def derived(scale: float) -> list[Row]:
    """Settle events that have no sessions, with agents, places and the rules of a mapper."""
    bodies = max(20, int(EVENTS * scale) // BODY_EVENTS)
    events = bodies * BODY_EVENTS
    with tempfile.TemporaryDirectory() as folder:
        spill = Path(folder) / "spill"
        with opened(Path(folder), lambda database: _everything(database, spill), "web") as place:
            _fill_app(place.log, bodies)
            wall, cpu = time.perf_counter(), time.process_time()
            settle_all(route(place))
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            counts = place.ledger.counts()["bench"]
    if counts.stored != events or not counts.derived:
        raise RuntimeError(f"{events} events went in, {counts.stored} were stored and {counts.derived} derived")
    note = f"sessions, places, agents and {RULES} rules; 20,000 users; target 80,000"
    return [
        ("settle, all derived", events / wall, "events/s", note),
        ("settle, all derived, CPU", cpu / events * 1e6, "us/event", "all threads; target 25"),
        ("settle, derived rows", counts.derived / events, "rows/event", "matches, begins and ends of sessions"),
    ]


def _everything(database: Database, spill: Path) -> Sequence[Derivation]:
    rules = read_definitions(mapper_definitions(RULES, "p"))
    return (
        IdleSessions(SqlOpenSessions(database), idle_s=1800, wanted=lambda source, tag: True),
        Inference(Allowed()),
        FeatureMatches(lambda: (1, rules), temp_directory=spill),
    )


def _fill_app(log: SegmentLog, bodies: int) -> None:
    """Native events of a web app; 200 agents, and a place for each request."""
    rng, made = Random(1), mapper_events(min(bodies, BODIES_MADE) * BODY_EVENTS)
    agents = [f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{n}.0.0.0 "
              "Safari/537.36" for n in range(200)]  # fmt: skip
    for number in range(bodies):
        received = RECEIVED_US + number * BODY_US
        mine = [made[(number * BODY_EVENTS + nth) % len(made)] for nth in range(BODY_EVENTS)]
        texts = [json.dumps({**event, "event_id": f"{number}-{nth}", "user_agent": rng.choice(agents)})
                 for nth, event in enumerate(mine)]  # fmt: skip
        body = f'{{"events":[{",".join(texts)}]}}'.encode()
        place = f'{{"countryCode":"{rng.choice(("DE", "FR", "US"))}","continentCode":"EU"}}'
        log.append(Batch(received, "bench", "native", "batch", BODY_EVENTS, (), "", "", body, place))


def _plain(wall: float, cpu: float, events: int, size: int, stages: list[Row], memory: float) -> list[Row]:
    return [
        ("settle", events / wall, "events/s", "log to lake, synced; 20,000 users, 36 KB bodies; target 200,000"),
        ("settle, CPU", cpu / events * 1e6, "us/event", "all threads"),
        *stages,
        ("settle, on disk", size / events, "bytes/event", "before compaction"),
        ("settle, memory", memory, "MB", "peak of the whole process"),
    ]


def _stages(place: Place) -> list[Row]:
    """CPU of each step, per event, one range at a time without overlap."""
    spent = dict.fromkeys(("read the log", "shape", "store", "rows", "lake"), 0.0)
    events, position = 0, place.lake.position()

    def timed(stage: str, began: float) -> float:
        spent[stage] += time.process_time() - began
        return time.process_time()

    while True:
        clock = time.process_time()
        entries = list(place.log.read(position, RANGE_BYTES))
        if not entries:
            break
        clock = timed("read the log", clock)
        shape = place.shaper.shape(entries)
        clock = timed("shape", clock)
        with place.database.transaction():
            keys = place.people.keys(shape)
            place.people.learn(shape.facts, _ZONE)
            place.ledger.settled(position, entries[-1].next, shape, _now())
        clock = timed("store", clock)
        rows = shape.rows(keys, place.lake.next_seq())
        clock = timed("rows", clock)
        place.lake.append(rows, entries[-1].next)
        timed("lake", clock)
        position, events = entries[-1].next, events + rows.num_rows
    return [(f"settle, {stage}", seconds / events * 1e6, "us/event", "CPU") for stage, seconds in spent.items()]
