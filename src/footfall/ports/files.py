"""Files: their bytes on the way, and the places they lie in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime, timedelta


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
    """An object in a bucket. sha256 is of the bytes as stored, hex; empty when the place does not know it.

    version: what tells these bytes from others under the same key, such as an ETag; empty when nobody was asked.
    modified_at: when they came to be there, by the place's own clock.
    """

    key: str
    size_bytes: int
    sha256: str = ""
    version: str = field(default="", compare=False)
    modified_at: datetime | None = field(default=None, compare=False)


class Bucket(Protocol):
    """A place that keeps named, immutable objects.

    1. ``put`` is all or nothing: a reader sees the whole object or none of it, and a failed one leaves nothing behind.
    2. ``put`` never replaces: if the key holds the same bytes it succeeds, if it holds others it raises ``Conflict``.
    3. ``put`` returns only after size and digest of what is stored were compared with what was sent, as far as
       permissions allow; a difference raises ``Damaged``.
    4. After ``put`` returns, ``open``, ``stat`` and ``list`` see the object.
    5. ``list`` yields keys in byte order, however many there are.
    6. ``open`` and ``stat`` of a key that is not there raise ``KeyError``.
    7. ``list`` and ``stat`` tell the version. ``open`` of a version gives no other one whole: it raises ``Conflict`` at
       once or later, at the end at the latest, when the object is another by now.
    8. ``delete`` of a key that is not there does nothing. Of a version it takes no other one away: it raises
       ``Conflict`` when the object is another by now; where a place cannot be asked for both in one step, as of a
       moment before.
    """

    url: str

    def put(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> Stored: ...

    def open(self, key: str, *, version: str = "") -> Iterator[bytes]: ...

    def stat(self, key: str) -> Stored: ...

    def list(self, prefix: str = "") -> Iterator[Stored]: ...

    def delete(self, key: str, *, version: str = "") -> None: ...


@runtime_checkable
class Sweeper(Protocol):
    """A bucket whose large objects arrive in parts, so that a writer that was killed leaves some behind.

    1. ``sweep`` takes away the unfinished uploads of the keys that ``mine`` accepts, when they began longer than
       ``age`` ago by the place's own clock, and returns how many it took. It touches nothing that is complete and
       nothing that is another's.
    """

    def sweep(self, mine: Callable[[str], bool], age: timedelta) -> int: ...


@dataclass(frozen=True, slots=True)
class Purged:
    """What became of an object. removed: versions and delete markers. why: it is not wholly gone; empty when it is."""

    removed: int
    why: str = ""


@runtime_checkable
class Purger(Protocol):
    """A bucket that may keep older versions of an object.

    1. ``purge`` removes an object with all its versions and delete markers, of no other key. What may not be removed,
       because it is locked or there is no permission, stays and is named; removing what is not there is fine.
    """

    def purge(self, key: str) -> Purged: ...


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
