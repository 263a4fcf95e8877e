"""Telling people: ways to do it, what is still to be told, and whoever carries it there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from footfall.model.channels import Channel, Rule
    from footfall.model.notices import Notice
    from footfall.model.row_counts import Counted


@dataclass(frozen=True, slots=True)
class Posted:
    """A notice and how it stands.

    state: one of ``model.notices.NOTICE_STATES``. put_at: since when it is to be sent. attempts: so far.
    next_at: when a waiting one is tried (again).
    sent_at: None until it was accepted. error: why the last attempt failed; empty otherwise.
    """

    notice: Notice
    state: str
    put_at: datetime
    attempts: int
    next_at: datetime
    sent_at: datetime | None
    error: str


class Messenger(Protocol):
    """Carries notices through one channel.

    1. ``send`` returns only when the other side has accepted the notice; until then it may be sent again.
    2. What is sent carries the id of the notice, the same each time.
    3. ``send`` raises ``Unavailable`` for what passes by itself and ``Refused`` for what a person has to change. The
       message of the error holds no secret of the channel.
    4. It ends within bounded time, and reads a bounded answer, whatever the other side does.
    5. What stands in a notice cannot become another header, another recipient or another field.
    """

    def send(self, notice: Notice) -> None: ...


class Channels(Protocol):
    """Channels with their secrets, and the rules that use them.

    1. What ``all`` and ``get`` return holds no secret; ``secrets`` alone gives them.
    2. ``add``, ``change`` and ``rotate`` take everything at once or change nothing, and take nothing that
       ``model.channels`` refuses.
    3. A channel that rules use is not deleted, unless forced: ``Conflict`` names the rules; then they, and what still
       waits for the channel, go with it.
    4. A rule names a channel that exists, and has addresses only if it is a mail channel.

    A name nobody has is ``Refused``, one that is taken is ``Conflict``.
    """

    def all(self) -> Sequence[Channel]:
        """By name."""

    def get(self, name: str) -> Channel: ...

    def secret_names(self, name: str) -> frozenset[str]:
        """Which secrets were given; opens none."""

    def secrets(self, name: str) -> Mapping[str, str]: ...

    def add(self, channel: Channel, secrets: Mapping[str, str]) -> None: ...

    def change(self, channel: Channel, secrets: Mapping[str, str] | None = None) -> None:
        """Give the channel of this name other settings; kind and the instant it was made stay, and so do the secrets
        unless others are given, which then are all there are, as with ``rotate``."""

    def rotate(self, name: str, secrets: Mapping[str, str]) -> None:
        """Replace all its secrets. A webhook signs with its last signing secret too, until ``rotate`` comes again."""

    def delete(self, name: str, *, force: bool = False) -> None: ...

    def rules(self) -> Sequence[Rule]:
        """By name."""

    def add_rule(self, rule: Rule) -> None: ...

    def change_rule(self, rule: Rule) -> None: ...

    def delete_rule(self, name: str) -> None: ...


class Outbox(Protocol):
    """What is to be told, and what became of it.

    1. ``put`` inside ``Store.transaction`` is there with everything else written in it, or not at all.
    2. A notice whose id is known is not put again, whatever became of it.
    3. Of several who claim at once, each gets another notice, the one that waits longest first. One that was claimed
       and not heard of waits again from ``until`` on: at least once, never silently not at all.
    4. ``sent``, ``put_off`` and ``bury`` count only for the attempt that they are about; a later one is not disturbed.
    5. What was given up stays, as ``dead``, until a person revives it or ``prune`` takes it.
    """

    def put(self, notices: Iterable[Notice], at: datetime) -> int:
        """Return how many are new."""

    def claim(self, now: datetime, until: datetime) -> Posted | None: ...

    def sent(self, posted: Posted, at: datetime) -> None: ...

    def put_off(self, posted: Posted, until: datetime, error: str) -> None: ...

    def bury(self, posted: Posted, error: str) -> None: ...

    def all(
        self, states: Iterable[str] = (), limit: int = 100, *, after: tuple[datetime, str] | None = None
    ) -> Sequence[Posted]:
        """Those in any of these states, newest first. after: (``put_at``, id) of the last one of the page before."""

    def revive(self, at: datetime, notice_id: str | None = None) -> int:
        """Let one, or all that are dead, be tried anew from ``at`` on; return how many. ``Refused`` for an id that is
        not dead."""

    def prune(self, before: datetime) -> int:
        """Forget what was sent, or given up, about something that happened before; return how many."""

    def streak(self, job: str) -> int:
        """Failures of the job in a row; 0 for one that succeeded last, or was made anew."""

    def set_streak(self, job: str, failures: int) -> None: ...

    def counted(self, job: str, spans: Sequence[tuple[datetime, datetime]]) -> Sequence[Counted]:
        """Slots of the job due within [from, until) of any span that succeeded at the first try, oldest first."""
