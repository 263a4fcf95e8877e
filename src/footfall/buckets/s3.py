"""S3, and what speaks like it, as a bucket: created under a condition, checked after it was stored."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from footfall import observe
from footfall.buckets.encryption import NONE, Encryption
from footfall.buckets.keys import check_key
from footfall.buckets.s3_errors import MISSING, code_of, is_denied, told, translated
from footfall.buckets.s3_parts import Parts, PartUpload, sweep
from footfall.buckets.s3_versions import purge
from footfall.errors import Conflict, Damaged, FootfallError, Refused, Unavailable
from footfall.ports import Purged, Stored

CHUNK_BYTES: Final = 1 << 20
READ_TRIES: Final = 5
_SHA256: Final = "sha256"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a server differs from Amazon's.

    conditional: takes ``If-None-Match: *`` on create. looks_first: asks whether the key is taken before creating,
    because the condition may be ignored. checksums: takes ``x-amz-checksum-*`` headers. sorts: lists keys in the order
    of their bytes (SeaweedFS lists folder by folder).
    """

    name: str
    conditional: bool
    looks_first: bool
    checksums: bool
    sorts: bool


AWS: Final = Dialect("aws", conditional=True, looks_first=False, checksums=True, sorts=True)
GENERIC: Final = Dialect("generic", conditional=True, looks_first=True, checksums=True, sorts=False)
# Google's interoperability refuses the newer checksum headers and knows no If-None-Match on create.
GCS: Final = Dialect("gcs", conditional=False, looks_first=True, checksums=False, sorts=True)


class S3Bucket:
    """See ``Bucket``. Keys are below ``folder`` of the bucket ``name``.

    Objects up to one part (8 MiB) are one PUT and carry their SHA-256 in their metadata. Larger ones go in parts, two
    at a time, at most three parts in memory; the digest of each part is checked by the server when it arrives and
    again afterwards. Without permission to read (a policy of ``s3:PutObject`` alone) the comparison after the upload
    is left out, and the log says so. No ACL and no Content-Encoding is ever sent.
    server: the endpoint, where it is not the provider's own.
    encryption: asked for with every request that has to; an object that a server stored without it is taken away again.
    orphan_age: unfinished uploads of the same key that are older are aborted when a large object is put.
    """

    def __init__(
        self,
        client: Any,
        name: str,
        folder: str,
        dialect: Dialect,
        *,
        server: str = "",
        encryption: Encryption = NONE,
        orphan_age: timedelta = timedelta(days=1),
    ) -> None:
        self.client = client
        self._name = name
        self._folder = "/".join(check_key(folder)) + "/" if folder else ""
        self._dialect = dialect
        self.encryption = encryption
        self._orphan_age = orphan_age
        self._shown = f"{'gs' if dialect is GCS else 's3'}://{name}/{self._folder}".rstrip("/")
        # Buckets of the same name at two servers are two places.
        self.url = f"{self._shown}?server={server}" if server else self._shown

    # --- writing -------------------------------------------------------------------------------------------------

    def put(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> Stored:
        """See ``Bucket.put``."""
        check_key(key)
        parts = Parts(chunks)
        first = next(parts, b"")
        if parts.ended:
            return self._put_whole(key, first, content_type)
        return self._put_parts(key, first, parts, content_type)

    def _put_whole(self, key: str, body: bytes, content_type: str) -> Stored:
        digest = hashlib.sha256(body)
        sent = Stored(key, len(body), digest.hexdigest())
        if self._already_there(sent, ""):
            return sent
        arguments: dict[str, Any] = {"Metadata": {_SHA256: sent.sha256}, "ContentType": content_type}
        arguments |= self.encryption.create()
        if self._dialect.conditional:
            arguments["IfNoneMatch"] = "*"
        if self._dialect.checksums:
            arguments["ChecksumSHA256"] = _base64(digest.digest())
        else:
            arguments["ContentMD5"] = _base64(hashlib.md5(body, usedforsecurity=False).digest())
        try:
            with translated("put", self._place(key)):
                answer = self.client.put_object(Bucket=self._name, Key=self._folder + key, Body=body, **arguments)
        except Conflict as conflict:
            return self._settle_conflict(sent, "", conflict)
        self._check(sent, "", str(told(answer, "ETag", "put", self._place(key))))
        return sent

    def _put_parts(self, key: str, first: bytes, parts: Parts, content_type: str) -> Stored:
        upload = PartUpload(
            self.client, self._name, self._folder + key, self._place(key),
            checksums=self._dialect.checksums, encryption=self.encryption,
        )  # fmt: skip
        with upload.begun(content_type, self._orphan_age):
            upload.send(first)
            for part in parts:
                upload.send(part)
            upload.wait()
            sent = Stored(key, parts.size_bytes, parts.sha256)
            if self._already_there(sent, upload.composite):
                upload.abort()
                return sent
            try:
                etag = upload.complete(if_none_match=self._dialect.conditional)
            except Conflict as conflict:
                upload.abort()
                return self._settle_conflict(sent, upload.composite, conflict)
        self._check(sent, upload.composite, etag)
        return sent

    def _already_there(self, sent: Stored, composite: str) -> bool:
        """For servers that may ignore the condition. Raises ``Conflict`` when other bytes are there."""
        if not self._dialect.looks_first:
            return False
        try:
            head = self._head(sent.key)
        except ClientError as error:
            if code_of(error) in MISSING or is_denied(error):
                return False
            with translated("stat", self._place(sent.key)):
                raise
        self._require_same(sent, composite, head)
        return True

    def _settle_conflict(self, sent: Stored, composite: str, conflict: Conflict) -> Stored:
        """The key is taken: by these very bytes (an answer was lost, or this is a retry), or by others."""
        try:
            head = self._head(sent.key)
        except ClientError as error:
            if is_denied(error):
                raise Conflict(
                    f"{self._place(sent.key)} is already there, and reading it is not permitted",
                    "Grant s3:GetObject so that it can be compared with what was to be written",
                ) from conflict
            raise self._unseen(sent.key, error) from error
        self._require_same(sent, composite, head)
        return sent

    def _require_same(self, sent: Stored, composite: str, head: dict[str, Any]) -> None:
        same = int(head["ContentLength"]) == sent.size_bytes
        if same:
            known = _same_digest(sent, composite, head)
            same = known if known is not None else self._digest(sent.key) == sent.sha256
        if not same:
            raise Conflict(f"{self._place(sent.key)} is already there and holds other bytes")

    def _check(self, sent: Stored, composite: str, etag: str) -> None:
        """Compare what is stored with what was sent. Takes a damaged object away again, where that is permitted."""
        try:
            head = self._head(sent.key)
        except ClientError as error:
            if is_denied(error):
                observe.happened("stored without a check: reading is not permitted", place=self._place(sent.key))
                return
            raise self._unseen(sent.key, error) from error
        if int(head["ContentLength"]) == sent.size_bytes and _same_digest(sent, composite, head) is not False:
            if self.encryption.confirmed(head):
                return
            with suppress(FootfallError):
                self.delete(sent.key)
            raise Refused(f"{self._place(sent.key)} was stored without the encryption asked for", "Choose another one")
        if etag and str(head.get("ETag", "")) != etag:
            # Two writers at a server that looks at the condition and then creates: the object there is the other's.
            raise Conflict(f"{self._place(sent.key)} is already there and holds other bytes")
        with suppress(FootfallError):
            self.delete(sent.key)
        raise Damaged(
            f"{self._place(sent.key)} is stored as {head['ContentLength']} bytes and does not equal what was sent",
            "Delete it and try again",
        )

    def _unseen(self, key: str, error: ClientError) -> FootfallError:
        """What it means that an object which has to be there cannot be looked at."""
        try:
            with translated("stat", self._place(key)):
                raise error
        except KeyError:
            return Unavailable(f"{self._place(key)} was accepted and is not there", "Look whether somebody deletes it")
        except FootfallError as known:
            return known

    # --- reading -------------------------------------------------------------------------------------------------

    def open(self, key: str, *, version: str = "") -> Iterator[bytes]:
        """Yield the object in chunks; goes on where it was when the connection breaks."""
        check_key(key)
        return self._chunks(key, self._get(key, **({"IfMatch": version} if version else {})))

    def _get(self, key: str, **more: str) -> dict[str, Any]:
        with self._same(key, more), translated("open", self._place(key)):
            found: dict[str, Any] = self.client.get_object(
                Bucket=self._name, Key=self._folder + key, **self.encryption.key(), **more
            )
        told(found, "ETag", "open", self._place(key))
        return found

    @contextmanager
    def _same(self, key: str, asked: Mapping[str, str]) -> Iterator[None]:
        """Say of a refused ``If-Match`` what it means."""
        try:
            yield
        except Conflict as conflict:
            if "IfMatch" not in asked:
                raise
            raise Conflict(
                f"{self._place(key)} was replaced while it was read", "Read it again: what is there now is another"
            ) from conflict

    def _chunks(self, key: str, answer: dict[str, Any]) -> Iterator[bytes]:
        """Yield what is there; of what Footfall wrote in one part, compared with the digest that was noted then."""
        size, etag = int(told(answer, "ContentLength", "open", self._place(key))), str(answer.get("ETag", ""))
        noted = str(answer.get("Metadata", {}).get(_SHA256, ""))
        if size <= CHUNK_BYTES:
            yield from self._small(key, answer, size, etag, noted)
            return
        digest = hashlib.sha256()
        at, tries = 0, 1
        while at < size:
            try:
                for chunk in answer["Body"].iter_chunks(CHUNK_BYTES):
                    at += len(chunk)
                    digest.update(chunk)
                    yield chunk
            except BotoCoreError as error:
                if tries == READ_TRIES:
                    raise Unavailable(f"open {self._place(key)}: broke off after {at} of {size} bytes") from error
                tries += 1
                # If-Match: what follows must come from the same object.
                answer = self._get(key, Range=f"bytes={at}-", IfMatch=etag)
        if noted not in ("", digest.hexdigest()):
            raise Damaged(f"{self._place(key)} does not hold what was written", "Read it again, then deliver it anew")

    def _small(self, key: str, answer: dict[str, Any], size: int, etag: str, noted: str) -> Iterator[bytes]:
        """An object of one chunk: nothing of it is given away unchecked, so it can be read again."""
        for tries_left in reversed(range(READ_TRIES)):
            try:
                body = bytes(answer["Body"].read())
                if noted in ("", hashlib.sha256(body).hexdigest()):
                    break
                if not tries_left:
                    raise Damaged(f"{self._place(key)} does not hold what was written", "Deliver it anew")
            except BotoCoreError as error:
                if not tries_left:
                    raise Unavailable(f"open {self._place(key)}: broke off before {size} bytes") from error
            answer = self._get(key, IfMatch=etag)
        if body:
            yield body

    def stat(self, key: str) -> Stored:
        """See ``Bucket.stat``; ``sha256`` is known for objects of one part that Footfall wrote."""
        check_key(key)
        with translated("stat", self._place(key)):
            head = self._head(key)
        return Stored(
            key,
            int(head["ContentLength"]),
            head.get("Metadata", {}).get(_SHA256, ""),
            version=str(head.get("ETag", "")),
            modified_at=head.get("LastModified"),
        )

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """See ``Bucket.list``. A thousand keys at a time; where the server does not sort, a folder at a time."""
        return self._all(prefix) if self._dialect.sorts else self._walk(prefix)

    def _all(self, prefix: str) -> Iterator[Stored]:
        for page in self._pages(prefix):
            yield from self._objects(page)

    def _walk(self, prefix: str) -> Iterator[Stored]:
        level: list[tuple[bytes, Stored | str]] = []
        for page in self._pages(prefix, Delimiter="/"):
            level += ((each.key.encode(), each) for each in self._objects(page))
            folders = (each["Prefix"][len(self._folder) :] for each in page.get("CommonPrefixes", ()))
            level += ((folder.encode(), folder) for folder in folders)
        for _, each in sorted(level, key=lambda pair: pair[0]):
            if isinstance(each, Stored):
                yield each
            else:
                yield from self._walk(each)

    def _pages(self, prefix: str, **more: str) -> Iterator[dict[str, Any]]:
        paginator = self.client.get_paginator("list_objects_v2")
        pages = iter(paginator.paginate(Bucket=self._name, Prefix=self._folder + prefix, **more))
        while True:
            with translated("list", self._place(prefix)):
                page = next(pages, None)
            if page is None:
                return
            yield page

    def _objects(self, page: dict[str, Any]) -> Iterator[Stored]:
        for entry in page.get("Contents", ()):
            key = entry["Key"][len(self._folder) :]
            if key and not key.endswith("/"):  # consoles make "folders" as empty objects
                version, modified_at = str(entry.get("ETag", "")), entry.get("LastModified")
                yield Stored(key, int(entry["Size"]), version=version, modified_at=modified_at)

    def delete(self, key: str, *, version: str = "") -> None:
        """See ``Bucket.delete``. Not every server knows a condition on it, so it is looked at before, too."""
        check_key(key)
        asked = {"IfMatch": version} if version and self._dialect is AWS else {}
        with suppress(KeyError), self._same(key, {"IfMatch": version} if version else {}):
            if version and self.stat(key).version != version:
                raise Conflict(f"{self._place(key)} is another by now")
            with translated("delete", self._place(key)):  # Google says it when the key is not there
                self.client.delete_object(Bucket=self._name, Key=self._folder + key, **asked)

    def purge(self, key: str) -> Purged:
        """See ``Purger.purge``. Needs ``s3:ListBucketVersions`` and ``s3:DeleteObjectVersion``."""
        check_key(key)
        return purge(self.client, self._name, self._folder + key, self._place(key))

    def sweep(self, mine: Callable[[str], bool], age: timedelta) -> int:
        """See ``Sweeper.sweep``. Needs ``s3:ListBucketMultipartUploads`` and ``s3:AbortMultipartUpload``."""
        return sweep(self.client, self._name, self._folder, self._shown, mine, age)

    def _head(self, key: str) -> dict[str, Any]:
        """What the server says of the object. ``ClientError`` is left to the caller, who may know what it means."""
        more = self.encryption.key() | ({"ChecksumMode": "ENABLED"} if self._dialect.checksums else {})
        try:
            head: dict[str, Any] = self.client.head_object(Bucket=self._name, Key=self._folder + key, **more)
        except (BotoCoreError, ResponseParserError):
            with translated("stat", self._place(key)):
                raise
        for name in ("ETag", "ContentLength"):
            told(head, name, "stat", self._place(key))
        return head

    def _digest(self, key: str) -> str:
        digest = hashlib.sha256()
        for chunk in self.open(key):
            digest.update(chunk)
        return digest.hexdigest()

    def _place(self, key: str) -> str:
        return f"{self._shown}/{key}"


def _same_digest(sent: Stored, composite: str, head: dict[str, Any]) -> bool | None:
    """Does the answer to a HEAD carry the digest of what was sent? None when it carries none that can be compared."""
    stored = str(head.get("ChecksumSHA256", ""))
    if stored and (composite or "-" not in stored):
        # Metadata only repeats what the writer said; this is what the server computed.
        return stored == (composite or _base64(bytes.fromhex(sent.sha256)))
    noted = str(head.get("Metadata", {}).get(_SHA256, ""))
    return noted == sent.sha256 if noted else None


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
