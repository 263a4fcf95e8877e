"""gzip by igzip, compressed in parallel, one member, the same bytes on every run.

Some readers stop after the first member of a gzip file, so there is only one. See ``deflate`` for how it is made.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from isal import isal_zlib

from footfall.codecs.deflate import Deflated, inflated
from footfall.errors import Damaged

# Magic, deflate, no flags, mtime 0, no extra flags, unknown system (RFC 1952).
_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_GZIP: Final = 31


class GzipMember:
    """Deflate in a gzip wrapper. ``decode`` also reads files of many members, as others write them."""

    name = "gzip"
    extension = ".gz"
    content_type = "application/gzip"
    repeatable = True

    def encode(self, chunks: Iterable[memoryview | bytes], *, name: str = "") -> Iterator[bytes]:
        """Compress. No name is kept, so the bytes do not depend on it."""
        yield _HEADER
        text = Deflated(chunks)
        yield from text
        yield struct.pack("<II", text.crc32, text.size_bytes & 0xFFFFFFFF)

    def decode(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Decompress into pieces of bounded size. Raises ``Damaged`` when the bytes are not whole gzip."""
        inflater = isal_zlib.decompressobj(_GZIP)
        begun = False
        for chunk in chunks:
            data = chunk
            while data:
                if inflater.eof:
                    inflater = isal_zlib.decompressobj(_GZIP)
                begun = True
                yield from inflated(inflater, data, "gzip")
                data = inflater.unused_data
        if not begun or not inflater.eof:
            raise Damaged("gzip data ends in the middle", "The file was cut off; fetch or export it again")
