"""What a command shows: tables, progress and results, for a person or for a program.

A person at a terminal gets colour and a moving bar; a pipe gets plain lines; ``--json`` gets exactly one JSON value on
standard output. Progress and remarks go to standard error, results to standard output. NO_COLOR is respected by rich.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from footfall.ports import Progress


class Exit(IntEnum):
    """Exit codes, the same for every command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    NOTHING_TO_DO = 4
    CHANGES_PENDING = 5


def _amount(value: float, unit: str) -> str:
    if unit == "bytes":
        for suffix in ("B", "kB", "MB", "GB"):
            if value < 1000 or suffix == "GB":
                return f"{value:,.0f} {suffix}" if suffix == "B" else f"{value:,.1f} {suffix}"
            value /= 1000
    return f"{value:,.0f} {unit}"


def describe(step: str, done: int, total: int | None, unit: str, elapsed_s: float) -> str:
    """One line on how far a step has come: what is done, at which rate, how long it will still take."""
    rate = done / elapsed_s if elapsed_s > 0 else 0.0
    text = f"{step}: {_amount(done, unit)}"
    if total is not None and total > 0:
        text += f" of {_amount(total, unit)}"
    if rate > 0:
        text += f", {_amount(rate, unit)}/s"
        if total is not None and total > done:
            text += f", {(total - done) / rate:,.0f} s left"
    return text


@dataclass
class _Lines:
    """Progress for a pipe or a log: a line per step every few seconds, and one at its end."""

    every_s: float = 5.0
    _steps: dict[str, tuple[float, float]] = field(default_factory=dict)

    def __call__(self, step: str, done: int, total: int | None, unit: str) -> None:
        now = time.monotonic()
        began, said = self._steps.setdefault(step, (now, now))
        if now - said >= self.every_s or (total is not None and done >= total and done > 0 and now - began >= 1):
            print(describe(step, done, total, unit, now - began), file=sys.stderr, flush=True)
            self._steps[step] = (began, now)


class Screen:
    """Where a command's words go. as_json: only the result, as JSON. quiet: only the result."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet

    def say(self, text: str) -> None:
        """A remark on the way; not part of the result."""
        if not (self.as_json or self.quiet):
            print(text, file=sys.stderr, flush=True)

    def warn(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def result(self, value: Any, text: str | None = None) -> None:
        """The outcome: ``value`` as JSON, or ``text`` for people."""
        if self.as_json:
            print(json.dumps(value, ensure_ascii=False, default=str))
        elif text is not None:
            print(text)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "") -> None:
        """Rows under headings; a JSON list of objects under ``--json``. Numbers stand to the right."""
        if self.as_json:
            print(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], ensure_ascii=False, default=str))
            return
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold")
        for i, column in enumerate(columns):
            number = bool(rows) and all(isinstance(row[i], int | float) for row in rows)
            table.add_column(column, justify="right" if number else "left", overflow="fold")
        for row in rows:
            table.add_row(*(escape(f"{v:,}" if isinstance(v, int) else str(v)) for v in row))
        console = Console()
        if not console.is_terminal:
            console = Console(width=200)
        if title:
            console.print(f"\n{title}")  # of a table it would be broken at the table's width
        console.print(table)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """A ``Progress`` to hand to long work: a bar on a terminal, lines in a pipe, nothing when quiet."""
        if self.as_json or self.quiet:
            yield lambda step, done, total, unit: None
            return
        if not sys.stderr.isatty():
            yield _Lines()
            return
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        began: dict[str, float] = {}
        tasks: dict[str, Any] = {}
        shown = TextColumn("{task.fields[said]}")
        with Bars(shown, BarColumn(bar_width=24), TimeElapsedColumn(), console=Console(stderr=True)) as bars:

            def told(step: str, done: int, total: int | None, unit: str) -> None:
                now = time.monotonic()
                start = began.setdefault(step, now)
                said = describe(step, done, total, unit, now - start)
                if step not in tasks:
                    tasks[step] = bars.add_task(step, total=total, said=said)
                bars.update(tasks[step], completed=done, total=total, said=said)

            yield told
