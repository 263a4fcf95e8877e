"""Every fault at every call of every kind of export: the right bytes once, or a failure that can be seen and repeated.

The whole matrix is slow (``make test-faults``); of each kind of export a sample is in the usual tests.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import weed
from deliveries import Deliveries
from fault_matrix import BUCKET, DIALECTS, Place, calm, live_through
from fault_proxy import FaultProxy

from faults import FAULTS, ON_THE_WAY, SLOW, at_calls
from footfall.buckets.access import Access
from footfall.buckets.places import open_probe
from footfall.buckets.s3 import AWS, GCS, Dialect, S3Bucket
from footfall.errors import FootfallError
from footfall.flows.check_access import Findings, check_access
from footfall.model.policies import Use

pytestmark = pytest.mark.usefixtures("small_parts_and_no_waiting")
KINDS = ("rollups", "activity", "app events", "audience", "activity in parts")


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
    at_google = calm(kind, "gcs", exports, proxies(GCS)).stored
    at_amazon = calm(kind, "aws", exports, proxies(AWS)).stored
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
        for where in at_calls(proxy, FAULTS[fault], lambda: None, [0]):
            try:
                assert ask(place.bucket()) == expected, f"{name}: {where}"
            except FootfallError:
                pass
            except KeyError:
                assert "404" in fault, f"{name}: {where}"
    for _ in at_calls(proxy, FAULTS[fault], lambda: None, [0]):
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
    for where in at_calls(proxy, FAULTS[fault], lambda: None, range(len(proxy.calls))):
        findings = check()
        assert findings.ok or findings.cause, where
    assert check().ok
