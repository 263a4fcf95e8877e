"""From an address, as people write it, to a bucket."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from footfall.buckets.access import Access
from footfall.buckets.local import LocalBucket
from footfall.errors import Refused
from footfall.model.remote import Remote

if TYPE_CHECKING:
    from footfall.buckets.clients import Clients
    from footfall.buckets.s3 import S3Bucket
    from footfall.ports import Bucket, Probe

__all__ = ["GCS_ENDPOINT", "Access", "open_place", "open_probe"]

GCS_ENDPOINT: Final = "https://storage.googleapis.com"


def open_place(
    url: str, access: Access | None = None, *, endpoint_url: str | None = None, public_only: bool = False
) -> Bucket:
    """The bucket at ``url``; nothing is sent or created yet.

    url: a folder, ``file:///folder``, ``s3://bucket/folder``, ``gs://bucket/folder`` or ``gs:bucket/folder``.
    access: without it the standard AWS chain applies: environment, profile, role of the machine.
    endpoint_url: another server that speaks S3. Google's is known for ``gs``.
    public_only: the endpoint was not named by who runs this machine but is kept in a configuration; it has to be https
    at public addresses (see ``endpoints``).
    Raises ``Refused`` when the address cannot be one.
    """
    remote = Remote.parse(url)
    if remote is not None:
        return _open(remote, access, endpoint_url or None, public_only=public_only)[0]
    return LocalBucket(folder_of(url))


def folder_of(url: str) -> Path:
    """The folder an address names. Raises ``Refused`` when it names something else."""
    if url.startswith("file:"):
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost"):
            raise Refused(f"{url} is on another machine", "Write file:///folder with three slashes")
        url = unquote(parts.path)
    elif re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", url):
        raise Refused(f"{url.split(':', 1)[0]} is not a kind of place", "Use a folder, s3://bucket/folder or gs://…")
    if url == "":
        raise Refused("the address is empty", "Give a folder, s3://bucket/folder or gs://bucket/folder")
    return Path(url).expanduser()


def open_probe(
    url: str, access: Access | None = None, *, endpoint_url: str | None = None, public_only: bool = False
) -> Probe:
    """The same place as ``open_place`` opens, to be tried one call at a time."""
    remote = Remote.parse(url)
    if remote is None:
        from footfall.buckets.local_probe import LocalProbe

        return LocalProbe(folder_of(url))
    from footfall.buckets.s3_probe import S3Probe

    opened = _open(remote, access, endpoint_url or None, public_only=public_only)
    return S3Probe(*opened, access, guarded=public_only and bool(endpoint_url))


def _open(
    remote: Remote, access: Access | None, endpoint_url: str | None, *, public_only: bool
) -> tuple[S3Bucket, Remote, Clients]:
    # botocore takes 0.3 s to import, which a command that writes to a folder should not wait for.
    from footfall.buckets.clients import Clients
    from footfall.buckets.encryption import NONE, Encryption
    from footfall.buckets.endpoints import check_endpoint
    from footfall.buckets.s3 import AWS, GCS, GENERIC, S3Bucket

    own = None if endpoint_url is None else check_endpoint(endpoint_url, private=not public_only)
    address = own or (GCS_ENDPOINT if remote.google else None)
    dialect = GCS if remote.google else GENERIC if own else AWS
    encryption = Encryption.of(access, google=remote.google, address=own) if access else NONE
    clients = Clients(access, address, region="auto" if remote.google else "", guarded=public_only and own is not None)
    bucket = S3Bucket(clients.s3(), remote.bucket, remote.folder, dialect, server=own or "", encryption=encryption)
    return bucket, remote, clients
