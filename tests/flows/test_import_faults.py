"""Whose fault it is that a file is not imported: a bad one may be left out, none for what all would meet."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from import_desk import RowByRow, desk_of, ids, meaning, plan_of, row, write
from small_hub import SmallHub, small_hub

from footfall.buckets.local import LocalBucket
from footfall.errors import Damaged, Denied, FootfallError, Refused, Unavailable
from footfall.flows import import_files
from footfall.flows.import_files import import_changed, import_row
from footfall.model.imports import Cursor, FileImport, ReadOptions
from footfall.ports import BadRow, Batch, Row, RowEvents
from footfall.sources.csv_rows import CsvReader
from footfall.sources.parquet_rows import ParquetReader

CSV = b"id,name\n1,Ana\n2,Ben\n3,Cem\n"


@pytest.fixture
def hub(tmp_path) -> Iterator[SmallHub]:
    with small_hub(tmp_path / "hub") as hub:
        yield hub


@pytest.fixture
def place(tmp_path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def test_a_file_that_cannot_be_read_stops_its_row_unless_it_may_be_left_out(hub, tmp_path, place):
    write(place, "crm_20261101.csv", "crm_20261103.csv")
    (place / "crm_20261102.csv").write_bytes(gzip.compress(b"id\n1\n")[:-5])
    desk = desk_of(hub, tmp_path)
    with pytest.raises(Damaged):
        list(import_row(desk, plan_of(), row()))
    assert desk.ledger.cursor("job").key == "crm_20261101.csv"
    done = [each.file.key for each in import_row(desk, plan_of(skip_bad_files=True), row())]
    assert done == ["crm_20261103.csv"]
    assert {each.file.key: each.state for each in desk.ledger.all()}["crm_20261102.csv"] == "failed"


def test_a_file_that_is_damaged_in_the_middle_is_left_out_or_taken_back(hub, tmp_path, place, monkeypatch):
    monkeypatch.setattr(import_files, "BODIES_AT_ONCE", 1)
    parquet = place / "crm_20261101.parquet"
    pq.write_table(pa.table({"id": [f"{n * 7919}" for n in range(20_000)]}), parquet, row_group_size=5_000)
    at = pq.read_metadata(parquet).row_group(3).column(0).data_page_offset
    body = parquet.read_bytes()
    parquet.write_bytes(body[:at] + b"\xff" * 200 + body[at + 200 :])
    desk = replace(desk_of(hub, tmp_path), reader=ParquetReader())
    plan, files = plan_of(format="parquet"), replace(row(), format="parquet")
    for _ in range(2):
        with pytest.raises(Damaged, match=r"`footfall imports undo im\w+` takes its rows back"):
            list(import_row(desk, plan, files))
    (one,) = desk.ledger.all()
    assert (one.state, one.is_applied, desk.held.names()) == ("failed", True, [one.id])
    pq.write_table(pa.table({"id": ["a"]}), place / "crm_20261102.parquet")
    done = list(import_row(desk, replace(plan, skip_bad_files=True), files))
    assert [each.file.key for each in done] == ["crm_20261102.parquet"]
    assert desk.held.names() == []


def test_what_is_denied_ends_the_run_and_leaves_no_file_out(hub, tmp_path, place):
    class Shut(LocalBucket):
        def open(self, key: str, *, version: str = "") -> Iterator[bytes]:
            raise Denied(f"open {key}: 403 AccessDenied", "Grant s3:GetObject", action="s3:GetObject")

    write(place, "crm_20261101.csv", "crm_20261102.csv")
    desk, plan = desk_of(hub, tmp_path), plan_of(skip_bad_files=True)
    with pytest.raises(Denied):
        list(import_row(replace(desk, bucket=Shut(place)), plan, row()))
    with pytest.raises(Denied):
        list(import_changed(replace(desk, bucket=Shut(place)), plan, "job", "crm_20261101.csv"))
    assert desk.ledger.cursor("job") == Cursor("job")
    assert [each.file.key for each in import_row(desk, plan, row())] == ["crm_20261101.csv", "crm_20261102.csv"]


class Keyless:
    """What makes events until the key that hides people in them is lost."""

    def __init__(self, events: RowEvents, made: int, lost: FootfallError) -> None:
        self.dialect, self.columns = events.dialect, events.columns
        self._events, self._left, self._lost = events, made, lost

    def events(self, rows: Sequence[Row]) -> tuple[bytes, int, Sequence[BadRow]]:
        if not self._left:
            raise self._lost
        self._left -= 1
        return self._events.events(rows)


LOST = [Refused("the key of tokens is missing"), Damaged("the file of the key of tokens holds no key")]


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("at_once", [True, False])
def test_what_no_file_can_be_imported_without_ends_the_run_and_leaves_none_out(hub, tmp_path, place, lost, at_once):
    def unmeant(one: FileImport) -> tuple[ReadOptions, RowEvents]:
        if at_once:
            raise lost
        read, events = meaning(one)
        return read, Keyless(events, 0, lost)

    write(place, "crm_20261101.csv", "crm_20261102.csv")
    desk, plan = desk_of(hub, tmp_path), plan_of(skip_bad_files=True)
    with pytest.raises(Refused, match="key of tokens"):
        list(import_row(replace(desk, meaning=unmeant), plan, row()))
    assert desk.ledger.cursor("job") == Cursor("job")
    assert [each.file.key for each in import_row(desk, plan, row())] == ["crm_20261101.csv", "crm_20261102.csv"]


def test_a_file_that_is_not_at_fault_is_kept_to_go_on_with(hub, tmp_path, place, monkeypatch):
    def half(one: FileImport) -> tuple[ReadOptions, RowEvents]:
        read, events = meaning(one)
        return read, Keyless(events, 1, LOST[0])

    monkeypatch.setattr(import_files, "BODIES_AT_ONCE", 1)
    monkeypatch.setattr(import_files, "EVENTS_MAX", 1)
    (place / "crm_20261101.csv").write_bytes(CSV)
    desk, plan = replace(desk_of(hub, tmp_path), reader=RowByRow(CsvReader())), plan_of(skip_bad_files=True)
    with pytest.raises(Refused, match="key of tokens"):
        list(import_row(replace(desk, meaning=half), plan, row()))
    (one,) = desk.ledger.all()
    assert (one.applied, desk.held.names()) == (1, [one.id])
    write(place, "crm_20261101.csv")  # another by now; the one that was begun is finished first
    assert [each.applied for each in import_row(desk, plan, row())] == [3]


def test_a_log_that_takes_nothing_more_is_no_fault_of_the_files(hub, tmp_path, place):
    class Worn:
        """The log after a sync of the disk failed."""

        def submit(self, batch: Batch, done: Callable[[int | Exception], None]) -> None:
            done(Refused("the log takes nothing more: fdatasync failed", "Check the disk, then restart"))

    write(place, "crm_20261101.csv", "crm_20261102.csv")
    desk, plan = desk_of(hub, tmp_path), plan_of(skip_bad_files=True)
    with pytest.raises(Unavailable, match="fdatasync"):
        list(import_row(replace(desk, log=Worn()), plan, row()))
    assert [(each.state, each.file.key) for each in desk.ledger.all()] == [("reading", "crm_20261101.csv")]
    assert [each.file.key for each in import_row(desk, plan, row())] == ["crm_20261101.csv", "crm_20261102.csv"]
    assert ids(hub) == sorted(["crm_20261101.csv", "crm_20261102.csv"])
