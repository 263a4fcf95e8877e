"""The measuring programs run: they are used seldom, and what they call changes under them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent


@pytest.mark.slow
@pytest.mark.parametrize("part", ["accept", "settle", "reports", "activity", "people", "audiences"])
def test_a_part_of_the_bench_runs_to_its_end(part):
    done = subprocess.run(
        [sys.executable, "-m", "bench", part],
        cwd=PROJECT,
        env={**os.environ, "SCALE": "0.0005"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "| what " in done.stdout
