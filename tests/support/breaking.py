"""Folders at which something goes wrong at a chosen moment, or where not everything is permitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from footfall.buckets.local import LocalBucket
from footfall.errors import Refused, Unavailable
from footfall.ports import Stored


class Breaks(LocalBucket):
    """The writer is cut off at each key that ends with ``ending``.

    before: before it is stored; else the object is there and only the answer is lost.
    """

    def __init__(self, root: Path, ending: str = ".manifest.json", *, before: bool = True) -> None:
        super().__init__(root)
        self._ending, self._before = ending, before

    def put(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> Stored:
        if not key.endswith(self._ending):
            return super().put(key, chunks, content_type=content_type)
        if self._before:
            raise Unavailable("the line is cut")
        super().put(key, chunks, content_type=content_type)
        raise Unavailable("the answer is lost")


class WriteOnly(LocalBucket):
    """One may write, and neither read nor look; a name that is taken is a conflict whatever it holds."""

    def open(self, key: str) -> Iterator[bytes]:
        raise Refused("no permission to read")

    def stat(self, key: str) -> Stored:
        raise Refused("no permission to look")


class Meets(LocalBucket):
    """Lets another writer have its turn between our data files and our manifest."""

    def __init__(self, root: Path, other: Callable[[], object]) -> None:
        super().__init__(root)
        self._other = other

    def put(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> Stored:
        if key.endswith(".manifest.json"):
            self._other()
        return super().put(key, chunks, content_type=content_type)
