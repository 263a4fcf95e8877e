"""The part of a text that is being read: filled from the front of a stream, dropped row by row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

# Text read at once; rows of it are one batch.
BLOCK_BYTES: Final = 512 << 10
# A row that is longer is a bad one.
ROW_BYTES_MAX: Final = 1 << 20
# Bodies of one batch.
BATCH_BYTES: Final = 8 << 20


class Held:
    """``data`` from ``at`` on begins in line ``line``; ``ended``: it goes to the end of the text.

    A text that does not end with the end of a line gets one.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.data = b""
        self.at = 0
        self.line = 1
        self.ended = False
        self._pieces: Iterator[bytes] = iter(pieces)
        self._last = b"\n"

    def fill(self, size: int) -> bool:
        """Hold at least ``size`` bytes from ``at`` on, or all there are. Returns whether there are any."""
        have = len(self.data) - self.at
        if have >= size or self.ended:
            return have > 0
        held = [self.data[self.at :]]
        while have < size and not self.ended:
            piece = next(self._pieces, None)
            if piece is None:
                self.ended = True
                piece = b"" if self._last == b"\n" else b"\n"
            held.append(piece)
            have += len(piece)
            self._last = piece[-1:] or self._last
        self.data, self.at = b"".join(held), 0
        return have > 0

    def take(self, size: int, feeds: int | None = None) -> None:
        """Go on behind so many bytes. feeds: ends of lines in them, where they were counted."""
        self.line += self.data.count(b"\n", self.at, self.at + size) if feeds is None else feeds
        self.at += size

    def drop(self, size: int, feeds: int | None = None) -> None:
        """Go on behind so many bytes, and forget what is before."""
        self.take(size, feeds)
        self.data, self.at = self.data[self.at :], 0

    def skip_line(self) -> None:
        """Drop all up to the end of the line, however far that is."""
        while (end := self.data.find(b"\n", self.at)) < 0 and not self.ended:
            self.drop(len(self.data) - self.at)
            self.fill(BLOCK_BYTES)
        self.drop((end + 1 if end >= 0 else len(self.data)) - self.at)

    def skip_all(self) -> None:
        """Read to the end and keep nothing: what is wrong with how the file was packed may show there."""
        while self.fill(BLOCK_BYTES):
            self.drop(len(self.data) - self.at)
