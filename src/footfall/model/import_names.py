"""Names of files that come one after the other: a prefix, a timestamp, an extension.

Source: Lytics, import from S3: "The prefix must match the file name up to the timestamp"; "files should be in the
following format: prefix_timestamp.json. The workflow will understand the sequence of files based on the timestamp."
What a timestamp looks like is said nowhere; here it is (docs/guide/imports.md):

    20261121  202611210800  20261121080000  20261121T080000Z  2026-11-21  2026-11-21T08:00:00+01:00  2026-11-21T08-00-00
    1795248000 (seconds since 1970, ten digits)  1795248000123 (milliseconds, thirteen)

One without an offset is UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from footfall.model.imports import Cursor, FileVersion

Matches = Callable[[str], bool]
"""Does a pattern match all of a text?"""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WRITTEN: Final = re.compile(
    r"(?P<year>\d{4})(?P<dash>[-_.]?)(?P<month>\d\d)(?P=dash)(?P<day>\d\d)"
    r"(?:[T_ -]?(?P<hour>\d\d)(?P<colon>[:._-]?)(?P<minute>\d\d)"
    r"(?:(?P=colon)(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,6}))?)?"
    r"(?P<offset>Z|[+-]\d\d:?\d\d)?)?(?!\d)",
    re.ASCII,
)
_DAY: Final = re.compile(r"(?P<year>\d{4})(?P<dash>[-_.]?)(?P<month>\d\d)(?P=dash)(?P<day>\d\d)(?!\d)", re.ASCII)
_SINCE_1970: Final = re.compile(r"(\d{13}|\d{10})(?!\d)", re.ASCII)
# What may follow the timestamp, by the format of the file: so its manifest, or its twin in another format, is not read.
_EXTENSIONS: Final = {
    "csv": ("csv", "tsv", "tab", "psv", "txt", "dat"),
    "json": ("json", "ndjson", "jsonl"),
    "parquet": ("parquet", "pq"),
}
_CODECS: Final = ("gz", "gzip", "zst", "zstd", "zip", "pgp", "gpg", "asc")
# A pattern up to the first character that is not just itself.
_LITERAL: Final = re.compile(r"(?:[^\\.^$*+?{}\[\]()|]|\\[^A-Za-z0-9])*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FileRow:
    """Files that come one after the other. job: whose cursor it is. pattern, matches: of what is before the timestamp.

    first: name of the file to begin with; from the earliest on without one. on_missing: see ``model.imports``.
    grace: so many checks in a row may find no next file.
    """

    job: str
    pattern: str
    matches: Matches
    format: str
    first: str = ""
    on_missing: str = "wait"
    grace: int = 1


def base_of(key: str) -> str:
    """The last part of a key."""
    return key.rpartition("/")[2]


def position_of(name: str, matches: Matches, format: str) -> datetime | None:
    """When a file is to come in its row: its timestamp, if what is before it is matched and what follows is fitting.

    name: of the file, without folders. format: of ``csv``, ``json``, ``parquet``. None for a file of another row.
    """
    for start in range(len(name)):
        if name[start].isdigit():
            for at, end in _stamps(name, start):
                if _fits(name[end:], format) and matches(name[:start]):
                    return at
    return None


def suggested_prefix(name: str, format: str) -> str | None:
    """The pattern of the row that a file belongs to: what its name says before the timestamp; None without one."""
    for start in range(len(name)):
        if name[start].isdigit() and not name[start - 1 : start].isdigit():
            for _, end in _stamps(name, start):
                if _fits(name[end:], format):
                    return re.sub(r"([\\.^$*+?{}\[\]()|])", r"\\\1", name[:start])
    return None


def literal_start(pattern: str) -> str:
    """What every text that ``pattern`` matches begins with, as far as that is plain, for listing less."""
    if "|" in pattern:
        return ""
    found = _LITERAL.match(pattern)
    text = found.group() if found else ""
    if pattern[len(text) : len(text) + 1] in ("*", "?", "{"):
        text = re.sub(r"(\\?.)\Z", "", text, flags=re.DOTALL)
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def format_of(name: str) -> str | None:
    """The format that the extensions of a file's name speak of; None when they speak of none."""
    for word in reversed(name.lower().split(".")[1:]):
        if word not in _CODECS:
            return next((each for each, words in _EXTENSIONS.items() if word in words), None)
    return None


def _fits(rest: str, format: str) -> bool:
    words = rest.lower().split(".")
    if words.pop(0):
        return False
    while words and words[-1] in _CODECS:
        words.pop()
    return not words or (len(words) == 1 and words[0] in _EXTENSIONS[format])


def _stamps(name: str, start: int) -> list[tuple[datetime, int]]:
    """What could be the timestamp that begins at ``start``, with its end; the longest first."""
    since = _SINCE_1970.match(name, start)
    if since is not None:
        unit = timedelta(seconds=1) if len(since.group()) == 10 else timedelta(milliseconds=1)
        return [(_EPOCH + int(since.group()) * unit, since.end())]
    found: list[tuple[datetime, int]] = []
    for each in (_WRITTEN.match(name, start), _DAY.match(name, start)):
        at = None if each is None else _instant(each)
        if each is not None and at is not None:
            found.append((at, each.end()))
    return found


def _instant(found: re.Match[str]) -> datetime | None:
    parts = found.groupdict()
    offset = parts.get("offset") or "Z"
    fraction = (parts.get("fraction") or "0").ljust(6, "0")
    numbers = [int(parts.get(each) or 0) for each in ("year", "month", "day", "hour", "minute", "second")]
    try:
        at = datetime(*numbers, int(fraction), tzinfo=UTC)  # type: ignore[arg-type,misc]
        if offset == "Z":
            return at
        away = timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:]))
        return at - away if offset[0] == "+" else at + away
    except (ValueError, OverflowError):  # an offset may lead out of the years 1 to 9999
        return None


def coming(listed: Iterable[FileVersion], row: FileRow, cursor: Cursor) -> Iterator[tuple[datetime, FileVersion]]:
    """Of what a place lists, the files of a row that come after the cursor, with their instants, as listed.

    Those of the place itself, not of folders below; what is empty is not there yet.
    """
    begin = None if not row.first or cursor.at is not None else position_of(base_of(row.first), row.matches, row.format)
    for file in listed:
        at = None if "/" in file.key or not file.size_bytes else position_of(file.key, row.matches, row.format)
        if at is None or (cursor.at is not None and (at, file.key) <= (cursor.at, cursor.key)):
            continue
        if begin is None or (at, file.key) >= (begin, row.first):
            yield at, file
