"""Addresses of buckets, as people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from footfall.errors import Refused

_REMOTE: Final = re.compile(r"(?P<scheme>s3|gs):(//)?(?P<bucket>[^/]*)(/(?P<folder>.*))?", re.DOTALL)
_OTHER: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Remote:
    """A folder of a bucket. scheme: ``s3`` or ``gs`` (Google). folder: without slashes at its ends, or empty."""

    scheme: str
    bucket: str
    folder: str

    @classmethod
    def parse(cls, url: str) -> Remote | None:
        """Read ``s3://bucket/folder``, ``gs://bucket/folder`` or ``gs:bucket/folder``; None when it is neither.

        Raises ``Refused`` when no bucket can have that name.
        """
        found = _REMOTE.fullmatch(url)
        if found is None:
            return None
        if _BUCKET.fullmatch(found["bucket"]) is None:
            raise Refused(
                f"{found['bucket']!r} cannot be the name of a bucket", "Write s3://bucket/folder or gs://bucket/folder"
            )
        return cls(found["scheme"], found["bucket"], (found["folder"] or "").strip("/"))

    @property
    def google(self) -> bool:
        return self.scheme == "gs"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.folder}".rstrip("/")


def is_relative(url: str) -> bool:
    """Does the folder that ``url`` names depend on who reads it, and where: ``out``, ``~/out``, ``file:out``?

    False for every address that is no folder, also for one that nobody knows.
    """
    folder = url.removeprefix("file:")
    return not (folder.startswith("/") or _REMOTE.fullmatch(url) or _OTHER.match(url))
