"""Multipart uploads: cutting a stream into parts, sending two at a time, and leaving nothing behind on failure."""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from footfall import observe
from footfall.buckets.s3_errors import code_of, translated
from footfall.errors import Conflict, Damaged

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

    def __init__(self, client: Any, bucket: str, key: str, place: str, *, checksums: bool) -> None:
        self._client = client
        self._object = {"Bucket": bucket, "Key": key}
        self._place = place
        self._checksums = checksums
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
        more = {"ChecksumAlgorithm": "SHA256"} if self._checksums else {}
        with translated("put", self._place):
            answer = self._client.create_multipart_upload(**self._object, ContentType=content_type, **more)
        self._id = answer["UploadId"]
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
        check = (
            {"ChecksumSHA256": base64.b64encode(digest).decode()}
            if self._checksums
            else {"ContentMD5": base64.b64encode(md5.digest()).decode()}
        )
        with translated("put", self._place):
            answer = self._client.upload_part(**self._object, UploadId=self._id, PartNumber=number, Body=part, **check)
        if not self._checksums and answer["ETag"].strip('"') != md5.hexdigest():
            raise Damaged(f"part {number} of {self._place} was stored with other bytes", "Try again")
        sent = {"PartNumber": number, "ETag": answer["ETag"]}
        return sent | ({"ChecksumSHA256": check["ChecksumSHA256"]} if self._checksums else {})

    def wait(self) -> None:
        while self._pending:
            self._done.append(self._pending.popleft().result())

    def complete(self, *, if_none_match: bool) -> None:
        """Make the parts an object. A lost answer whose retry finds no upload counts as a conflict to look at."""
        condition = {"IfNoneMatch": "*"} if if_none_match else {}
        try:
            with translated("put", self._place):
                self._client.complete_multipart_upload(
                    **self._object, UploadId=self._id, MultipartUpload={"Parts": self._done}, **condition
                )
        except Exception as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and code_of(cause) == "NoSuchUpload":
                raise Conflict(f"{self._place} may already be complete") from cause
            raise

    def abort(self) -> None:
        """Take the parts away. Where that fails the bucket's lifecycle rule has to, so say it."""
        self._abort(self._id)

    def _abort(self, upload: str) -> None:
        try:
            self._client.abort_multipart_upload(**self._object, UploadId=upload)
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and code_of(error) == "NoSuchUpload":
                return
            observe.went_wrong("an unfinished upload stays in the bucket", error, place=self._place)

    def _sweep(self, created: dict[str, Any], orphan_age: timedelta) -> None:
        """Abort uploads of the same key that a killed or cut-off writer left, by the server's own clock."""
        date = created["ResponseMetadata"]["HTTPHeaders"].get("date")
        if date is None:
            return
        oldest = parsedate_to_datetime(date) - orphan_age
        try:
            found = self._client.list_multipart_uploads(Bucket=self._object["Bucket"], Prefix=self._object["Key"])
        except (ClientError, BotoCoreError):
            return  # a permission of its own; an orphan costs space, not correctness
        for upload in found.get("Uploads", ()):
            ours = upload["Key"] == self._object["Key"] and upload["UploadId"] != self._id
            if ours and upload["Initiated"] <= oldest:
                self._abort(upload["UploadId"])
