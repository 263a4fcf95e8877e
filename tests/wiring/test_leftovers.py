"""What a process left half-written when it was killed is gone once somebody comes who is alone there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from footfall.config import Settings
from footfall.errors import FootfallError, Unavailable
from footfall.wiring import Footfall

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

# Every way in which something is written beside what it becomes, stopped in the middle.
AT_WORK = """
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from footfall import disk
from footfall.config import Settings
from footfall.stores.row_snapshots import FolderSnapshots
from footfall.stores.held_files import FolderHeldFiles
from footfall.wiring import Footfall
from footfall.wiring.import_readers import spool_of

data = Path(sys.argv[1])

def chunks():
    yield b"half of a file"
    (data / "server.json").write_text("{}")
    print("writing", flush=True)
    sys.stdin.read()

with ExitStack() as drafts, Footfall.open(Settings(data=data), clock=lambda: datetime(2026, 11, 23, tzinfo=UTC)) as hub:
    for name in ("master.keys", "activity/a.parquet", "usage/where/b.parquet", "memberships/next/c.parquet"):
        disk.make_folder((data / name).parent)
        drafts.enter_context(disk.drafted(data / name)).write_bytes(b"half")
    (spool_of(hub) / "day-1").mkdir()
    FolderSnapshots(data / "imports").compare("im1", "")
    FolderHeldFiles(data / "imports").hold("im2", 10**6, chunks)
"""


@contextmanager
def at_work(data: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of its work there."""
    with subprocess.Popen(
        [sys.executable, "-c", AT_WORK, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "writing\n"
            yield process
        finally:
            process.kill()


def visit(data: Path) -> set[str]:
    """Come and go; what is there meanwhile."""
    with Footfall.open(Settings(data=data), clock=lambda: NOW):
        return {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}


def test_what_a_killed_process_left_is_taken_away_by_the_next_who_is_alone_and_never_from_one_at_work(tmp_path):
    data = tmp_path / "data"
    before = visit(data)
    kept = {"imports/im0.file", "imports/im0.rows", "activity/2026-11-20.parquet", "lake/events/x.part"}
    for name in kept:
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(b"whole")
    with at_work(data):
        left = visit(data) - before - kept
        assert len([name for name in left if name.endswith(".part")]) == 4
        assert {".im1.rows", "server.json"} < {Path(name).name for name in left}
        assert len(left) == 7
        with Footfall.open(Settings(data=data), clock=lambda: NOW) as other:
            assert other.log.end() == 0, "also not by who holds the log"
            assert (data / "spill" / "day-1").exists()
    assert not visit(data) & left
    assert not (data / "spill").exists()
    assert all((data / name).exists() for name in kept)


def test_one_who_comes_while_another_is_there_does_not_wait_for_it(tmp_path):
    with Footfall.open(Settings(data=tmp_path / "d"), clock=lambda: NOW):
        (tmp_path / "d" / "activity.part").write_bytes(b"")
        assert "activity.part" in visit(tmp_path / "d")
    assert "activity.part" not in visit(tmp_path / "d")


def test_where_nothing_can_be_written_says_so(tmp_path):
    (tmp_path / "in-use.lock").mkdir()
    with pytest.raises(Unavailable, match=r"in-use\.lock: Is a directory"):
        visit(tmp_path)


def test_a_data_directory_that_cannot_be_opened_is_left_free_for_the_next(tmp_path):
    (tmp_path / "subscription.json").write_text("{")
    with pytest.raises(FootfallError):
        visit(tmp_path)
    (tmp_path / "subscription.json").unlink()
    (tmp_path / "a.part").write_bytes(b"")
    assert "a.part" not in visit(tmp_path)
