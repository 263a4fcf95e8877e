"""gzip by igzip, compressed in parallel, one member, the same bytes on every run.

The text is cut into blocks of one MiB, wherever the caller's chunks end. Each block is deflated on its own and ends on
a byte border (``Z_SYNC_FLUSH``), so blocks can be made by several threads and simply follow each other. Some readers
stop after the first member of a gzip file, so there is only one.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from isal import isal_zlib

from footfall.errors import Damaged

BLOCK_BYTES: Final = 1 << 20
LEVEL: Final = 1
THREADS: Final = 2
# Blocks under way at once: enough to keep the threads busy while the consumer writes, and no more memory than that.
WINDOW: Final = 2 * THREADS
OUT_BYTES: Final = 1 << 20

# Magic, deflate, no flags, mtime 0, no extra flags, unknown system (RFC 1952).
_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_RAW: Final = -15
_GZIP: Final = 31
_IsalError: Any = isal_zlib.error


class GzipMember:
    """Deflate in a gzip wrapper. ``decode`` also reads files of many members, as others write them."""

    extension = ".gz"
    content_type = "application/gzip"

    def encode(self, chunks: Iterable[memoryview | bytes]) -> Iterator[bytes]:
        """Compress. Holds at most ``WINDOW`` blocks; the output depends on the bytes, not on how they were cut."""
        yield _HEADER
        checksum, size = 0, 0
        pending: deque[Future[bytes]] = deque()
        with ThreadPoolExecutor(THREADS, thread_name_prefix="gzip") as pool:
            for block in _blocks(chunks):
                checksum = isal_zlib.crc32(block, checksum)
                size += len(block)
                pending.append(pool.submit(_deflate, block))
                if len(pending) >= WINDOW:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        yield isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, _RAW).flush()
        yield struct.pack("<II", checksum, size & 0xFFFFFFFF)

    def decode(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Decompress into pieces of at most ``OUT_BYTES``. Raises ``Damaged`` when the bytes are not whole gzip."""
        inflater = isal_zlib.decompressobj(_GZIP)
        begun = False
        for chunk in chunks:
            data = chunk
            while data:
                if inflater.eof:
                    inflater = isal_zlib.decompressobj(_GZIP)
                begun = True
                yield from _inflate(inflater, data)
                data = inflater.unused_data
        if not begun or not inflater.eof:
            raise Damaged("gzip data ends in the middle", "The file was cut off; fetch or export it again")


def _blocks(chunks: Iterable[memoryview | bytes]) -> Iterator[memoryview | bytes]:
    """Cut at every multiple of ``BLOCK_BYTES``; copies only the blocks that span two chunks."""
    rest = bytearray()
    for chunk in chunks:
        view = memoryview(chunk).cast("B")
        at = 0
        if rest:
            at = min(BLOCK_BYTES - len(rest), len(view))
            rest += view[:at]
            if len(rest) == BLOCK_BYTES:
                yield bytes(rest)
                rest.clear()
        while len(view) - at >= BLOCK_BYTES:
            yield view[at : at + BLOCK_BYTES]
            at += BLOCK_BYTES
        rest += view[at:]
    if rest:
        yield bytes(rest)


def _deflate(block: memoryview | bytes) -> bytes:
    deflater = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, _RAW)
    done: bytes = deflater.compress(block) + deflater.flush(isal_zlib.Z_SYNC_FLUSH)
    return done


def _inflate(inflater: Any, data: bytes) -> Iterator[bytes]:
    try:
        while data and not inflater.eof:
            piece = inflater.decompress(data, OUT_BYTES)
            data = inflater.unconsumed_tail
            if piece:
                yield piece
            elif not data:
                break
    except _IsalError as error:
        raise Damaged(f"gzip data is not readable: {error}", "Fetch or export the file again") from error
