"""The promises of ``ports.Log``, and what the segment files promise beside them."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from durable_calls import needs_strace
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall import observe
from footfall.errors import Conflict, Refused, Unavailable
from footfall.logs.frames import HEADER, header_of
from footfall.logs.segments import Damage, SegmentLog
from footfall.logs.writer import Writer
from footfall.ports import Batch, Entry

Opening = Callable[..., SegmentLog]


def batch(body: bytes = b'{"batch":[]}', *, source: str = "web", count: int = 1) -> Batch:
    return Batch(1_795_346_295_000_000, source, "segment", "batch", count, ((0, "missing_user", "why"),), "192.0.2.0",
                 "agent/1", body)  # fmt: skip


def everything(log: SegmentLog) -> list[Entry]:
    return list(log.read(0, 1 << 40))


@pytest.fixture
def opening(tmp_path: Path) -> Iterator[Opening]:
    made: list[SegmentLog] = []

    def opened(**options: int) -> SegmentLog:
        log = SegmentLog(tmp_path / "log", **{"reserve_bytes": 0, **options})
        made.append(log)
        return log

    yield opened
    for log in made:
        log.close()


def newest(folder: Path) -> Path:
    return sorted((folder / "log").glob("*.log"))[-1]


# --- 1. what is acknowledged survives --------------------------------------------------------------


def test_what_was_appended_is_read_back_whole(opening: Opening) -> None:
    log = opening()
    sent = [batch(f"body {n} é😀".encode() * n, source=f"s{n}") for n in range(20)]
    positions = [log.append(b) for b in sent]
    assert [(e.position, e.batch) for e in everything(log)] == list(zip(positions, sent, strict=True))


def test_a_log_from_before_places_were_known_is_read(tmp_path: Path, opening: Opening) -> None:
    opening().close()
    known = batch(b"old")
    head = msgspec.msgpack.encode(tuple(getattr(known, name) for name in Batch.__slots__[:8]))
    newest(tmp_path).write_bytes(header_of(head, known.body, 0) + head + known.body)
    log = opening()
    at = log.append(new := replace(known, place='{"countryCode":"DE"}'))
    assert [(entry.position, entry.batch) for entry in everything(log)] == [(0, known), (at, new)]


def test_what_was_appended_is_there_after_the_process_was_killed(tmp_path: Path) -> None:
    program = """
        import os, pathlib, sys
        from footfall.logs.segments import SegmentLog
        from footfall.ports import Batch
        log = SegmentLog(pathlib.Path(sys.argv[1]), reserve_bytes=0)
        for n in range(50):
            log.append(Batch(n, "s", "segment", "batch", 1, (), "", "", b"x" * n))
        os.kill(os.getpid(), 9)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "log")], check=False)
    assert done.returncode == -9
    log = SegmentLog(tmp_path / "log")
    assert [e.batch.received_at for e in everything(log)] == list(range(50))
    log.close()


# --- 2. order and positions ------------------------------------------------------------------------


def test_positions_rise_over_segments_and_restarts_and_each_entry_is_read_once(opening: Opening) -> None:
    seen: list[int] = []
    for life in range(4):
        log = opening(segment_bytes=2_000)
        for n in range(30):
            seen.append(log.append(batch(b"x" * 100, count=life * 100 + n)))
        log.close()
    assert seen == sorted(set(seen))
    log = opening()
    assert [e.position for e in everything(log)] == seen
    assert [e.batch.count for e in everything(log)] == [life * 100 + n for life in range(4) for n in range(30)]


def test_reading_goes_on_where_the_last_entry_said(opening: Opening) -> None:
    log = opening(segment_bytes=1_000)
    for n in range(40):
        log.append(batch(count=n))
    start, seen = 0, []
    while entries := list(log.read(start, 300)):
        assert len(entries) <= 4  # about 300 bytes
        seen += [e.batch.count for e in entries]
        start = entries[-1].next
    assert seen == list(range(40))
    assert start == log.end()


def test_reading_sees_what_is_durable_at_that_moment(opening: Opening) -> None:
    log = opening()
    assert everything(log) == []
    assert log.first() == log.end() == 0
    log.append(batch())
    assert len(everything(log)) == 1
    assert everything(log)[0].next == log.end()


def test_many_threads_each_get_the_position_of_their_own_batch(opening: Opening) -> None:
    log = opening(segment_bytes=20_000)
    answers: dict[int, int] = {}

    def send(thread: int) -> None:
        for n in range(50):
            answers[thread * 100 + n] = log.append(batch(count=thread * 100 + n))

    threads = [threading.Thread(target=send, args=(t,)) for t in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {e.batch.count: e.position for e in everything(log)} == answers


def test_a_position_once_settled_is_never_given_again(tmp_path: Path, opening: Opening) -> None:
    log = opening(floor=5_000)
    assert log.append(batch()) == 5_000
    log.close()
    (tmp_path / "log" / f"{5_000:020d}.log").write_bytes(b"")  # a restored backup: shorter than what was settled
    log = opening(floor=5_200)
    assert log.append(batch(b"new")) == 5_200
    assert [e.batch.body for e in log.read(5_200, 1 << 20)] == [b"new"]


# --- 3. torn tails ---------------------------------------------------------------------------------


def test_an_append_cut_short_at_any_byte_is_cut_off_and_counted(tmp_path: Path, opening: Opening) -> None:
    log = opening()
    for n in range(3):
        log.append(batch(b"y" * 40, count=n))
    keep = everything(log)[1].next
    log.close()
    whole = newest(tmp_path).read_bytes()
    for size in range(keep, len(whole)):
        newest(tmp_path).write_bytes(whole[:size])
        log = opening()
        assert log.cut_bytes == size - keep
        assert [e.batch.count for e in everything(log)] == [0, 1]
        assert log.append(batch(count=9)) == keep
        assert [e.batch.count for e in everything(log)] == [0, 1, 9]
        assert log.damage == []
        log.close()


def test_a_tail_of_zeros_is_cut_off(tmp_path: Path, opening: Opening) -> None:
    log = opening()
    log.append(batch())
    log.close()
    with newest(tmp_path).open("ab") as file:
        file.write(bytes(10_000))
    log = opening()
    assert log.cut_bytes == 10_000
    assert len(everything(log)) == 1


# --- damage ----------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_flipped_bit_costs_at_most_its_own_entry_and_is_reported(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("flip")
    log = SegmentLog(folder / "log", segment_bytes=600, reserve_bytes=0)
    for n in range(12):
        log.append(batch(b"z" * 50, count=n))
    places = {e.batch.count: (e.position, e.next) for e in everything(log)}
    log.close()
    path = data.draw(st.sampled_from(sorted((folder / "log").glob("*.log"))))
    content = bytearray(path.read_bytes())
    bit = data.draw(st.integers(0, len(content) * 8 - 1))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    position = int(path.stem) + bit // 8
    hit = next(n for n, (start, end) in places.items() if start <= position < end)

    log = SegmentLog(folder / "log", reserve_bytes=0)
    try:
        assert [e.batch.count for e in everything(log)] == [n for n in range(12) if n != hit]
        if hit == 11:  # the very last entry: nothing after it tells a flipped bit from an append cut short
            assert log.cut_bytes == places[11][1] - places[11][0]
        else:
            assert log.damage == [Damage(*places[hit])]
        everything(log)
        assert len(log.damage) <= 1  # reported once, however often it is read
        log.append(batch(count=99))
        assert everything(log)[-1].batch.count == 99
    finally:
        log.close()


def test_a_frame_inside_a_clients_body_is_never_taken_for_an_entry(tmp_path: Path, opening: Opening) -> None:
    log = opening()
    log.append(batch(b"first"))
    frame = newest(tmp_path).read_bytes()
    log.append(batch(b"::" + frame + b"::", count=2))
    log.append(batch(b"third", count=3))
    start = everything(log)[1].position
    log.close()
    content = bytearray(newest(tmp_path).read_bytes())
    content[start + HEADER.size] ^= 0xFF
    newest(tmp_path).write_bytes(content)
    log = opening()
    assert [e.batch.count for e in everything(log)] == [1, 3]


def test_a_segment_that_went_missing_is_reported_and_the_rest_is_read(tmp_path: Path, opening: Opening) -> None:
    log = opening(segment_bytes=300)
    for n in range(9):
        log.append(batch(count=n))
    log.close()
    gone = sorted((tmp_path / "log").glob("*.log"))[1]
    end = sorted((tmp_path / "log").glob("*.log"))[2].stem
    gone.unlink()
    log = opening()
    assert [e.batch.count for e in everything(log)] == [0, 1, 2, 6, 7, 8]
    assert log.damage == [Damage(int(gone.stem), int(end))]


# --- 4. after a failed sync ------------------------------------------------------------------------


def test_after_a_failed_sync_nothing_is_acknowledged_until_the_log_is_opened_anew(
    tmp_path: Path, opening: Opening
) -> None:
    log = opening()
    log.append(batch(count=1))
    read_end, write_end = os.pipe()
    try:
        os.dup2(write_end, log._writer._fd)  # a descriptor that takes no sync
        for count in (2, 3):
            with pytest.raises(Refused):
                log.append(batch(count=count))
    finally:
        os.close(read_end)
        os.close(write_end)
    assert [e.batch.count for e in everything(log)] == [1]
    log.close()
    log = opening()
    log.append(batch(count=4))
    assert [e.batch.count for e in everything(log)] == [1, 4]


@needs_strace
@pytest.mark.parametrize("call", ["fdatasync", "pwritev2"])
def test_an_io_error_of_the_disk_refuses_and_keeps_what_was_acknowledged(tmp_path: Path, call: str) -> None:
    program = """
        import pathlib, sys
        from footfall.errors import Refused
        from footfall.logs.segments import SegmentLog
        from footfall.ports import Batch
        log = SegmentLog(pathlib.Path(sys.argv[1]), reserve_bytes=0)
        for n in range(6):
            try:
                log.append(Batch(n, "s", "segment", "batch", 1, (), "", "", b"x"))
                print(n, flush=True)
            except Refused:
                print("refused", flush=True)
        log.close()
    """
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"inject={call}:error=EIO:when=3", sys.executable, "-c",
         textwrap.dedent(program), str(tmp_path / "log")],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == ["0", "1"] + ["refused"] * 4, done.stderr
    log = SegmentLog(tmp_path / "log", reserve_bytes=0)
    assert [e.batch.received_at for e in everything(log)] == [0, 1]
    log.close()


# --- 5. one process at a time ----------------------------------------------------------------------


def test_a_second_opening_conflicts_until_the_first_is_closed(tmp_path: Path, opening: Opening) -> None:
    log = opening()
    with pytest.raises(Conflict, match="--data"):
        SegmentLog(tmp_path / "log")
    log.append(batch())
    log.close()
    assert len(everything(opening())) == 1


def test_a_second_process_conflicts(tmp_path: Path, opening: Opening) -> None:
    opening()
    program = (
        "import pathlib, sys; from footfall.logs.segments import SegmentLog; SegmentLog(pathlib.Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "log")], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Conflict" in done.stderr


# --- 6. trim ---------------------------------------------------------------------------------------


def test_trim_gives_disk_back_and_never_touches_what_is_at_or_after_it(tmp_path: Path, opening: Opening) -> None:
    log = opening(segment_bytes=500)
    for n in range(60):
        log.append(batch(count=n))
    entries = everything(log)
    for at in (entries[7], entries[31], entries[59]):
        log.trim(at.position)
        assert log.first() <= at.position
        assert [e.batch.count for e in log.read(at.position, 1 << 40)] == list(range(at.batch.count, 60))
    log.trim(log.end())
    assert len(list((tmp_path / "log").glob("*.log"))) == 1
    end = log.end()
    log.close()
    log = opening()
    assert log.end() == end
    assert log.append(batch()) == end


def test_reading_from_before_what_was_trimmed_starts_at_the_first_entry(opening: Opening) -> None:
    log = opening(segment_bytes=500)
    for n in range(20):
        log.append(batch(count=n))
    log.trim(everything(log)[10].position)
    kept = everything(log)
    assert kept[0].position == log.first()
    assert [e.batch.count for e in kept] == list(range(kept[0].batch.count, 20))
    assert log.damage == []


def test_files_that_are_trimmed_while_somebody_reads_are_no_damage(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = opening(segment_bytes=500)
    for n in range(20):
        log.append(batch(count=n))
    entries = everything(log)
    reading = log.read(0, 1 << 40)
    found = [next(reading)]
    rest = threading.Thread(target=lambda: found.extend(reading))
    unlink, gone = Path.unlink, list[Path]()

    def slowly(path: Path, *, missing_ok: bool = False) -> None:
        """Gone from the folder, and known as such only when the reader has had its time."""
        unlink(path, missing_ok=missing_ok)
        gone.append(path)
        if len(gone) == 2:  # of the first one the reader has the file already
            rest.start()
            rest.join(0.3)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", slowly)
        log.trim(entries[10].position)
    rest.join()
    assert log.damage == []
    assert [e.batch.count for e in found[-5:]] == [15, 16, 17, 18, 19]


# --- limits ----------------------------------------------------------------------------------------


def test_a_backlog_at_its_limit_makes_clients_wait_until_it_is_trimmed(opening: Opening) -> None:
    log = opening(segment_bytes=400, backlog_bytes=2_000)
    while log.end() < 1_800:
        log.append(batch(b"x" * 100))
    with pytest.raises(Unavailable) as refusal:
        log.append(batch(b"x" * 200))
    assert refusal.value.retry_after_s >= 1
    kept = everything(log)
    log.trim(kept[-1].position)
    log.append(batch(b"more"))
    assert everything(log)[-1].batch.body == b"more"


def test_space_is_kept_free_on_the_disk_for_settling(opening: Opening) -> None:
    log = opening(reserve_bytes=1 << 60)
    with pytest.raises(Unavailable, match="free"):
        log.append(batch())
    assert everything(log) == []


def test_who_is_refused_does_not_learn_where_the_log_is_and_the_program_says_it_once(
    tmp_path: Path, opening: Opening, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observe.LOGGER, "propagate", True)
    log = opening(reserve_bytes=1 << 60)
    for _ in range(3):
        with pytest.raises(Unavailable) as refusal:
            log.append(batch())
        assert str(tmp_path) not in str(refusal.value)
    (said,) = [record for record in caplog.records if record.message == "log refuses for now"]
    assert vars(said)["folder"] == tmp_path / "log"


def test_a_full_disk_leaves_nothing_half_written_and_heals_by_itself(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: the write is cut short, then refused."""
    program = f"""
        import pathlib, resource, sys
        from footfall.errors import Unavailable
        from footfall.logs.segments import SegmentLog
        from footfall.ports import Batch
        log = SegmentLog(pathlib.Path(sys.argv[1]), reserve_bytes=0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, {resource.RLIM_INFINITY}))
        for n in range(8):
            try:
                log.append(Batch(n, "s", "segment", "batch", 1, (), "", "", b"x" * 900))
                print(n)
            except Unavailable as error:
                print("full", error.retry_after_s)
        resource.setrlimit(resource.RLIMIT_FSIZE, ({resource.RLIM_INFINITY}, {resource.RLIM_INFINITY}))
        log.append(Batch(99, "s", "segment", "batch", 1, (), "", "", b"x" * 900))
        assert log.end() == sum(e.next - e.position for e in log.read(0, 1 << 40))
        log.close()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "log")], capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["0", "1", "2", "3", "4", "full 30", "full 30", "full 30"], done.stderr
    log = SegmentLog(tmp_path / "log", reserve_bytes=0)
    assert log.cut_bytes == 0
    assert [e.batch.received_at for e in everything(log)] == [0, 1, 2, 3, 4, 99]
    log.close()


def test_the_callers_thread_never_answers_and_each_is_answered_once(opening: Opening) -> None:
    log = opening()
    answers: list[tuple[int | Exception, str]] = []
    for n in range(100):
        log.submit(batch(count=n), lambda r: answers.append((r, threading.current_thread().name)))
    log.close()
    assert len(answers) == 100
    assert {name for _, name in answers} == {"footfall-log"}
    assert [r for r, _ in answers] == sorted(r for r, _ in answers if isinstance(r, int))
    with pytest.raises(Unavailable, match="closed"):
        log.append(batch())


def test_whoever_comes_too_late_is_answered_all_the_same(tmp_path: Path, opening: Opening) -> None:
    """A thread that saw the log open, and gives it a batch when its writer has ended."""
    opening().close()
    path = newest(tmp_path)
    writer = Writer(path.parent, 0, 0, segment_bytes=1, backlog_bytes=1, reserve_bytes=0, held=int, opened=print)
    writer.close()
    answers: list[int | Exception] = []
    writer.submit(b"head", b"body", answers.append)
    writer.turn(answers.append)
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]


def test_one_callers_fault_does_not_keep_the_others_waiting(opening: Opening) -> None:
    log = opening()

    def faulty(_: int | Exception) -> None:
        raise ValueError("mine alone")

    for _ in range(10):
        log.submit(batch(), faulty)
    assert log.append(batch()) > 0


def test_files_are_for_their_owner_only(tmp_path: Path, opening: Opening) -> None:
    opening(segment_bytes=100)
    assert (tmp_path / "log").stat().st_mode & 0o077 == 0
    assert newest(tmp_path).stat().st_mode & 0o077 == 0


assert resource.RLIM_INFINITY == -1  # as the program above writes it
