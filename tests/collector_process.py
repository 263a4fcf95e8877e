"""A collector over a log, as a program: the door of Footfall alone, without lake, store and worker.

Usage: python collector_process.py FOLDER [JSON]. Prints one JSON line with its ports, then serves until SIGTERM.
The sources are in FOLDER/sources.json: {write key: [name, revoked]}; definitions that arrive go to FOLDER/defined.json.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request

from footfall.errors import BadRecord, Unavailable
from footfall.flows.collect import Collect, Doorkeeper
from footfall.logs.segments import SegmentLog
from footfall.model.audit import Actor
from footfall.ports import Source
from footfall.web.app import Admission, create_admin, create_collector, listen, serve
from footfall.web.identify import bearer
from footfall.wire.dialects import DIALECTS

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


class FileSources:
    """``Sources`` in a JSON file that a test may rewrite."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> Sequence[Source]:
        try:
            known = json.loads(self._path.read_text())
        except FileNotFoundError as error:
            raise Unavailable("The file of sources is gone") from error
        return [
            Source(
                name, hashlib.sha256(key.encode()).hexdigest(), SINCE, "default", "Production", "server",
                SINCE if revoked else None,
            )
            for key, (name, revoked) in known.items()
        ]  # fmt: skip

    def by_key(self, write_key: str) -> Source | None:
        digest = hashlib.sha256(write_key.encode()).hexdigest()
        return next((s for s in self.all() if s.key_sha256 == digest and s.revoked_at is None), None)

    def add(self, source: Source) -> None:
        raise PermissionError("the test owns the file")

    def revoke(self, name: str, at: datetime) -> None:
        raise PermissionError("the test owns the file")


def now() -> datetime:
    return datetime.now(UTC)


def main(folder: Path, options: dict[str, Any]) -> None:
    log = SegmentLog(folder / "log", **options.get("log", {}))
    keeper = Doorkeeper(FileSources(folder / "sources.json"), now, time.monotonic, **options.get("keeper", {}))
    collect = Collect(log, keeper, DIALECTS, now, **options.get("collect", {}))

    def who(request: Request) -> Actor | None:
        key, token = bearer(request.headers.get("authorization", "")), options.get("token", "admin")
        return Actor("token") if token and key == token else None

    def define(actor: Actor, plain: object) -> None:
        if not isinstance(plain, dict) or "features" not in plain:
            error = BadRecord("missing_field", "features[0]: id is missing")
            error.place = ("features", 0, "id")  # type: ignore[attr-defined]
            raise error
        (folder / "defined.json").write_text(json.dumps(plain))

    def ready() -> dict[str, object]:
        if not (folder / "sources.json").exists():
            raise Unavailable(f"{folder}: the store does not answer")
        return {"position": log.end()}

    admission = dict(options.get("admission", {}))
    admission["trusted_proxies"] = frozenset(admission.get("trusted_proxies", ()))
    collector_socket, admin_socket = listen("127.0.0.1", 0), listen("127.0.0.1", 0)
    ports = {"port": collector_socket.getsockname()[1], "admin_port": admin_socket.getsockname()[1]}
    try:
        serve(
            create_collector(collect, Admission(**admission), webhook_keys=options.get("webhook_keys")),
            create_admin(who=who, define=define, ready=ready),
            collector_socket=collector_socket,
            admin_socket=admin_socket,
            on_ready=lambda: print(json.dumps(ports), flush=True),
        )
    finally:
        log.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]) if len(sys.argv) > 2 else {})
