"""A file is read back from the disk while it is written, whole and in order."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from footfall.buckets import read_back
from footfall.buckets.local import LocalBucket
from footfall.buckets.read_back import CHUNK_BYTES, ReadBack
from footfall.errors import Damaged, Unavailable

PIECES = [os.urandom(CHUNK_BYTES * 5 // 4) for _ in range(8)]
SHA256 = hashlib.sha256(b"".join(PIECES)).hexdigest()


@pytest.fixture(autouse=True)
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_back, "STEP_BYTES", 2 * CHUNK_BYTES)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield file
    os.close(file)


def written(file: int, back: ReadBack) -> None:
    for piece in PIECES:
        os.write(file, piece)
        back.written(os.lseek(file, 0, os.SEEK_CUR))


def test_the_digest_is_of_all_that_was_written(file: int) -> None:
    with ReadBack(file) as back:
        written(file, back)
        assert back.finish() == (SHA256, sum(map(len, PIECES)))


def test_a_byte_that_the_file_holds_otherwise_is_seen(file: int) -> None:
    with ReadBack(file) as back:
        written(file, back)
        os.pwrite(file, bytes([PIECES[-1][-1] ^ 1]), sum(map(len, PIECES)) - 1)
        assert back.finish()[0] != SHA256


def test_what_goes_wrong_beside_the_writer_is_told_to_the_writer() -> None:
    reading, writing = os.pipe()
    try:
        with ReadBack(writing) as back:
            back.written(2 * CHUNK_BYTES)
            with pytest.raises(OSError, match="Invalid argument"):
                back.written(4 * CHUNK_BYTES)
    finally:
        os.close(reading)
        os.close(writing)


def test_a_folder_keeps_a_long_file_and_refuses_one_that_the_disk_gives_back_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = LocalBucket(tmp_path / "out")
    assert bucket.put("long", iter(PIECES), content_type="text/plain").sha256 == SHA256
    assert b"".join(bucket.open("long")) == b"".join(PIECES)
    honest = os.pread

    def lying(file: int, length: int, at: int) -> bytes:
        return honest(file, length, at).replace(PIECES[1][:8], b"????????")

    monkeypatch.setattr(os, "pread", lying)
    with pytest.raises(Damaged, match="other bytes"):
        bucket.put("other", iter(PIECES), content_type="text/plain")
    monkeypatch.setattr(os, "pread", honest)
    with pytest.raises(Unavailable):
        bucket.put("broken", _ends_in_an_error(), content_type="text/plain")
    assert [stored.key for stored in bucket.list()] == ["long"]


def _ends_in_an_error() -> Iterator[bytes]:
    yield from PIECES
    raise Unavailable("the source is gone")
