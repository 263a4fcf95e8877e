"""Addresses as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from footfall.buckets.local import LocalBucket
from footfall.buckets.places import Access, open_place
from footfall.errors import Refused

ACCESS = Access("KEYID00000000000", "the-secret", region="eu-west-1")


@pytest.fixture(autouse=True)
def no_configuration_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.parametrize(
    ("url", "path"),
    [("/data/out", "/data/out"), ("file:///data/my%20out", "/data/my out"), ("~/out", str(Path("~/out").expanduser()))],
)
def test_a_folder(url: str, path: str) -> None:
    bucket = open_place(url)
    assert isinstance(bucket, LocalBucket)
    assert bucket.url == path


def test_a_folder_relative_to_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_place("out").url == str(tmp_path / "out")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://my-bucket", "s3://my-bucket"),
        ("s3://my-bucket/a/b/", "s3://my-bucket/a/b"),
        ("gs://my-bucket/a", "gs://my-bucket/a"),
        ("gs:my-bucket/a", "gs://my-bucket/a"),
        ("gs:my-bucket", "gs://my-bucket"),
    ],
)
def test_a_bucket(url: str, shown: str) -> None:
    assert open_place(url, ACCESS).url == shown


def test_the_same_bucket_name_at_another_server_is_another_place() -> None:
    there = open_place("s3://my-bucket/a", ACCESS, endpoint_url="http://127.0.0.1:1")
    assert there.url != open_place("s3://my-bucket/a", ACCESS).url


def test_google_is_asked_at_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = open_place("gs:my-bucket/a", ACCESS)
    assert bucket.client.meta.endpoint_url == "https://storage.googleapis.com"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "url", ["", "s3://", "s3://UPPER/x", "s3:///x", "s3://a/b/../c", "ftp://host/x", "file://host/x", "gs://x y/z"]
)
def test_an_address_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        open_place(url, ACCESS)


def test_a_profile_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(Refused, match="profile"):
        open_place("s3://my-bucket/x")


def test_without_any_keys_the_hint_says_where_to_put_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    bucket = open_place("s3://my-bucket/x", endpoint_url="http://127.0.0.1:1")
    with pytest.raises(Refused, match="access key"):
        bucket.put("a", [b"x"], content_type="x/y")


def test_the_secret_is_not_shown() -> None:
    assert "the-secret" not in repr(Access("id", "the-secret", "the-secret"))
