"""Unfinished uploads of writers that were killed are taken away; nobody else's, and nothing that is complete."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
import weed

from footfall.buckets.places import Access, open_place
from footfall.buckets.s3 import S3Bucket
from footfall.errors import Denied


@pytest.fixture
def name() -> str:
    return weed.server().bucket(f"b-{uuid.uuid4().hex}")


def connect(name: str, key: tuple[str, str] = weed.ADMIN) -> S3Bucket:
    bucket = open_place(f"s3://{name}/f", Access(*key), endpoint_url=weed.server().url)
    assert isinstance(bucket, S3Bucket)
    return bucket


def left_behind(name: str, *keys: str) -> None:
    for key in keys:
        weed.server().client().create_multipart_upload(Bucket=name, Key=key)


def uploads(name: str) -> list[str]:
    return sorted(each["Key"] for each in weed.server().client().list_multipart_uploads(Bucket=name).get("Uploads", ()))


def mine(key: str) -> bool:
    return key.startswith("lytics-events-")


def test_own_orphans_are_swept_and_others_stay(name: str) -> None:
    left_behind(name, "f/lytics-events-1.csv", "f/lytics-events-2.csv", "f/theirs.csv", "lytics-events-3.csv")
    bucket = connect(name)
    bucket.put("lytics-events-0.csv", [b"complete"], content_type="text/csv")
    assert bucket.sweep(mine, timedelta(0)) == 2
    assert uploads(name) == ["f/theirs.csv", "lytics-events-3.csv"]
    assert [each.key for each in bucket.list()] == ["lytics-events-0.csv"]
    assert bucket.sweep(mine, timedelta(0)) == 0


def test_an_upload_of_today_may_still_be_running(name: str) -> None:
    left_behind(name, "f/lytics-events-1.csv")
    assert connect(name).sweep(mine, timedelta(hours=24)) == 0
    assert uploads(name) == ["f/lytics-events-1.csv"]


def test_a_missing_permission_to_sweep_is_named(name: str) -> None:
    with pytest.raises(Denied, match="s3:ListBucketMultipartUploads"):
        connect(name, weed.WRITER).sweep(mine, timedelta(0))
