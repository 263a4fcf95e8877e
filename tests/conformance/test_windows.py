"""``ports.Windows``: every numbered promise, over every implementation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from new_store import open_store
from sqlalchemy import update

from footfall.errors import Conflict
from footfall.model.manifest import DataFile
from footfall.model.window_manifest import JobManifest, Range
from footfall.model.windows import Window, Written
from footfall.ports import Windows
from footfall.stores.schema import event_window
from footfall.stores.windows import SqlWindows
from footfall.wiring.rehearsed_windows import RehearsedWindows

AT = datetime(2026, 5, 2, 3, 0, 0, 123456, tzinfo=UTC)
FILE = DataFile("a.csv.gz", 1, 2, "a" * 64, 3, "b" * 64)
MANIFEST = JobManifest(
    kind="activity", job="j", format="csv", codec="gzip", at=AT, columns=(("stream", "String"),), files=(FILE,),
    writer="footfall", window=Range(1, 10), options={"streams": "web,ä"},
)  # fmt: skip
WRITTEN = Written("s3://b/é", "x/a.csv.manifest.json", MANIFEST)


@pytest.fixture(params=["sqlite", "rehearsal"])
def windows(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Windows]:
    database = open_store(tmp_path / "store.db")
    real = SqlWindows(database)
    yield real if request.param == "sqlite" else RehearsedWindows(real)
    database.close()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(0, 50), st.sampled_from(["crash", "empty", "deliver"])), max_size=12))
def test_windows_follow_each_other_without_gap_or_overlap(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str]]
) -> None:
    database = open_store(tmp_path_factory.mktemp("any") / "store.db")
    windows, end = SqlWindows(database), 1
    for number, (more, what) in enumerate(steps):
        end += more
        window = windows.fix("j", end, AT + timedelta(hours=number))
        if what != "crash":
            windows.close(window, f"m{window.number}" if what == "deliver" else "", "c" * 64)
    found = windows.all("j")
    assert [window.number for window in found] == list(range(1, len(found) + 1))
    borders = [1, *(window.to_seq for window in found)]
    assert [window.from_seq for window in found] == borders[:-1] == sorted(borders[:-1])
    assert all(window.closed for window in found[:-1])
    delivered = [window.to_seq for window in found if window.manifest_key]
    assert windows.delivered_to("j") == max(delivered, default=1)
    database.close()


def test_an_open_window_is_the_next_whatever_is_asked(windows: Windows) -> None:
    first = windows.fix("j", 10, AT, "monday")
    assert windows.fix("j", 99, AT + timedelta(days=1), "tuesday") == first == Window("j", 1, 1, 10, AT, "monday")
    windows.close(first)
    assert windows.fix("j", 99, AT, "tuesday") == Window("j", 2, 10, 99, AT, "tuesday")
    assert windows.fix("other", 5, AT) == Window("other", 1, 1, 5, AT)


def test_a_mark_is_one_window_for_ever_and_no_mark_is_a_new_one(windows: Windows) -> None:
    first = windows.close(windows.fix("j", 10, AT, "monday"), "m", "c" * 64)
    windows.close(windows.fix("j", 20, AT))
    assert windows.fix("j", 30, AT, "monday") == first
    assert windows.fix("j", 30, AT).number == 3


def test_what_is_noted_is_remembered_replaced_and_withdrawn(windows: Windows) -> None:
    window = windows.fix("j", 10, AT)
    windows.note(window, replace(WRITTEN, manifest_key="old"))
    assert windows.note(window, WRITTEN).written == WRITTEN
    assert windows.note(window, replace(WRITTEN, stored=1)).written == replace(WRITTEN, stored=1)
    windows.note(window, WRITTEN)
    last = windows.last("j")
    assert last is not None
    assert last.written == WRITTEN
    assert windows.note(window, None).written is None


def test_several_files_are_remembered_with_what_they_are(windows: Windows) -> None:
    window, none = windows.fix("j", 10, AT), replace(WRITTEN, manifest=replace(MANIFEST, files=()), whole=False)
    first = replace(FILE, name="p=é/a.csv.gz", part=(("product", "é"), ("event", None)))
    second = replace(FILE, name="p=b/a.csv.gz", part=(("product", "b"), ("event", "x")))
    one = none.plus(first, MANIFEST.columns, whole=False)
    both = replace(one, stored=1).plus(second, (("other", "String"),), whole=True)
    for noted in (one, both):
        windows.note(window, noted)
        last = windows.last("j")
        assert last is not None
        assert last.written == noted
    assert [both.key(file) for file in both.files] == ["x/p=é/a.csv.gz", "x/p=b/a.csv.gz"]
    assert both.holding((first,)) == replace(one, stored=1)


def test_what_was_noted_when_a_window_was_one_file_is_still_known(tmp_path: Path) -> None:
    database = open_store(tmp_path / "store.db")
    windows = SqlWindows(database)
    windows.note(windows.fix("j", 10, AT), WRITTEN)
    noted = {"place": "s3://b/é", "key": "x/a.csv.gz", "manifest_key": "x/a.csv.manifest.json", "stored": True}
    with database.writing() as connection:
        written = json.dumps({**noted, "manifest": MANIFEST.to_json().decode()})
        connection.execute(update(event_window).values(written=written))
    (window,) = windows.all("j")
    assert window.written == replace(WRITTEN, stored=1)
    database.close()


def test_what_was_written_is_what_the_window_says_when_it_is_closed(windows: Windows) -> None:
    window = windows.fix("j", 10, AT)
    windows.note(window, replace(WRITTEN, place="of another worker"))
    windows.close(replace(window, written=WRITTEN), "m", "c" * 64)
    (found,) = windows.all("j")
    assert (found.written, found.closed) == (WRITTEN, True)


def test_a_closed_window_changes_no_more(tmp_path: Path) -> None:
    database = open_store(tmp_path / "store.db")
    windows = SqlWindows(database)
    window = windows.fix("j", 10, AT)
    closed = windows.close(window, "m", "c" * 64)
    assert windows.close(window, "m", "c" * 64) == closed
    with pytest.raises(Conflict):
        windows.close(window, "m2", "c" * 64)
    with pytest.raises(Conflict):
        windows.note(window, WRITTEN)
    database.close()


def test_a_rehearsal_leaves_nothing_in_the_ledger(tmp_path: Path) -> None:
    database = open_store(tmp_path / "store.db")
    real = SqlWindows(database)
    real.close(real.fix("j", 10, AT), "m", "c" * 64)
    before = real.all("j")
    rehearsed = RehearsedWindows(real)
    assert rehearsed.close(rehearsed.note(rehearsed.fix("j", 20, AT), WRITTEN), "m2", "d" * 64).from_seq == 10
    assert (real.all("j"), rehearsed.delivered_to("j")) == (before, 20)
    database.close()
