"""The whole way, once: a shop's half year through the real collector, closed, delivered, verified, told as a table."""

from __future__ import annotations

import json
import secrets
import shutil
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from footfall.client import Sent, send
from footfall.config import Settings, load_settings
from footfall.demo import shop
from footfall.errors import Damaged, Refused, Unavailable
from footfall.flows.export import Delivery
from footfall.ports import Progress
from footfall.terminal import Screen
from footfall.wiring import Footfall, serve, verify_place
from footfall.wiring.rollups import export_rollups

FOLDER: Final = Path("footfall-demo")
DAYS: Final = 14
VERSION: Final = "2.0"
READY_S: Final = 30.0


def _now() -> datetime:
    return datetime.now(UTC)


def run_demo(
    screen: Screen,
    out: Path | None,
    *,
    format: str,
    keep_serving: bool,
    folder: Path = FOLDER,
    rows: Sequence[shop.Row] | None = None,
) -> None:
    """Do all of it in ``folder``, replacing what an earlier demo left there; files go to ``out`` or ``folder/out``.

    rows: of the shop, all by default.
    keep_serving: at the end, run the server on the demo's data until it is told to stop.
    A second run gives the same files, byte for byte. Raises ``Conflict`` when ``out`` holds others of their names,
    ``Damaged`` when what was delivered does not verify.
    """
    began = time.monotonic()
    data, place = folder / "data", _place(out, folder)
    if data.exists():
        shutil.rmtree(data)
    with as_file(files("footfall.demo").joinpath("metadata.yaml")) as definitions:
        settings = load_settings(
            data=data, environment={}, time_zone=shop.TIME_ZONE, definitions=definitions,
            subscription_id=str(shop.SPACE), port=0, admin_port=0, write_key=f"demo_{secrets.token_urlsafe(18)}",
        )  # fmt: skip
        with screen.progress() as progress:
            sent = _send(settings, list(shop.rows()) if rows is None else rows, progress)
            delivered = _deliver(settings, place, format, progress)
            outcome = verify_place(str(place), None, progress)
        _tell(screen, delivered)
        for finding in outcome.findings:
            screen.warn(f"{finding.severity.upper()} {finding.key}: {finding.fault}")
        screen.say(
            f"{sent.accepted:,} events in, {len(sent.rejected):,} rejected; {outcome.files:,} files, "
            f"{outcome.rows:,} rows out; {outcome.manifests:,} manifests: {outcome.verdict}; "
            f"{time.monotonic() - began:.0f} s"
        )
        screen.say(f"Files: {place}   Data: {data}")
        if outcome.failed or sent.rejected:
            raise Damaged("the demo did not come out as it went in", "Please report what is printed above")
        if keep_serving:
            # With the key of the demo and the ports everyone expects.
            screen.say(f"Write key  {settings.write_key}")
            serve(replace(settings, port=Settings.port, admin_port=Settings.admin_port), _now, screen.say)


def _place(out: Path | None, folder: Path) -> Path:
    """Where the files go. Our own folder is made empty; in anybody else's nothing is replaced."""
    if out is None:
        place = folder / "out"
        if place.exists():
            shutil.rmtree(place)
        return place
    if out.exists() and not out.is_dir():
        raise Refused(f"{out} is not a folder", "Choose another with --out")
    return out


@contextmanager
def _serving(settings: Settings) -> Iterator[str]:
    """Run a collector, without the worker that would close days of 2024 while they are still coming in."""
    stop = threading.Event()
    with ThreadPoolExecutor(1, "footfall-demo") as pool:
        server = pool.submit(partial(serve, settings, _now, lambda text: None, stop=stop, work=False))
        try:
            deadline = time.monotonic() + READY_S
            while (address := _address(settings.data / "server.json")) is None:
                if server.done():
                    server.result()
                if time.monotonic() > deadline:
                    raise Unavailable(f"the collector was not ready within {READY_S:.0f} s")
                time.sleep(0.02)
            yield address
        finally:
            stop.set()
        server.result()


def _address(path: Path) -> str | None:
    """What the server wrote down when it was ready; None before that, or while it writes."""
    try:
        return str(json.loads(path.read_text("utf-8"))["collector"])
    except (OSError, ValueError):
        return None


def _send(settings: Settings, rows: Sequence[shop.Row], progress: Progress) -> Sent:
    assert settings.write_key is not None
    with _serving(settings) as address:
        requests = list(shop.requests(rows))
        total = sum(request.events for request in requests)
        return send(address, settings.write_key, requests, progress, total=total)


def _deliver(settings: Settings, place: Path, format: str, progress: Progress) -> Sequence[Delivery]:
    with Footfall.open(settings, clock=_now) as hub:
        hub.settle(progress)
        days = _all_days(hub.lake.days())
        for number, day in enumerate(days, start=1):
            hub.close_day(day)
            progress("close", number, len(days), "days")
        return export_rollups(
            hub,
            days[-DAYS:][0],
            days[-1],
            to=str(place),
            reports=None,
            version=VERSION,
            format=format,
            progress=progress,
        )


def _all_days(stored: Collection[date]) -> list[date]:
    """From the first day with events to the last, those without in between."""
    first, last = min(stored), max(stored)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _tell(screen: Screen, delivered: Sequence[Delivery]) -> None:
    """One line a report: all its days together."""
    reports = sorted({d.report for d in delivered})
    rows = []
    for report in reports:
        ours = [d for d in delivered if d.report == report]
        rows.append((report, len(ours), sum(d.rows for d in ours), sum(d.size_bytes for d in ours), ours[-1].key))
    screen.table(["report", "days", "rows", "bytes", "newest file"], rows)
