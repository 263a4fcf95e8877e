"""A data directory with everything that settle needs, opened; real parts only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from footfall.config import load_zone
from footfall.engines.shaping import DuckShaper
from footfall.flows import settle
from footfall.lakes.delta import DeltaLake
from footfall.logs.segments import SegmentLog
from footfall.ports import Batch, Derivation
from footfall.stores.database import Database
from footfall.stores.ledger import SqlLedger
from footfall.stores.people import SqlPeople
from footfall.wire import native, segment

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000
ZONE = load_zone("Europe/Berlin")
DIALECTS = {"segment": segment, "native": native}


@dataclass
class Place:
    """A data directory, opened."""

    log: SegmentLog
    shaper: DuckShaper
    lake: DeltaLake
    people: SqlPeople
    ledger: SqlLedger
    database: Database

    def send(self, body, *, dialect="segment", call="batch", source="app"):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        reading = DIALECTS[dialect].read(text, call)
        self.log.append(Batch(NOW_US, source, dialect, call, reading.count, reading.rejected, "", "", reading.body))
        return reading

    def settle(self, **how):
        route = settle.Route(
            self.log, self.shaper, self.lake, self.people, self.ledger, self.database, ZONE, lambda: NOW
        )
        return settle.settle_all(route, **how)

    def stored(self) -> pa.Table:
        files = [file for day in self.lake.days() for file in self.lake.files(day)]
        tables = [pq.read_table(file, partitioning=None) for file in files]
        return (
            pa.concat_tables(tables).sort_by("ingest_seq") if tables else pa.table({"event_id": [], "ingest_seq": []})
        )

    def ids(self) -> list[str]:
        return self.stored()["event_id"].to_pylist()


@contextmanager
def opened(
    folder: Path,
    *,
    segment_bytes: int = 64 << 20,
    derivations: Callable[[Database], Sequence[Derivation]] = lambda database: (),
) -> Iterator[Place]:
    with ExitStack() as stack:
        folder.mkdir(exist_ok=True)
        log = SegmentLog(folder / "log", segment_bytes=segment_bytes)
        stack.callback(log.close)
        database = Database.open(folder / "footfall.db")
        stack.callback(database.close)
        defaults = ("shop", "Production", "web")
        shaper = DuckShaper(
            ZONE, lambda source: defaults, temp_directory=folder / "tmp", derivations=derivations(database)
        )
        stack.callback(shaper.close)
        place = Place(
            log,
            shaper,
            DeltaLake(folder / "lake", clock=lambda: NOW),
            SqlPeople(database, UUID(int=1), ZONE),
            SqlLedger(database),
            database,
        )
        settle.remember(place.shaper, place.lake, place.people)
        yield place
