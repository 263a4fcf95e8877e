"""The one thread that writes: everything waiting becomes one write and one fdatasync, then everyone gets an answer."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from footfall import disk, observe
from footfall.errors import FootfallError, Refused, Unavailable
from footfall.logs.frames import HEADER, header_of

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_BUFFERS: Final = 1020  # below IOV_MAX (1024), a multiple of the three buffers of a frame
_GROUP_BYTES: Final = 32 << 20
_SAY_EVERY_S: Final = 10

Done = Callable[[int | Exception], None]
Waiting = tuple[bytes, bytes, Done]


class Writer:
    """Appends frames to the newest segment file.

    ``durable`` is the position up to which everything survives a power cut. Each answer is given from its own thread,
    but to those who come when that has ended. ``opened(base)`` is told of each segment file it begins, ``held()`` says
    how many bytes the log holds. What it refuses with reaches clients and names no folder; the program's own log does.
    """

    def __init__(
        self,
        folder: Path,
        base: int,
        end: int,
        *,
        segment_bytes: int,
        backlog_bytes: int,
        reserve_bytes: int,
        held: Callable[[], int],
        opened: Callable[[int], None],
    ) -> None:
        self.durable = end
        self._folder = folder
        self._base = base
        self._segment_bytes = segment_bytes
        self._backlog_bytes = backlog_bytes
        self._reserve_bytes = reserve_bytes
        self._held = held
        self._opened = opened
        self._free_bytes = 0
        self._looked_at = self._said_at = float("-inf")
        self._fault: FootfallError | None = None
        self._over = False
        self._fd = os.open(segment_path(folder, base), os.O_WRONLY | os.O_CLOEXEC)
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="footfall-log", daemon=True)
        self._thread.start()

    def submit(self, head: bytes, body: bytes, done: Done) -> None:
        self._queue.put((head, body, done))
        if self._over:  # the thread may have looked for the last time before that
            self._refuse_the_rest()

    def turn(self, done: Done) -> None:
        """Begin a new file, once what waits is written; ``done`` is told where."""
        self.submit(b"", b"", done)

    def close(self) -> None:
        """Write what is waiting, answer, and end. Later appends are refused."""
        self._queue.put(None)
        self._thread.join()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _run(self) -> None:
        last = False
        while not last:
            group, last = self._group()
            turns = [done for head, _, done in group if not head]  # an entry has one
            group = [item for item in group if item[0]]
            self._write(group)
            for done in turns:
                self._turn(done)
        self._fault = self._fault or Unavailable("The log is closed")
        self._over = True
        self._refuse_the_rest()

    def _write(self, group: list[Waiting]) -> None:
        if not group:
            return
        try:
            self._check_room(group)
            position = self._commit(group)
        except Exception as error:
            failure = error if isinstance(error, FootfallError) else self._refuse_from_now("write", error)
            self._say(failure)
            for _, _, done in group:
                _answer(done, failure)
            return
        for head, body, done in group:
            _answer(done, position)
            position += HEADER.size + len(head) + len(body)

    def _turn(self, done: Done) -> None:
        try:
            if self._fault is not None:
                raise self._fault
            if self.durable > self._base:
                self._rotate()
        except Exception as error:
            _answer(done, error if isinstance(error, FootfallError) else self._refuse_from_now("open", error))
            return
        _answer(done, self._base)

    def _group(self) -> tuple[list[Waiting], bool]:
        """Wait for one batch, then take all that wait behind it; and whether the end was asked for."""
        group: list[Waiting] = []
        size = 0
        item = self._queue.get()
        while item is not None:
            group.append(item)
            size += len(item[1])
            if size >= _GROUP_BYTES:
                return group, False
            try:
                item = self._queue.get_nowait()
            except Empty:
                return group, False
        return group, True

    def _refuse_the_rest(self) -> None:
        while True:
            try:
                item = self._queue.get_nowait()
            except Empty:
                return
            if item is not None:
                _answer(item[2], self._fault or Unavailable("The log is closed"))

    def _check_room(self, group: list[Waiting]) -> None:
        if self._fault is not None:
            raise self._fault
        size = sum(HEADER.size + len(head) + len(body) for head, body, _ in group)
        if self._held() + size > self._backlog_bytes:
            raise Unavailable(
                f"The log holds {self._held()} bytes that are not settled yet, its limit is {self._backlog_bytes}",
                "Settle is behind: see its last error, or raise the limit",
                retry_after_s=10,
            )
        now = time.monotonic()
        if now - self._looked_at >= 1:
            disk = os.statvfs(self._folder)
            self._free_bytes, self._looked_at = disk.f_bavail * disk.f_frsize, now
        self._free_bytes -= size
        if self._free_bytes < self._reserve_bytes:
            raise Unavailable(
                f"Only {max(self._free_bytes, 0)} bytes are free on the disk of the log",
                f"Free disk space: {self._reserve_bytes} bytes are kept back so that settling can go on",
                retry_after_s=30,
            )

    def _commit(self, group: list[Waiting]) -> int:
        """Write and sync the group; returns the position of its first entry."""
        if self.durable - self._base >= self._segment_bytes:
            self._rotate()
        start = position = self.durable
        buffers: list[bytes] = []
        for head, body, _ in group:
            buffers += (header_of(head, body, position), head, body)
            position += HEADER.size + len(head) + len(body)
        try:
            _write_all(self._fd, buffers, start - self._base)
        except OSError as error:
            self._take_back(start)
            if error.errno in _FULL:
                self._looked_at = float("-inf")
                raise _full() from error
            raise self._refuse_from_now("write", error) from error
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            # After a failed sync the kernel may have dropped the dirty pages and forgotten the error: a second sync
            # that succeeds would prove nothing. Only opening anew, which reads what is there, is safe.
            self._take_back(start)
            raise self._refuse_from_now("fdatasync", error) from error
        self.durable = position
        return start

    def _rotate(self) -> None:
        path = segment_path(self._folder, self.durable)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno in _FULL:
                raise _full() from error
            raise self._refuse_from_now("open", error) from error
        try:
            disk.sync(self._folder)
        except OSError as error:
            os.close(fd)
            raise self._refuse_from_now("fsync of the folder", error) from error
        os.close(self._fd)
        self._fd, self._base = fd, self.durable
        self._opened(self._base)

    def _take_back(self, position: int) -> None:
        try:
            os.ftruncate(self._fd, position - self._base)
        except OSError as error:
            self._refuse_from_now("ftruncate", error)

    def _refuse_from_now(self, what: str, error: Exception) -> FootfallError:
        if self._fault is None:
            self._fault = Refused(
                f"The log takes nothing more: {what} failed ({getattr(error, 'strerror', None) or error})",
                "Check the disk, then restart; what was acknowledged is safe",
            )
            observe.went_wrong("log refuses", error, folder=self._folder, position=self.durable)
        return self._fault

    def _say(self, failure: FootfallError) -> None:
        now = time.monotonic()
        if self._fault is None and now - self._said_at >= _SAY_EVERY_S:
            observe.went_wrong("log refuses for now", failure, folder=self._folder)
            self._said_at = now


def _full() -> Unavailable:
    return Unavailable("The disk of the log is full", "Free disk space; clients will send again", retry_after_s=30)


def segment_path(folder: Path, base: int) -> Path:
    return folder / f"{base:020d}.log"


def _write_all(fd: int, buffers: list[bytes], offset: int) -> None:
    todo = iter(buffers)
    while some := [b for b in islice(todo, _BUFFERS) if b]:
        wanted = sum(map(len, some))
        written = os.pwritev(fd, some, offset)
        offset += written
        if written < wanted:
            rest = memoryview(b"".join(some))[written:]
            while rest:
                written = os.pwrite(fd, rest, offset)
                offset += written
                rest = rest[written:]


def _answer(done: Done, result: int | Exception) -> None:
    try:
        done(result)
    except Exception as error:  # one caller's fault must not keep the others waiting
        observe.went_wrong("log answer failed", error)
