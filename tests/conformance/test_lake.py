"""``ports.Lake``: every numbered promise, over every implementation."""

from __future__ import annotations

import os
import shutil
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from footfall.errors import Conflict
from footfall.lakes.delta import CHECKPOINT_EVERY, DeltaLake
from footfall.lakes.parts import TABLE_SCHEMA
from footfall.model.erasures import Subjects
from footfall.model.event import EventType

DAY, NEXT = date(2026, 11, 22), date(2026, 11, 23)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Watch:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def watch():
    return Watch()


def delta(root: Path, clock: Watch) -> DeltaLake:
    return DeltaLake(root / "lake", clock=clock)


@pytest.fixture(params=[pytest.param(delta, id="delta")])
def opened(request, tmp_path, watch):
    """Opens the lake of this test; again and again, it is the same one."""
    return lambda: request.param(tmp_path, watch)


@pytest.fixture
def lake(opened):
    return opened()


def rows(first, count, day=DAY, **columns):
    """``count`` events of ``day``; clicks and customs in turn."""
    return pa.Table.from_pylist(
        [
            {
                "day": day,
                "ingest_seq": seq,
                "type": EventType.CLICK if seq % 2 else EventType.CUSTOM,
                "occurred_at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(seconds=seq),
                "received_at": NOON,
                "source": 1,
                "event_id": f"e{seq}",
                "product": 2,
                **columns,
            }
            for seq in range(first, first + count)
        ],
        schema=TABLE_SCHEMA,
    )


def stored(lake, day=DAY):
    """ingest_seq of every event of a day, as another engine reads the files."""
    files = list(lake.files(day))
    if not files:
        return []
    with duckdb.connect() as connection:
        return [seq for (seq,) in connection.execute("SELECT ingest_seq FROM read_parquet(?)", [files]).fetchall()]


def test_a_new_lake_is_empty_and_at_the_beginning_of_the_log(lake):
    assert (lake.position(), lake.next_seq(), lake.days(), list(lake.recent(10))) == (0, 1, {}, [])
    assert list(lake.files(DAY)) == []


# --- 1: rows and position together ---


def test_rows_and_position_are_there_after_reopening(opened):
    opened().append(pa.concat_tables([rows(1, 5), rows(6, 2, NEXT)]), 700)
    lake = opened()
    assert (lake.position(), lake.next_seq()) == (700, 8)
    assert lake.days() == {DAY: 5, NEXT: 2}
    assert sorted(stored(lake)) == [1, 2, 3, 4, 5]
    assert sorted(stored(lake, NEXT)) == [6, 7]


def test_what_is_read_is_what_was_written(lake):
    written = rows(1, 4, properties='{"attributes":{"a":"ü\\u0000"}}', session_key=-(2**63), locale=7)
    lake.append(written, 1)
    read = pa.concat_tables([pq.read_table(file, partitioning=None) for file in lake.files(DAY)]).sort_by("ingest_seq")
    assert read == written.drop_columns(["day"])


def test_a_range_without_rows_moves_the_position_alone(lake):
    lake.append(rows(1, 3), 10)
    lake.append(rows(4, 0), 20)
    assert (lake.position(), lake.next_seq(), lake.days()) == (20, 4, {DAY: 3})


def test_files_of_an_append_that_did_not_commit_are_not_in_the_lake(lake, opened, tmp_path):
    lake.append(rows(1, 3), 10)
    orphan = tmp_path / "lake" / f"day={DAY}" / f"{20:020d}.parquet"
    pq.write_table(rows(4, 3).drop_columns(["day"]), orphan)
    again = opened()
    assert (again.position(), sorted(stored(again))) == (10, [1, 2, 3])
    again.append(rows(4, 2), 20)
    assert sorted(stored(again)) == [1, 2, 3, 4, 5]


# --- 2: not beyond the position ---


@pytest.mark.parametrize("position", [pytest.param(100, id="the same"), pytest.param(99, id="an earlier one")])
def test_a_position_that_is_not_beyond_is_a_conflict_and_changes_nothing(lake, position):
    lake.append(rows(1, 3), 100)
    with pytest.raises(Conflict, match="position 100"):
        lake.append(rows(4, 3), position)
    assert (lake.position(), lake.next_seq(), lake.days(), sorted(stored(lake))) == (100, 4, {DAY: 3}, [1, 2, 3])


def test_two_writers_of_one_range_store_it_once(opened):
    first, second = opened(), opened()
    first.append(rows(1, 3), 100)
    with pytest.raises(Conflict):
        second.append(rows(1, 3), 100)
    assert sorted(stored(second)) == [1, 2, 3]


def test_two_processes_that_change_a_day_at_once_write_files_of_their_own(tmp_path, watch):
    """Whoever commits second has a conflict; it must not have written into a file that the first one committed."""
    first = delta(tmp_path / "first", watch)
    first.append(rows(1, 3), 10)
    first.append(rows(4, 3), 20)
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    second = delta(tmp_path / "second", watch)
    subjects = Subjects(users=(7,))
    changes = (lambda lake: lake.add(rows(7, 3, user_key=7)), lambda lake: lake.compact(DAY),
               lambda lake: lake.erase(DAY, subjects, anonymous=False))  # fmt: skip
    for change in changes:
        before = {Path(file).name for file in first.files(DAY)} | {Path(file).name for file in second.files(DAY)}
        change(first)
        change(second)
        mine, theirs = ({Path(file).name for file in lake.files(DAY)} - before for lake in (first, second))
        assert mine
        assert not mine & theirs
    assert sorted(stored(first)) == sorted(stored(second)) == [1, 2, 3, 4, 5, 6]


def test_threads_that_append_and_compact_lose_nothing(lake):
    def compacting():
        for _ in range(5):
            lake.compact(DAY)

    lake.append(rows(1, 2), 1)
    other = threading.Thread(target=compacting)
    other.start()
    for step in range(2, 8):
        lake.append(rows(lake.next_seq(), 2), step)
    other.join()
    assert sorted(stored(lake)) == list(range(1, 15))


# --- 3: readers keep their view ---


def test_files_listed_before_a_rewrite_are_readable_until_they_are_vacuumed(lake, watch):
    lake.append(rows(1, 3), 10)
    lake.append(rows(4, 3), 20)
    listed = list(lake.files(DAY))
    watch.now += timedelta(days=30)  # how old a file is does not matter, only when it left the table
    lake.compact(DAY)
    assert sum(pq.read_metadata(file).num_rows for file in listed) == 6
    watch.now += timedelta(days=2)
    assert lake.vacuum() == 2
    assert not any(Path(file).exists() for file in listed)
    assert sorted(stored(lake)) == [1, 2, 3, 4, 5, 6]


# --- 4: drop and compact ---


def test_drop_takes_away_what_it_was_told_and_nothing_else(lake):
    lake.append(pa.concat_tables([rows(1, 5), rows(6, 2, NEXT)]), 10)
    lake.append(rows(8, 3), 20)
    lake.drop(DAY, pa.array([2, 9], pa.int64()))
    assert sorted(stored(lake)) == [1, 3, 4, 5, 8, 10]
    assert sorted(stored(lake, NEXT)) == [6, 7]
    assert (lake.position(), lake.next_seq(), lake.days()) == (20, 11, {DAY: 6, NEXT: 2})


def test_a_day_that_lost_all_its_rows_is_gone(lake):
    lake.append(rows(1, 2), 10)
    lake.drop(DAY, pa.array([1, 2]))
    assert (lake.days(), list(lake.files(DAY)), lake.position(), lake.next_seq()) == ({}, [], 10, 3)


def test_dropping_nothing_changes_nothing(lake):
    lake.append(rows(1, 2), 10)
    before = list(lake.files(DAY))
    lake.drop(DAY, pa.array([], pa.int64()))
    assert list(lake.files(DAY)) == before


def test_compact_makes_one_file_sorted_by_type(lake, opened):
    for step in range(5):
        lake.append(rows(1 + 10 * step, 10), step + 1)
    lake.compact(DAY)
    (file,) = lake.files(DAY)
    table = pq.read_table(file, partitioning=None)
    assert table["type"].to_pylist() == sorted(table["type"].to_pylist())
    assert sorted(table["ingest_seq"].to_pylist()) == list(range(1, 51))
    again = opened()
    assert (again.position(), again.next_seq(), again.days()) == (5, 51, {DAY: 50})


def test_the_sequence_goes_on_after_its_last_rows_were_dropped(lake, opened):
    lake.append(rows(1, 5), 10)
    lake.drop(DAY, pa.array([4, 5]))
    assert opened().next_seq() == 6


# --- 5: nothing about people in the table ---


def test_no_text_of_an_event_is_in_the_log_or_in_a_footer(lake, tmp_path):
    lake.append(rows(1, 3, properties='{"attributes":{"mail":"ada@example.org"}}', session_id="ada-session"), 10)
    lake.compact(DAY)
    logged = b"".join(path.read_bytes() for path in (tmp_path / "lake" / "_delta_log").iterdir())
    assert b"example.org" not in logged
    assert b"ada-session" not in logged
    for file in lake.files(DAY):
        metadata = pq.read_metadata(file)
        for column in range(metadata.num_columns):
            chunk = metadata.row_group(0).column(column)
            assert chunk.physical_type != "BYTE_ARRAY" or not chunk.is_stats_set


# --- the latest events ---


def test_recent_tells_the_last_rows_oldest_first(lake):
    for step in range(4):
        lake.append(rows(1 + 5 * step, 5), step + 1)
    told = [pa.table({name: batch.column(name) for name in ("source", "event_id")}) for batch in lake.recent(8)]
    assert told[0].column_names == ["source", "event_id"]
    ids = [event_id for table in told for event_id in table["event_id"].to_pylist()]
    assert sorted(ids) == sorted(f"e{seq}" for seq in range(13, 21))
    assert set(ids[:3]) == {"e13", "e14", "e15"}


# --- a long life ---


def test_many_commits_are_summed_up_and_nothing_is_forgotten(opened, tmp_path):
    lake = opened()
    for step in range(CHECKPOINT_EVERY + 5):
        lake.append(rows(1 + step, 1), step + 1)
    assert list((tmp_path / "lake" / "_delta_log").glob("*.checkpoint.parquet"))
    again = opened()
    assert (again.position(), again.next_seq(), sum(again.days().values())) == (
        CHECKPOINT_EVERY + 5,
        CHECKPOINT_EVERY + 6,
        CHECKPOINT_EVERY + 5,
    )


@pytest.mark.parametrize("left", [pytest.param(b"", id="empty"), pytest.param(b'{"txn":{"ap', id="half a line")])
def test_a_commit_torn_by_a_power_cut_is_taken_back(opened, tmp_path, left):
    lake = opened()
    lake.append(rows(1, 3), 10)
    torn = tmp_path / "lake" / "_delta_log" / f"{2:020d}.json"
    torn.write_bytes(left)
    again = opened()
    assert (again.position(), again.repaired) == (10, [torn.name])
    again.append(rows(4, 3), 20)
    assert sorted(stored(again)) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("torn", "whole"),
    [
        pytest.param("*.checkpoint.parquet", 100, id="the checkpoint is torn"),
        pytest.param("*.checkpoint.parquet", None, id="the checkpoint is gone, its hint is there"),
        pytest.param("_last_checkpoint", 0, id="the hint is empty"),
        pytest.param("_last_checkpoint", 9, id="the hint is torn"),
    ],
)
def test_a_checkpoint_torn_by_a_power_cut_is_made_from_its_commits_again(opened, tmp_path, torn, whole):
    lake = opened()
    for step in range(CHECKPOINT_EVERY + 1):
        lake.append(rows(1 + step, 1), step + 1)
    (path,) = (tmp_path / "lake" / "_delta_log").glob(torn)
    if whole is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:whole])
    again = opened()
    assert (again.position(), sum(again.days().values())) == (CHECKPOINT_EVERY + 1, CHECKPOINT_EVERY + 1)
    assert path.name in again.repaired or whole is None


def test_a_day_in_many_files_is_named_until_it_is_compacted(lake):
    for _ in range(3):
        lake.append(rows(lake.next_seq(), 2), lake.position() + 10)
    assert list(lake.crowded(3)) == []
    assert len(lake.crowded(2)) == 1

    [day] = lake.crowded(2)
    lake.compact(day)

    assert list(lake.crowded(1)) == []


def test_events_after_a_number_come_in_its_order_across_days_and_commits(lake):
    lake.append(pa.concat_tables([rows(1, 3), rows(4, 2, NEXT)]), 10)
    lake.append(pa.concat_tables([rows(8, 2), rows(6, 2, NEXT)]), 20)

    assert lake.after(0, 100)["ingest_seq"].to_pylist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert lake.after(4, 3)["ingest_seq"].to_pylist() == [5, 6, 7]
    assert lake.after(9, 10).num_rows == 0


def test_rows_beside_the_log_are_numbered_and_leave_the_position(lake, opened):
    lake.append(rows(1, 3), 10)
    lake.add(rows(4, 2, NEXT))
    assert (lake.position(), lake.next_seq(), lake.days()) == (10, 6, {DAY: 3, NEXT: 2})
    lake.add(rows(6, 0))
    assert (opened().position(), opened().next_seq()) == (10, 6)


def test_numbers_that_another_gave_meanwhile_are_given_to_nobody_else(lake):
    lake.append(rows(1, 3), 10)
    lake.add(rows(4, 1))
    for late in (lambda: lake.append(rows(4, 2), 20), lambda: lake.add(rows(4, 2))):
        with pytest.raises(Conflict, match="ingest_seq 4"):
            late()
    assert (lake.position(), lake.next_seq(), lake.days()) == (10, 5, {DAY: 4})


def test_purge_leaves_what_another_process_is_about_to_commit_and_takes_what_the_table_once_named(
    lake, tmp_path, watch
):
    lake.append(rows(1, 4), position=10)
    lake.append(rows(5, 4), position=20)
    old = list(lake.files(DAY))
    lake.drop(DAY, pa.array([1], pa.int64()))
    [kept] = lake.files(DAY)
    now = watch().timestamp()
    writing, left = Path(kept).parent / "added-1-ab.parquet", Path(kept).parent / "added-1-cd.parquet"
    for path, age_s in ((writing, 60), (left, 7_200)):
        path.write_bytes(b"")
        os.utime(path, (now - age_s, now - age_s))
    for path in old:
        os.utime(path, (now, now))
    lake.purge()
    assert sorted(Path(kept).parent.iterdir()) == sorted([Path(kept), writing])
