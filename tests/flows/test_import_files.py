"""Files whose rows become events: once, in order, and nothing of a file that is not whole."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from import_desk import Crash, Falling, LogAndStore, desk_of, ids, imported, plan_of, row, write
from small_hub import SmallHub, small_hub

from footfall.buckets.local import LocalBucket
from footfall.config.patterns import whole_match
from footfall.errors import Conflict, Damaged, Refused, Unavailable
from footfall.flows import import_files
from footfall.flows.import_files import (
    files_after,
    half_applied,
    import_changed,
    import_file,
    import_row,
    one_file,
    tidy,
    version_of,
)
from footfall.model.imports import Cursor
from footfall.sources.csv_rows import CsvReader
from footfall.sources.json_rows import JsonReader
from footfall.stores.held_files import FolderHeldFiles
from footfall.stores.row_snapshots import FolderSnapshots

CSV = b"id,name\n1,Ana\n2,Ben\n3,Cem\n"


@pytest.fixture
def hub(tmp_path) -> Iterator[SmallHub]:
    with small_hub(tmp_path / "hub") as hub:
        yield hub


@pytest.fixture
def place(tmp_path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


# --- one file ----------------------------------------------------------------------------------------------------


def test_each_row_is_an_event_of_its_stream_that_says_what_the_row_said(hub, tmp_path, place):
    (place / "crm.csv").write_bytes(CSV)
    desk = desk_of(hub, tmp_path)
    done = import_file(desk, plan_of(), one_file(desk.bucket, "crm.csv"))
    assert (done.state, done.applied, done.bad, done.next_row) == ("done", 3, 0, 3)
    events = imported(hub)
    assert [event for event, _ in events] == [f"{done.id}-0", f"{done.id}-1", f"{done.id}-2"]
    assert json.loads(events[0][1])["attributes"] == {"id": "1", "name": "Ana"}
    assert list((tmp_path / "imports").iterdir()) == []


def test_a_file_that_was_applied_is_not_even_opened_again(hub, tmp_path, place):
    (place / "crm.csv").write_bytes(CSV)
    desk = desk_of(hub, tmp_path)
    first = import_file(desk, plan_of(), file := one_file(desk.bucket, "crm.csv"))
    (place / "crm.csv").unlink()
    assert import_file(desk, plan_of(), file) == first
    assert ids(hub) == ["1", "2", "3"]


def test_a_file_of_the_same_name_with_other_bytes_is_another(hub, tmp_path, place):
    desk = desk_of(hub, tmp_path)
    for body in (CSV, b"id,name\n4,Dan\n"):
        (place / "crm.csv").unlink(missing_ok=True)
        (place / "crm.csv").write_bytes(body)
        import_file(desk, plan_of(), one_file(desk.bucket, "crm.csv"))
    assert ids(hub) == ["1", "2", "3", "4"]


def test_bad_rows_are_kept_and_their_neighbours_applied(hub, tmp_path, place):
    (place / "crm.csv").write_bytes(b"id,at\n1,2026-11-01\n2,soon\n3\n4,2026-11-02\n")
    desk = desk_of(hub, tmp_path)
    done = import_file(desk, plan_of({"timestamp": "at"}), one_file(desk.bucket, "crm.csv"))
    assert (done.applied, done.bad) == (2, 2)
    assert [(bad.number, bad.line, bad.field) for bad in desk.ledger.bad_rows(done.id)] == [(1, 3, "at"), (2, 4, "at")]
    assert ids(hub) == ["1", "4"]


def test_a_file_of_which_no_row_can_be_used_fails_with_the_reason_and_applies_nothing(hub, tmp_path, place):
    (place / "crm.csv").write_bytes(b"id,at\n1,soon\n2,later\n")
    desk = desk_of(hub, tmp_path)
    with pytest.raises(Refused, match=r"not one of the 2 rows .*line 2: bad_timestamp in 'at'\.") as told:
        import_file(desk, plan_of({"timestamp": "at"}), one_file(desk.bucket, "crm.csv"))
    assert "soon" not in str(told.value)
    assert desk.held.names() == []
    assert [(each.state, each.applied) for each in desk.ledger.all()] == [("failed", 0)]
    assert imported(hub) == []


def test_a_long_file_of_which_no_row_can_be_used_fails_as_a_short_one_does(hub, tmp_path, place):
    (place / "crm.csv").write_bytes(b"id,at\n" + b"".join(b"%d,31/12/2025\n" % n for n in range(30_001)))
    desk = desk_of(hub, tmp_path)
    with pytest.raises(Refused, match=r"not one of the [\d,]+ rows read"):
        import_file(desk, plan_of({"timestamp": "at"}), one_file(desk.bucket, "crm.csv"))
    assert [(each.state, each.bad) for each in desk.ledger.all()] == [("failed", 0)]


def test_a_file_that_is_cut_off_applies_no_row(hub, tmp_path, place):
    many = b"id,name\n" + b"".join(b"%d,%d\n" % (n, n * 7919) for n in range(50_000))
    (place / "crm.csv.gz").write_bytes(gzip.compress(many)[:-100])
    desk = desk_of(hub, tmp_path)
    with pytest.raises(Damaged, match=r"cut|middle|whole"):
        import_file(desk, plan_of(), one_file(desk.bucket, "crm.csv.gz"))
    assert imported(hub) == []
    (place / "crm.csv.gz").write_bytes(gzip.compress(many))
    assert import_file(desk, plan_of(), one_file(desk.bucket, "crm.csv.gz")).applied == 50_000


def test_a_file_that_changed_after_it_was_listed_applies_no_row(hub, tmp_path, place):
    (place / "crm.csv").write_bytes(CSV)
    desk = desk_of(hub, tmp_path)
    file = one_file(desk.bucket, "crm.csv")
    (place / "crm.csv").write_bytes(CSV + b"4,Dan\n")
    with pytest.raises(Conflict, match="changed"):
        import_file(desk, plan_of(), file)
    assert imported(hub) == []
    assert import_file(desk, plan_of(), one_file(desk.bucket, "crm.csv")).applied == 4


def test_a_file_that_is_gone_after_it_was_listed_is_a_conflict(hub, tmp_path, place):
    (place / "crm.csv").write_bytes(CSV)
    desk = desk_of(hub, tmp_path)
    file = one_file(desk.bucket, "crm.csv")
    (place / "crm.csv").unlink()
    with pytest.raises(Conflict, match="not there any more"):
        import_file(desk, plan_of(), file)


def test_an_empty_file_has_no_rows_and_is_done(hub, tmp_path, place):
    (place / "crm.csv").write_bytes(b"")
    desk = desk_of(hub, tmp_path)
    assert import_file(desk, plan_of(), one_file(desk.bucket, "crm.csv")).state == "done"


def test_a_file_that_is_not_there_is_refused_by_name(hub, tmp_path, place):
    with pytest.raises(Refused, match=r"no file crm\.csv"):
        one_file(desk_of(hub, tmp_path).bucket, "crm.csv")


# --- crashes -----------------------------------------------------------------------------------------------------


def hand_over_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_files, "EVENTS_MAX", 1)
    monkeypatch.setattr(import_files, "BODIES_AT_ONCE", 2)


def crash_everywhere(tmp_path: Path, run, monkeypatch: pytest.MonkeyPatch) -> int:
    """Die before every call of every part, which is after the one before it; each time let it be done then.

    Returns at how many places.
    """
    hand_over_often(monkeypatch)
    counting = Falling()
    run(tmp_path / "0", counting)
    for at in range(1, counting.calls + 1):
        with pytest.raises(Crash):
            run(tmp_path / str(at), Falling(at))
        run(tmp_path / str(at), Falling())
    return counting.calls


def test_wherever_an_import_dies_its_rows_are_applied_once(tmp_path, monkeypatch):
    body = b"id,name\n" + b"".join(b"%d,x\n" % n for n in range(4)) + b"bad\n"
    ended: list[tuple[Path, str]] = []

    def run(folder: Path, falling: Falling) -> None:
        with LogAndStore(folder / "hub") as hub:
            (folder / "place").mkdir(exist_ok=True)
            if not (folder / "place" / "crm.csv").exists():
                (folder / "place" / "crm.csv").write_bytes(body)
            bucket = LocalBucket(folder / "place")
            import_file(desk_of(hub, folder, falling=falling), plan_of(), one_file(bucket, "crm.csv"))
            if not falling.at:
                (done,) = desk_of(hub, folder).ledger.all()
                assert (done.state, done.applied, done.bad) == ("done", 4, 1)
                assert [bad.number for bad in desk_of(hub, folder).ledger.bad_rows(done.id)] == [4]
                ended.append((folder, done.id))

    assert crash_everywhere(tmp_path, run, monkeypatch) > 14
    # Settling takes longest, so only what was sent twice is settled.
    settled = 0
    for folder, one in ended:
        with small_hub(folder / "hub") as hub:
            sent = sum(entry.batch.count for entry in hub.log.read(0, 1 << 20))
            assert sent >= 4
            if sent > 4 and settled < 2:
                settled += 1
                assert sorted(event for event, _ in imported(hub)) == [f"{one}-{n}" for n in range(4)]
    assert settled


@pytest.mark.slow
def test_wherever_a_comparison_dies_the_next_file_is_compared_with_all_of_the_last(tmp_path, monkeypatch):
    files = {"crm_20261101.csv": b"id\n1\n2\n3\n", "crm_20261102.csv": b"id\n4\n3\n5\n2\n1\n"}

    def run(folder: Path, falling: Falling) -> None:
        with LogAndStore(folder / "hub") as hub:
            (folder / "place").mkdir(exist_ok=True)
            for name, body in files.items():
                if not (folder / "place" / name).exists():
                    (folder / "place" / name).write_bytes(body)
            list(import_row(desk_of(hub, folder, falling=falling), plan_of(compare=True), row()))
            if not falling.at:
                done = {each.file.key: each for each in desk_of(hub, folder).ledger.all()}
                assert {key: (each.applied, each.unchanged) for key, each in done.items()} == {
                    "crm_20261101.csv": (3, 0),
                    "crm_20261102.csv": (2, 3),
                }, falling.names
                cursor = desk_of(hub, folder).ledger.cursor("job")
                assert cursor.snapshot == done["crm_20261102.csv"].id

    assert crash_everywhere(tmp_path, run, monkeypatch) > 25


def test_a_half_applied_file_is_finished_though_another_lies_under_its_name_by_now(hub, tmp_path, place, monkeypatch):
    hand_over_often(monkeypatch)
    path = place / "crm_20261101.csv"
    path.write_bytes(b"id\n1\n2\n3\n4\n5\n")
    counting = Falling()
    import_file(desk_of(hub, tmp_path, counting), plan_of(scope="count"), one_file(LocalBucket(place), path.name))
    second = [place for place, name in enumerate(counting.names, 1) if name == "advance"][1]
    for read in (
        lambda desk, plan: import_row(desk, plan, replace(row(), job=plan.scope)),
        lambda desk, plan: import_changed(desk, plan, plan.scope, path.name),
    ):
        hub.now += timedelta(days=1)
        plan = plan_of(scope=f"job-{hub.now:%d}", stream=f"s-{hub.now:%d}")
        path.unlink()
        path.write_bytes(b"id\n1\n2\n3\n4\n5\n")
        with pytest.raises(Crash):
            import_file(desk_of(hub, tmp_path, Falling(second)), plan, one_file(LocalBucket(place), path.name))
        path.unlink()
        path.write_bytes(b"id\n7\n8\n")
        assert sum(each.applied for each in read(desk_of(hub, tmp_path), plan)) >= 5
        events = [json.loads(said)["attributes"]["id"] for _, said in imported(hub, plan.stream)]
        assert sorted(events)[:5] == ["1", "2", "3", "4", "5"]


def test_what_broke_off_is_found_however_many_files_were_imported_since(hub, tmp_path, place, monkeypatch):
    hand_over_often(monkeypatch)
    monkeypatch.setattr(import_files, "LOOKED_AT", 2)
    (place / "crm.csv").write_bytes(CSV)
    falling = Falling()
    import_file(desk_of(hub, tmp_path, falling), plan_of(scope="count"), one_file(LocalBucket(place), "crm.csv"))
    at = falling.names.index("finish") + 1
    with pytest.raises(Crash):
        import_file(desk_of(hub, tmp_path, Falling(at)), plan_of(), one_file(LocalBucket(place), "crm.csv"))
    for number in range(3):
        hub.now += timedelta(minutes=1)
        write(place, f"other{number}.csv")
        import_file(desk_of(hub, tmp_path), plan_of(), one_file(LocalBucket(place), f"other{number}.csv"))
    assert [one.file.key for one in half_applied(desk_of(hub, tmp_path), plan_of(), "crm.csv")] == ["crm.csv"]
    FolderHeldFiles(tmp_path / "imports").hold("im-of-a-ledger-that-was-lost", 1, lambda: [b"x"])
    assert len(half_applied(desk_of(hub, tmp_path), plan_of())) == 1


# --- rows of files -----------------------------------------------------------------------------------------------


def test_files_are_taken_in_the_order_of_their_timestamps_and_then_of_their_names(hub, tmp_path, place):
    write(place, "crm_20261103.csv", "crm_2026-11-01.csv", "crm_20261102T080000Z.csv", "crm_1793577600.csv")
    write(place, "crm_20261103.csv.manifest.json", "old_20261101.csv", "below/crm_20261101.csv", "crm_.csv")
    desk = desk_of(hub, tmp_path)
    done = [each.file.key for each in import_row(desk, plan_of(), row())]
    assert done == ["crm_2026-11-01.csv", "crm_1793577600.csv", "crm_20261102T080000Z.csv", "crm_20261103.csv"]
    assert desk.ledger.cursor("job").key == "crm_20261103.csv"


def test_only_files_beyond_the_last_one_are_taken(hub, tmp_path, place):
    write(place, "crm_20261102.csv")
    desk = desk_of(hub, tmp_path)
    assert len(list(import_row(desk, plan_of(), row()))) == 1
    write(place, "crm_20261101.csv", "crm_20261103.csv")
    assert [each.file.key for each in import_row(desk, plan_of(), row())] == ["crm_20261103.csv"]


def test_files_of_the_same_second_are_all_taken_once(hub, tmp_path, place):
    names = [f"crm_{letter}_20261101080000.csv" for letter in "abc"]
    write(place, *names[:2])
    desk = desk_of(hub, tmp_path)
    wide = row(pattern="crm_[a-c]_", matches=whole_match("crm_[a-c]_"))
    assert [each.file.key for each in import_row(desk, plan_of(), wide)] == names[:2]
    write(place, names[2])
    assert [each.file.key for each in import_row(desk, plan_of(), wide)] == names[2:]
    assert ids(hub) == names


def test_a_row_begins_with_the_file_that_was_chosen(hub, tmp_path, place):
    write(place, "crm_20261101.csv", "crm_20261102.csv", "crm_20261103.csv")
    done = import_row(desk_of(hub, tmp_path), plan_of(), row(first="crm_20261102.csv"))
    assert [each.file.key for each in done] == ["crm_20261102.csv", "crm_20261103.csv"]


def test_an_empty_file_of_a_row_is_not_there_yet(hub, tmp_path, place):
    (place / "crm_20261101.csv").write_bytes(b"")
    assert list(files_after(LocalBucket(place), row(), Cursor("job"))) == []


def test_of_a_row_of_many_files_few_are_in_memory_and_each_is_taken_once(hub, tmp_path, place, monkeypatch):
    monkeypatch.setattr(import_files, "FILES_AT_ONCE", 2)
    names = [f"crm_2026110{day}.csv" for day in range(1, 7)]
    write(place, *names[:4])
    desk = desk_of(hub, tmp_path)
    done = import_row(desk, plan_of(), row(first=names[1]))
    assert [next(done).file.key, next(done).file.key] == names[1:3]
    write(place, names[5])  # while the row is under way
    assert [each.file.key for each in done] == [names[3], names[5]]
    assert ids(hub) == [*names[1:4], names[5]]


def test_waiting_for_a_file_ends_quietly_however_often(hub, tmp_path, place):
    desk = desk_of(hub, tmp_path)
    for _ in range(5):
        assert list(import_row(desk, plan_of(), row())) == []
    assert desk.ledger.cursor("job").missed == 5


def test_a_missing_file_is_alerted_after_the_grace_and_looked_for_again(hub, tmp_path, place):
    desk = desk_of(hub, tmp_path)
    assert list(import_row(desk, plan_of(), row("alert"))) == []
    for _ in range(2):
        with pytest.raises(Unavailable, match="no next file"):
            list(import_row(desk, plan_of(), row("alert")))
    write(place, "crm_20261101.csv")
    assert len(list(import_row(desk, plan_of(), row("alert")))) == 1
    assert desk.ledger.cursor("job").missed == 0


def test_a_missing_file_stops_until_somebody_resumes_and_the_place_in_the_row_is_kept(hub, tmp_path, place):
    write(place, "crm_20261101.csv")
    desk = desk_of(hub, tmp_path)
    list(import_row(desk, plan_of(), row("stop", grace=0)))
    for _ in range(2):
        with pytest.raises(Refused, match=r"stopped: no next file .* after crm_20261101\.csv"):
            list(import_row(desk, plan_of(), row("stop", grace=0)))
    write(place, "crm_20261102.csv")
    assert [each.file.key for each in import_row(desk, plan_of(), row("stop"))] == ["crm_20261102.csv"]


def test_a_file_written_anew_under_one_name_is_read_whenever_it_is_another(hub, tmp_path, place):
    desk = desk_of(hub, tmp_path)
    assert list(import_changed(desk, plan_of(), "job", "crm.csv")) == []
    for body, applied in ((b"id\n1\n2\n", 2), (b"id\n2\n3\n", 1)):
        (place / "crm.csv").unlink(missing_ok=True)
        (place / "crm.csv").write_bytes(body)
        assert [each.applied for each in import_changed(desk, plan_of(compare=True), "job", "crm.csv")] == [applied]
        assert list(import_changed(desk, plan_of(compare=True), "job", "crm.csv")) == []


# --- diff --------------------------------------------------------------------------------------------------------


def test_only_changed_rows_are_applied_though_rows_and_columns_come_in_another_order(hub, tmp_path, place):
    (place / "crm_20261101.csv").write_bytes(b"id,name,plan\n1,Ana,pro\n2,Ben,free\n3,Cem,pro\n")
    (place / "crm_20261102.csv").write_bytes(b"plan,id,name\npro,3,Cem\nfree,2,Ben\npro,2,Ben\npro,1,Ana\npro,2,Ben\n")
    (place / "crm_20261103.csv").write_bytes(b"plan,id,name\nfree,2,Ben\n")
    desk = desk_of(hub, tmp_path)
    done = list(import_row(desk, plan_of(compare=True), row()))
    assert [(each.applied, each.unchanged) for each in done] == [(3, 0), (1, 4), (0, 1)]
    tidy(desk, "job")
    kept = {desk.ledger.cursor("job").snapshot, desk.ledger.cursor("job").before}
    assert set(desk.snapshots.names()) == kept == {done[1].id, done[2].id}


def test_after_a_file_that_was_not_compared_the_next_one_is_compared_with_none(hub, tmp_path, place):
    desk = desk_of(hub, tmp_path)
    for number, compare in enumerate((True, False, True, True), 1):
        (place / f"crm_2026110{number}.csv").write_bytes(b"id\n1\n2\n%d\n" % (number + 10))
        (done,) = import_row(desk, plan_of(compare=compare), row())
        tidy(desk, "job")
        assert (done.applied, len(desk.snapshots.names())) == [(3, 1), (3, 0), (3, 1), (1, 2)][number - 1]


def test_rows_to_compare_with_that_are_lost_are_told_and_can_be_done_without(hub, tmp_path, place):
    desk = desk_of(hub, tmp_path)
    write(place, "crm_20261101.csv")
    (first,) = import_row(desk, plan_of(compare=True), row())
    FolderSnapshots(tmp_path / "imports").drop(first.id)
    write(place, "crm_20261102.csv")
    with pytest.raises(Damaged, match="Import the next file without diff"):
        list(import_row(desk, plan_of(compare=True), row()))
    assert [each.applied for each in import_row(desk, plan_of(), row())] == [1]
    write(place, "crm_20261103.csv")
    assert [each.applied for each in import_row(desk, plan_of(compare=True), row())] == [1]


@pytest.mark.parametrize("which", [0, -1])
def test_how_a_file_is_read_stays_as_it_was_when_its_first_row_was_sent(hub, tmp_path, place, monkeypatch, which):
    hand_over_often(monkeypatch)
    (place / "crm.csv").write_bytes(b"id;u\n1;a\n2;b\n3;c\n4;d\n")
    file = version_of(LocalBucket(place).stat("crm.csv"))
    falling = Falling()
    import_file(desk_of(hub, tmp_path, falling=falling), plan_of({"delimiter": ";"}, scope="count"), file)
    at = [place for place, name in enumerate(falling.names, 1) if name == "advance"][which]
    desk = desk_of(hub, tmp_path, falling=Falling(at))
    with pytest.raises(Crash):
        import_file(desk, plan_of({"delimiter": ";", "identify_id": "u"}), file)
    hub.now += timedelta(hours=1)
    done = import_file(desk_of(hub, tmp_path), plan_of({"delimiter": "|"}), file)
    assert done.applied == 4
    assert done.began_at == datetime(2026, 12, 1, 12, tzinfo=UTC)
    assert done.settings == {"delimiter": ";", "identify_id": "u", "columns": ["id", "u"], "sent": True}


@pytest.mark.parametrize("format", ["csv", "json"])
def test_an_import_goes_on_within_what_its_reader_gives_at_once(hub, tmp_path, place, format):
    lines = (
        b"".join(b'{"id":"%d"}\n' % n for n in range(40))
        if format == "json"
        else b"id\n" + b"".join(b"%d\n" % n for n in range(40))
    )
    (place / "crm").write_bytes(lines)
    desk = replace(desk_of(hub, tmp_path), reader=JsonReader() if format == "json" else CsvReader())
    plan, file = plan_of(format=format), one_file(desk.bucket, "crm")
    begun = desk.ledger.begin(
        plan.scope, desk.bucket.url, file, stream=plan.stream, format=format, settings={}, at=hub.now
    )
    desk.ledger.advance(begun, 17, applied=0, unchanged=0, bad=())
    assert import_file(desk, plan, file).next_row == 40
    assert [event for event, _ in imported(hub)] == [f"{begun.id}-{n}" for n in range(17, 40)]
