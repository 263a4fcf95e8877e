"""Imports: how files are read.

Source: Lytics CSV and JSON import (docs/guide/imports.md).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How the bytes of a file are read.

    delimiter: one character; ``t`` is a tab, empty lets the reader find it. encoding: empty lets the reader find it.
    header: the first row has the names. fields: those to keep, none means all. thousands: ``10,000`` is the number
    10000 (Gainsight PX prints it so; JSON has no such number).
    """

    delimiter: str = ","
    encoding: str = ""
    header: bool = True
    fields: tuple[str, ...] = ()
    thousands: bool = False
