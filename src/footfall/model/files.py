"""Names of delivered files, from what they hold and never from the clock: a retry finds its own file again.

``{prefix}_{ExtractType}_{ISODateTime}[_r{n}][_a{n}].{csv|json|xml|parquet}[.gz]`` and, beside it, the manifest
``{prefix}_{ExtractType}_{ISODateTime}[_r{n}].{csv|json|xml|parquet}.manifest.json``. ISODateTime is the instant the
day was due (03:00 local of the next date) in ISO 8601 basic form, UTC, also when the export is run by hand later.
Source: PX bucket export, "Filename Structure". Reference: docs/reference/manifest.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from footfall.model.passing import mark_of

PREFIX: Final = "GainsightPX"
FORMATS: Final = ("csv", "json", "xml", "parquet")
MANIFEST_SUFFIX: Final = ".manifest.json"

_STAMP: Final = "%Y%m%dT%H%M%SZ"
_DATA_NAME: Final = re.compile(
    r"[^/]+_[A-Za-z_]+_\d{8}T\d{6}Z(_r[1-9]\d*)?(_a[1-9]\d*)?\.(csv|json|xml|parquet)(\.[a-z0-9]+)*"
)
# Of the app-event stream, see model.windows. Names that a job's template makes can look like anything.
_WINDOW_NAME: Final = re.compile(r"\d{16}-[0-9a-f]{16}(_r[1-9]\d*)?(_a[1-9]\d*)?\.(ndjson|parquet)(\.[a-z0-9]+)*")
_ANY_NAME: Final = re.compile(
    r"(?P<bare>.+?)(_r(?P<revision>[1-9]\d*))?(_a[1-9]\d*)?(?P<ending>\.(csv|json|ndjson|xml|parquet)(\.[a-z0-9]+)*)"
)
# Letters that every bucket, file system and shell takes as they are.
_PREFIX: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class FileName:
    """The name of one report of one day and revision, without folder.

    scheduled_at: ``Zone.scheduled(day)``, UTC. revision: 1, 2, 3 …; the first has no mark in the name.
    prefix: letters, digits, dot, dash and underscore, else ``ValueError``.
    """

    report: str
    scheduled_at: datetime
    format: str
    revision: int = 1
    prefix: str = PREFIX

    def __post_init__(self) -> None:
        if _PREFIX.fullmatch(self.prefix) is None:
            raise ValueError(f"{self.prefix!r} cannot begin a file name: use letters, digits, dot, dash and underscore")
        if self.format not in FORMATS:
            raise ValueError(f"{self.format!r} is not a format; there are {', '.join(FORMATS)}")
        if self.revision < 1:
            raise ValueError("revisions begin with 1")

    @property
    def bare(self) -> str:
        """Without marks and extension."""
        return f"{self.prefix}_{self.report}_{self.scheduled_at.astimezone(UTC):{_STAMP}}"

    @property
    def stem(self) -> str:
        return self.bare + self._mark

    @property
    def _mark(self) -> str:
        return f"_r{self.revision}" if self.revision > 1 else ""

    def data(self, extension: str, attempt: int = 1, bare: str = "") -> str:
        """The data file; ``extension`` is the codec's (``.gz`` or nothing).

        attempt: 2 or more for a file that is encrypted again because what an earlier attempt left cannot be compared.
        bare: another name or key, to which the same marks are added.
        """
        return f"{bare or self.bare}{self._mark}{mark_of(attempt)}.{self.format}{extension}"

    @property
    def manifest(self) -> str:
        """The manifest. It names the format too, so that one folder can hold a day in several formats."""
        return f"{self.stem}.{self.format}{MANIFEST_SUFFIX}"


def revised(name: str, revision: int) -> str:
    """The name or key of a data file or manifest, of whatever kind of delivery, that a later revision of it has."""
    found = _ANY_NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} does not end as a file of ours does")
    return f"{found['bare']}_r{revision}{found['ending']}"


def revision_of(name: str) -> int:
    """Which revision a name is of."""
    found = _ANY_NAME.fullmatch(name)
    return int(found["revision"] or 1) if found is not None else 1


def is_manifest(name: str) -> bool:
    return name.endswith(MANIFEST_SUFFIX)


def is_data(name: str) -> bool:
    """Does ``name`` look like a data file of ours, whatever its prefix?"""
    return not is_manifest(name) and any(each.fullmatch(name) is not None for each in (_DATA_NAME, _WINDOW_NAME))
