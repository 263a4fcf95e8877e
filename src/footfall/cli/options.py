"""What every command takes: where the data is, how to answer; and the data directory, opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from footfall.terminal import Screen

if TYPE_CHECKING:
    from footfall.wiring import Footfall

Data = Annotated[Path | None, typer.Option("--data", help="Data directory (default: ./footfall-data).")]
Config = Annotated[Path | None, typer.Option("--config", help="Server settings, a TOML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON value.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but the result.")]
Unfinished = Annotated[
    bool, typer.Option("--unfinished", help="Take a day that is not over; what still comes makes its next revision.")
]

DEMO_DATA = Path("footfall-demo") / "data"


def now() -> datetime:
    return datetime.now(UTC)


def settings_of(screen: Screen, data: Path | None, config: Path | None, **flags: Any) -> Any:
    from footfall.config import load_settings

    settings = load_settings(config=config, data=data, **flags)
    if not settings.given("data") and not settings.data.exists() and DEMO_DATA.exists():
        screen.warn(f"No data in {settings.data}; using the demo's in {DEMO_DATA} (say --data to choose).")
        settings = load_settings(config=config, data=DEMO_DATA, **flags)
    return settings


@contextmanager
def opened(screen: Screen, data: Path | None, config: Path | None) -> Iterator[Footfall]:
    from footfall.wiring import Footfall

    with Footfall.open(settings_of(screen, data, config), clock=now) as hub:
        yield hub
