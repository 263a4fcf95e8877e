"""Events with much in them: they are settled, and whatever memory the engine has, the file is the same."""

from __future__ import annotations

import csv
import gzip
import io
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import small_activity
from small_activity import export_activity, export_app_events
from small_hub import SmallHub, findings, small_hub

from footfall.buckets.local import LocalBucket
from footfall.engines import windows
from footfall.engines.database import Limits
from footfall.errors import Unavailable

DAY = date(2026, 11, 20)
EVENTS = 3_000


def events(count: int, first: int = 0, **properties: Any) -> list[dict[str, object]]:
    """Each with two kilobytes of properties, a sixth of them its own, or with these."""
    about = {"type": "track", "event": "Did", "timestamp": f"{DAY}T15:00:00Z"}

    def said(n: int) -> dict[str, Any]:
        return properties or {"text": f"é{n:06} " * 40 + "x" * 1_600}

    return [
        {**about, "userId": f"u{n % 50}", "messageId": f"m{n}", "properties": said(n)}
        for n in range(first, first + count)
    ]


def settled(hub: SmallHub, count: int, **properties: Any) -> None:
    for first in range(0, count, 150):
        hub.accept(events(min(150, count - first), first, **properties))
    hub.settle()


@pytest.mark.parametrize("export", [export_activity, export_app_events])
def test_where_the_memory_does_not_do_for_a_slice_it_is_made_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, export: Any
) -> None:
    with small_hub(tmp_path / "hub") as hub:
        settled(hub, EVENTS)
        made = {}
        for memory_mb in (1_000, 128):
            monkeypatch.setattr(small_activity, "LIMITS", Limits(memory_mb, threads=2))
            out = LocalBucket(tmp_path / str(memory_mb))
            [delivered] = export(hub, out, job=str(memory_mb), codec="none")
            made[memory_mb] = b"".join(out.open(delivered.key))
            assert (delivered.rows, findings(out)) == (EVENTS, [])
        assert made[128] == made[1_000]


def test_a_slice_for_which_the_memory_does_not_do_beside_others_is_made_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "SLICE", 2_000)
    with small_hub(tmp_path / "hub") as hub:
        settled(hub, 2 * EVENTS)
        for memory_mb in (56, 72):
            monkeypatch.setattr(small_activity, "LIMITS", Limits(memory_mb, threads=2))
            [delivered] = export_app_events(hub, LocalBucket(tmp_path / str(memory_mb)), job=str(memory_mb))
            assert delivered.rows == 2 * EVENTS


def test_events_that_are_short_and_need_much_memory_are_settled_and_exported(tmp_path: Path) -> None:
    """A number in a list takes two bytes as JSON, and in the memory of who reads it some fifty."""
    with small_hub(tmp_path / "hub") as hub:
        settled(hub, 900, many=[1] * 32_000)
        for file in map(pq.read_metadata, hub.lake.files(DAY)):
            assert max(file.row_group(n).total_byte_size for n in range(file.num_row_groups)) <= 5 << 20
        [delivered] = export_activity(hub, LocalBucket(tmp_path / "out"))
        assert delivered.rows == 900


def test_where_it_does_for_nothing_the_error_says_what_would_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_hub(tmp_path / "hub") as hub:
        settled(hub, 500)
        monkeypatch.setattr(small_activity, "LIMITS", Limits(memory_mb=2, threads=2))
        with pytest.raises(Unavailable, match=r"(?s)Out of Memory.*Give the engine more memory"):
            export_activity(hub, LocalBucket(tmp_path / "out"))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "report"), [("identify", "Users"), ("group", "Accounts")])
def test_people_with_much_said_about_them_are_reported(tmp_path: Path, kind: str, report: str) -> None:
    traits = {f"k{n}": f"value {n}" for n in range(800)}
    about = {"type": kind, "timestamp": f"{DAY}T15:00:00Z", "traits": traits}
    with small_hub(tmp_path / "hub") as hub:
        for first in range(0, 2_100, 300):
            numbers = range(first, first + 300)
            hub.accept([{**about, "userId": f"u{n}", "groupId": f"g{n}", "messageId": f"m{n}"} for n in numbers])
        hub.settle()
        out = LocalBucket(tmp_path / "out")
        hub.export(DAY, out, [report])
        assert findings(out) == []
        [file] = (tmp_path / "out").glob("*.csv.gz")
        header, *rows = csv.reader(io.StringIO(gzip.decompress(file.read_bytes()).decode()))
        assert (len(rows), {len(row) for row in rows}) == (2_100, {len(header)})
        assert {row[header.index("customAttribute_k799")] for row in rows} == {"value 799"}
