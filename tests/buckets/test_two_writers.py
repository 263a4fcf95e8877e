"""Two writers at a server that answers success to both: one of them learns that it was not the one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import weed
from racing_front import RacingFront

from footfall.buckets.places import Access, open_place
from footfall.errors import Conflict
from footfall.ports import Bucket, Stored

PART_BYTES = 5 << 20
BODIES = [pytest.param((b"one", b"two"), id="one part"),
          pytest.param((bytes(PART_BYTES) + b"one", bytes(PART_BYTES) + b"two"), id="several parts")]  # fmt: skip


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("footfall.buckets.s3_parts.PART_BYTES", PART_BYTES)


@pytest.fixture
def buckets() -> Iterator[tuple[Bucket, Bucket]]:
    server = weed.server()
    front = RacingFront(server.url, server.client())
    name = server.bucket(f"b-{uuid.uuid4().hex}")
    first, second = (open_place(f"s3://{name}/f", Access(*weed.ADMIN), endpoint_url=front.url) for _ in range(2))
    yield first, second
    front.close()


def put_both(buckets: tuple[Bucket, Bucket], bodies: tuple[bytes, bytes]) -> list[Stored | Conflict]:
    def put(bucket: Bucket, body: bytes) -> Stored | Conflict:
        try:
            return bucket.put("a.csv.gz", [body], content_type="application/gzip")
        except Conflict as conflict:
            return conflict

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(put, buckets, bodies))


@pytest.mark.parametrize("bodies", BODIES)
def test_who_lost_is_told_and_the_winners_bytes_stay(
    buckets: tuple[Bucket, Bucket], bodies: tuple[bytes, bytes]
) -> None:
    outcomes = put_both(buckets, bodies)
    [(winner, body)] = [
        (each, body) for each, body in zip(outcomes, bodies, strict=True) if not isinstance(each, Conflict)
    ]
    [loser] = [each for each in outcomes if isinstance(each, Conflict)]
    assert "holds other bytes" in loser.what
    assert b"".join(buckets[0].open("a.csv.gz")) == body
    assert buckets[1].stat("a.csv.gz").size_bytes == winner.size_bytes


@pytest.mark.parametrize("bodies", BODIES)
def test_of_the_same_bytes_both_are_delivered(buckets: tuple[Bucket, Bucket], bodies: tuple[bytes, bytes]) -> None:
    first, second = put_both(buckets, (bodies[0], bodies[0]))
    assert first == second
    assert b"".join(buckets[0].open("a.csv.gz")) == bodies[0]
