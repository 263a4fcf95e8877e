"""Multipart uploads: cutting a stream into parts, sending two at a time, and leaving nothing behind on failure."""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from footfall import observe
from footfall.buckets.encryption import NONE, Encryption
from footfall.buckets.s3_errors import FOREIGN, code_of, told, translated
from footfall.errors import Conflict, Damaged, FootfallError

PART_BYTES: Final = 8 << 20
# S3 takes 10,000 parts. Every thousand parts the size doubles, so the limit is beyond the 5 TiB an object may have,
# and the cut depends on nothing but the bytes: the same object has the same composite digest.
PARTS_PER_SIZE: Final = 1000
PARALLEL: Final = 2


class Parts:
    """The stream cut into parts; counts and digests what went by.

    ended: the part just yielded was the last one. size_bytes and sha256 are of the whole stream, once ``ended``.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._digest = hashlib.sha256()
        self._rest = bytearray()
        self._number = 0
        self.ended = False
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self.ended:
            raise StopIteration
        size = PART_BYTES << (self._number // PARTS_PER_SIZE)
        self._number += 1
        # One byte beyond the part tells whether another one follows.
        while len(self._rest) <= size:
            chunk = next(self._chunks, None)
            if chunk is None:
                self.ended = True
                break
            self._rest += chunk
        part = bytes(memoryview(self._rest)[:size])
        del self._rest[:size]
        self._digest.update(part)
        self.size_bytes += len(part)
        return part


class PartUpload:
    """One multipart upload. ``send`` keeps at most ``PARALLEL`` parts under way, so memory stays bounded.

    composite: SHA-256 of the parts' SHA-256s and their number, as S3 writes it; empty where checksums are not taken.
    """

    def __init__(
        self, client: Any, bucket: str, key: str, place: str, *, checksums: bool, encryption: Encryption = NONE
    ) -> None:
        self._client = client
        self._object = {"Bucket": bucket, "Key": key}
        self._place = place
        self._checksums = checksums
        self._encryption = encryption
        self._id = ""
        self._pool: ThreadPoolExecutor | None = None
        self._pending: deque[Future[dict[str, Any]]] = deque()
        self._done: list[dict[str, Any]] = []
        self._digests: list[bytes] = []

    @property
    def composite(self) -> str:
        if not self._checksums:
            return ""
        whole = hashlib.sha256(b"".join(self._digests)).digest()
        return f"{base64.b64encode(whole).decode()}-{len(self._digests)}"

    @contextmanager
    def begun(self, content_type: str, orphan_age: timedelta) -> Iterator[None]:
        """Create the upload; abort it when the block raises."""
        more = self._encryption.create() | ({"ChecksumAlgorithm": "SHA256"} if self._checksums else {})
        with translated("put", self._place):
            answer = self._client.create_multipart_upload(**self._object, ContentType=content_type, **more)
        self._id = str(told(answer, "UploadId", "put", self._place))
        try:
            self._sweep(answer, orphan_age)
            with ThreadPoolExecutor(PARALLEL, thread_name_prefix="s3-part") as self._pool:
                try:
                    yield
                finally:
                    for future in self._pending:
                        future.cancel()
        except BaseException:
            self.abort()
            raise

    def send(self, part: bytes) -> None:
        """Send one part, in the background; raises what an earlier one ran into."""
        assert self._pool is not None
        if len(self._pending) >= PARALLEL:
            self._done.append(self._pending.popleft().result())
        digest = hashlib.sha256(part).digest()
        self._digests.append(digest)
        self._pending.append(self._pool.submit(self._send, len(self._digests), part, digest))

    def _send(self, number: int, part: bytes, digest: bytes) -> dict[str, Any]:
        md5 = hashlib.md5(part, usedforsecurity=False)
        # The header makes the server refuse a part that changed on the way.
        check: dict[str, Any] = (
            {"ChecksumSHA256": base64.b64encode(digest).decode()}
            if self._checksums
            else {"ContentMD5": base64.b64encode(md5.digest()).decode()}
        )
        check |= self._encryption.key()
        with translated("put", self._place):
            answer = self._client.upload_part(**self._object, UploadId=self._id, PartNumber=number, Body=part, **check)
        etag = str(told(answer, "ETag", "put", self._place))
        if not self._checksums and etag.strip('"') != md5.hexdigest():
            raise Damaged(f"part {number} of {self._place} was stored with other bytes", "Try again")
        sent = {"PartNumber": number, "ETag": etag}
        return sent | ({"ChecksumSHA256": check["ChecksumSHA256"]} if self._checksums else {})

    def wait(self) -> None:
        while self._pending:
            self._done.append(self._pending.popleft().result())

    def complete(self, *, if_none_match: bool) -> str:
        """Make the parts an object and return its ETag.

        A lost answer whose retry finds no upload counts as a conflict to look at.
        """
        # With checksums the customer's key is needed here too (CompleteMultipartUpload, S3 API reference).
        condition = self._encryption.key() | ({"IfNoneMatch": "*"} if if_none_match else {})
        try:
            with translated("put", self._place):
                answer = self._client.complete_multipart_upload(
                    **self._object, UploadId=self._id, MultipartUpload={"Parts": self._done}, **condition
                )
        except Exception as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and code_of(cause) == "NoSuchUpload":
                raise Conflict(f"{self._place} may already be complete") from cause
            raise
        return str(answer.get("ETag", ""))

    def abort(self) -> None:
        """Take the parts away. Where that fails the bucket's lifecycle rule has to, so say it."""
        _abort(self._client, self._object["Bucket"], self._object["Key"], self._id, self._place)

    def _sweep(self, created: dict[str, Any], orphan_age: timedelta) -> None:
        """Abort uploads of the same key that a killed or cut-off writer left, by the server's own clock."""
        bucket, key = self._object["Bucket"], self._object["Key"]
        now = _date(created)
        if now is None:
            return
        # A permission of its own; an orphan costs space, not correctness.
        with suppress(*FOREIGN, FootfallError):
            for upload in unfinished(self._client, bucket, key):
                ours = upload["Key"] == key and upload["UploadId"] != self._id
                if ours and upload["Initiated"] <= now - orphan_age:
                    _abort(self._client, bucket, key, upload["UploadId"], self._place)


def unfinished(client: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    """Yield the uploads under ``prefix`` that are neither complete nor aborted, with the server's time as ``Now``."""
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix):
        now = _date(page)
        for upload in page.get("Uploads", ()):
            yield {**upload, "Now": now}


def sweep(client: Any, bucket: str, folder: str, place: str, mine: Callable[[str], bool], age: timedelta) -> int:
    """See ``Sweeper.sweep``. folder: with its slash, or empty."""
    with translated("uploads", place):
        found = list(unfinished(client, bucket, folder))
    swept = 0
    for upload in found:
        key = str(upload["Key"])
        old = upload["Now"] is not None and upload["Initiated"] <= upload["Now"] - age
        if old and mine(key[len(folder) :]):
            swept += _abort(client, bucket, key, upload["UploadId"], place)
    return swept


def _abort(client: Any, bucket: str, key: str, upload: str, place: str) -> bool:
    """Abort an upload; True when it is gone."""
    try:
        client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    except (*FOREIGN, FootfallError) as error:
        if isinstance(error, ClientError) and code_of(error) == "NoSuchUpload":
            return True
        observe.went_wrong("an unfinished upload stays in the bucket", error, place=place)
        return False
    return True


def _date(answer: dict[str, Any]) -> datetime | None:
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return None if date is None else parsedate_to_datetime(date)
