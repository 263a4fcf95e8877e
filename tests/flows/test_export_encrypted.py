"""Encrypted deliveries: the same text never gives the same bytes twice, and still every delivery comes to an end."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from breaking import Breaks, Meets, WriteOnly
from sealing import sealing
from small_hub import CODECS, SmallHub, day_of_events, small_hub

from footfall.buckets.local import LocalBucket
from footfall.codecs.openpgp import OpenPgp
from footfall.codecs.plain import Plain
from footfall.errors import Conflict, Unavailable
from footfall.flows.verify import examine
from footfall.ports import Codec

DAY = date(2026, 11, 20)
STEM = "GainsightPX_User_Event_Rollups_20261121T080000Z"
FIRST, SECOND, MANIFEST = f"{STEM}.csv.gz.pgp", f"{STEM}_a2.csv.gz.pgp", f"{STEM}.csv.manifest.json"
REPORT = ["User_Event_Rollups"]


@pytest.fixture(scope="module")
def codec() -> OpenPgp:
    return sealing()


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub that knows a day, closed; each test has a copy of its own."""
    folder = tmp_path_factory.mktemp("learned")
    with small_hub(folder / "hub") as hub:
        hub.accept(day_of_events(DAY))
        hub.settle()
        hub.close_day(DAY)
    return folder


@pytest.fixture
def hub(learned: Path, tmp_path: Path) -> Iterator[SmallHub]:
    shutil.copytree(learned, tmp_path, dirs_exist_ok=True)
    with small_hub(tmp_path / "hub") as hub:
        yield hub


@pytest.fixture
def out(tmp_path: Path) -> LocalBucket:
    return LocalBucket(tmp_path / "out")


def keys(bucket: LocalBucket) -> list[str]:
    return [stored.key for stored in bucket.list()]


def told(bucket: LocalBucket) -> dict[str, object]:
    file: dict[str, object] = json.loads(b"".join(bucket.open(MANIFEST)))["files"][0]
    return file


def everything(codec: Codec) -> dict[str, Codec]:
    return {**CODECS, codec.name: codec}


def test_the_text_can_be_read_with_the_private_key_only(hub: SmallHub, out: LocalBucket, codec: OpenPgp) -> None:
    [delivery] = hub.export(DAY, out, REPORT, codec=codec)
    assert delivery.key == FIRST
    assert json.loads(b"".join(out.open(MANIFEST)))["codec"] == "gzip+openpgp"
    text = b"".join(codec.decode(out.open(FIRST)))
    assert text.count(b"\n") == delivery.rows + 1
    stored = b"".join(out.open(FIRST))
    assert b"user" not in stored
    assert b"\x1f\x8b" not in stored[:2]


def test_verify_without_the_key_checks_what_is_stored_and_says_so(
    hub: SmallHub, out: LocalBucket, codec: OpenPgp, tmp_path: Path
) -> None:
    hub.export(DAY, out, codec=codec)
    outcome = examine(out, CODECS)
    assert (outcome.findings, outcome.sealed) == ([], outcome.files)
    assert "stored bytes were checked, not the text" in outcome.verdict
    with_key = examine(out, everything(codec))
    assert (with_key.findings, with_key.sealed, with_key.verdict) == ([], 0, "everything is as delivered")
    path = tmp_path / "out" / FIRST
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert [finding.key for finding in examine(out, CODECS).findings] == [FIRST]


def test_verify_with_the_key_finds_a_text_that_is_not_the_manifests(
    hub: SmallHub, out: LocalBucket, codec: OpenPgp, tmp_path: Path
) -> None:
    hub.export(DAY, out, REPORT, codec=codec)
    path = tmp_path / "out" / MANIFEST
    value = json.loads(path.read_bytes())
    value["rows"] = value["files"][0]["rows"] = value["rows"] + 1
    path.write_text(json.dumps(value))
    assert examine(out, CODECS).findings == []
    assert ["rows" in finding.fault for finding in examine(out, everything(codec)).findings] == [True]


def test_the_manifest_of_an_encrypted_file_does_not_tell_the_digest_of_its_text(
    hub: SmallHub, out: LocalBucket, codec: OpenPgp
) -> None:
    hub.export(DAY, out, REPORT, codec=codec)
    assert told(out)["plain_sha256"] is None


def test_a_delivery_that_is_there_is_found_and_not_written_again(
    hub: SmallHub, out: LocalBucket, codec: OpenPgp
) -> None:
    first = hub.export(DAY, out, codec=codec)
    before = {key: b"".join(out.open(key)) for key in keys(out)}
    assert hub.export(DAY, out, codec=codec) == first
    assert {key: b"".join(out.open(key)) for key in keys(out)} == before


@pytest.mark.parametrize("crashes", [1, 3])
def test_a_delivery_that_broke_off_before_its_manifest_is_finished_under_another_name(
    hub: SmallHub, out: LocalBucket, codec: OpenPgp, tmp_path: Path, crashes: int
) -> None:
    for _ in range(crashes):
        with pytest.raises(Unavailable):
            hub.export(DAY, Breaks(tmp_path / "out"), REPORT, codec=codec)
    [delivery] = hub.export(DAY, out, REPORT, codec=codec)
    assert delivery.key == f"{STEM}_a{crashes + 1}.csv.gz.pgp"
    assert told(out)["name"] == delivery.key
    assert hub.export(DAY, out, REPORT, codec=codec) == [delivery]
    outcome = examine(out, everything(codec))
    assert [(finding.severity, finding.key) for finding in outcome.findings] == [
        ("warning", FIRST), *(("warning", f"{STEM}_a{n}.csv.gz.pgp") for n in range(2, crashes + 1)),
    ]  # fmt: skip


def test_it_is_finished_too_where_one_may_only_write(hub: SmallHub, codec: OpenPgp, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        hub.export(DAY, Breaks(tmp_path / "out"), REPORT, codec=codec)
    [delivery] = hub.export(DAY, WriteOnly(tmp_path / "out"), REPORT, codec=codec)
    assert delivery.key == SECOND


def test_of_two_writers_at_once_one_manifest_wins_and_both_name_its_file(
    hub: SmallHub, out: LocalBucket, codec: OpenPgp, tmp_path: Path
) -> None:
    others: list[object] = []
    meeting = Meets(tmp_path / "out", lambda: others.extend(hub.export(DAY, out, REPORT, codec=codec)))
    ours = hub.export(DAY, meeting, REPORT, codec=codec)
    assert ours == others
    assert ours[0].key == SECOND == told(out)["name"]
    assert not examine(out, everything(codec)).failed


def test_a_file_that_is_gone_while_its_manifest_is_there_is_a_conflict_that_says_so(
    hub: SmallHub, out: LocalBucket, codec: OpenPgp
) -> None:
    hub.export(DAY, out, REPORT, codec=codec)
    out.delete(FIRST)
    with pytest.raises(Conflict, match=r"is gone, though its manifest is there.*days reopen"):
        hub.export(DAY, out, REPORT, codec=codec)


def test_a_manifest_of_another_delivery_is_a_conflict(hub: SmallHub, out: LocalBucket, codec: OpenPgp) -> None:
    hub.export(DAY, out, REPORT, codec="gzip")
    with pytest.raises(Conflict, match="describes something else"):
        hub.export(DAY, out, REPORT, codec=codec)
    assert FIRST not in keys(out)


def test_what_waits_to_be_checked_waits_encrypted_in_a_file_without_a_name(
    codec: OpenPgp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr("footfall.codecs.openpgp.HELD_BYTES", 1000)
    reader = OpenPgp(Plain(), codec._recipients, codec._private, spool=spool)
    text = random.Random(1).randbytes(3_000_000)
    stored = b"".join(reader.encode([text]))
    decoding = reader.decode([stored])
    pieces = [next(decoding)]
    open_files = [Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    links = [link for link in open_files if os.path.realpath(link).startswith(str(spool))]
    assert [link.read_bytes() for link in links] == [stored]
    assert list(spool.iterdir()) == []
    assert b"".join([*pieces, *decoding]) == text
