"""``access check`` finds out step by step whether a place can be used, and says what to change."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import weed
from botocore.exceptions import ClientError
from fault_proxy import Fault, FaultProxy
from fronts import GoogleFront, RoleFront

from footfall.buckets.places import Access, open_place, open_probe
from footfall.flows.check_access import Findings, Outcome, Step, check_access
from footfall.model.policies import Grant, Use, bucket_policy, text
from footfall.model.remote import Remote

AT = datetime(2026, 11, 21, 8, 0, 0, tzinfo=UTC)
NAME = "airkit-verify-test-{timestamp}"
FILE = "airkit-verify-test-20261121T080000Z"
WRITER_ARN = "arn:aws:iam::000000000000:user/writer"
EXTERNAL_ID = "9b2f6f0e-5d0c-4c5a-9d0a-0d2a2f0f5a11"


@pytest.fixture
def name() -> str:
    return weed.server().bucket(f"b-{uuid.uuid4().hex}")


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    proxy = FaultProxy(weed.server().url)
    yield proxy
    proxy.close()


def check(
    url: str, key: tuple[str, str] = weed.ADMIN, use: Use = Use.EXPORT, server: str = "", **more: Any
) -> Findings:
    probe = open_probe(url, Access(*key, **more), endpoint_url=server or weed.server().url)
    return check_access(probe, use, name=NAME, at=AT)


def outcomes(findings: Findings) -> dict[str, str]:
    return {step.name: str(step.outcome) for step in findings.steps}


def allow(name: str, use: Use, *, read_back: bool = False, folder: str = "f") -> None:
    """Attach what ``access print`` prints for the writer."""
    grant = Grant(place=Remote("s3", name, folder), use=use, read_back=read_back, principal=WRITER_ARN)
    weed.server().client().put_bucket_policy(Bucket=name, Policy=text(bucket_policy(grant, WRITER_ARN)))


def objects(name: str) -> list[str]:
    return [each["Key"] for each in weed.server().client().list_objects_v2(Bucket=name).get("Contents", ())]


def uploads(name: str) -> list[str]:
    return [each["Key"] for each in weed.server().client().list_multipart_uploads(Bucket=name).get("Uploads", ())]


# --- what is granted -------------------------------------------------------------------------------------------------


def test_with_every_right_every_step_works_and_nothing_is_left(name: str) -> None:
    findings = check(f"s3://{name}/f")
    assert findings.ok
    assert set(outcomes(findings).items()) == {
        ("resolve", "ok"), ("authenticate", "ok"), ("write", "ok"), ("encryption", "skipped"), ("read back", "ok"),
        ("list", "ok"), ("multipart", "ok"), ("abort", "ok"), ("delete", "ok"),
    }  # fmt: skip
    assert (objects(name), uploads(name)) == ([], [])


def test_a_key_that_may_do_everything_is_warned_of(name: str) -> None:
    warnings = "\n".join(check(f"s3://{name}/f").warnings)
    for word in ("s3:DeleteObject", "s3:ListAllMyBuckets", "s3:GetBucketPolicy", "list outside of f/", "write outside"):
        assert word in warnings, warnings
    assert uploads(name) == []


def test_the_printed_policy_for_exports_is_enough_and_says_what_is_missing(name: str) -> None:
    allow(name, Use.EXPORT)
    findings = check(f"s3://{name}/f", weed.WRITER)
    assert findings.ok, findings.steps
    found = {step.name: step for step in findings.steps}
    assert found["write"].outcome is found["multipart"].outcome is found["abort"].outcome is Outcome.OK
    for step, action in (("read back", "s3:GetObject"), ("list", "s3:ListBucket"), ("delete", "s3:DeleteObject")):
        assert found[step].outcome is Outcome.DENIED
        assert action in found[step].advice
    assert FILE in found["delete"].advice
    assert objects(name) == [f"f/{FILE}"]
    assert findings.warnings == []


def test_the_printed_policy_for_exports_allows_a_delivery_and_nothing_outside_of_the_folder(name: str) -> None:
    allow(name, Use.EXPORT)
    place = open_place(f"s3://{name}/f", Access(*weed.WRITER), endpoint_url=weed.server().url)
    place.put("a.csv", [bytes(9 << 20)], content_type="text/csv")
    outside = check(f"s3://{name}/g", weed.WRITER)
    assert not outside.ok
    assert "s3:PutObject" in outside.cause


def test_the_printed_policy_with_reading_back_lets_everything_but_delete_work(name: str) -> None:
    allow(name, Use.EXPORT, read_back=True)
    findings = check(f"s3://{name}/f", weed.WRITER)
    wrong = {step.name for step in findings.steps if step.outcome not in (Outcome.OK, Outcome.SKIPPED)}
    assert (findings.ok, wrong) == (True, {"delete"})


def test_the_printed_policy_for_imports_lets_read_and_not_write(name: str) -> None:
    weed.server().client().put_object(Bucket=name, Key="f/in.csv", Body=b"1,2\n")
    allow(name, Use.IMPORT)
    findings = check(f"s3://{name}/f", weed.WRITER, Use.IMPORT)
    assert findings.ok, findings.steps
    assert outcomes(findings)["read back"] == "ok"
    assert findings.warnings == []
    assert objects(name) == ["f/in.csv"]


def test_a_key_for_imports_that_may_write_is_warned_of(name: str) -> None:
    findings = check(f"s3://{name}/f", use=Use.IMPORT)
    assert "may write, which imports never do" in "\n".join(findings.warnings)
    assert (objects(name), uploads(name)) == ([], [])


def test_a_policy_of_put_object_alone_is_enough(name: str) -> None:
    """The policy of the Airkit document: one action."""
    grant = Grant(place=Remote("s3", name, ""), use=Use.EXPORT)
    policy = bucket_policy(grant, WRITER_ARN)
    policy["Statement"][0]["Action"] = ["s3:PutObject"]
    weed.server().client().put_bucket_policy(Bucket=name, Policy=text(policy))
    findings = check(f"s3://{name}", weed.WRITER)
    assert findings.ok, findings.steps
    assert objects(name) == [FILE]


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_nothing_granted_names_what_to_grant(name: str) -> None:
    findings = check(f"s3://{name}/f", weed.WRITER)
    assert not findings.ok
    found = {step.name: step for step in findings.steps}
    assert found["authenticate"].outcome is Outcome.OK
    assert found["write"].outcome is Outcome.DENIED
    assert "Grant s3:PutObject" in found["write"].advice
    assert found["read back"].outcome is Outcome.SKIPPED


@pytest.mark.parametrize(
    ("key", "cause"),
    [((weed.ADMIN[0], "wrong"), "secret does not belong"), (("NOBODY0000000000", "x"), "key id is unknown")],
)
def test_a_refused_key_ends_the_check_at_once(name: str, key: tuple[str, str], cause: str) -> None:
    findings = check(f"s3://{name}/f", key)
    assert not findings.ok
    assert findings.cause.startswith("authenticate: ")
    assert cause in findings.cause
    assert [step.name for step in findings.steps if step.outcome is Outcome.OK] == ["resolve"]


def test_a_bucket_that_is_not_there_is_said_not_to_be_there() -> None:
    findings = check("s3://no-such-bucket/f")
    assert "Create the bucket" in findings.cause


def test_a_server_that_has_no_address_ends_the_check_at_once() -> None:
    findings = check("s3://my-bucket/f", server="https://nobody.invalid")
    assert findings.cause.startswith("resolve: nobody.invalid has no address")
    assert outcomes(findings)["write"] == "skipped"


def test_an_endpoint_inside_is_refused_when_it_comes_from_a_configuration() -> None:
    probe = open_probe("s3://b-b/f", Access(*weed.ADMIN), endpoint_url="https://127.0.0.1:1024", public_only=True)
    findings = check_access(probe, Use.EXPORT, name=NAME, at=AT)
    assert findings.cause.startswith("resolve: 127.0.0.1 is at 127.0.0.1, which is not a public address")


STEPS = [
    pytest.param(r"^PUT .*/airkit[^?]*(\?x-id|$)", "write", id="write"),
    pytest.param(r"^GET .*/airkit", "read back", id="read back"),
    pytest.param(r"^POST .*\?uploads", "multipart", id="multipart"),
    pytest.param(r"^PUT .*partNumber", "multipart", id="a part"),
    pytest.param(r"^DELETE .*uploadId", "abort", id="abort"),
    pytest.param(r"^DELETE .*/airkit[^?]*(\?x-id|$)", "delete", id="delete"),
]


@pytest.mark.parametrize(("call", "step"), STEPS)
def test_each_step_reports_its_own_failure(
    proxy: FaultProxy, name: str, call: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    proxy.faults = [Fault(call, "status", 99, 0, 500, "InternalError")]
    findings = check(f"s3://{name}/f", server=proxy.url)
    assert not findings.ok
    found = next(each for each in findings.steps if each.name == step)
    assert found.outcome is Outcome.FAILED
    assert "InternalError" in found.found


# --- roles, encryption, Google, folders -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asks", "warned"), [(EXTERNAL_ID, False), ("", True)], ids=["asks for it", "asks for nothing"]
)
def test_a_role_that_can_be_assumed_without_the_external_id_is_warned_of(asks: str, warned: bool) -> None:
    front = RoleFront(weed.secure_server().url, asks)
    try:
        access = {"role_arn": weed.ROLE, "external_id": EXTERNAL_ID}
        findings = check(f"s3://{weed.ROLE_BUCKET}/f/{uuid.uuid4().hex}", weed.WRITER, server=front.url, **access)
    finally:
        front.close()
    assert findings.ok, findings.steps
    assert any("without the ExternalId" in each for each in findings.warnings) is warned


def test_a_role_that_does_not_trust_us_is_said_so() -> None:
    front = RoleFront(weed.secure_server().url, "another")
    try:
        access = {"role_arn": weed.ROLE, "external_id": EXTERNAL_ID}
        findings = check(f"s3://{weed.ROLE_BUCKET}/f", weed.WRITER, server=front.url, **access)
    finally:
        front.close()
    assert findings.cause.startswith("authenticate: ")
    assert "ExternalId" in findings.cause


@pytest.mark.parametrize("kind", ["sse_s3", "sse_c"])
def test_the_encryption_asked_for_is_seen(kind: str) -> None:
    server = weed.secure_server()
    name = server.bucket(f"b-{uuid.uuid4().hex}")
    key = {"customer_key": b"k" * 32} if kind == "sse_c" else {}
    findings = check(f"s3://{name}/f", server=server.tls_url, ca_bundle=server.authority, encryption=kind, **key)
    assert findings.ok, findings.steps
    step = next(each for each in findings.steps if each.name == "encryption")
    assert (step.outcome, "AES256" in step.found) == (Outcome.OK, True)


def test_google_can_be_checked_too() -> None:
    front = GoogleFront(weed.server().url)
    name = weed.server().bucket(f"b-{uuid.uuid4().hex}")
    try:
        findings = check(f"gs:{name}/f", server=front.url)
    finally:
        front.close()
    assert findings.ok, findings.steps
    assert outcomes(findings)["multipart"] == "ok"
    assert objects(name) == []


def test_a_folder_can_be_checked_too(tmp_path: Path) -> None:
    said: list[Step] = []
    findings = check_access(open_probe(str(tmp_path / "out")), Use.EXPORT, name=NAME, at=AT, say=said.append)
    assert findings.ok, findings.steps
    assert said == findings.steps
    assert outcomes(findings)["multipart"] == "skipped"
    assert not list((tmp_path / "out").iterdir())


def test_a_policy_the_server_does_not_take_would_be_seen_here() -> None:
    """The server does check the policies these tests attach."""
    name = weed.server().bucket(f"b-{uuid.uuid4().hex}")
    with pytest.raises(ClientError):
        weed.server().client().put_bucket_policy(Bucket=name, Policy='{"Version": "2012-10-17", "Statement": [{}]}')


@pytest.mark.parametrize("folder", ["f", ""])
def test_a_place_whose_files_are_moved_is_tried_with_what_is_printed_for_it(name: str, folder: str) -> None:
    allow(name, Use.MOVE, folder=folder)
    findings = check(f"s3://{name}/{folder}", weed.WRITER, Use.MOVE)
    assert findings.ok, findings.cause
    assert {outcomes(findings)[each] for each in ("write", "read back", "list", "delete", "multipart")} == {"ok"}
    test_file = f"processed/{FILE}"
    assert findings.warnings == [f"The test file {test_file} could not be deleted; delete it yourself"]
    assert objects(name) == [f"{folder}/{test_file}".lstrip("/")]


def test_a_folder_whose_files_are_moved_needs_deleting(name: str, tmp_path: Path) -> None:
    allow(name, Use.EXPORT, read_back=True)
    findings = check(f"s3://{name}/f", weed.WRITER, Use.MOVE)
    assert findings.cause.startswith("delete: ")
    assert "s3:DeleteObject" in findings.cause
    here = check_access(open_probe(str(tmp_path / "in")), Use.MOVE, name=NAME, at=AT)
    assert (here.ok, here.warnings) == (True, [])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
