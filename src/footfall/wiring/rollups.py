"""Reports of days, delivered when somebody asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from footfall import __version__
from footfall.engines.hiding import HiddenDay
from footfall.errors import Refused
from footfall.flows.close_day import open_day
from footfall.flows.export import Delivery, Destination, export_day
from footfall.model import reports as catalogue
from footfall.model.key_templates import ROLLUPS
from footfall.model.report import Report
from footfall.wiring.authorizations import bucket_at, codec_of
from footfall.wiring.formats import compression_of, format_named, key_of
from footfall.wiring.hiding import check_fitting, hiding_of
from footfall.wiring.hub import silent

if TYPE_CHECKING:
    from pathlib import Path

    from footfall.model.hiding import Hiding
    from footfall.ports import OpenDay, Progress
    from footfall.wiring.hub import Footfall


def export_rollups(
    hub: Footfall,
    first: date,
    last: date,
    *,
    to: str,
    reports: Sequence[str] | None,
    version: str,
    format: str,
    compression: str = "",
    pgp_keys: Sequence[Path] = (),
    key: str | None = None,
    authorization: str | None = None,
    endpoint_url: str | None = None,
    own_shell: bool = False,
    unfinished: bool = False,
    hide: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> list[Delivery]:
    """Settle, then close and deliver each day from ``first`` to ``last``. Raises ``Refused`` for unknown names.

    own_shell: see ``bucket_at``. hide: column -> what becomes of it, see ``model.hiding``.
    """
    hiding = hiding_of(hub, hide, ROLLUPS)
    check_fitting(hide or {}, {field.name for report in catalogue.CATALOGUE for field in report.fields})
    chosen = chosen_reports(reports, version)
    destination = Destination(
        bucket=bucket_at(hub, to, authorization, endpoint_url, own_shell=own_shell),
        format=format_named(format),
        codec=codec_of(hub, authorization, compression_of(format, compression), pgp_keys),
        version=version,
        writer=f"footfall {__version__}",
        prefix=hub.settings.file_prefix,
        key=key_of(key, ROLLUPS),
        privacy=() if hiding is None else hiding.rules,
    )
    hub.settle(progress)
    delivered: list[Delivery] = []
    for number in range((last - first).days + 1):
        delivered += export_day(
            first + timedelta(days=number),
            chosen,
            destination,
            close=lambda day: hub.close_day(day, unfinished=unfinished),
            open_day=lambda day: opened_day(hub, day, hiding),
            ledger=hub.ledger,
            zone=hub.zone,
            progress=progress,
        )
    return delivered


def opened_day(hub: Footfall, day: date, hiding: Hiding | None) -> OpenDay:
    """A closed day, without what is hidden."""
    opened = open_day(hub.books, day)
    return opened if hiding is None else HiddenDay(opened, hiding)


def chosen_reports(names: Sequence[str] | None, version: str) -> list[Report]:
    """The reports of these names, all of the version by default. Raises ``Refused`` for none, and for unknown names."""
    if names is not None and not names:
        raise Refused("no report is named", "Name one or more, or leave the choice out for all of them")
    try:
        offered = catalogue.catalogue(version)
        wanted = offered if names is None else [catalogue.by_name(name) for name in names]
    except KeyError as error:
        raise Refused(str(error.args[0]), "See docs/reference/reports.md") from error
    absent = [r.name for r in wanted if r not in offered]
    if absent:
        raise Refused(f"version {version} has no report {', '.join(absent)}", "Use --version 2.0")
    return list(wanted)
