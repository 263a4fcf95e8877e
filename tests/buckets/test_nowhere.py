"""A rehearsal's bucket: it counts and digests, and changes nothing anywhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from footfall.buckets.local import LocalBucket
from footfall.buckets.nowhere import Nowhere
from footfall.errors import Refused

TYPE = "text/csv"


@pytest.fixture
def real(tmp_path: Path) -> LocalBucket:
    bucket = LocalBucket(tmp_path / "real")
    bucket.put("a/there.csv", [b"what ", b"is there"], content_type=TYPE)
    return bucket


def test_what_is_put_is_counted_and_digested_and_not_written(real: LocalBucket) -> None:
    nowhere = Nowhere(real)
    stored = nowhere.put("b/new.csv", iter([b"some ", memoryview(b"text")]), content_type=TYPE)  # type: ignore[list-item]
    assert (stored.size_bytes, stored.sha256) == (9, hashlib.sha256(b"some text").hexdigest())
    assert nowhere.put_here == {"b/new.csv": stored}
    assert [each.key for each in real.list()] == ["a/there.csv"]


def test_what_is_there_can_be_read_and_is_neither_replaced_nor_deleted(real: LocalBucket) -> None:
    nowhere = Nowhere(real)
    nowhere.put("a/there.csv", [b"other bytes"], content_type=TYPE)
    nowhere.delete("a/there.csv")
    assert nowhere.url == real.url
    assert b"".join(nowhere.open("a/there.csv")) == b"what is there"
    assert nowhere.stat("a/there.csv").size_bytes == 13
    assert list(nowhere.list("a/")) == list(real.list())
    with pytest.raises(KeyError):
        nowhere.open("b/new.csv")


def test_a_key_that_no_bucket_would_take_is_refused_here_too(real: LocalBucket) -> None:
    with pytest.raises(Refused):
        Nowhere(real).put("../outside", [b""], content_type=TYPE)
