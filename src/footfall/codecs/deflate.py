"""Raw deflate by igzip, in parallel, the same bytes on every run; what gzip and zip files are made of.

The text is cut into blocks of one MiB, wherever the caller's chunks end. Each block is deflated on its own and ends on
a byte border (``Z_SYNC_FLUSH``), so blocks can be made by several threads and simply follow each other.
"""

from __future__ import annotations

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
RAW: Final = -15

_IsalError: Any = isal_zlib.error


class Deflated:
    """Text on its way through deflate. Its checksum and sizes are complete when the iteration has ended.

    crc32: of the text. size_bytes: of the text. deflated_bytes: of what was yielded.
    Holds at most ``WINDOW`` blocks; what comes out depends on the bytes, not on how they were cut.
    """

    def __init__(self, chunks: Iterable[memoryview | bytes]) -> None:
        self._chunks = chunks
        self.crc32 = 0
        self.size_bytes = 0
        self.deflated_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        pending: deque[Future[bytes]] = deque()
        with ThreadPoolExecutor(THREADS, thread_name_prefix="deflate") as pool:
            for block in blocks(self._chunks):
                self.crc32 = isal_zlib.crc32(block, self.crc32)
                self.size_bytes += len(block)
                pending.append(pool.submit(_deflate, block))
                if len(pending) >= WINDOW:
                    yield self._counted(pending.popleft().result())
            while pending:
                yield self._counted(pending.popleft().result())
        yield self._counted(isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, RAW).flush())

    def _counted(self, piece: bytes) -> bytes:
        self.deflated_bytes += len(piece)
        return piece


def blocks(chunks: Iterable[memoryview | bytes]) -> Iterator[memoryview | bytes]:
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


def inflated(inflater: Any, data: bytes, kind: str) -> Iterator[bytes]:
    """What ``data`` holds, in pieces of at most ``OUT_BYTES``. Raises ``Damaged`` that says ``kind``."""
    try:
        while data and not inflater.eof:
            piece = inflater.decompress(data, OUT_BYTES)
            data = inflater.unconsumed_tail
            if piece:
                yield piece
            elif not data:
                break
    except _IsalError as error:
        raise Damaged(f"{kind} data is not readable: {error}", "Fetch or export the file again") from error


def _deflate(block: memoryview | bytes) -> bytes:
    deflater = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, RAW)
    done: bytes = deflater.compress(block) + deflater.flush(isal_zlib.Z_SYNC_FLUSH)
    return done
