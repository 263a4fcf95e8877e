"""Living through a fault at a call of an export: the right bytes once, or a failure that can be seen and repeated.

"Right" is what a run leaves that nobody disturbed: the very objects, or, of what is encrypted and so differs from run
to run, manifests that name files of the same texts.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
import weed
from deliveries import ALL_CODECS, Deliveries
from fault_proxy import FaultProxy

from faults import FAULTS, SLOW, at_calls, sampled
from footfall.buckets import s3_parts
from footfall.buckets.access import Access
from footfall.buckets.clients import Clients
from footfall.buckets.s3 import AWS, GCS, GENERIC, Dialect, S3Bucket
from footfall.errors import FootfallError
from footfall.flows.verify import WARNING, examine
from footfall.model.files import is_manifest
from footfall.model.passing import first_attempt
from footfall.model.window_manifest import read_manifest

DIALECTS = {each.name: each for each in (AWS, GENERIC, GCS)}
BUCKET = "fault-matrix"
# What is waited for an answer that does not come.
TIMEOUT_S = 0.5
EVERY = 0

# Key to size and digest: same names, sizes and digests are the same bytes.
Objects = Mapping[str, tuple[int, str]]
# Manifest to the names, as of a first attempt, and digests of the texts of its files.
Texts = Mapping[str, tuple[tuple[str, str], ...]]


@cache
def client(url: str, timeout_s: float = 60) -> Any:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("footfall.buckets.clients.READ_TIMEOUT_S", timeout_s)
        return Clients(Access(*weed.ADMIN), url, guarded=False).s3()


@dataclass
class Place:
    """A folder of its own in a bucket, reached through the proxy."""

    proxy: FaultProxy
    dialect: Dialect
    folder: str = ""

    def renew(self) -> None:
        self.folder = uuid.uuid4().hex

    def bucket(self, timeout_s: float = 60) -> S3Bucket:
        return S3Bucket(client(self.proxy.url, timeout_s), BUCKET, self.folder, self.dialect, server=self.proxy.url)

    def straight(self) -> S3Bucket:
        return S3Bucket(client(weed.server().url), BUCKET, self.folder, GENERIC)

    def stored(self) -> Objects:
        listed = client(weed.server().url).list_objects_v2(Bucket=BUCKET, Prefix=f"{self.folder}/")
        cut = len(self.folder) + 1
        return {each["Key"][cut:]: (each["Size"], each["ETag"]) for each in listed.get("Contents", ())}

    def texts(self) -> Texts:
        bucket, found = self.straight(), {}
        for key in filter(is_manifest, self.stored()):
            manifest, _ = read_manifest(bucket.open(key))
            codec, folder = ALL_CODECS[manifest.codec], key[: key.rfind("/") + 1]
            found[key] = tuple(
                (first_attempt(file.name), _digest(codec.decode(bucket.open(folder + file.name))))
                for file in manifest.files
            )
        return found

    def orphans(self) -> list[str]:
        found = s3_parts.unfinished(client(weed.server().url), BUCKET, f"{self.folder}/")
        return [str(each["Key"]) for each in found]


@dataclass(frozen=True)
class Calm:
    """What an export does and leaves that nobody disturbs."""

    calls: int
    stored: Objects
    texts: Texts


@cache
def calm(kind: str, dialect: str, exports: Deliveries, proxy: FaultProxy) -> Calm:
    place = Place(proxy, DIALECTS[dialect])
    for _ in range(2):  # the first time engines are asked
        place.renew()
        exports.forget()
        proxy.calls.clear()
        exports.kinds[kind](place.bucket())
    calls = len(proxy.calls)
    assert examine(place.straight(), ALL_CODECS).findings == []
    return Calm(calls, place.stored(), place.texts())


def live_through(
    kind: str, fault: str, dialect: str, exports: Deliveries, proxy: FaultProxy, once: bool, usual: int = EVERY
) -> None:
    """Export with the fault at so many of the calls, then without; see the module's first line."""
    expected = calm(kind, dialect, exports, proxy)
    place = Place(proxy, DIALECTS[dialect])

    def begin() -> None:
        place.renew()
        exports.forget()

    numbers = sampled(expected.calls, list(FAULTS).index(fault), usual)
    for where in at_calls(proxy, FAULTS[fault], begin, numbers, once=once):
        failed: FootfallError | None = None
        try:
            exports.kinds[kind](place.bucket(TIMEOUT_S if fault in SLOW else 60))
        except FootfallError as error:
            failed = error
        assert proxy.faults[0].happened or failed, f"{where}: never happened"
        proxy.faults = []
        if failed is not None:
            _check_half(kind, place, expected, f"{where}: something else is there after {failed!r}")
            exports.kinds[kind](place.bucket())
        _check_whole(kind, place, expected, f"{where}: {failed!r}")
        if "parts" in kind:
            place.straight().sweep(lambda _: True, timedelta(0))
            assert place.orphans() == [], where


def _check_half(kind: str, place: Place, expected: Calm, where: str) -> None:
    """Nothing that is there is wrong, whatever is missing."""
    if "encrypted" in kind:
        _check_sealed(place, where)
        assert place.texts().items() <= expected.texts.items(), where
    else:
        assert place.stored().items() <= expected.stored.items(), where


def _check_whole(kind: str, place: Place, expected: Calm, where: str) -> None:
    """All is there once: no row is missing or there twice."""
    if "encrypted" in kind:
        _check_sealed(place, where)
        assert place.texts() == expected.texts, where
        once_more = len([key for key in expected.stored if not is_manifest(key)])
        assert len(place.stored()) <= len(expected.stored) + once_more, f"{where}: an attempt leaves its files at most"
    else:
        # The very objects of a calm run, and those pass `footfall verify`.
        assert place.stored() == expected.stored, where


def _check_sealed(place: Place, where: str) -> None:
    """What manifests name is as they say; a file that an attempt left before its manifest is no more than noticed."""
    findings = examine(place.straight(), ALL_CODECS).findings
    assert [each for each in findings if each.severity != WARNING or not each.key.endswith(".pgp")] == [], where


def _digest(pieces: Any) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
