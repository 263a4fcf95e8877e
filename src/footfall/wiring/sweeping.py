"""Unfinished uploads that writers of this Footfall left behind, taken away wherever its jobs deliver to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from footfall import observe
from footfall.errors import Denied, FootfallError
from footfall.model import files
from footfall.model.key_templates import KeyTemplate
from footfall.ports import Sweeper
from footfall.wiring.authorizations import bucket_at
from footfall.wiring.formats import key_of

if TYPE_CHECKING:
    from footfall.wiring.hub import Footfall

EVERY_S: Final = 6 * 3600.0
# The longest upload there can be is far shorter, so what is older belongs to nobody any more.
AGE: Final = timedelta(days=1)


def sweep_places(hub: Footfall, age: timedelta = AGE) -> int:
    """Abort what was begun longer than ``age`` ago under names that only Footfall gives; return how many.

    A place that does not permit it, or is down, is left for the next time: an orphan costs space, not correctness.
    """
    swept = 0
    places: dict[tuple[str, str, str], list[KeyTemplate]] = {}
    for job in hub.jobs.all():
        if job.state not in ("deleted", "paused"):
            place = (job.url, job.authorization, str(job.options.get("endpoint_url") or ""))
            keyed = key_of(job.options.get("key"), job.kind)
            places.setdefault(place, []).extend([] if keyed is None else [keyed])
    for (url, authorization, endpoint_url), templates in sorted(places.items(), key=lambda each: each[0]):
        try:
            bucket = bucket_at(hub, url, authorization or None, endpoint_url or None)
            if isinstance(bucket, Sweeper):
                swept += bucket.sweep(partial(_is_ours, templates), age)
        except Denied:
            continue  # s3:ListBucketMultipartUploads is a permission that exports can do without
        except FootfallError as error:
            observe.went_wrong("place not swept", error, place=url)
    if swept:
        observe.happened("unfinished uploads taken away", count=swept)
    return swept


def _is_ours(templates: Sequence[KeyTemplate], key: str) -> bool:
    """Is it a usual name of ours, or one that the template of a job there makes?"""
    name = key.rpartition("/")[2]
    usual = files.is_manifest(name) or files.is_data(name)
    return usual or any(template.owns(key) for template in templates)
