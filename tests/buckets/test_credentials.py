"""Ways to prove who one is: keys, roles with an ExternalId, the machine's identity; and never more than was given."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import weed
from fault_proxy import Fault
from fronts import RoleFront

from footfall.buckets.places import Access, open_place
from footfall.errors import Denied, Refused, Unavailable
from footfall.ports import Bucket

TYPE = "text/plain"
EXTERNAL_ID = "9b2f6f0e-5d0c-4c5a-9d0a-0d2a2f0f5a11"
PART_BYTES = 5 << 20


@pytest.fixture(autouse=True)
def no_configuration_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID",
                 "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_EC2_METADATA_DISABLED"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.fixture
def front() -> Iterator[RoleFront]:
    front = RoleFront(weed.secure_server().url, EXTERNAL_ID)
    yield front
    front.close()


def role(front: RoleFront, key: tuple[str, str] = weed.WRITER, external_id: str = EXTERNAL_ID) -> Bucket:
    access = Access(*key, role_arn=weed.ROLE, external_id=external_id)
    return open_place(f"s3://{weed.ROLE_BUCKET}/f", access, endpoint_url=front.url)


def fresh() -> str:
    return f"{uuid.uuid4().hex}.txt"


# --- roles -----------------------------------------------------------------------------------------------------------


def test_a_role_is_assumed_with_its_external_id_and_may_do_what_its_policy_says(front: RoleFront) -> None:
    name = fresh()
    role(front).put(name, [b"by a role"], content_type=TYPE)
    assert front.assumed == [EXTERNAL_ID]
    stored = weed.secure_server().client().get_object(Bucket=weed.ROLE_BUCKET, Key=f"f/{name}")
    assert stored["Body"].read() == b"by a role"
    with pytest.raises(Denied, match="s3:GetObject"):
        role(front).stat(name)


@pytest.mark.parametrize("external_id", ["", "another-one"])
def test_without_its_external_id_the_role_is_denied_with_the_cause(front: RoleFront, external_id: str) -> None:
    with pytest.raises(Denied, match="ExternalId") as caught:
        role(front, external_id=external_id).put("a.txt", [b"x"], content_type=TYPE)
    assert caught.value.action == "sts:AssumeRole"
    assert front.assumed == []


def test_a_long_upload_outlives_the_sessions_it_is_signed_with(
    front: RoleFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("footfall.buckets.s3_parts.PART_BYTES", PART_BYTES)
    # Good for less than the ten minutes that are kept in hand, so every request asks for a new session.
    front.expires_at = (datetime.now(UTC) + timedelta(minutes=9)).strftime("%Y-%m-%dT%H:%M:%SZ")
    name, body = fresh(), bytes(PART_BYTES) * 3
    role(front).put(name, [body], content_type=TYPE)
    parts = len([call for call in front.calls if "partNumber=" in call])
    assert parts == 3
    assert len(front.assumed) > parts
    head = weed.secure_server().client().head_object(Bucket=weed.ROLE_BUCKET, Key=f"f/{name}")
    assert head["ContentLength"] == len(body)


@pytest.mark.slow
def test_an_upload_goes_on_with_a_new_session_at_whatever_call_the_old_one_is_refused(
    front: RoleFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends it long before the end that was told: by its own clock, or because somebody withdrew it."""
    monkeypatch.setattr("footfall.buckets.s3_parts.PART_BYTES", PART_BYTES)
    name, body = fresh(), bytes(PART_BYTES) * 3

    def upload() -> list[str]:
        front.calls.clear()
        front.assumed.clear()
        role(front).put(name, [body], content_type=TYPE)
        stored = weed.secure_server().client().get_object(Bucket=weed.ROLE_BUCKET, Key=f"f/{name}")
        assert stored["Body"].read() == body
        return list(front.calls)

    calm = upload()
    assert [call.split(" ")[0] for call in calm].count("PUT") == 3
    for number in range(1, len(calm)):
        name = fresh()
        withdrawn = Fault("", "pass", skip=number, act=front.withdraw)
        front.faults = [withdrawn]
        upload()
        assert withdrawn.happened, calm[number]
        assert front.assumed == [EXTERNAL_ID] * 2, f"{calm[number]}: asked of STS once more"
    uploads = weed.secure_server().client().list_multipart_uploads(Bucket=weed.ROLE_BUCKET)
    assert [each["Key"] for each in uploads.get("Uploads", ())] == []


@pytest.mark.slow
def test_an_upload_that_takes_longer_than_sessions_last_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real sessions of five seconds, which say that they last an hour."""
    monkeypatch.setattr("footfall.buckets.s3_parts.PART_BYTES", PART_BYTES)
    server = weed.SeaweedFS(secure=True, session="5s")
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    front = RoleFront(server.url, EXTERNAL_ID, expires_at=later)
    try:
        server.bucket(weed.ROLE_BUCKET)

        def slowly() -> Iterator[bytes]:
            for _ in range(4):
                yield bytes(PART_BYTES)
                time.sleep(3)

        role(front).put("slow.txt", slowly(), content_type=TYPE)
        head = server.client().head_object(Bucket=weed.ROLE_BUCKET, Key="f/slow.txt")
        assert head["ContentLength"] == 4 * PART_BYTES
        assert 2 <= len(front.assumed) <= 5
    finally:
        front.close()
        server.stop()


def test_a_session_that_is_refused_and_not_renewed_ends_the_upload_with_the_cause(
    front: RoleFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("footfall.buckets.s3_parts.PART_BYTES", PART_BYTES)

    def withdraw() -> None:
        front.withdraw()
        front.external_id = "another-one"

    front.faults = [Fault("partNumber=2", "pass", act=withdraw)]
    name = fresh()
    with pytest.raises(Denied, match="ExternalId"):
        role(front).put(name, [bytes(PART_BYTES) * 20], content_type=TYPE)
    parts = [call for call in front.calls if "partNumber=" in call]
    assert len(parts) <= 4, "what was under way is finished, nothing more is sent"
    assert len([call for call in front.calls if call.startswith("POST /")]) <= 8


def test_a_session_that_is_over_when_it_is_given_says_that_a_clock_is_wrong(front: RoleFront) -> None:
    front.expires_at = (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    bucket = role(front)
    with pytest.raises(Refused, match="clock"):
        bucket.put(fresh(), [b"x"], content_type=TYPE)
    front.expires_at = ""
    bucket.put(fresh(), [b"x"], content_type=TYPE)


def test_a_session_is_used_as_long_as_it_is_good(front: RoleFront) -> None:
    bucket = role(front)
    for _ in range(3):
        bucket.put(fresh(), [b"x"], content_type=TYPE)
    assert len(front.assumed) == 1


def test_sts_that_is_down_is_worth_waiting_for(front: RoleFront, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    front.faults = [Fault("^POST /$", "status", 99, 0, 503, "ServiceUnavailable")]
    with pytest.raises(Unavailable, match="assuming the role"):
        role(front).put("a.txt", [b"x"], content_type=TYPE)


def test_a_role_is_assumed_with_the_machines_identity_when_no_key_is_given(
    front: RoleFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", weed.WRITER[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", weed.WRITER[1])
    access = Access(role_arn=weed.ROLE, external_id=EXTERNAL_ID)
    bucket = open_place(f"s3://{weed.ROLE_BUCKET}/f", access, endpoint_url=front.url)
    bucket.put(fresh(), [b"x"], content_type=TYPE)
    assert front.assumed == [EXTERNAL_ID]


# --- the machine's identity ------------------------------------------------------------------------------------------


def place(access: Access | None) -> Bucket:
    server = weed.server()
    name = server.bucket(f"b-{uuid.uuid4().hex}")
    return open_place(f"s3://{name}", access, endpoint_url=server.url)


def test_the_machines_identity_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", weed.ADMIN[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", weed.ADMIN[1])
    place(Access(ambient=True)).put("a.txt", [b"x"], content_type=TYPE)


def test_the_machines_identity_may_be_a_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key_id, secret = weed.ADMIN
    (tmp_path / "config").write_text(
        f"[profile exports]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "exports")
    place(Access(ambient=True)).put("a.txt", [b"x"], content_type=TYPE)


def test_the_machines_identity_may_be_a_web_identity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The token is sent to STS as it lies in its file; what the server thinks of it is the server's matter."""
    server = weed.secure_server()
    front = RoleFront(server.url, "")
    try:
        (tmp_path / "token").write_text("not-a-token")
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
        monkeypatch.setenv("AWS_ROLE_ARN", weed.ROLE)
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", front.url)
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        bucket = open_place(f"s3://{weed.ROLE_BUCKET}/f", Access(ambient=True), endpoint_url=server.url)
        with pytest.raises(Denied, match="web identity"):
            bucket.put(fresh(), [b"x"], content_type=TYPE)
        assert "POST /" in front.calls
    finally:
        front.close()


def test_an_access_key_is_not_completed_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", weed.ADMIN[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", weed.ADMIN[1])
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-token-of-the-machine")
    for given in ({}, {"key_id": "KEYID00000000000"}, {"secret": "the-secret"}):
        with pytest.raises(Refused, match="access key"):
            Access(**given)
    with pytest.raises(Denied, match="key id is unknown"):
        place(Access("KEYID00000000000", "the-secret")).put("a.txt", [b"x"], content_type=TYPE)


@pytest.mark.parametrize("access", [Access(ambient=True), Access(role_arn=weed.ROLE, external_id=EXTERNAL_ID)])
def test_a_configuration_never_borrows_the_role_of_the_instance(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The metadata service here would answer; nobody asks it."""
    metadata = RoleFront(weed.server().url, "")
    try:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url)
        with pytest.raises(Denied, match="Give an access key"):
            place(access).put("a.txt", [b"x"], content_type=TYPE)
        assert metadata.calls == []
        with pytest.raises(Denied):
            place(None).put("a.txt", [b"x"], content_type=TYPE)
        assert metadata.calls, "the operator's own chain does ask it"
    finally:
        metadata.close()


# --- certificates ----------------------------------------------------------------------------------------------------


def test_a_server_with_an_authority_of_ones_own_needs_that_authority() -> None:
    server = weed.secure_server()
    name = server.bucket(f"b-{uuid.uuid4().hex}")
    access = Access(*weed.ADMIN, ca_bundle=server.authority)
    bucket = open_place(f"s3://{name}/f", access, endpoint_url=server.tls_url)
    bucket.put("a.txt", [b"over TLS"], content_type=TYPE)
    assert b"".join(bucket.open("a.txt")) == b"over TLS"
    with pytest.raises(Refused, match="certificate is not trusted"):
        open_place(f"s3://{name}", Access(*weed.ADMIN), endpoint_url=server.tls_url).stat("a.txt")


def test_an_authority_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="ca_bundle"):
        open_place(
            "s3://b-b", Access("id", "secret", ca_bundle=str(tmp_path / "none.pem")), endpoint_url="https://x.example"
        )


def test_nothing_of_an_access_that_is_secret_is_shown() -> None:
    access = Access("id", "the-secret", "the-token", external_id="the-id", encryption="sse_c", customer_key=b"k" * 32)
    assert not [word for word in ("the-secret", "the-token", "the-id", "kkk") if word in repr(access)]
