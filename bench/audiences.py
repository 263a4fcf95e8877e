"""Fifty audiences over a million users with 30 attributes and a month of events, all at once and one by one.

Users come as they are read from the store, as batches (what reading them costs is in ``people``); what they did lies in
usage files, as it does after the days were added up. The same users every time; CPU of this process.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from footfall.engines.database import Limits
from footfall.engines.membership import DuckMembership
from footfall.model.audience_text import read
from footfall.model.audiences import Audience
from footfall.ports import AudienceInput, Population

Row = tuple[str, float, str, str]

USERS: Final = 1_000_000
AUDIENCES: Final = 50
DAYS: Final = 30
DONE_A_DAY: Final = 200_000  # rows of a usage file
BATCH: Final = 50_000
TODAY: Final = date(2026, 11, 23)
NOW: Final = datetime(2026, 11, 23, 20, tzinfo=UTC)
NAMES: Final = ("export", "search", "invite", "share", "report")
CUSTOM: Final = (
    ("tier", "STRING"), ("seats", "NUMBER"), ("vip", "BOOLEAN"), ("renewal", "DATE_TIME"), ("tags", "STRING"),
    *((f"custom{n}", "STRING") for n in range(20)),
)  # fmt: skip
_AT: Final = pa.timestamp("us", "UTC")
_USERS: Final = pa.schema(
    [
        ("user_key", pa.int32()), ("uid", pa.string()), ("identify_id", pa.string()), ("created_at", _AT),
        ("sign_up_at", _AT), ("modified_at", _AT), ("deleted", pa.bool_()), ("account_key", pa.int32()),
        ("attributes", pa.string()),
    ]
)  # fmt: skip
_USAGE: Final = pa.schema(
    [
        ("day", pa.date32()), ("user_key", pa.int32()), ("type", pa.int16()), ("name", pa.int32()),
        ("detail", pa.int32()), ("question", pa.string()), ("n", pa.int64()), ("first_at", pa.int64()),
        ("last_at", pa.int64()), ("scored", pa.struct([("at", pa.int64()), ("value", pa.float64())])),
        ("answered", pa.struct([("at", pa.int64()), ("value", pa.string())])),
    ]
)  # fmt: skip


def rules(count: int) -> Iterator[str]:
    """Rules of every kind, no two alike."""
    for n in range(count):
        name, other = NAMES[n % 5], NAMES[(n + 2) % 5]
        yield (
            f"AND(tier = t{n % 4}, seats > {n * 10})",
            f'AND(EXISTS email, email LIKE "*{n}@example.com", NOT vip = true)',
            f"COUNT(feature {name} WITHIN {1 + n % 30}d) >= {1 + n % 3}",
            f'OR(LAST(feature {name}) < "now-{n % 20}d", COUNT(feature {other}) = 0)',
            f"account.plan IN (p{n % 3}, p9) AND tags CONTAINS tag{n % 7} AND renewal > now",
            f"AND(INCLUDE a{n - 5}, custom{n % 20} != v{n % 10}, seats BETWEEN 5 AND {50 + n})",
        )[n % 6 if n >= 6 else n % 5]


def run(scale: float) -> list[Row]:
    """Rows of (name, value, unit, note)."""
    users = max(2_000, int(USERS * scale))
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        folder = Path(name)
        _write_users(folder / "users.parquet", users)
        usage = {TODAY - timedelta(days=n): _write_usage(folder, TODAY - timedelta(days=n), users) for n in range(DAYS)}
        people = _population(folder / "users.parquet", usage)
        engine = DuckMembership(folder / "spill", Limits(memory_mb=256, threads=2))
        audiences = [Audience(f"a{n}", read(rule)) for n, rule in enumerate(rules(AUDIENCES))]
        together, wall, members = _counted(engine, audiences, people)
        alone = sum(_counted(engine, [audience], people)[0] for audience in audiences[:5]) / 5 * AUDIENCES
    shown = f"{users:,} users, {members:,} memberships"
    return [
        (f"{AUDIENCES} audiences at once", together, "s CPU", shown),
        (f"{AUDIENCES} audiences at once, wall", wall, "s", "2 threads, 256 MB"),
        (f"{AUDIENCES} audiences one by one", alone, "s CPU", f"of 5; {alone / together:.1f}x of at once"),
    ]


def _counted(engine: DuckMembership, audiences: Sequence[Audience], people: Population) -> tuple[float, float, int]:
    """(CPU, wall, memberships) of one look."""
    began, clock = time.process_time(), time.perf_counter()
    with engine.open(audiences, people) as opened:
        if opened.faults:
            raise RuntimeError(f"wrong rules: {opened.faults}")
        members = sum(opened.counts().values())
    return time.process_time() - began, time.perf_counter() - clock, members


def _population(users: Path, usage: dict[date, str]) -> Population:
    keys = pa.table({"key": pa.array([], pa.int32()), "text": pa.array([], pa.string())})
    names = pa.table({"key": pa.array(range(1, 6), pa.int32()), "text": pa.array(NAMES)})
    accounts = pa.table({"key": pa.array(range(1, 1001), pa.int32()), "text": [f"account-{n}" for n in range(1000)]})
    pairs = {"anonymous_key": pa.int32(), "user_key": pa.int32(), "at": _AT}
    merges = pa.schema([("user_key", pa.int32()), ("into_key", pa.int32())]).empty_table()
    texts = {"terms": names, "accounts": accounts}

    def batches() -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(_USERS, pq.ParquetFile(users).iter_batches(BATCH))

    given = AudienceInput(
        end=NOW, users=batches, custom_attributes=CUSTOM, links=pa.schema(list(pairs.items())).empty_table,
        merges=lambda: merges, texts=lambda dimension: texts.get(dimension, keys), activity=dict,
    )  # fmt: skip
    return Population(
        now=NOW, day=TODAY, people=given, accounts=_accounts, account_attributes=(), usage=lambda: usage,
        listed=lambda name: pa.array([], pa.string()), filtered=lambda wanted: {},
    )  # fmt: skip


def _accounts() -> pa.RecordBatchReader:
    rows = [
        {"account_key": n + 1, "account_id": f"account-{n}", "created_at": NOW, "modified_at": NOW, "deleted": False,
         "attributes": json.dumps({"plan": f"p{n % 5}"})}
        for n in range(1000)
    ]  # fmt: skip
    kinds = [("account_key", pa.int32()), ("account_id", pa.string()), ("created_at", _AT), ("modified_at", _AT),
             ("deleted", pa.bool_()), ("attributes", pa.string())]  # fmt: skip
    return pa.Table.from_pylist(rows, pa.schema(kinds)).to_reader()


def _write_users(path: Path, users: int) -> None:
    rng = Random("users")
    with pq.ParquetWriter(path, _USERS) as writer:
        for start in range(0, users, BATCH):
            numbers = range(start, min(start + BATCH, users))
            columns = [
                pa.array(numbers, pa.int32()),
                pa.array([f"uid-{n:08}" for n in numbers]),
                pa.array([f"user-{n:08}" for n in numbers]),
                *(pa.array([NOW] * len(numbers), _AT) for _ in range(3)),
                pa.array([False] * len(numbers)),
                pa.array([1 + n % 1000 for n in numbers], pa.int32()),
                pa.array([_attributes(n, rng) for n in numbers]),
            ]
            writer.write_batch(pa.record_batch(columns, schema=_USERS))


def _attributes(number: int, rng: Random) -> str:
    known: dict[str, object] = {
        "email": f"user-{number}@example.com", "firstName": f"First{number % 1000}", "lastName": f"Last{number % 500}",
        "score": rng.randrange(100), "phone": "030 123456", "tier": f"t{rng.randrange(5)}",
        "seats": rng.randrange(1000), "vip": rng.random() < 0.1,
        "renewal": f"2026-12-{1 + number % 28:02}T00:00:00.000Z", "tags": json.dumps([f"tag{rng.randrange(9)}", "all"]),
    }  # fmt: skip
    known |= {f"custom{n}": f"v{rng.randrange(10)}" for n in range(20)}
    return json.dumps(known, separators=(",", ":"))


def _write_usage(folder: Path, day: date, users: int) -> str:
    rng = Random(day.isoformat())
    rows = min(users, DONE_A_DAY)
    at = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000
    columns: dict[str, pa.Array] = {
        "day": pa.array([day] * rows, pa.date32()),
        "user_key": pa.array((rng.randrange(users) for _ in range(rows)), pa.int32()),
        "type": pa.array([12] * rows, pa.int16()),
        "name": pa.array((rng.randrange(1, 6) for _ in range(rows)), pa.int32()),
        "n": pa.array((rng.randrange(1, 5) for _ in range(rows)), pa.int64()),
        "first_at": pa.array([at] * rows, pa.int64()),
        "last_at": pa.array([at + 1] * rows, pa.int64()),
    }
    arrays = [columns.get(each.name, pa.nulls(rows, each.type)) for each in _USAGE]
    path = folder / f"{day}.parquet"
    table = pa.table(arrays, schema=_USAGE).sort_by([("name", "ascending"), ("user_key", "ascending")])
    pq.write_table(table, path, compression="zstd", row_group_size=20_480)
    return str(path)
