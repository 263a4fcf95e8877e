"""What an export of events may be told: its choices, and how the options of a job say them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from footfall.engines.fields import Joining
from footfall.errors import Refused
from footfall.model.app_events import SESSION, types_of
from footfall.model.channels import EMAIL_OPTIONS
from footfall.model.names import ACTIVITY_TEMPLATE, DEFAULT_TIMESTAMP, NameTemplate
from footfall.model.window_manifest import ACTIVITY, APP_EVENTS
from footfall.wiring.formats import PARQUET, compression_of, key_of
from footfall.wiring.hiding import check_hiding, hide_of

if TYPE_CHECKING:
    from footfall.model.jobs import Job
    from footfall.model.key_templates import KeyTemplate
    from footfall.wiring.hub import Footfall

# Of ingest_seq that one file of the app-event stream covers: after a long pause there are several.
EVENTS_MAX: Final = 1_000_000
_NAMES: Final = NameTemplate()
_JOINING: Final = Joining()


@dataclass(frozen=True, slots=True)
class ActivityExport:
    """What an activity export is. streams: names of sources, none for all. start, end: UTC, end exclusive.

    format: ``csv`` or ``parquet``. compression: empty for the usual one of the format. hide: column -> what becomes of
    it, see ``model.hiding``.
    """

    streams: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    header: bool = True
    names: NameTemplate = _NAMES
    joining: Joining = _JOINING
    format: str = "csv"
    compression: str = ""
    key: KeyTemplate | None = None
    hide: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_format(self.format, ("csv", PARQUET), self.compression)
        check_hiding(self.hide)

    def options(self) -> dict[str, str]:
        """For the manifest."""
        said = {
            "streams": ",".join(self.streams),
            "start": "" if self.start is None else self.start.isoformat(),
            "end": "" if self.end is None else self.end.isoformat(),
        }
        return {name: text for name, text in said.items() if text}


@dataclass(frozen=True, slots=True)
class AppEventStream:
    """kinds: of ``model.app_events.KINDS``. format: ``json`` or ``parquet``. hide: field -> what becomes of it."""

    kinds: tuple[str, ...] = (SESSION,)
    billing_code: str = "Journey"
    format: str = "json"
    compression: str = ""
    events_max: int = EVENTS_MAX
    key: KeyTemplate | None = None
    hide: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_hiding(self.hide)
        _check_format(self.format, ("json", PARQUET), self.compression)
        types_of(self.kinds)
        if self.events_max < 1:
            raise Refused("events_max must be at least 1")


def activity_of(hub: Footfall, job: Job) -> ActivityExport:
    """The export that a job's options describe. Raises ``Refused`` for what there is not.

    options: streams (a list), start, end (dates in the subscription's zone, or instants), header, name, timestamp,
    join, raw, format, compression, key, privacy, endpoint_url, email_to, email_channel.
    """
    o = _known(
        job,
        {"streams", "start", "end", "header", "name", "timestamp", "join", "raw", "format", "compression", "key"}
        | {"privacy", *EMAIL_OPTIONS},
    )
    return ActivityExport(
        streams=checked_streams(hub, _texts(job, "streams")),
        start=instant_of(hub, o.get("start")),
        end=instant_of(hub, o.get("end")),
        header=bool(o.get("header", True)),
        names=NameTemplate(str(o.get("name", ACTIVITY_TEMPLATE)), str(o.get("timestamp", DEFAULT_TIMESTAMP))),
        joining=joining_of(str(o.get("join", "&")), raw=bool(o.get("raw", False))),
        format=str(o.get("format", "csv")),
        compression=str(o.get("compression") or ""),
        key=key_of(o.get("key"), ACTIVITY),
        hide=hide_of(o.get("privacy")),
    )


def app_events_of(job: Job) -> AppEventStream:
    """The stream that a job's options describe.

    options: kinds, billing_code, events_max, format, compression, key, privacy, endpoint_url. Raises ``Refused``.
    """
    o = _known(job, {"kinds", "billing_code", "events_max", "format", "compression", "key", "privacy"})
    return AppEventStream(
        kinds=_texts(job, "kinds") or (SESSION,),
        billing_code=str(o.get("billing_code", "Journey")),
        format=str(o.get("format", "json")),
        compression=str(o.get("compression") or ""),
        key=key_of(o.get("key"), APP_EVENTS),
        events_max=int(o.get("events_max", EVENTS_MAX)),
        hide=hide_of(o.get("privacy")),
    )


def checked_streams(hub: Footfall, names: Sequence[str]) -> tuple[str, ...]:
    """Names of sources, revoked ones included. Raises ``Refused`` for one there never was."""
    known = {source.name for source in hub.sources.all()}
    for name in names:
        if name not in known:
            raise Refused(
                f"there is no stream '{name}'", f"A stream is a source: {', '.join(sorted(known)) or 'none yet'}"
            )
    return tuple(names)


def joining_of(character: str, *, raw: bool) -> Joining:
    """How lists become text. Raises ``Refused`` for what is not one visible character."""
    if len(character) != 1 or not character.isprintable() or character.isalnum() or character in '%="':
        raise Refused(f"{character!r} cannot join the items of a list", "Use one character such as & or | or ;")
    return Joining(character, raw)


def instant_of(hub: Footfall, text: object) -> datetime | None:
    """The first instant of a date in the subscription's zone, or an instant with its offset (UTC without), as UTC."""
    if text is None or text == "":
        return None
    try:
        if len(str(text)) == 10:
            return hub.zone.bounds(date.fromisoformat(str(text))).start
        at = datetime.fromisoformat(str(text))
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as error:  # the latter at the ends of all time
        raise Refused(
            f"{str(text)!r} is neither a date nor an instant", "Write 2026-11-20 or 2026-11-20T15:00Z"
        ) from error


def _known(job: Job, names: set[str]) -> Mapping[str, Any]:
    names = names | {"endpoint_url"}
    unknown = sorted(job.options.keys() - names)
    if unknown:
        raise Refused(f"a job of this kind has no option {', '.join(unknown)}", f"It has {', '.join(sorted(names))}")
    return {name: value for name, value in job.options.items() if value is not None}


def _texts(job: Job, name: str) -> tuple[str, ...]:
    given = job.options.get(name) or ()
    return tuple(given.split(",")) if isinstance(given, str) else tuple(map(str, given))


def _check_format(format: str, offered: Sequence[str], compression: str) -> None:
    if format not in offered:
        raise Refused(f"'{format}' is no format of this export", f"Choose one of {', '.join(offered)}")
    compression_of(format, compression)
