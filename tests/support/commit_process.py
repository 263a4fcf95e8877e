"""Commits to the control store and to the lake on a lossy disk, and notes each commit: ``commit_process.py DISK``."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from power import note

from footfall.lakes import delta
from footfall.lakes.delta import DeltaLake
from footfall.lakes.parts import TABLE_SCHEMA
from footfall.model.event import EventType
from footfall.stores.database import Database
from footfall.stores.windows import SqlWindows

JOB = "job"
DAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STORE_COMMITS = 8
LAKE_COMMITS = 4


def rows(number: int) -> pa.Table:
    """One event of each of two days."""
    events = [
        {"day": DAY + timedelta(days=n), "ingest_seq": 2 * number + n, "type": EventType.CLICK, "occurred_at": NOW,
         "received_at": NOW, "source": 1, "event_id": f"e{2 * number + n}", "product": 2}
        for n in range(2)
    ]  # fmt: skip
    return pa.Table.from_pylist(events, TABLE_SCHEMA)


def store(disk: Path) -> None:
    for life in range(2):
        database = Database.open(disk / "footfall.db")
        windows = SqlWindows(database)
        for number in range(life * STORE_COMMITS + 1, (life + 1) * STORE_COMMITS + 1):
            windows.close(windows.fix(JOB, number + 1, NOW, f"mark-{number}"))
            note(disk, f"store-{number}")
            if number % 6 == 0:
                database.fold()
        database.close()


def lake(disk: Path) -> None:
    delta.CHECKPOINT_EVERY = 3
    for life in range(2):
        lake = DeltaLake(disk / "lake", clock=lambda: NOW)
        for number in range(life * LAKE_COMMITS + 1, (life + 1) * LAKE_COMMITS + 1):
            lake.append(rows(number), number)
            note(disk, f"lake-{number}")
            if number % 3 == 0:
                lake.compact(DAY)


if __name__ == "__main__":
    {"store": store, "lake": lake}[sys.argv[2]](Path(sys.argv[1]))
