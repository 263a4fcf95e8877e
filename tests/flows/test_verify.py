"""``footfall verify``: whatever happens to delivered files is found and named, with nothing but the bucket."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import weed
from small_hub import CODECS, day_of_events, findings, small_hub

from footfall.buckets.local import LocalBucket
from footfall.buckets.places import Access, open_place
from footfall.flows.verify import Finding, examine

DAY = date(2026, 11, 20)
STEM = "GainsightPX_User_Event_Rollups_20261121T080000Z"
DATA, MANIFEST = f"{STEM}.csv.gz", f"{STEM}.csv.manifest.json"
SECOND = f"{STEM}_r2.csv.manifest.json"


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days, the first in two revisions, and all three formats of the first revision."""
    folder = tmp_path_factory.mktemp("delivered")
    with small_hub(folder / "hub") as hub:
        hub.accept(day_of_events(DAY))
        hub.settle()
        bucket = LocalBucket(folder / "out")
        for each in ("csv", "json", "xml"):
            hub.export(DAY, bucket, ["User_Event_Rollups", "Users"], format=each)
        hub.accept(day_of_events(DAY, users=5, mark="-late"))
        hub.settle()
        hub.export(DAY, bucket, ["User_Event_Rollups"])
        hub.export(DAY + timedelta(days=1), bucket, ["User_Event_Rollups"])
    return folder / "out"


@pytest.fixture
def out(delivered: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(delivered, tmp_path / "out"))


def found(out: Path) -> list[tuple[str, str]]:
    return [(each.severity, each.key) for each in findings(LocalBucket(out))]


def rewrite(out: Path, name: str, change: Callable[[dict[str, Any]], Any]) -> None:
    value = json.loads((out / name).read_text())
    change(value)
    (out / name).write_text(json.dumps(value))


def redeliver(out: Path, text: bytes, name: str = DATA, manifest: str = MANIFEST, **fields: Any) -> None:
    """Replace a file's text and describe it rightly, so that only what the text says is wrong."""
    stored = gzip.compress(text, mtime=0)
    (out / name).write_bytes(stored)

    def describe(value: dict[str, Any]) -> None:
        value["files"][0] |= {
            "bytes": len(stored), "sha256": hashlib.sha256(stored).hexdigest(),
            "plain_bytes": len(text), "plain_sha256": hashlib.sha256(text).hexdigest(),
        } | fields  # fmt: skip
        value["rows"] = value["files"][0]["rows"]

    rewrite(out, manifest, describe)


def test_what_was_delivered_is_sound_and_counted(delivered: Path) -> None:
    outcome = examine(LocalBucket(delivered), CODECS)
    assert (outcome.findings, outcome.failed, outcome.verdict) == ([], False, "everything is as delivered")
    assert (outcome.manifests, outcome.files) == (8, 8)
    assert outcome.size_bytes == sum(path.stat().st_size for path in delivered.glob("*.gz"))


def test_one_changed_bit_anywhere_in_a_data_file_is_found_and_the_file_named(out: Path) -> None:
    whole = (out / DATA).read_bytes()
    rng = random.Random(1)
    for _ in range(60):
        at = rng.randrange(len(whole))
        (out / DATA).write_bytes(whole[:at] + bytes([whole[at] ^ (1 << rng.randrange(8))]) + whole[at + 1 :])
        [finding] = findings(LocalBucket(out))
        assert (finding.severity, finding.key) == ("fault", DATA)
        assert "SHA-256" in finding.fault


def test_one_changed_bit_anywhere_in_a_manifest_is_found(out: Path) -> None:
    whole = (out / MANIFEST).read_bytes()  # revision 2 names its digest, so no bit of it can change
    rng = random.Random(2)
    for _ in range(60):
        at = rng.randrange(len(whole))
        (out / MANIFEST).write_bytes(whole[:at] + bytes([whole[at] ^ (1 << rng.randrange(8))]) + whole[at + 1 :])
        assert [each for each in findings(LocalBucket(out)) if each.severity == "fault"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(lambda path: path.unlink(), "not there", id="gone"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes, the manifest says", id="cut"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes() + b"x"), "bytes, the manifest says", id="longer"),
        pytest.param(lambda path: path.write_bytes(b""), "0 bytes", id="empty"),
        pytest.param(lambda path: (path.unlink(), os.mkfifo(path)), "plain file", id="a pipe"),
        pytest.param(lambda path: (path.rename(path.parent / "moved"), path.symlink_to("moved")), "links", id="a link"),
    ],
)
def test_a_data_file_that_is_gone_or_cut_is_named(out: Path, change: Callable[[Path], None], says: str) -> None:
    change(out / DATA)
    [finding] = findings(LocalBucket(out))
    assert (finding.severity, finding.key) == ("fault", DATA)
    assert says in finding.fault


@pytest.mark.parametrize("each", ["csv", "json", "xml"])
def test_a_row_too_few_is_found_in_every_format(out: Path, each: str) -> None:
    name, manifest = f"{STEM}.{each}.gz", f"{STEM}.{each}.manifest.json"
    lines = gzip.decompress((out / name).read_bytes()).splitlines(keepends=True)
    del lines[2]
    redeliver(out, b"".join(lines), name, manifest)
    faults = {finding.fault for finding in findings(LocalBucket(out)) if finding.key == name}
    assert len(faults) == 1
    assert "rows, the manifest says" in faults.pop()


@pytest.mark.parametrize(
    ("each", "old", "new", "says"),
    [
        pytest.param("csv", b"date,", b"day,", "the header is", id="csv header"),
        pytest.param("csv", b"date,", b"x" * 200_000, "the header is not readable", id="csv header without end"),
        pytest.param("csv", b"date,", b"da\rte,", "the header is not readable", id="csv header in two lines"),
        pytest.param("json", b'{"date"', b'{"day"', "which the manifest does not name", id="json key"),
        pytest.param("json", b'{"date"', b'["date"', "not JSON", id="json broken"),
        pytest.param("xml", b'period="2026-11-20"', b'period="2026-11-19"', "root element is not", id="xml root"),
        pytest.param("xml", b"</export>\n", b"", "root element has no end", id="xml end"),
    ],
)
def test_columns_and_frame_are_compared_with_the_manifest(
    out: Path, each: str, old: bytes, new: bytes, says: str
) -> None:
    name = f"{STEM}.{each}.gz"
    text = gzip.decompress((out / name).read_bytes())
    assert old in text
    redeliver(out, text.replace(old, new, 1), name, f"{STEM}.{each}.manifest.json")
    assert [finding for finding in findings(LocalBucket(out)) if finding.key == name and says in finding.fault]


def test_a_text_that_is_not_the_described_one_is_found_behind_a_right_digest(out: Path) -> None:
    rewrite(out, MANIFEST, lambda value: value["files"][0].update(plain_sha256="0" * 64))
    assert ("fault", DATA) in found(out)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda value: value.pop("columns"), id="a field is gone"),
        pytest.param(lambda value: value.update(rows=-1), id="negative"),
        pytest.param(lambda value: value.update(rows=True), id="true is no number"),
        pytest.param(lambda value: value.update(rows=value["rows"] + 1), id="rows do not add up"),
        pytest.param(lambda value: value.update(manifest=2), id="a format of the future"),
        pytest.param(lambda value: value["files"][0].update(name="../x"), id="leads elsewhere"),
        pytest.param(lambda value: value.update(day="2026-13-01"), id="no date"),
        pytest.param(lambda value: value.update(start="2026-11-20 05:00"), id="no instant"),
        pytest.param(lambda value: value.update(revision=0), id="no revision"),
        pytest.param(lambda value: value.update(files=[]), id="no files"),
        pytest.param(lambda value: value.update(report="Users"), id="another report than its name says"),
        pytest.param(lambda value: value.update(scheduled_at="2026-11-22T08:00:00Z"), id="another day"),
        pytest.param(lambda value: value.update(end="2026-11-19T05:00:00Z"), id="ends before it starts"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_named(out: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    rewrite(out, MANIFEST, change)
    assert ("fault", MANIFEST) in found(out)


def test_a_manifest_that_counts_a_file_twice_is_a_fault(out: Path) -> None:
    rewrite(out, MANIFEST, lambda value: value.update(files=value["files"] * 2, rows=value["rows"] * 2))
    assert Finding("fault", MANIFEST, f"the manifest names the file {DATA} twice") in findings(LocalBucket(out))


def test_a_manifest_that_is_not_json_is_named(out: Path) -> None:
    (out / MANIFEST).write_bytes(b"[" * 100_000)
    assert ("fault", MANIFEST) in found(out)


def test_a_revision_whose_predecessor_is_gone_is_a_fault(out: Path) -> None:
    (out / MANIFEST).unlink()
    (out / DATA).unlink()
    assert found(out) == [("fault", SECOND)]


def test_a_predecessor_that_was_changed_is_a_fault(out: Path) -> None:
    rewrite(out, MANIFEST, lambda value: value.update(writer="somebody else"))
    assert found(out) == [("fault", MANIFEST)]


def test_two_revisions_that_do_not_know_each_other_are_a_fault(out: Path) -> None:
    rewrite(out, SECOND, lambda value: value.update(supersedes=None))
    assert found(out) == [("fault", SECOND)]


def test_a_data_file_without_a_manifest_is_a_warning(out: Path) -> None:
    (out / f"{STEM}_r3.csv.gz").write_bytes(b"unfinished")
    (out / "README.txt").write_text("not ours")
    assert found(out) == [("warning", f"{STEM}_r3.csv.gz")]
    assert not examine(LocalBucket(out), CODECS).failed


def test_a_day_missing_in_between_is_a_warning_that_names_it(delivered: Path, tmp_path: Path) -> None:
    out = tmp_path / "gap"
    with small_hub(tmp_path / "hub") as hub:
        for days in (0, 1, 5):
            hub.export(DAY + timedelta(days=days), LocalBucket(out), ["User_Event_Rollups"])
    [finding] = findings(LocalBucket(out))
    assert finding.severity == "warning"
    assert "2026-11-22 to 2026-11-24" in finding.fault


def test_a_copied_folder_can_be_verified_wherever_it_lies(delivered: Path, tmp_path: Path) -> None:
    shutil.copytree(delivered, tmp_path / "all" / "here")
    shutil.copytree(delivered, tmp_path / "all" / "there")
    outcome = examine(LocalBucket(tmp_path / "all"), CODECS)
    assert (outcome.findings, outcome.manifests) == ([], 16)


def test_an_empty_place_has_no_manifests(tmp_path: Path) -> None:
    outcome = examine(LocalBucket(tmp_path / "nothing"), CODECS)
    assert (outcome.manifests, outcome.findings) == (0, [])
    assert outcome.verdict == "nothing to check"


def test_a_bucket_is_verified_like_a_folder(delivered: Path) -> None:
    server = weed.server()
    name = server.bucket(f"verify-{random.SystemRandom().randrange(10**12)}")
    bucket = open_place(f"s3://{name}/px", Access(*weed.ADMIN), endpoint_url=server.url)
    for path in sorted(delivered.iterdir()):
        bucket.put(path.name, [path.read_bytes()], content_type="x/y")
    assert findings(bucket) == []
    whole = (delivered / DATA).read_bytes()
    server.client().put_object(Bucket=name, Key=f"px/{DATA}", Body=whole[:-1] + bytes([whole[-1] ^ 1]))
    assert [(each.severity, each.key) for each in findings(bucket)] == [("fault", DATA)]


def test_findings_say_severity_place_and_fault(out: Path) -> None:
    (out / DATA).unlink()
    assert findings(LocalBucket(out)) == [
        Finding("fault", DATA, "the manifest names this file, but it is not there"),
    ]
