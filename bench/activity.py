"""The activity export: raw events as CSV to a folder and to an S3 server, beside copies of the same bytes.

The events are settled as clients sent them, up to ``SETTLED``; beyond that the same ones come again with ids of their
own. Every contestant runs in a process of its own; its memory and CPU are what the kernel says of that process, and of
no server. ``SCALE=5`` makes 10 GB of text.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from importlib import import_module
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from bench.generate import batches
from bench.processes import Spent, measured
from bench.settle import Place, opened, route

Row = tuple[str, float, str, str]

EVENTS: Final = 10_000_000
SETTLED: Final = 2_000_000
TEXT_BYTES: Final = 220  # of an event, rounded up
AWSCLI: Final = "awscli==1.46.3"
S3FS: Final = "s3fs==2026.9.0"
COPY: Final = Path(__file__).with_name("duckdb_copy.py")
BUCKET: Final = "bench"
# Lake, the text in a folder, the text at the server, and what is being written.
NEEDED: Final = 4
PEOPLE: Final = ("users", "visitors", "accounts")


def run(scale: float) -> list[Row]:
    """Rows of (name, value, unit, note)."""
    events = max(4_000, int(EVENTS * scale))
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        folder = Path(name)
        needed, free = NEEDED * TEXT_BYTES * events, shutil.disk_usage(folder).free
        if free < needed:
            raise RuntimeError(f"activity needs {needed / 1e9:.0f} GB of free disk, there are {free / 1e9:.0f}")
        # Not in this process: a new one begins with the peak of the one that starts it.
        measured([sys.executable, "-m", "bench.activity", "make", str(folder / "hub"), str(events)])
        text = folder / "text"
        rows, plain = [], _ours(folder, "none", str(text))
        (file,) = text.glob("*.csv")
        size = file.stat().st_size
        rows += _told("activity, no compression, to a folder", plain, size, f"{events:,} events, {size / 1e6:,.0f} MB")
        for compression in ("gzip", "zstd"):
            spent = _ours(folder, compression, str(folder / compression))
            rows += _told(f"activity, {compression}, to a folder", spent, size)
            shutil.rmtree(folder / compression)
        rows += _to_server(folder, file, size)
        copied = measured([sys.executable, str(COPY), str(folder / "hub"), str(file)])
        rows += _told("DuckDB COPY to a folder", copied, size, "its columns known beforehand, in no order")
        return rows


def _told(what: str, spent: Spent, size: int, note: str = "") -> list[Row]:
    said = f"{spent.cpu_s:.1f} s CPU, {spent.rss_mb:.0f} MB" + (f", {note}" if note else "")
    return [(what, size / 1e6 / spent.wall_s, "MB/s", said)]


def _to_server(folder: Path, file: Path, size: int) -> list[Row]:
    """Ours and the copiers, each to a server that is empty."""
    rows: list[Row] = []
    for compression in ("none", "gzip", "zstd"):
        with _server() as endpoint:
            spent = _ours(folder, compression, f"s3://{BUCKET}/out", endpoint)
        name = "no compression" if compression == "none" else compression
        rows += _told(f"activity, {name}, to SeaweedFS", spent, size, "target: 100 MB/s, 512 MB")
    copier, command = _copier(folder)
    with _server() as endpoint:
        rows += _told(f"{copier} of the same bytes", measured([*command, str(file), endpoint]), size)
    if (python := _with(folder / "s3fs", S3FS, f"duckdb=={version('duckdb')}")) is not None:
        with _server() as endpoint:
            to = [f"s3://{BUCKET}/duckdb.csv", endpoint]
            copied = measured([str(python), str(COPY), str(folder / "hub"), str(file), *to])
        rows += _told("DuckDB COPY to SeaweedFS", copied, size, f"through {S3FS}: no httpfs for DuckDB 2.0 on PyPI")
    return rows


# --- processes -----------------------------------------------------------------------------------------------------


def _ours(folder: Path, compression: str, url: str, endpoint: str = "") -> Spent:
    return measured(
        [sys.executable, "-m", "bench.activity", "ours", str(folder / "hub"), compression, url, endpoint]
    )  # fmt: skip


@contextmanager
def _server() -> Iterator[str]:
    """A SeaweedFS with an empty bucket; its address. Its keys are in the environment meanwhile."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
    weed = import_module("weed")
    server = weed.SeaweedFS()
    try:
        server.bucket(BUCKET)
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
        os.environ.update(zip(names, (*weed.ADMIN, "us-east-1"), strict=True))
        yield server.url
    finally:
        server.stop()


def _copier(folder: Path) -> tuple[str, list[str]]:
    """Its name, and the command before file and endpoint: ``aws s3 cp`` where it can be installed, else boto3."""
    python = _with(folder / "aws", AWSCLI)
    if python is None:
        return "boto3 upload_file", [sys.executable, "-m", "bench.activity", "upload"]
    script = f'exec {python.parent}/aws s3 cp --only-show-errors "$0" s3://{BUCKET}/copy.csv --endpoint-url "$1"'
    return f"aws s3 cp ({AWSCLI})", ["sh", "-c", script]


def _with(home: Path, *packages: str) -> Path | None:
    """The interpreter of a new virtual environment with these packages; None where they cannot be installed."""
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "-q", *packages]
    return None if subprocess.run(install, stdout=sys.stderr, check=False).returncode else python


# --- contestants ---------------------------------------------------------------------------------------------------


def ours(hub: str, compression: str, url: str, endpoint: str) -> None:
    """The export as a job runs it, digests and manifest included."""
    from footfall.buckets.places import open_place
    from footfall.config import load_zone
    from footfall.engines.activity import ActivityText
    from footfall.engines.database import Limits
    from footfall.engines.fields import Joining
    from footfall.flows.export_activity import Outlet, WindowJob, deliver_windows
    from footfall.formats.csv_rows import CsvRows
    from footfall.lakes.delta import DeltaLake
    from footfall.model.window_manifest import ACTIVITY
    from footfall.model.windows import Window
    from footfall.ports import EventSelection
    from footfall.stores.database import Database
    from footfall.stores.people import SqlPeople
    from footfall.stores.windows import SqlWindows
    from footfall.wiring.codecs import encoder

    at = datetime.now(UTC)
    lake = DeltaLake(Path(hub) / "lake", clock=lambda: at)
    with closing(Database.open(Path(hub) / "footfall.db")) as database:
        people = SqlPeople(database, UUID(int=1), load_zone("Europe/Berlin"))

        def read(window: Window) -> ActivityText:
            spans = lake.spans(window.from_seq, window.to_seq)
            wanted = EventSelection(spans, window.from_seq, window.to_seq)
            spill = Path(hub) / "spill"
            return ActivityText(spill, Limits(), wanted, people.texts, CsvRows(), header=True, joining=Joining())

        job = WindowJob(f"{compression} {url} {endpoint}", ACTIVITY, "csv", "csv", lambda window: "activity")
        to = Outlet(open_place(url, endpoint_url=endpoint or None), encoder(compression, at=at), "bench")
        for _ in deliver_windows(job, to, windows=SqlWindows(database), read=read, end=lake.next_seq(), at=at):
            pass


def upload(file: str, endpoint: str) -> None:
    """The same bytes by the library that everybody uses."""
    import_module("boto3").client("s3", endpoint_url=endpoint).upload_file(file, BUCKET, "copy.csv")


# --- the events ----------------------------------------------------------------------------------------------------


def make(folder: str, count: str) -> None:
    """Settle a data directory of so many events."""
    import pyarrow.parquet as pq

    from footfall.flows.settle import settle_all

    hub, events = Path(folder), int(count)
    hub.mkdir()
    settled = min(events // 2, SETTLED)
    half = settled // 2
    with opened(hub) as place:
        _log(place, chain(batches(half, dialect="segment"), batches(settled - half, dialect="native", seed=2)))
        settle_all(route(place))
        shutil.rmtree(hub / "log")
        _repeat(place, settled, events)
        for name in ("terms", *PEOPLE):
            pq.write_table(place.people.texts(name), hub / f"{name}.parquet")


def _log(place: Place, given: Iterator[Any]) -> None:
    from threading import Semaphore

    room = Semaphore(1_000)
    for batch in given:
        room.acquire()
        place.log.submit(batch, lambda _: room.release())
    for _ in range(1_000):
        room.acquire()


def _repeat(place: Place, settled: int, events: int) -> None:
    """Append the first events again with other ids, a file at a time, until there are ``events``."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    spans = place.lake.spans(1, settled + 1)
    turn, position, left = 0, place.lake.position(), events - settled
    while left:
        turn += 1
        for span in spans:
            rows = pq.read_table(span.path, partitioning=None).slice(0, left)
            left -= len(rows)
            ids = pc.binary_join_element_wise(rows["event_id"].cast(pa.string()), str(turn), "-")
            rows = rows.set_column(rows.column_names.index("event_id"), "event_id", ids)
            numbers = pc.add(pa.arange(0, len(rows)), place.lake.next_seq())
            rows = rows.set_column(rows.column_names.index("ingest_seq"), "ingest_seq", numbers)
            day = date.fromisoformat(Path(span.path).parent.name.removeprefix("day="))
            position += 1
            place.lake.append(rows.append_column("day", pa.array([day] * len(rows), pa.date32())), position)


if __name__ == "__main__":
    _CONTESTANTS: dict[str, Callable[..., None]] = {"make": make, "ours": ours, "upload": upload}
    _CONTESTANTS[sys.argv[1]](*sys.argv[2:])
