"""Server settings: a TOML file, then the environment, then flags; each overrides the one before.

A setting nobody gave is *unset* and takes its default; ``Settings.origin`` says where each value came from.
docs/reference/settings.md has one row per setting (a test holds them together).
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from footfall.config.zone import load_zone
from footfall.errors import Refused
from footfall.model.master_keys import MasterKeys

PREFIX: Final = "FOOTFALL_"
DEFAULT: Final = "default"
_CONFIG_VARIABLE: Final = "FOOTFALL_CONFIG"
# Read where they are needed: of a command's own input, not of the server.
_NO_SETTINGS: Final = frozenset({_CONFIG_VARIABLE, "FOOTFALL_PGP_PASSPHRASE"})


class _Unfit(ValueError):
    """A value that a setting cannot take; the text says why."""


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _Unfit("must be text")
    return value


def _path(value: object) -> Path:
    if isinstance(value, Path):
        return value
    if not _text(value):
        raise _Unfit("must be a path")
    return Path(_text(value))


def _secret(value: object) -> str:
    if len(_text(value)) < 8 or not _text(value).isascii() or any(c.isspace() or c == ":" for c in _text(value)):
        raise _Unfit("must be at least 8 ASCII characters without spaces and colons")
    return _text(value)


def _master_keys(value: object) -> MasterKeys:
    try:
        return MasterKeys.read(_text(value))
    except _Unfit:
        raise
    except ValueError as error:
        raise _Unfit(f"must be written id:base64,id:base64 with the newest first: {error}") from None


def _uuid(value: object) -> UUID:
    try:
        return UUID(_text(value))
    except ValueError:
        raise _Unfit("must be a UUID such as 9b2f6f0e-5d0c-4c5a-9d0a-0d2a2f0f5a11") from None


def _zone(value: object) -> str:
    try:
        return load_zone(_text(value)).name
    except Refused as error:
        raise _Unfit("must be an IANA time zone such as Europe/Athens") from error


def _file_prefix(value: object) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._=+-]{0,100}", _text(value)):
        raise _Unfit("may hold letters, digits and . _ = + - only")
    return _text(value)


def _verify_name(value: object) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._=+-]{0,80}\{timestamp\}[A-Za-z0-9._=+-]{0,80}", _text(value)):
        raise _Unfit("must hold {timestamp} once, and beside it letters, digits and . _ = + - only")
    return _text(value)


def _base_url(value: object) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~/-]*)?", _text(value)):
        raise _Unfit("must be an address such as https://hub.example.com, without a query")
    return _text(value).rstrip("/")


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value not in ("true", "false"):
        raise _Unfit("must be true or false")
    return value == "true"


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(each.strip() for each in value.split(",") if each.strip())
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise _Unfit("must be a list of texts")
    return tuple(value)


def _keys_by_source(value: object) -> tuple[tuple[str, str], ...]:
    """Pairs of source and public key out of ``source=key,source=key`` or a table of a file."""
    pairs = value.items() if isinstance(value, Mapping) else [each.partition("=")[::2] for each in _texts(value)]
    found = tuple((str(name).strip(), str(key).strip()) for name, key in pairs)
    if not all(name and re.fullmatch(r"[A-Za-z0-9+/=\s]{40,}", key) for name, key in found):
        raise _Unfit("must be written source=key,source=key, the keys as SendGrid shows them")
    return found


def _one_of(*words: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in words:
            raise _Unfit(f"must be one of {', '.join(words)}")
        return str(value)

    return read


def _between(low: int, high: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _Unfit(f"must be a whole number from {low} to {high}")
        return value

    return read


def _seconds(value: object) -> float:
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else -1.0
    except ValueError:
        number = -1.0
    if not 0.01 <= number <= 3600:
        raise _Unfit("must be a number of seconds from 0.01 to 3600")
    return number


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every server setting. None: not given, and decided elsewhere (an id by the data directory, a key by chance)."""

    data: Path = Path("footfall-data")
    host: str = "127.0.0.1"
    port: int = 8080
    admin_port: int = 8081
    write_key: str | None = None
    admin_token: str | None = None
    master_keys: MasterKeys | None = None
    time_zone: str = "UTC"
    subscription_id: UUID | None = None
    organization_id: UUID | None = None
    subscription_name: str = "Footfall"
    store_ip: str = "truncated"
    privacy_key: Path | None = None
    trusted_proxies: tuple[str, ...] = ()
    sendgrid_keys: tuple[tuple[str, str], ...] = ()
    settle_every_s: float = 2.0
    audiences_every_s: float = 300.0
    recent_events: int = 1_000_000
    session_minutes: int = 30
    sessions_without: tuple[str, ...] = ()
    sessions_of_streams: tuple[str, ...] = ()
    infer_agents: bool = True
    infer_places: bool = True
    infer_organizations: bool = True
    city_file: Path | None = None
    memory_mb: int = 256
    threads: int = 2
    segment_bytes: int = 64 << 20
    backlog_bytes: int = 16 << 30
    reserve_bytes: int = 256 << 20
    definitions: Path | None = None
    file_prefix: str = "GainsightPX"
    verify_name: str = "airkit-verify-test-{timestamp}"
    allow_private_endpoints: bool = False
    admin_url: str | None = None
    link_hours: int = 24
    allow_apprise: bool = False
    keep_runs_days: int = 400
    keep_events_days: int = 0
    keep_quarantine_days: int = 0

    def origin(self, name: str) -> str:
        """Where the value of a setting came from: ``default``, ``FILE:LINE``, a variable's name, or ``flag``."""
        origins: Mapping[str, str] = self.__dict__.get("_origins", {})
        return origins.get(name, DEFAULT)

    def given(self, name: str) -> bool:
        """Whether anybody set it, be it to the default."""
        return self.origin(name) != DEFAULT


_READERS: Final[dict[str, Callable[[object], Any]]] = {
    "data": _path,
    "host": _text,
    "port": _between(0, 65535),
    "admin_port": _between(0, 65535),
    "write_key": _secret,
    "admin_token": _secret,
    "master_keys": _master_keys,
    "time_zone": _zone,
    "subscription_id": _uuid,
    "organization_id": _uuid,
    "subscription_name": _text,
    "store_ip": _one_of("none", "truncated", "full"),
    "privacy_key": _path,
    "trusted_proxies": _texts,
    "sendgrid_keys": _keys_by_source,
    "settle_every_s": _seconds,
    "audiences_every_s": _seconds,
    "recent_events": _between(0, 100_000_000),
    "session_minutes": _between(0, 1440),
    "sessions_without": _texts,
    "sessions_of_streams": _texts,
    "infer_agents": _truth,
    "infer_places": _truth,
    "infer_organizations": _truth,
    "city_file": _path,
    "memory_mb": _between(64, 1_000_000),
    "threads": _between(1, 256),
    "segment_bytes": _between(1 << 20, 1 << 32),
    "backlog_bytes": _between(1 << 20, 1 << 50),
    "reserve_bytes": _between(0, 1 << 50),
    "definitions": _path,
    "file_prefix": _file_prefix,
    "verify_name": _verify_name,
    "allow_private_endpoints": _truth,
    "admin_url": _base_url,
    "link_hours": _between(1, 24),
    "allow_apprise": _truth,
    "keep_runs_days": _between(1, 36_500),
    "keep_events_days": _between(0, 36_500),
    "keep_quarantine_days": _between(0, 36_500),
}


def load_settings(
    *,
    config: Path | None = None,
    data: Path | None = None,
    environment: Mapping[str, str] | None = None,
    **flags: object,
) -> Settings:
    """Read every setting. A flag that is None was not given.

    config: the TOML file; by default the one that FOOTFALL_CONFIG names, else none.
    Raises ``Refused`` that names the file and line, the variable or the flag of an unknown name or an unfit value.
    """
    environment = os.environ if environment is None else environment
    named = environment.get(_CONFIG_VARIABLE)
    path = config if config is not None else Path(named) if named else None
    found: dict[str, tuple[object, str]] = {}
    if path is not None:
        found |= _from_file(path)
    found |= _from_environment(environment)
    found |= {name: (value, "flag") for name, value in {"data": data, **flags}.items() if value is not None}
    values = {name: _value(name, value, origin) for name, (value, origin) in found.items()}
    settings = Settings(**values)
    settings.__dict__["_origins"] = {name: origin for name, (_, origin) in found.items()}
    return settings


def _value(name: str, value: object, origin: str) -> Any:
    where = f"--{name.replace('_', '-')}" if origin == "flag" else origin
    if name not in _READERS:
        close = get_close_matches(name, _READERS, n=1)
        hint = f"Did you mean {close[0]}?" if close else "See docs/reference/settings.md"
        raise Refused(f"{where}: there is no setting {name!r}", hint)
    try:
        return _READERS[name](value)
    except _Unfit as error:
        shown = "" if _READERS[name] in (_secret, _master_keys) else f", not {value!r}"
        raise Refused(f"{where}: {name} {error}{shown}", "See docs/reference/settings.md") from error


def _from_file(path: Path) -> dict[str, tuple[object, str]]:
    try:
        text = path.read_text("utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}", "Pass another file with --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{path} is no TOML: {error}", "Write one `name = value` a line") from error
    return {name: (value, f"{path}:{_line(text, name)}") for name, value in table.items()}


def _line(text: str, name: str) -> int:
    """The line that sets a top-level name. The parser does not keep it; a name stands first on its line."""
    begins = re.compile(rf"\s*\[*\s*[\"']?{re.escape(name)}[\"']?\s*[].=]")
    return next((number for number, line in enumerate(text.splitlines(), 1) if begins.match(line)), 1)


def _from_environment(environment: Mapping[str, str]) -> dict[str, tuple[object, str]]:
    return {
        variable.removeprefix(PREFIX).lower(): (value, variable)
        for variable, value in environment.items()
        if variable.startswith(PREFIX) and variable not in _NO_SETTINGS
    }
