"""Settling: from the bytes of the log to rows of the lake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    import pyarrow as pa

    from footfall.ports.log import Entry


@dataclass(frozen=True, slots=True)
class Counts:
    """received = stored + duplicate + quarantined, always. derived: rows stored because of what was received."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    derived: int = 0


class Shape(Protocol):
    """One range of the log as columns. Strings until ``rows`` turns identities and names into keys.

    counts: per source name.
    days: per local day, the events stored for it that reports may say something of: all but derived ends of sessions.
    users: identify_id string, first_at timestamp (UTC µs): every identified user seen and the earliest event.
    visitors: anonymous_id string. accounts: account_id string, first_at. terms: text string. All distinct.
    facts: what the events say about people, see ``People.learn``.
    sessions: see ``Derived.sessions``.
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
    def sessions(self) -> pa.Table | None: ...

    @property
    def quarantined(self) -> pa.Table: ...

    def rows(self, keys: Keys, first_seq: int) -> pa.Table:
        """The stored events in the columns of ``model.event.LAKE_COLUMNS``, in the order of the log; derived last."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Integer keys for the strings of one shape: each a table (text string, key int32)."""

    users: pa.Table
    visitors: pa.Table
    accounts: pa.Table
    terms: pa.Table


@dataclass(frozen=True, slots=True)
class LogRange:
    """A range [start, end) of the log and its entries. heard_us: when the latest was received, µs since 1970.

    added: to a derivation, the rows that those before it added.
    """

    start: int
    end: int
    heard_us: int
    entries: Sequence[Entry] = ()
    added: Sequence[pa.Table] = ()


@dataclass(frozen=True, slots=True)
class Derived:
    """What follows from the events of a range.

    events: the rows that were given, as many and in their order, with what was found out about them in their columns.
    added: rows more, in the same columns; None for none. facts: as ``Shape.facts``; None for none.
    sessions: those of ``OpenSessions.at`` that the range began, changed or (``open`` false) ended, in those columns
    and ``open`` (boolean); None when the derivation keeps nothing.
    """

    events: pa.Table
    added: pa.Table | None = None
    facts: pa.Table | None = None
    sessions: pa.Table | None = None


class Derivation(Protocol):
    """Something that is found out about events when they are settled: without a loop over events.

    It is given the good events of a range without the duplicates, in the order of the log and before keys, with the
    changes of the derivations before it; the rows they added are in ``LogRange.added``:

    ord int32, position int64, index int32 (of the event in its range, in the log and in its body), received_us and
    occurred_us int64, type int16 (``model.event.EventType``), event_id, source, product, environment, channel (the
    last four dictionary-coded), identify_id, anonymous_id, previous_id, account_id, name, detail, session_id,
    execution_id, locale, trigger_type, properties, global_context, user_attributes, account_attributes (strings, null
    where nothing was said; the last four JSON objects), session_key uint64, step_number int32.

    1. The same events after the same events before give the same result: a range may be given again, as one or in
       other pieces, after any range beyond it.
    2. The id of an added row is a function of its cause. It begins with ``model.event.DERIVED`` unless a client may
       send the same row itself, and then both are one event.
    3. No row is taken away and none changes its place, source, id, type or instant.
    """

    def derive(self, events: pa.Table, taken: LogRange) -> Derived: ...


@runtime_checkable
class Remembering(Protocol):
    """A derivation that keeps something about people from one range to the next, beside what it reads anew."""

    def renew(self) -> None:
        """Forget it: somebody was taken out of the store."""


class OpenSessions(Protocol):
    """Sessions that may still go on, as of a position of the log. ``Ledger.settled`` keeps them.

    1. ``at(p)`` is what was kept when everything before ``p`` had been settled, also when ranges at or after ``p``
       were recorded since, once or repeatedly; so a range whose commit failed begins where it began.
    """

    def at(self, position: int) -> pa.Table:
        """source, product, environment, channel, identify_id, anonymous_id, account_id (of its first event), session_id
        (string), began_us, ended_us (of its events), heard_us (when the last was received; all µs), events (int64)."""


class Shaper(Protocol):
    """Turns entries of the log into columns, without a loop over events.

    1. Every event of every entry ends in exactly one of stored, duplicate, quarantined.
    2. A duplicate has the source and event id of an event stored within the recent window or earlier in the same
       range; the first received is kept.
    3. One unreadable event never takes its neighbours with it.
    4. The same entries and the same remembered window give the same shape.
    5. What derivations add is stored, dated, keyed and counted as derived; it changes nothing of the other counts.
    """

    def remember(self, recent: Iterable[pa.RecordBatch]) -> None:
        """Fill the recent window after a start: batches with ``source`` (string) and ``event_id``, oldest first."""

    def shape(self, entries: Sequence[Entry]) -> Shape: ...
