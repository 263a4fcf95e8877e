"""The manifest: what one delivered report of one day and revision holds, and how to check it.

It is written after the data files, so whoever starts from manifests never sees half a delivery. The same delivery
gives the same bytes; nothing in it comes from the clock. Schema: docs/reference/manifest.schema.json.
``model.window_manifest`` has the other kind of this family.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, ClassVar, Final, Self

from footfall.errors import Damaged
from footfall.model.manifest_fields import Fields, instant_text

MANIFEST_FORMAT: Final = 1
# What the name of a codec ends with when it encrypts.
ENCRYPTED: Final = "+openpgp"
# And the name of a file.
ENCRYPTED_EXTENSION: Final = ".pgp"

Columns = tuple[tuple[str, str], ...]
FilePart = tuple[tuple[str, str | None], ...]


def is_encrypted(codec: str) -> bool:
    """Does the codec that manifests call by this name encrypt?"""
    return codec.endswith(ENCRYPTED)


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file as stored, and its text before compression.

    name: its key below the folder of its manifest; mostly it lies beside it. size_bytes, sha256: of the stored bytes.
    plain_bytes, plain_sha256: of the text within; the digest is empty when the file is encrypted, as it would let
    anybody check a guess of what is in it. rows: records, the CSV header not counted. part: of a delivery that was
    divided by its key, the text of each field that divides it.
    """

    name: str
    rows: int
    size_bytes: int
    sha256: str
    plain_bytes: int
    plain_sha256: str
    part: FilePart = ()

    def value(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        return {
            "name": self.name,
            **({"part": dict(self.part)} if self.part else {}),
            "rows": self.rows,
            "bytes": self.size_bytes,
            "sha256": self.sha256,
            "plain_bytes": self.plain_bytes,
            "plain_sha256": self.plain_sha256 or None,
        }

    @classmethod
    def from_fields(cls, file: Fields, *, encrypted: bool) -> DataFile:
        """The reverse of ``value``. Raises ``Damaged`` that names the first field that cannot be."""
        return cls(
            name=file.path("name"),
            part=tuple(file.texts_or_none("part").items()) if file.has("part") else (),
            rows=file.count("rows"),
            size_bytes=file.count("bytes"),
            sha256=file.sha256("sha256"),
            plain_bytes=file.count("plain_bytes"),
            plain_sha256="" if encrypted and file.is_null("plain_sha256") else file.sha256("plain_sha256"),
        )


@dataclass(frozen=True, slots=True)
class Superseded:
    """The manifest this one replaces: its name beside this one, and the SHA-256 of its bytes."""

    name: str
    sha256: str

    def value(self) -> dict[str, str]:
        """As it stands in a manifest."""
        return {"manifest": self.name, "sha256": self.sha256}

    @classmethod
    def from_fields(cls, fields: Fields) -> Superseded:
        """The reverse of ``value``."""
        return cls(fields.name("manifest"), fields.sha256("sha256"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Described(ABC):
    """What manifests of both kinds say of their files.

    columns: (name, type) as printed in the files. codec: by its name (``gzip``). writer: who wrote the files.
    key: the template that names the files, empty if there is none. privacy: what was hidden, as (pattern of column
    names, action); the first that fits was applied.
    """

    # What two descriptions of the same delivery may say differently.
    MAY_DIFFER: ClassVar[tuple[str, ...]] = ("writer",)

    format: str
    codec: str
    columns: Columns
    files: tuple[DataFile, ...]
    writer: str
    key: str = ""
    privacy: tuple[tuple[str, str], ...] = ()

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @abstractmethod
    def value(self) -> dict[str, Any]:
        """The object that is the manifest, keys in the order of the reference."""

    def key_value(self) -> dict[str, str]:
        """The template of keys as it stands in a manifest, where there is one."""
        return {"key": self.key} if self.key else {}

    def privacy_value(self) -> dict[str, dict[str, str]]:
        """What was hidden as it stands in a manifest, where something was."""
        return {"privacy": dict(self.privacy)} if self.privacy else {}

    def to_json(self) -> bytes:
        """UTF-8 JSON, keys in the order of the reference, indented, one line end at the end."""
        return (json.dumps(self.value(), ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()

    @classmethod
    @abstractmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Check every field. Raises ``Damaged`` that names the first one that cannot be."""

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Like ``from_fields``, of the text."""
        return cls.from_fields(Fields.of(text))

    def same_delivery(self, other: Self) -> bool:
        """Do both describe the same files of the same delivery? See ``MAY_DIFFER``."""
        return self == replace(other, **{name: getattr(self, name) for name in self.MAY_DIFFER})

    def same_text(self, other: Self) -> bool:
        """``same_delivery``, but the stored bytes and the names of the files may differ: the same, encrypted twice."""
        return len(self.files) == len(other.files) and self.same_delivery(other.with_stored(self.files))

    def with_stored(self, files: tuple[DataFile, ...]) -> Self:
        """The same texts, stored as ``files`` are: by their names, sizes and digests, one for each."""
        stored = tuple(
            replace(ours, name=file.name, size_bytes=file.size_bytes, sha256=file.sha256)
            for ours, file in zip(self.files, files, strict=True)
        )
        return replace(self, files=stored)


def shared(fields: Fields) -> dict[str, Any]:
    """The fields of ``Described``. Raises ``Damaged`` that names the first one that cannot be."""
    fields.take("manifest", int, lambda number: number == MANIFEST_FORMAT)
    codec = fields.text("codec")
    files = tuple(DataFile.from_fields(file, encrypted=is_encrypted(codec)) for file in fields.objects("files"))
    for name, times in Counter(file.name for file in files).items():
        if times > 1:
            raise Damaged(f"the manifest names the file {name} twice")
    stated, rows = fields.count("rows"), sum(file.rows for file in files)
    if stated != rows:
        raise Damaged(f"the manifest says {stated} rows, but its files add up to {rows}")
    return {
        "format": fields.text("format"),
        "codec": codec,
        "columns": read_columns(fields),
        "files": files,
        "writer": fields.text("writer"),
        "key": fields.text("key") if fields.has("key") else "",
        "privacy": _privacy(fields),
    }


def _privacy(fields: Fields) -> tuple[tuple[str, str], ...]:
    found = fields.texts_or_none("privacy").items() if fields.has("privacy") else ()
    return tuple((name, action or "") for name, action in found)


def columns_value(columns: Columns) -> list[dict[str, str]]:
    """Columns as they stand in a manifest."""
    return [{"name": name, "type": type_} for name, type_ in columns]


def read_columns(fields: Fields) -> Columns:
    """The reverse of ``columns_value``."""
    return tuple((column.text("name"), column.text("type")) for column in fields.objects("columns"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest(Described):
    """One report of one day and revision.

    start, end, scheduled_at, sealed_at: UTC. log_position: every event of the day that lies before it in the log is
    counted, none after it. excluded: of all events of the day, whatever their type, those of nobody the report can
    count, by reason. withdrawn: what it supersedes was taken away with its files, because people were erased from them.
    """

    # A day that is delivered again by a newer Footfall, or from a restored backup, is still the same delivery.
    MAY_DIFFER: ClassVar[tuple[str, ...]] = ("writer", "sealed_at", "log_position", "tzdata_version", "withdrawn")

    report: str
    version: str
    day: date
    time_zone: str
    tzdata_version: str
    start: datetime
    end: datetime
    scheduled_at: datetime
    revision: int
    supersedes: Superseded | None
    sealed_at: datetime
    log_position: int
    excluded: Mapping[str, int]
    withdrawn: bool = False

    def value(self) -> dict[str, Any]:
        """See ``Described.value``."""
        replaced = self.supersedes
        return {
            "manifest": MANIFEST_FORMAT,
            "writer": self.writer,
            **self.key_value(),
            "report": self.report,
            "version": self.version,
            "format": self.format,
            "codec": self.codec,
            "day": self.day.isoformat(),
            "time_zone": self.time_zone,
            "tzdata_version": self.tzdata_version,
            "start": instant_text(self.start),
            "end": instant_text(self.end),
            "scheduled_at": instant_text(self.scheduled_at),
            "revision": self.revision,
            "supersedes": None if replaced is None else replaced.value(),
            **({"withdrawn": True} if self.withdrawn else {}),
            "sealed_at": instant_text(self.sealed_at),
            "log_position": self.log_position,
            "rows": self.rows,
            "excluded": {reason: self.excluded[reason] for reason in sorted(self.excluded)},
            **self.privacy_value(),
            "columns": columns_value(self.columns),
            "files": [file.value() for file in self.files],
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """See ``Described.from_fields``."""
        replaced = fields.object_or_none("supersedes")
        return cls(
            **shared(fields),
            report=fields.text("report"),
            version=fields.text("version"),
            day=fields.day("day"),
            time_zone=fields.text("time_zone"),
            tzdata_version=fields.text("tzdata_version"),
            start=fields.instant("start"),
            end=fields.instant("end"),
            scheduled_at=fields.instant("scheduled_at"),
            revision=int(fields.take("revision", int, lambda number: number >= 1)),
            supersedes=None if replaced is None else Superseded.from_fields(replaced),
            withdrawn=fields.has("withdrawn") and fields.flag("withdrawn"),
            sealed_at=fields.instant("sealed_at"),
            log_position=fields.count("log_position"),
            excluded=fields.counts("excluded"),
        )
