"""What users did that answers a WHERE: read from the lake, kept per day, and read again only when the day changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from small_watch import SmallWatch, small_watch

from footfall.model.audience_rules import Happened
from footfall.wiring.filtered_usage import _keep

PRO = "COUNT(event Purchase WHERE plan = pro AND amount >= 50 WITHIN 30d) >= 2"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[SmallWatch]:
    with small_watch(tmp_path) as watch:
        yield watch


def buy(watch: SmallWatch, mark: str, day: str, amount: object, **who: str) -> Mapping[str, object]:
    said = {"plan": "pro", "amount": amount}
    return {"type": "track", "event": "Purchase", "messageId": mark, "timestamp": f"{day}T10:00:00Z",
            "properties": said, **who}  # fmt: skip


def identify(user: str, visitor: str, day: str) -> Mapping[str, object]:
    return {"type": "identify", "userId": user, "anonymousId": visitor, "messageId": f"i-{user}-{visitor}",
            "timestamp": f"{day}T11:00:00Z"}  # fmt: skip


def files(watch: SmallWatch) -> dict[str, int]:
    """The files there are, and when each was written."""
    found = (watch.folder / "usage" / "where").glob("*/*.parquet")
    return {path.name: path.stat().st_mtime_ns for path in found}


def test_events_count_by_what_they_say_also_those_of_the_visitor_the_user_was(watched: SmallWatch) -> None:
    day, before = "2026-11-20", "2026-11-19"
    watched.hub.accept(
        [
            buy(watched, "1", before, 50, userId="ada"),
            buy(watched, "2", day, "70", anonymousId="v-ada"),
            identify("ada", "v-ada", day),
            buy(watched, "3", before, 10, userId="bob"),
            buy(watched, "4", day, 50, userId="bob"),
        ]
    )
    watched.hub.settle()
    assert watched.members(PRO) == ["ada"]
    assert watched.members(PRO.replace(">= 2", ">= 1")) == ["ada", "bob"]


def test_a_day_is_read_again_only_when_it_changes(watched: SmallWatch) -> None:
    watched.hub.accept([buy(watched, "1", "2026-11-19", 50, userId="ada"), identify("bob", "v", "2026-11-20")])
    watched.hub.settle()
    assert watched.members(PRO) == []
    first = files(watched)
    assert [name[:10] for name in sorted(first)] == ["2026-11-19", "2026-11-20"]
    assert watched.members(PRO) == []
    assert files(watched) == first
    watched.hub.accept([buy(watched, "2", "2026-11-20", 50, userId="ada")])
    watched.hub.settle()
    assert watched.members(PRO) == ["ada"]
    second = files(watched)
    assert len(second) == 2
    assert [name[:10] for name in second.keys() & first.keys()] == ["2026-11-19"]
    assert all(second[name] == first[name] for name in second.keys() & first.keys())


def test_days_before_the_span_are_not_read(watched: SmallWatch) -> None:
    watched.hub.accept([buy(watched, "1", "2026-09-01", 50, userId="ada"), identify("bob", "v", "2026-11-20")])
    watched.hub.settle()
    assert watched.members(PRO) == []
    assert [name[:10] for name in files(watched)] == ["2026-11-20"]


def test_what_nobody_asks_for_any_more_is_forgotten(tmp_path: Path) -> None:
    for name in ("old", "newer", "asked"):
        (tmp_path / name).mkdir()
    _keep(tmp_path, {"asked": Happened("count", "custom"), "not yet there": Happened("count", "custom")}, kept=1)
    assert {path.name for path in tmp_path.iterdir()} in ({"asked", "newer"}, {"asked", "old"})
    _keep(tmp_path, {}, kept=0)
    assert list(tmp_path.iterdir()) == []
