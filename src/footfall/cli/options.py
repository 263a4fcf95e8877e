"""What every command takes, said once: where the data is, how to answer; and the data directory, opened."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from footfall.model.days import YEARS
from footfall.terminal import Screen

if TYPE_CHECKING:
    from footfall.wiring import Footfall

Data = Annotated[Path | None, typer.Option("--data", help="Data directory (default: ./footfall-data).")]
Config = Annotated[Path | None, typer.Option("--config", help="Server settings, a TOML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON value.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but the result.")]
Key = Annotated[
    str | None,
    typer.Option("--key", help="Template of keys, such as '{report}/{date:%Y/%m}/{product}/', or hive."),
]
Hide = Annotated[
    list[str] | None,
    typer.Option("--hide", help="COLUMN=ACTION: drop, hash, joinable_hash or coarsen; the first fits."),
]
PgpKeys = Annotated[
    list[Path] | None, typer.Option("--pgp-key", help="Encrypt to this OpenPGP public key; may be repeated.")
]
Unfinished = Annotated[
    bool, typer.Option("--unfinished", help="Take a day that is not over; what still comes makes its next revision.")
]

DEMO_DATA = Path("footfall-demo") / "data"


Command = TypeVar("Command", bound=Callable[..., None])


@dataclass(frozen=True, slots=True)
class Here:
    """What ``--data``, ``--config``, ``--json`` and ``--quiet`` say: the data directory, and how to answer."""

    screen: Screen
    data: Path | None
    config: Path | None

    def settings(self, **flags: Any) -> Any:
        """The server settings; see ``config.Settings``."""
        return settings_of(self.screen, self.data, self.config, **flags)

    def opened(self) -> AbstractContextManager[Footfall]:
        """The data directory."""
        return opened(self.screen, self.data, self.config)


def command(group: typer.Typer, name: str) -> Callable[[Command], Command]:
    """Make a function a command of ``group``.

    Its first parameter stands for the options that commands share: a ``Here`` for all four, a ``Screen`` for
    ``--json`` and ``--quiet`` alone. A parameter whose type is a dataclass stands for its fields, each an option with
    the default of the field.
    """

    def add(function: Command) -> Command:
        first, *own = inspect.signature(function, eval_str=True).parameters.values()
        groups: dict[str, Any] = {each.name: each.annotation for each in own if is_dataclass(each.annotation)}
        here = first.annotation is Here

        @wraps(function)
        def run(**given: Any) -> None:
            _check_bounds(given)
            screen = Screen(as_json=given.pop("as_json"), quiet=given.pop("quiet"))
            what = Here(screen, given.pop("data"), given.pop("config")) if here else screen
            for name, kind in groups.items():
                given[name] = kind(**{each.name: given.pop(each.name) for each in fields(kind)})
            function(what, **given)

        parameters = [part for each in own for part in _parts(each)] + (_SHARED if here else _ANSWER)
        del run.__wrapped__  # its signature is not this one's
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        group.command(name)(run)
        return function

    return add


def _check_bounds(given: Mapping[str, Any]) -> None:
    """Refuse days that have none before or after them in some zone, and numbers that no store can hold."""
    for name, value in given.items():
        if isinstance(value, datetime) and value.year not in YEARS:
            raise typer.BadParameter(f"{name}: {value.date()} is too far away; use the years {YEARS[0]} to {YEARS[-1]}")
        if isinstance(value, int) and abs(value) >= 1 << 63:
            raise typer.BadParameter(f"{name}: {value} is too large a number")


def _parts(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    """The options that a parameter stands for."""
    if not is_dataclass(parameter.annotation):
        return [_option(parameter.name, parameter.annotation, parameter.default)]
    hints = get_type_hints(parameter.annotation, include_extras=True)
    return [
        _option(each.name, hints[each.name], inspect.Parameter.empty if each.default is MISSING else each.default)
        for each in fields(parameter.annotation)
    ]


def _option(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


_ANSWER = [_option("as_json", AsJson, False), _option("quiet", Quiet, False)]
_SHARED = [_option("data", Data, None), _option("config", Config, None), *_ANSWER]


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

    settings = settings_of(screen, data, config)
    new = not settings.data.exists()
    with Footfall.open(settings, clock=now) as hub:
        if new:
            screen.warn(f"{settings.data} is a new data directory; --data names one that is there")
        yield hub
