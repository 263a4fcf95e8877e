"""``footfall doctor``: what on this machine or in the data directory would stop Footfall, and what to change."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from footfall.config import Settings, load_zone
from footfall.errors import FootfallError
from footfall.stores.key_ring import FILE_NAME, KeyRing

FREE_BYTES_MIN = 2 * 1024**3
FSYNC_SLOW_S = 0.05


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. what: the finding, and for a failed check what to do."""

    name: str
    ok: bool
    what: str


def examine(settings: Settings, now: datetime) -> list[Check]:
    """Look at everything; a check that breaks is a failed check, never an error of the command."""
    looks: list[tuple[str, Callable[[], tuple[bool, str]]]] = [
        ("python", _python),
        ("libraries", _libraries),
        ("data directory", lambda: _writable(settings.data)),
        ("master keys", lambda: _master_keys(settings)),
        ("disk", lambda: _disk(settings.data)),
        ("fsync", lambda: _fsync(settings.data)),
        ("time zone", lambda: _zone(settings.time_zone)),
        ("clock", lambda: _clock(now)),
        (f"port {settings.port}", lambda: _port(settings.host, settings.port)),
        (f"port {settings.admin_port}", lambda: _port(settings.host, settings.admin_port)),
    ]
    checks: list[Check] = []
    for name, look in looks:
        try:
            ok, what = look()
        except (OSError, FootfallError) as error:
            ok, what = False, str(error)
        checks.append(Check(name, ok, what))
    return checks


def _python() -> tuple[bool, str]:
    return sys.version_info >= (3, 11), f"{sys.version.split()[0]} (3.11 or newer is needed)"


def _libraries() -> tuple[bool, str]:
    names = ("duckdb", "deltalake", "pyarrow", "isal", "tzdata")
    return True, ", ".join(f"{name} {version(name)}" for name in names)


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _writable(data: Path) -> tuple[bool, str]:
    place = _existing(data.absolute())
    if not os.access(place, os.W_OK | os.X_OK):
        return False, f"{place} cannot be written: change its owner or choose another with --data"
    return True, f"{data.absolute()}" + ("" if data.exists() else " (will be made at the first start)")


def _master_keys(settings: Settings) -> tuple[bool, str]:
    keys = KeyRing(settings.data / FILE_NAME, settings.master_keys).keys()
    if keys is None:
        return True, f"none yet; {FILE_NAME} is made with the first secret"
    where = FILE_NAME if settings.master_keys is None else "FOOTFALL_MASTER_KEYS"
    return True, f"{keys.newest} of {where} seals secrets; {len(keys) - 1} older. Keep a copy apart from the backups"


def _disk(data: Path) -> tuple[bool, str]:
    free = shutil.disk_usage(_existing(data.absolute())).free
    said = f"{free / 1024**3:.1f} GiB free"
    if free < FREE_BYTES_MIN:
        return False, f"{said}; below {FREE_BYTES_MIN // 1024**3} GiB: make room, or events will be answered with 503"
    return True, said


def _fsync(data: Path) -> tuple[bool, str]:
    with tempfile.TemporaryFile(dir=_existing(data.absolute())) as file:
        took: list[float] = []
        for _ in range(5):
            file.write(b"x" * 4096)
            file.flush()
            began = time.monotonic()
            os.fdatasync(file.fileno())
            took.append(time.monotonic() - began)
    middle = sorted(took)[2]
    said = f"{middle * 1000:.1f} ms to make 4 kB durable"
    if middle > FSYNC_SLOW_S:
        return False, f"{said}: every answer waits for this; move --data to a faster disk"
    return True, said


def _zone(name: str) -> tuple[bool, str]:
    zone = load_zone(name)
    return True, f"{zone.name} from tzdata {zone.tzdata_version}"


def _clock(now: datetime) -> tuple[bool, str]:
    # Nothing here can know the true time; a clock before this program was written is certainly wrong.
    if now.year < 2026:
        return False, f"{now:%Y-%m-%d %H:%M:%S}Z is in the past: set the clock (NTP)"
    return True, f"{now:%Y-%m-%d %H:%M:%S}Z"


def _port(host: str, port: int) -> tuple[bool, str]:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return False, f"{host}:{port} is taken ({error.strerror}): stop the other program or choose another port"
    return True, f"{host}:{port} is free"
