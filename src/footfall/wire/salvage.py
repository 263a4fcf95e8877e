"""Split off the one event no reader can read, so that its neighbours are kept.

JSON that nests too deep, or that escapes half of a surrogate pair (a script cut a text in the middle of an emoji),
makes every reader fail on the whole body. Here the body is cut along its brackets, without reading the events.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from footfall.errors import BadRecord
from footfall.model.reading import EVENTS_MAX, Rejected

# A text without end is a token, too: else each quote in it would be tried as the beginning of one, up to the end.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{},:]', re.DOTALL)
_TOKENS_MAX: Final = 400_000
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_check = msgspec.json.Decoder(msgspec.Raw).decode


def worth_trying(body: bytes, error: Exception) -> bool:
    return isinstance(error, RecursionError) or _SURROGATE.search(body) is not None


def without_unreadable(body: bytes, array_field: str | None) -> tuple[bytes, list[Rejected]]:
    """``body`` with each unreadable event as ``null``, and why each of them is.

    array_field: the field of the top object that holds the events; empty: the body is the array; None: it is one event.
    Raises ``BadRecord`` (``malformed``, ``too_deep``) when that does not mend the body.
    """
    spans = [(0, len(body))] if array_field is None else _spans(body, array_field)
    parts: list[bytes] = []
    rejected: list[Rejected] = []
    kept_to = 0
    for index, (start, end) in enumerate(spans):
        reason = _unreadable(body[start:end])
        if reason is not None:
            rejected.append((index, *reason))
            parts += (body[kept_to:start], b"null")
            kept_to = end
    parts.append(body[kept_to:])
    return b"".join(parts), rejected


def _unreadable(text: bytes) -> tuple[str, str] | None:
    try:
        _check(text)
    except RecursionError:
        return "too_deep", "The event nests too deep"
    except msgspec.DecodeError as error:
        try:
            _check(_SURROGATE.sub(b"....", text))
        except (RecursionError, msgspec.DecodeError):
            raise BadRecord("malformed", f"The body is not JSON: {error}") from error
        return "bad_text", "A text of the event escapes half of a surrogate pair"
    return None


def _spans(body: bytes, array_field: str) -> list[tuple[int, int]]:
    """Where each element of the array of events begins and ends."""
    wanted = b'"' + array_field.encode() + b'"' if array_field else None
    spans: list[tuple[int, int]] = []
    depth, inside, begin = 0, -1, 0
    key = last = b""
    for count, match in enumerate(_TOKEN.finditer(body)):
        if count > _TOKENS_MAX:
            raise BadRecord("too_deep", "The body nests too deep or is too long to be searched for what is wrong in it")
        token = match.group()
        if token in (b"{", b"["):
            depth += 1
            if inside < 0 and token == b"[" and ((wanted is None and depth == 1) or (key == wanted and depth == 2)):
                inside, begin = depth, match.end()
        elif token in (b"}", b"]"):
            if depth == inside:
                if spans or body[begin : match.start()].strip():
                    spans.append((begin, match.start()))
                return spans
            depth -= 1
        elif token == b"," and depth == inside:
            spans.append((begin, match.start()))
            begin = match.end()
            if len(spans) > EVENTS_MAX:
                break
        elif token == b":" and depth == 1:
            key = last
        last = token
    raise BadRecord("malformed", "The body is not JSON: its brackets do not match")
