"""A bucket tried one call at a time: what ``access check`` asks of S3, and of what speaks like it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from botocore.exceptions import ClientError

from footfall.buckets.access import Access
from footfall.buckets.clients import Clients
from footfall.buckets.endpoints import addresses_of
from footfall.buckets.s3 import S3Bucket
from footfall.buckets.s3_errors import FOREIGN, code_of, is_denied, told, translated
from footfall.errors import Damaged, FootfallError, Refused
from footfall.model.remote import Remote

CONTENT_TYPE: Final = "text/plain"


class S3Probe:
    """See ``Probe``. Writes and reads as deliveries do, through ``bucket``; the rest by calls of its own.

    guarded: only public addresses may be resolved to.
    """

    def __init__(
        self, bucket: S3Bucket, remote: Remote, clients: Clients, access: Access | None, *, guarded: bool
    ) -> None:
        self.url = bucket.url
        self._bucket = bucket
        self._client = bucket.client
        self._remote = remote
        self._clients = clients
        self._access = access
        self._encryption = bucket.encryption
        self._guarded = guarded
        self._folder = f"{remote.folder}/" if remote.folder else ""
        self._stored: dict[str, Any] = {}  # the server's answer to the last put
        self._upload = ""
        self._client.meta.events.register("after-call.s3.PutObject", self._note)

    def _note(self, parsed: dict[str, Any], **_: Any) -> None:
        self._stored = parsed

    # --- the steps -----------------------------------------------------------------------------------------------

    def resolve(self) -> str | None:
        address = urlsplit(self._client.meta.endpoint_url)
        host, port = str(address.hostname), address.port or (443 if address.scheme == "https" else 80)
        if not self._guarded and address.scheme in getproxies() and not proxy_bypass(host):
            return f"{host}, by the proxy"
        return f"{host} is {', '.join(addresses_of(host, port, private=not self._guarded))}"

    def authenticate(self) -> str | None:
        """Being told that listing is not permitted is an answer too: the server knows who asks."""
        with translated("list", self.url):
            key_id = str(self._clients.credentials().access_key)
            try:
                self._client.list_objects_v2(Bucket=self._remote.bucket, Prefix=self._folder, MaxKeys=1)
            except ClientError as error:
                if not is_denied(error) or error.operation_name.startswith("AssumeRole"):
                    raise
        shown = f"the key …{key_id[-4:]}"
        return f"as {self._access.role_arn}" if self._access is not None and self._access.role_arn else f"as {shown}"

    def write(self, name: str, body: bytes) -> str | None:
        stored = self._bucket.put(name, [body], content_type=CONTENT_TYPE)
        return f"{stored.size_bytes} bytes"

    def encryption(self, name: str) -> str | None:
        """By what is stored, or where reading is not permitted by the answer to the write."""
        answer, key = self._stored, self._encryption.key()
        with translated("stat", self._place(name)):
            try:
                answer = self._client.head_object(Bucket=self._remote.bucket, Key=self._key(name), **key)
            except ClientError as error:
                if not is_denied(error):
                    raise
        if not self._encryption.confirmed(answer):
            raise Refused(f"{self._place(name)} was stored without the encryption asked for", "Choose another one")
        if self._encryption.kind == "sse_c" and self._readable_without_key(name):
            raise Refused(f"{self._place(name)} can be read without its key", "Do not rely on SSE-C at this server")
        named = self._encryption.named(answer)
        if self._encryption.kind:
            return named
        return f"{named} by the bucket's own default" if named else None

    def _readable_without_key(self, name: str) -> bool:
        with translated("stat", self._place(name)):
            try:
                self._client.head_object(Bucket=self._remote.bucket, Key=self._key(name))
            except ClientError:
                return False
        return True

    def read(self, name: str, body: bytes | None) -> str | None:
        if body is None:
            size = sum(len(chunk) for chunk in self._bucket.open(name))
            return f"{size} bytes of {name}"
        if b"".join(self._bucket.open(name)) != body:
            raise Damaged(f"{self._place(name)} holds other bytes than were written", "Do not use this server")
        return "the same bytes"

    def list(self, name: str) -> str | None:
        if name not in {each.key for each in self._bucket.list(name)}:
            raise Damaged(f"{self._place(name)} is not listed", "Do not use this server")
        return "it is there"

    def first(self) -> str | None:
        return next((each.key for each in self._bucket.list()), None)

    def upload(self, name: str) -> str | None:
        key = self._key(f"{name}-parts")
        with translated("put", self._place(f"{name}-parts")):
            self._upload = self._begin(key)
            self._client.upload_part(
                Bucket=self._remote.bucket, Key=key, UploadId=self._upload, PartNumber=1, Body=b"part",
                **self._encryption.key(),
            )  # fmt: skip
        return "one part"

    def abort(self, name: str) -> str | None:
        if not self._upload:
            return None
        with translated("abort", self._place(f"{name}-parts")):
            self._end(self._key(f"{name}-parts"), self._upload)
        self._upload = ""
        return "nothing is left"

    def delete(self, name: str) -> str | None:
        self._bucket.delete(name)
        return "gone"

    # --- more than is needed -------------------------------------------------------------------------------------

    def excess(self, name: str, *, writes: bool) -> Sequence[str]:
        """Only calls that change nothing, or that begin an upload and take it away, are tried."""
        bucket, folder = self._remote.bucket, self._folder
        found = [*self._trust()]
        if self._sees_other_buckets():
            found.append("The key may list all buckets of the account (s3:ListAllMyBuckets)")
        if not self._remote.google and self._permits(lambda: self._client.get_bucket_policy(Bucket=bucket)):
            found.append("The key may read the bucket's policy (s3:GetBucketPolicy)")
        if folder and self._permits(lambda: self._client.list_objects_v2(Bucket=bucket, Prefix="", MaxKeys=1)):
            found.append(f"The key may list outside of {folder} (s3:ListBucket without s3:prefix)")
        if writes and folder and self._permits(lambda: self._try_upload(name)):
            found.append(f"The key may write outside of {folder} (s3:PutObject)")
        if not writes and self._permits(lambda: self._try_upload(folder + name)):
            found.append("The key may write, which imports never do (s3:PutObject)")
        return found

    def _sees_other_buckets(self) -> bool:
        """Some servers let everyone ask and answer with what is theirs."""
        try:
            answer = self._client.list_buckets()
        except (*FOREIGN, FootfallError):
            return False
        return any(each["Name"] != self._remote.bucket for each in answer.get("Buckets", ()))

    def _trust(self) -> Iterator[str]:
        """A role that anyone may borrow through us is no role for us alone (the confused deputy)."""
        if self._access is None or not self._access.role_arn:
            return
        role = self._access.role_arn
        if not self._access.external_id:
            yield f"{role} is assumed without an ExternalId; let its trust policy require one"
            return
        sts = self._clients.sts(self._clients.identity())
        if self._permits(lambda: sts.assume_role(RoleArn=role, RoleSessionName="footfall-check")):
            yield f"{role} can be assumed without the ExternalId; let its trust policy require sts:ExternalId"

    def _permits(self, call: Callable[[], object]) -> bool:
        """Whether a call is permitted. One that ends otherwise proves nothing."""
        try:
            call()
        except ClientError as error:
            return code_of(error) == "NoSuchBucketPolicy"
        except (*FOREIGN, FootfallError):
            return False
        return True

    def _try_upload(self, key: str) -> None:
        self._end(key, self._begin(key))

    def _begin(self, key: str) -> str:
        answer = self._client.create_multipart_upload(Bucket=self._remote.bucket, Key=key, **self._encryption.create())
        return str(told(answer, "UploadId", "put", f"{self._remote.bucket}/{key}"))

    def _end(self, key: str, upload: str) -> None:
        self._client.abort_multipart_upload(Bucket=self._remote.bucket, Key=key, UploadId=upload)

    def _key(self, name: str) -> str:
        return self._folder + name

    def _place(self, name: str) -> str:
        return f"{self._remote}/{name}"
