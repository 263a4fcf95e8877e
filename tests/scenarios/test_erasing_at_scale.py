"""A hundred people erased from many deliveries in a bucket that keeps every version: no trace, nothing else gone.

FOOTFALL_TEST_PEOPLE=100000 FOOTFALL_TEST_DAYS=30 runs it at the size of the promise; by default it is smaller.
"""

from __future__ import annotations

import json
import os
import random
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pysequoia
import pytest
from crowd import Crowd, is_about, name_of, named, rows_of, traces
from weed import ADMIN, server

from footfall.codecs.gzip_member import GzipMember
from footfall.codecs.openpgp import OpenPgp
from footfall.codecs.openpgp_keys import check_private_key
from footfall.flows.verify import examine
from footfall.model.authorizations import Authorization
from footfall.wiring.authorizations import add_authorization, bucket_at
from footfall.wiring.codecs import decoders
from footfall.wiring.erasing import advance, ask_for, erasures_of
from footfall.wiring.erasing_places import Reach
from footfall.wiring.rollups import export_rollups

PEOPLE = int(os.environ.get("FOOTFALL_TEST_PEOPLE", "1000"))
DAYS = int(os.environ.get("FOOTFALL_TEST_DAYS", "8"))
ERASED = 100
REPORTS = ("Users", "User_Event_Rollups", "User_Custom_Event_Rollups", "Account_Event_Rollups")
PLACES = ("csv", "json", "xml", "sealed")

pytestmark = pytest.mark.slow


class Bucket:
    """A versioned bucket, and everything that is in it."""

    def __init__(self) -> None:
        self.client = server().client()
        self.name = server().bucket(f"erased-{uuid.uuid4().hex[:12]}")
        self.client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})

    def versions(self) -> dict[tuple[str, str], bytes]:
        """Every version of every object; delete markers without bytes."""
        found: dict[tuple[str, str], bytes] = {}
        for page in self.client.get_paginator("list_object_versions").paginate(Bucket=self.name):
            for each in page.get("Versions", ()):
                told = self.client.get_object(Bucket=self.name, Key=each["Key"], VersionId=each["VersionId"])
                found[each["Key"], each["VersionId"]] = told["Body"].read()
            for each in page.get("DeleteMarkers", ()):
                found[each["Key"], each["VersionId"]] = b""
        return found


def test_a_hundred_people_are_erased_from_days_of_deliveries(tmp_path: Path):
    crowd = Crowd(tmp_path, PEOPLE, DAYS, now=datetime.now(UTC) + timedelta(hours=1))
    gone = sorted(random.Random(7).sample(range(PEOPLE), ERASED))
    key = pysequoia.Tsk.generate("Warehouse")
    opener = OpenPgp(GzipMember(), private=check_private_key(bytes(key), None))
    bucket = Bucket()
    with crowd.opened() as hub:
        crowd.live(hub)
        for name, secrets in (("plain", {}), ("sealed", {"pgp_public_key": str(key.extract_certificate())})):
            made = Authorization(name=name, kind="aws_keys", endpoint_url=server().url, region="us-east-1",
                                 created_at=crowd.now, pgp="encrypt" if secrets else "")  # fmt: skip
            add_authorization(hub, made, {"access_key_id": ADMIN[0], "access_key_secret": ADMIN[1], **secrets})
        for place in PLACES:
            export_rollups(
                hub, crowd.dates[0], crowd.dates[-1], to=f"s3://{bucket.name}/{place}", reports=REPORTS, version="2.0",
                format=place if place != "sealed" else "csv", authorization="sealed" if place == "sealed" else "plain",
            )  # fmt: skip
        # Somebody wrote over an object and took another away: the bucket kept what was there.
        some = sorted(key for key, _ in bucket.versions() if "/GainsightPX_User_Event" in key and "csv/" in key)[:2]
        before = {key: body for (key, _), body in bucket.versions().items()}
        bucket.client.put_object(Bucket=bucket.name, Key=some[0], Body=before[some[0]])
        one = ask_for(hub, [name_of(person) for person in gone], "erase", "test")
        began = time.process_time(), time.monotonic()
        done = advance(hub, one.id, Reach(authorizations=("plain", "sealed")))
        took = time.process_time() - began[0], time.monotonic() - began[1]
        receipt = json.loads(erasures_of(hub).receipt(done.id))
        found = [examine(bucket_at(hub, f"s3://{bucket.name}/{place}", "plain"), decoders()) for place in PLACES]
    print(f"\n{ERASED} of {PEOPLE} people, {DAYS} days: {took[1]:.1f} s ({took[0]:.1f} s CPU), "
          f"{receipt['deliveries']['files_rewritten']} of {len(before) // 2} files")  # fmt: skip
    assert receipt["untouched"] == []
    assert done.people == ERASED
    assert [finding for outcome in found for finding in outcome.findings] == []
    left = bucket.versions()
    assert [key for (key, _), body in left.items() if named(key, body, gone, opener)] == []
    assert traces(crowd.data, gone) == []
    after = {key.replace("_r2.", "."): body for (key, _), body in left.items()}
    assert after.keys() == before.keys()
    for key, body in before.items():
        if not key.endswith(".manifest.json"):
            kept = [row for row in rows_of(key, body, opener) if not is_about(row, gone)]
            assert rows_of(key, after[key], opener) == kept, key
