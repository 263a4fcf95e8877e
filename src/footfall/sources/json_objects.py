"""One JSON object as a row: what it says, its keys sorted, no space, or what is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
import re2

from footfall.errors import BadRecord
from footfall.ports import BodyRows
from footfall.sources.good_rows import good_rows
from footfall.sources.json_shapes import Shapes, values_of

_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_SPACED: Final = re.compile(rb"\}[ \t\r\n]")
_re2: Any = re2  # it has no types
# RE2 finds a fixed text in a fortieth of the time of Python's own search.
_quote_escaped: Final = _re2.compile(rb"\\u0022").search
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_DECODER: Final = msgspec.json.Decoder()


class Read(NamedTuple):
    """Objects that were read at once. bodies: see ``Row.body``. values: what ``json_shapes.values_of`` takes."""

    bodies: list[bytes]
    values: list[Any]


class Objects:
    """Makes bodies of objects. fields: the keys to keep, none means all."""

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = frozenset(fields)
        self._shapes = Shapes()

    def body(self, text: bytes) -> bytes:
        """Raises ``BadRecord``. Numbers keep their value: whole ones all their digits, others those of a double."""
        try:
            value = _DECODER.decode(text)
            body = _ENCODER.encode(value)
        except UnicodeDecodeError as error:
            raise BadRecord("bad_encoding", "The row is not UTF-8", "JSON is UTF-8; say so if it is not") from error
        except RecursionError as error:
            raise BadRecord("too_deep", "The row is nested too deeply") from error
        except (msgspec.DecodeError, msgspec.EncodeError, ValueError) as error:
            raise BadRecord(*_reason(text, error)) from error
        if not isinstance(value, dict):
            raise BadRecord("not_an_object", "The row is not a JSON object")
        if not _same_quotes(text, body) and (twice := _key_twice(text)) is not None:
            raise BadRecord("duplicate_field", f"The key {twice!r} is there twice in one object")
        return _ENCODER.encode(self._chosen(value)) if self._fields else body

    def lines(self, lines: bytes, number: int) -> Read | None:
        """So many lines of one object each; None when one of them needs a closer look.

        Only where every end of a line has ``}`` before and ``{`` after it is it outside of all objects, and then each
        line has one, if there are as many objects as lines.
        """
        ends = lines.count(b"}\n{") or lines.count(b"}\r\n{")
        if ends != number - 1 or not lines.startswith(b"{") or not lines.endswith((b"}\n", b"}\r\n")):
            return None
        return self._all(lines, False, number)

    def elements(self, text: bytes) -> Read | None:
        """Objects with commas between them; None when one of them needs a closer look.

        All of them are in one line, or each begins the line after that of the one before it: so it is where every
        end of a line follows a comma between two objects, and every such comma stands right behind its object.
        """
        feeds, commas = text.count(b"\n"), text.count(b"},")
        line_ends = text.count(b"},\n") + text.count(b"},\r\n")
        if feeds and (not feeds == commas == line_ends or _SPACED.search(text)):
            return None
        return self._all(b"[" + text + b"]", True, commas + 1 if feeds else None)

    def _all(self, text: bytes, in_array: bool, number: int | None) -> Read | None:
        """number: how many there have to be."""
        if not self._fields and (shaped := self._shapes.read(text, in_array)) is not None:
            return self._made(text, shaped, number)
        try:
            values = _DECODER.decode(text) if in_array else _DECODER.decode_lines(text)
        except (ValueError, RecursionError):  # msgspec's errors and those of Unicode are ValueErrors
            return None
        if set(map(type, values)) != {dict}:
            return None
        made = self._made(text, values, number)
        if made is not None and not self._fields:
            self._shapes.learn(values)
        return made

    def _made(self, text: bytes, values: list[Any], number: int | None) -> Read | None:
        if number is not None and len(values) != number:
            return None
        try:
            bodies = _ENCODER.encode_lines(values)
        except (ValueError, RecursionError):  # whole numbers of thousands of digits; more depth than there is stack
            return None
        if not _same_quotes(text, bodies):
            return None
        if self._fields:
            values = [self._chosen(value) for value in values]
            bodies = _ENCODER.encode_lines(values)
        return Read(bodies.split(b"\n")[:-1], values)

    def _chosen(self, value: dict[str, Any]) -> dict[str, Any]:
        return {key: value[key] for key in self._fields & value.keys()}


def read_rows(number: int, lines: Sequence[int], read: Read) -> BodyRows:
    """number: of the first row. lines: of each."""
    made = partial(good_rows, number, lines, read.bodies)
    return BodyRows(number, read.bodies, partial(values_of, read.values), made)


def _same_quotes(text: bytes, body: bytes) -> bool:
    """Whether no key is there twice: it would take its quotes with it. False may also mean quotes written as codes."""
    return text.count(b'"') == body.count(b'"') and _quote_escaped(text) is None


def _key_twice(text: bytes) -> str | None:
    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                found.append(key)
            seen.add(key)

    json.loads(text, object_pairs_hook=look, parse_int=str)
    return found[0] if found else None


def _reason(text: bytes, error: Exception) -> tuple[str, str]:
    if _SURROGATE.search(text):
        return "invalid_json", "The row is not valid JSON, or has half of a surrogate pair, which is no character"
    if "out of range" in str(error):
        return "number_out_of_range", "The row has a number that is too large"
    return "invalid_json", f"The row is not valid JSON: {str(error).removeprefix('JSON is malformed: ')}"
