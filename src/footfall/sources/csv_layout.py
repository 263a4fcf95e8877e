"""What the head of a CSV file tells: its delimiter, the names of its columns, and which of them are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import msgspec

from footfall.errors import Refused
from footfall.model.imports import ReadOptions
from footfall.sources.csv_fields import Fields, Incomplete, Malformed, fields_of
from footfall.sources.held import ROW_BYTES_MAX, Held
from footfall.sources.text import SAMPLE_BYTES

COLUMNS_MAX: Final = 16_384
NAME_BYTES_MAX: Final = 1_000
# Tried in this order where the delimiter is to be found.
DELIMITERS: Final = (",", ";", "t", "|")
_SAMPLE_ROWS: Final = 100


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one file.

    names: of all of them. kept: places of those that become part of a row, by name. first: the first row, as it came.
    """

    fields: Fields
    delimiter: str
    names: tuple[str, ...]
    kept: tuple[int, ...]
    first: tuple[str, ...]

    @property
    def kept_names(self) -> tuple[str, ...]:
        return tuple(self.names[place] for place in self.kept)

    def words(self) -> tuple[str, ...]:
        """The kept names as JSON strings."""
        return tuple(msgspec.json.encode(name).decode() for name in self.kept_names)

    @property
    def body_bytes(self) -> int:
        """The least that a body has."""
        return sum(len(word) + len(":null,") for word in self.words()) + 2


def layout_of(held: Held, options: ReadOptions, name: str) -> Layout | None:
    """Read the head of a file, and drop its header. None if there is nothing in it.

    Raises ``Refused`` when no rows can come of it: another delimiter, names that are missing or there twice.
    """
    held.fill(SAMPLE_BYTES)
    _skip_empty_lines(held)
    if not held.data:
        return None
    delimiter = options.delimiter or _found_delimiter(held.data[:SAMPLE_BYTES])
    fields = fields_of(delimiter)
    line, sample = held.line, held.data[:SAMPLE_BYTES]
    if options.header:
        first = _header(held, fields, name)
        if len(first) == 1:
            _check_delimiter(sample, delimiter, line, name)
        names = _names(first, line, name)
    else:
        first = _first_row(held, fields, name)
        names = tuple(_numbered(place) for place in range(len(first)))
    kept = _kept(names, options.fields, line, name)
    return Layout(fields, delimiter, names, kept, tuple(first))


def _skip_empty_lines(held: Held) -> None:
    while held.fill(2) and (empty := len(held.data) - len(held.data.lstrip(b"\r\n"))):
        held.drop(empty)
        held.fill(SAMPLE_BYTES)


def _header(held: Held, fields: Fields, name: str) -> list[str]:
    """The first row as names."""
    held.fill(ROW_BYTES_MAX)
    hint = "Its first row must have the names of the columns; say so if it has none"
    try:
        end, values = fields.row(held.data, 0, min(len(held.data), ROW_BYTES_MAX))
        names = [(value or b"").decode() for value in values]
    except Incomplete as fault:
        what = "a quote that is not closed" if fault.quoted else f"more than {ROW_BYTES_MAX} bytes"
        raise Refused(f"{name}, line {held.line}: the header has {what}", hint) from fault
    except Malformed as fault:
        raise Refused(f"{name}, line {held.line}: {fault.what}", hint) from fault
    except UnicodeDecodeError as error:
        what = f"{name}, line {held.line}: the header cannot be decoded"
        raise Refused(what, "Say in which encoding the file is, for example windows-1252") from error
    held.drop(end)
    return names


def _names(first: Sequence[str], line: int, name: str) -> tuple[str, ...]:
    names = tuple(text or _numbered(place) for place, text in enumerate(first))
    if len(names) > COLUMNS_MAX:
        raise Refused(f"{name}, line {line}: {len(names)} columns are more than {COLUMNS_MAX}", "Divide the file")
    for place, text in enumerate(names):
        if len(text.encode()) > NAME_BYTES_MAX:
            what = f"{name}, line {line}: the name of column {place + 1} has more than {NAME_BYTES_MAX} bytes"
            raise Refused(what, "Is this a header? Say so if there is none, or give the right delimiter")
    return names


def _numbered(place: int) -> str:
    return f"column_{place + 1}"


def _kept(names: Sequence[str], wanted: Sequence[str], line: int, name: str) -> tuple[int, ...]:
    """Places of the wanted columns, or of all, sorted by their names."""
    places: dict[str, int] = {}
    chosen = set(wanted)
    for place, text in enumerate(names):
        if text in places and (not chosen or text in chosen):
            what = f"{name}, line {line}: columns {places[text] + 1} and {place + 1} have the same name"
            raise Refused(what, "Rename one of them; if this is no header, say that there is none")
        places.setdefault(text, place)
    if missing := [text for text in wanted if text not in places]:
        what = f"{name}, line {line}: there is no column {missing[0]!r} among {len(names)}"
        raise Refused(what, "Choose other fields, or give the right delimiter and header; --preview shows the columns")
    return tuple(places[text] for text in sorted(chosen or places))


def _first_row(held: Held, fields: Fields, name: str) -> list[str]:
    """The first row that can be read, of a file without a header: it says how many columns there are."""
    held.fill(ROW_BYTES_MAX)
    values = next(_readable(fields, held.data[:ROW_BYTES_MAX], whole=True), None)
    if values is None:
        raise Refused(f"{name}, line {held.line}: there is no row that can be read", "Give the right delimiter")
    if len(values) > COLUMNS_MAX:
        what = f"{name}, line {held.line}: {len(values)} columns are more than {COLUMNS_MAX}"
        raise Refused(what, "Divide the file")
    return [(value or b"").decode("utf-8", "replace") for value in values]


def _check_delimiter(sample: bytes, delimiter: str, line: int, name: str) -> None:
    """A single column is none when another delimiter divides header and rows into equally many fields."""
    for other in DELIMITERS:
        counts = _counts(fields_of(other), sample) if other != delimiter else []
        if len(counts) > 1 and len(set(counts)) == 1 and counts[0] > 1:
            word = "a tab" if other == "t" else repr(other)
            what = f"{name}, line {line}: {delimiter!r} divides nothing here, {word} divides it into {counts[0]} fields"
            raise Refused(what, f"Give the delimiter {other}")


def _found_delimiter(sample: bytes) -> str:
    """The one that divides most rows as it divides the first, into as many fields as possible."""
    best, most = DELIMITERS[0], (0, 0)
    for each in DELIMITERS:
        counts = _counts(fields_of(each), sample)
        if counts and counts[0] > 1:
            score = (sum(count == counts[0] for count in counts), counts[0])
            best, most = (each, score) if score > most else (best, most)
    return best


def _counts(fields: Fields, sample: bytes) -> list[int]:
    """How many fields the first rows have."""
    return [len(values) for values in islice(_readable(fields, sample), _SAMPLE_ROWS)]


def _readable(fields: Fields, sample: bytes, *, whole: bool = False) -> Iterator[list[bytes | None]]:
    """The rows of a sample, empty lines and what cannot be read left out, as ``csv_exact`` finds them.

    whole: a row that does not end in the sample does not end behind it either.
    """
    at = lines_to = 0
    while at < len(sample):
        line_end = sample.find(b"\n", at) + 1 or len(sample)
        try:
            end, values = fields.row(sample, at, line_end if at < lines_to else len(sample))
        except Malformed as fault:
            lines_to, at = max(lines_to, fault.at), line_end
        except Incomplete:
            if at >= lines_to and not whole:
                return
            lines_to, at = len(sample), line_end
        else:
            at = end
            if values != [None]:
                yield values
