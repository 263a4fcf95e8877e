"""Rows of an import that could not be used: told, and written down as they came so that they can be mended and sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from footfall.errors import Refused
from footfall.model.imports import BAD_TEXT_CHARS, FileImport
from footfall.ports import BadRow
from footfall.wiring.imports import ledger_of

if TYPE_CHECKING:
    from footfall.wiring.hub import Footfall

_DIGITS_MAX: Final = 19
_Write = Callable[[str, Mapping[str, Any] | None], Any]


def bad_rows_of(hub: Footfall, id: str) -> Iterator[BadRow]:
    """The rows that no event could be made of, then those that settling refused."""
    one = ledger_of(hub).get(id)
    yield from ledger_of(hub).bad_rows(id)
    yield from _quarantined(hub, one)


def write_bad_rows(hub: Footfall, id: str, path: Path) -> tuple[int, int]:
    """Write these rows into a new file that can be imported: CSV if they came as CSV, else JSON, each as it came.

    Returns how many are there, and how many are not, because their text was not kept whole. Raises ``Refused`` when
    there is such a file already.
    """
    one = ledger_of(hub).get(id)
    columns = [str(name) for name in one.settings.get("columns", ())] if one.format == "csv" else []
    written = cut = 0
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            write = _csv_into(file, columns, str(one.settings.get("delimiter") or ",")) if columns else _json_into(file)
            for bad in bad_rows_of(hub, id):
                row = _row_of(bad.text)
                # A character may have been cut off.
                if not bad.text or (row is None and len(bad.text.encode()) >= BAD_TEXT_CHARS - 4):
                    cut += 1
                else:
                    write(bad.text, row)
                    written += 1
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}", "Name a file that is not there yet") from error
    return written, cut


def _csv_into(file: IO[str], columns: list[str], delimiter: str) -> _Write:
    between = "\t" if delimiter == "t" else delimiter

    def line(values: Iterable[Any]) -> None:
        file.write(between.join(_field(value, between) for value in values) + "\n")

    def write(text: str, row: Mapping[str, Any] | None) -> None:
        if not row or not row.keys() <= known:  # a row that could not be read may look like JSON
            file.write(text.rstrip("\r\n") + "\n")
        else:
            line(row.get(name) for name in columns)

    known = set(columns)
    line(columns)
    return write


def _json_into(file: IO[str]) -> _Write:
    # Never what was read of it: of a key that is twice, or a number that is too large, that is something else.
    return lambda text, _: file.write(text.rstrip("\r\n") + "\n")


def _field(value: Any, delimiter: str) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    quoted = not text or any(each in text for each in (delimiter, '"', "\n", "\r"))  # nothing and "" are two things
    return '"' + text.replace('"', '""') + '"' if quoted else text


def _row_of(text: str) -> Mapping[str, Any] | None:
    """What was read of a row before it turned out that it cannot be used; None for one that could not be read."""
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _quarantined(hub: Footfall, one: FileImport) -> Iterator[BadRow]:
    seen: set[int] = set()
    mark = f'"event_id":"{one.id}-'
    for code, message, body in hub.ledger.quarantined_with(one.stream, mark):
        told = body.partition(mark)[2].partition('"')[0]
        if not (told.isascii() and told.isdecimal() and len(told) < _DIGITS_MAX):  # of whoever sends to that stream
            continue
        number = int(told)
        if number not in seen:  # one that was sent again after a crash was refused twice
            seen.add(number)
            event = _row_of(body) or {}
            text = json.dumps(event.get("attributes", {}), ensure_ascii=False, separators=(",", ":"))
            yield BadRow(number, 0, "", code, message, text[:BAD_TEXT_CHARS])
