"""The same day to all reports at 1 M, 10 M and 100 M events: what an event costs as days grow.

Bounded: a size whose files would take more than half of the free disk is left out and said so, days are made one after
the other and removed, and making and counting keep to the memory limits of their own.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

from bench import reports

SIZES: Final = (1_000_000, 10_000_000, 100_000_000)
BYTES_PER_EVENT: Final = 150  # lake, text for the peer, spill and output together, rounded up


def run(scale: float) -> list[tuple[str, float, str, str]]:
    """Rows of (name, value, unit, note). The last compares an event's cost at the largest size and the smallest."""
    rows: list[tuple[str, float, str, str]] = []
    costs: list[float] = []
    for size in SIZES:
        events = max(2_000, int(size * scale))
        with tempfile.TemporaryDirectory(prefix="footfall-bench-") as folder:
            free = shutil.disk_usage(folder).free
            if events * BYTES_PER_EVENT > free // 2:
                rows.append((f"reports of {events:,} events", 0.0, "s", f"left out: {free / 1e9:.0f} GB of disk free"))
                continue
            reports.make(Path(folder) / "day", events)
            day = reports.measured("ours", Path(folder) / "day", events)
        costs.append(day["wall_s"] / events * 1e6)
        note = f"{costs[-1]:.3g} µs an event, {day['rss_mb']:.0f} MB, {day['rows']:,} rows"
        rows.append((f"reports of {events:,} events", day["wall_s"], "s", note))
    if len(costs) > 1:
        rows.append(
            ("cost of an event, largest to smallest day", costs[-1] / costs[0], "x", "target: flat, 0.85 to 1.15")
        )
    return rows
