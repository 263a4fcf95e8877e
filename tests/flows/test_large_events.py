"""Events with much in them: whatever memory the engine has, the file is the same."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import small_activity
from small_activity import export_activity, export_app_events
from small_hub import findings, small_hub

from footfall.buckets.local import LocalBucket
from footfall.engines.database import Limits
from footfall.errors import Unavailable

DAY = date(2026, 11, 20)
EVENTS = 3_000


def events() -> list[dict[str, object]]:
    """Each with two kilobytes of properties, a sixth of them its own."""
    about = {"type": "track", "event": "Did", "timestamp": f"{DAY}T15:00:00Z"}
    return [
        {**about, "userId": f"u{n % 50}", "messageId": f"m{n}", "properties": {"text": f"é{n:06} " * 40 + "x" * 1_600}}
        for n in range(EVENTS)
    ]


def test_where_the_memory_does_not_do_for_a_slice_it_is_made_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_hub(tmp_path / "hub") as hub:
        hub.accept(events())
        hub.settle()
        made = {}
        for memory_mb in (1_000, 128):
            monkeypatch.setattr(small_activity, "LIMITS", Limits(memory_mb, threads=2))
            out = LocalBucket(tmp_path / str(memory_mb))
            [delivered] = export_app_events(hub, out, job=str(memory_mb), codec="none")
            made[memory_mb] = b"".join(out.open(delivered.key))
            assert (delivered.rows, findings(out)) == (EVENTS, [])
        assert made[128] == made[1_000]


def test_where_it_does_for_nothing_the_error_says_what_would_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_hub(tmp_path / "hub") as hub:
        hub.accept(events()[:500])
        hub.settle()
        monkeypatch.setattr(small_activity, "LIMITS", Limits(memory_mb=2, threads=2))
        with pytest.raises(Unavailable, match=r"(?s)Out of Memory.*Give the engine more memory"):
            export_activity(hub, LocalBucket(tmp_path / "out"))
