"""What a dialect says of a client's body, and the limits every dialect keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

BODY_BYTES_MAX: Final = 10 << 20  # of a request, as sent and as decompressed
EVENT_BYTES_MAX: Final = 64 << 10
EVENTS_MAX: Final = 2_500  # of one request
ID_CHARS_MAX: Final = 512  # identities: user, visitor, account, session
EVENT_ID_CHARS_MAX: Final = 100
NAME_CHARS_MAX: Final = 512  # names: of events, features, products …

Rejected = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """A body as its dialect understands it.

    count: events in the body, the rejected ones included.
    rejected: (index, code, message) of events that cannot be used, by rising index.
    body: what goes to the log: the client's own bytes, in which at most an event that no reader could ever split off
        is replaced by ``null``.
    write_key: the key in the body; empty when it has none.
    dialect: of ``body``, where the client's words were put into those of another dialect; empty where they are its own.
        Then ``body`` has the client's bytes of rejected events only.
    """

    count: int
    rejected: tuple[Rejected, ...]
    body: bytes
    write_key: str
    dialect: str = ""


Dialect = Callable[[bytes, str], Reading]
"""``read(text, call)``: a pure function; raises ``BadRecord`` when the body as a whole cannot be used."""
