"""Files of events as requests: NDJSON, JSON and CSV, gzipped or not.

An event without an id gets one from the file's name, its place and its text, so that sending a file again, after a
crash or by mistake, counts nothing twice.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, TextIO, cast

from footfall.client.sender import Request
from footfall.errors import BadRecord, Refused

Event = dict[str, Any]

SPACE: Final = uuid.UUID("6f7a1d5e-9d1b-5b0e-8a53-0f6b1c9f2f10")  # the namespace of ids made here; never change it
BATCH_BYTES_MAX: Final = 450_000  # under the 500 kB that clients of this dialect keep to


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a dialect's batches look: where they go, the name of the list, and the name of an event's id."""

    path: str
    list_name: str
    id_name: str


DIALECTS: Final = {
    "segment": Dialect("/v1/batch", "batch", "messageId"),
    "native": Dialect("/events", "events", "event_id"),
}


def read_requests(path: Path, dialect: str = "native", *, batch: int = 100) -> Iterator[Request]:
    """Yield the events of a file as requests of at most ``batch`` events.

    The ending says the form: ``.csv`` (a header of field names; ``properties.price:number`` nests and types), else
    JSON: one event a line, one array, or one object with the dialect's list. Gzip is seen by itself. ``-`` is standard
    input, as JSON.

    Raises ``Refused`` for a file that cannot be read and ``BadRecord`` that names the line of a record that is not an
    event; what came before it is already yielded.
    """
    shape = DIALECTS.get(dialect)
    if shape is None:
        raise Refused(f"There is no dialect {dialect}", f"Choose one of: {', '.join(DIALECTS)}")
    return _batches(_identified(_events(path, shape), path.name, shape), shape, batch)


def _events(path: Path, shape: Dialect) -> Iterator[tuple[int, Event]]:
    """Yield (line or place, event)."""
    try:
        with _opened(path) as text:
            yield from _csv(text) if path.name.removesuffix(".gz").endswith(".csv") else _json(text, shape)
    except (OSError, EOFError, zlib.error) as fault:
        raise Refused(f"Cannot read {path}: {fault}", "Is the path right, and the file whole?") from fault
    except UnicodeDecodeError as fault:
        raise Refused(f"{path} is not UTF-8: {fault}", "Convert it first, with `iconv -t UTF-8` for example") from fault


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    stdin = cast(io.BufferedReader, sys.stdin.buffer)
    with nullcontext(stdin) if path.name == "-" else path.open("rb") as raw:
        zipped = raw.peek(2)[:2] == b"\x1f\x8b"
        with gzip.GzipFile(fileobj=raw) if zipped else nullcontext(raw) as data:
            text = io.TextIOWrapper(data, encoding="utf-8-sig", newline="")
            try:
                yield text
            finally:
                text.detach()  # or it would close what is not its own


def _json(text: TextIO, shape: Dialect) -> Iterator[tuple[int, Event]]:
    lines = ((number, line) for number, line in enumerate(text, start=1) if line.strip())
    for place, (number, line) in enumerate(lines):
        try:
            value = _read(line)
        except ValueError as fault:
            # One document over many lines can begin with a line that is no JSON by itself; its rest decides.
            if place > 0:
                raise BadRecord("not_json", f"line {number} is not JSON: {fault}") from fault
            value = _document(line + "".join(rest for _, rest in lines))
        if isinstance(value, dict) and isinstance(value.get(shape.list_name), list):
            value = value[shape.list_name]
        if isinstance(value, list):
            yield from enumerate(_event(v, n) for n, v in enumerate(value))
        else:
            yield number, _event(value, number)


def _read(text: str) -> Any:
    """A JSON value. Raises ``ValueError`` for anything else, NaN and values nested too deep to be read included."""
    try:
        return _JSON.decode(text)
    except RecursionError as fault:
        raise ValueError("it is nested too deep") from fault


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


# Python would read NaN and write it again, and the collector refuse all the events of that request.
_JSON: Final = json.JSONDecoder(parse_constant=_no_number)


def _document(text: str) -> object:
    try:
        return _read(text)
    except ValueError as fault:
        raise BadRecord("not_json", f"neither JSON lines nor one JSON document: {fault}") from fault


def _event(value: object, place: int) -> Event:
    if not isinstance(value, dict):
        raise BadRecord("not_an_event", f"record {place} is {type(value).__name__}, not an object")
    return value


def _csv(text: TextIO) -> Iterator[tuple[int, Event]]:
    rows = csv.reader(text, strict=True)
    try:
        header = [_column(name) for name in next(rows, [])]
        for row in rows:
            if len(row) != len(header):
                raise BadRecord("columns", f"line {rows.line_num} has {len(row)} fields, the header {len(header)}")
            yield rows.line_num, _nested(zip(header, row, strict=True), rows.line_num)
    except csv.Error as fault:
        raise BadRecord("not_csv", f"line {rows.line_num}: {fault}") from fault


def _boolean(text: str) -> bool:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    raise ValueError(f"{text!r} is neither true nor false")


def _number(text: str) -> int | float:
    value = _read(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{text!r} is not a number")
    return value


_TYPES: Final[dict[str, Callable[[str], Any]]] = {
    "": str, "string": str, "number": _number, "boolean": _boolean, "json": _read,
}  # fmt: skip


def _column(name: str) -> tuple[list[str], Callable[[str], Any]]:
    path, _, kind = name.strip().partition(":")
    if kind not in _TYPES:
        raise Refused(f"The column {name} has no type {kind}", "Types are string, number, boolean and json")
    return path.split("."), _TYPES[kind]


def _nested(fields: Iterable[tuple[tuple[list[str], Callable[[str], Any]], str]], line: int) -> Event:
    """Put each value at its dotted path; an empty field is an absent one."""
    event: Event = {}
    for (path, convert), text in fields:
        if text == "":
            continue
        try:
            _put(event, path, convert(text))
        except ValueError as fault:
            raise BadRecord("value", f"line {line}, column {'.'.join(path)}: {fault}") from fault
    return event


def _put(event: Event, path: list[str], value: object) -> None:
    place = event
    for depth, part in enumerate(path[:-1], start=1):
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise ValueError(f"{'.'.join(path[:depth])} has a value of its own")
    if isinstance(place.get(path[-1]), dict):
        raise ValueError("another column has put values within it")
    place[path[-1]] = value


def _identified(events: Iterable[tuple[int, Event]], name: str, shape: Dialect) -> Iterator[Event]:
    for place, event in events:
        if not event.get(shape.id_name):
            text = json.dumps(event, sort_keys=True, ensure_ascii=True)
            event[shape.id_name] = str(uuid.uuid5(SPACE, f"{name}\n{place}\n{text}"))
        yield event


def _batches(events: Iterable[Event], shape: Dialect, batch: int) -> Iterator[Request]:
    """Pack events into bodies, by count and by bytes; what was read before a bad record is packed before it is told."""
    texts: list[bytes] = []
    size = 0
    try:
        for event in events:
            # ASCII with escapes: half a surrogate pair has no UTF-8, and judging it is the collector's work.
            text = json.dumps(event, separators=(",", ":")).encode("ascii")
            if texts and (len(texts) >= batch or size + len(text) > BATCH_BYTES_MAX):
                yield _request(texts, shape)
                texts, size = [], 0
            texts.append(text)
            size += len(text) + 1
    except BadRecord:
        if texts:
            yield _request(texts, shape)
        raise
    if texts:
        yield _request(texts, shape)


def _request(texts: list[bytes], shape: Dialect) -> Request:
    return Request(shape.path, f'{{"{shape.list_name}":['.encode() + b",".join(texts) + b"]}", len(texts))
