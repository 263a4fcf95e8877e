"""The manifest of a file that a job delivered: the events of a window, or people as of an instant.

The same family as ``model.manifest``, told apart by ``kind``, which manifests of reports do not have. It is written
after its data files; the same delivery gives the same bytes. Reference: docs/reference/manifest.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from footfall.errors import Damaged
from footfall.model.manifest import MANIFEST_FORMAT, DataFile, Fields, file_value, instant_text, read_file

Columns = tuple[tuple[str, str], ...]

ACTIVITY: Final = "activity"
APP_EVENTS: Final = "app_events"
AUDIENCE: Final = "audience"


@dataclass(frozen=True, slots=True)
class Range:
    """Events ``from_seq <= ingest_seq < to_seq``; windows of a job that held nothing for it are part of the next."""

    from_seq: int
    to_seq: int


@dataclass(frozen=True, slots=True)
class JobManifest:
    """What one run of a job delivered.

    kind: ``activity``, ``app_events``, ``audience`` … job: its name. format: ``csv``, ``json`` … of every file.
    header: whether a CSV file begins with the names of its columns. at: the instant that names the files, UTC.
    window: the events it is made of; None for what is no window of events. options: what was asked for, as texts.
    columns: (name, type) in order; of JSON those that every row may have, and rows may have others, if there are none.
    columns_of_files: by name of file, the columns of those that have others.
    """

    kind: str
    job: str
    format: str
    codec: str
    at: datetime
    columns: Columns
    files: tuple[DataFile, ...]
    writer: str
    window: Range | None = None
    header: bool = True
    options: Mapping[str, str] | None = None
    columns_of_files: Mapping[str, Columns] = field(default_factory=dict)

    def columns_of(self, file: DataFile) -> Columns:
        return self.columns_of_files.get(file.name, self.columns)

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    def to_json(self) -> bytes:
        """UTF-8 JSON, keys in the order of the reference, indented, one line end at the end."""
        window, options = self.window, self.options or {}
        value: dict[str, Any] = {
            "manifest": MANIFEST_FORMAT,
            "kind": self.kind,
            "writer": self.writer,
            "job": self.job,
            "format": self.format,
            "codec": self.codec,
            "header": self.header,
            "at": instant_text(self.at),
            "window": None if window is None else {"from_seq": window.from_seq, "to_seq": window.to_seq},
            "options": {name: options[name] for name in sorted(options)},
            "rows": self.rows,
            "columns": _columns_value(self.columns),
            "files": [self._file_value(file) for file in self.files],
        }
        return (json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()

    def _file_value(self, file: DataFile) -> dict[str, Any]:
        own = self.columns_of_files.get(file.name)
        return file_value(file) if own is None else {**file_value(file), "columns": _columns_value(own)}

    @classmethod
    def from_fields(cls, fields: Fields) -> JobManifest:
        """Check every field. Raises ``Damaged`` that names the first one that cannot be."""
        fields.take("manifest", int, lambda number: number == MANIFEST_FORMAT)
        window = fields.object_or_none("window")
        manifest = cls(
            kind=fields.text("kind"),
            writer=fields.text("writer"),
            job=fields.text("job"),
            format=fields.text("format"),
            codec=fields.text("codec"),
            header=fields.flag("header"),
            at=fields.instant("at"),
            window=None if window is None else Range(window.count("from_seq"), window.count("to_seq")),
            options=fields.texts("options"),
            columns=_read_columns(fields),
            files=tuple(read_file(file) for file in fields.objects("files")),
            columns_of_files={
                file.name("name"): _read_columns(file) for file in fields.objects("files") if file.has("columns")
            },
        )
        if fields.count("rows") != manifest.rows:
            raise Damaged(f"the manifest says {fields.count('rows')} rows, but its files add up to {manifest.rows}")
        if manifest.window is not None and manifest.window.to_seq < manifest.window.from_seq:
            raise Damaged("the manifest's window ends before it begins")
        return manifest

    def same_delivery(self, other: JobManifest) -> bool:
        """Do both describe the same files of the same window? Who wrote them may differ."""
        return self == replace(other, writer=self.writer)


def _columns_value(columns: Columns) -> list[dict[str, str]]:
    return [{"name": name, "type": type_} for name, type_ in columns]


def _read_columns(fields: Fields) -> Columns:
    return tuple((column.text("name"), column.text("type")) for column in fields.objects("columns"))
