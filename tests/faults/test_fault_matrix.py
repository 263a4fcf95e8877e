"""Every fault at every call of every kind of export: the right bytes once, or a failure that can be seen and repeated.

The whole matrix is slow (``make test-faults``); of each kind of export a sample is in the usual tests.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
import weed
from deliveries import Deliveries, deliveries
from fault_proxy import FaultProxy
from fronts import GoogleFront
from small_hub import findings

from faults import FAULTS, ON_THE_WAY, SLOW, at_every_call
from footfall.buckets import s3_parts
from footfall.buckets.access import Access
from footfall.buckets.clients import Clients
from footfall.buckets.places import open_probe
from footfall.buckets.s3 import AWS, GCS, GENERIC, Dialect, S3Bucket
from footfall.errors import FootfallError
from footfall.flows.check_access import Findings, check_access
from footfall.model.policies import Use

KINDS = ("rollups", "activity", "app events", "audience", "activity in parts")
DIALECTS = {each.name: each for each in (AWS, GENERIC, GCS)}
BUCKET = "fault-matrix"
# What is waited for an answer that does not come.
TIMEOUT_S = 0.5


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deliveries]:
    with deliveries(tmp_path_factory.mktemp("deliveries")) as made:
        yield made


@pytest.fixture(scope="module")
def proxies() -> Iterator[Callable[[Dialect], FaultProxy]]:
    """One before the server as it is, one before a server that is as strict as Google."""
    weed.server().bucket(BUCKET)
    plain, google = FaultProxy(weed.server().url), GoogleFront(weed.server().url)
    yield lambda dialect: google if dialect is GCS else plain
    plain.close()
    google.close()


@pytest.fixture(autouse=True)
def small_parts_and_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("footfall.buckets.s3_parts.PART_BYTES", 5 << 20)
    monkeypatch.setattr("footfall.buckets.clients.TRIES", 2)
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))


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

    def stored(self) -> dict[str, tuple[int, str]]:
        """Size and digest of each object: same names, sizes and digests are the same bytes."""
        listed = client(weed.server().url).list_objects_v2(Bucket=BUCKET, Prefix=f"{self.folder}/")
        cut = len(self.folder) + 1
        return {each["Key"][cut:]: (each["Size"], each["ETag"]) for each in listed.get("Contents", ())}

    def orphans(self) -> list[str]:
        found = s3_parts.unfinished(client(weed.server().url), BUCKET, f"{self.folder}/")
        return [str(each["Key"]) for each in found]


@cache
def calm(kind: str, dialect: str, exports: Deliveries, proxy: FaultProxy) -> tuple[int, dict[str, tuple[int, str]]]:
    """How many calls an export makes that nobody disturbs, and what is there then."""
    place = Place(proxy, DIALECTS[dialect])
    for _ in range(2):  # the first time engines are asked
        place.renew()
        exports.forget()
        proxy.calls.clear()
        exports.kinds[kind](place.bucket())
    assert findings(place.straight()) == []
    return len(proxy.calls), place.stored()


def live_through(kind: str, fault: str, dialect: str, exports: Deliveries, proxy: FaultProxy, once: bool) -> None:
    """Export with the fault at each call, then without; see the module's first line."""
    calls, expected = calm(kind, dialect, exports, proxy)
    place = Place(proxy, DIALECTS[dialect])

    def begin() -> None:
        place.renew()
        exports.forget()

    for where in at_every_call(proxy, FAULTS[fault], begin, calls, once=once):
        failed: FootfallError | None = None
        try:
            exports.kinds[kind](place.bucket(TIMEOUT_S if fault in SLOW else 60))
        except FootfallError as error:
            failed = error
        assert proxy.faults[0].happened or failed, f"{where}: never happened"
        proxy.faults = []
        if failed is not None:
            half = place.stored()
            assert half.items() <= expected.items(), f"{where}: something else is there after {failed!r}"
            exports.kinds[kind](place.bucket())
        # The very objects of a calm run, and those pass `footfall verify`: no row is missing or there twice.
        assert place.stored() == expected, f"{where}: {failed!r}"
        if "parts" in kind:
            place.straight().sweep(lambda _: True, timedelta(0))
            assert place.orphans() == [], where


# What a server says clearly is met the same way in every dialect; what goes wrong on the way is not. An answer that
# does not come costs its time out, so once is enough.
MATRIX = [
    pytest.param(kind, fault, dialect, once, id=f"{dialect}-{kind}-{fault}{'-once' if once else ''}")
    for dialect in DIALECTS
    for kind in KINDS
    for fault in FAULTS
    for once in (False, True)
    if (dialect == "aws" and once == (fault in SLOW))
    or (fault in ON_THE_WAY and fault not in SLOW and (dialect == "aws" or not once))
]
# Of each kind of export some faults.
SAMPLE = [
    pytest.param(*each, id=f"{each[2]}-{each[0]}-{each[1]}")
    for each in (
        ("rollups", "reset after apply", "aws", False),
        ("rollups", "404 NoSuchBucket", "aws", False),
        ("activity", "garbage instead of XML", "gcs", True),
        ("app events", "200 with Error", "generic", True),
        ("audience", "flipped bit", "aws", False),
        ("audience", "truncated answer", "gcs", False),
        ("activity in parts", "garbage instead of XML", "aws", True),
    )
]


@pytest.mark.parametrize(("kind", "fault", "dialect", "once"), SAMPLE)
def test_a_fault_at_any_call_ends_in_the_right_bytes_once(
    kind: str, fault: str, dialect: str, once: bool, exports: Deliveries, proxies: Callable[[Dialect], FaultProxy]
) -> None:
    live_through(kind, fault, dialect, exports, proxies(DIALECTS[dialect]), once)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "fault", "dialect", "once"), MATRIX)
def test_every_fault_at_every_call_of_every_export_ends_in_the_right_bytes_once(
    kind: str, fault: str, dialect: str, once: bool, exports: Deliveries, proxies: Callable[[Dialect], FaultProxy]
) -> None:
    live_through(kind, fault, dialect, exports, proxies(DIALECTS[dialect]), once)


# --- without a fault, and what is not an export ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_export_works_where_all_is_refused_that_google_refuses(
    kind: str, exports: Deliveries, proxies: Callable[[Dialect], FaultProxy]
) -> None:
    _, at_google = calm(kind, "gcs", exports, proxies(GCS))
    _, at_amazon = calm(kind, "aws", exports, proxies(AWS))
    assert at_google == at_amazon
    assert len(at_google) >= 2


BODY = b"some bytes" * 100
ASKED: dict[str, Callable[[S3Bucket], object]] = {
    "list": lambda bucket: [each.key for each in bucket.list()],
    "open": lambda bucket: b"".join(bucket.open("a.bin")),
    "stat": lambda bucket: (bucket.stat("a.bin").size_bytes, bucket.stat("a.bin").sha256),
    "sweep": lambda bucket: bucket.sweep(lambda _: False, timedelta(0)),
}


@pytest.mark.parametrize("fault", [each for each in FAULTS if each not in SLOW])
def test_what_is_asked_of_a_bucket_is_answered_rightly_or_not_at_all(
    fault: str, proxies: Callable[[Dialect], FaultProxy]
) -> None:
    proxy = proxies(AWS)
    place = Place(proxy, AWS)
    place.renew()
    place.straight().put("a.bin", [BODY], content_type="text/plain")
    for name, ask in ASKED.items():
        expected = ask(place.straight())
        for where in at_every_call(proxy, FAULTS[fault], lambda: None, 1):
            try:
                assert ask(place.bucket()) == expected, f"{name}: {where}"
            except FootfallError:
                pass
            except KeyError:
                assert "404" in fault, f"{name}: {where}"
    for _ in at_every_call(proxy, FAULTS[fault], lambda: None, 1):
        with suppress(FootfallError):
            place.bucket().delete("a.bin")
    place.bucket().delete("a.bin")
    assert place.stored() == {}


@pytest.mark.slow
@pytest.mark.parametrize("fault", [each for each in FAULTS if each not in SLOW])
def test_a_check_of_access_says_what_went_wrong_at_whatever_call(
    fault: str, proxies: Callable[[Dialect], FaultProxy]
) -> None:
    proxy = proxies(AWS)
    place = f"s3://{BUCKET}/{uuid.uuid4().hex}"

    def check() -> Findings:
        probe = open_probe(place, Access(*weed.ADMIN), endpoint_url=proxy.url)
        return check_access(probe, Use.EXPORT, name="test-{timestamp}", at=datetime(2026, 11, 21, tzinfo=UTC))

    proxy.calls.clear()
    assert check().ok
    for where in at_every_call(proxy, FAULTS[fault], lambda: None, len(proxy.calls)):
        findings = check()
        assert findings.ok or findings.cause, where
    assert check().ok
