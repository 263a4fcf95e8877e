"""Imports over a data directory: by hand, as jobs, looked at before and taken back after."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from footfall import observe
from footfall.errors import Conflict, FootfallError, Refused, Unavailable
from footfall.flows.import_files import (
    Desk,
    Plan,
    files_after,
    half_applied,
    import_changed,
    import_file,
    import_row,
    one_file,
    tidy,
)
from footfall.model.event import ENVIRONMENT_DEFAULT, PRODUCT_DEFAULT
from footfall.model.import_names import FileRow, base_of, suggested_prefix
from footfall.model.imports import Cursor, FileImport, FileVersion, ReadOptions
from footfall.model.jobs import FileFacts
from footfall.model.people_loading import PeopleLoading
from footfall.model.remote import Remote
from footfall.ports import RowEvents
from footfall.stores.held_files import FolderHeldFiles
from footfall.stores.imports import SqlImports
from footfall.stores.row_snapshots import FolderSnapshots
from footfall.wiring.authorizations import bucket_at
from footfall.wiring.codecs import key_file, passphrase_given
from footfall.wiring.import_codecs import unpacked
from footfall.wiring.import_readers import file_text, reader_of, rows_ahead, spool_of
from footfall.wiring.import_settings import LOADING, READ_NAMES, ImportSettings, meaning_of, require_types, settings_of
from footfall.wiring.keys import create_key
from footfall.wiring.people_rows import people_rows
from footfall.wiring.private_rows import private_reader, private_rows

if TYPE_CHECKING:
    from footfall.codecs.openpgp_keys import PrivateKey
    from footfall.model.jobs import Attempt, Job
    from footfall.model.schedules import Slot
    from footfall.ports import Bucket, Log, Preview, Progress
    from footfall.wiring.hub import Footfall

# A command settles by itself what it gave to the log, whenever that is as much as is settled at once.
SETTLED_AT_ONCE: Final = 32 << 20
# A job waits for the server to settle, rather than fill the log that clients write to.
UNSETTLED_MAX: Final = 512 << 20
FOLDER: Final = "imports"
# Of a job that a command made because a server holds the log: it imports what the command would.
BY_COMMAND: Final = "by_command"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where files come from and how to get at them; see ``bucket_at``. pgp_private_key: opens what is encrypted."""

    url: str
    authorization: str = ""
    endpoint_url: str = ""
    own_shell: bool = False
    pgp_private_key: Path | None = None

    @classmethod
    def of(cls, job: Job) -> Origin:
        endpoint_url = str(job.options.get("endpoint_url") or "")
        return cls(url=job.url, authorization=job.authorization, endpoint_url=endpoint_url)

    def bucket(self, hub: Footfall) -> Bucket:
        return bucket_at(hub, self.url, self.authorization or None, self.endpoint_url or None, own_shell=self.own_shell)

    def private_key(self, hub: Footfall) -> PrivateKey | None:
        """The key in the file, else the one of an authorization that decrypts."""
        if self.pgp_private_key is not None:
            text, passphrase = key_file(self.pgp_private_key), passphrase_given()
        elif self.authorization and hub.authorizations.get(self.authorization).pgp == "decrypt":
            held = hub.authorizations.secrets(self.authorization)
            text, passphrase = held["pgp_private_key"].encode(), held.get("pgp_passphrase")
        else:
            return None
        from footfall.codecs.openpgp_keys import check_private_key

        return check_private_key(text, passphrase)


def place_and_file(url: str) -> tuple[str, str]:
    """The folder and the name of the file that an address means; no name for a folder.

    A local folder is one; elsewhere what ends with a slash, or has no dot in its last part.
    """
    remote = Remote.parse(url)
    if remote is None:
        from footfall.buckets.places import folder_of

        path = folder_of(url).absolute()
        return (str(path), "") if path.is_dir() or url.endswith("/") else (str(path.parent), path.name)
    name = base_of(url.rstrip("/"))
    if url.endswith("/") or not remote.folder or "." not in name:
        return url, ""
    return url.removesuffix(name).rstrip("/"), name


def ledger_of(hub: Footfall) -> SqlImports:
    return SqlImports(hub.database)


# --- by hand -------------------------------------------------------------------------------------


def import_now(hub: Footfall, origin: Origin, settings: ImportSettings, progress: Progress) -> list[FileImport]:
    """Import one file, or every file of a prefix, and settle what came of it.

    What a command imported before into the same stream is left alone, and so is what it compares with if it does.
    Raises ``Conflict`` while another process holds the log.
    """
    done: list[FileImport] = []
    rows = 0

    def moved(one: FileImport) -> None:
        progress("import", rows + one.next_row, None, "rows")

    desk = _desk(hub, origin, origin.bucket(hub), settings, hub.log, moved=moved)
    with _settling(hub):
        for each in _by_command(desk, settings):
            done.append(each)
            rows += each.next_row
    hub.settle(progress)
    return done


@contextmanager
def _settling(hub: Footfall) -> Iterator[None]:
    """Settle meanwhile what is in the log, as a server would, and never more than one range behind."""
    over = threading.Event()

    def settle() -> None:
        while not over.wait(0.2):
            if hub.log.end() - hub.lake.position() > SETTLED_AT_ONCE:
                try:
                    hub.settle()
                except FootfallError as error:  # whoever waits for the end settles again, and is told
                    observe.went_wrong("settling meanwhile failed", error)
                    return

    thread = threading.Thread(target=settle, name="footfall-settle")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _by_command(desk: Desk, settings: ImportSettings) -> Iterator[FileImport]:
    scope = settings.by_command
    plan = _plan(settings, scope)
    for file in chosen_files(desk.bucket, settings):
        for each in (*(one.file for one in half_applied(desk, plan, file.key) if one.file != file), file):
            known = desk.ledger.cursor(scope)
            cursor = replace(known, key=each.key) if settings.diff or known.snapshot else None
            yield import_file(desk, plan, each, cursor=cursor)
    tidy(desk, scope)


def chosen_files(bucket: Bucket, settings: ImportSettings) -> Iterator[FileVersion]:
    """The files that settings name, as they are now, in their order. Raises ``Refused`` when there is none."""
    if not settings.prefix:
        return iter([one_file(bucket, settings.file)])
    row = FileRow("", settings.prefix, settings.matches, settings.format, settings.file)
    coming = (file for _, file in files_after(bucket, row, Cursor("")))
    if (first := next(coming, None)) is None:
        raise Refused(f"no file in {bucket.url} matches {settings.prefix!r} up to a timestamp", "List them with --list")
    return chain([first], coming)


def known_before(hub: Footfall, origin: Origin, settings: ImportSettings) -> set[str]:
    """Ids of what a command imported of these files before."""
    bucket, ledger, scope = origin.bucket(hub), ledger_of(hub), settings.by_command
    known = (ledger.known(scope, bucket.url, file) for file in chosen_files(bucket, settings))
    return {each.id for each in known if each is not None and each.state == "done"}


def preview_of(hub: Footfall, origin: Origin, name: str, format: str, read: ReadOptions) -> Preview:
    """What the beginning of a file tells."""
    bucket, private = origin.bucket(hub), origin.private_key(hub)
    file = one_file(bucket, name)
    return reader_of(hub, format).preview(file_text(hub, bucket, file, private), read, name=name)


def preview_told(
    hub: Footfall, url: str, authorization: str, file: str, format: str, options: Mapping[str, Any]
) -> Callable[[], Mapping[str, Any]]:
    """``preview_of`` as JSON has it, when it is called. Raises ``Refused`` at once for options that cannot be."""
    unknown = sorted(options.keys() - READ_NAMES)
    if unknown:
        raise Refused(f"a preview has no option {', '.join(unknown)}", f"It has {', '.join(sorted(READ_NAMES))}")
    require_types(options, "a preview")
    try:
        read, _ = meaning_of(options)
    except (TypeError, ValueError) as error:
        raise Refused(f"an option is of a type it cannot be ({error})") from error
    origin = Origin(url=url, authorization=authorization)
    return lambda: previewed(preview_of(hub, origin, file, format, read))


def previewed(found: Preview) -> dict[str, Any]:
    """A preview as JSON has it."""
    return {
        "encoding": found.encoding, "delimiter": found.delimiter, "header": found.header,
        "columns": [{"name": name, "type": kind} for name, kind in found.columns],
        "rows": [json.loads(row) for row in found.rows], "bad": [asdict(bad) for bad in found.bad],
    }  # fmt: skip


def listed(hub: Footfall, origin: Origin, format: str, limit: int) -> list[tuple[str, int | str, str, str]]:
    """(name, bytes, modified, suggested prefix) of the files of a place, by name; of folders the name alone."""
    rows: list[tuple[str, int | str, str, str]] = []
    for stored in origin.bucket(hub).list():
        name, folder, _ = stored.key.partition("/")
        if folder:
            if not rows or rows[-1][0] != f"{name}/":
                rows.append((f"{name}/", "", "", ""))
        else:
            modified = "" if stored.modified_at is None else f"{stored.modified_at:%Y-%m-%d %H:%M:%S}Z"
            rows.append((name, stored.size_bytes, modified, suggested_prefix(name, format) or ""))
        if len(rows) == limit:
            break
    return rows


# --- as jobs -------------------------------------------------------------------------------------


def job_settings(job: Job) -> ImportSettings:
    """What the options of a job of kind ``import`` say. Raises ``Refused``."""
    options = {name: value for name, value in job.options.items() if name != BY_COMMAND}
    return settings_of(options, what=f"job '{job.name}'")


def deliver_import(hub: Footfall, job: Job, slot: Slot, attempt: Attempt) -> Iterator[FileFacts]:
    """The files that are new since the last run; see ``flows.import_files``.

    Raises ``Unavailable`` while another process holds the log: that one has to do it.
    """
    settings = job_settings(job)
    origin = Origin.of(job)
    bucket = origin.bucket(hub)
    if attempt.rehearsal:
        yield from _rehearsed(hub, origin, bucket, settings, job)
        return
    log = log_for_job(hub)

    desk = _desk(
        hub, origin, bucket, settings, log, beat=attempt.beat, moved=lambda _: wait_for_room(hub, log, attempt.beat)
    )
    for one in _applied(desk, settings, job):
        yield FileFacts(one.file.key, one.applied, one.file.size_bytes)


def log_for_job(hub: Footfall) -> Log:
    """The log, to import by a job. Raises ``Unavailable`` while another process holds it: that one has to do it."""
    try:
        return hub.log
    except Conflict as held:
        raise Unavailable(
            f"another process holds the log of {hub.settings.data}",
            "A server that runs there takes this slot within a minute",
        ) from held


def wait_for_room(hub: Footfall, log: Log, beat: Callable[[], None]) -> None:
    """Wait while much of the log is not settled: clients send meanwhile, and what they send must find room there."""
    while log.end() - hub.lake.position() > UNSETTLED_MAX:
        beat()
        time.sleep(0.2)


def _applied(desk: Desk, settings: ImportSettings, job: Job) -> Iterator[FileImport]:
    if job.options.get(BY_COMMAND):
        yield from _by_command(desk, settings)
        return
    plan = _plan(settings, job.name)
    if settings.prefix:
        yield from import_row(desk, plan, _row(settings, job.name))
    elif job.schedule.kind == "once":
        now = one_file(desk.bucket, settings.file)
        for file in (*(one.file for one in half_applied(desk, plan, now.key) if one.file != now), now):
            yield import_file(desk, plan, file, cursor=Cursor(job.name, key=file.key))
    else:
        yield from import_changed(desk, plan, job.name, settings.file, on_missing=settings.on_missing)
    tidy(desk, job.name)


def _row(settings: ImportSettings, job: str) -> FileRow:
    return FileRow(job, settings.prefix, settings.matches, settings.format, settings.file, settings.on_missing,
                   settings.grace)  # fmt: skip


def _rehearsed(
    hub: Footfall, origin: Origin, bucket: Bucket, settings: ImportSettings, job: Job
) -> Iterator[FileFacts]:
    """What would be read: each file that is new, its rows counted and not one of them applied."""
    from footfall.wire.row_columns import wanted_of

    ledger, private = ledger_of(hub), origin.private_key(hub)
    files: Iterator[FileVersion]
    if settings.prefix:
        files = (file for _, file in files_after(bucket, _row(settings, job.name), ledger.cursor(job.name)))
    else:
        file = one_file(bucket, settings.file)
        known = ledger.known(job.name, bucket.url, file)
        files = iter(() if known is not None and known.state == "done" else (file,))
    for file in files:
        rows = bad = 0
        text = partial(file_text, hub, bucket, file, private)
        for batch in rows_ahead(hub, settings.format, file.key, text, settings.read, wanted_of(settings.columns)):
            rows, bad = rows + len(batch.rows), bad + len(batch.bad)
        note = "new" if not bad else f"new; {bad:,} more rows cannot be read"
        yield FileFacts(file.key, rows, file.size_bytes, note=note)


# --- what both use -------------------------------------------------------------------------------


def make_stream(hub: Footfall, name: str) -> None:
    """Let there be a source of that name, without a write key that anybody knows."""
    if all(source.name != name for source in hub.sources.all()):
        create_key(hub, name, product_key=PRODUCT_DEFAULT, environment=ENVIRONMENT_DEFAULT, channel="server")


def _plan(settings: ImportSettings, scope: str) -> Plan:
    return Plan(scope, settings.stream, settings.format, settings.meaning(), settings.diff, settings.skip_bad_files)


def _desk(
    hub: Footfall,
    origin: Origin,
    bucket: Bucket,
    settings: ImportSettings,
    log: Log,
    *,
    beat: Callable[[], None] = lambda: None,
    moved: Callable[[FileImport], None] = lambda one: None,
) -> Desk:
    make_stream(hub, settings.stream)
    folder = hub.settings.data / FOLDER
    private = origin.private_key(hub)
    return Desk(
        bucket=bucket,
        held=FolderHeldFiles(folder),
        ledger=ledger_of(hub),
        snapshots=FolderSnapshots(folder),
        reader=private_reader(hub, reader_of(hub, settings.format), settings.stream),
        decode=partial(unpacked, private=private, spool=spool_of(hub)),
        meaning=partial(_meaning, hub),
        log=log,
        clock=hub.clock,
        beat=beat,
        moved=moved,
    )


def _meaning(hub: Footfall, one: FileImport) -> tuple[ReadOptions, RowEvents]:
    from footfall.wire.rows import EventRows

    read, columns = meaning_of(one.settings)
    if told := one.settings.get(LOADING):
        events = people_rows(hub, one.id, one.began_at, told, one.stream)
        return read, private_rows(hub, events, one.stream, PeopleLoading(**told))
    return read, private_rows(hub, EventRows(one.id, one.stream, one.began_at, columns), one.stream, columns)
