"""Zstandard, one frame with a checksum, compressed by two threads, the same bytes on every run.

With at least one worker, libzstd cuts the text into jobs at fixed places, so neither the number of threads nor the way
the text arrives shows in the bytes (RFC 8878 leaves that to the encoder; a test holds it).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from footfall.codecs.deflate import OUT_BYTES, blocks
from footfall.errors import Damaged

LEVEL: Final = 3
THREADS: Final = 2
# A frame may ask its reader for gigabytes. 128 MiB is what the zstd program allows unless told otherwise.
WINDOW_LOG_MAX: Final = 27

_ENCODE: Final[Mapping[int, int]] = {
    zstd.CompressionParameter.compression_level: LEVEL,
    zstd.CompressionParameter.checksum_flag: 1,
    zstd.CompressionParameter.nb_workers: THREADS,
}
_DECODE: Final[Mapping[int, int]] = {zstd.DecompressionParameter.window_log_max: WINDOW_LOG_MAX}


class ZstdFrame:
    """Zstandard. ``decode`` also reads files of many frames, as others write them."""

    name = "zstd"
    extension = ".zst"
    content_type = "application/zstd"
    repeatable = True

    def encode(self, chunks: Iterable[memoryview | bytes], *, name: str = "") -> Iterator[bytes]:
        """Compress. Holds some MiB per thread. No name is kept, so the bytes do not depend on it."""
        compressor = zstd.ZstdCompressor(options=dict(_ENCODE))
        for block in blocks(chunks):
            if piece := compressor.compress(block):
                yield piece
        yield compressor.flush()

    def decode(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Decompress into pieces of at most ``OUT_BYTES``. Raises ``Damaged`` when the bytes are not whole frames."""
        frame = zstd.ZstdDecompressor(options=dict(_DECODE))
        begun = False
        for chunk in chunks:
            data = chunk
            while data:
                if frame.eof:
                    frame = zstd.ZstdDecompressor(options=dict(_DECODE))
                begun = True
                yield from _read(frame, data)
                data = frame.unused_data if frame.eof else b""
        if not begun or not frame.eof:
            raise Damaged("zstd data ends in the middle", "The file was cut off; fetch or export it again")


def _read(frame: zstd.ZstdDecompressor, data: bytes) -> Iterator[bytes]:
    try:
        while True:
            piece = frame.decompress(data, OUT_BYTES)
            data = b""
            if piece:
                yield piece
            if frame.eof or frame.needs_input:
                return
    except zstd.ZstdError as error:
        raise Damaged(f"zstd data is not readable: {error}", "Fetch or export the file again") from error
