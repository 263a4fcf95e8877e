"""Looking at what is stored: pages of events, users and accounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from footfall.model.event import EventType
    from footfall.model.selection import Selection, Value


@dataclass(frozen=True, slots=True)
class EventsWanted:
    """Events of some types that answer ``selection``, among those before ``upto`` (ingest_seq).

    content_types: type of an engagement by its id, for events that do not say.
    """

    types: Sequence[EventType]
    selection: Selection
    upto: int
    content_types: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event of the lake, with texts for keys. person: identify id, or the id of a visitor if not ``identified``.

    at_us: occurred_at in microseconds since 1970. properties, global_context: as stored, empty if there are none.
    """

    type: EventType
    event_id: str
    at_us: int
    identified: bool
    person: str | None
    account: str | None
    product: str | None
    environment: str | None
    channel: str | None
    name: str | None
    detail: str | None
    session_id: str | None
    execution_id: str | None
    step_number: int | None
    locale: str | None
    trigger_type: str | None
    properties: Mapping[str, Any]
    global_context: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Totals:
    """events; distinct identified users and accounts that they name."""

    events: int
    users: int
    accounts: int


@dataclass(frozen=True, slots=True)
class EventPage:
    """events: in order. after: where the page ends, to be given back for the next one."""

    events: Sequence[StoredEvent]
    after: tuple[Value, ...]


class EventPages(Protocol):
    """Events of some files of the lake, filtered, sorted and by pages.

    1. Sources of a selection: see ``engines.event_pages``. Without orders it is by date. Of equals the one stored
       first comes first.
    2. The pages of one selection, each asked for with the ``after`` of the one before, hold every event once.
    3. In the order of dates, the first value of ``after`` is the date of the last event, in milliseconds.
    4. Memory stays within the configured limit however many events there are.
    """

    def count(self, files: Sequence[str], wanted: EventsWanted) -> int: ...

    def totals(self, files: Sequence[str], wanted: EventsWanted) -> Totals: ...

    def page(self, files: Sequence[str], wanted: EventsWanted, limit: int, after: tuple[Value, ...] = ()) -> EventPage:
        """The first ``limit`` events behind ``after``. Raises ``BadRecord`` for an ``after`` of another selection."""


class Directory(Protocol):
    """Users and accounts as they are now, without those that were deleted or merged into another.

    1. entity: ``user`` or ``account``. A key is an int32, given once, rising with time.
    2. ``keys`` costs the same on the first page as on the last.
    """

    def count(self, entity: str) -> int: ...

    def keys(self, entity: str, beyond: int, limit: int) -> Sequence[int]:
        """The first ``limit`` keys greater than ``beyond``, rising."""

    def find(self, entity: str, id: str) -> int | None:
        """The key of an identify id or account id, with regard to case."""

    def known(self, entity: str, ids: Sequence[str]) -> Mapping[str, int]:
        """Keys by id of those of ``ids`` that are there, with regard to case; of a user who was merged, the key of the
        one they live on in."""

    def alike(self, entity: str, ids: Sequence[str]) -> Sequence[int]:
        """The keys of ids of ASCII letters, without regard to case, rising."""

    def rows(self, entity: str, keys: Sequence[int]) -> pa.Table:
        """Those of ``keys`` that are there, by key, in the columns of ``People.users`` or ``People.accounts``."""

    def all(self, entity: str) -> pa.RecordBatchReader:
        """Everybody, by key, in the same columns. Read as the batches are asked for, in the thread that asks."""

    def users_of(self, accounts: Sequence[int]) -> Mapping[int, int]:
        """How many users belong to each of these accounts."""


class PeopleOrder(Protocol):
    """Which of many users or accounts answer a selection, and in which order.

    1. Sources of a selection: see ``engines.people_order``. Without orders it is by key. Of equals the lower key comes
       first.
    2. Memory: a batch, and the keys and sort values of those that answer.
    """

    def keys(self, rows: pa.RecordBatchReader, selection: Selection, accounts: Callable[[], pa.Table]) -> pa.Array:
        """Keys (int32) in order. accounts: (key, text) of all accounts, asked for when the selection needs it."""
