"""What the running program says about itself: one line a happening, for people or for machines.

No identity, address, key or body ever goes into a line; name a thing by its place (position, day, key of an object).
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

LOGGER: Final = logging.getLogger("footfall")

_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _details(record: logging.LogRecord) -> dict[str, Any]:
    return {k: v for k, v in vars(record).items() if k not in _PLAIN}


class JsonLines(logging.Formatter):
    """One JSON object a line: ``at`` (UTC, ms), ``level``, ``event``, then the details of the call."""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        line = {"at": at, "level": record.levelname.lower(), "event": record.getMessage(), **_details(record)}
        if record.exc_info is not None and record.exc_info[1] is not None:
            line["error"] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        return json.dumps(line, ensure_ascii=True, default=str)


class Words(logging.Formatter):
    """One line for a person: the time, the happening, its details as ``name=value``."""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%H:%M:%S", time.gmtime(record.created))
        details = " ".join(f"{k}={v}" for k, v in _details(record).items())
        error = f" {record.exc_info[1]}" if record.exc_info is not None and record.exc_info[1] is not None else ""
        # json.dumps would quote; here only line ends must not forge a second line.
        return f"{at} {record.getMessage()} {details}{error}".replace("\n", "\\n").replace("\r", "\\r").rstrip()


def configure(*, as_json: bool, quiet: bool = False, stream: TextIO | None = None) -> None:
    """Send happenings to ``stream`` (standard error by default); ``quiet`` keeps warnings and errors only."""
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(JsonLines() if as_json else Words())
    LOGGER.handlers[:] = [handler]
    LOGGER.propagate = False
    LOGGER.setLevel(logging.WARNING if quiet else logging.INFO)


def happened(event: str, **details: Any) -> None:
    LOGGER.info(event, extra=details)


def went_wrong(event: str, error: BaseException | None = None, **details: Any) -> None:
    LOGGER.warning(event, extra=details, exc_info=error)


def where(error: BaseException) -> str:
    """The line that raised it, as ``file.py:12``: of an error whose text may hold what must not go into a line."""
    frame = next(iter(traceback.extract_tb(error.__traceback__)[-1:]), None)
    return "" if frame is None else f"{Path(frame.filename).name}:{frame.lineno}"


@contextmanager
def span(event: str, **details: Any) -> Iterator[dict[str, Any]]:
    """Say ``event`` with its duration in seconds when the block ends; the block may add details to the dict it gets."""
    found: dict[str, Any] = dict(details)
    began = time.monotonic()
    try:
        yield found
    except BaseException as error:
        went_wrong(f"{event} failed", error, **found, took_s=round(time.monotonic() - began, 3))
        raise
    happened(event, **found, took_s=round(time.monotonic() - began, 3))
