"""Audience exports over a data directory: by hand, and as what a job of the kind ``audience`` delivers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from footfall import __version__
from footfall.errors import Refused
from footfall.flows.export_audience import DeliveredFile, Destination, Instant, export_audience
from footfall.model.audience_export import JSON, PARQUET, TEMPLATE, AudienceExport, Condition
from footfall.model.channels import EMAIL_OPTIONS
from footfall.model.jobs import FileFacts
from footfall.model.names import DEFAULT_TIMESTAMP, NameTemplate
from footfall.model.window_manifest import AUDIENCE
from footfall.ports import AudienceInput
from footfall.stores.erasures import SqlErasures
from footfall.wiring.authorizations import bucket_at, codec_of
from footfall.wiring.formats import TEXTS, compression_of, key_of
from footfall.wiring.hiding import check_hiding, hiding_of
from footfall.wiring.membership import Looking

if TYPE_CHECKING:
    from footfall.engines.audience import DuckAudience
    from footfall.model.jobs import Attempt, Job
    from footfall.model.schedules import Slot
    from footfall.ports import AudienceStates, Bucket, Format, Progress
    from footfall.stores.audience_states import AudienceStateFiles
    from footfall.wiring.hub import Footfall

# Of a job: the parameters of an AudienceExport under words of their own, then those of the place and the names.
_EXPORT: Final = {
    "audience": str,
    "fields": tuple,
    "filter": lambda conditions: tuple(map(_condition, conditions)),
    "limit": int,
    "seed": str,
    "memberships": bool,
    "format": str,
    "mode": str,
    "join": str,
    "raw": bool,
    "header": bool,
    "kinds": dict,
    "privacy": dict,
}
_NAMED: Final = {"filter": "conditions", "format": "layout"}
_PLACE: Final = ("compression", "name", "timestamp", "key", "endpoint_url")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an audience goes and under which names. compression: a name of ``wiring.codecs``, empty for the usual.

    authorization: its name, for the OpenPGP key it may have. pgp_keys: files of more of them; see ``codec_of``.
    """

    bucket: Bucket
    authorization: str | None = None
    compression: str = ""
    name: str = TEMPLATE
    timestamp: str = DEFAULT_TIMESTAMP
    key: str = ""
    pgp_keys: tuple[Path, ...] = ()

    def destination(self, hub: Footfall, layout: str) -> Destination:
        return Destination(
            bucket=self.bucket,
            format=_format(layout),
            codec=codec_of(hub, self.authorization, compression_of(layout, self.compression), self.pgp_keys),
            writer=f"footfall {__version__}",
            names=NameTemplate(self.name, self.timestamp),
            key=key_of(self.key, AUDIENCE),
        )


def deliver_audience(hub: Footfall, job: Job, slot: Slot, attempt: Attempt) -> Iterator[FileFacts]:
    """The audience of a slot: as of the end of the last day it stands for, else of the day in which it is due."""
    from footfall.wiring.jobs import place_of

    export = audience_of(job)
    names: dict[str, Any] = {name: str(value) for name, value in job.options.items() if name in _PLACE[:4]}
    place = Place(place_of(hub, job, attempt), job.authorization or None, **names)
    here = job.schedule.zone.name == hub.zone.name
    day = slot.last_day if here and slot.last_day is not None else hub.zone.day_of(slot.due)

    def beat(step: str, done: int, total: int | None, unit: str) -> None:
        attempt.beat()

    for file in _deliver(hub, export, place, slot.due, day, beat, rehearsal=attempt.rehearsal):
        yield FileFacts(file.key, file.rows, file.size_bytes)


def audience_of(job: Job) -> AudienceExport:
    """The export that a job's options describe. Raises ``Refused`` for what there is not.

    options: audience, fields, filter (a list of conditions, each a text or ``{"field", "operator", "value"}``), limit,
    seed, memberships, format, mode, join, raw, header, kinds, privacy; compression, name, timestamp, key, endpoint_url;
    email_to, email_channel.
    """
    unknown = sorted(job.options.keys() - _EXPORT.keys() - set(_PLACE) - EMAIL_OPTIONS)
    if unknown:
        raise Refused(f"an audience job has no option {', '.join(unknown)}", f"It has {', '.join([*_EXPORT, *_PLACE])}")
    given: dict[str, Any] = {"job": job.name}
    for name, read in _EXPORT.items():
        if job.options.get(name) is not None:
            given[_NAMED.get(name, name)] = _read(name, read, job.options[name])
    export = AudienceExport(**given)
    compression_of(export.layout, job.options.get("compression"))
    key_of(job.options.get("key"), AUDIENCE)
    check_hiding(export.privacy)
    return export


def _read(name: str, read: Any, value: object) -> Any:
    listed = name in ("fields", "filter")
    fitting = isinstance(value, list | tuple) if listed else isinstance(value, bool) if read is bool else True
    try:
        if not fitting:
            raise TypeError
        return read(value)
    except (TypeError, ValueError) as error:
        raise Refused(f"the option {name} of an audience job cannot be {value!r}") from error


def _condition(value: object) -> Condition:
    if isinstance(value, Mapping):
        return Condition.from_value(value)
    return Condition.parse(str(value))


def export_by_hand(
    hub: Footfall,
    export: AudienceExport,
    *,
    to: str,
    at: datetime,
    day: date | None = None,
    compression: str = "",
    pgp_keys: tuple[Path, ...] = (),
    name: str = TEMPLATE,
    timestamp: str = DEFAULT_TIMESTAMP,
    key: str | None = None,
    authorization: str | None = None,
    endpoint_url: str | None = None,
    own_shell: bool = False,
    progress: Progress | None = None,
) -> list[DeliveredFile]:
    """Settle, then deliver users as of the end of ``day``, by default of the day in which ``at`` lies.

    at: names the files; the same instant again is the same run again. own_shell: see ``bucket_at``.
    """
    bucket = bucket_at(hub, to, authorization, endpoint_url, own_shell=own_shell)
    place = Place(bucket, authorization, compression, name, timestamp, key or "", pgp_keys)
    return list(_deliver(hub, export, place, at, day or hub.zone.day_of(at), progress))


def _deliver(
    hub: Footfall,
    export: AudienceExport,
    place: Place,
    at: datetime,
    day: date,
    progress: Progress | None,
    *,
    rehearsal: bool = False,
) -> Iterator[DeliveredFile]:
    if progress is None:
        hub.settle()
    else:
        hub.settle(progress)
    spill = _made(hub.settings.data / "spill")
    with tempfile.TemporaryDirectory(prefix="rehearsal-", dir=spill) as folder, Looking(hub, at, day) as looking:
        states, manifest_key = _states(hub), ""
        for file in export_audience(
            export,
            Instant(at, day, hub.zone.name),
            replace(_input(hub, day, looking), hiding=hiding_of(hub, export.privacy, f"job {export.job}")),
            place.destination(hub, export.layout),
            engine=_engine(hub),
            states=_Rehearsed(states, Path(folder)) if rehearsal else states,
            progress=progress,
        ):
            if not rehearsal and file.manifest_key != manifest_key:
                # Whoever is erased later has to be found in it.
                manifest_key, people = file.manifest_key, states.people(export.job, at)
                SqlErasures(hub.database, hub.vault).delivered(export.job, at, place.bucket.url, manifest_key, people)
            yield file


def _input(hub: Footfall, day: date, looking: Looking) -> AudienceInput:
    from footfall.flows.close_day import activity_before

    people = hub.people
    return AudienceInput(
        end=hub.zone.bounds(day).end,
        users=partial(people.users, day),
        custom_attributes=people.custom_attributes("user"),
        links=people.links,
        merges=people.merges,
        texts=people.texts,
        activity=lambda: activity_before(hub.books, day + timedelta(days=1)),
        memberships=looking.names_of,
        members=looking.members,
    )


def _engine(hub: Footfall) -> DuckAudience:
    from footfall.engines.audience import DuckAudience
    from footfall.engines.database import Limits

    return DuckAudience(hub.settings.data / "spill", Limits(hub.settings.memory_mb, hub.settings.threads))


def _states(hub: Footfall) -> AudienceStateFiles:
    from footfall.stores.audience_states import AudienceStateFiles

    return AudienceStateFiles(hub.settings.data / "audiences")


class _Rehearsed:
    """See ``ports.AudienceStates``: reads what was delivered, and keeps its draft in a folder that goes away."""

    def __init__(self, real: AudienceStates, folder: Path) -> None:
        self._real, self._folder = real, folder

    def draft(self, export: AudienceExport, at: datetime) -> Path:
        return self._folder / f"draft-{export.digest()}.parquet"

    def before(self, job: str, at: datetime) -> Path | None:
        return self._real.before(job, at)

    def later(self, job: str, at: datetime) -> bool:
        return self._real.later(job, at)

    def settled(self, export: AudienceExport, at: datetime, write: Any) -> None:
        """Nothing was delivered, so nothing is remembered."""


def _format(layout: str) -> Format | None:
    return None if layout == PARQUET else TEXTS[JSON if layout == JSON else "csv"]()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
