"""The promises of ``Imports``, ``HeldFiles`` and ``Snapshots``."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from new_store import open_store
from plain_user import open_folder, plain_user

from footfall.errors import Conflict, Damaged, Missing, Unavailable
from footfall.model import imports as model
from footfall.model.imports import COMPARED, Cursor, FileImport, FileVersion
from footfall.ports import BadRow
from footfall.stores import imports as sql_imports
from footfall.stores.held_files import FolderHeldFiles
from footfall.stores.imports import SqlImports
from footfall.stores.row_snapshots import FolderSnapshots

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
FILE = FileVersion("crm_20261121.csv", '"etag"', 1234, NOW - timedelta(days=2))


@pytest.fixture
def ledger(tmp_path) -> Iterator[SqlImports]:
    database = open_store(tmp_path / "store.db")
    yield SqlImports(database)
    database.close()


def begin(ledger: SqlImports, file: FileVersion = FILE, scope: str = "job", place: str = "s3://b/f") -> FileImport:
    return ledger.begin(scope, place, file, stream="crm", format="csv", settings={"fields": ["a"]}, at=NOW)


def bad(number: int) -> BadRow:
    return BadRow(number, number + 2, "when", "bad_timestamp", "it is no instant", "a,b,é")


# --- Imports 1: one import per file ------------------------------------------------------------------------------


def test_the_same_file_is_the_same_import_however_often_it_begins(ledger):
    first = begin(ledger)
    assert begin(ledger) == first == ledger.get(first.id)
    assert (first.state, first.next_row, first.generation, first.settings) == ("reading", 0, 1, {"fields": ["a"]})
    ledger.finish(first.id, "done", NOW)
    assert begin(ledger).state == "done"


@pytest.mark.parametrize(
    "other",
    [
        {"scope": "other"},
        {"place": "s3://b/g"},
        {"file": replace(FILE, key="x.csv")},
        {"file": replace(FILE, version='"other"')},
        {"file": replace(FILE, size_bytes=1235)},
    ],
)
def test_another_file_another_version_or_another_scope_is_another_import(ledger, other):
    assert begin(ledger, **other).id != begin(ledger).id


def test_when_a_file_was_modified_does_not_make_it_another(ledger):
    assert begin(ledger, replace(FILE, modified_at=None)).id == begin(ledger).id


def test_what_failed_goes_on_where_it_was(ledger):
    one = ledger.advance(begin(ledger), 10, applied=10, unchanged=0, bad=[])
    ledger.finish(one.id, "failed", NOW, error="it broke off")
    assert ledger.get(one.id).error == "it broke off"
    again = begin(ledger)
    assert (again.id, again.state, again.next_row, again.error) == (one.id, "reading", 10, "")


def test_until_its_first_row_is_applied_an_import_may_be_asked_for_in_another_way(ledger):
    def other() -> FileImport:
        return ledger.begin("job", "s3://b/f", FILE, stream="x", format="json", settings={}, at=NOW + timedelta(days=1))

    one = begin(ledger)
    ledger.finish(one.id, "failed", NOW)
    assert (other().id, other().stream, other().format, other().settings) == (one.id, "x", "json", {})
    ledger.advance(begin(ledger), 1, applied=1, unchanged=0, bad=[])
    assert (other().stream, other().settings, other().began_at) == ("crm", {"fields": ["a"]}, NOW)


def test_what_a_file_told_is_added_to_the_settings_of_its_import(ledger):
    told = ledger.describe(begin(ledger).id, {"columns": ["a", "b"]})
    assert ledger.get(told.id).settings == {"fields": ["a"], "columns": ["a", "b"]}


def test_those_that_left_out_rows_of_an_import_are_known(ledger):
    first = begin(ledger)
    later = [begin(ledger, replace(FILE, key=f"crm_2026112{n}.csv")) for n in range(5)]
    for one in later:
        assert ledger.describe(one.id, {COMPARED: first.id}).settings == {"fields": ["a"], COMPARED: first.id}
    left_out, taken_all, undone, reading, elsewhere = later
    for one, unchanged in ((left_out, 1), (taken_all, 0), (undone, 1)):
        ledger.advance(one, 2, applied=1, unchanged=unchanged, bad=[])
        ledger.finish(one.id, "undone" if one is undone else "done", NOW)
    ledger.describe(elsewhere.id, {COMPARED: undone.id})
    assert {one.id for one in ledger.left_out(first)} == {left_out.id, reading.id}


def test_after_it_was_undone_the_same_file_is_a_new_import(ledger):
    first = begin(ledger)
    ledger.finish(first.id, "undoing", NOW)
    with pytest.raises(Conflict, match="being undone"):
        begin(ledger)
    ledger.finish(first.id, "undone", NOW)
    second = begin(ledger)
    assert (second.id != first.id, second.generation, second.next_row) == (True, 2, 0)
    assert ledger.known("job", "s3://b/f", FILE) == second
    assert ledger.get(first.id).state == "undone"


def test_a_file_that_nobody_began_is_not_known(ledger):
    assert ledger.known("job", "s3://b/f", FILE) is None
    with pytest.raises(Missing, match="no import 'im7'"):
        ledger.get("im7")


# --- Imports 2: advance ------------------------------------------------------------------------------------------


def test_rows_are_added_up_as_an_import_moves_on(ledger):
    one = ledger.advance(begin(ledger), 10, applied=7, unchanged=1, bad=[bad(3), bad(8)])
    two = ledger.advance(one, 15, applied=5, unchanged=0, bad=[])
    assert (two.next_row, two.applied, two.unchanged, two.bad) == (15, 12, 1, 2)
    assert list(ledger.bad_rows(two.id)) == [bad(3), bad(8)]


def test_who_is_not_where_the_import_is_changes_nothing(ledger):
    old = begin(ledger)
    new = ledger.advance(old, 10, applied=10, unchanged=0, bad=[])
    with pytest.raises(Conflict, match="not at row 0"):
        ledger.advance(old, 5, applied=5, unchanged=0, bad=[bad(1)])
    assert ledger.get(new.id) == new
    assert list(ledger.bad_rows(new.id)) == []


@pytest.mark.parametrize("state", ["done", "failed", "undoing", "undone"])
def test_an_import_that_is_over_does_not_move(ledger, state):
    one = begin(ledger)
    ledger.finish(one.id, state, NOW)
    with pytest.raises(Conflict):
        ledger.advance(one, 5, applied=5, unchanged=0, bad=[])


# --- Imports 3: finish -------------------------------------------------------------------------------------------


def test_an_import_and_the_cursor_end_together(ledger):
    cursor = Cursor("job", NOW, FILE.key, 0, "im1", "im0")
    done = ledger.finish(begin(ledger).id, "done", NOW, cursor=cursor)
    assert (done.state, done.ended_at, ledger.cursor("job")) == ("done", NOW, cursor)


def test_an_import_that_is_not_there_moves_no_cursor(ledger):
    with pytest.raises(Missing):
        ledger.finish("im7", "done", NOW, cursor=Cursor("job", NOW))
    assert ledger.cursor("job") == Cursor("job")


# --- Imports 4: bad rows -----------------------------------------------------------------------------------------


def test_of_bad_rows_the_first_are_kept_and_all_are_counted(ledger, monkeypatch):
    monkeypatch.setattr(sql_imports, "BAD_ROWS_KEPT", 5)
    assert model.BAD_ROWS_KEPT > 5
    one = ledger.advance(begin(ledger), 3, applied=0, unchanged=0, bad=[bad(n) for n in range(3)])
    one = ledger.advance(one, 9, applied=0, unchanged=0, bad=[bad(n) for n in range(3, 9)])
    one = ledger.advance(one, 10, applied=0, unchanged=0, bad=[bad(9)])
    assert one.bad == 10
    assert [row.number for row in ledger.bad_rows(one.id)] == [0, 1, 2, 3, 4]


def test_imports_are_listed_newest_first(ledger):
    first = begin(ledger)
    second = ledger.begin("@s", "/f", FILE, stream="s", format="csv", settings={}, at=NOW + timedelta(seconds=1))
    assert [each.id for each in ledger.all()] == [second.id, first.id]
    assert [each.id for each in ledger.all(stream="crm")] == [first.id]
    assert [each.id for each in ledger.all(scope="@s")] == [second.id]
    assert [each.id for each in ledger.all(limit=1)] == [second.id]
    assert [each.id for each in ledger.all(ids=[first.id, "im-unknown"])] == [first.id]
    assert ledger.all(ids=[]) == []


@pytest.mark.parametrize("state", ["done", "failed"])
def test_an_import_that_is_being_taken_back_does_not_end_otherwise(ledger, state):
    first = begin(ledger)
    for taken in ("undoing", "undone"):
        ledger.finish(first.id, taken, NOW)
        with pytest.raises(Conflict, match=f"{first.id} is {taken}"):
            ledger.finish(first.id, state, NOW, cursor=Cursor("job", key="x.csv"))
        assert ledger.get(first.id).state == taken
    assert ledger.cursor("job").key == ""


# --- HeldFiles ---------------------------------------------------------------------------------------------------


def test_a_held_file_is_the_same_however_often_it_is_read(tmp_path):
    held = FolderHeldFiles(tmp_path / "held")
    held.hold("im1", 6, lambda: [b"abc", b"def"])
    assert [b"".join(held.read("im1")) for _ in range(2)] == [b"abcdef"] * 2
    held.hold("im1", 6, lambda: pytest.fail("it was asked for again"))
    held.drop("im1")
    held.drop("im1")
    assert list((tmp_path / "held").iterdir()) == []


def test_what_a_process_that_died_had_begun_to_hold_is_dropped_with_the_next_file(tmp_path):
    held = FolderHeldFiles(tmp_path / "held")
    held.hold("im1", 3, lambda: [b"abc"])
    for number in (1, os.getpid()):
        (tmp_path / "held" / f".im2.file.{number}-0a1b2c3d").write_bytes(b"ab")
    held.hold("im3", 3, lambda: [b"abc"])
    assert sorted(path.name for path in (tmp_path / "held").iterdir()) == ["im1.file", "im3.file"]


@pytest.mark.parametrize("chunks", [[b"abc"], [b"abc", b"defg"], []])
def test_a_file_that_is_not_as_long_as_it_was_listed_is_not_held(tmp_path, chunks):
    held = FolderHeldFiles(tmp_path / "held")
    with pytest.raises(Conflict, match="still being written"):
        held.hold("im1", 6, lambda: chunks)
    assert list((tmp_path / "held").iterdir()) == []


def test_a_data_directory_that_is_closed_is_no_fault_of_the_file():
    with open_folder() as root:
        (root / "held").mkdir(mode=0o555)
        held = FolderHeldFiles(root / "held")
        with plain_user(), pytest.raises(Unavailable, match="data directory"):
            held.hold("im1", 3, lambda: [b"abc"])


def test_a_source_that_breaks_leaves_nothing_behind(tmp_path):
    def breaks() -> Iterator[bytes]:
        yield b"abc"
        raise EOFError

    held = FolderHeldFiles(tmp_path / "held")
    with pytest.raises(EOFError):
        held.hold("im1", 6, breaks)
    assert list((tmp_path / "held").iterdir()) == []


# --- Snapshots ---------------------------------------------------------------------------------------------------


def taken(snapshots: FolderSnapshots, id: str, before: str, rows: list[bytes]) -> list[bytes]:
    comparison = snapshots.compare(id, before)
    try:
        new = [row for row in rows if comparison.is_new(row)]
        comparison.keep()
    finally:
        comparison.close()
    return new


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=3), max_size=60), st.lists(st.binary(max_size=3), max_size=60), st.randoms())
def test_what_is_new_is_the_set_difference_in_whatever_order_rows_come(tmp_path, old, new, chance):
    snapshots = FolderSnapshots(tmp_path / "snapshots")
    chance.shuffle(old)
    assert set(taken(snapshots, "im1", "", old)) == set(old)
    found = taken(snapshots, "im2", "im1", new)
    assert set(found) == set(new) - set(old)
    assert len(found) == len(set(found))


def test_a_snapshot_grows_with_its_rows_and_forgets_none(tmp_path):
    snapshots = FolderSnapshots(tmp_path)
    rows = [b"%d" % number for number in range(20_000)]
    assert taken(snapshots, "im1", "", rows) == rows
    random.Random(7).shuffle(rows)
    assert taken(snapshots, "im2", "im1", [*rows, b"new"]) == [b"new"]
    assert snapshots.names() == ["im1", "im2"]


def test_what_was_not_kept_is_not_compared_with(tmp_path):
    snapshots = FolderSnapshots(tmp_path)
    comparison = snapshots.compare("im1", "")
    assert comparison.is_new(b"a")
    comparison.close()
    assert snapshots.names() == []
    with pytest.raises(Damaged, match="are not there"):
        snapshots.compare("im2", "im1")


def test_a_snapshot_that_is_begun_again_begins_anew(tmp_path):
    snapshots = FolderSnapshots(tmp_path)
    for _ in range(2):
        assert taken(snapshots, "im1", "", [b"a", b"b", b"a"]) == [b"a", b"b"]
    snapshots.drop("im1")
    assert [path for path in Path(tmp_path).iterdir() if path.is_file()] == []
