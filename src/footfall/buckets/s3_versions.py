"""An object with all its older versions and delete markers, taken away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from footfall.buckets.s3_errors import translated
from footfall.errors import Refused
from footfall.ports import Purged


def purge(client: Any, bucket: str, key: str, place: str) -> Purged:
    """See ``ports.Purger``. A server that knows no versions gets a plain delete."""
    try:
        found = list(_versions(client, bucket, key, place))
    except Refused as refused:
        _delete(client, bucket, key, "", place)
        return Purged(1, f"whether it has older versions could not be looked up: {refused.what}")
    removed, kept = 0, []
    for version, is_current in found:
        try:
            _delete(client, bucket, key, version, place)
            removed += 1
        except Refused as refused:
            kept.append(f"{'the object' if is_current else 'an older version'} is kept: {refused.what}")
    return Purged(removed, "; ".join(dict.fromkeys(kept)))


def _versions(client: Any, bucket: str, key: str, place: str) -> Iterator[tuple[str, bool]]:
    """(version id, is the current one) of the object and its delete markers."""
    pages = iter(client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key))
    while True:
        with translated("versions", place):
            page = next(pages, None)
        if page is None:
            return
        for entry in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            if entry["Key"] == key:
                yield str(entry.get("VersionId") or "null"), bool(entry.get("IsLatest"))


def _delete(client: Any, bucket: str, key: str, version: str, place: str) -> None:
    more = {"VersionId": version} if version else {}
    with suppress(KeyError), translated("delete version" if version else "delete", place):
        client.delete_object(Bucket=bucket, Key=key, **more)
