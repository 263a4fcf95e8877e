"""People on SQLite: a million users with 30 attributes, changed ones learned, all of them read, a rule defined late.

CPU of one process; nothing else runs in it. The same users every time.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Final
from uuid import UUID

import pyarrow as pa

from footfall.config import load_zone
from footfall.model.attribute_definitions import usual
from footfall.stores.attributes import SqlAttributes
from footfall.stores.database import Database
from footfall.stores.people import SqlPeople

Row = tuple[str, float, str, str]

USERS: Final = 1_000_000
CHANGED: Final = 100_000
BATCH: Final = 20_000
DAY_US: Final = 86_400_000_000
START_US: Final = 1_795_348_800_000_000  # 2026-11-22T12:00Z
TODAY: Final = date(2026, 11, 23)
_ZONE = load_zone("Europe/Berlin")
_NOW: Final = datetime(2026, 11, 24, tzinfo=UTC)
RULES: Final = (
    usual("user", "plan", merge="first"),
    usual("user", "score", merge="max"),
    usual("user", "calls", "NUMBER", merge="count"),
    usual("user", "tags", "SET", capacity=20),
    usual("user", "email", is_identifier=True),
)


def _attributes(number: int, rng: Random) -> str:
    known: dict[str, object] = {
        "email": f"user-{number}@example.com",
        "firstName": f"First{number % 1000}",
        "lastName": f"Last{number % 5000}",
        "plan": rng.choice(("free", "pro", "team")),
        "score": rng.randrange(1000),
        "calls": rng.randrange(50),
        "tags": rng.choice(("a", "b", "c", "d")),
    }
    known |= {
        f"custom{nth}": rng.choice((True, rng.randrange(10_000), f"value {rng.randrange(100)}")) for nth in range(23)
    }
    return json.dumps(known, separators=(",", ":"))


def _facts(numbers: range, at_us: int, seed: str) -> pa.Table:
    rng = Random(seed)
    count = len(numbers)
    return pa.table(
        {
            "at": pa.array(range(at_us, at_us + count), pa.timestamp("us", "UTC")),
            "kind": pa.array(["user"] * count),
            "user": pa.array([f"user-{number}" for number in numbers]),
            "other": pa.nulls(count, pa.string()),
            "attributes": pa.array([_attributes(number, rng) for number in numbers]),
            "source": pa.array(["bench"] * count),
            "event_id": pa.array([f"{seed}-{number:012}-4a6f-9c1d-5b8e" for number in numbers]),
        }
    )


def _batches(users: int, at_us: int, seed: str) -> Iterator[pa.Table]:
    for start in range(0, users, BATCH):
        yield _facts(range(start, min(start + BATCH, users)), at_us + start, f"{seed}{start}")


def _learn(database: Database, people: SqlPeople, batches: Iterator[pa.Table]) -> tuple[float, float, int]:
    """(CPU, wall, users) of learning, each batch in a transaction of its own; making the facts is not in it."""
    cpu = wall = 0.0
    users = 0
    for facts in batches:
        began, clock = time.process_time(), time.perf_counter()
        with database.transaction():
            people.learn(facts, _ZONE)
        cpu, wall = cpu + time.process_time() - began, wall + time.perf_counter() - clock
        users += facts.num_rows
    return cpu, wall, users


def _read(people: SqlPeople) -> tuple[float, int]:
    began = time.process_time()
    users = sum(batch.num_rows for batch in people.users(TODAY))
    return time.process_time() - began, users


def run(scale: float = 1.0) -> list[Row]:
    users = max(2_000, int(USERS * scale))
    changed = min(users, max(2_000, int(CHANGED * scale)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        database = Database.open(path)
        people, attributes = SqlPeople(database, UUID(int=1), _ZONE), SqlAttributes(database, _ZONE)
        made, _, _ = _learn(database, people, _batches(users, START_US - DAY_US, "new"))
        database.fold()
        size = path.stat().st_size
        plain, plain_wall, _ = _learn(database, people, _batches(changed, START_US, "plain"))
        read, _ = _read(people)
        began = time.process_time()
        for definition in RULES[:1]:
            attributes.define(definition, _NOW)
        first = time.process_time() - began
        for definition in RULES[1:]:
            attributes.define(definition, _NOW)
        ruled, ruled_wall, _ = _learn(database, people, _batches(changed, START_US + DAY_US // 2, "ruled"))
        read_ruled, _ = _read(people)
        began = time.process_time()
        merges = people.merges().num_rows
        resolved = time.process_time() - began
        database.close()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    about = f"{users:,} users with 30 attributes, batches of {BATCH:,}"
    return [
        ("people, new", users / made, "profiles/s CPU", about),
        ("people, on disk", size / users, "bytes/user", "one day, folded"),
        ("people, changed", changed / plain, "profiles/s CPU",
         f"{changed:,} of them; {changed / plain_wall:,.0f} on the wall; target 10,000"),
        ("people, changed, rules", changed / ruled, "profiles/s CPU",
         f"first, max, count, set, an identifier; {changed / ruled_wall:,.0f} on the wall"),
        ("people, read", users / read, "users/s CPU", "all of them as of a day"),
        ("people, read, rules", users / read_ruled, "users/s CPU", "the same with rules and an identifier"),
        ("people, identities", resolved, "s CPU", f"who is who among all of them: {merges:,} merged"),
        ("people, a first rule", first, "s CPU", "defined late: made anew for all of them"),
        ("people, memory", memory, "MB", "peak of the whole process"),
    ]  # fmt: skip
