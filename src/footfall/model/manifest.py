"""The manifest: what one delivered report of one day and revision holds, and how to check it.

It is written after the data files, so whoever starts from manifests never sees half a delivery. The same delivery
gives the same bytes; nothing in it comes from the clock. Schema: docs/reference/manifest.schema.json.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from footfall.errors import Damaged

MANIFEST_FORMAT: Final = 1
# What the name of a codec ends with when it encrypts.
ENCRYPTED: Final = "+openpgp"
BYTES_MAX: Final = 4 << 20

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_NAME: Final = re.compile(r"[^/\\\x00-\x1f]{1,512}")


def is_encrypted(codec: str) -> bool:
    """Does the codec that manifests call by this name encrypt?"""
    return codec.endswith(ENCRYPTED)


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file as stored, and its text before compression.

    name: without folder; the file lies beside its manifest. size_bytes, sha256: of the bytes in the bucket.
    plain_bytes, plain_sha256: of the text within; the digest is empty when the file is encrypted, as it would let
    anybody check a guess of what is in it. rows: records, the CSV header not counted.
    """

    name: str
    rows: int
    size_bytes: int
    sha256: str
    plain_bytes: int
    plain_sha256: str


@dataclass(frozen=True, slots=True)
class Superseded:
    """The manifest this one replaces: its name beside this one, and the SHA-256 of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """One report of one day and revision.

    start, end, scheduled_at, sealed_at: UTC. log_position: every event of the day that lies before it in the log is
    counted, none after it. excluded: events of the day that the report cannot count, by reason.
    columns: (name, type) as printed in the file. codec: by its name (``gzip``). writer: who wrote the files.
    """

    report: str
    version: str
    format: str
    codec: str
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
    columns: tuple[tuple[str, str], ...]
    files: tuple[DataFile, ...]
    writer: str

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    def to_json(self) -> bytes:
        """UTF-8 JSON, keys in the order of the reference, indented, one line end at the end."""
        replaced = self.supersedes
        value: dict[str, Any] = {
            "manifest": MANIFEST_FORMAT,
            "writer": self.writer,
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
            "supersedes": None if replaced is None else {"manifest": replaced.name, "sha256": replaced.sha256},
            "sealed_at": instant_text(self.sealed_at),
            "log_position": self.log_position,
            "rows": self.rows,
            "excluded": {reason: self.excluded[reason] for reason in sorted(self.excluded)},
            "columns": [{"name": name, "type": type_} for name, type_ in self.columns],
            "files": [file_value(file) for file in self.files],
        }
        return (json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()

    @classmethod
    def from_json(cls, text: bytes) -> Manifest:
        """Read and check every field. Raises ``Damaged`` that names the first one that cannot be."""
        return cls.from_fields(Fields.of(text))

    @classmethod
    def from_fields(cls, fields: Fields) -> Manifest:
        """Like ``from_json``, of a text that was taken apart already."""
        return _read(fields)

    def same_delivery(self, other: Manifest) -> bool:
        """Do both describe the same files of the same day and revision?

        Who wrote them, when, up to which place in the log, and by which release of the tz rules may differ: a day
        that is delivered again by a newer Footfall, or from a restored backup, is still the same delivery.
        """
        return self == replace(
            other,
            writer=self.writer,
            sealed_at=self.sealed_at,
            log_position=self.log_position,
            tzdata_version=self.tzdata_version,
        )

    def same_text(self, other: Manifest) -> bool:
        """``same_delivery``, but the stored bytes and the names of the files may differ: the same, encrypted twice."""
        if len(self.files) != len(other.files):
            return False
        files = tuple(
            replace(theirs, name=ours.name, size_bytes=ours.size_bytes, sha256=ours.sha256)
            for ours, theirs in zip(self.files, other.files, strict=True)
        )
        return self.same_delivery(replace(other, files=files))


def file_value(file: DataFile) -> dict[str, Any]:
    """A data file as it stands in a manifest."""
    return {
        "name": file.name,
        "rows": file.rows,
        "bytes": file.size_bytes,
        "sha256": file.sha256,
        "plain_bytes": file.plain_bytes,
        "plain_sha256": file.plain_sha256 or None,
    }


def instant_text(instant: datetime) -> str:
    """ISO 8601, UTC, as instants stand in a manifest."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


class Fields:
    """An object of a manifest's JSON text, taken apart field by field; ``path`` is where it is, for messages.

    Every method raises ``Damaged`` that names a field which is missing or cannot be.
    """

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict):
            raise Damaged(f"the manifest's {path.rstrip('.') or 'text'} is not an object")
        self._value = value
        self._path = path

    @classmethod
    def of(cls, text: bytes) -> Fields:
        """The outermost object of a manifest."""
        if len(text) > BYTES_MAX:
            raise Damaged(f"the manifest is larger than {BYTES_MAX} bytes")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Damaged(f"the manifest is not JSON: {error}") from error
        return cls(value)

    def has(self, name: str) -> bool:
        return name in self._value

    def is_null(self, name: str) -> bool:
        return self.has(name) and self._value[name] is None

    def take(self, name: str, type_: type, check: Callable[[Any], bool] = lambda _: True) -> Any:
        """The field ``name``, which must be there, be of the type and pass ``check``."""
        if name not in self._value:
            raise Damaged(f"the manifest has no field {self._path}{name}")
        value = self._value[name]
        # bool is an int to Python, but true is no number of rows.
        if not isinstance(value, type_) or isinstance(value, bool) or not check(value):
            raise Damaged(f"the manifest's field {self._path}{name} cannot be {json.dumps(value)[:80]}")
        return value

    def text(self, name: str) -> str:
        return str(self.take(name, str, lambda text: text != ""))

    def count(self, name: str) -> int:
        return int(self.take(name, int, lambda number: number >= 0))

    def sha256(self, name: str) -> str:
        return str(self.take(name, str, lambda text: _SHA256.fullmatch(text) is not None))

    def name(self, name: str) -> str:
        return str(self.take(name, str, lambda text: _NAME.fullmatch(text) is not None and text not in (".", "..")))

    def instant(self, name: str) -> datetime:
        text = self.take(name, str, lambda text: text.endswith("Z"))
        try:
            return datetime.fromisoformat(text[:-1]).replace(tzinfo=UTC)
        except ValueError as error:
            raise Damaged(f"the manifest's field {self._path}{name} is no instant: {text[:80]}") from error

    def day(self, name: str) -> date:
        text = self.text(name)
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise Damaged(f"the manifest's field {self._path}{name} is no date: {text[:80]}") from error

    def objects(self, name: str) -> list[Fields]:
        values = self.take(name, list)
        return [Fields(value, f"{self._path}{name}[{n}].") for n, value in enumerate(values)]

    def counts(self, name: str) -> dict[str, int]:
        inner = Fields(self.take(name, dict), f"{self._path}{name}.")
        return {reason: inner.count(reason) for reason in inner._value}

    def flag(self, name: str) -> bool:
        if not isinstance(self._value.get(name), bool):
            raise Damaged(f"the manifest's field {self._path}{name} is not there, or neither true nor false")
        return bool(self._value[name])

    def texts(self, name: str) -> dict[str, str]:
        inner = Fields(self.take(name, dict), f"{self._path}{name}.")
        return {each: str(inner.take(each, str)) for each in inner._value}

    def object_or_none(self, name: str) -> Fields | None:
        if self._value.get(name, "") is None:
            return None
        return Fields(self.take(name, dict), f"{self._path}{name}.")


def _read(fields: Fields) -> Manifest:
    fields.take("manifest", int, lambda number: number == MANIFEST_FORMAT)
    replaced = fields.object_or_none("supersedes")
    manifest = Manifest(
        report=fields.text("report"),
        version=fields.text("version"),
        format=fields.text("format"),
        codec=fields.text("codec"),
        day=fields.day("day"),
        time_zone=fields.text("time_zone"),
        tzdata_version=fields.text("tzdata_version"),
        start=fields.instant("start"),
        end=fields.instant("end"),
        scheduled_at=fields.instant("scheduled_at"),
        revision=int(fields.take("revision", int, lambda number: number >= 1)),
        supersedes=None if replaced is None else Superseded(replaced.name("manifest"), replaced.sha256("sha256")),
        sealed_at=fields.instant("sealed_at"),
        log_position=fields.count("log_position"),
        excluded=fields.counts("excluded"),
        columns=tuple((column.text("name"), column.text("type")) for column in fields.objects("columns")),
        files=tuple(read_file(file, encrypted=is_encrypted(fields.text("codec"))) for file in fields.objects("files")),
        writer=fields.text("writer"),
    )
    if fields.count("rows") != manifest.rows:
        raise Damaged(f"the manifest says {fields.count('rows')} rows, but its files add up to {manifest.rows}")
    return manifest


def read_file(file: Fields, *, encrypted: bool = False) -> DataFile:
    """The reverse of ``file_value``."""
    return DataFile(
        name=file.name("name"),
        rows=file.count("rows"),
        size_bytes=file.count("bytes"),
        sha256=file.sha256("sha256"),
        plain_bytes=file.count("plain_bytes"),
        plain_sha256="" if encrypted and file.is_null("plain_sha256") else file.sha256("plain_sha256"),
    )
