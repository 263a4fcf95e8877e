"""Cursors: where the next page of a list begins, in a form that nobody should read."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query

from footfall.web.api.problems import Answered

Cursor = Annotated[str, Query(max_length=1_000, description="`next` of the page before; empty for the first page.")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]


def cursor(*values: str | int) -> str:
    """The cursor for what comes after the item with these values."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def values(text: str, kinds: Sequence[type]) -> list[Any] | None:
    """What ``cursor`` was given; None for the first page. Raises 400 for what it never made."""
    if not text:
        return None
    try:
        found = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        json.dumps(found, ensure_ascii=False).encode()  # half a character is no text that anything here has
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or [type(each) for each in found] != list(kinds) or not all(map(_fits, found)):
        raise Answered(400, "The cursor is not one of ours", "Begin at the first page, without cursor")
    return found


def _fits(value: str | int) -> bool:
    """Whether the store can compare with it."""
    return isinstance(value, str) or -(1 << 63) <= value < 1 << 63
