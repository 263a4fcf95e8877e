"""A body is what its bytes say, whatever the client wrote in its headers."""

from __future__ import annotations

import base64
import gzip
import tracemalloc
import zlib
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.errors import BadRecord
from footfall.wire.body import text_of

TEXT = '{"event":"é 😀","n":1}'.encode()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(TEXT, id="as it is"),
        pytest.param(gzip.compress(TEXT), id="gzip"),
        pytest.param(gzip.compress(TEXT[:7]) + gzip.compress(TEXT[7:]), id="gzip of two members"),
        pytest.param(gzip.compress(TEXT) + gzip.compress(b"") * 99, id="gzip of as many members as there may be"),
        pytest.param(b"\xef\xbb\xbf" + TEXT, id="byte order mark"),
        pytest.param(b"data=" + quote_plus(TEXT).encode(), id="form, JSON"),
        pytest.param(b"data=" + quote_plus(base64.b64encode(TEXT)).encode(), id="form, base64"),
        pytest.param(b"data=" + base64.urlsafe_b64encode(TEXT).rstrip(b"=") + b"&v=1", id="form, base64 of URLs"),
        pytest.param(gzip.compress(b"data=" + quote_plus(TEXT).encode()), id="gzip of a form"),
    ],
)
def test_the_same_text_comes_out_of_every_wrapping(body: bytes) -> None:
    assert text_of(body) == TEXT


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(gzip.compress(TEXT)[:-9], "bad_gzip", id="gzip cut short"),
        pytest.param(gzip.compress(TEXT)[:12] + b"\xff" * 9, "bad_gzip", id="gzip damaged"),
        pytest.param(b"\x1f\x8b", "bad_gzip", id="gzip magic alone"),
        pytest.param(gzip.compress(b"") * 101, "bad_gzip", id="gzip of more members than there may be"),
        pytest.param(b"data=%%%", "bad_form", id="form of rubbish"),
        pytest.param(b"data=", "bad_form", id="form of nothing"),
        pytest.param(b'{"event":"\xff"}', "bad_utf8", id="Latin-1"),
        pytest.param(b'{"event":"\xed\xa0\x80"}', "bad_utf8", id="a surrogate in UTF-8"),
        pytest.param(b'{"event":"\xc0\x80"}', "bad_utf8", id="an overlong NUL"),
        pytest.param(b"x" * 2_001, "too_large", id="too large"),
        pytest.param(gzip.compress(b"x" * 2_001), "too_large", id="too large when decompressed"),
        pytest.param(gzip.compress(b"x" * 2_000) * 9, "too_large", id="too large in sum of its members"),
    ],
)
def test_what_cannot_be_a_body_is_refused_by_name(body: bytes, code: str) -> None:
    with pytest.raises(BadRecord) as refusal:
        text_of(body, 2_000)
    assert refusal.value.code == code


def test_a_body_of_exactly_the_limit_passes() -> None:
    assert len(text_of(gzip.compress(b"x" * 2_000), 2_000)) == 2_000


def bomb(blocks: int) -> bytes:
    """64 MiB of zeros a block, made by repeating one flushed deflate block."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(64 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + block * blocks


def test_a_gzip_bomb_is_left_after_as_many_bytes_as_are_allowed() -> None:
    body = bomb(160)  # 10 GiB
    tracemalloc.start()
    try:
        with pytest.raises(BadRecord, match="decompressed"):
            text_of(body)
        assert tracemalloc.get_traced_memory()[1] < 3 * (10 << 20)
    finally:
        tracemalloc.stop()


@given(st.sampled_from([b"", b"data=", b"\x1f\x8b\x08"]).flatmap(lambda p: st.binary(max_size=200).map(p.__add__)))
def test_any_bytes_give_text_or_a_named_refusal(body: bytes) -> None:
    code = ""
    try:
        text_of(body).decode()
    except BadRecord as refusal:
        code = refusal.code
    assert code in {"", "bad_gzip", "bad_form", "bad_utf8"}
