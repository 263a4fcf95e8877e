"""Windows: which events a job has delivered, as ranges of ``ingest_seq``, and what became of each.

"Since the last run" is a place in the order of arrival and never a time, so an event that arrives late, whatever its
own time says, is in exactly one window.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from footfall.model.manifest import DataFile
from footfall.model.window_manifest import JobManifest

FIRST_SEQ: Final = 1


@dataclass(frozen=True, slots=True)
class Written:
    """A file whose last byte is about to be sent, as noted before anybody can see it.

    place: the bucket's address. key, manifest_key: within, with folder. manifest: what will be said of it, whatever is
    changed in the job until then. stored: the bucket has said that it has the file.
    """

    place: str
    key: str
    manifest_key: str
    manifest: JobManifest
    stored: bool = False

    @property
    def file(self) -> DataFile:
        return self.manifest.files[0]


@dataclass(frozen=True, slots=True)
class Window:
    """Events ``from_seq <= ingest_seq < to_seq`` of one job.

    number: 1, 2, 3 … of the job. at: the instant that names its files, UTC. mark: what the window was asked for, such
    as a slot; empty when nothing in particular. written: the file, from when its text is whole. closed: its manifest
    is there, or it holds nothing and needs none (then ``manifest_key`` is empty).
    """

    job: str
    number: int
    from_seq: int
    to_seq: int
    at: datetime
    mark: str = ""
    written: Written | None = None
    closed: bool = False
    manifest_key: str = ""
    manifest_sha256: str = ""

    @property
    def id(self) -> str:
        """16 hexadecimal digits that are a function of the job and the range: a repeat finds its own file."""
        text = "\0".join((self.job, str(self.number), str(self.from_seq), str(self.to_seq)))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def app_events_stem(self) -> str:
        """``app-events/{yyyy}/{MM}/{dd}/{HH}/{seq}-{id}``: the hour of ``at`` in UTC; seq is its last event's."""
        at = self.at.astimezone(UTC)
        return f"app-events/{at:%Y/%m/%d/%H}/{self.to_seq - 1:016d}-{self.id}"
