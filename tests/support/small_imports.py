"""Imports over a whole Footfall: small files of rows, and a hub whose clock is turned by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from pathlib import Path
from typing import Any

from pysequoia import Tsk

from footfall.codecs.openpgp import OpenPgp
from footfall.codecs.openpgp_keys import check_certificate
from footfall.codecs.zstd_frame import ZstdFrame
from footfall.config import load_settings
from footfall.model.jobs import Job
from footfall.model.schedules import Schedule
from footfall.wiring import Footfall
from footfall.wiring.import_settings import settings_of
from footfall.wiring.jobs import add_job, runner_of

DAY = date(2026, 11, 20)


@dataclass
class Turned:
    """A clock that is turned by hand."""

    now: datetime = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def opened(data: Path, clock: Turned | None = None) -> Footfall:
    environment = {"FOOTFALL_TIME_ZONE": "UTC", "FOOTFALL_ALLOW_PRIVATE_ENDPOINTS": "true"}
    return Footfall.open(load_settings(data=data, environment=environment), clock=clock or Turned())


def rows(*numbers: int, day: date = DAY) -> bytes:
    return b"id,at,who\n" + b"".join(b"%d,%sT10:00:00Z,user-%d\n" % (n, str(day).encode(), n) for n in numbers)


def silent(step: str, done: int, total: int | None, unit: str) -> None:
    """Nobody watches."""


def settings(file: str = "crm.csv", **more: Any) -> Any:
    return settings_of({"stream": "crm", "format": "csv", "file": file, "timestamp": "at", **more}, what="this import")


def stored(hub: Footfall, day: date = DAY) -> int:
    return hub.lake.days().get(day, 0)


def import_job(hub: Footfall, place: Path | str, **options: Any) -> Job:
    schedule = options.pop("schedule", None) or Schedule("daily", hub.zone, at=wall_time(4))
    authorization = options.pop("authorization", "")
    told = {"stream": "crm", "format": "csv", "timestamp": "at", **options}
    now = hub.clock()
    return add_job(hub, Job("crm", "import", str(place), schedule, now, now, options=told, authorization=authorization))


def run_due(hub: Footfall) -> list[tuple[str, int, int]]:
    """(state, files, rows) of the runs that this look brings, oldest first."""
    before, runner = len(hub.jobs.runs("crm", 1000)), runner_of(hub)
    while runner.once():
        pass
    new = hub.jobs.runs("crm", 1000)[: len(hub.jobs.runs("crm", 1000)) - before]
    return [(run.state, run.files, run.rows) for run in reversed(new)]


def sealed_for(key: Tsk) -> OpenPgp:
    at = datetime.now(UTC) + timedelta(hours=1)
    return OpenPgp(ZstdFrame(), [check_certificate(bytes(key.extract_certificate()), at)])
