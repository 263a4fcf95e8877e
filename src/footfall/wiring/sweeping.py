"""Unfinished uploads that writers of this Footfall left behind, taken away wherever its jobs deliver to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from footfall import observe
from footfall.errors import Denied, FootfallError
from footfall.model import files
from footfall.ports import Sweeper
from footfall.wiring.authorizations import bucket_at

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
    places = {
        (job.url, job.authorization, str(job.options.get("endpoint_url") or ""))
        for job in hub.jobs.all()
        if job.state not in ("deleted", "paused")
    }
    for url, authorization, endpoint_url in sorted(places):
        try:
            bucket = bucket_at(hub, url, authorization or None, endpoint_url or None)
            if isinstance(bucket, Sweeper):
                swept += bucket.sweep(_ours, age)
        except Denied:
            continue  # s3:ListBucketMultipartUploads is a permission that exports can do without
        except FootfallError as error:
            observe.went_wrong("place not swept", error, place=url)
    if swept:
        observe.happened("unfinished uploads taken away", count=swept)
    return swept


def _ours(key: str) -> bool:
    name = key.rpartition("/")[2]
    return files.is_manifest(name) or files.is_data(name)
