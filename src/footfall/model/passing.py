"""The text of a data file on its way to a codec, and under which name it is stored when it is encrypted."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final, TypeVar

from footfall.errors import Conflict
from footfall.model.manifest import DataFile, is_encrypted

# Names that are tried for an encrypted file; each one taken is an attempt that broke off before its manifest.
ATTEMPTS_MAX: Final = 100
# Name of the codec that leaves a text as it is.
UNCHANGED: Final = "none"

_MARK: Final = re.compile(r"_a[1-9]\d*(?=\.[^/]*$)")
_T = TypeVar("_T")


class Text:
    """Pieces of a text, counted and digested as they pass; complete when the iteration has ended.

    rows, size_bytes, sha256: of what has passed. said: told the rows after each piece.
    """

    def __init__(self, pieces: Iterable[tuple[int, memoryview | bytes]], said: Callable[[int], None]) -> None:
        self._pieces = pieces
        self._said = said
        self._digest = hashlib.sha256()
        self.rows = 0
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[memoryview | bytes]:
        for rows, text in self._pieces:
            self.rows += rows
            view = memoryview(text)
            if view.nbytes:
                self._digest.update(view)
                self.size_bytes += view.nbytes
                yield text
            self._said(self.rows)

    def file(self, name: str, codec: str, size_bytes: int, sha256: str) -> DataFile:
        """The file that holds this text; ``size_bytes`` and ``sha256`` as stored. Of what is encrypted no digest of
        the text is told."""
        told = "" if is_encrypted(codec) else self.sha256
        return DataFile(name, self.rows, size_bytes, sha256, self.size_bytes, told)


def mark_of(attempt: int) -> str:
    """What the name of a file has at its end when it is encrypted again: ``_a2`` for the second attempt."""
    return f"_a{attempt}" if attempt > 1 else ""


def first_attempt(name: str) -> str:
    """The name that the first attempt at the file ``name`` has."""
    return _MARK.sub("", name)


def first_free(taken: Callable[[int], bool], put: Callable[[int], _T]) -> _T:
    """Put under the name of the first attempt that is free: 1, 2, 3 …

    Encrypted twice, a text gives other bytes, so bytes cannot tell whether a file that is there is the same. It is what
    an attempt left that broke off before its manifest, or what another writer is about to describe; it stays, and this
    attempt writes under a name of its own. Manifests are never replaced, so the first one says which attempt counts.

    taken: whether the name of an attempt is known to be; where that may not be asked, ``put`` tells by ``Conflict``.
    """
    for attempt in range(1, ATTEMPTS_MAX):
        if not taken(attempt):
            with suppress(Conflict):
                return put(attempt)
    return put(ATTEMPTS_MAX)


def noted(chunks: Iterable[bytes], note: Callable[[int, str], None], *, passed: Text | None = None) -> Iterator[bytes]:
    """The chunks; before the last one is given, ``note`` is told the size and SHA-256 of them all.

    A bucket shows an object only when it has all of it, so what was noted comes before what can be seen.
    passed: the text whose bytes the chunks are, unchanged; it has been digested already.
    """
    digest, size = hashlib.sha256(), 0
    held: bytes | None = None
    for chunk in chunks:
        if passed is None:
            digest.update(chunk)
            size += len(chunk)
        if held is not None:
            yield held
        held = chunk
    note(*((size, digest.hexdigest()) if passed is None else (passed.size_bytes, passed.sha256)))
    if held is not None:
        yield held
