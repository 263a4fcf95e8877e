"""Jobs of kind ``people_import`` over a data directory: taking what is in ``current/``, and rehearsing it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from footfall.errors import Conflict, Damaged, Denied, Refused
from footfall.flows.import_files import Desk, Plan, half_applied, import_file, tidy
from footfall.flows.take_people import Dated, Inbox, marker_of, take_people, waiting_files
from footfall.model.imports import FileImport, FileVersion, ReadOptions, import_id
from footfall.model.jobs import FileFacts
from footfall.model.people_inbox import PROCESSED, Marker, processed_key
from footfall.model.people_loading import OBJECTS, PeopleLoading, fields_of
from footfall.stores.held_files import FolderHeldFiles
from footfall.stores.row_snapshots import FolderSnapshots
from footfall.wiring.import_codecs import unpacked
from footfall.wiring.import_readers import file_text, reader_of, rows_ahead, spool_of
from footfall.wiring.import_settings import LOADING, ImportSettings, meaning_of
from footfall.wiring.imports import (
    FOLDER,
    Origin,
    ledger_of,
    log_for_job,
    make_stream,
    wait_for_room,
)
from footfall.wiring.people_inbox import PeopleInbox, inbox_settings
from footfall.wiring.people_rows import people_rows
from footfall.wiring.people_status import teller_of_files
from footfall.wiring.private_rows import private_reader, private_rows

if TYPE_CHECKING:
    from footfall.model.jobs import Attempt, Job
    from footfall.model.schedules import Slot
    from footfall.ports import Bucket, Log, RowEvents
    from footfall.wiring.hub import Footfall


def deliver_people_import(hub: Footfall, job: Job, slot: Slot, attempt: Attempt) -> Iterator[FileFacts]:
    """The files in ``current/``, when they are ready; see ``flows.take_people``.

    Raises ``Unavailable`` while another process holds the log: that one has to do it.
    """
    chosen = inbox_settings(job)
    _require_own_folder(hub, job)
    origin = Origin.of(job)
    place = _Place(hub, job.name, origin, chosen, Dated(origin.bucket(hub)))
    if attempt.rehearsal:
        yield from _rehearsed(place)
        return
    log = log_for_job(hub)
    make_stream(hub, chosen.stream)
    desk = _desk(place, log, attempt)
    inbox = Inbox(
        bucket=desk.bucket,
        ledger=desk.ledger,
        scope=job.name,
        marker=chosen.marker,
        unfinished=partial(half_applied, desk, Plan(job.name, chosen.stream, "csv")),
        apply=partial(_apply, place, desk),
        tell=teller_of_files(hub, job, slot, attempt, chosen),
        beat=attempt.beat,
        skip_bad_files=chosen.skip_bad_files,
    )
    for each in take_people(inbox):
        if isinstance(each, Marker):
            yield FileFacts("", 0, 0, note=each.told())
        else:
            yield FileFacts(each.file.key, each.counts["applied"], each.file.size_bytes)
    tidy(desk, job.name)
    hub.settle(lambda *_: attempt.beat())


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder with ``current/``, and how its files are read. scope: of its imports."""

    hub: Footfall
    scope: str
    origin: Origin
    chosen: PeopleInbox
    bucket: Bucket

    def settings(self, file: FileVersion) -> ImportSettings:
        """How a file is read: by the mapping of the job, else by the names of its columns."""
        chosen = self.chosen
        mapping = chosen.mapping or fields_of(self._columns(file), OBJECTS[chosen.entity])
        loading = chosen.loading(mapping).plain()
        return ImportSettings(stream=chosen.stream, format="csv", read=chosen.read, loading=loading)

    def text(self, file: FileVersion) -> Iterator[bytes]:
        """The file as it was before it was packed and encrypted."""
        return file_text(self.hub, self.bucket, file, self.origin.private_key(self.hub))

    def _columns(self, file: FileVersion) -> list[str]:
        try:
            found = reader_of(self.hub, "csv").preview(self.text(file), self.chosen.read, name=file.key)
        except KeyError as error:
            raise Conflict(f"{file.key} is not there any more", "The next run takes what is there then") from error
        if not found.columns:
            raise Refused(f"{file.key} has no header", "Its first line names the fields, or the job has a mapping")
        return [name for name, _ in found.columns]


def _require_own_folder(hub: Footfall, job: Job) -> None:
    """Refuse the later of two jobs on one folder: what one applied and has not moved yet, the other applies again."""
    servers = {each.name: each.endpoint_url for each in hub.authorizations.all()}

    def folder(one: Job) -> tuple[str, str]:
        return one.url.rstrip("/"), str(one.options.get("endpoint_url") or servers.get(one.authorization, ""))

    for other in hub.jobs.all():
        if other.state in ("completed", "killed"):
            continue
        is_first = (other.created_at, other.name) < (job.created_at, job.name)
        if other.kind == job.kind and is_first and folder(other) == folder(job):
            raise Refused(
                f"job '{other.name}' takes the files of {job.url} already", "Give each job a folder of its own"
            )


def _desk(place: _Place, log: Log, attempt: Attempt) -> Desk:
    hub = place.hub
    folder = hub.settings.data / FOLDER

    return Desk(
        bucket=place.bucket,
        held=FolderHeldFiles(folder),
        ledger=ledger_of(hub),
        snapshots=FolderSnapshots(folder),
        reader=private_reader(hub, reader_of(hub, "csv"), place.chosen.stream),
        decode=partial(unpacked, private=place.origin.private_key(hub), spool=spool_of(hub)),
        meaning=partial(_meaning, hub),
        log=log,
        clock=hub.clock,
        beat=attempt.beat,
        moved=lambda _: wait_for_room(hub, log, attempt.beat),
    )


def _meaning(hub: Footfall, one: FileImport) -> tuple[ReadOptions, RowEvents]:
    events = people_rows(hub, one.id, one.began_at, one.settings[LOADING], one.stream)
    loading = PeopleLoading(**one.settings[LOADING])
    return meaning_of(one.settings)[0], private_rows(hub, events, one.stream, loading)


def _apply(place: _Place, desk: Desk, file: FileVersion) -> FileImport:
    """Apply a file, or what is missing of it. Who is in the log by then is known to it."""
    known = desk.ledger.known(place.scope, place.bucket.url, file)
    if known is not None and known.state == "done":
        return known
    place.hub.settle(lambda *_: desk.beat())
    if known is not None and known.is_applied and known.state in ("reading", "failed"):
        settings = known.settings  # it goes on as it began
    else:
        settings = place.settings(file).meaning()
    return import_file(desk, Plan(place.scope, place.chosen.stream, "csv", settings), file)


def _rehearsed(place: _Place) -> Iterator[FileFacts]:
    """What would be taken and where it would go to; nothing is written anywhere."""
    chosen, bucket = place.chosen, place.bucket
    marker = marker_of(bucket, chosen.marker)
    if marker.state != "ready":
        yield FileFacts(marker.key, 0, 0, note=marker.told())
        return
    there = {each.key for each in bucket.list(PROCESSED)}
    for file in waiting_files(bucket, chosen.marker)[0]:
        try:
            applied, refused = _read(place, file)
        except Denied:
            raise
        except (Damaged, Refused) as error:
            yield FileFacts(file.key, 0, file.size_bytes, note=f"cannot be read: {error.what}")
            continue
        to = processed_key(file.key)
        if to in there:
            to = processed_key(file.key, import_id(place.scope, bucket.url, file, 1))
        more = f"; {refused:,} more rows would be refused" if refused else ""
        yield FileFacts(file.key, applied, file.size_bytes, note=f"would be moved to {to}{more}")
    yield FileFacts(marker.key, 0, 0, note=f"would be moved to {processed_key(marker.key)}")


def _read(place: _Place, file: FileVersion) -> tuple[int, int]:
    """How many rows of a file would be applied, and how many refused."""
    hub, chosen = place.hub, place.chosen
    applied = refused = 0
    events = people_rows(hub, "", hub.clock(), place.settings(file).loading, place.settings(file).stream)
    for batch in rows_ahead(hub, "csv", file.key, partial(place.text, file), chosen.read, events.columns):
        said, bad = events.read(batch.rows)
        applied, refused = applied + len(said), refused + len(bad) + len(batch.bad)
    return applied, refused
