"""SQL text for building SQL text: literals, and chains of pieces in which neighbouring literals become one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_LITERAL: Final = re.compile(r"'(?:[^']|'')*'", re.DOTALL)


def literal(text: str) -> str:
    """``text`` as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def chained(pieces: Iterable[str]) -> str:
    """SQL that concatenates the pieces; NULL counts as nothing.

    A row of seventy columns of which sixty are constant costs what its ten others cost: every piece of a
    ``concat`` is paid per row, so literals are joined here.
    """
    merged: list[str] = []
    for piece in pieces:
        if piece == "NULL" or piece == "''":
            continue
        if merged and _LITERAL.fullmatch(piece) and _LITERAL.fullmatch(merged[-1]):
            merged[-1] = merged[-1][:-1] + piece[1:]
        else:
            merged.append(piece)
    return f"concat({', '.join(merged)})" if merged else "''"
