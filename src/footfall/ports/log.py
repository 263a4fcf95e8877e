"""The log: the order in which the world was accepted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class Batch:
    """One accepted request, as it goes to the log: the client's own bytes and what we know about them.

    received_at: microseconds since 1970, UTC.
    source: name of the source whose write key the client used.
    dialect: module of ``wire`` that reads ``body`` (``segment``, ``native``).
    call: the kind of call when the path said it (``track``, ``identify``, ``batch`` …); of a body that was put into
        native words, the dialect that the client spoke.
    count: events in the body, the rejected ones included.
    rejected: (index, code, message) of events that cannot be used; settle quarantines them.
    address, user_agent: of the client, after policy; empty when not kept.
    place: where the client's whole address is, JSON object of ``model.columns.LOCATION_FIELDS``; empty when not known.
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
    place: str = ""


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

    ``append`` raises ``Unavailable`` when the disk is full or the backlog limit is reached. Clients are told what that
    says, so it names no place of the server.
    """

    def append(self, batch: Batch) -> int: ...

    def submit(self, batch: Batch, done: Callable[[int | Exception], None]) -> None:
        """Like ``append`` without waiting: ``done`` is called from the log's own thread, once."""

    def read(self, start: int, limit_bytes: int) -> Iterator[Entry]:
        """Yield durable entries from ``start`` on until about ``limit_bytes`` are read or the end is reached."""

    def first(self) -> int: ...

    def end(self) -> int: ...

    def turn(self) -> int:
        """From now on ``trim`` can forget all that was appended before; returns the position that begins here."""

    def trim(self, position: int) -> None: ...

    def close(self) -> None: ...
