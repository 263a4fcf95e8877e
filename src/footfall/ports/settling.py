"""Settling: from the bytes of the log to rows of the lake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    import pyarrow as pa

    from footfall.ports.log import Entry


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
