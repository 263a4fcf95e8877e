"""A real S3 server for tests: SeaweedFS from PyPI, on loopback, in a fresh folder, one per test process.

It checks signatures, policies, checksums and conditions. It ends with the process that started it, however that ends.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import certificates
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ADMIN = ("ADMINKEY00000000", "admin-secret-admin-secret")
WRITER = ("WRITERKEY0000000", "writer-secret-writer-secret")
ROLE = "arn:aws:iam::111122223333:role/Export"
ROLE_BUCKET = "exports"
START_TRIES = 3
_PORTS = (
    "master.port", "filer.port", "volume.port", "s3.port", "admin.port",
    "s3.port.iceberg", "master.port.grpc", "filer.port.grpc", "volume.port.grpc", "s3.port.grpc", "admin.port.grpc",
)  # fmt: skip


class _PortTakenError(RuntimeError):
    """Somebody else took a port between our finding it free and the server's taking it."""


class SeaweedFS:
    """url: of the S3 endpoint. WRITER may do nothing until a bucket policy says so.

    secure: speaks TLS too, at ``tls_url`` with a certificate by ``authority``, and lets ROLE be assumed by STS, which
    may do nothing but write to ``ROLE_BUCKET/f/``. session: how long each of its sessions lasts.
    """

    def __init__(self, *, secure: bool = False, session: str = "1h") -> None:
        self._session = session
        for tries_left in reversed(range(START_TRIES)):
            self._folder = Path(tempfile.mkdtemp(prefix="weed-"))
            self._start(secure)
            atexit.register(self.stop)
            try:
                self._await()
                return
            except _PortTakenError:
                self.stop()
                if not tries_left:
                    raise

    def _start(self, secure: bool) -> None:
        *rest, tls_port = _free_ports(len(_PORTS) + 1)
        ports = dict(zip(_PORTS, rest, strict=True))
        self.url = f"http://127.0.0.1:{ports['s3.port']}"
        identities = self._folder / "identities.json"
        identities.write_text(json.dumps(_identities() | (_roles(self._session) if secure else {})))
        more = []
        if secure:
            files = certificates.make(self._folder)
            self.authority = str(files.authority)
            self.tls_url = f"https://127.0.0.1:{tls_port}"
            more = [f"-s3.port.https={tls_port}", f"-s3.cert.file={files.certificate}", f"-s3.key.file={files.key}"]
        command = [
            str(Path(sysconfig.get_path("scripts")) / "weed"), "-logdir", str(self._folder), "mini",
            f"-dir={self._folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-webdav=false", "-admin.ui=false",
            "-s3.autoCreateBucket=false", "-s3.port.lance=0", f"-s3.config={identities}",
            f"-s3.iam.config={identities}", "-volume.max=4000", *(f"-{name}={port}" for name, port in ports.items()),
            *more,
        ]  # fmt: skip
        (self._folder / "data").mkdir()
        # A bucket takes seven volumes unless told otherwise, and there are only as many as fit on the disk:
        # some hundred tests with a bucket each would end in 500 InternalError.
        (self._folder / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")
        with (self._folder / "out.txt").open("wb") as out:
            self._process = subprocess.Popen(
                command, stdout=out, stderr=out, cwd=self._folder, preexec_fn=_die_along,
                # It would make an administrator of whoever's keys a test has in the environment.
                env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            )  # fmt: skip

    def client(self, key: tuple[str, str] = ADMIN) -> Any:
        return _client(self.url, key)

    def bucket(self, name: str) -> str:
        self.client().create_bucket(Bucket=name)
        return name

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _await(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                said = (self._folder / "out.txt").read_text()
                taken = "address already in use" in said
                raise (_PortTakenError if taken else RuntimeError)(f"weed ended: {said[-2000:]}")
            try:
                self.client().list_buckets()
                probe = f"probe-{time.monotonic_ns()}"
                self.client().create_bucket(Bucket=probe)
                self.client().put_object(Bucket=probe, Key="x", Body=b"x")
                return
            except (ClientError, BotoCoreError):
                time.sleep(0.1)
        raise RuntimeError("weed did not answer within 60 s")


@cache
def server() -> SeaweedFS:
    """The server of this test process; started by the first test that needs it."""
    return SeaweedFS()


@cache
def secure_server() -> SeaweedFS:
    """The server with TLS and a role; its ROLE_BUCKET is there."""
    server = SeaweedFS(secure=True)
    server.bucket(ROLE_BUCKET)
    return server


@cache
def _client(url: str, key: tuple[str, str]) -> Any:
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 2})
    return Session(*key, region_name="us-east-1").client("s3", endpoint_url=url, config=config)


def _identities() -> dict[str, Any]:
    def identity(name: str, key: tuple[str, str], actions: list[str]) -> dict[str, Any]:
        return {"name": name, "credentials": [{"accessKey": key[0], "secretKey": key[1]}], "actions": actions}

    return {"identities": [identity("admin", ADMIN, ["Admin", "Read", "Write"]), identity("writer", WRITER, [])]}


def _roles(session: str) -> dict[str, Any]:
    """A role that anybody may assume: SeaweedFS cannot ask for an ExternalId, see ``fronts.RoleFront``."""
    write = {
        "Effect": "Allow",
        "Action": ["s3:PutObject", "s3:AbortMultipartUpload"],
        "Resource": [f"arn:aws:s3:::{ROLE_BUCKET}/f/*"],
    }
    anybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["sts:AssumeRole"]}
    role = {
        "roleName": "Export",
        "roleArn": "arn:aws:iam::role/Export",
        "trustPolicy": {"Version": "2012-10-17", "Statement": [anybody]},
        "attachedPolicies": ["Write"],
    }
    return {
        "sts": {"tokenDuration": session, "maxSessionLength": "12h", "issuer": "tests", "signingKey": "a2V5" * 11},
        "policy": {"defaultEffect": "Deny", "storeType": "memory"},
        "policies": [{"name": "Write", "document": {"Version": "2012-10-17", "Statement": [write]}}],
        "roles": [role],
    }


def _die_along() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _free_ports(count: int) -> list[int]:
    """Ports below 55535, because weed takes port + 10000 where it is not told otherwise."""
    found: list[int] = []
    sockets = []
    while len(found) < count:
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        sockets.append(s)
        port = s.getsockname()[1]
        if port < 55535:
            found.append(port)
    for s in sockets:
        s.close()
    return found
