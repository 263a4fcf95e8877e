"""Imports over a whole Footfall: by hand, and taken back."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from queue import SimpleQueue

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pysequoia import Tsk
from small_imports import DAY, opened, rows, sealed_for, settings, silent, stored

from footfall.codecs import openpgp
from footfall.codecs.zip_archive import ZipArchive
from footfall.errors import Refused
from footfall.ports import Batch
from footfall.sources import parquet_rows
from footfall.wiring import Footfall
from footfall.wiring.import_bad_rows import bad_rows_of, write_bad_rows
from footfall.wiring.import_settings import settings_of
from footfall.wiring.import_undo import undo_import
from footfall.wiring.imports import Origin, import_now, known_before, ledger_of, listed, place_and_file, preview_of
from footfall.wiring.profiles import profiles_of


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Footfall]:
    with opened(tmp_path / "data") as hub:
        yield hub


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


# --- by hand -----------------------------------------------------------------------------------------------------


def test_a_file_becomes_events_of_a_stream_that_it_makes_and_is_applied_once(hub, place):
    (place / "crm.csv").write_bytes(rows(1, 2, 3))
    origin = Origin(url=str(place))
    (done,) = import_now(hub, origin, settings(identify_id="who"), silent)
    assert (done.applied, stored(hub)) == (3, 3)
    assert [source.name for source in hub.sources.all()] == ["crm"]
    assert known_before(hub, origin, settings()) == {done.id}
    assert import_now(hub, origin, settings(), silent) == [done]
    assert stored(hub) == 3


def test_an_import_into_another_stream_is_another_import(hub, place):
    (place / "crm.csv").write_bytes(rows(1, 2))
    for stream in ("crm", "other"):
        import_now(hub, Origin(url=str(place)), settings(stream=stream), silent)
    assert {name: each.stored for name, each in hub.ledger.counts().items()} == {"crm": 2, "other": 2}


def test_all_files_of_a_prefix_are_imported_by_one_command_and_new_ones_by_the_next(hub, place):
    for number in (2, 1):
        (place / f"crm_2026110{number}.csv").write_bytes(rows(number))
    chosen = settings("", prefix="crm_")
    done = import_now(hub, Origin(url=str(place)), chosen, silent)
    assert [each.file.key for each in done] == ["crm_20261101.csv", "crm_20261102.csv"]
    (place / "crm_20261103.csv").write_bytes(rows(3))
    assert len(import_now(hub, Origin(url=str(place)), chosen, silent)) == 3
    assert stored(hub) == 3
    with pytest.raises(Refused, match=r"no file in .* matches 'other_'"):
        import_now(hub, Origin(url=str(place)), settings("", prefix="other_"), silent)


def test_a_command_compares_with_what_the_command_before_it_imported(hub, place):
    for body, applied in ((rows(1, 2, 3), 3), (rows(3, 2, 4), 1), (rows(4), 0)):
        (place / "crm.csv").unlink(missing_ok=True)
        (place / "crm.csv").write_bytes(body)
        (done,) = import_now(hub, Origin(url=str(place)), settings(diff=True), silent)
        assert done.applied == applied


def test_bad_rows_and_what_settling_refuses_are_told_together(hub, place):
    (place / "crm.csv").write_bytes(rows(1) + b"2,soon,x\n3,1980-01-01,x\n4\n")
    (done,) = import_now(hub, Origin(url=str(place)), settings(), silent)
    assert (done.applied, done.bad, stored(hub)) == (2, 2, 1)
    assert [(bad.number, bad.code) for bad in bad_rows_of(hub, done.id)] == [
        (1, "bad_timestamp"), (3, "too_few_fields"), (2, "time_out_of_range"),
    ]  # fmt: skip


def test_what_others_send_with_ids_like_those_of_rows_is_no_bad_row(hub, place):
    (place / "crm.csv").write_bytes(rows(1) + b"3,1980-01-01,x\n")
    (done,) = import_now(hub, Origin(url=str(place)), settings(), silent)
    answers: SimpleQueue[int | Exception] = SimpleQueue()
    for number in ("x", "", "²", "9" * 5_000):
        body = f'[{{"event_id":"{done.id}-{number}"}}]'.encode()
        refused = ((0, "bad_id", "it is no id"),)
        hub.log.submit(Batch(1_790_000_000_000_000, "crm", "native", "batch", 1, refused, "", "", body), answers.put)
        assert isinstance(answers.get(), int)
    hub.settle()
    assert hub.ledger.counts()["crm"].quarantined == 5
    assert [(bad.number, bad.code) for bad in bad_rows_of(hub, done.id)] == [(1, "time_out_of_range")]


def test_bad_rows_are_written_as_they_came_and_can_be_mended_and_imported(hub, place):
    body = b'id;at;note\n1;2026-11-20;a\n2;soon;"b;b"\n3\n4;1980-01-01;d\n'
    (place / "crm.csv").write_bytes(body)
    (done,) = import_now(hub, Origin(url=str(place)), settings(delimiter=";"), silent)
    assert write_bad_rows(hub, done.id, place / "bad.csv") == (3, 0)
    assert (place / "bad.csv").read_text() == 'id;at;note\n2;soon;"b;b"\n3\n4;1980-01-01;d\n'
    with pytest.raises(Refused, match="exists"):
        write_bad_rows(hub, done.id, place / "bad.csv")
    mended = (place / "bad.csv").read_text().replace("soon", "2026-11-20").replace("1980", "2026").replace("3\n", "")
    (place / "mended.csv").write_text(mended)
    assert import_now(hub, Origin(url=str(place)), settings("mended.csv", delimiter=";"), silent)[0].bad == 0
    assert sum(hub.lake.days().values()) == 3


def test_bad_rows_of_json_are_written_without_being_read(hub, place):
    deep = '{"a":' + "[" * 1_900 + "]" * 1_900 + "}"
    bad = ['{"a":1,"a":2}', '{"a":1e400}', '{"a":NaN}', '{"a":"\\ud800"}', "null", deep]
    (place / "crm.json").write_text("\n".join([*bad[:3], '{"a":1}', *bad[3:]]))
    (done,) = import_now(
        hub, Origin(url=str(place)), settings_of({"stream": "crm", "file": "crm.json"}, what="this"), silent
    )
    assert write_bad_rows(hub, done.id, place / "bad.json") == (6, 0)
    assert (place / "bad.json").read_text().splitlines() == bad


def test_bad_rows_of_csv_keep_nothing_and_empty_texts_apart_and_what_looks_like_json(hub, place):
    body = b'id,at,note\n1,2026-11-20,\n2,soon,""\n3,soon,\n,soon,"a ""b"",\n"\n{}\n{"x":1}\n'
    (place / "crm.csv").write_bytes(body)
    (done,) = import_now(hub, Origin(url=str(place)), settings(), silent)
    assert write_bad_rows(hub, done.id, place / "bad.csv") == (5, 0)
    assert (place / "bad.csv").read_bytes() == body.replace(b"1,2026-11-20,\n", b"")


def test_a_bad_row_whose_text_was_not_kept_is_not_written_as_an_empty_one(hub, place):
    far = pa.array([0, 2**62], pa.int64()).cast(pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"id": ["1", "2"], "far": far}), place / "crm.parquet")
    told = settings_of({"stream": "crm", "file": "crm.parquet"}, what="this")
    (done,) = import_now(hub, Origin(url=str(place)), told, silent)
    assert write_bad_rows(hub, done.id, place / "bad.json") == (0, 1)
    assert (place / "bad.json").read_text() == ""


def test_a_column_that_is_to_have_a_meaning_has_to_be_there(hub, place):
    (place / "crm.csv").write_bytes(rows(1))
    with pytest.raises(Refused, match=r"crm.csv has no column 'when'\. It has 3 columns; --preview"):
        import_now(hub, Origin(url=str(place)), settings(timestamp="when"), silent)
    with pytest.raises(Refused, match=r"no column 'at'\. It has 1 columns"):
        import_now(hub, Origin(url=str(place)), settings(fields=["id"]), silent)


def test_a_place_is_listed_with_the_prefix_that_each_name_suggests(hub, place):
    (place / "crm_20261101.csv").write_bytes(rows(1))
    (place / "notes.txt").write_bytes(b"")
    (place / "below").mkdir()
    (place / "below" / "x.csv").write_bytes(b"")
    found = listed(hub, Origin(url=str(place)), "csv", 10)
    assert [(name, prefix) for name, _, _, prefix in found] == [
        ("below/", ""), ("crm_20261101.csv", "crm_"), ("notes.txt", ""),
    ]  # fmt: skip


def test_a_preview_shows_a_packed_file_and_imports_nothing(hub, place):
    packed = b"".join(ZipArchive().encode([rows(1, 2)], name="crm.csv"))
    (place / "crm.dat").write_bytes(packed)
    found = preview_of(hub, Origin(url=str(place)), "crm.dat", "csv", settings().read)
    assert [name for name, _ in found.columns] == ["id", "at", "who"]
    assert len(found.rows) == 2
    assert not (hub.settings.data / "log").exists()


@pytest.mark.parametrize("packed", [True, False])
def test_what_is_too_long_for_memory_is_put_into_the_data_directory(hub, place, monkeypatch, packed):
    table, key = pa.table({"id": ["1", "2"], "at": ["2026-11-20", "2026-11-20"]}), Tsk.generate("Importer")
    pq.write_table(table, place / "crm.parquet")
    if packed:
        (place / "crm.parquet").write_bytes(b"".join(sealed_for(key).encode([(place / "crm.parquet").read_bytes()])))
    (place / "key").write_text(str(key))
    origin = Origin(url=str(place), pgp_private_key=place / "key" if packed else None)
    monkeypatch.setattr(openpgp if packed else parquet_rows, "HELD_BYTES", 1)
    monkeypatch.setattr(tempfile, "tempdir", str(place / "full"))
    assert len(preview_of(hub, origin, "crm.parquet", "parquet", settings().read).rows) == 2
    assert import_now(hub, origin, settings("crm.parquet", format="parquet"), silent)[0].applied == 2


@pytest.mark.parametrize(
    ("url", "place", "file"),
    [
        ("s3://bucket/folder/crm_1.csv.gz", "s3://bucket/folder", "crm_1.csv.gz"),
        ("s3://bucket/crm.csv", "s3://bucket", "crm.csv"),
        ("s3://bucket/folder", "s3://bucket/folder", ""),
        ("s3://bucket/folder.d/", "s3://bucket/folder.d/", ""),
        ("gs:bucket", "gs:bucket", ""),
    ],
)
def test_an_address_is_of_a_folder_or_of_a_file_in_it(url, place, file):
    assert place_and_file(url) == (place, file)


def test_a_local_address_is_of_what_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.csv").mkdir()
    assert place_and_file("folder.csv") == (str(tmp_path / "folder.csv"), "")
    assert place_and_file("new.csv") == (str(tmp_path), "new.csv")


# --- taking back -------------------------------------------------------------------------------------------------


def test_an_import_that_is_taken_back_leaves_its_neighbours_and_its_days_get_a_revision(hub, place):
    (place / "crm.csv").write_bytes(rows(1, 2, 3))
    (place / "more.csv").write_bytes(rows(4) + rows(5, day=DAY + timedelta(days=1))[10:])
    (one,) = import_now(hub, Origin(url=str(place)), settings(), silent)
    import_now(hub, Origin(url=str(place)), settings("more.csv"), silent)
    hub.close_day(DAY)
    undone, dropped = undo_import(hub, one.id)
    assert (undone.state, dropped, stored(hub), stored(hub, DAY + timedelta(days=1))) == ("undone", 3, 1, 1)
    assert hub.close_day(DAY).revision == 2
    with pytest.raises(Refused, match="undone already"):
        undo_import(hub, one.id)
    assert hub.audit.changes(subject=f"import {one.id}", limit=1)[0].action == "import.undo"


def test_after_it_was_taken_back_the_same_file_can_be_imported_again(hub, place):
    (place / "crm.csv").write_bytes(rows(1, 2, 3))
    (one,) = import_now(hub, Origin(url=str(place)), settings(), silent)
    undo_import(hub, one.id)
    (again,) = import_now(hub, Origin(url=str(place)), settings(identify_id="who"), silent)
    assert (again.id != one.id, again.generation, stored(hub)) == (True, 2, 3)


def test_what_the_rows_said_about_people_is_taken_back_too(hub, place):
    for name, plan in (("crm.csv", "free"), ("more.csv", "pro")):
        at = "2026-11-20T10:00:00Z" if plan == "free" else "2026-11-21T10:00:00Z"
        (place / name).write_text(f"who,plan,at\nada,{plan},{at}\n")
    how = {"identify_id": "who", "user": {"plan": "plan"}, "timestamp": "at"}
    import_now(hub, Origin(url=str(place)), settings(**how), silent)
    (one,) = import_now(hub, Origin(url=str(place)), settings("more.csv", **how), silent)
    hub.settle()
    assert profiles_of(hub).get("ada", date(2026, 11, 22)).attributes == {"plan": "pro"}
    undo_import(hub, one.id)
    assert profiles_of(hub).get("ada", date(2026, 11, 22)).attributes == {"plan": "free"}


def test_taking_back_the_last_import_compares_the_next_file_with_the_one_before_it(hub, place):
    done = []
    for body in (rows(1, 2), rows(1, 2, 3), rows(2, 3)):
        (place / "crm.csv").unlink(missing_ok=True)
        (place / "crm.csv").write_bytes(body)
        if len(done) == 2:
            undo_import(hub, done[1].id)
        done += import_now(hub, Origin(url=str(place)), settings(diff=True), silent)
    assert [each.applied for each in done] == [2, 1, 1]


def test_an_import_with_rows_that_later_ones_left_out_is_taken_back_after_these(hub, place):
    done = []
    for body in (rows(1, 2), rows(2, 3), rows(3, 4), rows(5), rows(5, 6)):
        (place / "crm.csv").unlink(missing_ok=True)
        (place / "crm.csv").write_bytes(body)
        done += import_now(hub, Origin(url=str(place)), settings(diff=True), silent)
    assert [each.unchanged for each in done] == [0, 1, 1, 0, 1]
    first, second, third, other, last = (each.id for each in done)
    with pytest.raises(Refused) as refused:
        undo_import(hub, first)
    assert f"{third} (crm.csv), {second} (crm.csv)" in refused.value.hint
    assert (ledger_of(hub).get(first).state, stored(hub)) == ("done", 6)
    with pytest.raises(Refused, match=r"rows of crm\.csv stand unchanged in 1 later import"):
        undo_import(hub, other)
    for each, left in ((third, 5), (second, 4), (first, 2), (last, 1), (other, 0)):
        undo_import(hub, each)
        assert stored(hub) == left


def test_an_import_is_taken_back_with_rows_that_later_ones_left_out_when_that_is_said(hub, place):
    done = []
    for body in (rows(1, 2), rows(2, 3)):
        (place / "crm.csv").unlink(missing_ok=True)
        (place / "crm.csv").write_bytes(body)
        done += import_now(hub, Origin(url=str(place)), settings(diff=True), silent)
    first, last = done
    with pytest.raises(Refused, match="unchanged"):
        undo_import(hub, first.id)
    assert undo_import(hub, first.id, force=True)[1] == 2
    assert stored(hub) == 1
    undo_import(hub, last.id)
