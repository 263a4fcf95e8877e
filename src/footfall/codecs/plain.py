"""No compression: the bytes as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class Plain:
    """Passes bytes through. Every chunk is copied once, because the source may reuse its buffer."""

    name = "none"
    extension = ""
    content_type = "application/octet-stream"
    repeatable = True

    def encode(self, chunks: Iterable[memoryview | bytes], *, name: str = "") -> Iterator[bytes]:
        for chunk in chunks:
            if len(chunk):
                yield bytes(chunk)

    def decode(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if chunk:
                yield chunk
