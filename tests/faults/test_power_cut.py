"""The power goes out: what was not synced is lost, in part and in any order. Nothing acknowledged is, and all goes on.

Every program runs once on a disk that writes, after every so many changes, what a cut at that moment could leave (see
lossy_disk.py); each of these is then opened as after a restart.
"""

from __future__ import annotations

import os
import shutil
from datetime import date
from pathlib import Path

import pytest
from commit_process import JOB, LAKE_COMMITS, NOW, STORE_COMMITS, rows
from deliver_process import REPORTS
from durable_calls import delivered
from lossy_disk import LOSSES
from power import cuts, needs_fuse
from settle_place import opened
from small_hub import day_of_events, findings, small_hub

from footfall.buckets.local import LocalBucket
from footfall.lakes.delta import DeltaLake
from footfall.logs.segments import SegmentLog
from footfall.ports import Batch, Counts
from footfall.stores.database import Database
from footfall.stores.windows import SqlWindows

DAY = date(2026, 11, 20)
BATCHES = 4

pytestmark = [needs_fuse, pytest.mark.slow]


def often(usual: int) -> int:
    """A cut after so many changes; FOOTFALL_CUT_EVERY=1 takes every one."""
    return int(os.environ.get("FOOTFALL_CUT_EVERY", usual))


@pytest.mark.timeout(900)
def test_nothing_acknowledged_is_lost_from_the_log(tmp_path: Path) -> None:
    seen = 0
    for cut in cuts(tmp_path, ["append_process.py", "{disk}"], every=often(1), seed=20_261_123):
        said = {(what, int(number)) for what, _, number in (note.partition("-") for note in cut.notes)}
        trimmed = max((number for what, number in said if what == "trim"), default=0)
        acknowledged = {number for what, number in said if what == "ack" and number >= trimmed}

        log = SegmentLog(cut.folder / "log", reserve_bytes=0)
        there = [entry.batch.received_at for entry in log.read(0, 1 << 40)]
        assert acknowledged - set(there) == set(), f"{cut.where}: acknowledged and lost"
        assert there == sorted(set(there)), f"{cut.where}: twice, or out of order"

        log.append(Batch(999, "s", "segment", "batch", 1, (), "", "", b"x"))
        assert [entry.batch.received_at for entry in log.read(0, 1 << 40)] == [*there, 999], cut.where
        log.close()
        seen += 1
    assert seen > 30


@pytest.mark.timeout(900)
def test_nothing_committed_is_lost_from_the_store(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    Database.open(tmp_path / "live" / "footfall.db").close()
    seen = 0
    for cut in cuts(tmp_path, ["commit_process.py", "{disk}", "store"], every=often(3), seed=20_261_123, at="/store-"):
        database = Database.open(cut.folder / "footfall.db")
        there = [window.number for window in SqlWindows(database).all(JOB) if window.closed]
        assert there in (list(range(1, len(cut.notes) + 1)), list(range(1, len(cut.notes) + 2))), cut.where
        SqlWindows(database).fix(JOB, 1000, NOW, "after")
        database.close()
        seen += 1
    assert seen >= 2 * STORE_COMMITS * len(LOSSES)


@pytest.mark.timeout(900)
def test_nothing_committed_is_lost_from_the_lake(tmp_path: Path) -> None:
    seen = 0
    for cut in cuts(tmp_path, ["commit_process.py", "{disk}", "lake"], every=often(7), seed=20_261_123, at="/lake-"):
        lake = DeltaLake(cut.folder / "lake", clock=lambda: NOW)
        position = lake.position()
        assert position in (len(cut.notes), len(cut.notes) + 1), f"{cut.where}: committed and lost"
        lake.append(rows(position + 1), position + 1)
        assert lake.after(0, 1000)["ingest_seq"].to_pylist() == list(range(2, 2 * position + 4)), cut.where
        seen += 1
    assert seen >= 2 * LAKE_COMMITS * len(LOSSES)


@pytest.mark.timeout(1800)
def test_settle_ends_with_every_event_once(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    with opened(tmp_path / "live" / "data", segment_bytes=512) as place:  # a segment a batch, to be trimmed
        for n in range(BATCHES):
            new = [{"type": "track", "event": "E", "userId": f"u{n}-{i}", "messageId": f"{n}-{i}"} for i in range(3)]
            late = {"type": "track", "event": "E", "userId": "u", "messageId": f"{n}-bad", "timestamp": 0}
            place.send({"batch": [*new, new[0], late]})

    seen = 0
    script = ["settle_process.py", "{disk}/data", "600"]
    # Once the log forgets a batch, it has to be in the lake and in the store.
    for cut in cuts(tmp_path, script, every=often(9), seed=20_261_123, at=r"^/data/log/\d"):
        with opened(cut.folder / "data") as place:
            place.settle(limit_bytes=2000)
            assert place.ids() == [f"{n}-{i}" for n in range(BATCHES) for i in range(3)], cut.where
            counts = Counts(received=BATCHES * 5, stored=BATCHES * 3, duplicate=BATCHES, quarantined=BATCHES)
            assert place.ledger.counts() == {"app": counts}, cut.where
            assert place.ledger.quarantined(1000).num_rows == BATCHES, cut.where
        seen += 1
    assert seen > 8


@pytest.mark.timeout(1800)
def test_a_manifest_that_is_there_has_its_data_and_the_next_run_ends_with_the_same_bytes(tmp_path: Path) -> None:
    with small_hub(tmp_path / "live" / "data") as hub:
        for n in range(4):
            hub.accept(day_of_events(DAY, users=3, mark=f"-{n}"))
            hub.settle()
    calm = tmp_path / "calm"
    shutil.copytree(tmp_path / "live", calm)
    with small_hub(calm / "data") as hub:
        hub.export(DAY, LocalBucket(calm / "out"), REPORTS)
    expected = delivered(calm)

    seen = 0
    script = ["deliver_process.py", "{disk}/data", "{disk}/out", DAY.isoformat()]
    for cut in cuts(tmp_path, script, every=often(12), seed=20_261_123):
        half = delivered(cut.folder)
        manifests = {key for key in half if key.endswith(".manifest.json")}
        assert {key: half[key] for key in manifests}.items() <= expected.items(), cut.where
        described = {key.removesuffix(".manifest.json") + ".gz" for key in manifests}
        assert {key: half.get(key) for key in described}.items() <= expected.items(), f"{cut.where}: a manifest lies"

        with small_hub(cut.folder / "data") as hub:
            hub.export(DAY, LocalBucket(cut.folder / "out"), REPORTS)
        assert findings(LocalBucket(cut.folder / "out")) == [], cut.where
        assert delivered(cut.folder) == expected, cut.where
        seen += 1
    assert seen > 8
