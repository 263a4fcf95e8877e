"""A Footfall of real parts without a server: events go into the log, are settled, days are closed and delivered."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from new_store import open_store

from footfall.codecs.gzip_member import GzipMember
from footfall.codecs.plain import Plain
from footfall.engines.database import Limits
from footfall.engines.day import DuckDBEngine
from footfall.engines.shaping import DuckShaper
from footfall.flows.close_day import Books, close_day, open_day
from footfall.flows.export import Delivery, Destination, export_day
from footfall.flows.settle import Route, settle_all
from footfall.flows.verify import Finding, examine
from footfall.formats.csv_rows import CsvRows
from footfall.formats.json_lines import JsonLines
from footfall.formats.parquet_rows import ParquetRows
from footfall.formats.xml_rows import XmlRows
from footfall.lakes.delta import DeltaLake
from footfall.logs.segments import SegmentLog
from footfall.model.days import Zone
from footfall.model.key_templates import ROLLUPS, KeyTemplate
from footfall.model.reports import Report, by_name, catalogue
from footfall.ports import Batch, Bucket, Codec, DayState, OpenDay
from footfall.stores.catalogue import SqlCatalogue
from footfall.stores.ledger import SqlLedger
from footfall.stores.people import SqlPeople

CODECS: dict[str, Codec] = {"gzip": GzipMember(), "none": Plain()}
FORMATS = {"csv": CsvRows(), "json": JsonLines(), "xml": XmlRows()}
PARQUET = ParquetRows()
# Reports with rows for the events below, and one that stays empty.
SOME = (
    "Users",
    "Accounts",
    "User_Event_Rollups",
    "Account_Event_Rollups",
    "User_Custom_Event_Rollups",
    "Feedback_Responses",
)


def zone(name: str) -> Zone:
    with importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return Zone(name, ZoneInfo.from_file(file, key=name), "2026.6")


def day_of_events(day: date, users: int = 3, views: int = 4, mark: str = "") -> list[dict[str, object]]:
    """Some users of two accounts look at pages and do something, in the afternoon of ``day`` UTC."""
    events: list[dict[str, object]] = []
    for user in range(users):
        about = {"userId": f"user-{user}", "timestamp": f"{day}T15:{user % 60:02d}:00Z"}
        account = {"groupId": f"account-{user % 2}"}
        events.append({**about, **account, "type": "group", "messageId": f"{day}-g-{user}{mark}", "traits": {}})
        events.append({**about, "type": "identify", "messageId": f"{day}-i-{user}{mark}", "traits": {"plan": 'é,"<'}})
        for view in range(views):
            events.append({**about, "type": "page", "messageId": f"{day}-p-{user}-{view}{mark}"})
        events.append({**about, "type": "track", "event": "Order\nplaced", "messageId": f"{day}-t-{user}{mark}"})
    return events


class SmallHub:
    """now: what its clock says."""

    def __init__(self, folder: Path, zone_name: str = "America/New_York") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.now = datetime(2026, 12, 1, 12, tzinfo=UTC)
        self.zone = zone(zone_name)
        self.database = open_store(folder / "store.db")
        self.ledger = SqlLedger(self.database)
        self.people = SqlPeople(self.database, UUID(int=7), self.zone)
        self.lake = DeltaLake(folder / "lake", clock=lambda: self.now)
        self.log = SegmentLog(folder / "log", reserve_bytes=0)
        self._settle_folder = folder / "settle"
        self.books = Books(
            lake=self.lake,
            engine=DuckDBEngine(folder / "spill", Limits(memory_mb=256, threads=2)),
            people=self.people,
            catalogue=SqlCatalogue(self.database),
            ledger=self.ledger,
            zone=self.zone,
            activity_dir=folder / "activity",
        )

    @cached_property
    def shaper(self) -> DuckShaper:
        """Made when something is settled: it takes longer to start than all the rest."""
        return DuckShaper(
            self.zone, lambda _: ("default", "Production", "web"), temp_directory=self._settle_folder, recent=10_000
        )

    def close(self) -> None:
        self.log.close()
        self.books.engine.close()
        if "shaper" in self.__dict__:
            self.shaper.close()
        self.database.close()

    def accept(self, events: Sequence[Mapping[str, object]]) -> None:
        body = json.dumps({"batch": events}).encode()
        received = int(self.now.timestamp() * 1_000_000)
        self.log.append(Batch(received, "web", "segment", "batch", len(events), (), "", "", body))

    def accept_native(self, events: Iterable[Mapping[str, object]]) -> None:
        given = list(events)
        body = json.dumps({"events": given}).encode()
        received = int(self.now.timestamp() * 1_000_000)
        self.log.append(Batch(received, "web", "native", "events", len(given), (), "", "", body))

    def settle(self) -> None:
        settle_all(
            Route(
                self.log, self.shaper, self.lake, self.people, self.ledger, self.database, self.zone, lambda: self.now
            )
        )

    def close_day(self, day: date, *, unfinished: bool = False) -> DayState:
        return close_day(self.books, day, log_end=self.log.end(), now=self.now, unfinished=unfinished)

    def open_day(self, day: date) -> OpenDay:
        return open_day(self.books, day)

    def export(
        self,
        day: date,
        bucket: Bucket,
        reports: Sequence[str] | None = SOME,
        *,
        version: str = "2.0",
        format: str = "csv",
        codec: str | Codec = "gzip",
        writer: str = "footfall test",
        key: str = "",
    ) -> list[Delivery]:
        chosen: list[Report] = list(catalogue(version)) if reports is None else [by_name(name) for name in reports]
        to = Destination(
            bucket,
            FORMATS.get(format, PARQUET),
            CODECS[codec] if isinstance(codec, str) else codec,
            version,
            writer,
            key=KeyTemplate.parse(key, ROLLUPS) if key else None,
        )
        return list(
            export_day(
                day, chosen, to, close=self.close_day, open_day=self.open_day, ledger=self.ledger, zone=self.zone
            )
        )


@contextmanager
def small_hub(folder: Path, zone_name: str = "America/New_York") -> Iterator[SmallHub]:
    hub = SmallHub(folder, zone_name)
    try:
        yield hub
    finally:
        hub.close()


def findings(bucket: Bucket) -> list[Finding]:
    return examine(bucket, CODECS).findings
