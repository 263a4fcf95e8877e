"""The contracts: what a flow may ask of the world.

Each class numbers its promises; ``tests/conformance`` repeats them as sentences over every implementation.
Unless a method says otherwise it raises ``Unavailable`` when waiting may help and ``Refused`` when it will not.
A port that is an upper bound (``Kafka`` instead of segment files, PostgreSQL instead of SQLite) changes nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from footfall.model.audience_export import AudienceExport
    from footfall.model.authorizations import Authorization
    from footfall.model.days import Zone
    from footfall.model.event import EventType
    from footfall.model.jobs import Job, Run, Verdict
    from footfall.model.metadata import Metadata
    from footfall.model.reports import Report
    from footfall.model.schedules import Slot
    from footfall.model.windows import Window, Written

# --- the log -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Batch:
    """One accepted request, as it goes to the log: the client's own bytes and what we know about them.

    received_at: microseconds since 1970, UTC.
    source: name of the source whose write key the client used.
    dialect: module of ``wire`` that reads ``body`` (``segment``, ``native``).
    call: the kind of call when the path said it (``track``, ``identify``, ``batch`` …).
    count: events in the body, the rejected ones included.
    rejected: (index, code, message) of events that cannot be used; settle quarantines them.
    address, user_agent: of the client, after policy; empty when not kept.
    body: JSON text, UTF-8, already decompressed and checked to be readable by the dialect.
    """

    received_at: int
    source: str
    dialect: str
    call: str
    count: int
    rejected: tuple[tuple[int, str, str], ...]
    address: str
    user_agent: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A batch at its place in the log. ``next`` is where the following entry begins."""

    position: int
    next: int
    batch: Batch


class Log(Protocol):
    """The order in which the world was accepted. The append is the acceptance.

    1. After ``append`` returns a position, the batch survives ``kill -9`` and a power cut.
    2. Positions rise; ``read`` yields entries in that order, each once, however often the process restarts.
    3. What was never acknowledged may be there or not, whole or not at all; a torn tail is cut at opening and counted.
    4. After one failed fsync every further append is refused until the log is opened anew.
    5. A second process that opens the same log gets ``Conflict``.
    6. ``trim(p)`` may forget entries before ``p``, never one at or after it.

    ``append`` raises ``Unavailable`` when the disk is full or the backlog limit is reached.
    """

    def append(self, batch: Batch) -> int: ...

    def submit(self, batch: Batch, done: Callable[[int | Exception], None]) -> None:
        """Like ``append`` without waiting: ``done`` is called from the log's own thread, once."""

    def read(self, start: int, limit_bytes: int) -> Iterator[Entry]:
        """Yield durable entries from ``start`` on until about ``limit_bytes`` are read or the end is reached."""

    def first(self) -> int: ...

    def end(self) -> int: ...

    def trim(self, position: int) -> None: ...

    def close(self) -> None: ...


# --- settle --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Counts:
    """received = stored + duplicate + quarantined, always."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0


class Shape(Protocol):
    """One range of the log as columns. Strings until ``rows`` turns identities and names into keys.

    counts: per source name.
    days: per local day, the events stored for it.
    users: identify_id string, first_at timestamp (UTC µs): every identified user seen and the earliest event.
    visitors: anonymous_id string. accounts: account_id string, first_at. terms: text string. All distinct.
    facts: what the events say about people, see ``People.learn``.
    quarantined: position int64, index int32, source, received_at, code, message, body (all string but the first two
    and received_at, a timestamp).
    """

    @property
    def counts(self) -> Mapping[str, Counts]: ...

    @property
    def days(self) -> Mapping[date, int]: ...

    @property
    def users(self) -> pa.Table: ...

    @property
    def visitors(self) -> pa.Table: ...

    @property
    def accounts(self) -> pa.Table: ...

    @property
    def terms(self) -> pa.Table: ...

    @property
    def facts(self) -> pa.Table: ...

    @property
    def quarantined(self) -> pa.Table: ...

    def rows(self, keys: Keys, first_seq: int) -> pa.Table:
        """The stored events in the columns of ``model.event.LAKE_COLUMNS``, in the order of the log."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Integer keys for the strings of one shape: each a table (text string, key int32)."""

    users: pa.Table
    visitors: pa.Table
    accounts: pa.Table
    terms: pa.Table


class Shaper(Protocol):
    """Turns entries of the log into columns, without a loop over events.

    1. Every event of every entry ends in exactly one of stored, duplicate, quarantined.
    2. A duplicate has the source and event id of an event stored within the recent window or earlier in the same
       range; the first received is kept.
    3. One unreadable event never takes its neighbours with it.
    4. The same entries and the same remembered window give the same shape.
    """

    def remember(self, recent: Iterable[pa.RecordBatch]) -> None:
        """Fill the recent window after a start: batches with ``source`` (string) and ``event_id``, oldest first."""

    def shape(self, entries: Sequence[Entry]) -> Shape: ...


# --- the lake ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """A file of the lake and the lowest and highest ingest_seq in it."""

    path: str
    first_seq: int
    last_seq: int


class Lake(Protocol):
    """The settled events, partitioned by local day.

    1. ``append`` commits rows and position together or not at all; a crash repeats nothing and loses nothing.
    2. ``append`` whose ``position`` is not beyond the current one raises ``Conflict`` and changes nothing.
    3. A reader that listed files keeps a consistent view until the files are vacuumed.
    4. ``drop`` and ``compact`` change neither the position nor the rows they were not told to drop.
    5. No identity, name or address is in a file or in a statistic of the table.
    """

    def append(self, rows: pa.Table, position: int) -> None: ...

    def position(self) -> int:
        """Where in the log settle must go on; 0 for a new lake."""

    def next_seq(self) -> int: ...

    def days(self) -> Mapping[date, int]:
        """Rows per local day."""

    def files(self, day: date) -> Sequence[str]:
        """The Parquet files of the day, readable by any engine, sorted."""

    def crowded(self, files: int) -> Sequence[date]:
        """Days that lie in more than ``files`` files, oldest first: worth a ``compact``."""

    def recent(self, rows: int) -> Iterator[pa.RecordBatch]:
        """``source`` (term key) and ``event_id`` of about the last ``rows`` stored events, oldest first."""

    def after(self, ingest_seq: int, limit: int) -> pa.Table:
        """The first ``limit`` stored events beyond ``ingest_seq``, in its order, in the columns of the lake."""

    def spans(self, from_seq: int, to_seq: int) -> Sequence[Span]:
        """The files that may hold events ``from_seq <= ingest_seq < to_seq``, by first_seq and path."""

    def drop(self, day: date, ingest_seqs: pa.Array) -> None: ...

    def compact(self, day: date) -> None: ...


# --- the control store ---------------------------------------------------------------------------


class Store(Protocol):
    """What the four contracts below share when one database implements them.

    1. Everything written inside ``with store.transaction():`` is there together after the block, or not at all when
       the block raises or the process dies. Blocks nest; the outermost decides. A block belongs to its thread.
    """

    def transaction(self) -> AbstractContextManager[None]: ...


class People(Protocol):
    """Users, accounts, identities, and what is known about them as of any local day.

    1. Everything learned is a register: for each attribute the latest ``at`` wins, and of two at the same instant the
       larger value; so neither the order of arrival nor a repetition changes the result.
    2. A key, once given, is never given to another string.
    3. ``users``/``accounts`` as of a day contain nothing that happened after that day's end.
    """

    def keys(self, shape: Shape) -> Keys:
        """Find or create the keys of every string of ``shape``, and its users and accounts."""

    def learn(self, facts: pa.Table, zone: Zone) -> None:
        """Apply facts: rows of (at timestamp, kind, user, other, attributes).

        kind ``user``: attributes (JSON object) of user. ``account``: attributes of account ``other``.
        ``member``: user belongs to account ``other`` from ``at``. ``link``: visitor ``other`` is user from ``at``.
        ``merge``: identified user ``other`` is user. ``identify``: user made an identify call at ``at``.
        """

    def texts(self, dimension: str, keys: pa.Array | None = None) -> pa.Table:
        """(key int32, text string) of ``users``, ``visitors``, ``accounts`` or ``terms``; all, or those asked for."""

    def links(self) -> pa.Table:
        """(anonymous_key, user_key, at): when a visitor was found to be a user; before merges. Repeats are left out."""

    def merges(self) -> pa.Table:
        """(user_key, into_key): identified users that were merged, resolved to the last one. In a ring the earliest
        merge is void."""

    def members(self) -> pa.Table:
        """(user_key, account_key, at): from when on a user belongs to an account; before merges, without repeats."""

    def users(self, day: date) -> pa.RecordBatchReader:
        """Every user as of the end of ``day``: user_key, uid, identify_id, created_at, sign_up_at, modified_at,
        deleted, account_key, attributes.

        attributes: JSON object, name -> typed value; a default attribute under the name of its column
        (``trackedUserRole``, ``location_cityName``), a custom one under its api name. Dates are
        ``2026-01-31T12:00:00.000Z``. A user merged into another is deleted from that instant on. Read as the batches
        are asked for, in the thread that asks.
        """

    def accounts(self, day: date) -> pa.RecordBatchReader:
        """Every account as of the end of ``day``: account_key, account_id, created_at, modified_at, deleted,
        attributes (as for users)."""

    def custom_attributes(self, entity: str) -> Sequence[tuple[str, str]]:
        """(api name, type) of the enabled custom attributes of ``user`` or ``account``, sorted by name."""


@dataclass(frozen=True, slots=True)
class DayState:
    """A local day and its last sealing.

    revision: 0 while the day was never closed. position: of the log, at that sealing.
    touched: something was learned about the day after it was sealed, so the next close makes revision + 1.
    """

    day: date
    revision: int
    sealed_at: datetime | None
    position: int
    touched: bool


@dataclass(frozen=True, slots=True)
class Delivered:
    """One report of one day and revision at one destination, as its manifest says."""

    destination: str
    report: str
    version: str
    format: str
    day: date
    revision: int
    manifest_key: str
    manifest_sha256: str


class Ledger(Protocol):
    """What was settled, sealed and delivered.

    1. ``settled`` replaces what an earlier try wrote for positions at or after ``start``: counters stay exact when
       settle repeats a range.
    2. ``seal`` gives each day the revisions 1, 2, 3 … without gaps, and only when the day was touched or never sealed.
    """

    def settled(self, start: int, end: int, shape: Shape, at: datetime) -> None:
        """Record counters, quarantined records and touched days of the range [start, end)."""

    def counts(self) -> Mapping[str, Counts]: ...

    def quarantined(self, limit: int = 100) -> pa.Table: ...

    def day(self, day: date) -> DayState: ...

    def days(self) -> Sequence[DayState]: ...

    def seal(self, day: date, position: int, at: datetime) -> DayState: ...

    def reopen(self, day: date) -> DayState: ...

    def delivered(
        self, destination: str, report: str, version: str, format: str, day: date, *, below: int | None = None
    ) -> Delivered | None:
        """The latest revision at that destination; with ``below``, the latest of those lower than it."""

    def deliver(self, delivered: Delivered) -> None: ...


@dataclass(frozen=True, slots=True)
class Source:
    """Who may send. key_sha256: of the write key; the key itself is shown once and never kept."""

    name: str
    key_sha256: str
    created_at: datetime
    product_key: str
    environment: str
    channel: str
    revoked_at: datetime | None = None


class Sources(Protocol):
    """Write keys and their sources."""

    def by_key(self, write_key: str) -> Source | None: ...

    def all(self) -> Sequence[Source]: ...

    def add(self, source: Source) -> None: ...

    def revoke(self, name: str, at: datetime) -> None: ...


class Catalogue(Protocol):
    """Products, environments, features, engagements, surveys and articles, as last defined."""

    def read(self) -> Metadata: ...

    def write(self, metadata: Metadata, at: datetime) -> None:
        """Insert or replace by id; what is not named stays. Deleting is a status, so that names stay known."""


@dataclass(frozen=True, slots=True)
class Resealed:
    """The end of a change of master keys. key: id of the one that seals now. secrets: how many were sealed anew.

    kept: ids of older keys that nothing is sealed with, still there for backups of the store. forgotten: of those
    that are gone.
    """

    key: str
    secrets: int
    kept: tuple[str, ...]
    forgotten: tuple[str, ...]


class Vault(Protocol):
    """Secrets at rest, whatever they are for: text under (owner, name, field).

    1. ``get`` gives what ``put`` took, in every process that has the master keys.
    2. No secret lies on the disk as it was given, in no file and at no time.
    3. A secret opens only as what it was put as. If its key is missing, or its bytes changed or moved, it is
       ``Damaged``: owner, name and field are named, its value never is. Its neighbours are not affected.
    4. After ``rotate_key`` nothing is sealed with an older key. Every process can read everything all the while, and
       after a kill at any moment.
    """

    def fields(self, owner: str, name: str) -> frozenset[str]:
        """Which secrets there are; opens none."""

    def get(self, owner: str, name: str) -> Mapping[str, str]: ...

    def put(self, owner: str, name: str, secrets: Mapping[str, str]) -> None:
        """Add or replace these fields, all or none; others stay."""

    def drop(self, owner: str, name: str, fields: Iterable[str] | None = None) -> None:
        """Remove these fields, or all."""

    def require_keys(self) -> None:
        """Raise ``Damaged`` if a secret is sealed with a master key that is not there; opens none."""

    def rotate_key(self, *, forget: bool = False) -> Resealed:
        """Draw a new master key, where the keys are Footfall's own, and seal everything with the newest.

        forget: remove the older keys too. Backups made before cannot be opened then.
        """


class Authorizations(Protocol):
    """Ways into places, and the secrets that open them.

    1. What ``get`` and ``all`` return holds no secret but the last four characters of an access key id; ``secrets``
       alone gives them, as they were given.
    2. ``add`` and ``rotate`` take everything at once or change nothing, and take nothing that ``model.authorizations``
       refuses.
    3. ``rotate`` keeps name and settings. Of each group of secrets that belong together (an access key with its
       token, a private key with its passphrase) the new ones replace all old ones; groups not given stay.
    4. An authorization that jobs use is not deleted, unless forced: ``Conflict`` names the jobs.
    5. A status is remembered until the next one; new secrets are ``untested``.
    6. A secret that is ``Damaged`` can be replaced, and disturbs nothing but ``secrets``.

    A name nobody has is ``Refused``.
    """

    def all(self) -> Sequence[Authorization]:
        """By name."""

    def get(self, name: str) -> Authorization: ...

    def secret_names(self, name: str) -> frozenset[str]:
        """Which secrets it has; opens none."""

    def secrets(self, name: str) -> Mapping[str, str]: ...

    def add(self, authorization: Authorization, secrets: Mapping[str, str]) -> Authorization:
        """Raises ``Conflict`` if the name is taken."""

    def rotate(self, name: str, secrets: Mapping[str, str], at: datetime) -> Authorization: ...

    def mark(self, name: str, status: str, note: str = "") -> None:
        """Remember how the last test or use ended: ``authorized``, or ``refused`` and why."""

    def delete(self, name: str, *, force: bool = False) -> None: ...


# --- jobs ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Planned:
    """A slot of a job and how it stands.

    state: one of ``model.jobs.SLOT_STATES``. asked: by a person (a backfill), so catching up never skips it.
    attempts: runs it has had. tries: those since it was last asked for. retry_at: not tried again before.
    holder, leased_until: who runs it; empty and None while nobody does.
    """

    job: str
    slot: Slot
    state: str
    asked: bool
    attempts: int
    tries: int
    retry_at: datetime | None
    holder: str
    leased_until: datetime | None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run one slot until ``leased_until``, and whatever happens under it carries its ``fence``.

    attempt: of the slot, from 1. tries: those since it was asked for, this one included.
    """

    job: Job
    slot: Slot
    attempt: int
    tries: int
    fence: int
    leased_until: datetime


class Jobs(Protocol):
    """Jobs, their slots, and what became of each.

    1. A slot is created once, however many plan it at once, and planning it again changes nothing of it.
    2. Of several who claim at once, one gets the slot. While its lease lasts no other slot of the job can be claimed.
    3. ``claim`` gives what is oldest: of each live job only the first unfinished slot, so that a job catches up in
       order, slots asked for by a person after all others; of several jobs, the slot that was due first.
    4. Fences of a job rise with every claim and cancel, also over deleting and adding it again. ``extend`` and
       ``finish`` with a fence that is not the slot's raise ``Conflict`` and change nothing.
    5. A slot whose lease ran out can be claimed anew; the run it was in has failed.
    6. A slot that is not to be run is there all the same, as ``skipped``: no gap is silent.
    7. A job that was stopped by a person while it ran stays stopped, however the run ends.
    8. Deleting a job keeps its slots and runs; only adding one of its name removes them.

    A name, slot or run that nobody knows is ``Refused``.
    """

    def add(self, job: Job, planned_until: datetime) -> None:
        """``Conflict`` when there is a job of that name. Slots are planned from ``planned_until`` on."""

    def get(self, name: str) -> Job: ...

    def all(self) -> Sequence[Job]:
        """Every job by name, without the deleted ones."""

    def move(self, name: str, state: str, at: datetime, cause: str = "") -> Job:
        """Put the job into a state; see ``model.jobs.moved``."""

    def planned_until(self, name: str) -> datetime: ...

    def plan(
        self, name: str, waiting: Sequence[Slot], skipped: Sequence[Slot], until: datetime, *, supersede: bool
    ) -> int:
        """Create slots, remember how far was planned (never less than before), return how many are new and wait.

        supersede: slots that still wait and are older than the newest of these are skipped, but for those asked for.
        """

    def issue(self, name: str, slots: Sequence[Slot], at: datetime) -> Sequence[str]:
        """Ask for slots, be they new or done before; return the names of those that now wait. One that runs is left."""

    def claim(
        self, now: datetime, until: datetime, holder: str, *, job: str | None = None, slot: str | None = None
    ) -> Claim | None:
        """The oldest slot that is due, leased to ``holder`` until ``until``; None when there is nothing to do.

        job, slot: this slot and no other, due or not, whatever state the job is in but deleted. Then ``Conflict`` says
        that the job is being run, or that the slot does not wait.
        """

    def extend(self, claim: Claim, until: datetime) -> None: ...

    def finish(self, claim: Claim, run: Run, verdict: Verdict) -> None: ...

    def cancel(self, run_id: str, at: datetime) -> Run:
        """End a run, or the slot that waits to be tried again; ``Refused`` when it is over."""

    def retry(self, run_id: str, at: datetime) -> Planned:
        """Let the slot of a run be tried again at once, what was delivered by then left alone; ``Refused`` if it is
        being run or succeeded."""

    def slots(self, name: str, states: Iterable[str] = (), limit: int = 100) -> Sequence[Planned]:
        """The newest slots, in any of these states, newest first."""

    def runs(self, name: str | None = None, limit: int = 100) -> Sequence[Run]:
        """The newest runs, newest first."""

    def run(self, run_id: str) -> Run: ...


# --- reports -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DayInput:
    """All that the reports of one day are made of.

    start, end: the day's bounds, UTC. files: the day's events in the lake. activity: one file per earlier day with
    what each user did (see ``Engine.activity``), for the totals of the snapshots.
    users, accounts, links, merges, members, texts: as ``People`` gives them, the snapshots as of ``day``, read
    when the day is opened.
    """

    day: date
    start: datetime
    end: datetime
    zone: Zone
    files: Sequence[str]
    activity: Mapping[date, str]
    users: Callable[[], pa.RecordBatchReader]
    accounts: Callable[[], pa.RecordBatchReader]
    links: pa.Table
    merges: pa.Table
    members: pa.Table
    texts: Mapping[str, pa.Table]
    metadata: Metadata
    custom_attributes: Mapping[str, Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file as written: name and type as printed in the source documents."""

    name: str
    type: str


class Format(Protocol):
    """How rows become text. Text is built by the engine, so a format is expressions, not a loop.

    1. Every row the engine renders parses back to the same values, for any Unicode a value may hold.
    2. A null is: nothing between two commas (CSV), an absent key (JSON), an absent element (XML). An empty string is
       not.
    3. ``columns`` may drop what the format cannot carry (``globalContext`` in CSV).
    4. A row put together from pieces has the same text as one from ``row``.
    """

    name: str
    opening: str
    closing: str

    def columns(self, columns: Sequence[Column]) -> Sequence[Column]: ...

    def head(self, columns: Sequence[Column], report: str, version: str, day: date) -> bytes: ...

    def foot(self) -> bytes: ...

    def field(self, column: Column, sql: str) -> str:
        """SQL for the text of one value of ``column``; NULL in, NULL out."""

    def row(self, fields: Sequence[str]) -> str:
        """SQL that joins the texts of one row's fields, line end included."""

    def piece(self, field: str, first: bool) -> str:
        """SQL for what a field adds to a row that is put together outside of SQL: ``opening``, pieces, ``closing``.

        The first field of such a row is never null; a piece never is.
        """


class OpenDay(Protocol):
    """A day opened for reporting: its events scanned once, every report asked from the result."""

    def columns(self, report: Report, version: str) -> Sequence[Column]: ...

    def render(self, report: Report, version: str, format: Format) -> Iterator[tuple[int, memoryview | bytes]]:
        """Yield (rows, text) in the report's ``order``, as UTF-8 bytes; same input, same text.

        One thread may read several in turns. Each needs memory of its own: of 20 M events two may not fit.
        """

    def excluded(self) -> Mapping[str, int]:
        """Events that no report counts, by reason (``no_user``, ``no_account``)."""

    def close(self) -> None: ...


class Engine(Protocol):
    """Counts and renders. Every instant it sees is a UTC literal; no zone function runs inside an engine.

    1. Two runs over the same rows give the same bytes, whatever the order of rows, files and threads.
    2. Memory stays within the configured limit however many events the day has; the rest spills to disk.
    """

    def duplicates(self, files: Sequence[str]) -> pa.Array:
        """ingest_seq of every event whose (source, event_id) a lower ingest_seq of the same files has too."""

    def activity(self, day: DayInput, path: str) -> None:
        """Write one Parquet row per user active on the day: user_key, account_key, visits, web_visits, seen_at, events,
        and the VIEWED executions per engagement. Replaces the file at once or not at all. Of ``day`` it needs
        neither snapshots nor metadata."""

    def open(self, day: DayInput) -> OpenDay: ...


# --- audiences -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AudienceInput:
    """What an audience export is made of: users as of an instant and what belongs to them, read when it is needed.

    end: links said at or after it do not count. users, links, merges, texts: as ``People`` gives them.
    custom_attributes: of users. activity: the activity file of each day, see ``Engine.activity``.
    memberships: user keys in, for each a list of the audiences the user is in; None while there are no audiences.
    """

    end: datetime
    users: Callable[[], pa.RecordBatchReader]
    custom_attributes: Sequence[tuple[str, str]]
    links: Callable[[], pa.Table]
    merges: Callable[[], pa.Table]
    texts: Callable[[str], pa.Table]
    activity: Callable[[], Mapping[date, str]]
    memberships: Callable[[pa.Array], pa.Array] | None = None


@dataclass(frozen=True, slots=True)
class AudiencePart:
    """One file of an audience export. name: of the list or map it holds; empty for the file with a row per user."""

    name: str
    columns: tuple[Column, ...]


class OpenAudience(Protocol):
    """A draft opened for rendering. matched: users who answered the filter, before a limit."""

    matched: int

    def counts(self) -> Mapping[str, int]:
        """Users ``added``, ``changed``, ``removed`` and ``unchanged`` since the last run."""

    def parts(self) -> Sequence[AudiencePart]: ...

    def render(self, part: AudiencePart, format: Format) -> Iterator[tuple[int, memoryview | bytes]]:
        """Yield (rows, text) of a part's body, sorted by identify id."""

    def parquet(self) -> Iterator[tuple[int, bytes]]:
        """Yield (rows, bytes) of the whole as one Parquet file."""


class AudienceEngine(Protocol):
    """Chooses users and says what they are.

    1. The same users give the same files, in whatever order and batches they come.
    2. A draft, and a state, is written whole or not at all.
    3. Memory stays within the configured limit however many users there are.
    """

    def draft(self, export: AudienceExport, given: AudienceInput, before: Path | None, path: Path) -> None:
        """Write the draft of a run to ``path``. before: the state that it is compared with."""

    def state(self, draft: Path, path: Path) -> None:
        """Write what the next run is compared with: user_key, uid and digest of everybody in the draft."""

    def open(self, export: AudienceExport, draft: Path) -> AbstractContextManager[OpenAudience]: ...


class AudienceStates(Protocol):
    """Where each job keeps the draft of the run under way and what its last runs delivered.

    1. The place of a draft depends on job, instant and definition: a run that is repeated finds its own draft.
    2. ``before`` is the newest delivered run that is earlier than the instant.
    3. After ``settled`` the draft, which holds people's attributes, is gone.
    """

    def draft(self, export: AudienceExport, at: datetime) -> Path: ...

    def before(self, job: str, at: datetime) -> Path | None: ...

    def later(self, job: str, at: datetime) -> bool:
        """Was a run delivered that is later than ``at``?"""

    def settled(self, export: AudienceExport, at: datetime, write: Callable[[Path], None]) -> None:
        """The run is delivered: let ``write`` write its state, then forget the draft and all but the newest states."""


# --- files ---------------------------------------------------------------------------------------


class Codec(Protocol):
    """A stream of bytes in, a stream of bytes out.

    name: what manifests call it: ``gzip``, ``gzip+openpgp``. extension: ``.gz``, ``.gz.pgp`` or nothing.
    repeatable: the same input gives the same output on every run; not so where something is encrypted.

    1. What ``encode`` gives depends on the bytes and the name, not on how the bytes were cut.
    2. ``encode`` takes the name of the file without the codec's extension; only archives keep it.
    3. ``decode`` gives back the bytes or raises ``Damaged`` (or ``Refused`` for what it does not read), at the end at
       the latest; pieces are of bounded size, however far the input was compressed.
    4. ``decode`` of what is encrypted gives nothing before the integrity of all of it is proved.
    """

    name: str
    extension: str
    content_type: str
    repeatable: bool

    def encode(self, chunks: Iterable[memoryview | bytes], *, name: str = "") -> Iterator[bytes]: ...

    def decode(self, chunks: Iterable[bytes]) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Stored:
    """An object in a bucket. sha256 is of the bytes as stored, hex; empty when the place does not know it."""

    key: str
    size_bytes: int
    sha256: str = ""


class Bucket(Protocol):
    """A place that keeps named, immutable objects.

    1. ``put`` is all or nothing: a reader sees the whole object or none of it, and a failed one leaves nothing behind.
    2. ``put`` never replaces: if the key holds the same bytes it succeeds, if it holds others it raises ``Conflict``.
    3. ``put`` returns only after size and digest of what is stored were compared with what was sent, as far as
       permissions allow; a difference raises ``Damaged``.
    4. After ``put`` returns, ``open``, ``stat`` and ``list`` see the object.
    5. ``list`` yields keys in byte order, however many there are.
    6. ``open`` and ``stat`` of a key that is not there raise ``KeyError``.
    """

    url: str

    def put(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> Stored: ...

    def open(self, key: str) -> Iterator[bytes]: ...

    def stat(self, key: str) -> Stored: ...

    def list(self, prefix: str = "") -> Iterator[Stored]: ...

    def delete(self, key: str) -> None: ...


# --- windows: events since the last run -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EventSelection:
    """Events ``from_seq <= ingest_seq < to_seq`` that lie in ``spans``.

    sources: names; None for all. types: None for all. start, end: bounds of ``occurred_at``, UTC, end exclusive.
    """

    spans: Sequence[Span]
    from_seq: int
    to_seq: int
    sources: Sequence[str] | None = None
    types: Sequence[EventType] | None = None
    start: datetime | None = None
    end: datetime | None = None


class EventText(Protocol):
    """The text of one file of events, in the order of ingest_seq; close it.

    1. The same events give the same bytes.
    2. Memory stays within the configured limit however many events there are.

    columns: as printed; empty when every row may have its own. rows: events in it.
    """

    columns: Sequence[Column]
    rows: int

    def chunks(self) -> Iterator[tuple[int, memoryview | bytes]]:
        """Yield (rows, text), everything around the rows included. A piece is valid until the next is asked for."""

    def close(self) -> None: ...


class Windows(Protocol):
    """Which events each job has delivered, as windows of ingest_seq.

    1. Windows of a job are numbered 1, 2, 3 … and each begins where the one before it ends; the first at event 1.
    2. A window that was fixed never changes its bounds, its instant or its mark, and the next one is not fixed before
       it is closed: ``fix`` returns the open one, whatever is asked.
    3. ``fix`` with the mark of a closed window returns that window; an empty mark matches none.
    4. What is noted replaces what an earlier try noted. A closed window takes no note: ``Conflict``.
    5. ``close`` may be repeated with the same manifest; another one is a ``Conflict``.
    """

    def fix(self, job: str, to_seq: int, at: datetime, mark: str = "") -> Window:
        """The window to deliver now: the open one, the one of ``mark``, else a new one up to ``to_seq``."""

    def note(self, window: Window, written: Written | None) -> Window:
        """Remember what is about to be visible; None when nothing is after all."""

    def close(self, window: Window, manifest_key: str = "", manifest_sha256: str = "") -> Window:
        """Done: the manifest is there, or the window is empty."""

    def last(self, job: str) -> Window | None: ...

    def delivered_to(self, job: str) -> int:
        """Where the last window with a manifest ended; 1 when there is none. Empty windows beyond are not counted."""

    def all(self, job: str) -> Sequence[Window]: ...


@runtime_checkable
class Sweeper(Protocol):
    """A bucket whose large objects arrive in parts, so that a writer that was killed leaves some behind.

    1. ``sweep`` takes away the unfinished uploads of the keys that ``mine`` accepts, when they began longer than
       ``age`` ago by the place's own clock, and returns how many it took. It touches nothing that is complete and
       nothing that is another's.
    """

    def sweep(self, mine: Callable[[str], bool], age: timedelta) -> int: ...


class Probe(Protocol):
    """A place tried one call at a time, to find out which of them work.

    1. A method asks the place for one thing and returns in words what it found; it raises ``Denied`` when that is not
       permitted, another error when it does not work, and returns None when the place has no such thing.
    2. Nothing is made but the object called ``name`` and unfinished uploads, which are taken away where permitted.
    """

    url: str

    def resolve(self) -> str | None: ...

    def authenticate(self) -> str | None: ...

    def write(self, name: str, body: bytes) -> str | None: ...

    def encryption(self, name: str) -> str | None: ...

    def read(self, name: str, body: bytes | None) -> str | None:
        """Read an object to its end; raises ``Damaged`` when ``body`` is given and it is another one."""

    def list(self, name: str) -> str | None:
        """Find the object among those listed; raises ``Damaged`` when it is not."""

    def first(self) -> str | None:
        """The key of any object that is there."""

    def upload(self, name: str) -> str | None:
        """Begin an upload in parts and send one; ``abort`` takes it away again."""

    def abort(self, name: str) -> str | None: ...

    def delete(self, name: str) -> str | None: ...

    def excess(self, name: str, *, writes: bool) -> Sequence[str]:
        """What the credentials may do beyond writing (or, without ``writes``, beyond reading), each in a sentence."""


# --- the world -----------------------------------------------------------------------------------


class Clock(Protocol):
    """Now, UTC and aware. Passed in, so that a day can be lived in a test."""

    def __call__(self) -> datetime: ...


class Progress(Protocol):
    """Told how far long work has come: a step's name, what is done, of how much (None when nobody knows)."""

    def __call__(self, step: str, done: int, total: int | None, unit: str) -> None: ...
