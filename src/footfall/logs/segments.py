"""The log as segment files in a folder: the default ``Log``."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from footfall import disk, observe
from footfall.errors import Conflict, Refused, Unavailable
from footfall.logs.frames import Segment, head_of
from footfall.logs.writer import Writer, segment_path
from footfall.ports import Batch, Entry


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes [position, next) of the log that are not what was written. What can be read before and after them is."""

    position: int
    next: int


class SegmentLog:
    """Append-only files of framed entries, each file named by the position of its first byte.

    folder: made if missing; one process at a time may hold it (``Conflict`` otherwise).
    segment_bytes: a file that reaches this size is followed by a new one; ``trim`` removes whole files.
    backlog_bytes: the log refuses with ``Unavailable`` rather than hold more than this.
    reserve_bytes: of the disk, kept free: settling needs room, and only settling gives room back.
    floor: a position already settled. Should the log end before it (a restored or emptied folder), it goes on at
        ``floor``: positions given twice would be taken for settled.

    cut_bytes: removed at opening from the end of the newest file: an append that no one was told had succeeded.
    damage: found so far in the middle of files, by opening or by ``read``, which skips it. Each is reported once.
    """

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = 64 << 20,
        backlog_bytes: int = 16 << 30,
        reserve_bytes: int = 256 << 20,
        floor: int = 0,
    ) -> None:
        self.cut_bytes = 0
        self.damage: list[Damage] = []
        self._folder = folder
        self._guard = threading.Lock()
        self._lock_fd = _lock(folder)
        try:
            self._bases = _bases(folder) or [self._begin(floor)]
            end = self._recover()
            if end < floor:
                self._found(Damage(end, floor))
                self._bases.append(self._begin(floor))
                end = floor
            self._writer = Writer(
                folder,
                self._bases[-1],
                end,
                segment_bytes=segment_bytes,
                backlog_bytes=backlog_bytes,
                reserve_bytes=reserve_bytes,
                held=lambda: self.end() - self.first(),
                opened=self._opened,
            )
        except OSError as error:
            os.close(self._lock_fd)
            raise Refused(f"The log in {folder} cannot be opened: {error}", "Check the folder and its disk") from error
        except BaseException:
            os.close(self._lock_fd)
            raise

    def append(self, batch: Batch) -> int:
        answers: SimpleQueue[int | Exception] = SimpleQueue()
        self.submit(batch, answers.put)
        answer = answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def submit(self, batch: Batch, done: Callable[[int | Exception], None]) -> None:
        self._writer.submit(head_of(batch), batch.body, done)

    def read(self, start: int, limit_bytes: int) -> Iterator[Entry]:
        stop = self._writer.durable
        with self._guard:
            bases = list(self._bases)
        ends = [*bases[1:], stop]
        budget = limit_bytes
        for base, end in zip(bases, ends, strict=True):
            if end <= start or base >= stop:
                continue
            for entry in self._entries(base, max(start, base), min(end, stop)):
                yield entry
                budget -= entry.next - entry.position
                if budget <= 0:
                    return

    def first(self) -> int:
        return self._bases[0]

    def end(self) -> int:
        return self._writer.durable

    def turn(self) -> int:
        """Begin a new file, so that ``trim`` can forget all that was accepted before; returns its position."""
        answers: SimpleQueue[int | Exception] = SimpleQueue()
        self._writer.turn(answers.put)
        answer = answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def trim(self, position: int) -> None:
        with self._guard:
            gone = [b for b, after in zip(self._bases, self._bases[1:], strict=False) if after <= position]
            try:
                for base in gone:
                    segment_path(self._folder, base).unlink(missing_ok=True)
                    self._bases.remove(base)
                if gone:
                    disk.sync(self._folder)
            except OSError as error:
                raise Unavailable(f"Trim of the log in {self._folder} failed: {error}") from error

    def close(self) -> None:
        """Write and answer what is waiting, then let the folder go. Closing twice is fine."""
        if self._lock_fd >= 0:
            fd, self._lock_fd = self._lock_fd, -1
            self._writer.close()
            os.close(fd)

    # --- files -----------------------------------------------------------------------------------

    def _begin(self, base: int) -> int:
        os.close(os.open(segment_path(self._folder, base), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        disk.sync(self._folder)
        return base

    def _opened(self, base: int) -> None:
        with self._guard:
            self._bases.append(base)

    def _recover(self) -> int:
        """Check the newest file, cut what is torn off its end, and return where the log ends."""
        for base, after in zip(self._bases, self._bases[1:], strict=False):
            end = base + segment_path(self._folder, base).stat().st_size
            if end < after:
                self._found(Damage(end, after))
        base = self._bases[-1]
        path = segment_path(self._folder, base)
        size = path.stat().st_size
        whole = base
        for entry in self._entries(base, base, base + size, torn_end=True):
            whole = entry.next
        self.cut_bytes = base + size - whole
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            if self.cut_bytes:
                os.ftruncate(fd, whole - base)
                observe.went_wrong("log tail cut", position=whole, bytes=self.cut_bytes)
            # What a killed process wrote may still be in memory only; nobody may read it before it is on the disk.
            os.fsync(fd)
        finally:
            os.close(fd)
        disk.sync(self._folder)
        return whole

    def _entries(self, base: int, start: int, stop: int, *, torn_end: bool = False) -> Iterator[Entry]:
        """The entries of one file within [start, stop). Damage is reported and stepped over.

        torn_end: unreadable bytes at the very end are not damage but an append that was cut short.
        """
        try:
            fd = os.open(segment_path(self._folder, base), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # trimmed meanwhile, or somebody's hand: the latter is damage
            with self._guard:  # a trim under way is over then, and what it took is known
                trimmed = base < self.first()
            if not trimmed:
                self._found(Damage(start, stop))
            return
        try:
            segment = Segment(fd, base, stop)
            position = start
            while position < stop:
                entry = segment.entry(position)
                if entry is None:
                    found = segment.next_whole(position + 1)
                    if found is None and torn_end:
                        return
                    self._found(Damage(position, found if found is not None else stop))
                    if found is None:
                        return
                    position = found
                    continue
                yield entry
                position = entry.next
        except OSError as error:
            raise Unavailable(f"Reading the log in {self._folder} failed: {error}", "Check the disk") from error
        finally:
            os.close(fd)

    def _found(self, damage: Damage) -> None:
        if damage not in self.damage:
            self.damage.append(damage)
            observe.went_wrong("log damaged", position=damage.position, bytes=damage.next - damage.position)


def _bases(folder: Path) -> list[int]:
    return sorted(int(p.stem) for p in folder.glob("*.log") if p.stem.isdecimal())


def _lock(folder: Path) -> int:
    try:
        disk.make_folder(folder, 0o700)
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Refused(f"The log folder {folder} cannot be used: {error}", "Check its path and permissions") from error
    try:
        # The kernel drops the lock with the process, however it ends, so a stale lock cannot exist.
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise Conflict(
            f"Another process holds the log in {folder}", "Stop it, or use another data directory (--data)"
        ) from error
    return fd
