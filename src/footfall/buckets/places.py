"""From an address, as people write it, to a bucket."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from footfall.buckets.local import LocalBucket
from footfall.errors import Refused

if TYPE_CHECKING:
    from footfall.buckets.s3 import Dialect, S3Bucket
    from footfall.ports import Bucket

GCS_ENDPOINT: Final = "https://storage.googleapis.com"
CONNECT_TIMEOUT_S: Final = 10
READ_TIMEOUT_S: Final = 60
TRIES: Final = 5

_REMOTE: Final = re.compile(r"(?P<scheme>s3|gs):(//)?(?P<bucket>[^/]*)(/(?P<folder>.*))?", re.DOTALL)
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Access:
    """Access keys given outright. Without ``key_id`` the standard AWS chain applies: environment, profile, role."""

    key_id: str = ""
    secret: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    region: str = ""


def open_place(url: str, access: Access | None = None, *, endpoint_url: str | None = None) -> Bucket:
    """The bucket at ``url``; nothing is sent or created yet.

    url: a folder, ``file:///folder``, ``s3://bucket/folder``, ``gs://bucket/folder`` or ``gs:bucket/folder``.
    endpoint_url: another server that speaks S3. Google's is known for ``gs``.
    Raises ``Refused`` when the address cannot be one.
    """
    remote = _REMOTE.fullmatch(url)
    if remote is not None:
        return _remote(remote, access or Access(), endpoint_url)
    if url.startswith("file:"):
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost"):
            raise Refused(f"{url} is on another machine", "Write file:///folder with three slashes")
        url = unquote(parts.path)
    elif re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", url):
        raise Refused(f"{url.split(':', 1)[0]} is not a kind of place", "Use a folder, s3://bucket/folder or gs://…")
    if url == "":
        raise Refused("the address is empty", "Give a folder, s3://bucket/folder or gs://bucket/folder")
    return LocalBucket(Path(url).expanduser())


def _remote(place: re.Match[str], access: Access, endpoint_url: str | None) -> S3Bucket:
    # boto3 takes 0.3 s to import, which a command that writes to a folder should not wait for.
    from footfall.buckets.s3 import AWS, GCS, GENERIC, S3Bucket

    name, folder = place["bucket"], (place["folder"] or "").strip("/")
    if _BUCKET.fullmatch(name) is None:
        raise Refused(f"{name!r} cannot be the name of a bucket", "Write s3://bucket/folder or gs://bucket/folder")
    address = endpoint_url
    if place["scheme"] == "gs":
        dialect, address = GCS, endpoint_url or GCS_ENDPOINT
    else:
        dialect = GENERIC if endpoint_url else AWS
    return S3Bucket(_client(access, address, dialect), name, folder, dialect, server=endpoint_url or "")


def _client(access: Access, endpoint_url: str | None, dialect: Dialect) -> Any:
    from boto3.session import Session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    keys = {
        "aws_access_key_id": access.key_id,
        "aws_secret_access_key": access.secret,
        "aws_session_token": access.session_token or None,
    }
    config = Config(  # type: ignore[no-untyped-call]
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": TRIES},
        # We send checksums of our own where they are taken. botocore's defaults put them into trailers, which Google
        # and others refuse or, worse, store as part of the object.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if endpoint_url else "auto"},
        max_pool_connections=8,
    )
    region = access.region or {"gcs": "auto"}.get(dialect.name)
    try:
        session: Any = Session(region_name=region)  # type: ignore[no-untyped-call]
        if endpoint_url is not None and session.region_name is None:
            region = "us-east-1"  # servers of one's own rarely have regions, but a signature names one
        return session.client(
            "s3", endpoint_url=endpoint_url, region_name=region, config=config, **(keys if access.key_id else {})
        )
    except (BotoCoreError, ValueError) as error:
        raise Refused(f"no S3 client: {error}", "Correct the address, the region or the profile") from error
