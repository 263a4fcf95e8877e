"""Delivered text without some of its rows; every other byte stays as it is.

A row is taken out when a column says who it is about and it is one of those. What is relied on is what
``model.records`` counts by: CSV ends records at line ends outside of quotes, JSON is one object a line, and in XML
``</row>`` ends a record.
"""

from __future__ import annotations

import base64
import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Final, TypeVar
from xml.sax.saxutils import unescape

from footfall.errors import Damaged
from footfall.model.erasures import ID_COLUMNS, UID_COLUMNS, VISITOR_COLUMNS
from footfall.model.user_fields import JOIN_KEY

Named = Mapping[str, Set[str]]
_Key = TypeVar("_Key", int, str)
_PIECE_BYTES: Final = 1 << 20
_IDS: Final = frozenset((*ID_COLUMNS, *UID_COLUMNS, JOIN_KEY))
_VISITORS: Final = frozenset(VISITOR_COLUMNS) - _IDS
_REFERENCES: Final = {"&#13;": "\r", "&#10;": "\n", "&#9;": "\t", "&quot;": '"'}


class Sieve:
    """Takes rows out of the text of one file. removed: how many so far. joined: of CSV the join keys of these.

    format: ``csv``, ``json`` or ``xml``; others raise ``KeyError``. columns: of CSV, in order. header: CSV begins with
    their names. named: column -> what it says in rows that are to go; case does not matter for what has an ``@``. Which
    column decides: see ``tiers``.
    """

    def __init__(self, format: str, columns: Sequence[str], named: Named, *, header: bool = True) -> None:
        self.removed = 0
        self.joined: set[str] = set()
        self._named = {name: frozenset(map(folded, texts)) for name, texts in named.items()}
        self._tiers = tiers(self._named)
        ways: dict[str, Callable[[Iterable[bytes]], Iterator[tuple[bytes, bool]]]] = {
            "csv": self._csv, "json": self._json, "xml": self._xml
        }  # fmt: skip
        self._records = ways[format]
        known = {name: texts for name, texts in self._named.items() if name in columns}
        self._places = {columns.index(name): texts for name, texts in known.items()}
        placed = (frozenset(columns.index(name) for name in names) for names in tiers(known))
        self._first, self._ids, self._visitors = placed
        # Most rows are told apart by the bytes of a field, without reading them as text.
        self._bytes = {place: frozenset(map(str.encode, texts)) for place, texts in self._places.items()}
        self._join = columns.index(JOIN_KEY) if JOIN_KEY in columns else -1
        self._header = header

    def pieces(self, chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
        """Yield (rows, text) of what stays. Raises ``Damaged`` for text that ends within a row."""
        kept: list[bytes] = []
        rows = size = 0
        for text, is_row in self._records(chunks):
            kept.append(text)
            rows += is_row
            size += len(text)
            if size >= _PIECE_BYTES:
                yield rows, b"".join(kept)
                kept, rows, size = [], 0, 0
        if kept:
            yield rows, b"".join(kept)

    def holds(self, chunks: Iterable[bytes]) -> bool:
        """Whether any row would go."""
        for _ in self._records(chunks):
            if self.removed:
                return True
        return self.removed > 0

    # --- formats ---------------------------------------------------------------------------------

    def _csv(self, chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
        heading = self._header
        last = max(self._places, default=-1)
        last = max(last, self._join) if last >= 0 else last
        for record in _csv_records(chunks):
            if heading:
                heading = False
                yield record, False
                continue
            if last >= 0 and self._is_theirs(record, last):
                self.removed += 1
                continue
            yield record, True

    def _is_theirs(self, record: bytes, last: int) -> bool:
        if b'"' not in record and self._join < 0:
            plain = record[:-1].split(b",", last + 1)
            for place, texts in self._bytes.items():
                field = plain[place] if place < len(plain) else b""
                if field in texts or (b"@" in field and field.lower() in texts):
                    if place in self._first:
                        return True
                    break
                if b"&" in field or (b"@" in field and not field.isascii()):
                    break
            else:
                return False
        fields = next(csv.reader([record.decode("utf-8", "replace")], strict=False), [])
        theirs = _decided(
            (self._first, self._ids, self._visitors), self._places, lambda place: fields[place : place + 1]
        )
        if theirs and 0 <= self._join < len(fields):
            self.joined.add(fields[self._join])
        return theirs

    def _json(self, chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
        tokens = [
            (f"{json.dumps(name, ensure_ascii=False)}:".encode(), frozenset(map(str.encode, texts)))
            for name, texts in self._named.items()
        ]
        for line in _ended(chunks, b"\n"):
            if any(_may_say(line, token, texts) for token, texts in tokens) and self._is_theirs_json(line):
                self.removed += 1
                continue
            yield line, True

    def _is_theirs_json(self, line: bytes) -> bool:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Damaged(f"a line is no JSON: {error}", "Check the file with `footfall verify`") from error

        def said(name: str) -> Iterable[str]:
            value = row.get(name)
            return [each for each in (value if isinstance(value, list) else (value,)) if isinstance(each, str)]

        return _decided(self._tiers, self._named, said)

    def _xml(self, chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
        patterns = {name: _element(name) for name in self._named}
        for record in _ended(chunks, b"</row>\n", foot=True):
            begin = record.find(b"<row>")
            if begin < 0:
                yield record, False
                continue
            if begin:  # the head of the file
                yield record[:begin], False
                record = record[begin:]  # noqa: PLW2901 - without the head
            if self._is_theirs_xml(record, patterns):
                self.removed += 1
                continue
            yield record, True

    def _is_theirs_xml(self, record: bytes, patterns: Mapping[str, re.Pattern[bytes]]) -> bool:
        return _decided(self._tiers, self._named, lambda name: _values(patterns[name], record))


def tiers(named: Iterable[str]) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Of columns that say who a row is about: those that decide, of these the ids, and those that decide only of a row
    whose ids are all empty.

    A visitor may have become somebody else than the user who stands in the same row, so ids come first; where a file
    has none, visitors decide as everything else does.
    """
    names = frozenset(named)
    ids = names & _IDS
    visitors = names & _VISITORS if ids else frozenset()
    return names - visitors, ids, visitors


def _decided(
    which: tuple[Set[_Key], Set[_Key], Set[_Key]], named: Mapping[_Key, Set[str]], said: Callable[[_Key], Iterable[str]]
) -> bool:
    """Whether a row goes. which: as ``tiers`` has it. said: what a column says in that row."""
    first, ids, visitors = which
    if any(_says(text, named[key]) for key in first for text in said(key)):
        return True
    if not visitors or any(text for key in ids for text in said(key)):
        return False
    return any(_says(text, named[key]) for key in visitors for text in said(key))


def _may_say(line: bytes, token: bytes, texts: Set[bytes]) -> bool:
    """Whether a value behind ``token`` is one of the texts, or is written so that its bytes do not tell."""
    at = line.find(token)
    while at >= 0:
        begin = at + len(token)
        value = line[begin + 1 : line.find(b'"', begin + 1)]
        if line[begin : begin + 1] != b'"' or value in texts or b"\\" in value or b"@" in value or b"&" in value:
            return True
        at = line.find(token, begin)
    return False


def folded(text: str) -> str:
    """As texts are compared: an address in lower case."""
    return text.lower() if "@" in text else text


def _says(text: str, texts: Set[str]) -> bool:
    return folded(text) in texts or ("&" in text and any(folded(each) in texts for each in text.split("&")))


def _csv_records(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Whole records; a line end within quotes is part of one."""
    held = b""
    for line in _ended(chunks, b"\n", foot=True):
        held = held + line if held else line
        if held.count(b'"') % 2 == 0:
            yield held
            held = b""
    if held:
        raise Damaged("the last record has no end", "Check the file with `footfall verify`")


def _ended(chunks: Iterable[bytes], end: bytes, *, foot: bool = False) -> Iterator[bytes]:
    """The text cut after each ``end``. foot: what follows the last one is given too, else it is ``Damaged``."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + bytes(chunk)).split(end)
        for each in whole:
            yield each + end
    if rest:
        if not foot:
            raise Damaged("the last row has no end", "Check the file with `footfall verify`")
        yield rest


def _element(name: str) -> re.Pattern[bytes]:
    """Start of the element of a column that holds a text, see ``formats.xml_rows``."""
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name) is not None
    start = re.escape(f"<{name}" if plain else f'<field name="{name}"').encode()
    return re.compile(start + rb"( encoding=\"base64\")?>([^<]*)<")


def _values(pattern: re.Pattern[bytes], record: bytes) -> Iterator[str]:
    for encoded, text in pattern.findall(record):
        if encoded:
            yield base64.b64decode(text).decode("utf-8", "replace")
        else:
            yield unescape(text.decode("utf-8", "replace"), _REFERENCES)
