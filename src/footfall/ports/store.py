"""The control store: people, days, sources, and what was delivered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import date, datetime

    import pyarrow as pa

    from footfall.model.days import Zone
    from footfall.model.metadata import Metadata
    from footfall.ports.settling import Counts, Keys, Shape


class Store(Protocol):
    """What the four contracts below share when one database implements them.

    1. Everything written inside ``with store.transaction():`` is there together after the block, or not at all when
       the block raises or the process dies. Blocks nest; the outermost decides. A block belongs to its thread.
    """

    def transaction(self) -> AbstractContextManager[None]: ...


class People(Protocol):
    """Users, accounts, identities, and what is known about them as of any local day.

    1. Everything learned is a register: for each attribute the latest ``at`` wins, and of two at the same instant the
       larger value, unless its definition has another merge rule (``model.merging``); so neither the order of arrival
       nor a repetition changes the result.
    2. A key, once given, is never given to another string.
    3. ``users``/``accounts`` as of a day contain nothing that happened after that day's end.
    4. There are at most ``model.attributes.CUSTOM_MAX`` custom attributes of users, and as many of accounts: those
       whose names came first, and those that people defined. Of the others nothing is kept, nor are texts of more than
       ``VALUE_CHARACTERS_MAX``.
    """

    def keys(self, shape: Shape) -> Keys:
        """Find or create the keys of every string of ``shape``, and its users and accounts."""

    def learn(self, facts: pa.Table, zone: Zone) -> None:
        """Apply facts: rows of (at timestamp, kind, user, other, attributes), and of (source, event_id) where known.

        kind ``user``: attributes (JSON object) of user. ``account``: attributes of account ``other``.
        ``member``: user belongs to account ``other`` from ``at``. ``link``: visitor ``other`` is user from ``at``.
        ``merge``: identified user ``other`` is user. ``identify``: user made an identify call at ``at``.
        """

    def forget(self, source: str, prefix: str) -> int:
        """Let users and accounts be as if the events of ``source`` whose ids begin with ``prefix`` had said nothing
        about their attributes; returns how many sayings that were.

        Only what is kept word by word can be forgotten: what came from rows of files, and what was said while an
        attribute had a merge rule. A value that such an event replaced on the same day may not come back; that of the
        day before does. Users, accounts and who belongs to whom stay.
        """

    def texts(self, dimension: str, keys: pa.Array | None = None) -> pa.Table:
        """(key int32, text string) of ``users``, ``visitors``, ``accounts`` or ``terms``; all, or those asked for."""

    def links(self) -> pa.Table:
        """(anonymous_key, user_key, at): when a visitor was found to be a user; before merges. Repeats are left out."""

    def merges(self) -> pa.Table:
        """(user_key, into_key): identified users that were merged, resolved to the last one: by alias, where in a ring
        the earliest merge is void, or because they share what identifies (``model.identity``)."""

    def members(self) -> pa.Table:
        """(user_key, account_key, at): from when on a user belongs to an account; before merges, without repeats."""

    def key_of(self, identify_id: str) -> int | None:
        """The key of a user; None for one who is not known."""

    def users(self, day: date, keys: Sequence[int] | None = None) -> pa.RecordBatchReader:
        """Every user as of the end of ``day``, or those of ``keys``: user_key, uid, identify_id, created_at,
        sign_up_at, modified_at, deleted, account_key, attributes.

        attributes: JSON object, name -> typed value; a default attribute under the name of its column
        (``trackedUserRole``, ``location_cityName``), a custom one under its api name. Dates are
        ``2026-01-31T12:00:00.000Z``; lists and objects are their JSON text. A user merged into another is deleted from
        that instant on. Read as the batches are asked for, in the thread that asks.
        """

    def accounts(self, day: date) -> pa.RecordBatchReader:
        """Every account as of the end of ``day``: account_key, account_id, created_at, modified_at, deleted,
        attributes (as for users)."""

    def custom_attributes(self, entity: str) -> Sequence[tuple[str, str]]:
        """(api name, type) of the enabled custom attributes of ``user`` or ``account``, sorted by name.

        type: STRING, NUMBER, BOOLEAN, DATE_TIME, SET or MAP."""


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
    """Who may send. key_sha256: of the write key; the key itself is shown once and never kept.

    tag: settings of its browser tag that are not as usual, see ``model.tag``.
    """

    name: str
    key_sha256: str
    created_at: datetime
    product_key: str
    environment: str
    channel: str
    revoked_at: datetime | None = None
    tag: Mapping[str, Any] = field(default_factory=dict)


class Sources(Protocol):
    """Write keys and their sources."""

    def by_key(self, write_key: str) -> Source | None: ...

    def all(self) -> Sequence[Source]: ...

    def add(self, source: Source) -> None: ...

    def change(
        self, name: str, *, product_key: str, environment: str, channel: str, tag: Mapping[str, Any] | None = None
    ) -> Source:
        """What its events are taken for from now on; ``Refused`` if no key of that name is in force."""

    def revoke(self, name: str, at: datetime) -> None: ...


class Catalogue(Protocol):
    """Products, environments, features, engagements, surveys and articles, as last defined."""

    def read(self) -> Metadata: ...

    def write(self, metadata: Metadata, at: datetime) -> None:
        """Insert or replace by id; what is not named stays. Deleting is a status, so that names stay known."""
