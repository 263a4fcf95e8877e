"""Text of any encoding as pieces of UTF-8.

What cannot be decoded becomes bytes that are no UTF-8, so that it is found where the row is read and spoils that row
only. A byte order mark wins over what was asked for (WHATWG Encoding, "decode"); it is never part of the text.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Final

from footfall.errors import Refused

# So much is looked at before the first row is read.
SAMPLE_BYTES: Final = 64 << 10
PIECE_BYTES: Final = 1 << 20
UTF_8: Final = "utf-8"
SINGLE_BYTE: Final = "windows-1252"

_MARKS: Final = (
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Python's own inventions, of which no file is made.
_NO_FILES: Final = frozenset(["idna", "punycode", "raw_unicode_escape", "unicode_escape", "undefined", "utf_7"])
_NAMES: Final = {"ascii": UTF_8, "utf-8-sig": UTF_8, "utf-16": "utf-16-le", "utf-32": "utf-32-le"}

_FOREIGN: Final = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip (or an Excel workbook)"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"PAR1\x15", "Parquet"),
    (b"%PDF-", "PDF"),
    (b"-----BEGIN PGP MESSAGE", "OpenPGP"),
)
_SEQUENCE: Final = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH: Final = re.compile(rb"[\x80-\xff]+")
_UNDEFINED: Final = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_UNREADABLE: Final = "footfall.unreadable"


def _unreadable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff", error.end


codecs.register_error(_UNREADABLE, _unreadable)


def decoded(
    chunks: Iterable[bytes], encoding: str, *, name: str, single_bytes: bool = False
) -> tuple[str, Iterator[bytes]]:
    """The encoding, and the text as UTF-8 in pieces of bounded size without byte order mark.

    encoding: as ``codecs`` knows it; empty finds it in the first 64 KB: a byte order mark, UTF-16 by its zeros, else
    UTF-8. single_bytes: text that is surely not UTF-8 may also be Windows-1252.
    Raises ``Refused`` when there is no such encoding, or when the file ``name`` is surely not text.
    """
    head, rest = sampled(_pieces(chunks))
    for magic, kind in _FOREIGN:
        if head.startswith(magic):
            raise Refused(f"{name} is {kind} data, not text", "Say how it is packed, or give the file its extension")
    found, mark = _found(head, encoding, single_bytes)
    pieces = chain([head[mark:]], rest)
    return found, pieces if found == UTF_8 else _converted(pieces, found)


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for at in range(0, len(chunk), PIECE_BYTES):
            yield bytes(chunk[at : at + PIECE_BYTES])


def with_line_feeds(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The text with lines that end in LF, or in CR LF as they came; not in CR alone, as on old Macs.

    Only a text of whose lines none of the first 64 KB ends in LF is changed.
    """
    head, rest = sampled(pieces)
    if b"\n" in head or b"\r" not in head:
        return chain([head], rest)
    return (piece.replace(b"\r", b"\n") for piece in chain([head], rest))


def sampled(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first 64 KB, however the file was cut, and what follows."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= SAMPLE_BYTES:
            break
    text = b"".join(held)
    return text[:SAMPLE_BYTES], chain([text[SAMPLE_BYTES:]], pieces)


def _found(head: bytes, wanted: str, single_bytes: bool) -> tuple[str, int]:
    """The encoding and the length of its mark."""
    asked = _known(wanted) if wanted else ""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    if asked:
        return asked, 0
    if wide := _wide(head):
        return wide, 0
    return (SINGLE_BYTE if single_bytes and _is_single_byte(head) else UTF_8), 0


def _known(wanted: str) -> str:
    try:
        found = codecs.lookup(wanted).name
        with suppress(UnicodeError):
            b" ".decode(found)
    except (LookupError, ValueError):  # no such encoding, one of other things than text, no name at all
        found = ""
    if not found or found.replace("-", "_") in _NO_FILES:
        raise Refused(f"there is no encoding {wanted!r}", "Say for example utf-8, utf-16, windows-1252 or shift_jis")
    return _NAMES.get(found, found)


def _wide(head: bytes) -> str:
    """UTF-16 without a mark: delimiters, digits and all ends of lines have a zero beside them, always on one side."""
    pairs, feeds = len(head) // 2, head.count(b"\n")
    first, second = head[0 : 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    enough = pairs if feeds else 4 * pairs  # of ten times their number; more where no line ends
    if second * 10 > enough and first * 10 < second and head.count(b"\n\0") == feeds:
        return "utf-16-le"
    if first * 10 > enough and second * 10 < first and head.count(b"\0\n") == feeds:
        return "utf-16-be"
    return ""


def _is_single_byte(head: bytes) -> bool:
    """Letters above ASCII stand alone, as in Western words, and none of them can be UTF-8."""
    whole = head if len(head) < SAMPLE_BYTES else head[:-3]  # a letter may be cut at the end
    runs = _HIGH.findall(whole)
    if not runs or _SEQUENCE.search(head) or _UNDEFINED.search(head):
        return False
    return sum(len(run) == 1 for run in runs) * 5 >= len(runs) * 4


def _converted(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(_UNREADABLE)
    for piece in pieces:
        yield decoder.decode(piece).encode(UTF_8, "surrogatepass")
    yield decoder.decode(b"", final=True).encode(UTF_8, "surrogatepass")
