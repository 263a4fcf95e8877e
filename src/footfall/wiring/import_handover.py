"""An import by command while a server holds the log: the server does it, as a job that runs once and is gone."""

from __future__ import annotations

import json
import secrets
import time
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from footfall.errors import Conflict, Refused
from footfall.model.imports import FileImport
from footfall.model.jobs import Job
from footfall.model.schedules import Schedule
from footfall.wiring.import_settings import ImportSettings
from footfall.wiring.imports import BY_COMMAND, Origin, import_now, ledger_of
from footfall.wiring.jobs import add_job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from footfall.model.jobs import Run
    from footfall.ports import Progress
    from footfall.wiring.hub import Footfall

LOOK_EVERY_S: Final = 0.3


def import_anyhow(
    hub: Footfall, origin: Origin, settings: ImportSettings, options: Mapping[str, Any], progress: Progress
) -> list[FileImport]:
    """Import here, or, while a server holds the log, by that server. options: what ``settings`` were read from.

    Raises ``Refused`` when the server could not do it: it has neither the keys nor the files of this shell.
    """
    try:
        assert hub.log
    except Conflict as held:
        if not _answers(hub):
            raise
        return _by_server(hub, origin, settings, options, progress, held)
    return import_now(hub, origin, settings, progress)


def _by_server(
    hub: Footfall,
    origin: Origin,
    settings: ImportSettings,
    options: Mapping[str, Any],
    progress: Progress,
    held: Conflict,
) -> list[FileImport]:
    if origin.pgp_private_key is not None:
        raise Refused(
            "a server runs on this data directory, and it has not the private key of this command",
            "Make an authorization with `pgp: decrypt` and name it, or stop the server meanwhile",
        ) from held
    now = hub.clock()
    started = Schedule(kind="once", zone=hub.zone, at=None, start=now)
    more = {"endpoint_url": origin.endpoint_url} if origin.endpoint_url else {}
    told = {name: value for name, value in options.items() if value is not None}
    job = Job(
        name=f"import-{secrets.token_hex(5)}", kind="import", url=origin.url, schedule=started, created_at=now,
        changed_at=now, authorization=origin.authorization, label=f"import into {settings.stream} by command",
        options={**told, **more, "stream": settings.stream, "format": settings.format, BY_COMMAND: True},
    )  # fmt: skip
    before = {each.id for each in _done(hub, settings)}
    add_job(hub, job)
    try:
        run = _awaited(hub, job, settings, progress)
    finally:
        if not hub.jobs.slots(job.name, ("running",), 1):
            hub.jobs.move(job.name, "deleted", hub.clock())
    if run.state != "succeeded":
        raise Refused(run.error or f"the server {run.state} it", run.hint)
    hub.settle()
    return [each for each in _done(hub, settings) if each.id not in before]


def _done(hub: Footfall, settings: ImportSettings) -> list[FileImport]:
    """What commands like this one imported, oldest first."""
    known = ledger_of(hub).all(scope=settings.by_command, limit=100_000)
    return [each for each in reversed(known) if each.state == "done"]


def _awaited(hub: Footfall, job: Job, settings: ImportSettings, progress: Progress) -> Run:
    """The run that ended the job's only slot, or that nothing but a person can follow."""
    while True:
        time.sleep(LOOK_EVERY_S)
        latest = next(iter(ledger_of(hub).all(scope=settings.by_command, limit=1)), None)
        if latest is not None and latest.state == "reading":
            progress("import", latest.next_row, None, "rows")
        state = hub.jobs.get(job.name).state
        run = next(iter(hub.jobs.runs(job.name, 1)), None)
        if run is not None and run.state != "running" and state not in ("runnable", "fault", "sleeping"):
            return run


def _answers(hub: Footfall) -> bool:
    try:
        address = json.loads((hub.settings.data / "server.json").read_text())["admin"]
        with urllib.request.urlopen(f"{address}/readyz", timeout=5) as answer:  # noqa: S310 - our own file
            return bool(answer.status == 200)
    except (OSError, ValueError, KeyError):
        return False
