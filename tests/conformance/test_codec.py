"""What every codec promises."""

from __future__ import annotations

import gzip
import io
import random
import tracemalloc
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

import pysequoia
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.codecs.deflate import BLOCK_BYTES, OUT_BYTES
from footfall.codecs.gzip_member import GzipMember
from footfall.codecs.openpgp import OpenPgp
from footfall.codecs.openpgp_keys import check_certificate, check_private_key
from footfall.codecs.plain import Plain
from footfall.codecs.zip_archive import ZipArchive, directory
from footfall.codecs.zstd_frame import ZstdFrame
from footfall.errors import Damaged, Refused
from footfall.ports import Codec


def encrypted(inner: Codec, profile: pysequoia.Profile) -> OpenPgp:
    key = pysequoia.Tsk.generate("Somebody", profile=profile)
    recipient = check_certificate(bytes(key.extract_certificate()), datetime.now(UTC) + timedelta(hours=1))
    return OpenPgp(inner, [recipient], check_private_key(bytes(key), None))


PLAIN = [Plain(), GzipMember(), ZstdFrame(), ZipArchive()]
ENCRYPTED = [encrypted(GzipMember(), pysequoia.Profile.RFC4880), encrypted(Plain(), pysequoia.Profile.RFC9580)]
CODECS = [pytest.param(codec, id=codec.name) for codec in (*PLAIN, *ENCRYPTED)]
REPEATABLE = [pytest.param(codec, id=codec.name) for codec in PLAIN]
CHECKED = REPEATABLE[1:]
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


@pytest.mark.parametrize("codec", REPEATABLE)
@given(chunks=st.lists(st.binary(max_size=300), max_size=20), sizes=st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_what_was_encoded_decodes_to_the_same(codec: Codec, chunks: list[bytes], sizes: int) -> None:
    stored = b"".join(codec.encode(chunks))
    pieces = [stored[at : at + sizes] for at in range(0, len(stored), sizes)]
    assert b"".join(codec.decode(pieces)) == b"".join(chunks)


@pytest.mark.parametrize("codec", ENCRYPTED, ids=lambda codec: codec.name)
@given(chunks=st.lists(st.binary(max_size=300), max_size=20), sizes=st.integers(1, 50))
@settings(max_examples=10, deadline=None)
def test_what_was_encrypted_decrypts_to_the_same(codec: Codec, chunks: list[bytes], sizes: int) -> None:
    stored = b"".join(codec.encode(chunks))
    pieces = [stored[at : at + sizes] for at in range(0, len(stored), sizes)]
    assert b"".join(codec.decode(pieces)) == b"".join(chunks)


@pytest.mark.parametrize("codec", REPEATABLE)
@pytest.mark.parametrize("most", [700, 300_000, 5_000_000])
def test_the_output_does_not_depend_on_how_the_input_was_cut(codec: Codec, most: int) -> None:
    assert len(BIG) > 2 * BLOCK_BYTES
    once = b"".join(codec.encode([BIG]))
    assert b"".join(codec.encode(cut(BIG, random_sizes(most, most)))) == once
    assert codec.repeatable


@pytest.mark.parametrize("codec", CODECS)
def test_a_source_may_reuse_its_buffer(codec: Codec) -> None:
    def reusing() -> Iterator[memoryview]:
        buffer = bytearray(700_001)
        for at in range(0, len(BIG), len(buffer)):
            piece = BIG[at : at + len(buffer)]
            buffer[: len(piece)] = piece
            yield memoryview(buffer)[: len(piece)]

    assert b"".join(codec.decode(codec.encode(reusing()))) == BIG


@pytest.mark.parametrize("codec", CHECKED)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_file_that_was_cut_off_is_called_damaged(codec: Codec, data: st.DataObject) -> None:
    stored = b"".join(codec.encode([BIG[:5000]]))
    with pytest.raises(Damaged):
        list(codec.decode([stored[: data.draw(st.integers(0, len(stored) - 1))]]))


@pytest.mark.parametrize("codec", CHECKED)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_flipped_bit_is_refused_or_does_not_matter(codec: Codec, data: st.DataObject) -> None:
    stored = bytearray(b"".join(codec.encode([BIG[:5000]])))
    stored[data.draw(st.integers(0, len(stored) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        text = b"".join(codec.decode([bytes(stored)]))
    except (Damaged, Refused):
        return
    assert text == BIG[:5000]


@pytest.mark.parametrize("codec", ENCRYPTED, ids=lambda codec: codec.name)
def test_an_encrypted_file_that_was_cut_or_changed_anywhere_gives_nothing(codec: OpenPgp) -> None:
    stored = b"".join(codec.encode([BIG[:5000]]))
    rng = random.Random(3)
    for place in sorted(rng.sample(range(100, len(stored)), 6)):
        for bad in (stored[:place], stored[:place] + bytes([stored[place] ^ 1]) + stored[place + 1 :]):
            with pytest.raises((Damaged, Refused)):
                next(codec.decode([bad]))


@pytest.mark.parametrize("codec", CHECKED)
def test_decoding_takes_bounded_memory_however_far_the_text_was_compressed(codec: Codec) -> None:
    bomb = b"".join(codec.encode([bytes(OUT_BYTES)] * 64))
    tracemalloc.start()
    try:
        sizes = [len(piece) for piece in codec.decode([bomb])]
        assert tracemalloc.get_traced_memory()[1] < 8 * OUT_BYTES
    finally:
        tracemalloc.stop()
    assert sum(sizes) == 64 * OUT_BYTES
    assert max(sizes) <= OUT_BYTES


@cache
def long_message(codec: OpenPgp) -> tuple[bytes, bytes]:
    """A text longer than the 25 MiB that the library keeps back itself, and what it is encrypted."""
    text = random.Random(2).randbytes(27_000_000)
    return text, b"".join(codec.encode([text]))


@pytest.mark.parametrize("codec", ENCRYPTED, ids=lambda codec: codec.name)
@pytest.mark.parametrize("held", [100, 100_000_000])
def test_nothing_of_an_encrypted_file_is_given_out_before_all_of_it_was_checked(
    codec: OpenPgp, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("footfall.codecs.openpgp.HELD_BYTES", held)
    text, stored = long_message(codec)
    assert b"".join(codec.decode([stored])) == text
    with pytest.raises(Damaged):
        next(codec.decode([stored[:-1000] + b"!" + stored[-999:]]))


def test_the_same_text_is_never_encrypted_to_the_same_bytes() -> None:
    for codec in ENCRYPTED:
        assert b"".join(codec.encode([b"text"])) != b"".join(codec.encode([b"text"]))
        assert not codec.repeatable


@pytest.mark.parametrize("size", [0xFFFFFFFE, 0xFFFFFFFF, 5 << 30])
def test_zip_says_sizes_that_do_not_fit_into_32_bits_in_zip64(size: int) -> None:
    archive = directory(b"big.csv", 1, size, 1000)
    assert (b"PK\x06\x06" in archive, b"\x01\x00\x10\x00" in archive) == (False, size >= 0xFFFFFFFF)
    far = directory(b"big.csv", 1, size, size)
    assert b"PK\x06\x06" in far


def test_zip_reads_only_archives_of_one_member() -> None:
    both = io.BytesIO()
    with zipfile.ZipFile(both, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one", b"1" * 1000)
        archive.writestr("two", b"2" * 1000)
    with pytest.raises(Refused, match="more than one member"):
        list(ZipArchive().decode([both.getvalue()]))


class Unseekable(io.BytesIO):
    """Can only be written on, so that sizes follow the data."""

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise OSError


def zipped(entries: Mapping[str, bytes], folders: int = zipfile.ZIP_STORED, *, streamed: bool = False) -> bytes:
    """An archive as Python writes it. folders: the method of entries whose names end with a slash."""
    out = Unseekable() if streamed else io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in entries.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = folders if name.endswith("/") else zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as writing:
                writing.write(data)
    return out.getvalue()


@pytest.mark.parametrize("streamed", [False, True], ids=["sizes before", "sizes after"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("names", ["drop/ drop/data.csv", "data.csv empty/", "a/ a/b/ a/b/data.csv a/c/ d/"])
def test_folders_in_a_zip_archive_are_no_members(names: str, method: int, streamed: bool) -> None:
    archive = zipped({name: b"" if name.endswith("/") else BIG for name in names.split()}, method, streamed=streamed)
    for most in (1, 40, len(archive)):
        assert b"".join(ZipArchive().decode(cut(archive, random_sizes(most, most)))) == BIG
    for end in range(len(archive) - 300, len(archive)):
        with pytest.raises(Damaged):
            list(ZipArchive().decode([archive[:end]]))


@pytest.mark.parametrize(
    ("entries", "what"),
    [
        pytest.param({"a/": b"", "a/one": b"1", "a/two": b"2"}, "more than one member", id="two files"),
        pytest.param({"one": b"1", "a/": b"", "a/two": b"2"}, "more than one member", id="a folder between"),
        pytest.param({"a/": b"", "a/b/": b""}, "no file", id="folders alone"),
        pytest.param({"a/": b"1", "one": b"1"}, "a folder that has data", id="data in a folder"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_what_zip_refuses_beside_folders_is_named(entries: Mapping[str, bytes], what: str, streamed: bool) -> None:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with pytest.raises(Refused, match=what):
            list(ZipArchive().decode([zipped(entries, method, streamed=streamed)]))


def test_a_zip_archive_has_folders_without_number_in_no_memory() -> None:
    with pytest.raises(Refused, match="more than 1,000 folders"):
        list(ZipArchive().decode([zipped({f"{n}/": b"" for n in range(1_001)} | {"one": b"1"})]))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_zip_reads_what_python_writes_and_is_read_by_it(method: int) -> None:
    theirs = io.BytesIO()
    with zipfile.ZipFile(theirs, "w", method) as archive:
        archive.writestr("data.csv", BIG)
    assert b"".join(ZipArchive().decode([theirs.getvalue()])) == BIG
    with zipfile.ZipFile(io.BytesIO(b"".join(ZipArchive().encode([BIG], name="data.csv")))) as archive:
        assert archive.namelist() == ["data.csv"]
        assert archive.getinfo("data.csv").date_time == (1980, 1, 1, 0, 0, 0)
        assert archive.read("data.csv") == BIG


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
    assert not [t for t in threading.enumerate() if t.name.startswith("deflate")]
