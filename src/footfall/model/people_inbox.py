"""A folder that brings users or accounts: what is taken out of ``current/``, when, and where it goes to.

Source: PX, S3 account and user import (subfolders named ``current`` and ``processed``, an empty file that says that the
data is complete, a callback that is told the status; docs/guide/imports.md). What the vendor calls that empty file is
not known here; ours is the one that Spark and Hadoop write.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from footfall.model.import_names import base_of, format_of
from footfall.model.imports import FileImport, FileVersion
from footfall.model.notices import masked

CURRENT: Final = "current/"
PROCESSED: Final = "processed/"
MARKER: Final = "_SUCCESS"
STREAM: Final = "people"
# Among the settings of an import: where its file was moved to, or is being.
MOVED_TO: Final = "moved_to"
REASONS_MAX: Final = 20  # that a status names
# Of a place on the network or on this machine.
_ADDRESS: Final = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://\S+|(?<![\w./])/(?:[\w.@~+-]+/)+[\w.@~+-]*")
_NAME_BYTES_MAX: Final = 255
_END_BYTES_MAX: Final = 100  # of a name that has to become shorter: its extensions


@dataclass(frozen=True, slots=True)
class Marker:
    """Whether a folder is ready: ``ready``, ``missing``, or ``not_empty``, while somebody still writes it, say."""

    key: str
    state: str
    version: str = ""

    def told(self) -> str:
        """Why nothing is taken; empty when it is ready."""
        if self.state == "ready":
            return ""
        what = "is not there" if self.state == "missing" else "is not empty"
        return f"not ready: {self.key} {what}, so nothing is taken"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why rows were refused: a code and a column, how many, and the line of the first."""

    code: str
    field: str
    rows: int
    first_line: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a file of ``current/``.

    one: its import; None for a file that could not even be begun. moved_to: its key now; empty while it stays.
    error: why no row of it was applied.
    """

    file: FileVersion
    one: FileImport | None
    moved_to: str = ""
    error: str = ""

    @property
    def status(self) -> str:
        """``done``, ``partial`` when rows were refused, ``failed``."""
        if self.error or self.one is None:
            return "failed"
        return "partial" if self.one.bad else "done"

    @property
    def counts(self) -> dict[str, int]:
        applied, refused = (0, 0) if self.one is None else (self.one.applied, self.one.bad)
        return {"read": applied + refused, "applied": applied, "refused": refused}


def is_data(key: str, marker: str) -> bool:
    """Is it a file to be taken: CSV, packed or not, right in ``current/``, and not the marker?"""
    name = key.removeprefix(CURRENT)
    plain = name != key and "/" not in name and not name.startswith(".")
    return plain and name != marker and format_of(name) == "csv"


def processed_key(key: str, id: str = "") -> str:
    """Where a file goes to; with an id under a name of its own, which is no longer than a name may be."""
    name = base_of(key)
    if not id:
        return f"{PROCESSED}{name}"
    stem, dot, rest = name.partition(".")
    if len(f"{stem}_{id}{dot}{rest}".encode()) > _NAME_BYTES_MAX:
        rest = rest.encode()[-_END_BYTES_MAX:].decode(errors="ignore")
        stem = stem.encode()[: _NAME_BYTES_MAX - len(f"_{id}{dot}{rest}".encode())].decode(errors="ignore")
    return f"{PROCESSED}{stem}_{id}{dot}{rest}"


def status_of(taken: Taken, entity: str, reasons: Iterable[Reason]) -> dict[str, Any]:
    """What a callback is told: counts and reasons, no value of a row, and no address."""
    return {
        "object": entity,
        "file": base_of(taken.file.key),
        "moved_to": taken.moved_to,
        "import": "" if taken.one is None else taken.one.id,
        "status": taken.status,
        "rows": taken.counts,
        "errors": [
            {"code": each.code, "field": each.field, "rows": each.rows, "first_line": each.first_line}
            for each in reasons
        ],
        "error": masked(_ADDRESS.sub("(a place)", taken.error)),
    }


def status_id(job: str, place: str, taken: Taken) -> str:
    """The id of what is told: the same however often a crash lets it be told."""
    file = taken.file
    said = (job, place, file.key, file.version, str(file.size_bytes), taken.status, taken.error)
    one = "" if taken.one is None else f"{taken.one.id}"
    return f"msg_{hashlib.sha256(chr(0).join((*said, one)).encode()).hexdigest()[:32]}"


def sentence(told: Mapping[str, Any]) -> str:
    """A status for people."""
    rows = told["rows"]
    if told["status"] == "failed":
        return f"{told['file']} could not be taken: {told['error']}"
    return f"{told['file']}: {rows['applied']:,} rows applied, {rows['refused']:,} refused"
