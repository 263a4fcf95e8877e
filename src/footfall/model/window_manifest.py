"""The manifest of what a job delivered: the events of a window, or people as of an instant.

The same family as ``model.manifest``, told apart by ``kind``, which manifests of reports do not have. It is written
after its data files; the same delivery gives the same bytes. Reference: docs/reference/manifest.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, Final, Self

from footfall.errors import Damaged
from footfall.model.manifest import (
    MANIFEST_FORMAT,
    Columns,
    DataFile,
    Described,
    Manifest,
    Superseded,
    columns_value,
    read_columns,
    shared,
)
from footfall.model.manifest_fields import BYTES_MAX, Fields, instant_text

ACTIVITY: Final = "activity"
APP_EVENTS: Final = "app_events"
AUDIENCE: Final = "audience"


@dataclass(frozen=True, slots=True)
class Range:
    """Events ``from_seq <= ingest_seq < to_seq``; windows of a job that held nothing for it are part of the next."""

    from_seq: int
    to_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobManifest(Described):
    """What one run of a job delivered.

    kind: ``activity``, ``app_events``, ``audience`` … job: its name. format: ``csv``, ``json`` … of every file.
    header: whether a CSV file begins with the names of its columns. at: the instant that names the files, UTC.
    window: the events it is made of; None for what is no window of events. options: what was asked for, as texts.
    columns: of JSON those that every row may have, and rows may have others, if there are none.
    columns_of_files: by name of file, the columns of those that have others.
    supersedes, withdrawn: of a delivery that was written anew because people were erased from it, see ``Manifest``.
    """

    MAY_DIFFER: ClassVar[tuple[str, ...]] = ("writer", "supersedes", "withdrawn")

    kind: str
    job: str
    at: datetime
    window: Range | None = None
    header: bool = True
    options: Mapping[str, str] = field(default_factory=dict)
    columns_of_files: Mapping[str, Columns] = field(default_factory=dict)
    supersedes: Superseded | None = None
    withdrawn: bool = False

    def columns_of(self, file: DataFile) -> Columns:
        return self.columns_of_files.get(file.name, self.columns)

    def value(self) -> dict[str, Any]:
        """See ``Described.value``."""
        window, options = self.window, self.options
        return {
            "manifest": MANIFEST_FORMAT,
            "kind": self.kind,
            "writer": self.writer,
            **self.key_value(),
            "job": self.job,
            "format": self.format,
            "codec": self.codec,
            "header": self.header,
            "at": instant_text(self.at),
            "window": None if window is None else {"from_seq": window.from_seq, "to_seq": window.to_seq},
            "options": {name: options[name] for name in sorted(options)},
            **({} if self.supersedes is None else {"supersedes": self.supersedes.value()}),
            **({"withdrawn": True} if self.withdrawn else {}),
            "rows": self.rows,
            **self.privacy_value(),
            "columns": columns_value(self.columns),
            "files": [self._file_value(file) for file in self.files],
        }

    def _file_value(self, file: DataFile) -> dict[str, Any]:
        own = self.columns_of_files.get(file.name)
        return file.value() if own is None else {**file.value(), "columns": columns_value(own)}

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """See ``Described.from_fields``."""
        window = fields.object_or_none("window")
        replaced = fields.object_or_none("supersedes") if fields.has("supersedes") else None
        manifest = cls(
            **shared(fields),
            kind=fields.text("kind"),
            job=fields.text("job"),
            header=fields.flag("header"),
            at=fields.instant("at"),
            window=None if window is None else Range(window.count("from_seq"), window.count("to_seq")),
            options=fields.texts("options"),
            supersedes=None if replaced is None else Superseded.from_fields(replaced),
            withdrawn=fields.has("withdrawn") and fields.flag("withdrawn"),
            columns_of_files={
                file.path("name"): read_columns(file) for file in fields.objects("files") if file.has("columns")
            },
        )
        if manifest.window is not None and manifest.window.to_seq < manifest.window.from_seq:
            raise Damaged("the manifest's window ends before it begins")
        return manifest

    def with_stored(self, files: tuple[DataFile, ...]) -> Self:
        """See ``Described.with_stored``; columns follow their files to the new names."""
        own = {
            file.name: self.columns_of_files[ours.name]
            for ours, file in zip(self.files, files, strict=True)
            if ours.name in self.columns_of_files
        }
        # Not super(): a slotted dataclass is made anew, and the zero-argument form would look for the old one.
        return replace(Described.with_stored(self, files), columns_of_files=own)


def read_manifest(chunks: Iterable[bytes]) -> tuple[Manifest | JobManifest, str]:
    """A manifest of either kind, and the SHA-256 of its bytes. Raises ``Damaged`` for anything else."""
    text = bytearray()
    for chunk in chunks:
        text += chunk
        if len(text) > BYTES_MAX:
            raise Damaged(f"the manifest is larger than {BYTES_MAX} bytes")
    fields = Fields.of(bytes(text))
    kind = JobManifest if fields.has("kind") else Manifest
    return kind.from_fields(fields), hashlib.sha256(text).hexdigest()
