"""Files that bring users or accounts: taken when they are ready, applied once, and moved, whatever breaks when."""

from __future__ import annotations

import gzip
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import weed
from import_desk import Crash, Falling, LogAndStore, desk_of, plan_of

from footfall.buckets.local import LocalBucket
from footfall.buckets.places import Access, open_place
from footfall.errors import Conflict, Denied, FootfallError, Refused, Unavailable
from footfall.flows.import_files import half_applied, import_file
from footfall.flows.take_people import Dated, Inbox, take_people
from footfall.model.imports import FileImport, FileVersion, ReadOptions
from footfall.model.people_inbox import MARKER, Marker, Taken, status_of
from footfall.model.people_loading import PeopleLoading
from footfall.ports import Bucket
from footfall.wire.people_rows import PeopleRows

ANA, BEN = b"id,name\nana,Ana\nzoe,Zoe\n", gzip.compress(b"id,name\nben,Ben\n", mtime=0)
FILES = {"current/a.csv": ANA, "current/b.csv.gz": BEN, "current/_SUCCESS": b""}
MOVED = ["processed/_SUCCESS", "processed/a.csv", "processed/b.csv.gz"]
LOADING = PeopleLoading("user", "id", {"firstName": "name"}, insert_missing=True)


class Broken:
    """A bucket whose line is cut right before the ``at``-th call; 0 for never. calls: so far."""

    def __init__(self, bucket: Bucket, at: int = 0) -> None:
        self._bucket, self.at, self.calls = bucket, at, 0
        self.url = bucket.url

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._bucket, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls == self.at:
                raise Unavailable("the line is cut")
            return found(*args, **kwargs)

        return call


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LogAndStore]:
    with LogAndStore(tmp_path / "hub") as hub:
        yield hub


@pytest.fixture
def place(tmp_path: Path) -> LocalBucket:
    return filled(LocalBucket(tmp_path / "place"))


def filled(bucket: Any, files: dict[str, bytes] = FILES) -> Any:
    for key, body in files.items():
        bucket.put(key, [body], content_type="text/csv")
    return bucket


def inbox_of(
    hub: LogAndStore, folder: Path, told: list[Taken], falling: Falling | None = None, bucket: Bucket | None = None,
    **more: Any,
) -> Inbox:  # fmt: skip
    """An inbox over ``folder/place``, or a bucket, that tells into ``told``."""
    desk, plan = desk_of(hub, folder, falling), plan_of(stream="people")
    desk = replace(
        desk,
        bucket=Dated(bucket or desk.bucket),
        meaning=lambda one: (ReadOptions(), PeopleRows(one.id, one.began_at, LOADING, (), lambda ids: ids)),
    )

    def apply(file: FileVersion) -> FileImport:
        return import_file(desk, plan, file)

    usual: dict[str, Any] = {"marker": MARKER, "beat": lambda: None, "tell": told.append}
    return Inbox(bucket=desk.bucket, ledger=desk.ledger, scope=plan.scope, apply=apply,
                 unfinished=lambda: half_applied(desk, plan), **usual | more)  # fmt: skip


def events(hub: LogAndStore) -> list[str]:
    """Who is in the log, each event once however often it was sent."""
    found = {each["event_id"]: each["identify_id"] for entry in hub.log.read(0, 1 << 30)
             for each in json.loads(entry.batch.body)}  # fmt: skip
    return sorted(found.values())


def keys(bucket: Bucket) -> list[str]:
    return [each.key for each in bucket.list()]


def files_of(hub: LogAndStore, folder: Path) -> list[tuple[str, str, int]]:
    return sorted((one.file.key, one.state, one.applied) for one in desk_of(hub, folder).ledger.all())


# --- ready or not ----------------------------------------------------------------------------------------------------


def test_every_csv_is_applied_and_moved_and_the_marker_last(hub, tmp_path, place):
    filled(place, {"current/notes.pdf": b"%PDF", "current/deeper/x.csv": ANA, "old.csv": ANA})
    told: list[Taken] = []
    taken = list(take_people(inbox_of(hub, tmp_path, told)))
    assert [(each.file.key, each.moved_to, each.status, each.counts["applied"]) for each in taken] == [
        ("current/a.csv", "processed/a.csv", "done", 2),
        ("current/b.csv.gz", "processed/b.csv.gz", "done", 1),
    ]
    assert told == taken
    assert keys(place) == ["current/deeper/x.csv", "current/notes.pdf", "old.csv", *MOVED]
    assert b"".join(place.open("processed/a.csv")) == ANA
    assert events(hub) == ["ana", "ben", "zoe"]


@pytest.mark.parametrize(("body", "state"), [(None, "missing"), (b"x", "not_empty")])
def test_without_an_empty_marker_nothing_is_taken_and_that_is_no_failure(hub, tmp_path, place, body, state):
    place.delete("current/_SUCCESS")
    if body is not None:
        filled(place, {"current/_SUCCESS": body})
    before = keys(place)
    (found,) = take_people(inbox_of(hub, tmp_path, []))
    assert isinstance(found, Marker)
    assert (found.state, found.told().startswith("not ready: current/_SUCCESS is not")) == (state, True)
    assert (keys(place), events(hub)) == (before, [])


def test_a_marker_alone_is_moved(hub, tmp_path):
    place = filled(LocalBucket(tmp_path / "place"), {"current/ready.txt": b""})
    assert list(take_people(inbox_of(hub, tmp_path, [], marker="ready.txt"))) == []
    assert keys(place) == ["processed/ready.txt"]


def test_a_marker_that_comes_while_files_are_taken_stays_for_the_next_run(hub, tmp_path, place):
    def beat() -> None:
        os.utime(tmp_path / "place" / "current" / "_SUCCESS", (2_000_000_000, 2_000_000_000))

    list(take_people(inbox_of(hub, tmp_path, [], beat=beat)))
    assert keys(place) == ["current/_SUCCESS", *MOVED]


# --- names and versions ----------------------------------------------------------------------------------------------


def test_the_same_name_again_gets_a_name_of_its_own_and_the_same_bytes_are_applied_again(hub, tmp_path, place):
    list(take_people(inbox_of(hub, tmp_path, [])))
    for number, body in enumerate((b"id,name\nana,Anna\n", ANA), 1):
        filled(place, {"current/a.csv": body, "current/_SUCCESS": b""})
        os.utime(tmp_path / "place" / "current" / "a.csv", (2_000_000_000 + number,) * 2)
        (taken,) = take_people(inbox_of(hub, tmp_path, []))
        assert taken.moved_to == f"processed/a_{taken.one.id}.csv"
        assert b"".join(place.open(taken.moved_to)) == body
    assert len(keys(place)) == 5
    assert events(hub) == ["ana", "ana", "ana", "ben", "zoe", "zoe"]


def test_a_long_name_that_is_taken_gets_one_of_its_own_that_is_not_too_long(hub, tmp_path):
    name = f"{'é' * 124}.v1.csv"  # 255 bytes
    place = filled(LocalBucket(tmp_path / "place"), {f"current/{name}": ANA, "current/_SUCCESS": b""})
    filled(place, {f"processed/{name}": b"another"})
    (taken,) = take_people(inbox_of(hub, tmp_path, []))
    assert taken.moved_to.endswith(f"_{taken.one.id}.v1.csv")
    assert b"".join(place.open(taken.moved_to)) == ANA
    assert not [key for key in keys(place) if key.startswith("current/")]


def test_on_s3_the_same_bytes_put_there_again_later_are_another_file():
    server = weed.server()
    bucket = open_place(f"s3://{server.bucket(f'b-{uuid.uuid4().hex}')}/in", Access(*weed.ADMIN),
                        endpoint_url=server.url)  # fmt: skip
    dated = Dated(filled(bucket))
    (listed,) = dated.list("current/a.csv")
    first = dated.stat("current/a.csv").version
    assert listed.version == first != bucket.stat("current/a.csv").version
    assert b"".join(dated.open("current/a.csv", version=first)) == ANA
    later = first.partition(" ")[0] + " 1"
    with pytest.raises(Conflict):
        dated.delete("current/a.csv", version=later)
    dated.delete("current/a.csv", version=first)
    assert [each.key for each in dated.list("current/a.csv")] == []


def test_a_file_that_is_replaced_while_it_is_taken_is_taken_by_the_next_run_as_it_is_then(hub, tmp_path, place):
    path = tmp_path / "place" / "current" / "a.csv"

    def tell(taken: Taken) -> None:
        if taken.file.key == "current/a.csv" and path.read_bytes() == ANA:
            path.unlink()
            path.write_bytes(b"id,name\ncem,Cem\n")

    with pytest.raises(Conflict):
        list(take_people(inbox_of(hub, tmp_path, [], tell=tell)))
    list(take_people(inbox_of(hub, tmp_path, [])))
    assert events(hub) == ["ana", "ben", "cem", "zoe"]
    assert len(keys(place)) == 4
    assert not [key for key in keys(place) if key.startswith("current/")]


def test_whoever_loses_the_slot_while_a_file_is_copied_tells_nothing_and_leaves_it(hub, tmp_path, place):
    copying: list[str] = []

    class Copied(LocalBucket):
        def put(self, key: str, *args: Any, **kwargs: Any) -> Any:
            copying.append(key)
            return super().put(key, *args, **kwargs)

    def beat() -> None:
        if copying:
            raise Conflict("somebody else has the slot by now")

    told: list[Taken] = []
    with pytest.raises(Conflict, match="has the slot"):
        list(take_people(inbox_of(hub, tmp_path, told, bucket=Copied(tmp_path / "place"), beat=beat)))
    assert (told, keys(place)) == ([], sorted(FILES, key=str.encode))
    list(take_people(inbox_of(hub, tmp_path, told)))
    ended_well(hub, tmp_path, told)


# --- bad files -------------------------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_stays_with_the_marker_and_the_others_are_taken(hub, tmp_path, place):
    filled(place, {"current/0.csv": b"name\nx\n"})
    told: list[Taken] = []
    with pytest.raises(Refused, match="no column 'id'"):
        list(take_people(inbox_of(hub, tmp_path, told)))
    assert keys(place) == ["current/0.csv", "current/_SUCCESS", "processed/a.csv", "processed/b.csv.gz"]
    assert [(each.file.key, each.status, each.moved_to) for each in told] == [
        ("current/0.csv", "failed", ""),
        ("current/a.csv", "done", "processed/a.csv"),
        ("current/b.csv.gz", "done", "processed/b.csv.gz"),
    ]
    assert "no column" in told[0].error


def test_a_file_that_cannot_be_read_is_moved_where_that_is_wanted(hub, tmp_path, place):
    filled(place, {"current/0.csv": b"name\nx\n", "processed/0.csv": b"another"})
    told: list[Taken] = []
    list(take_people(inbox_of(hub, tmp_path, told, skip_bad_files=True)))
    assert told[0].status == "failed"
    assert told[0].moved_to.startswith("processed/0_im")
    assert b"".join(place.open(told[0].moved_to)) == b"name\nx\n"
    assert not [key for key in keys(place) if key.startswith("current/")]


def test_what_is_told_of_a_file_that_cannot_be_opened_does_not_say_where_the_folder_is(hub, tmp_path, place):
    class Shut(LocalBucket):
        def open(self, key: str, *, version: str = "") -> Iterator[bytes]:
            raise Refused(f"{self.url}/{key}: Permission denied", "Let the user that runs Footfall read it")

    told: list[Taken] = []
    with pytest.raises(Refused):
        list(take_people(inbox_of(hub, tmp_path, told, bucket=Shut(tmp_path / "place"))))
    assert status_of(told[0], "USER", ())["error"] == "current/a.csv: Permission denied"


def test_one_that_can_neither_be_read_nor_moved_does_not_keep_the_others_waiting(hub, tmp_path, place):
    class Odd(LocalBucket):
        def open(self, key: str, *, version: str = "") -> Iterator[bytes]:
            if key == "current/a.csv":
                raise Refused("no object can be called so")
            return super().open(key, version=version)

    odd, told = Odd(tmp_path / "place"), list[Taken]()
    with pytest.raises(Refused, match="called so"):
        list(take_people(inbox_of(hub, tmp_path, told, bucket=odd, skip_bad_files=True)))
    assert keys(place) == ["current/_SUCCESS", "current/a.csv", "processed/b.csv.gz"]
    assert [(each.status, each.moved_to) for each in told] == [("failed", ""), ("done", "processed/b.csv.gz")]


def test_what_no_file_can_be_imported_without_ends_the_run_and_is_no_failure_of_a_file(hub, tmp_path, place):
    def unmeant(one: FileImport) -> Any:
        raise Refused("the key of tokens is missing")

    told: list[Taken] = []
    inbox, plan = inbox_of(hub, tmp_path, told, skip_bad_files=True), plan_of(stream="people", skip_bad_files=True)
    desk = replace(desk_of(hub, tmp_path), bucket=inbox.bucket, meaning=unmeant)
    with pytest.raises(Refused, match="key of tokens"):
        list(take_people(replace(inbox, apply=lambda file: import_file(desk, plan, file))))
    assert (told, keys(place)) == ([], sorted(FILES))


def test_what_is_denied_ends_the_run_and_is_no_failure_of_a_file(hub, tmp_path, place):
    class NoWriting(LocalBucket):
        def put(self, *args: Any, **kwargs: Any) -> Any:
            raise Denied("you may not")

    told: list[Taken] = []
    with pytest.raises(Denied):
        list(take_people(inbox_of(hub, tmp_path, told, bucket=NoWriting(tmp_path / "place"))))
    assert told == []
    assert keys(place) == sorted(FILES, key=str.encode)
    list(take_people(inbox_of(hub, tmp_path, told)))
    assert (keys(place), events(hub)) == (MOVED, ["ana", "ben", "zoe"])


# --- crashes ---------------------------------------------------------------------------------------------------------


def ended_well(hub: LogAndStore, folder: Path, told: list[Taken]) -> None:
    assert keys(LocalBucket(folder / "place")) == MOVED
    assert events(hub) == ["ana", "ben", "zoe"]
    assert files_of(hub, folder) == [("current/a.csv", "done", 2), ("current/b.csv.gz", "done", 1)]
    assert {each.file.key for each in told} == {"current/a.csv", "current/b.csv.gz"}


def run_through(folder: Path, at: int) -> list[str]:
    """Die before the ``at``-th call of any part, then let it be done. Returns the names of the calls."""
    told: list[Taken] = []
    falling = Falling(at)
    filled(LocalBucket(folder / "place"))
    with LogAndStore(folder / "hub") as hub:
        if at:
            with pytest.raises(Crash):
                list(take_people(inbox_of(hub, folder, told, falling)))
        list(take_people(inbox_of(hub, folder, told, None if at else falling)))
        ended_well(hub, folder, told)
    return falling.names


def test_whichever_kind_of_step_it_dies_at_each_file_is_applied_once_and_ends_in_processed(tmp_path):
    names = run_through(tmp_path / "0", 0)
    for name in ("begin", "advance", "finish", "describe", "put", "delete"):
        for at in {names.index(name) + 1, len(names) - names[::-1].index(name)}:
            run_through(tmp_path / str(at), at)


@pytest.mark.slow
def test_wherever_it_dies_each_file_is_applied_once_and_ends_in_processed(tmp_path):
    steps = len(run_through(tmp_path / "0", 0))
    assert steps > 40
    for at in range(1, steps + 1):
        run_through(tmp_path / str(at), at)


@pytest.mark.slow
def test_wherever_the_line_is_cut_the_next_run_goes_on(tmp_path):
    at, last = 0, 0
    while at <= last:
        folder, told = tmp_path / str(at), list[Taken]()
        bucket = Broken(filled(LocalBucket(folder / "place")), at)
        with LogAndStore(folder / "hub") as hub:
            if at:
                with pytest.raises(FootfallError):
                    list(take_people(inbox_of(hub, folder, told, bucket=bucket)))
            list(take_people(inbox_of(hub, folder, told, bucket=bucket)))
            last = last or bucket.calls
            ended_well(hub, folder, told)
        at += 1
    assert last > 15


def test_what_broke_off_is_finished_though_another_file_lies_under_its_name_by_now(hub, tmp_path, place, monkeypatch):
    monkeypatch.setattr("footfall.flows.import_files.EVENTS_MAX", 1)
    monkeypatch.setattr("footfall.flows.import_files.BODIES_AT_ONCE", 1)
    counting = Falling()
    with LogAndStore(tmp_path / "other" / "hub") as other:
        filled(LocalBucket(tmp_path / "other" / "place"))
        list(take_people(inbox_of(other, tmp_path / "other", [], counting)))
    second = [number for number, name in enumerate(counting.names, 1) if name == "advance"][1]
    with pytest.raises(Crash):
        list(take_people(inbox_of(hub, tmp_path, [], Falling(second))))
    path = tmp_path / "place" / "current" / "a.csv"
    path.unlink()
    path.write_bytes(b"id,name\ncem,Cem\n")
    told: list[Taken] = []
    list(take_people(inbox_of(hub, tmp_path, told)))
    assert events(hub) == ["ana", "ben", "cem", "zoe"]
    assert [(each.counts["applied"], each.moved_to != "") for each in told] == [(2, False), (1, True), (1, True)]
    assert not [key for key in keys(place) if key.startswith("current/")]
