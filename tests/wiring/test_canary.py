"""What people are called, where they are and what opens doors: in no log line, figure, run, audit or statistic."""

from __future__ import annotations

import io
import json
import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from footfall import observe
from footfall.config import load_settings
from footfall.errors import FootfallError
from footfall.model.jobs import Job
from footfall.model.schedules import Schedule
from footfall.wiring import Footfall, serve
from footfall.wiring.import_settings import settings_of
from footfall.wiring.imports import Origin, import_now
from footfall.wiring.jobs import add_job, runner_of
from footfall.wiring.rollups import export_rollups

KEY, TOKEN = "wk_canary_key_4711_good", "canary-admin-token-4711"
WHO, NAME, ADDRESS, WRONG = "canary.ana4711@mail.example", "Canaria Meier4711", "203.0.113.211", "wk_canary_4711_wrong"
CANARIES = (WHO, "canary.ana4711", NAME, ADDRESS, WRONG, KEY, TOKEN, "4711-secret")


@dataclass
class Served:
    """A server in a thread of this process, and what it says."""

    collector: str
    admin: str
    said: io.StringIO

    def send(self, path: str, body: object, *, admin: bool = False, **headers: str) -> int:
        named = {"X-Write-Key": KEY, "X-Forwarded-For": ADDRESS, "User-Agent": f"Browser of {NAME}"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = (self.admin if admin else self.collector) + path
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data, named), timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def get(self, path: str, token: str = TOKEN) -> str:
        request = urllib.request.Request(self.admin + path, headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return str(error.read().decode())


@pytest.fixture
def served(tmp_path) -> Iterator[Served]:
    before = list(observe.LOGGER.handlers), observe.LOGGER.propagate, observe.LOGGER.level
    said = io.StringIO()
    observe.configure(as_json=True, stream=said)
    settings = load_settings(
        data=tmp_path / "data",
        environment={
            "FOOTFALL_PORT": "0", "FOOTFALL_ADMIN_PORT": "0", "FOOTFALL_WRITE_KEY": KEY, "FOOTFALL_ADMIN_TOKEN": TOKEN,
            "FOOTFALL_TRUSTED_PROXIES": "127.0.0.1", "FOOTFALL_SETTLE_EVERY_S": "0.2",
        },
    )  # fmt: skip
    stop, ready, lines = threading.Event(), threading.Event(), []

    def say(line: str) -> None:
        lines.append(line)
        if line.startswith("Admin API"):
            ready.set()

    server = threading.Thread(target=serve, args=(settings, lambda: datetime.now(UTC), say), kwargs={"stop": stop})
    server.start()
    try:
        assert ready.wait(30)
        yield Served(lines[0].split()[1], lines[1].split()[2], said)
    finally:
        stop.set()
        server.join(60)
        logging.getLogger("footfall").handlers[:] = before[0]
        observe.LOGGER.propagate, _ = before[1], observe.LOGGER.setLevel(before[2])


def provoke(at: Served) -> None:
    """Good events and every way in which they can be wrong."""
    good = {"type": "track", "event": "Saved", "userId": WHO, "properties": {"name": NAME, "ip": ADDRESS}}
    event = {"type": "custom", "event_name": "x", "identify_id": WHO, "user": {"firstName": NAME, "email": WHO}}
    assert at.send("/v1/batch", {"batch": [good | {"messageId": f"m{n}"} for n in range(3)], "writeKey": KEY}) == 200
    assert at.send("/events", {"events": [event]}) == 200
    bad: list[object] = [
        {"batch": [{"type": NAME, "userId": WHO}, {"type": "track", "userId": WHO}, good | {"timestamp": f"at {WHO}"}]},
        {"batch": WHO}, {"nothing": NAME}, f'{{"batch": [{WHO}'.encode(),
        b"\x1f\x8b" + WHO.encode(), b"\xff" + WHO.encode(),
        {"batch": [good | {"userId": WHO * 100}]},
    ]  # fmt: skip
    for body in bad:
        at.send("/v1/batch", body)
        at.send("/events", body)
        at.send("/batch", body)
    assert at.send("/v1/batch", {"batch": [good]}, X_Write_Key=WRONG) == 401
    assert at.send("/v1/batch", {"batch": [good], "writeKey": WRONG}, X_Write_Key="") == 401
    at.send(f"/{WHO}?key={WRONG}", b"")
    at.send(
        "/metadata", {"products": [{"product_key": WHO, "nonsense": NAME}]}, admin=True, Authorization=f"Bearer {TOKEN}"
    )
    for path in (f"/api/people?id={WHO}", f"/api/jobs/{WHO}", f"/api/nothing/{WHO}?x={NAME.split()[0]}4711-secret"):
        at.get(path.replace(" ", "%20"))
        at.get(path.replace(" ", "%20"), token=WRONG)


def waited(at: Served) -> None:
    for _ in range(100):
        told = json.loads(at.get("/readyz"))
        if told["log_end"] == told["settled"]:
            return
        threading.Event().wait(0.1)


def statistics(data: Path) -> str:
    """What the lake says about its files without their being read: its commits, and the footers of Parquet."""
    texts = [path.read_text() for path in (data / "lake").rglob("*.json")]
    for path in (data / "lake").rglob("*.parquet"):
        footer = pq.ParquetFile(path).metadata
        texts.append(str(footer.to_dict()))
    return "\n".join(texts)


@pytest.mark.slow
def test_nothing_about_anybody_is_in_logs_figures_runs_audit_or_statistics(served, tmp_path):
    provoke(served)
    waited(served)
    spoken = served.said.getvalue() + served.get("/metrics") + served.get("/api/audit") + served.get("/api/runs")
    assert '"event": "settled"' in spoken, "something was said"
    assert [each for each in CANARIES if each in spoken] == []
    assert [each for each in CANARIES if each in statistics(tmp_path / "data")] == []


@pytest.mark.slow
def test_what_goes_wrong_with_files_and_exports_names_nobody(tmp_path):
    said = io.StringIO()
    before = list(observe.LOGGER.handlers), observe.LOGGER.propagate, observe.LOGGER.level
    observe.configure(as_json=True, stream=said)
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    settings = load_settings(data=tmp_path / "data", environment={})
    (tmp_path / "in").mkdir()
    try:
        with Footfall.open(settings, clock=lambda: now) as hub:
            rows = f"id,at,name\n{WHO},never,{NAME}\n{WHO},2026-11-20,{NAME}\n{WHO * 30},2026-11-20,x\n"
            (tmp_path / "in" / "some.csv").write_text(rows)
            (tmp_path / "in" / "none.csv").write_text(f"id,at\n{WHO},never\n{NAME},never\n")
            texts = []
            for name in ("some.csv", "none.csv", "gone.csv"):
                chosen = {"stream": "crm", "format": "csv", "file": name, "identify_id": "id", "timestamp": "at"}
                try:
                    import_now(hub, Origin(url=str(tmp_path / "in")), settings_of(chosen, what="it"), lambda *a: None)
                except FootfallError as error:
                    texts.append(str(error))
            assert len(texts) == 2
            schedule = Schedule("daily", hub.zone, at=now.time())
            options = {"stream": "crm", "format": "csv", "file": "none.csv", "identify_id": "id", "timestamp": "at"}
            add_job(hub, Job("takes", "import", str(tmp_path / "in"), schedule, now, now, options=options))
            runner_of(hub).once()
            export_rollups(hub, now.date(), now.date(), to=str(tmp_path / "out"), reports=None, version="2.0",
                           format="csv", unfinished=True)  # fmt: skip
            texts += [str(run) for run in hub.jobs.runs("takes", limit=10)]
            texts += [str(each) for each in hub.audit.changes()]
        spoken = said.getvalue() + "\n".join(texts)
        assert [each for each in CANARIES if each in spoken] == []
        assert [each for each in CANARIES if each in statistics(tmp_path / "data")] == []
        assert [path for path in (tmp_path / "out").rglob("*.json") if WHO in path.read_text()] == []
    finally:
        observe.LOGGER.handlers[:] = before[0]
        observe.LOGGER.propagate, _ = before[1], observe.LOGGER.setLevel(before[2])
