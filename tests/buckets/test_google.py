"""Google Cloud Storage by its S3 interface: a front refuses what Google refuses and ignores what Google ignores."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator

import pytest
import weed
from botocore.exceptions import ClientError
from fronts import GoogleFront

from footfall.buckets.places import Access, open_place
from footfall.errors import Conflict, Denied
from footfall.ports import Bucket

TYPE = "text/plain"
PART_BYTES = 5 << 20
LARGE = hashlib.sha256(b"google").digest() * (PART_BYTES // 32 * 2 + 1)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("footfall.buckets.s3_parts.PART_BYTES", PART_BYTES)


@pytest.fixture
def front() -> Iterator[GoogleFront]:
    front = GoogleFront(weed.server().url)
    yield front
    front.close()


def place(front: GoogleFront, key: tuple[str, str] = weed.ADMIN) -> Bucket:
    name = weed.server().bucket(f"b-{uuid.uuid4().hex}")
    return open_place(f"gs:{name}/f", Access(*key), endpoint_url=front.url)


def test_the_front_is_as_strict_as_google(front: GoogleFront) -> None:
    """A client with the usual settings fails here, as it does there."""
    from boto3.session import Session

    name = weed.server().bucket(f"b-{uuid.uuid4().hex}")
    client = Session(*weed.ADMIN, region_name="auto").client("s3", endpoint_url=front.url)
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        client.put_object(Bucket=name, Key="a", Body=b"x")
    with pytest.raises(ClientError, match=r"SignatureDoesNotMatch|NotImplemented"):
        client.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "a"}]})


@pytest.mark.parametrize("body", [b"small", LARGE], ids=["one part", "several parts"])
def test_everything_a_delivery_does_works_there(front: GoogleFront, body: bytes) -> None:
    bucket = place(front)
    sent = bucket.put("a.txt", [body], content_type=TYPE)
    assert bucket.put("a.txt", [body], content_type=TYPE) == sent
    with pytest.raises(Conflict, match="other bytes"):
        bucket.put("a.txt", [body[:-1] + b"!"], content_type=TYPE)
    assert b"".join(bucket.open("a.txt")) == body
    assert [each.key for each in bucket.list()] == ["a.txt"]
    bucket.delete("a.txt")
    assert list(bucket.list()) == []


def test_a_wrong_hmac_secret_is_said_to_be_wrong(front: GoogleFront) -> None:
    with pytest.raises(Denied, match="secret does not belong"):
        place(front, (weed.ADMIN[0], "wrong")).put("a.txt", [b"x"], content_type=TYPE)
