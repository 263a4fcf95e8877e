"""One entry of the log as bytes: a header of 32 bytes, what we know of the request (MessagePack), the client's body.

The checksum covers all but the magic and itself. The frame also carries its own position, so that a copy of a frame
inside a client's body, or a frame left over from an earlier life of a disk block, is never taken for an entry.
"""

from __future__ import annotations

import os
import struct
from typing import Final

import msgspec
from isal.isal_zlib import crc32  # four times zlib's speed on a body of 36 kB

from footfall.ports import Batch, Entry

MAGIC: Final = b"FFL1"
HEADER: Final = struct.Struct("<4sIIIQ8x")  # magic, crc32, bytes of head, bytes of body, position
_CHECKED: Final = struct.Struct("<IIQ8x")  # the part of the header that the checksum covers
_CHUNK: Final = 4 << 20


class Head(msgspec.Struct, array_like=True, gc=False):
    """All of a ``Batch`` but its body. Append fields only at the end, each with a default."""

    received_at: int
    source: str
    dialect: str
    call: str
    count: int
    rejected: tuple[tuple[int, str, str], ...]
    address: str
    user_agent: str
    place: str = ""


_encode_head: Final = msgspec.msgpack.Encoder().encode
_decode_head: Final = msgspec.msgpack.Decoder(Head).decode


def head_of(batch: Batch) -> bytes:
    return _encode_head(
        Head(
            batch.received_at,
            batch.source,
            batch.dialect,
            batch.call,
            batch.count,
            batch.rejected,
            batch.address,
            batch.user_agent,
            batch.place,
        )
    )


def header_of(head: bytes, body: bytes, position: int) -> bytes:
    checked = _CHECKED.pack(len(head), len(body), position)
    return HEADER.pack(MAGIC, crc32(body, crc32(head, crc32(checked))), len(head), len(body), position)


class Segment:
    """A file of frames, read from ``base`` (the position of its first byte) up to ``stop``.

    Reads in chunks with ``pread``: a bad sector is then an ``OSError``, where a memory map would kill the process.
    """

    def __init__(self, fd: int, base: int, stop: int) -> None:
        self._fd = fd
        self._base = base
        self._stop = stop
        self._window = b""
        self._from = base

    def entry(self, position: int) -> Entry | None:
        """The entry whose frame begins at ``position``; None when no whole, undamaged frame begins there."""
        window, at = self._bytes(position, HEADER.size)
        if len(window) - at < HEADER.size:
            return None
        magic, crc, head_bytes, body_bytes, own = HEADER.unpack_from(window, at)
        size = HEADER.size + head_bytes + body_bytes
        if magic != MAGIC or own != position or position + size > self._stop:
            return None
        if at + size > len(window):
            window, at = self._bytes(position, size)
            if len(window) - at < size:
                return None
        body_at = at + HEADER.size + head_bytes
        # Slices of bytes are copies, yet faster than views for all but bodies of megabytes.
        head = window[at + HEADER.size : body_at]
        body = window[body_at : at + size]
        if crc32(body, crc32(head, crc32(window[at + 8 : at + HEADER.size]))) != crc:
            return None
        known = _decode_head(head)
        batch = Batch(
            known.received_at,
            known.source,
            known.dialect,
            known.call,
            known.count,
            known.rejected,
            known.address,
            known.user_agent,
            body,
            known.place,
        )
        return Entry(position, position + size, batch)

    def next_whole(self, position: int) -> int | None:
        """Where the first undamaged frame at or after ``position`` begins; None when there is none."""
        while position < self._stop:
            window, at = self._bytes(position, HEADER.size)
            found = window.find(MAGIC, at)
            if found < 0:
                # The magic may straddle two chunks, so keep its length less one.
                position = max(position + 1, self._from + len(window) - len(MAGIC) + 1)
                continue
            position = self._from + found
            if self.entry(position) is not None:
                return position
            position += 1
        return None

    def _bytes(self, position: int, size: int) -> tuple[bytes, int]:
        """A window that holds ``size`` bytes at ``position`` (fewer at the end of the file), and where they begin."""
        at = position - self._from
        if at < 0 or at + size > len(self._window):
            wanted = min(max(size, _CHUNK), self._stop - position)
            self._window = _pread(self._fd, wanted, position - self._base)
            self._from, at = position, 0
        return self._window, at


def _pread(fd: int, size: int, offset: int) -> bytes:
    chunk = os.pread(fd, size, offset)
    if len(chunk) == size or not chunk:
        return chunk
    parts = [chunk]
    got = len(chunk)
    while got < size:  # a signal or 2 GiB may cut a read short
        chunk = os.pread(fd, size - got, offset + got)
        if not chunk:
            break
        parts.append(chunk)
        got += len(chunk)
    return b"".join(parts)
