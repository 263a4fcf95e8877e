"""Windows: which events a job has delivered, as ranges of ``ingest_seq``, and what became of each.

"Since the last run" is a place in the order of arrival and never a time, so an event that arrives late, whatever its
own time says, is in exactly one window.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from footfall.model.manifest import Columns, DataFile
from footfall.model.window_manifest import JobManifest

FIRST_SEQ: Final = 1


@dataclass(frozen=True, slots=True)
class Written:
    """The files of a window so far; of the last one the last byte is about to be sent, before anybody can see it.

    place: the bucket's address. manifest_key: within, with folder. manifest: what will be said of the files, whatever
    is changed in the job until then. stored: of how many, the first ones, the bucket has said that it has them.
    whole: there are no more files in this window.
    """

    place: str
    manifest_key: str
    manifest: JobManifest
    stored: int = 0
    whole: bool = True

    @property
    def files(self) -> tuple[DataFile, ...]:
        return self.manifest.files

    @property
    def rows(self) -> int:
        return self.manifest.rows

    @property
    def folder(self) -> str:
        """Where the manifest lies, below which are the files; empty, or it ends with ``/``."""
        return self.manifest_key[: self.manifest_key.rfind("/") + 1]

    def key(self, file: DataFile) -> str:
        return self.folder + file.name

    def holding(self, files: tuple[DataFile, ...]) -> Written:
        """With these files only, all of them stored; others are to come."""
        own = self.manifest.columns_of_files
        kept = {file.name: own[file.name] for file in files if file.name in own}
        manifest = replace(self.manifest, files=files, columns_of_files=kept)
        return replace(self, manifest=manifest, stored=len(files), whole=False)

    def plus(self, file: DataFile, columns: Columns, *, whole: bool) -> Written:
        """With one more file, which may have other columns than those before it: events were cleaned up since."""
        manifest = replace(self.manifest, files=(*self.files, file))
        if columns != manifest.columns:
            own = {**manifest.columns_of_files, file.name: columns}
            manifest = replace(manifest, columns_of_files=own)
        return replace(self, manifest=manifest, whole=whole)


@dataclass(frozen=True, slots=True)
class Window:
    """Events ``from_seq <= ingest_seq < to_seq`` of one job.

    number: 1, 2, 3 … of the job. at: the instant that names its files, UTC. mark: what the window was asked for, such
    as a slot; empty when nothing in particular. written: its files, each from when its text is whole. closed: its
    manifest is there, or it holds nothing and needs none (then ``manifest_key`` is empty).
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
