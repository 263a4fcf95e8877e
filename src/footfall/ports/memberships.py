"""Membership: who is in which audience, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import date, datetime

    import pyarrow as pa

    from footfall.model.audience_reasons import Explanation
    from footfall.model.audience_rules import Happened
    from footfall.model.audiences import Audience
    from footfall.ports.audiences import AudienceInput
    from footfall.ports.reports import DayInput


@dataclass(frozen=True, slots=True)
class Population:
    """Everybody whom audiences may hold and what rules ask about them, read when it is needed.

    now: what relative instants are relative to; day: the local day of it, from which spans of days count back.
    people: users as of the end of ``day``. accounts: as ``People`` gives them, as of the same instant.
    account_attributes: custom ones. usage: the usage file of each day, see ``MembershipEngine.usage``.
    listed: name of an audience in, the values that were imported for it, as one column of texts.
    filtered: conditions with a WHERE in, each as a ``count`` without days, with the first day that is asked for; for
    each the files of the days up to ``day``, see ``MembershipEngine.filtered``.
    """

    now: datetime
    day: date
    people: AudienceInput
    accounts: Callable[[], pa.RecordBatchReader]
    account_attributes: Sequence[tuple[str, str]]
    usage: Callable[[], Mapping[date, str]]
    listed: Callable[[str], pa.Array]
    filtered: Callable[[Mapping[Happened, date]], Mapping[Happened, Mapping[date, str]]]


class OpenMemberships(Protocol):
    """Everybody looked at once. users: how many there are.

    faults: audiences that cannot be evaluated (and those made of them), each with what is wrong. They have no members.
    """

    users: int

    @property
    def faults(self) -> Mapping[str, str]: ...

    def counts(self) -> Mapping[str, int]:
        """Members of each audience."""

    def keys(self, name: str) -> pa.Array:
        """The user keys of the members, rising, without repeats."""

    def members(self, name: str) -> Iterator[pa.RecordBatch]:
        """The members by identify id: user_key, uid, identify_id, account_id."""

    def names_of(self, keys: pa.Array) -> pa.Array:
        """For each user key the list of the audiences the user is in, by name."""

    def explain(self, name: str, user_key: int) -> Explanation: ...


class MembershipEngine(Protocol):
    """Decides who is in which audience.

    1. A rule is true or false of every user: who lacks what a condition asks for answers no, except to ``!=``.
    2. The same people give the same answers, in whatever order and batches they come.
    3. ``explain`` agrees with ``members``.
    4. An audience that cannot be evaluated takes no other with it, but those made of it.
    5. Memory stays within the configured limit however many users there are.
    """

    def usage(self, day: DayInput, path: str) -> None:
        """Write a Parquet row per user and thing done on the day (type, name, detail, question): how often, when first
        and last, the last score and answer given. Replaces the file at once or not at all. Of ``day`` it needs neither
        snapshots nor metadata."""

    def filtered(self, day: DayInput, wanted: Mapping[str, Happened]) -> None:
        """Write Parquet files, each at its path, of what users did on the day that answers a condition with a WHERE: a
        row per user, of the columns of a usage file without what it was. One reading of the events serves all. Of
        ``day`` it needs what ``usage`` does."""

    def open(self, audiences: Sequence[Audience], people: Population) -> AbstractContextManager[OpenMemberships]: ...


class Audiences(Protocol):
    """The audiences that are defined.

    1. Those that are there can be evaluated together: what one includes is there, and none includes itself.
    2. A list is replaced whole or not at all.

    Raises ``Missing`` for a name that is not there, ``Refused`` for what would break 1.
    """

    def all(self) -> Sequence[Audience]:
        """By name."""

    def get(self, name: str) -> Audience: ...

    def add(self, audience: Audience, at: datetime) -> Audience:
        """``Conflict`` for a name that is taken."""

    def change(self, audience: Audience, at: datetime) -> Audience:
        """Replace the definition of that name. A list stays one, with its values."""

    def delete(self, name: str) -> None: ...

    def values(self, name: str) -> pa.Array:
        """What was imported for a list, sorted; empty for an audience with a rule."""

    def count_values(self, name: str) -> int: ...

    def put_values(self, name: str, values: Iterable[str], at: datetime, *, keep: bool = False) -> int:
        """Import a list in place of what it holds, or beside it (``keep``); return how many values it holds now."""


@dataclass(frozen=True, slots=True)
class Membership:
    """Who was in an audience at a look, and who had just left: rows of ``model.audiences.MEMBERSHIP_COLUMNS``."""

    looked_at: datetime
    rows: pa.Table


class MembershipStates(Protocol):
    """Who was in each audience at the last look, and at one whose changes are still being told.

    1. What ``prepare`` wrote survives a crash, and stays until ``commit`` makes it the state of the last look.
    2. A state is there whole or not at all.
    """

    def read(self, name: str) -> Membership | None:
        """The members at the last look, without who had left; None if nobody looked yet."""

    def waiting(self) -> Sequence[str]:
        """Audiences whose last ``prepare`` has no ``commit`` yet."""

    def read_next(self, name: str) -> Membership:
        """What was prepared."""

    def prepare(self, name: str, found: Membership) -> None: ...

    def commit(self, name: str) -> None: ...

    def keep(self, names: Collection[str]) -> None:
        """Forget every other audience."""
