"""Unfinished uploads that writers of this Footfall left behind, taken away wherever its jobs deliver to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from footfall import observe
from footfall.errors import Denied, FootfallError
from footfall.model import audience_export, files
from footfall.model.names import ACTIVITY_TEMPLATE, DEFAULT_TIMESTAMP, NameTemplate
from footfall.ports import Sweeper
from footfall.wiring.authorizations import bucket_at
from footfall.wiring.formats import key_of

if TYPE_CHECKING:
    from footfall.model.jobs import Job
    from footfall.wiring.hub import Footfall

# Tells whether a key below the folder of a job is one that the job makes.
_Owns = Callable[[str], bool]
_TEMPLATES: Final = {"activity": ACTIVITY_TEMPLATE, "audience": audience_export.TEMPLATE}
EVERY_S: Final = 6 * 3600.0
# The longest upload there can be is far shorter, so what is older belongs to nobody any more.
AGE: Final = timedelta(days=1)


def sweep_places(hub: Footfall, age: timedelta = AGE) -> int:
    """Abort what was begun longer than ``age`` ago under names that only Footfall gives; return how many.

    A place that does not permit it, or is down, is left for the next time: an orphan costs space, not correctness.
    """
    swept = 0
    places: dict[tuple[str, str, str], list[_Owns]] = {}
    for job in hub.jobs.all():
        if job.state not in ("deleted", "paused"):
            place = (job.url, job.authorization, str(job.options.get("endpoint_url") or ""))
            places.setdefault(place, []).extend(_names(job))
    for (url, authorization, endpoint_url), owners in sorted(places.items(), key=lambda each: each[0]):
        try:
            bucket = bucket_at(hub, url, authorization or None, endpoint_url or None)
            if isinstance(bucket, Sweeper):
                swept += bucket.sweep(partial(_is_ours, owners), age)
        except Denied:
            continue  # s3:ListBucketMultipartUploads is a permission that exports can do without
        except FootfallError as error:
            observe.went_wrong("place not swept", error, place=url)
    if swept:
        observe.happened("unfinished uploads taken away", count=swept)
    return swept


def _names(job: Job) -> Iterator[_Owns]:
    """What tells the files of a job that have no usual names."""
    options = job.options
    if (keyed := key_of(options.get("key"), job.kind)) is not None:
        yield keyed.owns
    if job.kind in _TEMPLATES:
        name, timestamp = options.get("name") or _TEMPLATES[job.kind], options.get("timestamp") or DEFAULT_TIMESTAMP
        named = NameTemplate(str(name), str(timestamp))
        yield lambda key: named.owns(key.rpartition("/")[2])


def _is_ours(owners: Sequence[_Owns], key: str) -> bool:
    """Is it a usual name of ours, or one that a job there makes?"""
    name = key.rpartition("/")[2]
    usual = files.is_manifest(name) or files.is_data(name)
    return usual or any(owns(key) for owns in owners)
