"""What an S3 server, or the way to it, can do to a delivery: the right bytes once, or a clear refusal."""

from __future__ import annotations

import hashlib
import json
import logging
import uuid
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import weed
from boto3.session import Session
from botocore.config import Config
from fault_proxy import Fault, FaultProxy

from footfall.buckets.places import Access, open_place
from footfall.buckets.s3 import AWS, GCS, GENERIC, Dialect, S3Bucket
from footfall.errors import Conflict, FootfallError, Refused, Unavailable

TYPE = "application/gzip"
SMALL = b"small" * 100
PART_BYTES = 5 << 20  # the smallest that S3 takes
LARGE = hashlib.sha256(b"large").digest() * (PART_BYTES // 32 * 2 + 1000)  # three parts
PUT = r"^PUT .*/a\.bin\?x-id|^PUT .*/a\.bin$"
PART = r"^PUT .*partNumber="
CREATE = r"^POST .*\?uploads"
COMPLETE = r"^POST .*uploadId="


@pytest.fixture(autouse=True)
def small_parts_and_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("footfall.buckets.s3_parts.PART_BYTES", PART_BYTES)
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    proxy = FaultProxy(weed.server().url)
    yield proxy
    proxy.close()


@pytest.fixture
def name() -> str:
    return weed.server().bucket(f"b-{uuid.uuid4().hex}")


def connect(
    url: str, name: str, dialect: Dialect = AWS, *, key: tuple[str, str] = weed.ADMIN, tries: int = 3, **more: Any
) -> S3Bucket:
    config = Config(
        connect_timeout=5,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": tries},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path"},
    )
    client = Session(*key, region_name="us-east-1").client("s3", endpoint_url=url, config=config)
    return S3Bucket(client, name, "f", dialect, **more)


def chunks(body: bytes) -> Iterator[bytes]:
    for at in range(0, len(body), 1 << 20):
        yield body[at : at + (1 << 20)]


def stored(name: str) -> dict[str, bytes]:
    client = weed.server().client()
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=name).get("Contents", ())]
    return {key: client.get_object(Bucket=name, Key=key)["Body"].read() for key in keys}


def uploads(name: str) -> list[str]:
    return [each["Key"] for each in weed.server().client().list_multipart_uploads(Bucket=name).get("Uploads", ())]


def policy(name: str, *actions: str) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": list(actions),
        "Resource": [f"arn:aws:s3:::{name}/*", f"arn:aws:s3:::{name}"],
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    weed.server().client().put_bucket_policy(Bucket=name, Policy=text)


# --- every call, every fault -----------------------------------------------------------------------------------------

PASSING = [
    pytest.param(Fault("", "status"), id="503 SlowDown"),
    pytest.param(Fault("", "status", status=500, code="InternalError"), id="500"),
    pytest.param(Fault("", "status", status=429, code="TooManyRequests"), id="429"),
    pytest.param(Fault("", "reset"), id="connection reset"),
    pytest.param(Fault("", "cut"), id="cut in the middle"),
    pytest.param(Fault("", "lost"), id="done, but the answer was lost"),
    pytest.param(Fault("", "flip"), id="a bit changed on the way"),
    pytest.param(Fault("", "twice"), id="delivered twice"),
]
CALLS = [
    pytest.param(SMALL, PUT, id="put"),
    pytest.param(SMALL, "^HEAD", id="head after put"),
    pytest.param(LARGE, CREATE, id="create upload"),
    pytest.param(LARGE, PART, id="first part"),
    pytest.param(LARGE, COMPLETE, id="complete"),
    pytest.param(LARGE, "^HEAD", id="head after complete"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("body", "call"), CALLS)
@pytest.mark.parametrize("fault", PASSING)
def test_one_fault_at_any_call_ends_in_the_right_bytes(
    proxy: FaultProxy, name: str, body: bytes, call: str, fault: Fault
) -> None:
    if fault.kind == "flip" and call in ("^HEAD", CREATE):
        call = PUT if body is SMALL else PART  # those have no body to change
    proxy.faults = [Fault(call, fault.kind, 1, 0, fault.status, fault.code)]
    bucket = connect(proxy.url, name)
    try:
        bucket.put("a.bin", chunks(body), content_type=TYPE)
    except Unavailable:
        assert stored(name) in ({}, {"f/a.bin": body})
        bucket.put("a.bin", chunks(body), content_type=TYPE)
    assert proxy.faults[0].times == 0, "the fault never happened"
    assert stored(name) == {"f/a.bin": body}
    if call != CREATE:  # of an upload whose creation got no answer nobody knows the id; the next put sweeps it
        assert uploads(name) == []


# A HEAD has no body, so of its causes only the status is known; those have tests of their own below.
@pytest.mark.parametrize(("body", "call"), [each for each in CALLS if each.values[1] != "^HEAD"])
@pytest.mark.parametrize(
    ("fault", "error", "hint"),
    [
        pytest.param(Fault("", "status", 99), Unavailable, "SlowDown", id="overloaded for long"),
        pytest.param(Fault("", "reset", 99), Unavailable, "network", id="nobody there"),
        pytest.param(Fault("", "status", 99, 0, 403, "AccessDenied"), Refused, "s3:PutObject", id="denied"),
        pytest.param(Fault("", "status", 99, 0, 400, "ExpiredToken"), Refused, "sign in", id="session over"),
        pytest.param(Fault("", "status", 99, 0, 403, "RequestTimeTooSkewed"), Refused, "clock", id="clock wrong"),
        pytest.param(Fault("", "status", 99, 0, 404, "NoSuchBucket"), Refused, "Create the bucket", id="no bucket"),
    ],
)
def test_a_lasting_fault_is_reported_and_leaves_no_upload_behind(
    proxy: FaultProxy, name: str, body: bytes, call: str, fault: Fault, error: type[FootfallError], hint: str
) -> None:
    proxy.faults = [Fault(call, fault.kind, 99, 0, fault.status, fault.code)]
    with pytest.raises(error, match=hint):
        connect(proxy.url, name, tries=2).put("a.bin", chunks(body), content_type=TYPE)
    assert (stored(name), uploads(name)) == ({}, [])


def test_a_part_in_the_middle_that_fails_for_good_takes_the_whole_upload_away(proxy: FaultProxy, name: str) -> None:
    proxy.faults = [Fault(r"partNumber=2", "status", 99, 0, 403, "AccessDenied")]
    with pytest.raises(Refused):
        connect(proxy.url, name).put("a.bin", chunks(LARGE), content_type=TYPE)
    assert (stored(name), uploads(name)) == ({}, [])


def test_an_upload_that_cannot_be_taken_away_is_said_to_stay_and_the_next_put_sweeps_it(
    proxy: FaultProxy, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.faults = [
        Fault(PART, "status", 99, 0, 403, "AccessDenied"),
        Fault("^DELETE", "status", 99, 0, 403, "AccessDenied"),
    ]
    with caplog.at_level(logging.WARNING), pytest.raises(Refused):
        connect(proxy.url, name).put("a.bin", chunks(LARGE), content_type=TYPE)
    assert "unfinished upload stays" in caplog.text
    assert uploads(name) == ["f/a.bin"]
    proxy.faults = []
    connect(proxy.url, name).put("a.bin", chunks(LARGE), content_type=TYPE)
    assert uploads(name) == ["f/a.bin"], "an upload of today may be another writer's"
    connect(proxy.url, name, orphan_age=timedelta(0)).put("a.bin", chunks(LARGE), content_type=TYPE)
    assert uploads(name) == []


# --- conditions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", [AWS, GENERIC], ids=["aws", "generic"])
@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
def test_an_object_created_by_another_while_ours_was_on_its_way_is_not_replaced(
    name: str, dialect: Dialect, body: bytes
) -> None:
    bucket = connect(weed.server().url, name, dialect)

    def overtaken() -> Iterator[bytes]:
        yield from chunks(body)
        weed.server().client().put_object(Bucket=name, Key="f/a.bin", Body=b"first")

    with pytest.raises(Conflict, match="other bytes"):
        bucket.put("a.bin", overtaken(), content_type=TYPE)
    assert (stored(name), uploads(name)) == ({"f/a.bin": b"first"}, [])


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
def test_the_same_bytes_put_by_another_tool_count_as_delivered(name: str, body: bytes) -> None:
    weed.server().client().put_object(Bucket=name, Key="f/a.bin", Body=body)  # no digest of ours in its metadata
    sent = connect(weed.server().url, name).put("a.bin", chunks(body), content_type=TYPE)
    assert sent.sha256 == hashlib.sha256(body).hexdigest()


# --- permissions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
def test_permission_to_put_is_enough_and_the_missing_check_is_said(
    name: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    policy(name, "s3:PutObject")
    with caplog.at_level(logging.INFO):
        connect(weed.server().url, name, key=weed.WRITER).put("a.bin", chunks(body), content_type=TYPE)
    assert "stored without a check" in caplog.text
    assert stored(name) == {"f/a.bin": body}


def test_with_permission_to_put_alone_a_taken_name_is_a_conflict_that_says_what_to_grant(name: str) -> None:
    policy(name, "s3:PutObject")
    bucket = connect(weed.server().url, name, key=weed.WRITER)
    bucket.put("a.bin", [SMALL], content_type=TYPE)
    with pytest.raises(Conflict, match="Grant s3:GetObject"):
        bucket.put("a.bin", [SMALL], content_type=TYPE)


@pytest.mark.parametrize(
    ("call", "action"),
    [
        (lambda bucket: bucket.put("a.bin", [b"x"], content_type=TYPE), "s3:PutObject"),
        (lambda bucket: b"".join(bucket.open("a.bin")), "s3:GetObject"),
        (lambda bucket: bucket.stat("a.bin"), "s3:GetObject"),
        (lambda bucket: list(bucket.list()), "s3:ListBucket"),
        (lambda bucket: bucket.delete("a.bin"), "s3:DeleteObject"),
    ],
    ids=["put", "open", "stat", "list", "delete"],
)
def test_a_missing_permission_is_named(name: str, call: Any, action: str) -> None:
    with pytest.raises(Refused, match=action):
        call(connect(weed.server().url, name, key=weed.WRITER))


def test_a_wrong_secret_and_an_unknown_key_are_told_apart(name: str) -> None:
    with pytest.raises(Refused, match="secret does not belong"):
        connect(weed.server().url, name, key=(weed.ADMIN[0], "wrong")).put("a.bin", [b"x"], content_type=TYPE)
    with pytest.raises(Refused, match="key id is unknown"):
        connect(weed.server().url, name, key=("NOBODY0000000000", "x")).put("a.bin", [b"x"], content_type=TYPE)


def test_a_bucket_that_is_not_there_is_refused_with_advice() -> None:
    bucket = open_place("s3://no-such-bucket/f", Access(*weed.ADMIN), endpoint_url=weed.server().url)
    for call in (lambda: bucket.put("a", [b"x"], content_type=TYPE), lambda: list(bucket.list())):
        with pytest.raises(Refused, match="Create the bucket"):
            call()


# --- reading ---------------------------------------------------------------------------------------------------------


def test_a_read_that_breaks_off_goes_on_where_it_was(proxy: FaultProxy, name: str) -> None:
    weed.server().client().put_object(Bucket=name, Key="f/a.bin", Body=LARGE)
    proxy.faults = [Fault("^GET .*a.bin", "short", 3)]
    assert b"".join(connect(proxy.url, name).open("a.bin")) == LARGE


def test_a_read_that_keeps_breaking_off_ends(proxy: FaultProxy, name: str) -> None:
    weed.server().client().put_object(Bucket=name, Key="f/a.bin", Body=LARGE)
    proxy.faults = [Fault("^GET .*a.bin", "short", 99)]
    with pytest.raises(Unavailable, match="broke off after"):
        b"".join(connect(proxy.url, name).open("a.bin"))


# --- what is sent ----------------------------------------------------------------------------------------------------


class _Recorder:
    """Every header that is sent."""

    def __init__(self, bucket: S3Bucket) -> None:
        self.sent: list[tuple[str, dict[str, str]]] = []
        bucket.client.meta.events.register("before-send.s3", self._note)

    def _note(self, request: Any, **_: Any) -> None:
        headers = {key.lower(): value for key, value in request.headers.items()}
        self.sent.append((f"{request.method} {request.url}", headers))

    def names(self) -> set[str]:
        return {name for _, headers in self.sent for name in headers}


@pytest.mark.parametrize("dialect", [AWS, GENERIC, GCS], ids=["aws", "generic", "gcs"])
@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
def test_no_acl_and_no_content_encoding_is_ever_sent(name: str, dialect: Dialect, body: bytes) -> None:
    bucket = connect(weed.server().url, name, dialect)
    recorder = _Recorder(bucket)
    bucket.put("a.bin", chunks(body), content_type=TYPE)
    b"".join(bucket.open("a.bin"))
    assert not {name for name in recorder.names() if "acl" in name or "grant" in name or name == "content-encoding"}


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
def test_google_gets_no_header_it_refuses(name: str, body: bytes) -> None:
    bucket = connect(weed.server().url, name, GCS)
    recorder = _Recorder(bucket)
    bucket.put("a.bin", chunks(body), content_type=TYPE)
    bucket.put("a.bin", chunks(body), content_type=TYPE)
    b"".join(bucket.open("a.bin"))
    list(bucket.list())
    bucket.delete("a.bin")
    refused = ("x-amz-checksum", "x-amz-sdk-checksum", "x-amz-trailer", "if-none-match", "transfer-encoding")
    assert not {name for name in recorder.names() if name.startswith(refused)}
    assert not [call for call, _ in recorder.sent if "?delete" in call], "deletes go one by one"
    assert stored(name) == {}


def test_on_google_other_bytes_under_the_name_are_a_conflict_too(name: str) -> None:
    bucket = connect(weed.server().url, name, GCS)
    for body in (SMALL, LARGE):
        bucket.put("a.bin", chunks(body), content_type=TYPE)
        with pytest.raises(Conflict, match="other bytes"):
            bucket.put("a.bin", chunks(body + b"!"), content_type=TYPE)
        bucket.delete("a.bin")


def test_a_small_object_carries_its_digest_and_type(name: str) -> None:
    connect(weed.server().url, name).put("a.bin", [SMALL], content_type=TYPE)
    head = weed.server().client().head_object(Bucket=name, Key="f/a.bin")
    assert head["Metadata"] == {"sha256": hashlib.sha256(SMALL).hexdigest()}
    assert head["ContentType"] == TYPE
