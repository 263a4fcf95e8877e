"""Deliver the reports of a closed day: each data file first, then its manifest, then the entry in the ledger.

Names and bytes follow from the sealed day alone, so a delivery that broke off anywhere is finished by running it
again: what is already there with the same bytes counts as delivered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from enum import Enum
from typing import Final

from footfall.errors import Conflict, Damaged, Refused
from footfall.model.days import Zone
from footfall.model.files import PREFIX, FileName
from footfall.model.key_templates import ROLLUPS, Facts, KeyTemplate
from footfall.model.manifest import DataFile, FilePart, Manifest, Superseded
from footfall.model.passing import Text, first_free
from footfall.model.report import Part
from footfall.model.reports import VERSIONS, Report, catalogue
from footfall.model.window_manifest import read_manifest
from footfall.ports import Bucket, Codec, Column, DayState, Delivered, Format, Ledger, OpenDay, Progress, TableFormat

MANIFEST_TYPE: Final = "application/json"


class Place(Enum):
    """Is a name taken? UNKNOWN where that may not be asked: writing tells."""

    FREE = 1
    TAKEN = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Destination:
    """Where and how reports are delivered.

    codec: of a format with types one that does not compress: the file is compressed inside. writer: who writes, for
    the manifest. prefix: first part of every file name. key: where data files lie and how they are called, if not
    under their usual names beside the manifests. job: on whose behalf, for the key. privacy: what is hidden of the days
    that are opened, for the manifest.
    """

    bucket: Bucket
    format: Format | TableFormat
    codec: Codec
    version: str
    writer: str
    prefix: str = PREFIX
    key: KeyTemplate | None = None
    job: str = ROLLUPS
    privacy: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file of a report that was delivered, when all of them were.

    key: of the data file; of the manifest if the report was to be divided and has no rows. size_bytes: of the data file
    as stored. part: which rows they are, see ``DataFile``.
    """

    day: date
    report: str
    version: str
    format: str
    revision: int
    rows: int
    size_bytes: int
    key: str
    manifest_key: str
    part: FilePart = ()


def export_day(
    day: date,
    reports: Sequence[Report],
    to: Destination,
    *,
    close: Callable[[date], DayState],
    open_day: Callable[[date], OpenDay],
    ledger: Ledger,
    zone: Zone,
    progress: Progress | None = None,
) -> Iterator[Delivery]:
    """Close ``day`` if it is open, then yield the files of each of ``reports`` when its manifest and its ledger entry
    are written.

    close, open_day: see ``flows.close_day``. Reports that ``to.version`` does not have are left out.
    A day without events gives files with a header or root only, and manifests with 0 rows.

    Raises ``Conflict`` when a name is taken by other bytes, and whatever the bucket raises; the reports yielded before
    stay delivered.
    """
    state = close(day)
    wanted = [report for report in reports if to.version in report.versions]
    folder = _folder(to, day, ledger)
    opened = open_day(day)
    try:
        orders = [_Order(report, state, to, folder, opened, zone, progress) for report in wanted]
        for number, order in enumerate(orders):
            if progress is not None:
                progress(f"reports of {day}", number, len(wanted), "reports")
            yield from _deliver(order, ledger)
    finally:
        opened.close()
    if progress is not None:
        progress(f"reports of {day}", len(wanted), len(wanted), "reports")


def _folder(to: Destination, day: date, ledger: Ledger) -> str:
    """Where under the destination a day goes: nowhere special, or, empty or ending in "/", a folder of its version.

    The documents give both versions the same file names. The version that a destination got first keeps the plain
    names; the other one lies in ``v1.0/`` or ``v2.0/`` beside them, now and at every later revision.
    """

    def places(version: str) -> Iterator[str]:
        for report in catalogue(version):
            last = ledger.delivered(to.bucket.url, report.name, version, to.format.name, day)
            if last is not None:
                yield last.manifest_key[: last.manifest_key.rfind("/") + 1]

    ours = next(places(to.version), None)
    if ours is not None:
        return ours
    taken = any("" in places(version) for version in VERSIONS if version != to.version)
    return f"v{to.version}/" if taken else ""


@dataclass(frozen=True, slots=True)
class _Order:
    """One report of one day and revision to one destination."""

    report: Report
    state: DayState
    to: Destination
    folder: str
    opened: OpenDay
    zone: Zone
    progress: Progress | None

    @property
    def day(self) -> date:
        return self.state.day

    @property
    def name(self) -> FileName:
        due = self.zone.scheduled(self.day)
        return FileName(self.report.name, due, self.to.format.name, self.state.revision, self.to.prefix)

    def columns(self) -> Sequence[Column]:
        return self.to.format.columns(self.opened.columns(self.report, self.to.version))

    def excluded(self) -> Mapping[str, int]:
        """Of all events of the day: those that a report about users, or accounts, cannot count."""
        reasons = {"user": ("no_user",), "account": ("no_user", "no_account")}.get(self.report.about, ())
        if self.report.relation in ("users", "accounts"):
            reasons = ()  # everyone known is listed, whoever was active
        found = self.opened.excluded()
        return {reason: found[reason] for reason in reasons}

    def files(self) -> Sequence[_File]:
        """One with all rows, or one for each part that the key divides them into; of a report that it cannot divide
        one, too."""
        dividers = () if self.to.key is None else self.to.key.dividers
        sources = {each: self.report.divider(each, self.to.version) for each in dividers}
        asked = [source for source in sources.values() if source]
        parts = self.opened.parts(self.report, self.to.version, asked) if asked else [()]
        return [
            _File(self, part, tuple((each, dict(part).get(source)) for each, source in sources.items()))
            for part in parts
        ]

    def facts(self) -> Facts:
        """What the fields of the key stand for."""
        to, local = self.to, datetime.combine(self.day, time())
        said = {"report": self.report.name, "job": to.job, "zone": self.zone.name, "format": to.format.name,
                "version": to.version, "revision": str(self.state.revision)}  # fmt: skip
        return Facts(said, local, self.zone.scheduled(self.day))

    def say(self, rows: int) -> None:
        if self.progress is not None:
            self.progress(f"{self.report.name} of {self.day}", rows, None, "rows")


@dataclass(frozen=True, slots=True)
class _File:
    """One file of an order. part: its rows. said: the same for the manifest and the key, by names of fields."""

    order: _Order
    part: Part
    said: FilePart

    def name(self, extension: str, attempt: int = 1) -> str:
        """Its key below the folder of the manifest."""
        order, usual = self.order, self.order.name
        if order.to.key is None:
            return usual.data(extension, attempt)
        stem = order.to.key.stem(order.facts(), dict(self.said), usual.bare)
        return usual.data(extension, attempt, stem)

    def text(self) -> Text:
        """The file before its codec, made while it is read."""
        return Text(self._pieces(), self.order.say)

    def _pieces(self) -> Iterator[tuple[int, memoryview | bytes]]:
        order, format_ = self.order, self.order.to.format
        report, version = order.report, order.to.version
        if isinstance(format_, TableFormat):
            about = {"report": report.name, "version": version, "day": order.day.isoformat()}
            columns = order.opened.columns(report, version)
            yield from format_.file(columns, order.opened.values(report, version, self.part), about)
            return
        yield 0, format_.head(order.columns(), report.name, version, order.day)
        yield from order.opened.render(report, version, format_, self.part)
        yield 0, format_.foot()


def _deliver(order: _Order, ledger: Ledger) -> Iterator[Delivery]:
    to, report = order.to, order.report
    files = _put_files(order)
    manifest_key, manifest_sha256, manifest = _put_manifest(order, _manifest(order, files, _superseded(order, ledger)))
    ledger.deliver(
        Delivered(
            destination=to.bucket.url,
            report=report.name,
            version=to.version,
            format=to.format.name,
            day=order.day,
            revision=order.state.revision,
            manifest_key=manifest_key,
            manifest_sha256=manifest_sha256,
        )
    )
    what = (order.day, report.name, to.version, to.format.name, order.state.revision)
    for file in manifest.files:
        yield Delivery(*what, file.rows, file.size_bytes, order.folder + file.name, manifest_key, file.part)
    if not manifest.files:
        yield Delivery(*what, 0, 0, manifest_key, manifest_key)


def _put_files(order: _Order) -> tuple[DataFile, ...]:
    """Write the data files one after the other, or find those that are delivered already; see ``first_free`` for one
    that is encrypted."""
    codec = order.to.codec
    if not codec.repeatable:
        found = _manifest_at(order.to.bucket, order.folder + order.name.manifest)
        if found is not None:
            with _advice(order):
                return _delivered_before(order, found[0])
    with _advice(order):
        return tuple(_put_attempt(file, 1) if codec.repeatable else _put_encrypted(file) for file in order.files())


def _put_encrypted(file: _File) -> DataFile:
    order, extension = file.order, file.order.to.codec.extension
    return first_free(
        lambda attempt: _place(order, file.name(extension, attempt)) is Place.TAKEN,
        lambda attempt: _put_attempt(file, attempt),
    )


def _put_attempt(file: _File, attempt: int) -> DataFile:
    order, to, text = file.order, file.order.to, file.text()
    name = file.name(to.codec.extension, attempt)
    chunks = to.codec.encode(text, name=file.name("", attempt).rpartition("/")[2])
    stored = to.bucket.put(order.folder + name, chunks, content_type=to.codec.content_type)
    return replace(text.file(name, to.codec.name, stored.size_bytes, stored.sha256), part=file.said)


def _place(order: _Order, name: str) -> Place:
    try:
        order.to.bucket.stat(order.folder + name)
    except KeyError:
        return Place.FREE
    except Refused:
        return Place.UNKNOWN
    return Place.TAKEN


def _delivered_before(order: _Order, found: Manifest) -> tuple[DataFile, ...]:
    """The files that ``found`` names, if it describes the texts of this order and they are there."""
    url, files = order.to.bucket.url, order.files()
    if len(found.files) == len(files):
        ours = tuple(_as_if_stored(file, theirs) for file, theirs in zip(files, found.files, strict=True))
        if _manifest(order, ours, found.supersedes).same_delivery(found):
            for file in found.files:
                if _place(order, file.name) is Place.FREE:
                    what = f"{url}/{order.folder}{file.name} is gone, though its manifest is there"
                    raise Conflict(what, "Encrypted bytes cannot be made again")
            return found.files
    raise Conflict(f"{url}/{order.folder}{order.name.manifest} is already there and describes something else")


def _as_if_stored(file: _File, stored: DataFile) -> DataFile:
    """What a manifest would say of ``file``, had it been stored as ``stored``."""
    text = file.text()
    for _ in text:
        pass
    return replace(stored, rows=text.rows, plain_bytes=text.size_bytes, part=file.said)


def _manifest(order: _Order, files: tuple[DataFile, ...], supersedes: Superseded | None) -> Manifest:
    state, zone, to = order.state, order.zone, order.to
    if state.sealed_at is None:
        raise ValueError(f"{state.day} is not sealed, so nothing of it can be delivered")
    bounds = zone.bounds(state.day)
    return Manifest(
        report=order.report.name,
        version=to.version,
        format=to.format.name,
        codec=to.codec.name,
        day=state.day,
        time_zone=zone.name,
        tzdata_version=zone.tzdata_version,
        start=bounds.start,
        end=bounds.end,
        scheduled_at=zone.scheduled(state.day),
        revision=state.revision,
        supersedes=supersedes,
        sealed_at=state.sealed_at,
        log_position=state.position,
        excluded=order.excluded(),
        columns=tuple((column.name, column.type) for column in order.columns()),
        files=files,
        writer=to.writer,
        key="" if to.key is None else str(to.key),
        privacy=to.privacy,
    )


def _put_manifest(order: _Order, manifest: Manifest) -> tuple[str, str, Manifest]:
    """Write the manifest; return its key, the SHA-256 of what is there, and what it says.

    One that is there already and describes the same delivery stays, whoever wrote it.
    """
    key, text, bucket = order.folder + order.name.manifest, manifest.to_json(), order.to.bucket
    same = manifest.same_delivery if order.to.codec.repeatable else manifest.same_text
    with _advice(order):
        try:
            stored = bucket.put(key, [text], content_type=MANIFEST_TYPE)
        except Conflict:
            found = _manifest_at(bucket, key)
            if found is None or not same(found[0]):
                raise
            return key, found[1], found[0]
    return key, stored.sha256, manifest


def _manifest_at(bucket: Bucket, key: str) -> tuple[Manifest, str] | None:
    """A manifest and the SHA-256 of its bytes; None when there is none to be read."""
    try:
        manifest, sha256 = read_manifest(bucket.open(key))
    except (KeyError, Refused, Damaged):
        return None
    return (manifest, sha256) if isinstance(manifest, Manifest) else None


def _superseded(order: _Order, ledger: Ledger) -> Superseded | None:
    """The manifest that this revision replaces at this destination: the one delivered last before it.

    A crash may have come between a manifest and its entry in the ledger, so revisions between the two are looked for
    in the bucket itself.
    """
    to, revision = order.to, order.state.revision
    last = ledger.delivered(to.bucket.url, order.report.name, to.version, to.format.name, order.day, below=revision)
    known = 0 if last is None else last.revision
    for between in range(revision - 1, known, -1):
        name = replace(order.name, revision=between).manifest
        found = _manifest_at(to.bucket, order.folder + name)
        if found is not None and (found[0].report, found[0].version) == (order.report.name, to.version):
            return Superseded(name, found[1])
    return None if last is None else Superseded(last.manifest_key.rpartition("/")[2], last.manifest_sha256)


@contextmanager
def _advice(order: _Order) -> Iterator[None]:
    """Say what to do about a name that is taken by other bytes."""
    try:
        yield
    except Conflict as conflict:
        hint = f"Run `footfall days reopen {order.day}` to deliver a new revision, or deliver to another folder"
        raise Conflict(conflict.what, f"{conflict.hint}. {hint}" if conflict.hint else hint) from conflict
