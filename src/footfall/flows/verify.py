"""Check a bucket against its manifests, with nothing else: no server, no data directory, no definitions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

from footfall.errors import Damaged, Refused
from footfall.model.files import FileName, is_data, is_manifest
from footfall.model.manifest import ENCRYPTED_EXTENSION, DataFile, Manifest, Superseded, is_encrypted
from footfall.model.passing import first_attempt
from footfall.model.records import Counter, counter
from footfall.model.window_manifest import JobManifest, Range, read_manifest
from footfall.ports import Bucket, Codec, Progress

FAULT: Final = "fault"
WARNING: Final = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about one object. severity: ``fault`` (what was delivered is not there or not whole) or ``warning``."""

    severity: str
    key: str
    fault: str


@dataclass(slots=True)
class Outcome:
    """What was looked at, and what was found. size_bytes: of data files, as stored.

    sealed: files that are encrypted, of which without the private key only the stored bytes were checked.
    """

    manifests: int = 0
    files: int = 0
    sealed: int = 0
    rows: int = 0
    size_bytes: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return any(finding.severity == FAULT for finding in self.findings)

    @property
    def verdict(self) -> str:
        faults = sum(finding.severity == FAULT for finding in self.findings)
        warnings = len(self.findings) - faults
        found = f"{_counted(faults, 'fault')}, {_counted(warnings, 'warning')}"
        if faults == 0 and warnings == 0:
            found = "everything is as delivered" if self.manifests else "nothing to check"
        if self.sealed:
            found += f"; of {_counted(self.sealed, 'encrypted file')} the stored bytes were checked, not the text"
        return found


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is kept of a manifest while the others are read: enough for the chain of revisions."""

    key: str
    sha256: str
    revision: int
    supersedes: Superseded | None
    withdrawn: bool


# (folder and prefix, report, version, format): what has one delivery per day.
_Series = tuple[str, str, str, str]
# (kind, job): what delivers windows that follow each other.
_Job = tuple[str, str]


def examine(
    bucket: Bucket, codecs: Mapping[str, Codec], *, prefix: str = "", progress: Progress | None = None
) -> Outcome:
    """Check everything under ``prefix`` and return what was found; see ``verify``."""
    outcome = Outcome()
    outcome.findings.extend(verify(bucket, codecs, outcome, prefix=prefix, progress=progress))
    return outcome


def verify(
    bucket: Bucket,
    codecs: Mapping[str, Codec],
    outcome: Outcome,
    *,
    prefix: str = "",
    progress: Progress | None = None,
) -> Iterator[Finding]:
    """Yield what is wrong under ``prefix``, as it is found, and count in ``outcome`` what was looked at.

    codecs: by the name manifests give them. For every manifest: it is readable, its name says what it says, each data
    file is there with its size and SHA-256, decodes to a text with that SHA-256, has that many rows and those
    columns. Then over all: each revision supersedes the one below it, no two windows of a job share an event, and
    (warnings) no day and no window in between is missing and no data file is without a manifest.

    Memory is one piece of one file and a line per manifest. Raises what the bucket raises, except that a file which is
    not there (``KeyError``) or may not be read (``Refused``) is a fault.
    """
    round_ = _Round(bucket, codecs, outcome)
    for stored in bucket.list(prefix):
        if not is_manifest(stored.key):
            round_.other(stored.key)
            continue
        outcome.manifests += 1
        if progress is not None:
            progress("verify", outcome.manifests, None, "manifests")
        yield from round_.manifest(stored.key)
    yield from round_.over_all.findings()
    yield from round_.strays()


@dataclass(slots=True)
class _OverAll:
    """What is kept of every manifest, to be compared with its neighbours."""

    series: dict[_Series, dict[date, list[_Seen]]] = field(default_factory=dict)
    windows: dict[_Job, list[tuple[Range, str]]] = field(default_factory=dict)
    superseded: set[str] = field(default_factory=set)

    def note(self, key: str, manifest: Manifest | JobManifest, sha256: str) -> None:
        if isinstance(manifest, JobManifest):
            if manifest.supersedes is not None:
                self.superseded.add(f"{key[: key.rfind('/') + 1]}{manifest.supersedes.name}")
            if manifest.window is not None:
                self.windows.setdefault((manifest.kind, manifest.job), []).append((manifest.window, key))
            return
        seen = _Seen(key, sha256, manifest.revision, manifest.supersedes, manifest.withdrawn)
        head = key.partition(f"_{manifest.report}_")[0]
        days = self.series.setdefault((head, manifest.report, manifest.version, manifest.format), {})
        days.setdefault(manifest.day, []).append(seen)

    def findings(self) -> Iterator[Finding]:
        for days in self.series.values():
            yield from _check_revisions(days)
            yield from _check_days(days)
        for ranges in self.windows.values():
            yield from _check_windows([each for each in ranges if each[1] not in self.superseded])


@dataclass(slots=True)
class _Round:
    """One pass over a place. others: keys that may be data files. named: those that a manifest names."""

    bucket: Bucket
    codecs: Mapping[str, Codec]
    outcome: Outcome
    over_all: _OverAll = field(default_factory=_OverAll)
    others: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    # Of encrypted files, which an attempt that broke off may have left beside them under other marks.
    sealed: set[str] = field(default_factory=set)

    def other(self, key: str) -> None:
        """Remember what may be a data file."""
        if is_data(key.rpartition("/")[2]) or key.endswith(ENCRYPTED_EXTENSION):
            self.others.add(key)

    def manifest(self, key: str) -> Iterator[Finding]:
        """Check a manifest and the files it names."""
        folder, _, name = key.rpartition("/")
        try:
            manifest, sha256 = read_manifest(self.bucket.open(key))
        except Damaged as error:
            yield Finding(FAULT, key, str(error))
            return
        except KeyError:
            yield Finding(FAULT, key, "was listed, but is not there")
            return
        except Refused as error:
            yield Finding(FAULT, key, str(error))
            return
        yield from _check_name(key, name, manifest)
        for file in manifest.files:
            data = _beside(folder, file.name)
            self.named.add(data)
            if is_encrypted(manifest.codec):
                self.sealed.add(first_attempt(data))
            yield from _check_file(self.bucket, self.codecs, data, file, manifest, self.outcome)
        self.over_all.note(key, manifest, sha256)

    def strays(self) -> Iterator[Finding]:
        """Data files that nobody names."""
        for key in sorted(self.others - self.named):
            if is_data(key.rpartition("/")[2]) or first_attempt(key) in self.sealed:
                yield Finding(
                    WARNING, key, "no manifest names this data file: its delivery is unfinished, or it is a stray"
                )


def _check_name(key: str, name: str, manifest: Manifest | JobManifest) -> Iterator[Finding]:
    if not manifest.files and not manifest.key:  # a report without rows has no parts
        yield Finding(FAULT, key, "it names no data file")
    if isinstance(manifest, JobManifest):
        return  # its name is made from a template that only the job knows
    prefix = name.partition(f"_{manifest.report}_")[0]
    try:
        should = FileName(manifest.report, manifest.scheduled_at, manifest.format, manifest.revision, prefix).manifest
    except ValueError as error:
        yield Finding(FAULT, key, str(error))
        return
    if name != should:
        yield Finding(FAULT, key, f"by what it says its name would be {should}")
    if not manifest.start <= manifest.end <= manifest.scheduled_at:
        yield Finding(FAULT, key, "its day does not start before it ends, or ends after it was due")


# --- one data file -----------------------------------------------------------------------------------------------


class _Digested:
    """Chunks on their way through; digest and size are complete when ``drain`` has returned."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._digest.update(chunk)
            self.size_bytes += len(chunk)
            yield chunk

    def drain(self) -> None:
        for _ in self:
            pass


def _check_file(
    bucket: Bucket,
    codecs: Mapping[str, Codec],
    key: str,
    file: DataFile,
    manifest: Manifest | JobManifest,
    outcome: Outcome,
) -> Iterator[Finding]:
    try:
        stored = _Digested(bucket.open(key))
    except KeyError:
        yield Finding(FAULT, key, "the manifest names this file, but it is not there")
        return
    except Refused as error:
        yield Finding(FAULT, key, str(error))
        return
    sealed = is_encrypted(manifest.codec) and manifest.codec not in codecs
    faults = [] if sealed else _text_faults(stored, codecs, file, manifest)
    stored.drain()
    outcome.sealed += sealed
    outcome.files += 1
    outcome.rows += file.rows
    outcome.size_bytes += stored.size_bytes
    # What was stored decides; that a damaged file cannot be decoded either is no news.
    if stored.size_bytes != file.size_bytes:
        faults = [f"it has {stored.size_bytes} bytes, the manifest says {file.size_bytes}"]
    elif stored.sha256 != file.sha256:
        faults = [f"its bytes are not those delivered: SHA-256 {stored.sha256}, the manifest says {file.sha256}"]
    for fault in faults:
        yield Finding(FAULT, key, fault)


def _text_faults(
    stored: _Digested, codecs: Mapping[str, Codec], file: DataFile, manifest: Manifest | JobManifest
) -> list[str]:
    """Decode and count; what is wrong with the text, were its stored bytes right."""
    codec = codecs.get(manifest.codec)
    if codec is None:
        return [f"no codec is known as {manifest.codec!r}, so only its size and SHA-256 were checked"]
    try:
        rows = _counter(manifest, file)
    except KeyError:
        return [f"no format is known as {manifest.format!r}, so its rows were not counted"]
    text = _Digested(codec.decode(stored))
    try:
        for piece in text:
            rows.feed(piece)
    except (Damaged, Refused) as error:
        return [str(error)]
    faults = rows.faults()
    # Of an encrypted file the digest is not told; that it is whole was proved while it was decrypted.
    told = file.plain_sha256 or (text.sha256 if is_encrypted(manifest.codec) else "")
    if (text.size_bytes, text.sha256) != (file.plain_bytes, told):
        faults.append("its text is not the one the manifest describes")
    if rows.rows != file.rows:
        faults.append(f"it has {rows.rows} rows, the manifest says {file.rows}")
    return faults


def _counter(manifest: Manifest | JobManifest, file: DataFile) -> Counter:
    if isinstance(manifest, JobManifest):
        columns = [name for name, _ in manifest.columns_of(file)]
        return counter(manifest.format, "", "", "", columns, header=manifest.header)
    columns = [name for name, _ in manifest.columns]
    return counter(manifest.format, manifest.report, manifest.version, manifest.day.isoformat(), columns)


def _beside(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


# --- over all manifests ------------------------------------------------------------------------------------------


def _check_revisions(days: Mapping[date, list[_Seen]]) -> Iterator[Finding]:
    """The lowest revision at a place supersedes nothing; every other one the next lower, by name and digest.

    One from which people were erased may supersede what was taken away.
    """
    for day in sorted(days):
        seen = sorted(days[day], key=lambda each: each.revision)
        if seen[0].supersedes is not None and not seen[0].withdrawn:
            name = seen[0].supersedes.name
            yield Finding(FAULT, seen[0].key, f"it supersedes {name}, which is not there")
        for lower, higher in pairwise(seen):
            name = lower.key.rpartition("/")[2]
            replaced = higher.supersedes
            if higher.withdrawn and (replaced is None or replaced.name != name):
                continue  # what lies between was taken away; this one could not be
            if replaced is None or replaced.name != name:
                says = "nothing" if replaced is None else replaced.name
                yield Finding(FAULT, higher.key, f"it supersedes {says}, not {name}, the revision below it")
            elif replaced.sha256 != lower.sha256:
                yield Finding(FAULT, lower.key, f"it is not the manifest that revision {higher.revision} supersedes")


def _check_days(days: Mapping[date, list[_Seen]]) -> Iterator[Finding]:
    """A day without events has a manifest too, so a gap means that a delivery is missing."""
    for earlier, later in pairwise(sorted(days)):
        missing = (later - earlier).days - 1
        if missing:
            first, last = earlier + timedelta(days=1), later - timedelta(days=1)
            span = f"{first}" if missing == 1 else f"{first} to {last}"
            yield Finding(WARNING, days[later][0].key, f"no delivery of {span} is there, though one before is")


def _check_windows(ranges: list[tuple[Range, str]]) -> Iterator[Finding]:
    """Each window of a job begins where the one before it ended."""
    for (earlier, before), (later, key) in pairwise(sorted(ranges, key=lambda each: (each[0].from_seq, each[1]))):
        if later.from_seq < earlier.to_seq:
            yield Finding(FAULT, key, f"its window shares events with that of {before}")
        elif later.from_seq > earlier.to_seq:
            span = f"{earlier.to_seq} to {later.from_seq - 1}"
            yield Finding(WARNING, key, f"no delivery of events {span} is there, though one before is")
