"""What rules ask of texts, found the slow way."""

from __future__ import annotations

import json

from footfall.model.people import canonical_json


def items_of(text: str) -> list[str] | str:
    """The items of a text that is a JSON list; else the text."""
    try:
        items = json.loads(text) if text.lstrip(" ").startswith("[") else None
    except ValueError:
        items = None
    if items is None:
        return text
    return [each if isinstance(each, str) else canonical_json(each) for each in items]


def like(text: str, pattern: str) -> bool:
    head, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    if not text.startswith(head):
        return False
    place = len(head)
    for piece in rest[:-1]:
        found = text.find(piece, place)
        if found < 0:
            return False
        place = found + len(piece)
    return len(text) - place >= len(rest[-1]) and text.endswith(rest[-1])
