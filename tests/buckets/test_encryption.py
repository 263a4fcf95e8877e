"""Encryption at rest is asked for with every object, seen to be done, and needed again to read."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from typing import Any

import pytest
import weed
from botocore.exceptions import ClientError
from fault_proxy import FaultProxy, Message

from footfall.buckets.places import Access, open_place
from footfall.buckets.s3 import S3Bucket
from footfall.errors import Conflict, FootfallError, Refused
from footfall.ports import Bucket

TYPE = "text/plain"
KEY = bytes(range(32))
PART_BYTES = 5 << 20
LARGE = bytes(PART_BYTES) + b"the last part"


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("footfall.buckets.s3_parts.PART_BYTES", PART_BYTES)


@pytest.fixture
def name() -> str:
    return weed.secure_server().bucket(f"b-{uuid.uuid4().hex}")


def encrypted(name: str, kind: str, **more: Any) -> S3Bucket:
    server = weed.secure_server()
    access = Access(*weed.ADMIN, ca_bundle=server.authority, encryption=kind, **more)
    bucket = open_place(f"s3://{name}/f", access, endpoint_url=server.tls_url)
    assert isinstance(bucket, S3Bucket)
    return bucket


def head(name: str, key: str, **more: Any) -> dict[str, Any]:
    return weed.secure_server().client().head_object(Bucket=name, Key=f"f/{key}", **more)


@pytest.mark.parametrize("body", [b"small", LARGE], ids=["one part", "several parts"])
def test_sse_s3_is_on_every_object(name: str, body: bytes) -> None:
    bucket = encrypted(name, "sse_s3")
    bucket.put("a.txt", [body], content_type=TYPE)
    assert head(name, "a.txt")["ServerSideEncryption"] == "AES256"
    assert b"".join(bucket.open("a.txt")) == body


@pytest.mark.parametrize("body", [b"small", LARGE], ids=["one part", "several parts"])
def test_what_a_customers_key_sealed_only_that_key_opens(name: str, body: bytes) -> None:
    bucket = encrypted(name, "sse_c", customer_key=KEY)
    sent = bucket.put("a.txt", [body], content_type=TYPE)
    assert bucket.put("a.txt", [body], content_type=TYPE) == sent
    assert b"".join(bucket.open("a.txt")) == body
    assert bucket.stat("a.txt").size_bytes == len(body)
    with pytest.raises(Conflict, match="other bytes"):
        bucket.put("a.txt", [body + b"!"], content_type=TYPE)
    for other in (encrypted(name, "sse_c", customer_key=KEY[::-1]), encrypted(name, "")):
        with pytest.raises(Refused, match=r"encrypted with another key|s3:GetObject"):
            other.stat("a.txt")
    with pytest.raises(ClientError):
        head(name, "a.txt")


class _Headers(FaultProxy):
    """Notes what each call asked for, and answers in the place of a server that knows KMS, which weed does not."""

    def __init__(self, upstream: str) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        super().__init__(upstream)

    def refused(self, request: Message) -> bytes | None:
        pairs = (line.split(b":", 1) for line in request.head.split(b"\r\n")[1:] if b":" in line)
        headers = {name.decode().lower(): value.strip().decode() for name, value in pairs}
        self.asked.append((request.first_line, headers))
        if not request.first_line.startswith(("PUT", "POST", "HEAD")):
            return None
        sse = b'x-amz-server-side-encryption: aws:kms\r\nETag: "e"\r\nContent-Length: '
        if request.first_line.startswith("HEAD"):
            missing = not any(line.startswith("PUT") for line, _ in self.asked)
            if missing:
                return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            return b"HTTP/1.1 200 OK\r\n" + sse + b"5\r\nConnection: close\r\n\r\n"
        body = b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
        return b"HTTP/1.1 200 OK\r\n" + sse + str(len(body)).encode() + b"\r\nConnection: close\r\n\r\n" + body


@pytest.fixture
def headers() -> Iterator[_Headers]:
    proxy = _Headers(weed.server().url)
    yield proxy
    proxy.close()


@pytest.mark.parametrize("key", ["", "arn:aws:kms:eu-west-1:111122223333:key/1"])
@pytest.mark.parametrize("body", [b"small", LARGE], ids=["one part", "several parts"])
def test_sse_kms_is_asked_for_with_its_key(headers: _Headers, body: bytes, key: str) -> None:
    """SeaweedFS has no KMS, so a front plays the server: what counts is what is asked of it."""
    access = Access(*weed.ADMIN, encryption="sse_kms", kms_key_id=key)
    bucket = open_place("s3://b-b/f", access, endpoint_url=headers.url)
    with nullcontext() if body is not LARGE else suppress(FootfallError, KeyError):  # the front knows no parts
        bucket.put("a.txt", [body], content_type=TYPE)
    creates = [asked for line, asked in headers.asked if "?uploads" in line or (body is not LARGE and "PUT" in line)]
    assert len(creates) == 1
    assert creates[0]["x-amz-server-side-encryption"] == "aws:kms"
    assert creates[0].get("x-amz-server-side-encryption-aws-kms-key-id", "") == key


def test_an_object_that_a_server_stored_in_the_clear_is_taken_away_again(name: str) -> None:
    """Some servers ignore what they do not know. The front drops the request for encryption on its way."""

    class Ignoring(FaultProxy):
        def refused(self, request: Message) -> bytes | None:
            return None

        def answered(self, request: Message, answer: Message) -> Message:
            lines = [each for each in answer.head.split(b"\r\n") if not each.lower().startswith(b"x-amz-server-side")]
            return Message(b"\r\n".join(lines), answer.body)

    server = weed.server()
    plain = server.bucket(f"b-{uuid.uuid4().hex}")
    front = Ignoring(server.url)
    try:
        bucket = open_place(f"s3://{plain}/f", Access(*weed.ADMIN, encryption="sse_s3"), endpoint_url=front.url)
        with pytest.raises(Refused, match="without the encryption asked for"):
            bucket.put("a.txt", [b"secret"], content_type=TYPE)
        assert list(bucket.list()) == []
    finally:
        front.close()


def test_a_customers_key_is_not_sent_in_the_clear(name: str) -> None:
    access = Access(*weed.ADMIN, encryption="sse_c", customer_key=KEY)
    with pytest.raises(Refused, match="https"):
        open_place(f"s3://{name}", access, endpoint_url=weed.secure_server().url)


@pytest.mark.parametrize(
    "wrong",
    [
        {"encryption": "rot13"},
        {"encryption": "sse_c"},
        {"encryption": "sse_c", "customer_key": b"short"},
        {"encryption": "sse_s3", "customer_key": KEY},
        {"customer_key": KEY},
    ],
)
def test_an_encryption_and_a_key_that_do_not_go_together_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=r"encryption|sse_c"):
        Access(*weed.ADMIN, **wrong)


@pytest.mark.parametrize("kind", ["sse_s3", "sse_kms"])
def test_google_takes_no_encryption_of_amazons(kind: str) -> None:
    with pytest.raises(Refused, match="Google"):
        open_place("gs://my-bucket/f", Access(*weed.ADMIN, encryption=kind))


def test_an_upload_that_breaks_off_under_encryption_leaves_nothing(name: str) -> None:
    def breaking() -> Iterator[bytes]:
        yield LARGE
        raise ArithmeticError

    bucket: Bucket = encrypted(name, "sse_c", customer_key=KEY)
    with pytest.raises(ArithmeticError):
        bucket.put("a.txt", breaking(), content_type=TYPE)
    client = weed.secure_server().client()
    assert not client.list_multipart_uploads(Bucket=name).get("Uploads")
