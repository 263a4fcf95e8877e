"""A folder tried one call at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from footfall.buckets.local import LocalBucket
from footfall.errors import Damaged


class LocalProbe:
    """See ``Probe``. A folder knows no names, no credentials, no parts and no encryption of its own."""

    def __init__(self, root: Path) -> None:
        self._bucket = LocalBucket(root)
        self.url = self._bucket.url

    def resolve(self) -> str | None:
        return self.url

    def authenticate(self) -> str | None:
        return None

    def write(self, name: str, body: bytes) -> str | None:
        return f"{self._bucket.put(name, [body], content_type='text/plain').size_bytes} bytes"

    def encryption(self, name: str) -> str | None:
        return None

    def read(self, name: str, body: bytes | None) -> str | None:
        content = b"".join(self._bucket.open(name))
        if body is None:
            return f"{len(content)} bytes of {name}"
        if content != body:
            raise Damaged(f"{self.url}/{name} holds other bytes than were written", "Check the disk")
        return "the same bytes"

    def list(self, name: str) -> str | None:
        if name not in {each.key for each in self._bucket.list(name)}:
            raise Damaged(f"{self.url}/{name} is not listed", "Check the disk")
        return "it is there"

    def first(self) -> str | None:
        return next((each.key for each in self._bucket.list()), None)

    def upload(self, name: str) -> str | None:
        return None

    def abort(self, name: str) -> str | None:
        return None

    def delete(self, name: str) -> str | None:
        self._bucket.delete(name)
        return "gone"

    def excess(self, name: str, *, writes: bool) -> Sequence[str]:
        return ()
