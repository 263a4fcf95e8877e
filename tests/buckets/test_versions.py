"""An object of a versioned bucket is taken away with every older version, and what is locked is named."""

from __future__ import annotations

import pytest
from weed import ADMIN, server

from footfall.buckets.places import Access, open_place


@pytest.fixture
def versioned(request):
    """(our bucket at a folder of a versioned one, the server's own client, the bucket's name)."""
    weed = server()
    name = weed.bucket(f"versioned-{abs(hash(request.node.name)) % 10**8}")
    weed.client().put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    place = open_place(f"s3://{name}/f", Access(*ADMIN), endpoint_url=weed.url)
    return place, weed.client(), name


def versions(client, name: str) -> list[str]:
    found = client.list_object_versions(Bucket=name)
    return sorted(each["Key"] for each in (*found.get("Versions", ()), *found.get("DeleteMarkers", ())))


def test_every_version_and_delete_marker_of_an_object_goes_and_no_other_object(versioned):
    bucket, client, name = versioned
    bucket.put("a.csv", [b"one"], content_type="text/csv")
    client.put_object(Bucket=name, Key="f/a.csv", Body=b"two")
    client.delete_object(Bucket=name, Key="f/a.csv")
    client.put_object(Bucket=name, Key="f/a.csv", Body=b"three")
    bucket.put("a.csv.gz", [b"another"], content_type="text/csv")
    assert versions(client, name).count("f/a.csv") == 4
    purged = bucket.purge("a.csv")
    assert (purged.removed, purged.why) == (4, "")
    assert versions(client, name) == ["f/a.csv.gz"]
    assert bucket.purge("a.csv").removed == 0


def test_what_is_locked_stays_and_is_named(request):
    weed = server()
    name = f"locked-{abs(hash(request.node.name)) % 10**8}"
    weed.client().create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    bucket = open_place(f"s3://{name}/f", Access(*ADMIN), endpoint_url=weed.url)
    bucket.put("a.csv", [b"one"], content_type="text/csv")
    weed.client().put_object_legal_hold(Bucket=name, Key="f/a.csv", LegalHold={"Status": "ON"})
    purged = bucket.purge("a.csv")
    assert purged.removed == 0
    assert "is kept" in purged.why
    assert b"".join(bucket.open("a.csv")) == b"one"
    weed.client().put_object_legal_hold(Bucket=name, Key="f/a.csv", LegalHold={"Status": "OFF"})
    assert bucket.purge("a.csv").removed == 1
