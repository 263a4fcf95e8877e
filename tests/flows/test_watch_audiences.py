"""Who enters an audience and who leaves becomes an event, once, whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from small_watch import SmallWatch, small_watch

from footfall.disk import drafted
from footfall.errors import Unavailable
from footfall.flows.watch_audiences import Moved, Watching, as_merged, compared
from footfall.model.audience_text import read
from footfall.model.audiences import ENTERED, LEFT, STAYED, Audience
from footfall.model.reports import by_name
from footfall.ports import Batch, Membership
from footfall.stores.membership_files import MembershipFiles
from footfall.stores.removals import SqlRemovals

NOW = "2026-12-01T12:01:00Z"
PRO = Audience("pros", read("plan = pro"))
BACKFILLED = Audience("pros", read("plan = pro"), backfill=True)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[SmallWatch]:
    with small_watch(tmp_path) as watch:
        yield watch


def say(watch: SmallWatch, mark: str, **plans: str) -> None:
    """Each user has this plan from now on."""
    now = watch.hub.now
    watch.hub.accept(
        [
            {"type": "identify", "userId": user, "traits": {"plan": plan}, "messageId": f"{user}-{mark}",
             "timestamp": now.isoformat()}
            for user, plan in plans.items()
        ]
    )  # fmt: skip
    watch.hub.settle()
    watch.hub.now = now + timedelta(minutes=5)


def test_nobody_enters_at_the_first_look_and_then_only_who_changes(watched: SmallWatch) -> None:
    say(watched, "1", ada="pro", bob="free")
    assert watched.look(PRO) == [Moved("pros", 1)]
    assert watched.told() == []
    say(watched, "2", ada="free", bob="pro", eve="pro")
    assert watched.look(PRO) == [Moved("pros", 2, entered=2, left=1)]
    assert sorted(watched.told()) == [("ada", "pros", "exit"), ("bob", "pros", "enter"), ("eve", "pros", "enter")]
    assert watched.look(PRO) == [Moved("pros", 2)]
    assert len(watched.told()) == 3


def test_with_backfill_those_who_are_in_from_the_beginning_enter(watched: SmallWatch) -> None:
    say(watched, "1", ada="pro", bob="free")
    assert watched.look(BACKFILLED) == [Moved("pros", 1, entered=1)]
    assert watched.told() == [("ada", "pros", "enter")]


@pytest.mark.parametrize(
    ("tells", "expected"),
    [("both", ["enter", "exit"]), ("enter", ["enter"]), ("exit", ["exit"]), ("none", [])],
)
def test_an_audience_says_which_changes_become_events(watched: SmallWatch, tells: str, expected: list[str]) -> None:
    audience = Audience("pros", read("plan = pro"), tells=tells, backfill=True)
    say(watched, "1", ada="pro")
    watched.look(audience)
    say(watched, "2", ada="free")
    watched.look(audience)
    assert [change for _, _, change in watched.told()] == expected


def visit(watch: SmallWatch, mark: str) -> None:
    watch.hub.accept(
        [{"type": "track", "event": "export", "userId": "ada", "messageId": f"ada-{mark}",
          "timestamp": watch.hub.now.isoformat()}]
    )  # fmt: skip
    watch.hub.settle()


def test_two_looks_at_once_write_the_file_of_a_day_each_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "2026-12-01.parquet"
    with drafted(path) as first:
        first.write_text("one", encoding="utf-8")
        with drafted(path) as second:
            second.write_text("two", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "two"
    assert path.read_text(encoding="utf-8") == "one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_a_later_look_took_away_is_a_reason_to_look_again(watched: SmallWatch) -> None:
    visit(watched, "1")
    people = replace(watched.population(), usage=lambda: {watched.hub.now.date(): str(watched.folder / "gone.parquet")})
    asked = [Audience("a", read("COUNT(event) > 0"))]
    with pytest.raises(Unavailable), watched.engine.open(asked, people):
        pass


def test_what_came_between_a_look_and_the_sealing_of_its_day_counts_at_the_next_look(watched: SmallWatch) -> None:
    visit(watched, "1")
    day = watched.hub.now.date()
    assert watched.members("COUNT(event) = 1") == ["ada"]
    visit(watched, "2")
    watched.hub.now += timedelta(days=2)
    watched.hub.close_day(day)
    assert watched.members("COUNT(event) = 2") == ["ada"]


def test_matches_are_the_segment_rows_of_the_rollups(watched: SmallWatch) -> None:
    say(watched, "1", ada="pro", bob="free")
    watched.look(BACKFILLED)
    watched.hub.settle()
    day = watched.hub.zone.day_of(watched.hub.now)
    watched.hub.close_day(day, unfinished=True)
    opened = watched.hub.open_day(day)
    try:
        rows = [row for batch in opened.values(by_name("User_Event_Rollups"), "2.0") for row in batch.to_pylist()]
    finally:
        opened.close()
    found = [list(row.values()) for row in rows if "SEGMENT" in row.values()]
    assert len(found) == 1
    assert "ada" in found[0]


def test_entering_an_audience_makes_nobody_active(watched: SmallWatch) -> None:
    group = {"type": "group", "userId": "ada", "groupId": "acme", "messageId": "g",
             "timestamp": watched.hub.now.isoformat()}  # fmt: skip
    watched.hub.accept([group])
    say(watched, "1", ada="pro")
    watched.hub.now += timedelta(days=1)
    watched.look(BACKFILLED)
    assert watched.told() == [("ada", "pros", "enter")]
    assert active_users(watched) == {"acme": (0, 1)}
    visit(watched, "2")
    assert active_users(watched) == {"acme": (1, 1)}


def active_users(watch: SmallWatch) -> dict[str, tuple[int, int]]:
    """(active that day, active that month) of each account."""
    report, opened = by_name("Accounts"), watch.hub.open_day(watch.hub.zone.day_of(watch.hub.now))
    try:
        names = [column.name for column in opened.columns(report, "2.0")]
        values = [row.values() for batch in opened.values(report, "2.0") for row in batch.to_pylist()]
    finally:
        opened.close()
    rows = [dict(zip(names, row, strict=True)) for row in values]
    return {row["id"]: (row["dailyActiveUsers"], row["monthlyActiveUsers"]) for row in rows}


def test_what_visitors_did_counts_for_the_users_they_turn_out_to_be(watched: SmallWatch) -> None:
    at = "2026-12-01T10:0{}:00Z"
    watched.hub.accept(
        [
            {"type": "page", "anonymousId": "v", "messageId": "1", "timestamp": at.format(1)},
            {"type": "identify", "anonymousId": "v", "userId": "ada", "messageId": "2", "timestamp": at.format(2)},
            {"type": "track", "event": "bought", "userId": "ada", "messageId": "3", "timestamp": at.format(3)},
            {"type": "page", "anonymousId": "w", "messageId": "4", "timestamp": at.format(4)},
        ]
    )
    watched.hub.settle()
    assert watched.members("COUNT(page) = 1") == ["ada"]
    assert watched.members("LAST(event bought) = 2026-12-01T10:03:00Z AND COUNT(event bought WITHIN 1d) = 1") == ["ada"]
    # More of the same day is seen at the next look.
    watched.hub.accept([{"type": "page", "userId": "ada", "messageId": "5", "timestamp": at.format(5)}])
    watched.hub.settle()
    assert watched.members("COUNT(page) = 2") == ["ada"]


class Broken(Exception):
    """The process dies here."""


class BreakingLog:
    """Appends some batches, then dies: before or after the last of them is in the log."""

    def __init__(self, append: Callable[[Batch], int], batches: int) -> None:
        self._append, self._left = append, batches

    def append(self, batch: Batch) -> int:
        if self._left == 0:
            raise Broken
        self._left -= 1
        return self._append(batch)


class BreakingStates(MembershipFiles):
    """Dies at a step."""

    def __init__(self, folder: Path, step: str) -> None:
        super().__init__(folder)
        self._step = step

    def prepare(self, name: str, found: Membership) -> None:
        if self._step == "before prepare":
            raise Broken
        super().prepare(name, found)
        if self._step == "after prepare":
            raise Broken

    def commit(self, name: str) -> None:
        if self._step == "before commit":
            raise Broken
        super().commit(name)
        if self._step == "after commit":
            raise Broken


@pytest.mark.parametrize("step", ["before prepare", "after prepare", "in the log", "before commit", "after commit"])
def test_a_crash_at_any_step_loses_no_change_and_repeats_none(watched: SmallWatch, step: str) -> None:
    say(watched, "1", ada="pro", bob="free")
    watched.look(PRO)
    say(watched, "2", ada="free", bob="pro", eve="pro")
    whole = watched.states
    if step == "in the log":
        watched.log = BreakingLog(watched.hub.log.append, 0)  # type: ignore[assignment]
    watched.states = BreakingStates(watched.folder / "memberships", step)
    with pytest.raises(Broken):
        watched.look(PRO)
    watched.states, watched.log = whole, watched.hub.log
    # Somebody changes before the next look: what was written down before the crash is told all the same.
    say(watched, "3", eve="free")
    watched.look(PRO)
    told = watched.told()
    assert len(set(told)) == len(told)
    assert {("ada", "pros", "exit"), ("bob", "pros", "enter")} <= set(told)
    entered = ("eve", "pros", "enter") in told
    assert entered == (("eve", "pros", "exit") in told)
    assert entered == (step != "before prepare")


def test_who_turns_out_to_be_a_member_neither_enters_nor_leaves(watched: SmallWatch) -> None:
    say(watched, "1", ada="pro", also_ada="pro")
    watched.look(PRO)
    watched.hub.accept(
        [
            {
                "type": "alias",
                "userId": "ada",
                "previousId": "also_ada",
                "messageId": "m",
                "timestamp": "2026-12-01T12:01:00Z",
            }
        ]
    )
    watched.hub.settle()
    assert watched.look(PRO) == [Moved("pros", 1)]
    assert watched.told() == []


def test_who_comes_back_without_the_one_they_turned_out_to_be_enters_once(watched: SmallWatch) -> None:
    say(watched, "1", ada="pro", also_ada="pro")
    watched.hub.accept([{"type": "alias", "userId": "ada", "previousId": "also_ada", "messageId": "m"}])
    watched.hub.settle()
    assert watched.look(PRO) == [Moved("pros", 1)]
    ada = watched.hub.people.key_of("ada")
    assert ada is not None
    SqlRemovals(watched.hub.database).remove("user", ada, watched.hub.now, hard=False)
    watched.hub.now += timedelta(hours=1)
    say(watched, "2", also_ada="pro")
    assert watched.look(PRO) == [Moved("pros", 1, 1, 1)]
    assert watched.look(PRO) == [Moved("pros", 1)]
    assert watched.told() == [("also_ada", "pros", "enter"), ("ada", "pros", "exit")]


def test_an_audience_that_cannot_be_evaluated_keeps_its_members(watched: SmallWatch) -> None:
    say(watched, "1", ada="pro")
    watched.look(PRO)
    wrong = Audience("pros", read("visits > many"))
    (found,) = watched.look(wrong)
    assert "'many' is no Long" in found.fault
    assert watched.look(PRO) == [Moved("pros", 1)]
    assert watched.told() == []


def test_an_audience_that_is_gone_and_made_anew_begins_anew(watched: SmallWatch) -> None:
    say(watched, "1", ada="pro")
    watched.look(PRO)
    watched.look()
    assert watched.states.read("pros") is None
    assert watched.look(BACKFILLED) == [Moved("pros", 1, entered=1)]


def test_members_keep_the_instant_since_when_they_are_in() -> None:
    first, second = (datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2))
    begun = compared(None, pa.array([1, 2], pa.int32()), first)
    then = compared(begun, pa.array([2, 3], pa.int32()), second)
    rows = {row["user_key"]: (row["since_us"], row["change"]) for row in then.to_pylist()}
    us = [int(at.timestamp()) * 1_000_000 for at in (first, second)]
    assert rows == {1: (us[1], LEFT), 2: (us[0], STAYED), 3: (us[1], ENTERED)}


def test_persons_who_are_one_are_in_since_the_first_of_them_was() -> None:
    at = [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2)]
    members = compared(compared(None, pa.array([5], pa.int32()), at[0]), pa.array([2, 5], pa.int32()), at[1])
    merges = pa.table({"user_key": pa.array([5, 9], pa.int32()), "into_key": pa.array([2, 1], pa.int32())})
    assert as_merged(members, merges).to_pylist() == [
        {"user_key": 2, "since_us": int(at[0].timestamp()) * 1_000_000, "change": STAYED}
    ]


def test_a_look_comes_after_something_was_settled_or_an_hour_and_takes_a_tenth_of_the_time() -> None:
    now, position, looks = [0.0], [10], []

    def look() -> None:
        looks.append(now[0])
        now[0] += 20

    watching = Watching(look, lambda: position[0], lambda: now[0], every_s=60)

    def at(moment: float) -> None:
        now[0] = moment
        watching()

    for moment in (0, 100, 300, 4000):
        at(moment)
    assert looks == [0, 4000]
    position[0] = 11
    for moment in (4100, 4190, 4201, 4500):
        at(moment)
    assert looks == [0, 4000, 4201]
