"""A stream through another Python process: bytes in at its stdin, bytes out of its stdout, bounded memory."""

from __future__ import annotations

import fcntl
import os
import selectors
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final

READ_BYTES: Final = 1 << 20
PIPE_BYTES: Final = 1 << 20
ERROR_MAX: Final = 4096


class WorkerFailed(Exception):
    """The process ended with another exit code than 0; the text is what it said."""


def piped(program: Path, head: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Run ``program``, send it ``head`` and ``chunks``, and yield what it answers.

    ``chunks`` is read in the caller's thread and only as fast as the process takes it. What was yielded is good only
    when the iteration ends without ``WorkerFailed``. Giving up the iteration kills the process.
    """
    # -I: neither the folder of the program nor the caller's environment is a place to import from.
    words, pipe = [sys.executable, "-I", str(program)], subprocess.PIPE
    # Looking up the names of a stack that nobody reads takes Rust longer than all the rest of a refusal.
    env = {**os.environ, "RUST_BACKTRACE": "0", "RUST_LIB_BACKTRACE": "0"}
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, env=env) as process:  # noqa: S603 - our own
        try:
            said = yield from _exchanged(process, iter(chain([head], chunks)))
        except BaseException:
            process.kill()
            raise
        code = process.wait()
    if code:
        text = said.decode("utf-8", "replace").strip().splitlines()
        raise WorkerFailed(text[-1] if text else f"the process ended with {code}")


def _exchanged(process: subprocess.Popen[bytes], source: Iterator[bytes]) -> Any:
    """Yield stdout while feeding stdin; return the beginning of stderr."""
    stdin, stdout, stderr = _pipes(process)
    said = bytearray()
    waiting = memoryview(b"")
    with selectors.DefaultSelector() as ready:
        ready.register(stdin, selectors.EVENT_WRITE)
        ready.register(stdout, selectors.EVENT_READ)
        ready.register(stderr, selectors.EVENT_READ)
        while ready.get_map():
            while not waiting and not stdin.closed:
                chunk = next(source, None)
                if chunk is None:
                    _closed(ready, stdin)
                else:
                    waiting = memoryview(chunk)
            for key, _ in ready.select():
                if key.fileobj is stdin:
                    waiting = _written(ready, stdin, waiting)
                    continue
                data = os.read(key.fd, READ_BYTES)
                if not data:
                    ready.unregister(key.fileobj)
                elif key.fileobj is stdout:
                    yield data
                elif len(said) < ERROR_MAX:
                    said += data
    return bytes(said)


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    if stdin is None or stdout is None or stderr is None:
        raise ValueError("the process was started without pipes")
    os.set_blocking(stdin.fileno(), False)
    for pipe in (stdin, stdout):
        with suppress(OSError, AttributeError):  # a wish: fewer switches between the processes
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return stdin, stdout, stderr


def _written(ready: selectors.BaseSelector, stdin: IO[bytes], waiting: memoryview) -> memoryview:
    try:
        return waiting[os.write(stdin.fileno(), waiting) :]
    except BlockingIOError:
        return waiting
    except BrokenPipeError:
        # It ended, or wants no more; what it says tells which.
        _closed(ready, stdin)
        return memoryview(b"")


def _closed(ready: selectors.BaseSelector, stdin: IO[bytes]) -> None:
    ready.unregister(stdin)
    stdin.close()
