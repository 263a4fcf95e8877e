"""Measure accept, settle, reports, growth, activity and imports on this machine, print one table, keep it in
``docs/bench.md``.

    python -m bench [PART ...]      parts: accept settle reports growth activity imports people audiences erase;
                                    all
    SCALE=0.01 python -m bench      a hundredth of 20 M events: a quick look, kept nowhere

Every part runs in a process of its own, so that its peak memory is its own. Figures are for comparing within one run on
one machine; the ratios among them are what is promised. Exit code 1 if a part failed.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

PARTS: Final = ("accept", "settle", "reports", "growth", "activity", "imports", "people", "audiences", "erase")
PART_TIMEOUT_S: Final = 3 * 3600
PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "bench.md"
MARK: Final = "<!-- the table below is written by `make bench` -->\n"


class Figure(NamedTuple):
    """One measured thing. note: what it was measured on, or what it is a ratio of."""

    name: str
    value: float
    unit: str
    note: str


def measure(part: str, scale: float) -> list[Figure]:
    """Run one part in its own process. Raises ``RuntimeError`` with what it said when it fails."""
    command = [sys.executable, "-m", "bench", "--child", part]
    env = {**os.environ, "SCALE": str(scale)}
    done = subprocess.run(command, stdout=subprocess.PIPE, env=env, timeout=PART_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{part} ended with exit code {done.returncode}")
    return [Figure(*row) for row in json.loads(done.stdout.splitlines()[-1])]


def machine(scale: float, now: datetime) -> str:
    """One line: when, on what, with which versions, at which size."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "deltalake", "pyarrow", "isal", "uvicorn"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{now:%Y-%m-%d %H:%M}Z, {os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {libraries}; scale {scale:g}"
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def amount(value: float) -> str:
    """A figure as people read it: thousands parted, and three digits that count."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table, aligned so that it reads well as plain text too."""
    rows = [("what", "value", "unit", "note"), *((f.name, amount(f.value), f.unit, f.note) for f in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        f"| {a.ljust(widths[0])} | {b.rjust(widths[1])} | {c.ljust(widths[2])} | {d.ljust(widths[3])} |"
        for a, b, c, d in rows
    ]
    ruler = f"|{'-' * (widths[0] + 2)}|{'-' * (widths[1] + 1)}:|{'-' * (widths[2] + 2)}|{'-' * (widths[3] + 2)}|"
    return "\n".join([lines[0], ruler, *lines[1:]])


def keep(text: str) -> None:
    """Replace what follows the mark in the page; what stands before it is written by people."""
    head = PAGE.read_text("utf-8").partition(MARK)[0]
    PAGE.write_text(f"{head}{MARK}\n{text}\n", "utf-8")


def main(arguments: Sequence[str]) -> int:
    scale = float(os.environ.get("SCALE", "1"))
    if arguments[:1] == ["--child"]:
        print(json.dumps(import_module(f"bench.{arguments[1]}").run(scale)))
        return 0
    parts = tuple(arguments) or PARTS
    if unknown := [part for part in parts if part not in PARTS]:
        print(f"bench: no part {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    figures: list[Figure] = []
    failed = []
    for part in parts:
        print(f"bench: {part} ...", file=sys.stderr, flush=True)
        try:
            figures += measure(part, scale)
        except (RuntimeError, subprocess.TimeoutExpired) as fault:
            failed.append(str(fault))
    text = f"{machine(scale, datetime.now(UTC))}\n\n{table(figures)}"
    print(text)
    for what in failed:
        print(f"bench: {what}", file=sys.stderr)
    if not failed and parts == PARTS and scale == 1:
        keep(text)
    return 1 if failed else 0


sys.exit(main(sys.argv[1:]))
