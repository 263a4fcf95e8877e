"""What every codec promises."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.codecs.gzip_member import BLOCK_BYTES, OUT_BYTES, GzipMember
from footfall.codecs.plain import Plain
from footfall.errors import Damaged
from footfall.ports import Codec

CODECS = [pytest.param(Plain(), id="none"), pytest.param(GzipMember(), id="gzip")]
BIG = b"".join(b"2026-11-01,user-%d,AP-1,%d\n" % (n % 977, n) for n in range(110_000))


def cut(data: bytes, sizes: Iterator[int]) -> Iterator[memoryview]:
    at = 0
    while at < len(data):
        size = next(sizes)
        yield memoryview(data)[at : at + size]
        at += size


def random_sizes(seed: int, most: int) -> Iterator[int]:
    rng = random.Random(seed)
    while True:
        yield rng.randint(1, most)


@pytest.mark.parametrize("codec", CODECS)
@given(chunks=st.lists(st.binary(max_size=300), max_size=20), sizes=st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_what_was_encoded_decodes_to_the_same(codec: Codec, chunks: list[bytes], sizes: int) -> None:
    stored = b"".join(codec.encode(chunks))
    pieces = [stored[at : at + sizes] for at in range(0, len(stored), sizes)]
    assert b"".join(codec.decode(pieces)) == b"".join(chunks)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("most", [700, 300_000, 5_000_000])
def test_the_output_does_not_depend_on_how_the_input_was_cut(codec: Codec, most: int) -> None:
    assert len(BIG) > 2 * BLOCK_BYTES
    once = b"".join(codec.encode([BIG]))
    assert b"".join(codec.encode(cut(BIG, random_sizes(most, most)))) == once


def test_gzip_is_one_member_that_every_reader_takes() -> None:
    stored = b"".join(GzipMember().encode([BIG]))
    assert gzip.decompress(stored) == BIG
    assert stored.count(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff") == 1  # mtime 0, once
    assert len(stored) < len(BIG) / 3


def test_gzip_of_nothing_is_a_whole_file() -> None:
    assert gzip.decompress(b"".join(GzipMember().encode([]))) == b""


def test_gzip_decodes_in_pieces_of_bounded_size() -> None:
    bomb = gzip.compress(bytes(20 * OUT_BYTES), mtime=0)
    sizes = [len(piece) for piece in GzipMember().decode([bomb])]
    assert sum(sizes) == 20 * OUT_BYTES
    assert max(sizes) <= OUT_BYTES


def test_gzip_reads_files_of_several_members() -> None:
    stored = gzip.compress(b"one", mtime=0) + gzip.compress(b"two", mtime=0)
    assert b"".join(GzipMember().decode([stored[:30], stored[30:]])) == b"onetwo"


@pytest.mark.parametrize("fault", ["cut", "flip", "checksum", "tail", "empty"])
def test_a_damaged_file_is_called_damaged(fault: str) -> None:
    good = b"".join(GzipMember().encode([BIG]))
    bad = {
        "cut": good[:-1],
        "flip": good[:5000] + bytes([good[5000] ^ 0xFF]) + good[5001:],
        "checksum": good[:-8] + b"\0\0\0\0" + good[-4:],
        "tail": good + b"tail",
        "empty": b"",
    }[fault]
    with pytest.raises(Damaged):
        list(GzipMember().decode([bad]))


def test_encoding_that_is_given_up_leaves_no_threads_behind() -> None:
    import threading

    encoding = GzipMember().encode(iter([BIG] * 3))
    next(encoding)
    next(encoding)
    encoding.close()  # type: ignore[attr-defined]
    assert not [t for t in threading.enumerate() if t.name.startswith("gzip")]
