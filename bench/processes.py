"""What a process of its own took, as the kernel says."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from typing import NamedTuple


class Spent(NamedTuple):
    """What a process took. cpu_s: with its own children; rss_mb: the peak."""

    wall_s: float
    cpu_s: float
    rss_mb: float


def measured(command: list[str], env: Mapping[str, str] | None = None) -> Spent:
    """Run a command to its end. Raises ``RuntimeError`` when it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **(env or {})})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} ended with exit code {process.returncode}")
    return Spent(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
